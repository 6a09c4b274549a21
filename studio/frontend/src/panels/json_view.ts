/** A JSON value as a tree that folds. Values are shown by their look; each can be copied. */
import { fill, h } from "../dom";
import { copy_button, focused } from "./interaction";
import { type Folding, type JsonRow, is_masked, json_rows, value_line } from "./json_value";

/** Text longer than this is cut, with a button to see all of it. */
const LONG_TEXT = 160;
const PAGE = 100;

export interface JsonViewOptions {
  label: string;
  open_depth?: number;
  /** Whether a leaf can tell where it came from, and what to do when asked. */
  has_origin?(path: string): boolean;
  show_origin?(path: string): void;
  /** A leaf to mark, with a word for it. */
  mark?: { path: string; note: string } | null;
}

export class JsonView {
  readonly element: HTMLElement;
  private readonly toggled = new Set<string>();
  private readonly shown = new Map<string, number>();
  private readonly full = new Set<string>();
  private rows: JsonRow[] = [];
  /** Path of the row the keyboard is on. */
  active = "";

  constructor(private value: unknown, private options: JsonViewOptions) {
    this.element = h("ul.jtree", { role: "tree", "aria-label": options.label });
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.draw();
  }

  /** Show another value; folding of equal paths stays. */
  update(value: unknown, options: JsonViewOptions): void {
    this.value = value;
    this.options = options;
    this.draw();
  }

  private draw(): void {
    const folding: Folding = { toggled: this.toggled, open_depth: this.options.open_depth ?? 2, page: PAGE, shown: this.shown };
    this.rows = json_rows(this.value, folding);
    if (!this.rows.some((row) => row.path === this.active)) this.active = this.options.mark?.path ?? this.rows[0]?.path ?? "";
    const had_focus = this.element.contains(focused(this.element));
    if (this.rows.length === 0) fill(this.element, h("li.jempty", { role: "treeitem" }, Array.isArray(this.value) ? "[ ] empty" : "{ } empty"));
    else fill(this.element, ...this.rows.map((row) => this.item(row)));
    if (had_focus) this.focus_active();
  }

  private item(row: JsonRow): HTMLElement {
    if (row.more) return this.more(row);
    const mark = this.options.mark?.path === row.path ? this.options.mark : null;
    const classes = [`li.k-${row.kind}`, mark ? "mark" : "", row.depth ? "deep" : ""].filter(Boolean).join(".");
    const item = h(classes, {
      role: "treeitem", "aria-level": row.depth + 1, "aria-expanded": row.open === null ? null : String(row.open),
      "aria-selected": mark ? "true" : null, tabindex: row.path === this.active ? 0 : -1, style: `--d:${row.depth}`, "data-path": row.path, "data-f": `${this.options.label} ${row.path}`,
      onfocus: () => { this.active = row.path; },
      onclick: (event: MouseEvent) => this.clicked(row, event),
    },
    row.key !== "" || row.depth ? h("span.k.cut", { title: row.key }, this.twist(row), row.key) : null,
    this.value_of(row), this.aux(row, mark?.note));
    return item;
  }

  private twist(row: JsonRow): HTMLElement | null {
    return row.open === null ? null : h("span.tw", { "aria-hidden": "true" }, row.open ? "▾" : "▸");
  }

  private value_of(row: JsonRow): HTMLElement {
    if (is_masked(row.value)) return h("span.v.t3", null, "••••••••");
    if (row.kind !== "string") return h(`span.v.cut${row.open === null ? "" : ".t3"}`, null, value_line(row.value));
    const text = row.value as string;
    if (text.length <= LONG_TEXT && !text.includes("\n")) return h("span.v.cut", { title: text.length > 40 ? text : null }, value_line(text));
    const all = this.full.has(row.path);
    const toggle = h("button.link", {
      type: "button",
      onclick: (event: Event) => {
        event.stopPropagation();
        if (!this.full.delete(row.path)) this.full.add(row.path);
        this.draw();
      },
    }, all ? "show less" : `show all ${text.length} characters`);
    return all ? h("span.v.full", null, text, " ", toggle) : h("span.v.long", null, h("span.cut", null, value_line(text, LONG_TEXT)), toggle);
  }

  private aux(row: JsonRow, note: string | undefined): HTMLElement {
    const can = this.options.has_origin?.(row.path) ?? false;
    const copy = copy_button(() => (typeof row.value === "string" ? row.value : JSON.stringify(row.value, null, 2)), row.key || "value");
    copy.tabIndex = -1;
    const origin = (event: Event): void => {
      event.stopPropagation();
      this.options.show_origin?.(row.path);
    };
    const button = can && !note
      ? h("button.x-origin", { type: "button", tabindex: -1, title: "Where did this value come from? (O)", onclick: origin }, "Origin") : null;
    return h("span.x", null, is_masked(row.value) ? "masked" : note ?? null, button, copy);
  }

  private more(row: JsonRow): HTMLElement {
    const container = row.path.replace(/#more$/, "");
    return h("li", { role: "treeitem", "aria-level": row.depth + 1, style: `--d:${row.depth}` }, h("button.link", {
      type: "button",
      onclick: () => {
        this.shown.set(container, (this.shown.get(container) ?? PAGE) + 10 * PAGE);
        this.draw();
      },
    }, `${row.more} more`));
  }

  private clicked(row: JsonRow, event: MouseEvent): void {
    this.active = row.path;
    if (event.altKey && this.options.has_origin?.(row.path)) {
      event.preventDefault();
      this.options.show_origin?.(row.path);
    } else if (row.open !== null) {
      this.toggle(row);
    }
  }

  private toggle(row: JsonRow): void {
    if (!this.toggled.delete(row.path)) this.toggled.add(row.path);
    this.draw();
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = this.rows.findIndex((row) => row.path === this.active);
    const row = this.rows[at];
    if (!row) return;
    const go = (to: number): void => {
      const next = this.rows[Math.max(0, Math.min(this.rows.length - 1, to))];
      if (next) this.active = next.path;
      this.focus_active();
    };
    const handled = ((): boolean => {
      switch (event.key) {
        case "ArrowDown": go(at + 1); return true;
        case "ArrowUp": go(at - 1); return true;
        case "Home": go(0); return true;
        case "End": go(this.rows.length - 1); return true;
        case "ArrowRight": if (row.open === false) this.toggle(row); else if (row.open) go(at + 1); return true;
        case "ArrowLeft": {
          if (row.open) this.toggle(row);
          else go(this.rows.findLastIndex((other, i) => i < at && other.depth < row.depth));
          return true;
        }
        case "Enter": case " ": {
          // Enter on a button inside the row is the button's.
          if (row.open === null || event.composedPath()[0] instanceof HTMLButtonElement) return false;
          this.toggle(row);
          return true;
        }
        case "o": case "O": if (this.options.has_origin?.(row.path)) { this.options.show_origin?.(row.path); return true; } return false;
        default: return false;
      }
    })();
    if (!handled) return;
    event.preventDefault();
    event.stopPropagation();
  }

  private focus_active(): void {
    for (const item of this.element.querySelectorAll<HTMLElement>('[role="treeitem"][data-path]')) {
      const is_active = item.dataset.path === this.active;
      item.tabIndex = is_active ? 0 : -1;
      if (is_active) item.focus({ preventScroll: false });
    }
  }
}
