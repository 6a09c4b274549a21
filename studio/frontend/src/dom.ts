/** Small ways to make elements. Text always goes in as text. */
import { glyph, type GlyphName } from "./glyphs";

type Child = Node | string | number | null | undefined | false;
type Attributes = Record<string, string | number | boolean | null | undefined | ((event: any) => void)>;

/** `h("button.btn.small", { title: "…", onclick: go }, "Go")`. `false` and null leave an attribute out. */
export function h<E extends HTMLElement = HTMLElement>(tag: string, attributes?: Attributes | null, ...children: Child[]): E {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name || "div");
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === false || value === null || value === undefined) continue;
    if (typeof value === "function") element.addEventListener(key.slice(2), value);
    else if (key === "class") element.className = [element.className, String(value)].filter(Boolean).join(" ");
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  add(element, children);
  return element as unknown as E;
}
function add(element: Element, children: Child[]): void {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

/** A glyph as an element. */
export function icon(name: GlyphName, classes = ""): SVGElement {
  const holder = document.createElement("template");
  holder.innerHTML = glyph(name, classes);
  return holder.content.firstElementChild as SVGElement;
}

/** Replaces all children. */
export function fill(element: Element, ...children: Child[]): void {
  element.replaceChildren();
  add(element, children);
}

/** Calls `work` at most once per frame, with the newest state. */
export function per_frame(work: () => void): () => void {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      work();
    });
  };
}

/** Whether a key press belongs to a field a person types in. */
export function is_typing(event: KeyboardEvent): boolean {
  const target = event.composedPath()[0] as HTMLElement | undefined;
  return !!target?.closest?.("input, textarea, select, [contenteditable]");
}
