/** Sizes of blocks, from the inside out. Pure; see the rules in layout.ts. */
import type { Block } from "./protocol";
import type { Box, LayoutOptions } from "./layout";

type Shape = Box["shape"];

export const NODE_WIDTH = 192;
export const NODE_HEIGHT = 36;
export const TALL_HEIGHT = 48;
export const FAN_WIDTH = 288;
export const FAN_HEIGHT = 66;
export const HEADER = 26;
export const HALF = NODE_WIDTH / 2;
/** Free space between boxes: one above the other, side by side. */
export const GAP = 14;
export const GUTTER = 16;
export const BAR = 4;
/** From a switch to its cases: room for the case labels. */
export const CASE_GAP = 32;
export const CASE_LABEL_AT = 14;
/** A line that joins others needs this much height. */
export const MERGE = 14;
export const LOOP_TOP = 72;
export const LOOP_LINE = 58;
export const LOOP_HALF = 182;
export const BACK = 44;
export const SUB_HALF = 192;
/** Members of an opened dynamic fork side by side. */
export const FAN_COLUMNS = 4;

export interface Sized {
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
export interface Row {
  items: Sized[];
  /** Free space above each item. */
  gaps: number[];
  left: number; right: number; height: number;
  exit: boolean;
  /** The last item is a switch whose cases meet below it, inside the row. */
  merges: boolean;
}

export class Sizer {
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
export function fork_axes(rows: Row[]): number[] {
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

export function has_side_tails(item: Sized): boolean {
  return !!item.branches && item.branches.some(({ row }, i) => i > 0 && row.exit);
}

/** After a switch whose side cases come back: into the right side of the next box, or above it. */
export function enters_side(before: Sized, item: Sized): boolean {
  if (item.shape === "switch" || item.shape === "fork") return false;
  const nearest = side_axes(before)[1]?.axis ?? Infinity;
  return item.right + GUTTER <= nearest;
}

function gap_between(before: Sized, item: Sized): number {
  const room = before.shape === "switch" && has_side_tails(before) && !enters_side(before, item) ? MERGE : 0;
  return GAP + room;
}

/** Axes of the cases of a switch, relative to its own. */
export function side_axes(item: Sized): { axis: number }[] {
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
export function leaves_sideways(row: Row): boolean {
  const last = row.items[row.items.length - 1];
  const before = row.items[row.items.length - 2];
  if (before && last && has_side_tails(before) && enters_side(before, last)) return false;
  return !!last && !row.merges && (last.shape === "task" || last.shape === "closed" || last.shape === "fan");
}
