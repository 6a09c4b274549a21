/** Which blocks are open: by size, and on the way to something. Pure. */
import type { Block } from "./protocol";
import { has_inside } from "./sizes";

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
