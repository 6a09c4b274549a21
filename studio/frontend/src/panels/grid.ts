/** What the lists under the graph share: a filter field and the keys of a grid. */
import { h } from "../dom";

/** A field that filters while one types, a moment after the last key. */
export function filter_box(hint: string, changed: (text: string) => void): { box: HTMLElement; field: HTMLInputElement } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const field = h<HTMLInputElement>("input.xfilter", { type: "search", placeholder: hint, "aria-label": hint, spellcheck: "false" });
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => changed(field.value), 120);
  });
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !field.value) return;
    event.stopPropagation();
    field.value = "";
    changed("");
  });
  return { box: h("div.xbar", null, field), field };
}

export interface GridRows { at(): number; count(): number; go(index: number): void }

/** Arrow keys, Page and ends move the current row of a grid. */
export function grid_keys(grid: HTMLElement, rows: GridRows): void {
  grid.addEventListener("keydown", (event) => {
    if (event.target !== grid || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const last = rows.count() - 1, at = rows.at();
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + 10, PageUp: at - 10, Home: 0, End: last }[event.key];
    if (to === undefined || last < 0) return;
    event.preventDefault();
    event.stopPropagation();
    rows.go(Math.max(0, Math.min(last, to)));
  });
}
