/** Boxes and lines of a definition. Pure: a block tree in, coordinates out.
 *
 * Rules of this file
 *  1. Conductor definitions are nested blocks: sizes are worked out from the inside out
 *     (`measure`), positions from the outside in (`place`). Each block is visited twice.
 *  2. Every block has an axis, the vertical line on which it is entered and left. A block
 *     reaches `left` and `right` of its axis; a sequence stacks blocks on one axis.
 *  3. Nothing depends on a status. What is open, which case is drawn under its switch and
 *     which boxes are tall is said by the caller and does not change while time is scrubbed.
 *  4. An edge names the places it comes from and leads to; the drawing decides whether it
 *     was taken.
 */
import type { Block } from "./protocol";
import {
  BACK, BAR, CASE_GAP, CASE_LABEL_AT, FAN_COLUMNS, FAN_HEIGHT, GAP, GUTTER, HALF, HEADER, LOOP_LINE, LOOP_TOP, MERGE, NODE_HEIGHT, NODE_WIDTH, Sizer,
  enters_side, fork_axes, leaves_sideways, side_axes, type Row, type Sized,
} from "./sizes";
export { FAN_HEIGHT, FAN_WIDTH, HEADER, NODE_HEIGHT, NODE_WIDTH, TALL_HEIGHT, has_inside, label_width } from "./sizes";
export { closed_by_size, ways_to } from "./opening";

export type Shape = "task" | "switch" | "fan" | "closed" | "loop" | "sub" | "fork" | "join" | "member" | "more";

/** One box (or bar) of the drawing. */
export interface Box {
  /** Place; of a member of a dynamic fork, its run path. */
  id: string;
  block: Block;
  shape: Shape;
  x: number; y: number; w: number; h: number;
  /** How many containers are around it. */
  depth: number;
  /** Place of the loop or sub-workflow around it. */
  container: string | null;
  /** The switch or fork it begins a branch of, and which. */
  branch: { of: string; index: number } | null;
  /** Where the axis is: edges come in and go out here. */
  axis: number;
  /** "more": how many are not drawn. */
  hidden?: number;
}
export interface Edge {
  from: string; to: string;
  points: [number, number][];
  arrow: boolean;
  kind: "flow" | "case" | "back" | "tail" | "none";
  /** Case label without which the edge is not taken. */
  when?: { of: string; label: string };
}
export interface CaseLabel { of: string; label: string; shown: string; x: number; y: number; to: string | null }
/** Ring under a TERMINATE. */
export interface Ring { of: string; x: number; y: number }
export interface Layout {
  boxes: Box[];
  by_id: Map<string, Box>;
  edges: Edge[];
  labels: CaseLabel[];
  rings: Ring[];
  /** Counter pill of each open loop, on its way back. */
  counters: { of: string; x: number; y: number }[];
  start: { x: number; y: number; w: number; h: number };
  end: { x: number; y: number; r: number };
  /** Extent with everything in it. */
  x: number; y: number; w: number; h: number;
}
/** Ids that edges use for the two ends of the execution. */
export const START = "^";
export const END = "$";

export interface LayoutOptions {
  /** Whether the inside of a block is drawn. */
  is_open(block: Block): boolean;
  /** Places drawn 48 high: causes of a failure. */
  tall?: ReadonlySet<string>;
  /** Label of the case that is drawn straight under its switch; else the first one is. */
  first_case?: ReadonlyMap<string, string>;
  /** Members of an open dynamic fork that are drawn, and how many there are. */
  members?(place: string): { paths: string[]; total: number } | undefined;
  /** Width of the start pill. */
  start_width?: number;
}

/** A case that ends beside its axis and has yet to be led back to it. */
interface Tail { x: number; y: number; from: string; when?: { of: string; label: string } }

/** Lays out a definition. 5,000 tasks take a few milliseconds. */
export function layout(blocks: Block[], options: LayoutOptions): Layout {
  const row = new Sizer(options).row(blocks);
  return new Placer(options).place(row);
}

