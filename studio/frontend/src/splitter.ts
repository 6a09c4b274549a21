/** A line between two parts that can be dragged or moved with the arrow keys; its place is kept. */
import { h } from "./dom";
import { read, write } from "./legend";

interface Options {
  /** `col`: sets the width of what is right of it; `row`: the height of what is below. */
  axis: "col" | "row";
  label: string;
  property: "--side" | "--bottom";
  least: number;
  /** Share of the whole that is the most it may take. */
  most: number;
}

export function splitter(view: HTMLElement, whole: HTMLElement, part: HTMLElement, options: Options): HTMLElement {
  const key = `studio-split${options.property}`;
  const kept = Number(read(key));
  const set = (size: number): void => {
    const room = options.axis === "col" ? whole.clientWidth : whole.clientHeight;
    const to = Math.round(Math.max(options.least, Math.min(room * options.most, size)));
    view.style.setProperty(options.property, `${to}px`);
    element.setAttribute("aria-valuenow", String(to));
    write(key, String(to));
  };
  const size = (): number => (options.axis === "col" ? part.clientWidth : part.clientHeight);
  const element = h(`div.split.${options.axis}`, {
    role: "separator", tabindex: 0, "aria-label": options.label, "aria-orientation": options.axis === "col" ? "vertical" : "horizontal", "aria-valuemin": options.least,
  });
  if (kept >= options.least) view.style.setProperty(options.property, `${kept}px`);
  element.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    element.setPointerCapture(event.pointerId);
    const from = options.axis === "col" ? event.clientX : event.clientY;
    const before = size();
    const move = (e: PointerEvent): void => set(before + from - (options.axis === "col" ? e.clientX : e.clientY));
    element.addEventListener("pointermove", move);
    element.addEventListener("pointerup", () => element.removeEventListener("pointermove", move), { once: true });
  });
  element.addEventListener("dblclick", () => {
    view.style.removeProperty(options.property);
    write(key, "");
  });
  element.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: 24, ArrowUp: 24, ArrowRight: -24, ArrowDown: -24 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    set(size() + by);
  });
  return element;
}
