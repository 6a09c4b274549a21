/** Boxes and lines in the page: only those near the window, each touched only when it changes. */
import type { ViewModel } from "./viewmodel";
import { draw_box, draw_edge, draw_face, type Detail, type Taken } from "./draw";
import { face_of } from "./faces";
import { FAN_HEIGHT, type Box, type Layout } from "./layout";
import { touches, type Window } from "./walk";

interface Mounted { box: Box; element: SVGGElement; markup: string }

export class Mounting {
  readonly boxes = new Map<string, Mounted>();
  private readonly edges: ({ element: SVGGElement; taken: boolean } | null)[] = [];
  /** Boxes whose markup is made but not yet in the page. */
  private readonly pending = new Map<string, { box: Box; markup: string }>();

  constructor(private readonly layer: Record<"groups" | "edges" | "nodes", SVGGElement>, private readonly vm: ViewModel) {}

  clear(map: Layout): void {
    for (const name of ["groups", "edges", "nodes"] as const) this.layer[name].replaceChildren();
    this.boxes.clear();
    this.edges.length = 0;
    this.edges.length = map.edges.length;
    this.edges.fill(null);
  }

  /** Puts what is near the window into the page and takes the rest out, `active` excepted. */
  near(map: Layout, taken: Taken, window: Window, detail: Detail, active: string): void {
    const fresh: Record<"groups" | "nodes", string[]> = { groups: [], nodes: [] };
    for (const box of map.boxes) {
      const near = box.x < window.x1 && box.x + box.w > window.x0 && box.y < window.y1 && box.y + box.h > window.y0;
      const there = this.boxes.get(box.id);
      if ((near || box.id === active) && !there) fresh[is_group(box) ? "groups" : "nodes"].push(this.markup(box, detail));
      else if (!near && there && box.id !== active) {
        there.element.remove();
        this.boxes.delete(box.id);
      }
    }
    for (const name of ["groups", "nodes"] as const) if (fresh[name].length) this.adopt(this.layer[name], fresh[name].join(""), active);
    this.near_edges(map, taken, window);
  }

  private near_edges(map: Layout, taken: Taken, window: Window): void {
    let lines = "";
    map.edges.forEach((edge, i) => {
      const near = edge.points.length > 0 && touches(edge.points, window);
      const there = this.edges[i];
      if (near && !there) lines += draw_edge(edge, taken.edge(edge), i);
      else if (!near && there) {
        there.element.remove();
        this.edges[i] = null;
      }
    });
    if (!lines) return;
    const layer = this.layer.edges;
    const from = layer.childElementCount;
    layer.insertAdjacentHTML("beforeend", lines);
    for (let i = from; i < layer.childElementCount; i++) {
      const element = layer.children[i] as SVGGElement;
      this.edges[Number(element.dataset.e)] = { element, taken: !element.classList.contains("not") };
    }
  }

  private markup(box: Box, detail: Detail): string {
    const face = face_of(this.vm, box);
    this.pending.set(box.id, { box, markup: face.st + face.label + draw_face(box, face, detail) });
    return draw_box(box, face, detail, true);
  }

  private adopt(layer: SVGGElement, markup: string, active: string): void {
    const from = layer.childElementCount;
    layer.insertAdjacentHTML("beforeend", markup);
    for (let i = from; i < layer.childElementCount; i++) {
      const element = layer.children[i] as SVGGElement;
      const id = element.dataset.id!;
      this.boxes.set(id, { ...this.pending.get(id)!, element });
      this.pending.delete(id);
      if (id === active) element.setAttribute("tabindex", "0");
    }
  }

  /** Brings what is in the page up to the model. */
  refresh(map: Layout, taken: Taken, detail: Detail): void {
    for (const mounted of this.boxes.values()) this.refresh_box(mounted, detail);
    map.edges.forEach((edge, i) => {
      const there = this.edges[i];
      if (!there) return;
      const is_taken = taken.edge(edge);
      if (is_taken === there.taken) return;
      there.taken = is_taken;
      there.element.classList.toggle("not", !is_taken);
    });
  }

  private refresh_box(mounted: Mounted, detail: Detail): void {
    const { box, element } = mounted;
    const face = face_of(this.vm, box);
    const inside = draw_face(box, face, detail);
    const markup = face.st + face.label + inside;
    if (markup === mounted.markup) return;
    mounted.markup = markup;
    element.innerHTML = inside;
    element.dataset.st = face.st;
    element.setAttribute("aria-label", face.label);
  }
}

function is_group(box: Box): boolean {
  return box.shape === "loop" || box.shape === "sub" || (box.shape === "fan" && box.h > FAN_HEIGHT);
}
