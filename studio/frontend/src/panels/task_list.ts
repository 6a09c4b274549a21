/** Tasks as a table: one line per attempt, sorted and filtered here in the browser. */
import type { TaskView, ViewModel } from "../viewmodel";
import { h, icon } from "../dom";
import { family_of } from "../fold";
import { clock, duration, status_word } from "../format";
import { task_glyph } from "../glyphs";
import { Cleanup, paced } from "./interaction";
import { filter_box, grid_keys } from "./grid";
import { short_path } from "./run_path";
import { VirtualRows } from "./virtual_rows";

export type Column = "path" | "type" | "status" | "attempt" | "worker" | "started" | "duration" | "error";
const COLUMNS: [Column, string][] = [
  ["path", "Task"], ["type", "Type"], ["status", "Status"], ["attempt", "Attempt"], ["worker", "Worker"], ["started", "Started"], ["duration", "Took"], ["error", "Error"],
];
const ROW_PX = 26;

/** What a task took so far, in milliseconds; -1 before it started. Pure. */
export function took(task: TaskView, now_ms: number): number {
  if (!task.start_ms) return -1;
  return (task.end_ms || now_ms) - task.start_ms;
}

const KEYS: Record<Column, (task: TaskView) => string | number> = {
  path: (task) => task.path, type: (task) => task.type, status: (task) => task.status, attempt: (task) => task.attempt,
  worker: (task) => task.worker_id ?? "", started: (task) => task.start_ms || Number.MAX_SAFE_INTEGER,
  duration: (task) => took(task, task.start_ms), error: (task) => error_text(task),
};

export function error_text(task: TaskView): string {
  return task.error ? `${task.error.type}: ${task.error.message}` : (task.status === "COMPLETED" ? "" : task.reason ?? "");
}

/** Tasks whose path, type, status, worker or error holds every word of the filter, in the order asked. Pure. */
export function pick_tasks(tasks: Iterable<TaskView>, filter: string, by: Column | null, direction: 1 | -1): TaskView[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const found = [...tasks].filter((task) => {
    if (!words.length) return true;
    const text = `${task.path} ${task.type} ${task.status} ${task.worker_id ?? ""} ${error_text(task)}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  if (!by) return direction > 0 ? found.sort((a, b) => a.first_n - b.first_n) : found.sort((a, b) => b.first_n - a.first_n);
  const key = KEYS[by];
  return found.sort((a, b) => {
    const x = key(a), y = key(b);
    return (x < y ? -1 : x > y ? 1 : a.first_n - b.first_n) * direction;
  });
}

export class TaskList {
  readonly element: HTMLElement;
  private readonly scroller = h("div.xgrid.tasks", { role: "grid", tabindex: 0, "aria-label": "Tasks" });
  private readonly rows: VirtualRows;
  private readonly heads = new Map<Column, HTMLElement>();
  private tasks: TaskView[] = [];
  private filter = "";
  private by: Column | null = null;
  private direction: 1 | -1 = 1;
  private shown = false;
  /** Row of the selection, -1 when it is not in the list. */
  private at = -1;

  constructor(private readonly vm: ViewModel, cleanup: Cleanup) {
    const head = h("div.xrow.xhead", { role: "row" }, ...COLUMNS.map(([column, title]) => {
      const cell = h("span", { role: "columnheader", "aria-sort": "none" }, h("button", { type: "button", onclick: () => this.sort(column) }, title));
      this.heads.set(column, cell);
      return cell;
    }));
    this.scroller.append(head);
    this.rows = new VirtualRows(this.scroller, ROW_PX, ROW_PX, (index) => this.row(index), cleanup);
    const later = paced(() => this.refresh(), cleanup);
    const { box, field } = filter_box("Filter tasks: name, type, status, worker, error", (text) => { this.filter = text; later(); });
    this.element = h("div.xlist", null, box, this.scroller);
    field.addEventListener("keydown", (event) => { if (event.key === "ArrowDown") this.scroller.focus(); });
    cleanup.add(vm.on(["cursor", "events"], later));
    cleanup.add(vm.on("selection", () => { if (this.shown) { this.at = this.selected(); this.rows.refresh(this.tasks.length); this.rows.reveal(this.at); } }));
    grid_keys(this.scroller, { at: () => this.selected(), count: () => this.tasks.length, go: (index) => this.pick(index) });
  }

  show(is_shown: boolean): void {
    this.shown = is_shown;
    if (!is_shown) return;
    this.refresh();
    this.rows.reveal(this.at);
  }

  private refresh(): void {
    if (!this.shown) return;
    this.tasks = pick_tasks(this.vm.now.tasks.values(), this.filter, this.by, this.direction);
    this.at = this.selected();
    this.scroller.setAttribute("aria-rowcount", String(this.tasks.length + 1));
    this.rows.refresh(this.tasks.length);
  }

  private sort(column: Column): void {
    if (this.by === column && this.direction < 0) this.by = null;
    else if (this.by === column) this.direction = -1;
    else this.by = column;
    if (this.by !== column || this.direction > 0) this.direction = 1;
    for (const [name, cell] of this.heads) cell.setAttribute("aria-sort", name !== this.by ? "none" : this.direction > 0 ? "ascending" : "descending");
    this.refresh();
  }

  private selected(): number {
    const at = this.vm.selection;
    if (!at) return -1;
    if (at.task_id) return this.tasks.findIndex((task) => task.task_id === at.task_id);
    return this.tasks.findLastIndex((task) => task.path === at.path);
  }

  private pick(index: number): void {
    const task = this.tasks[index];
    if (task) this.vm.select(task.path, task.task_id);
  }

  private row(index: number): HTMLElement {
    const task = this.tasks[index]!;
    const family = family_of(task);
    const is_selected = index === this.at;
    const span = took(task, this.vm.events[this.vm.cursor - 1]?.wall_ms ?? task.start_ms);
    const error = error_text(task);
    return h(`div.xrow${is_selected ? ".sel" : ""}`, { role: "row", "aria-rowindex": index + 2, "aria-selected": String(is_selected), onclick: () => this.pick(index) },
      h("span.cut.name", { role: "gridcell", title: task.path }, short_path(task.path)),
      h("span.cut.t2", { role: "gridcell" }, task.type),
      h("span.cut", { role: "gridcell" }, icon(task_glyph(family, task.status, task.type), `s-${family}`), " ", status_word(task.status)),
      h("span.num", { role: "gridcell" }, task.attempt || 1),
      h("span.cut.t2", { role: "gridcell" }, task.worker_id ?? ""),
      h("span.mono", { role: "gridcell" }, clock(task.start_ms)),
      h("span.num", { role: "gridcell" }, span < 0 ? "" : duration(span)),
      h("span.cut.t2", { role: "gridcell", title: error }, error));
  }
}
