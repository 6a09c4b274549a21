// @ts-check
/** Rows of a table that keep their place while data changes, and are walked by keyboard: J and K or
 *  the arrows move, Enter opens, / goes to the search. */
import { el } from "./ui.js";

/** @typedef {{id: string, key: string, cells: () => Element[]}} Row `key` changes when it must be drawn anew. */

/** @param {HTMLElement} body the table's body @param {HTMLInputElement} input the search
 *  @param {(row: HTMLElement) => void} open what Enter and a click do */
export function rowKeys(body, input, open) {
  /** @type {Map<string, {row: HTMLElement, key: string}>} */ const drawn = new Map();
  let chosen = "";

  /** @param {string} id @param {boolean} focus */
  function choose(id, focus) {
    chosen = id;
    for (const [one, { row }] of drawn) { row.tabIndex = one === id ? 0 : -1; row.classList.toggle("on", one === id); }
    if (focus) drawn.get(id)?.row.focus();
  }
  /** @param {Row[]} rows in order */
  function draw(rows) {
    const ids = new Set(rows.map((row) => row.id));
    for (const [id, { row }] of drawn) if (!ids.has(id)) { row.remove(); drawn.delete(id); }
    rows.forEach(({ id, key, cells }, at) => {
      let one = drawn.get(id);
      if (!one) {
        const row = el("tr", { "data-id": id, tabindex: -1, focus: () => choose(id, false),
          click: (/** @type {MouseEvent} */ event) => { if (!(/** @type {Element} */ (event.target).closest("a")) && !getSelection()?.toString()) { choose(id, false); open(row); } } });
        drawn.set(id, one = { row, key: "" });
      }
      if (one.key !== key) { one.row.replaceChildren(...cells()); one.key = key; }
      if (body.children[at] !== one.row) body.insertBefore(one.row, body.children[at] ?? null);
    });
    if (!drawn.has(chosen)) chosen = "";
    const first = drawn.get(chosen)?.row ?? /** @type {HTMLElement | null} */ (body.firstElementChild);
    if (first) first.tabIndex = 0;
  }
  /** @param {KeyboardEvent} event */
  function key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = /** @type {HTMLElement} */ (event.composedPath()[0]);
    if (target.matches("input, select, textarea, dialog *")) { if (event.key === "Escape" && target === input) input.blur(); return; }
    const rows = /** @type {HTMLElement[]} */ ([...body.children]), at = rows.findIndex((row) => row.dataset.id === chosen);
    if (event.key === "/") { input.focus(); input.select(); }
    else if (rows.length && (event.key === "j" || (event.key === "ArrowDown" && at >= 0))) choose(rows[Math.min(at + 1, rows.length - 1)].dataset.id ?? "", true);
    else if (rows.length && (event.key === "k" || (event.key === "ArrowUp" && at >= 0))) choose(rows[Math.max(at - 1, 0)].dataset.id ?? "", true);
    else if (event.key === "Enter" && target.closest("tr")) open(/** @type {HTMLElement} */ (target.closest("tr")));
    else return;
    event.preventDefault();
  }
  document.addEventListener("keydown", key);
  return { draw, choose, stop: () => document.removeEventListener("keydown", key) };
}
