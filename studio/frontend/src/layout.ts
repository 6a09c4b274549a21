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

export const NODE_WIDTH = 192;
export const NODE_HEIGHT = 36;
export const TALL_HEIGHT = 48;
export const FAN_WIDTH = 288;
export const FAN_HEIGHT = 66;
export const HEADER = 26;
const HALF = NODE_WIDTH / 2;
/** Free space between boxes: one above the other, side by side. */
const GAP = 14;
const GUTTER = 16;
const BAR = 4;
/** From a switch to its cases: room for the case labels. */
const CASE_GAP = 32;
const CASE_LABEL_AT = 14;
/** A line that joins others needs this much height. */
const MERGE = 14;
const LOOP_TOP = 72;
const LOOP_LINE = 58;
const LOOP_HALF = 182;
const BACK = 44;
const SUB_HALF = 192;
/** Members of an opened dynamic fork side by side. */
const FAN_COLUMNS = 4;

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

interface Sized {
  block: Block;
  shape: Shape;
  left: number; right: number; height: number;
  /** Whether the flow goes on after it. */
  exit: boolean;
  /** Place that edges after it come from. */
  last: string;
  inside?: Row;
  branches?: { row: Row; label: string; shown: string }[];
  members?: { paths: string[]; total: number };
}
interface Row {
  items: Sized[];
  /** Free space above each item. */
  gaps: number[];
  left: number; right: number; height: number;
  exit: boolean;
  /** The last item is a switch whose cases meet below it, inside the row. */
  merges: boolean;
}

/** A case that ends beside its axis and has yet to be led back to it. */
interface Tail { x: number; y: number; from: string; when?: { of: string; label: string } }

/** Lays out a definition. 5,000 tasks take a few milliseconds. */
export function layout(blocks: Block[], options: LayoutOptions): Layout {
  const row = new Sizer(options).row(blocks);
  return new Placer(options).place(row);
}

// -- sizes ---------------------------------------------------------------------------------

class Sizer {
  constructor(private readonly options: LayoutOptions) {}

  row(blocks: Block[]): Row {
    const row: Row = { items: [], gaps: [], left: 0, right: 0, height: 0, exit: true, merges: false };
    for (const block of blocks) {
      const item = this.block(block);
      const before = row.items[row.items.length - 1];
      const gap = before ? gap_between(before, item) : 0;
      row.items.push(item);
      row.gaps.push(gap);
      row.left = Math.max(row.left, item.left);
      row.right = Math.max(row.right, item.right);
      row.height += gap + item.height;
      row.exit = item.exit;
    }
    const last = row.items[row.items.length - 1];
    if (last && last.shape === "switch" && has_side_tails(last)) {
      row.merges = true;
      row.height += MERGE;
    }
    return row;
  }

  private block(block: Block): Sized {
    const inside = has_inside(block);
    if (block.kind === "fork" && !block.branches?.length) return this.fan(block);
    if (!inside || !this.options.is_open(block)) return this.leaf(block, inside ? "closed" : block.kind === "switch" ? "switch" : "task");
    switch (block.kind) {
      case "switch": return this.choice(block);
      case "fork": return this.fork(block);
      case "loop": return this.loop(block);
      default: return this.sub(block);
    }
  }

  private leaf(block: Block, shape: Shape): Sized {
    const height = shape === "task" && this.options.tall?.has(block.place) ? TALL_HEIGHT : NODE_HEIGHT;
    const ends = block.type === "TERMINATE";
    return { block, shape, left: HALF, right: HALF, height: ends ? height + 16 : height, exit: !ends, last: block.join?.place ?? block.place };
  }