// -- positions -----------------------------------------------------------------------------

interface Around { depth: number; container: string | null; branch: Box["branch"] }

class Placer {
  private readonly boxes: Box[] = [];
  private readonly edges: Edge[] = [];
  private readonly labels: CaseLabel[] = [];
  private readonly rings: Ring[] = [];
  private readonly counters: Layout["counters"] = [];

  constructor(private readonly options: LayoutOptions) {}

  place(row: Row): Layout {
    const w = this.options.start_width ?? 72;
    const start = { x: -w / 2, y: -2, w, h: 24 };
    let bottom = start.y + start.h;
    let from = START;
    if (row.items.length) {
      const top = bottom + 12;
      this.edge({ from: START, to: row.items[0]!.block.place, points: [[0, bottom], [0, top]], arrow: row.items[0]!.shape !== "fork", kind: "flow" });
      this.row(row, 0, top, { depth: 0, container: null, branch: null });
      bottom = top + row.height;
      from = row.items[row.items.length - 1]!.last;
    }
    const end = { x: 0, y: bottom + 13, r: 5 };
    if (row.exit) this.edge({ from, to: END, points: [[0, bottom], [0, bottom + 8]], arrow: false, kind: "flow" });
    const left = Math.min(start.x, -row.left);
    const right = Math.max(w / 2, row.right);
    return {
      boxes: this.boxes, by_id: new Map(this.boxes.map((b) => [b.id, b])), edges: this.edges, labels: this.labels, rings: this.rings,
      counters: this.counters, start, end, x: left, y: start.y, w: right - left, h: end.y + end.r - start.y,
    };
  }

  private edge(edge: Edge): void {
    this.edges.push(edge);
  }

  private row(row: Row, axis: number, y: number, around: Around): void {
    let tails: Tail[] = [];
    let before: Sized | undefined;
    row.items.forEach((item, i) => {
      const top = y + row.gaps[i]!;
      if (before) this.connect(before, item, tails, axis, y, top);
      tails = this.item(item, axis, top, i === 0 ? around : { ...around, branch: null });
      y = top + item.height;
      before = item;
    });
    if (row.merges) this.gather(tails, axis, y + MERGE - 4, before!.last);
    if (row.merges && before!.branches![0]!.row.exit) {
      this.edge({ from: before!.last, to: "", points: [[axis, y], [axis, y + MERGE]], arrow: false, kind: "tail", when: this.main_case(before!) });
    } else if (row.merges) {
      this.edge({ from: before!.last, to: "", points: [[axis, y + MERGE - 4], [axis, y + MERGE]], arrow: false, kind: "tail" });
    }
  }

  private main_case(item: Sized): Edge["when"] {
    const first = item.branches![0]!;
    return first.row.items.length ? undefined : { of: item.block.place, label: first.label };
  }

  /** Lines from one item of a row to the next. */
  private connect(before: Sized, item: Sized, tails: Tail[], axis: number, y: number, top: number): void {
    const to = item.block.place;
    const arrow = item.shape !== "fork";
    const side = before.shape === "switch" && tails.length > 0 && enters_side(before, item);
    const main = before.shape !== "switch" || !before.branches || before.branches[0]?.row.exit !== false;
    const when = before.shape === "switch" && before.branches?.length ? this.main_case(before) : undefined;
    const from = before.shape === "switch" ? this.last_of_main(before) : before.last;
    if (main && before.exit) this.edge({ from, to, points: [[axis, y], [axis, top]], arrow, kind: "flow", when });
    if (side) {
      const entry = item.shape === "loop" || item.shape === "sub" ? top + HEADER / 2 : top + Math.min(item.height, NODE_HEIGHT) / 2;
      for (const tail of tails) {
        this.edge({ from: tail.from, to, points: [[tail.x, tail.y], [tail.x, entry], [axis + item.right, entry]], arrow: false, kind: "tail", when: tail.when });
      }
    } else if (tails.length) {
      const level = top - GAP;
      this.gather(tails, axis, level, to);
      if (!main) this.edge({ from: tails[0]!.from, to, points: [[axis, level], [axis, top]], arrow, kind: "flow" });
    }
  }

