/** The timeline tab: rows as a tree at the left, bars at the right, one cursor line over all. */
import type { Family, ViewModel } from "../viewmodel";
import { fill, h, icon, per_frame } from "../dom";
import { task_count } from "../execution_look";
import { clock, duration, plural } from "../format";
import { task_glyph } from "../glyphs";
import { type Stretch, critical_path } from "./critical_path";
import { Cleanup, paced } from "./interaction";
import { is_within } from "./run_path";
import { axis_labels, draw_lane } from "./timeline_bars";
import { type Timeline, type TimelineRow, activity, build_timeline, event_at, worst_of } from "./timeline";
import { type Span, TimeScale, idle_gaps } from "./time_scale";
import { VirtualRows } from "./virtual_rows";

export const ROW_PX = 24;
const AXIS_PX = 20;
/** How often the bars of a live execution grow. */
const GROW_MS = 500;

export class TimelineView {
  readonly element = h("div.tl", { tabindex: 0, role: "tree", "aria-label": "Timeline. Up and down move, left and right close and open groups." });
  /** Told when gaps are folded or unfolded: whether any is folded now. */
  on_fold: (any_folded: boolean) => void = () => {};
  private readonly axis = h("div.tlaxis", { role: "presentation" });
  private readonly axis_lane = h("div.tl-axis-lane", { title: "Click to move the time cursor" });
  private readonly axis_label = h("span");
  private readonly bands = h("div.tl-bands", { "aria-hidden": "true" });
  private readonly future = h("div.tl-future", { "aria-hidden": "true" });
  private readonly line = h("div.tl-now", { "aria-hidden": "true" });
  private readonly pointer = h("div.tl-pointer", { "aria-hidden": "true" });
  private readonly rows: VirtualRows;
  private timeline: Timeline = { rows: [], row_of: () => -1 };
  private scale = new TimeScale(0, 1, [], 100);
  private readonly opened = new Map<string, boolean>();
  private readonly unfolded = new Set<number>();
  private all_unfolded = false;
  private gaps: Span[] = [];
  private busy: { n: number; at: number; spans: Span[] } = { n: -1, at: 0, spans: [] };
  private chain: { n: number; stretches: Stretch[] } = { n: -1, stretches: [] };
  private critical = new Map<number, Span[]>();
  private shown = false;
  private grow: ReturnType<typeof setInterval> | null = null;

  constructor(private readonly vm: ViewModel, cleanup: Cleanup) {
    this.axis.append(this.axis_label, this.axis_lane);
    this.element.append(this.axis, this.bands);
    this.rows = new VirtualRows(this.element, ROW_PX, AXIS_PX, (index) => this.row(index), cleanup);
    this.rows.body.append(this.bands, this.future, this.line);
    const rebuild = paced(() => this.rebuild(), cleanup);
    cleanup.watch_size(this.element, rebuild);
    cleanup.add(vm.on(["events", "structure", "iteration", "failure"], rebuild));
    cleanup.add(vm.on("selection", () => this.selected()));
    cleanup.add(vm.on(["cursor", "plan"], per_frame(() => this.moved())));
    cleanup.listen(this.element, "keydown", (event: KeyboardEvent) => this.key(event));
    this.listen_axis();
    cleanup.add(() => this.set_growing(false));
  }

  /** Build anew when the tab is opened; a hidden timeline costs nothing. */
  show(is_shown: boolean): void {
    this.shown = is_shown;
    if (is_shown) {
      this.rebuild();
      this.selected();
    } else {
      this.set_growing(false);
    }
  }

  /** Fold every idle gap, or unfold all of them. */
  fold_all(): void {
    this.all_unfolded = !this.all_unfolded && this.scale.folds.length > 0;
    this.unfolded.clear();
    this.rebuild();
  }

  private is_live(): boolean {
    return this.vm.data.status === "RUNNING" || this.vm.data.status === "PAUSED";
  }

  private set_growing(is_growing: boolean): void {
    if (is_growing === (this.grow !== null)) return;
    if (this.grow !== null) clearInterval(this.grow);
    this.grow = is_growing ? setInterval(() => this.rebuild(), GROW_MS) : null;
  }

  private end_of_time(): number {
    const { events, data } = this.vm;
    const last = Math.max(events[events.length - 1]?.wall_ms ?? 0, data.end_ms, data.start_ms);
    return this.is_live() ? Math.max(last, Date.now()) : last;
  }