  private fan(block: Block): Sized {
    const members = this.options.is_open(block) ? this.options.members?.(block.place) : undefined;
    const sized: Sized = { block, shape: "fan", left: FAN_WIDTH / 2, right: FAN_WIDTH / 2, height: FAN_HEIGHT, exit: true, last: block.place };
    if (!members?.paths.length) return sized;
    const cells = members.paths.length + (members.total > members.paths.length ? 1 : 0);
    const columns = Math.min(FAN_COLUMNS, cells);
    const half = Math.max(FAN_WIDTH / 2, (columns * (NODE_WIDTH + GUTTER) - GUTTER) / 2 + 12);
    const height = FAN_HEIGHT + Math.ceil(cells / columns) * (NODE_HEIGHT + GAP) + 4;
    return { ...sized, left: half, right: half, height, members };
  }

  private choice(block: Block): Sized {
    const branches = in_order(block, this.options.first_case?.get(block.place)).map((branch) => ({
      row: this.row(branch.blocks), label: branch.label, shown: branch.shown,
    }));
    let right = 0;
    let height = 0;
    branches.forEach(({ row, label }, i) => {
      const wide = label_width(label) / 2;
      const reach_left = Math.max(row.left, wide);
      const reach_right = Math.max(row.right, wide);
      right = i === 0 ? Math.max(HALF, reach_right) : right + GUTTER + reach_left + reach_right;
      height = Math.max(height, row.height);
    });
    const left = Math.max(HALF, branches[0]?.row.left ?? 0);
    const exit = branches.length === 0 || branches.some(({ row }) => row.exit);
    return { block, shape: "switch", left, right: Math.max(HALF, right), height: NODE_HEIGHT + CASE_GAP + height, exit, last: block.place, branches };
  }

  private fork(block: Block): Sized {
    const branches = block.branches!.map((branch) => ({ row: this.row(branch.blocks), label: branch.label, shown: "" }));
    const axes = fork_axes(branches.map((b) => b.row));
    const middle = (axes[0]! + axes[axes.length - 1]!) / 2;
    const last_row = branches[branches.length - 1]!.row;
    const height = Math.max(...branches.map((b) => b.row.height));
    const last = block.join?.place ?? block.place;
    return {
      // The captions stand to the right of the bars.
      block, shape: "fork", left: middle + half_of(branches[0]!.row.left), right: axes[axes.length - 1]! - middle + Math.max(122, last_row.right),
      height: BAR + GAP + height + GAP + BAR, exit: true, last, branches,
    };
  }

  private loop(block: Block): Sized {
    const inside = this.row(block.body!);
    const low = leaves_sideways(inside) ? 8 : 22;
    return {
      block, shape: "loop", left: Math.max(LOOP_HALF, inside.left + GUTTER), right: Math.max(LOOP_HALF, inside.right + BACK + 26),
      height: LOOP_TOP + inside.height + low, exit: true, last: block.place, inside,
    };
  }

  private sub(block: Block): Sized {
    const inside = this.row(block.body!);
    return {
      block, shape: "sub", left: Math.max(SUB_HALF, inside.left + 10), right: Math.max(SUB_HALF, inside.right + 10),
      height: HEADER + 8 + inside.height + 6, exit: true, last: block.place, inside,
    };
  }
}

/** Whether a block can be opened. */
export function has_inside(block: Block): boolean {
  if (block.kind === "loop" || block.kind === "sub") return !!block.body?.length;
  return (block.kind === "fork" || block.kind === "switch") && !!block.branches?.length;
}

function in_order(block: Block, first: string | undefined): { label: string; shown: string; blocks: Block[] }[] {
  const branches = (block.branches ?? []).map((b) => ({ label: b.is_default ? "" : b.label, shown: b.is_default ? "default" : b.label, blocks: b.blocks }));
  const at = first === undefined ? -1 : branches.findIndex((b) => b.label === first);
  return at > 0 ? [branches[at]!, ...branches.filter((_, i) => i !== at)] : branches;
}

function half_of(reach: number): number {
  return Math.max(reach, 48);
}

/** Axes of fork branches, the first one's left end at 0. */
function fork_axes(rows: Row[]): number[] {
  const axes: number[] = [];
  let x = 0;
  for (const row of rows) {
    axes.push(x + half_of(row.left));
    x += half_of(row.left) + half_of(row.right) + GUTTER;
  }
  // Measured from the first axis' own left end, so that a fork's reach is axis to axis.
  return axes.map((a) => a - half_of(rows[0]!.left));
}

