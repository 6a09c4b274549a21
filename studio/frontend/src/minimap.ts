/** All of the drawing in a corner, with the window that is seen. */
import type { ViewModel } from "./viewmodel";
import type { Box, Layout } from "./layout";
import type { View } from "./viewport";
import { face_of } from "./faces";

const WIDTH = 150;
const HEIGHT = 102;
/** Fewer boxes that all fit need no map. */
const FROM_BOXES = 40;
/** More boxes than this are drawn as one shade each ten px. */
const MOST = 1500;

export class Minimap {
  readonly element: SVGSVGElement;
  private frame: SVGRectElement | null = null;
  private extent = { x: 0, y: 0, w: 1, h: 1 };
  /** A very tall drawing would be a line: it is drawn wider than it is. */
  private stretched = false;
  private rects: { box: Box; element: Element }[] = [];

  constructor(go: (x: number, y: number) => void) {
    const holder = document.createElement("template");
    holder.innerHTML = `<svg class="map" width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="Map of the whole graph"></svg>`;
    this.element = holder.content.firstElementChild as SVGSVGElement;
    const jump = (event: PointerEvent): void => {
      const at = this.element.getBoundingClientRect();
      const scale = { x: this.extent.w / at.width, y: this.extent.h / at.height };
      if (!this.stretched) scale.x = scale.y = Math.max(scale.x, scale.y);
      go(this.extent.x + this.extent.w / 2 + (event.clientX - at.left - at.width / 2) * scale.x, this.extent.y + this.extent.h / 2 + (event.clientY - at.top - at.height / 2) * scale.y);
    };
    this.element.addEventListener("pointerdown", (event) => {
      this.element.setPointerCapture(event.pointerId);
      jump(event);
    });
    this.element.addEventListener("pointermove", (event) => {
      if (event.buttons) jump(event);
    });
  }

  structure(map: Layout, vm: ViewModel): void {
    this.extent = { x: map.x - 20, y: map.y - 12, w: map.w + 40, h: map.h + 24 };
    const { x, y, w, h } = this.extent;
    this.element.setAttribute("viewBox", `${x} ${y} ${w} ${h}`);
    this.stretched = h / w > 2.5;
    this.element.setAttribute("preserveAspectRatio", this.stretched ? "none" : "xMidYMid");
    const boxes = map.boxes.filter((b) => b.shape !== "fork" && b.shape !== "join").slice(0, MOST);
    this.element.innerHTML = `${boxes.map(rect_of).join("")}<rect class="seen"/>`;
    this.rects = boxes.map((box, i) => ({ box, element: this.element.children[i]! }));
    this.frame = this.element.lastElementChild as SVGRectElement;
    this.states(map, vm);
  }

  states(_map: Layout, vm: ViewModel): void {
    if (this.element.style.display === "none") return;
    for (const { box, element } of this.rects) {
      const st = vm.plan ? face_of(vm, box).st : vm.family(box.shape === "member" ? box.id : vm.drawn(box.id));
      if (element.getAttribute("data-st") !== st) element.setAttribute("data-st", st);
    }
  }

  view({ k, x, y }: View, size: { w: number; h: number }): void {
    if (!this.frame || !k) return;
    const e = this.extent;
    const left = Math.max(-x / k, e.x);
    const top = Math.max(-y / k, e.y);
    const right = Math.min((size.w - x) / k, e.x + e.w);
    const bottom = Math.min((size.h - y) / k, e.y + e.h);
    const values = { x: left, y: top, width: Math.max(0, right - left), height: Math.max(0, bottom - top) };
    for (const [name, value] of Object.entries(values)) this.frame.setAttribute(name, String(value));
  }

  /** Shown for many boxes, or when the drawing does not fit and there is room for a map. */
  room(w: number, h: number, map: Layout): void {
    const wanted = w >= 640 && h >= 380 && (map.boxes.length >= FROM_BOXES || map.h > h || map.w > w * 0.9);
    this.element.style.display = wanted ? "" : "none";
  }
}

function rect_of(box: Box): string {
  const group = box.shape === "loop" || box.shape === "sub" ? " class=\"grp\"" : "";
  return `<rect${group} x="${box.x}" y="${box.y}" width="${box.w}" height="${box.h}" rx="6"/>`;
}
