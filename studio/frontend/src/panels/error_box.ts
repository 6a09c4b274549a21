/** What a task raised: type, message, who, and the frames of user code. */
import type { Frame } from "../protocol";
import { h } from "../dom";

/** Type and message with a quiet line below. */
export function error_box(type: string, message: string, meta: string, more: Node | null): HTMLElement {
  return h("div.ierr", null,
    h("p.msg", null, h("b", null, type), type && message ? " " : null, h("span", null, message)),
    meta || more ? h("p.meta", null, meta, more ? " " : null, more) : null);
}

/** The innermost frame with its source; the others behind a button. */
export function frames_box(frames: readonly Frame[]): HTMLElement | null {
  const innermost = frames[frames.length - 1];
  if (!innermost) return null;
  const others = h("div.iframes", { hidden: true }, ...frames.slice(0, -1).reverse().map((frame) => figure(frame, null)));
  const count = frames.length - 1;
  const toggle = count ? h("button.link", {
    type: "button", "aria-expanded": "false",
    onclick: () => {
      others.hidden = !others.hidden;
      toggle!.setAttribute("aria-expanded", String(!others.hidden));
      toggle!.textContent = others.hidden ? more_frames(count) : "Fewer frames";
    },
  }, more_frames(count)) : null;
  return h("div", null, figure(innermost, toggle), others);
}

function more_frames(count: number): string {
  return `${count} more frame${count === 1 ? "" : "s"}`;
}

function figure(frame: Frame, aux: Node | null): HTMLElement {
  const place = `${frame.file}:${frame.line} in ${frame.function}`;
  const source = frame.source ?? [];
  return h("figure.iframe", null,
    h("figcaption", null, h("span.mono.cut", { title: place }, place), aux),
    source.length ? h("pre", { tabindex: 0, "aria-label": `Source of ${frame.function}` }, ...source.map((line) => source_line(line, frame.line))) : null);
}

function source_line([line, text]: [number, string], failing: number): HTMLElement {
  return h(`span${line === failing ? ".hit" : ""}`, null, h("b", null, line), text || " ");
}
