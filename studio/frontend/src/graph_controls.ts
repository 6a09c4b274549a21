/** What stands around the drawing: its frame, the bar above it, the zoom in its corner. */
import type { ViewModel } from "./viewmodel";
import { hatch } from "./draw";
import { h } from "./dom";

export interface Bar {
  readonly root: HTMLElement;
  readonly origin: HTMLElement;
  readonly focus: HTMLElement;
  show_outline(on: boolean): void;
}

/** The buttons above the drawing. */
export function control_bar(act: { leave_origin(): void; focus(): void; outline(on: boolean): void }): Bar {
  const origin = h("button.btn", { type: "button", hidden: true, "aria-pressed": "true", onclick: () => act.leave_origin() }, "Origin ", h("kbd", null, "Esc"));
  const focus = h("button.btn.w-lg", { type: "button", "aria-pressed": "false", title: "Fade what did not lead to the selection", onclick: () => act.focus() }, "Focus ", h("kbd", null, "F"));
  const graph = h("button", { type: "button", "aria-pressed": "true", onclick: () => act.outline(false) }, "Graph");
  const outline = h("button", { type: "button", "aria-pressed": "false", onclick: () => act.outline(true) }, "Outline");
  return {
    root: h("div.gbar", null, origin, focus, h("div.seg", null, graph, outline)), origin, focus,
    show_outline(on) {
      graph.setAttribute("aria-pressed", String(!on));
      outline.setAttribute("aria-pressed", String(on));
    },
  };
}

/** Zoom by hand. @param text says how far it is zoomed */
export function zoom_buttons(text: HTMLElement, act: { zoom(by: number): void; fit(): void }): HTMLElement {
  const button = (label: string, sign: string, press: () => void) => h("button", { type: "button", "aria-label": label, title: label, onclick: press }, sign);
  return h("div.zoom", null, button("Zoom out", "−", () => act.zoom(1 / 1.15)), text, button("Zoom in", "+", () => act.zoom(1.15)), button("Show all of it", "Fit", () => act.fit()));
}

/** An empty drawing with its layers. */
export function frame(vm: ViewModel): { root: HTMLElement; svg: SVGSVGElement } {
  const root = h("section.graph", { "aria-label": `Graph of ${vm.data.name}. Arrow keys follow edges.` });
  const holder = document.createElement("template");
  holder.innerHTML = `<svg class="draw" role="group" aria-label="Tasks" data-detail="3">${hatch()}<g class="scene"><g class="groups"></g><g class="edges"></g><g class="marks"></g><g class="nodes"></g><g class="tips"></g><g class="routes"></g></g></svg>`;
  const svg = holder.content.firstElementChild as SVGSVGElement;
  root.append(svg, h("div.olist"));
  return { root, svg };
}