export function label_width(text: string): number {
  return Math.min(text.length, 20) * 6 + 16;
}

function has_side_tails(item: Sized): boolean {
  return !!item.branches && item.branches.some(({ row }, i) => i > 0 && row.exit);
}

/** After a switch whose side cases come back: into the right side of the next box, or above it. */
function enters_side(before: Sized, item: Sized): boolean {
  if (item.shape === "switch" || item.shape === "fork") return false;
  const nearest = side_axes(before)[1]?.axis ?? Infinity;
  return item.right + GUTTER <= nearest;
}

function gap_between(before: Sized, item: Sized): number {
  const room = before.shape === "switch" && has_side_tails(before) && !enters_side(before, item) ? MERGE : 0;
  return GAP + room;
}

/** Axes of the cases of a switch, relative to its own. */
function side_axes(item: Sized): { axis: number }[] {
  const axes: { axis: number }[] = [];
  let x = 0;
  item.branches?.forEach(({ row, label }, i) => {
    const wide = label_width(label) / 2;
    if (i === 0) {
      axes.push({ axis: 0 });
      x = Math.max(HALF, row.right, wide);
    } else {
      const axis = x + GUTTER + Math.max(row.left, wide);
      axes.push({ axis });
      x = axis + Math.max(row.right, wide);
    }
  });
  return axes;
}

/** The way back of a loop leaves its last box at the side if that is a plain box and free there. */
function leaves_sideways(row: Row): boolean {
  const last = row.items[row.items.length - 1];
  const before = row.items[row.items.length - 2];
  if (before && last && has_side_tails(before) && enters_side(before, last)) return false;
  return !!last && !row.merges && (last.shape === "task" || last.shape === "closed" || last.shape === "fan");
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

// -- what is open --------------------------------------------------------------------------

/** Boxes that a fully opened tree would show, by place of the block that holds them. */
function weights(blocks: Block[], into: Map<string, number>): number {
  let sum = 0;
  for (const block of blocks) {
    let inside = 0;
    for (const branch of block.branches ?? []) inside += weights(branch.blocks, into);
    if (block.body) inside += weights(block.body, into);
    into.set(block.place, inside);
    sum += 1 + inside;
  }
  return sum;
}

/** Places to close by themselves so that about `limit` boxes are shown.
 *
 * Blocks are opened from the outside in, in order, as long as there is room; what lies on the
 * way to a kept place (failure, selection) is always open.
 */
export function closed_by_size(blocks: Block[], keep: ReadonlySet<string>, limit = 300): Set<string> {
  const inside = new Map<string, number>();
  const closed = new Set<string>();
  if (weights(blocks, inside) <= limit) return closed;
  let shown = blocks.length;
  let level = blocks;
  while (level.length) {
    const next: Block[] = [];
    for (const block of level) {
      if (!has_inside(block)) continue;
      const children = [...(block.branches ?? []).flatMap((b) => b.blocks), ...(block.body ?? [])];
      if (keep.has(block.place) || shown + children.length <= limit) {
        shown += children.length;
        next.push(...children);
      } else {
        closed.add(block.place);
      }
    }
    level = next;
  }
  return closed;
}
/** Every place on the way to `places`, themselves included. Forks and switches are no levels, so
 * the way is looked up in the tree. */
export function ways_to(blocks: Block[], places: ReadonlySet<string>): Set<string> {
  const ways = new Set<string>();
  const visit = (list: Block[]): boolean => {
    let found = false;
    for (const block of list) {
      let here = places.has(block.place);
      for (const branch of block.branches ?? []) here = visit(branch.blocks) || here;
      if (block.body) here = visit(block.body) || here;
      if (here) ways.add(block.place);
      found = found || here;
    }
    return found;
  };
  visit(blocks);
  return ways;
}
