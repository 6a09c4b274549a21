/** Every event of the execution tree, numbered; a click moves the time cursor there. */
import type { ViewModel } from "../viewmodel";
import { h, per_frame } from "../dom";
import { clock, count } from "../format";
import { event_tone, event_words, pick_events } from "./event_words";
import { filter_box, grid_keys } from "./grid";
import { Cleanup, paced } from "./interaction";
import { short_path } from "./run_path";
import { VirtualRows } from "./virtual_rows";

const ROW_PX = 24;

export class EventList {
  readonly element: HTMLElement;
  private readonly scroller = h("div.xgrid.events", { role: "grid", tabindex: 0, "aria-label": "Events" });
  private readonly rows: VirtualRows;
  /** Numbers that match the filter; null: all. */
  private picked: number[] | null = null;
  private filter = "";
  private shown = false;

  constructor(private readonly vm: ViewModel, cleanup: Cleanup) {
    const titles = ["Event", "Time (UTC)", "Kind", "Task", "Actor", "What"];
    this.scroller.append(h("div.xrow.xhead", { role: "row" }, ...titles.map((title) => h("span", { role: "columnheader" }, title))));
    this.rows = new VirtualRows(this.scroller, ROW_PX, ROW_PX, (index) => this.row(index), cleanup);
    const later = paced(() => this.refresh(), cleanup);
    const { box, field } = filter_box("Filter events: kind, task, actor, text", (text) => { this.filter = text; later(); });
    field.addEventListener("keydown", (event) => { if (event.key === "ArrowDown") this.scroller.focus(); });
    this.element = h("div.xlist", null, box, this.scroller);
    cleanup.add(vm.on("events", later));
    cleanup.add(vm.on("cursor", per_frame(() => this.moved(true))));
    cleanup.add(vm.on("selection", per_frame(() => this.moved(false))));
    grid_keys(this.scroller, { at: () => this.index_of(vm.cursor), count: () => this.count(), go: (index) => vm.seek(this.number(index)) });
  }

  show(is_shown: boolean): void {
    this.shown = is_shown;
    if (!is_shown) return;
    this.refresh();
    this.rows.reveal(this.index_of(this.vm.cursor));
  }

  private refresh(): void {
    if (!this.shown) return;
    this.picked = pick_events(this.vm.events, this.filter);
    this.scroller.setAttribute("aria-rowcount", String(this.count() + 1));
    this.rows.refresh(this.count());
    if (this.vm.following) this.rows.reveal(this.count() - 1);
  }

  private count(): number {
    return this.picked?.length ?? this.vm.events.length;
  }
  private number(index: number): number {
    return this.picked ? this.picked[index]! : index + 1;
  }
  /** Row of the last event that is not after `n`. */
  private index_of(n: number): number {
    return this.picked ? this.picked.findLastIndex((number) => number <= n) : n - 1;
  }

  private moved(follow: boolean): void {
    if (!this.shown) return;
    if (follow) this.rows.reveal(this.index_of(this.vm.cursor));
    this.rows.each((element, index) => this.mark(element, index));
  }

  private mark(element: HTMLElement, index: number): void {
    const n = this.number(index);
    element.classList.toggle("after", n > this.vm.cursor);
    element.classList.toggle("sel", n === this.vm.cursor);
    element.classList.toggle("mine", !!this.vm.selection && this.vm.events[n - 1]?.path === this.vm.selection.path);
    element.setAttribute("aria-selected", String(n === this.vm.cursor));
  }

  private row(index: number): HTMLElement {
    const event = this.vm.events[this.number(index) - 1]!;
    const what = event_words(event);
    const path = event.path ?? "";
    const element = h("div.xrow", { role: "row", "aria-rowindex": index + 2, onclick: () => this.vm.seek(event.n), title: "Move the time cursor here" },
      h("span.num", { role: "gridcell" }, count(event.n)),
      h("span.mono", { role: "gridcell" }, clock(event.wall_ms)),
      h("span.cut", { role: "gridcell" }, h(`i.dot.s-${event_tone(event)}`, { "aria-hidden": "true" }), event.kind),
      h("span.cut.name", { role: "gridcell", title: path }, event.task_id ? short_path(path) : path),
      h("span.cut.t2", { role: "gridcell" }, event.actor),
      h("span.cut.t2", { role: "gridcell", title: what }, what));
    this.mark(element, index);
    return element;
  }
}
