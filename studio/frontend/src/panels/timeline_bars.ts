/** SVG of one timeline row and the labels of the axis. */
import type { Family } from "../viewmodel";
import { h } from "../dom";
import { clock } from "../format";
import { svg } from "./interaction";
import type { Column, TimelineRow } from "./timeline";
import type { Span, TimeScale } from "./time_scale";

const HEIGHT = 24;
const BAR_Y = 7;
const BAR_PX = 10;
/** Nothing that ran is narrower. */
const LEAST_PX = 3;

export interface LaneOptions {
  selected: boolean;
  /** Whether a failed frame is drawn solid: it is the cause itself. */
  is_cause: boolean;
  on_column(iteration: number): void;
}

/** Everything between the label and the right edge. */
export function draw_lane(row: TimelineRow, scale: TimeScale, critical: readonly Span[], options: LaneOptions): SVGSVGElement {
  const lane = svg("svg", { class: "tl-lane", width: scale.width, height: HEIGHT, "aria-hidden": "true" });
  const put = (shape: SVGElement): void => { lane.append(shape); };
  const level = (kind: string, span: Span): SVGElement =>
    svg("line", { class: kind, x1: scale.x(span.from), x2: scale.x(span.to), y1: HEIGHT / 2, y2: HEIGHT / 2 });
  for (const s of row.segments) {
    if (s.kind === "wait") put(level("k-wait", s));
    else if (s.kind === "unpolled") put(level("k-unp", s));
    else if (s.kind === "backoff") put(backoff(scale, s));
  }
  if (row.frame) put(bar(scale, row.frame, row.frame.family, !options.is_cause || row.frame.family !== "failure"));
  for (const s of row.segments) if (s.kind === "run") put(bar(scale, s, s.family, false));
  if (row.columns) for (const shape of strip(row.columns, scale, options)) put(shape);
  for (const span of critical) {
    const x1 = scale.x(span.from);
    put(svg("line", { class: "k-crit", x1, x2: Math.max(x1 + LEAST_PX, scale.x(span.to)), y1: 20.5, y2: 20.5 }));
  }
  const note = note_of(row, scale, options.selected);
  for (const shape of note) put(shape);
  return lane;
}

function box(x: number, width: number, family: Family, is_soft: boolean): SVGRectElement {
  return svg("rect", { class: `k-run f-${family}${is_soft ? " soft" : ""}`, x, y: BAR_Y, width, height: BAR_PX, rx: 1.5 });
}

function bar(scale: TimeScale, span: Span, family: Family, is_soft: boolean): SVGRectElement {
  const x = scale.x(span.from);
  return box(x, Math.max(LEAST_PX, scale.x(span.to) - x), family, is_soft);
}

/** Stripes are drawn as lines: patterns need ids, and ids clash when several views share a page. */
function backoff(scale: TimeScale, span: Span): SVGGElement {
  const x = scale.x(span.from), end = scale.x(span.to), top = BAR_Y + 1, bottom = top + 8;
  let d = "";
  for (let at = x - 8; at < end; at += 8.5) {
    // A stripe runs from the lower left to the upper right; both ends are cut at the frame.
    const a = Math.max(0, x - at), b = Math.min(8, end - at);
    if (b > a) d += `M${(at + a).toFixed(1)} ${(bottom - a).toFixed(1)}L${(at + b).toFixed(1)} ${(bottom - b).toFixed(1)}`;
  }
  return svg("g", { class: "k-back" },
    svg("rect", { x, y: top, width: Math.max(1, end - x), height: 8 }), svg("path", { d }));
}

const RANK: Family[] = ["none", "skipped", "reused", "success", "stopped", "waiting", "held", "running", "warning", "failure"];

/** Iterations as columns; those closer than three pixels share one, whose colour is the worst. */
function strip(columns: readonly Column[], scale: TimeScale, options: LaneOptions): SVGElement[] {
  const shapes: SVGElement[] = [];
  let open: { x0: number; x1: number; family: Family; iteration: number; last: number } | null = null;
  const close = (): void => {
    if (!open) return;
    const { x0, x1, family, iteration, last } = open;
    const least = family === "failure" ? LEAST_PX : 1.5;
    const shape = box(x0, Math.max(least, x1 - x0 - (x1 - x0 > 4 ? 1 : 0)), family, false);
    shape.classList.add("col");
    shape.append(svg("title", {}, document.createTextNode(iteration === last ? `Iteration ${iteration}` : `Iterations ${iteration} to ${last}`)));
    shape.addEventListener("click", (event) => {
      event.stopPropagation();
      options.on_column(iteration);
    });
    shapes.push(shape);
    open = null;
  };
  for (const column of columns) {
    const x0 = scale.x(column.from), x1 = scale.x(column.to);
    if (open && x0 < open.x1 + 0.5 && open.x1 - open.x0 < LEAST_PX) {
      open.x1 = Math.max(open.x1, x1);
      open.last = column.iteration;
      if (RANK.indexOf(column.family) > RANK.indexOf(open.family)) {
        open.family = column.family;
        open.iteration = column.iteration;
      }
    } else {
      close();
      open = { x0, x1, family: column.family, iteration: column.iteration, last: column.iteration };
    }
  }
  close();
  return shapes;
}

/** Text goes where there is room: left of the first bar, else right of the last; over bars it has a ground of its own. */
function note_of(row: TimelineRow, scale: TimeScale, selected: boolean): SVGElement[] {
  if (!row.note) return [];
  const room = row.note.length * 6 + 14;
  const bars = row.segments.filter((s) => s.kind !== "wait" || s.to - s.from > 0);
  const solid = bars.filter((s) => s.kind !== "wait");
  const first = solid[0] ?? bars[0];
  const last = bars[bars.length - 1];
  const wait = bars.find((s) => s.kind === "wait");
  const left = first ? scale.x(wait && wait.to >= first.from - 1 && wait.from < first.from ? wait.from : first.from) - 6 : scale.width - 14;
  const right = last ? Math.max(scale.x(last.to), scale.x(last.from) + LEAST_PX) + 6 : 0;
  const fits = left > room || right + room <= scale.width;
  const at_left = !first || left > room || !fits;
  const text = svg("text", {
    class: `tl-text${selected && row.attempts > 1 ? " em" : ""}${fits ? "" : " over"}`, x: at_left ? Math.max(room - 14, left) : right, y: 16, "text-anchor": at_left ? "end" : "start",
  }, document.createTextNode(row.note));
  if (fits) return [text];
  const width = row.note.length * 6 + 4, x = at_left ? Math.max(room - 14, left) - width + 2 : right - 2;
  return [svg("rect", { class: "tl-ground", x, y: 4, width, height: 16, rx: 3 }), text];
}

/** Ticks with times; seconds alone where the minute is the same as before. */
export function axis_labels(scale: TimeScale): HTMLElement[] {
  let minute = "";
  const is_short = scale.ticks(84).length > 1 && scale.ticks(84).slice(1).some((tick, i) => tick.t - scale.ticks(84)[i]!.t < 1000);
  return scale.ticks(is_short ? 104 : 84).map(({ t, x, first }) => {
    const full = clock(t, is_short);
    const text = !first && full.startsWith(minute) ? full.slice(5) : full;
    minute = full.slice(0, 5);
    return h("span.tl-tick", { style: `left:${x}px` }, text);
  });
}