  private rebuild(): void {
    const width = this.lane_width();
    if (!this.shown || width <= 0) return;
    const { vm } = this;
    const end = this.end_of_time();
    this.set_growing(this.is_live());
    this.timeline = build_timeline({
      blocks: vm.data.blocks, root: vm.data.name, folded: vm.head, events: vm.events, start_ms: vm.data.start_ms, now_ms: end, is_live: this.is_live(),
      is_open: (path, by_default) => this.opened.get(path) ?? by_default,
      iteration: (place) => vm.drawn_iteration(place), selected: vm.selection?.path ?? null,
    });
    this.scale_for(width, end);
    this.find_critical();
    fill(this.axis_label, plural(task_count(vm.head), "task"));
    this.axis_label.title = "Tasks of sub-workflows included; one that was attempted several times counts once";
    fill(this.axis_lane, ...axis_labels(this.scale), ...this.fold_buttons(), this.pointer);
    this.draw_bands();
    this.rows.refresh(this.timeline.rows.length);
    this.rows.body.append(this.bands, this.future, this.line);
    this.on_fold(this.scale.folds.length > 0);
    this.moved();
  }

  private lane_width(): number {
    return this.element.clientWidth - this.label_width();
  }

  private label_width(): number {
    return this.axis_label.getBoundingClientRect().width;
  }

  private scale_for(width: number, end: number): void {
    const { vm } = this;
    const is_old = this.busy.n !== vm.events.length || (this.is_live() && end - this.busy.at > 5000);
    if (is_old) this.busy = { n: vm.events.length, at: end, spans: activity(vm.head, vm.events, end) };
    const gaps = idle_gaps(this.busy.spans, vm.data.start_ms, end);
    // Short gaps of a live execution may still close: folding them would make the bars jump.
    this.gaps = this.is_live() ? gaps.filter((gap) => gap.to - gap.from > (gap.to === end ? 30_000 : 5000)) : gaps;
    const folds = this.all_unfolded ? [] : this.gaps.filter((gap) => !this.unfolded.has(gap.from));
    this.scale = new TimeScale(vm.data.start_ms, end, folds, width);
  }

  private find_critical(): void {
    const { vm } = this;
    if (this.chain.n !== vm.events.length) this.chain = { n: vm.events.length, stretches: critical_path(vm.events, vm.data.workflow_id) };
    this.critical = new Map();
    for (const stretch of this.chain.stretches) {
      const at = this.timeline.row_of(stretch.path);
      if (at < 0) continue;
      const spans = this.critical.get(at) ?? [];
      const last = spans[spans.length - 1];
      if (last && stretch.from <= last.to + 1) last.to = Math.max(last.to, stretch.to);
      else spans.push({ from: stretch.from, to: stretch.to });
      this.critical.set(at, spans);
    }
  }

  private fold_buttons(): HTMLElement[] {
    return this.scale.folds.map((fold) => {
      const wide = fold.x1 - fold.x0;
      const length = duration(fold.to - fold.from);
      const button = h("button.tl-fold", {
        type: "button", title: `${length} idle. Click to unfold.`, "aria-label": `Unfold ${length} of idle time`,
        style: `left:${fold.x0 + 2}px;width:${Math.max(8, wide - 4)}px`,
        onclick: (event: Event) => {
          event.stopPropagation();
          this.unfolded.add(fold.from);
          this.rebuild();
        },
      }, wide > 84 ? `${length} idle` : wide > 46 ? length : "⋯");
      return button;
    });
  }

  private draw_bands(): void {
    const left = this.label_width();
    fill(this.bands, ...this.scale.folds.map((fold) => h("div", { style: `left:${left + fold.x0}px;width:${fold.x1 - fold.x0}px` })));
  }

  private row(index: number): HTMLElement {
    const row = this.timeline.rows[index]!;
    const selected = this.timeline.row_of(this.vm.selection?.path ?? "") === index;
    const element = h(`div.tlrow${selected ? ".sel" : ""}`, {
      role: "treeitem", id: `tl-row-${index}`, "aria-level": row.depth + 1, "aria-expanded": row.open === null ? null : String(row.open),
      "aria-selected": String(selected), "aria-label": this.words(row),
      onclick: () => this.vm.select(row.path),
    }, this.label(row, index), draw_lane(row, this.scale, this.critical.get(index) ?? [], {
      selected, is_cause: this.is_cause(row), on_column: (iteration) => this.choose(row, iteration),
    }));
    return element;
  }

  private is_cause(row: TimelineRow): boolean {
    return row.frame === null || (this.vm.data.failure?.chains ?? []).some((chain) => chain.cause.path === row.path);
  }

  /** Show one iteration of a loop, or one member of a dynamic fork. */
  private choose(row: TimelineRow, iteration: number): void {
    const members = this.vm.head.members.get(row.path);
    this.opened.set(row.path, true);
    this.vm.select(members ? members[iteration - 1] ?? row.path : `${row.path}[${iteration}]`);
  }

  private words(row: TimelineRow): string {
    const took = row.from && row.to > row.from ? `, ${duration(row.took)}` : "";
    return `${row.label}, ${this.family(row)}${took}${row.note ? `, ${row.note}` : ""}`;
  }