  private last_of_main(item: Sized): string {
    const row = item.branches?.[0]?.row;
    return row?.items.length ? row.items[row.items.length - 1]!.last : item.block.place;
  }

  private gather(tails: Tail[], axis: number, level: number, to: string): void {
    for (const tail of tails) {
      this.edge({ from: tail.from, to, points: [[tail.x, tail.y], [tail.x, level], [axis, level]], arrow: false, kind: "tail", when: tail.when });
    }
  }

  /** Places one item; returns the ends of cases that still have to be led on. */
  private item(item: Sized, axis: number, y: number, around: Around): Tail[] {
    switch (item.shape) {
      case "switch": return this.choice(item, axis, y, around);
      case "fork": this.fork(item, axis, y, around); return [];
      case "loop": this.loop(item, axis, y, around); return [];
      case "sub": this.sub(item, axis, y, around); return [];
      case "fan": this.fan(item, axis, y, around); return [];
      default: this.leaf(item, axis, y, around); return [];
    }
  }

  private box(item: Sized, shape: Shape, x: number, y: number, w: number, h: number, axis: number, around: Around): Box {
    const box: Box = { id: item.block.place, block: item.block, shape, x, y, w, h, axis, ...around };
    this.boxes.push(box);
    return box;
  }

  private leaf(item: Sized, axis: number, y: number, around: Around): void {
    const h = item.exit ? item.height : item.height - 16;
    this.box(item, item.shape, axis - HALF, y, NODE_WIDTH, h, axis, around);
    if (item.exit) return;
    this.rings.push({ of: item.block.place, x: axis, y: y + h + 10.5 });
    this.edge({ from: item.block.place, to: item.block.place, points: [[axis, y + h], [axis, y + h + 6]], arrow: false, kind: "tail" });
  }

  private fan(item: Sized, axis: number, y: number, around: Around): void {
    this.box(item, "fan", axis - item.left, y, item.left + item.right, item.height, axis, around);
    if (!item.members) return;
    const { paths, total } = item.members;
    const cells = paths.length + (total > paths.length ? 1 : 0);
    const columns = Math.min(FAN_COLUMNS, cells);
    const x0 = axis - (columns * (NODE_WIDTH + GUTTER) - GUTTER) / 2;
    for (let i = 0; i < cells; i++) {
      const x = x0 + (i % columns) * (NODE_WIDTH + GUTTER);
      const at = y + FAN_HEIGHT + Math.floor(i / columns) * (NODE_HEIGHT + GAP) + 4;
      const is_member = i < paths.length;
      const box = this.box(item, is_member ? "member" : "more", x, at, NODE_WIDTH, NODE_HEIGHT, x + HALF, { ...around, depth: around.depth + 1, branch: null });
      box.id = is_member ? paths[i]! : `${item.block.place}#more`;
      if (!is_member) box.hidden = total - paths.length;
    }
  }

