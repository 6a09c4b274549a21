/** What workers logged: lines of all tasks in time, those after the cursor grey. */
import type { LogLine } from "../protocol";
import type { ViewModel } from "../viewmodel";
import { fill, h, per_frame } from "../dom";
import { clock } from "../format";
import { filter_box } from "./grid";
import { Cleanup } from "./interaction";
import { nothing } from "./section";
import { VirtualRows } from "./virtual_rows";

const ROW_PX = 20;
/** A live execution brings events by the dozen; its lines are read at most this often. */
const APART_MS = 1000;

/** Lines that hold every word of the filter, of one task or of all. Pure. */
export function pick_lines(lines: readonly LogLine[], filter: string, task_id: string | null): LogLine[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  return lines.filter((line) => (!task_id || line.task_id === task_id) && words.every((word) => `${line.ref} ${line.text}`.toLowerCase().includes(word)));
}

export class LogList {
  readonly element: HTMLElement;
  /** Told how many lines there are. */
  on_count: (lines: number) => void = () => {};
  private readonly scroller = h("div.xgrid.logs", { role: "grid", tabindex: 0, "aria-label": "Log lines" });
  private readonly message = h("div.xmessage");
  private readonly rows: VirtualRows;
  private readonly only = h<HTMLInputElement>("input", { type: "checkbox" });
  private lines: LogLine[] = [];
  private picked: LogLine[] = [];
  private filter = "";
  private shown = false;
  /** Number of events when the lines were read; -1 before the first time. */
  private read_at = -1;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly vm: ViewModel, cleanup: Cleanup) {
    this.rows = new VirtualRows(this.scroller, ROW_PX, 0, (index) => this.row(index), cleanup);
    const later = per_frame(() => this.refresh());
    const { box } = filter_box("Filter lines", (text) => { this.filter = text; later(); });
    this.only.addEventListener("change", later);
    box.append(h("label.icheck", null, this.only, "Only the selected task"));
    this.element = h("div.xlist", null, box, this.message, this.scroller);
    cleanup.add(vm.on("cursor", per_frame(() => { if (this.shown) this.rows.each((element, index) => this.mark(element, index)); })));
    cleanup.add(vm.on("selection", () => { if (this.only.checked) later(); }));
    cleanup.add(vm.on("events", () => {
      this.timer ??= setTimeout(() => {
        this.timer = undefined;
        if (this.shown) void this.load();
      }, APART_MS);
    }));
    cleanup.add(() => clearTimeout(this.timer));
  }

  show(is_shown: boolean): void {
    this.shown = is_shown;
    if (is_shown) void this.load();
  }

  /** Read the lines once, and again when the execution has moved on. */
  async load(): Promise<void> {
    if (this.read_at === this.vm.events.length) {
      this.refresh();
      return;
    }
    const read_at = this.vm.events.length;
    this.read_at = read_at;
    try {
      const lines = await this.vm.ask<LogLine[]>({ what: "logs" });
      this.lines = [...lines].sort((a, b) => a.wall_ms - b.wall_ms);
      this.on_count(lines.length);
      this.refresh();
    } catch (reason) {
      if (this.read_at === read_at) this.read_at = -1;
      fill(this.message, nothing(`The logs could not be read: ${reason instanceof Error ? reason.message : String(reason)}`));
    }
  }

  private refresh(): void {
    if (!this.shown) return;
    const at = this.vm.selection;
    const task_id = !this.only.checked || !at ? null : at.task_id ?? this.vm.task(at.path)?.task_id ?? "none";
    this.picked = pick_lines(this.lines, this.filter, task_id);
    fill(this.message, this.picked.length ? null : nothing(this.lines.length ? "No line matches." : "No task has logged a line."));
    this.scroller.hidden = this.picked.length === 0;
    this.rows.refresh(this.picked.length);
  }

  private mark(element: HTMLElement, index: number): void {
    const at = this.vm.events[this.vm.cursor - 1]?.wall_ms ?? 0;
    element.classList.toggle("after", this.vm.cursor < this.vm.events.length && this.picked[index]!.wall_ms > at);
  }

  private row(index: number): HTMLElement {
    const line = this.picked[index]!;
    const task = this.vm.head.tasks.get(line.task_id);
    const element = h("div.xrow", { role: "row", onclick: () => { if (task) this.vm.select(task.path, task.task_id); } },
      h("span.mono.t3", { role: "gridcell" }, clock(line.wall_ms)), h("span.cut.name", { role: "gridcell", title: task?.path ?? line.ref }, line.ref),
      h("span.mono.cut", { role: "gridcell", title: line.text }, line.text));
    this.mark(element, index);
    return element;
  }
}