  /** Faded: neither in the set that keeps its strength nor a group around one of it. */
  private is_faint(row: TimelineRow): boolean {
    const { dim } = this.vm;
    return !!dim && !dim.has(row.path) && ![...dim].some((path) => is_within(path, row.path) || row.members.includes(path));
  }

  /** What the row's glyph says at the cursor. */
  private family(row: TimelineRow): Family {
    if (!row.members.length || !this.vm.task(row.path)) return this.vm.family(row.path);
    return worst_of(row.members.map((member) => this.vm.family(member)).filter((family) => family !== "none"));
  }

  private label(row: TimelineRow, index: number): HTMLElement {
    const family = this.family(row);
    const took = row.from && row.to ? duration(row.took) : "";
    const status = this.vm.task(row.path)?.status ?? "";
    return h("span.lab", { style: `--d:${row.depth}` },
      row.open === null ? h("span.tw") : h("button.tw", {
        type: "button", tabindex: -1, "aria-label": `${row.open ? "Close" : "Open"} ${row.label}`,
        onclick: (event: Event) => { event.stopPropagation(); this.toggle(index); },
      }, row.open ? "▾" : "▸"),
      icon(task_glyph(family, status), `s-${family}`), h("span.cut", { title: row.path }, row.label), h("span.dur", null, took));
  }

  private toggle(index: number): void {
    const row = this.timeline.rows[index];
    if (!row || row.open === null) return;
    this.opened.set(row.path, !row.open);
    this.rebuild();
  }

  /** The cursor moved: the line, what is grey, and the glyphs of the rows that exist. */
  private moved(): void {
    if (!this.shown) return;
    const { vm } = this;
    const at_end = vm.cursor >= vm.events.length;
    const t = at_end ? this.scale.end : vm.events[vm.cursor - 1]?.wall_ms ?? this.scale.start;
    const x = this.scale.x(t) + (at_end ? 3 : 0);
    const left = this.label_width();
    this.line.style.left = `${left + x}px`;
    this.pointer.style.left = `${x}px`;
    this.pointer.title = clock(t);
    this.future.style.left = `${left + x}px`;
    this.future.hidden = at_end;
    this.rows.each((element, index) => {
      const row = this.timeline.rows[index];
      if (row) element.classList.toggle("faint", this.is_faint(row));
      const glyph = element.querySelector(".lab > svg.g");
      if (!row || !glyph) return;
      const family = this.family(row);
      if (!glyph.classList.contains(`s-${family}`)) glyph.replaceWith(icon(task_glyph(family, vm.task(row.path)?.status ?? ""), `s-${family}`));
    });
  }

  private selected(): void {
    if (!this.shown) return;
    const path = this.vm.selection?.path ?? "";
    const hidden = this.timeline.row_of(path);
    if (path && (hidden < 0 || this.timeline.rows[hidden]!.path !== path)) this.open_towards(path);
    this.rebuild();
    const at = this.timeline.row_of(path);
    if (at >= 0) this.rows.reveal(at);
    this.element.setAttribute("aria-activedescendant", at >= 0 ? `tl-row-${at}` : "");
  }

  /** Groups around a path that were closed by default open with the selection; those closed by hand too. */
  private open_towards(path: string): void {
    for (const [group, is_open] of this.opened) {
      if (!is_open && (path.startsWith(`${group}/`) || path.startsWith(`${group}[`))) this.opened.delete(group);
    }
    const at = this.timeline.row_of(path);
    const row = this.timeline.rows[at];
    if (row?.open === false) this.opened.set(row.path, true);
  }

  private key(event: KeyboardEvent): void {
    if (event.target !== this.element || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const { rows } = this.timeline;
    const at = this.timeline.row_of(this.vm.selection?.path ?? "");
    const go = (to: number): void => {
      const row = rows[Math.max(0, Math.min(rows.length - 1, to))];
      if (row) this.vm.select(row.path);
    };
    const row = rows[at];
    switch (event.key) {
      case "ArrowDown": go(at + 1); break;
      case "ArrowUp": go(at - 1); break;
      case "ArrowRight": if (row?.open === false) this.toggle(at); else if (row?.open) go(at + 1); else return; break;
      case "ArrowLeft": if (row?.open) this.toggle(at); else if (row && row.depth > 0) go(rows.findLastIndex((r, i) => i < at && r.depth < row.depth)); else return; break;
      default: return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  private listen_axis(): void {
    const seek = (event: PointerEvent): void => {
      const x = event.clientX - this.axis_lane.getBoundingClientRect().left;
      this.vm.seek(event_at(this.vm.events, this.scale.t(x)));
    };
    this.axis_lane.addEventListener("pointerdown", (event) => {
      if ((event.target as Element).closest("button") || event.button !== 0) return;
      this.axis_lane.setPointerCapture(event.pointerId);
      seek(event);
    });
    this.axis_lane.addEventListener("pointermove", (event) => {
      if (this.axis_lane.hasPointerCapture(event.pointerId)) seek(event);
    });
  }
}