  private choice(item: Sized, axis: number, y: number, around: Around): Tail[] {
    const of = item.block.place;
    this.box(item, "switch", axis - HALF, y, NODE_WIDTH, NODE_HEIGHT, axis, around);
    const axes = side_axes(item);
    const top = y + NODE_HEIGHT + CASE_GAP;
    const bottom = y + item.height;
    const tails: Tail[] = [];
    item.branches!.forEach(({ row, label, shown }, index) => {
      const x = axis + axes[index]!.axis;
      const first = row.items[0];
      const to = first?.block.place ?? of;
      const when = { of, label };
      const down = first ? top : index === 0 ? bottom : top;
      const points: [number, number][] = index === 0
        ? [[x, y + NODE_HEIGHT], [x, down]]
        : [[axis + HALF, y + NODE_HEIGHT / 2], [x, y + NODE_HEIGHT / 2], [x, down]];
      this.edge({ from: of, to, points, arrow: !!first && first.shape !== "fork", kind: "case", when });
      this.labels.push({ of, label, shown, x, y: y + NODE_HEIGHT + CASE_LABEL_AT, to: first?.block.place ?? null });
      this.row(row, x, top, { ...around, branch: { of, index } });
      if (!row.exit) return;
      const from = row.items.length ? row.items[row.items.length - 1]!.last : of;
      const end = first ? top + row.height : down;
      if (index > 0) tails.push({ x, y: end, from, when: first ? undefined : when });
      else if (first && end < bottom) this.edge({ from, to: "", points: [[x, end], [x, bottom]], arrow: false, kind: "tail" });
    });
    return tails;
  }

  private fork(item: Sized, axis: number, y: number, around: Around): void {
    const { block } = item;
    const rows = item.branches!.map((b) => b.row);
    const axes = fork_axes(rows);
    const middle = (axes[0]! + axes[axes.length - 1]!) / 2;
    const at = axes.map((a) => axis + a - middle);
    const x = at[0]! - 48;
    const w = at[at.length - 1]! + 48 - x;
    this.box(item, "fork", x, y, w, BAR, axis, around);
    const top = y + BAR + GAP;
    const join_y = y + item.height - BAR;
    rows.forEach((row, index) => {
      const first = row.items[0];
      const to = first?.block.place ?? item.last;
      const lane = at[index]!;
      this.edge({ from: block.place, to, points: [[lane, y + BAR], [lane, first ? top : join_y]], arrow: false, kind: "flow" });
      this.row(row, lane, top, { ...around, branch: { of: block.place, index } });
      if (!first || !row.exit) return;
      const from = row.items[row.items.length - 1]!.last;
      this.edge({ from, to: item.last, points: [[lane, top + row.height], [lane, join_y]], arrow: false, kind: "flow" });
    });
    const join = this.box(item, "join", x, join_y, w, BAR, axis, { ...around, branch: null });
    join.id = block.join?.place ?? `${block.place}#join`;
  }

  private loop(item: Sized, axis: number, y: number, around: Around): void {
    const { block } = item;
    const row = item.inside!;
    this.box(item, "loop", axis - item.left, y, item.left + item.right, item.height, axis, around);
    const top = y + LOOP_TOP;
    const line = y + LOOP_LINE;
    const first = row.items[0]!;
    const last = row.items[row.items.length - 1]!;
    this.edge({ from: block.place, to: first.block.place, points: [[axis, line], [axis, top]], arrow: first.shape !== "fork", kind: "flow" });
    this.row(row, axis, top, { depth: around.depth + 1, container: block.place, branch: null });
    if (!row.exit) return;
    const outside = axis + Math.max(row.right, HALF) + BACK;
    const bottom = top + row.height;
    const sideways = leaves_sideways(row);
    const level = sideways ? bottom - NODE_HEIGHT / 2 : bottom + 10;
    const begin: [number, number][] = sideways ? [[axis + last.right, level]] : [[axis, bottom], [axis, level]];
    this.edge({ from: last.last, to: block.place, points: [...begin, [outside, level], [outside, line], [axis, line]], arrow: false, kind: "back" });
    this.counters.push({ of: block.place, x: outside, y: (level + line) / 2 });
  }

  private sub(item: Sized, axis: number, y: number, around: Around): void {
    const { block } = item;
    const row = item.inside!;
    this.box(item, "sub", axis - item.left, y, item.left + item.right, item.height, axis, around);
    this.row(row, axis, y + HEADER + 8, { depth: around.depth + 1, container: block.place, branch: null });
    // Nothing to draw between the header and the first box; the keyboard walks it.
    this.edge({ from: block.place, to: row.items[0]!.block.place, points: [], arrow: false, kind: "none" });
  }
}
