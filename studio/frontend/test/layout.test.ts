import assert from "node:assert/strict";
import { test } from "node:test";
import type { Block } from "../src/protocol";
import { closed_by_size, has_inside, layout, ways_to, type Box, type Layout, type LayoutOptions } from "../src/layout";
import { big_blocks } from "./big_flow";
import { choice, fork, loop, sub, task } from "./builders";

const open: LayoutOptions = { is_open: has_inside };

/** A generator of numbers that is the same everywhere. */
function chance(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 16807) % 2147483647) / 2147483647;
}

function random_blocks(next: () => number, root: string, depth: number): Block[] {
  return Array.from({ length: 1 + Math.floor(next() * 4) }, (_, i) => random_block(next, `${root}/b${depth}_${i}_${Math.floor(next() * 1e9)}`, depth));
}
function random_block(next: () => number, place: string, depth: number): Block {
  const kind = depth > 3 ? 0 : Math.floor(next() * 7);
  const inner = (n: number) => (next() < 0.15 ? [] : random_blocks(next, `${place}/i${n}`, depth + 1));
  const some = () => Array.from({ length: 1 + Math.floor(next() * 4) }, (_, i) => inner(i));
  if (kind === 1) return fork(place, some(), `j_${place.length}_${Math.floor(next() * 1e9)}`);
  if (kind === 2 || kind === 3) return choice(place, some().map((blocks, i) => ({ label: `case ${i}`, blocks, is_default: i === 3 })));
  if (kind === 4) return loop(place, inner(0));
  if (kind === 5) return sub(place, inner(0));
  return task(place, next() < 0.08 ? { type: "TERMINATE" } : {});
}

function is_leaf(box: Box): boolean {
  return !["loop", "sub", "fork", "join"].includes(box.shape);
}
function overlap(a: Box, b: Box): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}
function inside(box: Box, around: Box): boolean {
  return box.x >= around.x && box.y >= around.y && box.x + box.w <= around.x + around.w && box.y + box.h <= around.y + around.h;
}
function check(map: Layout): void {
  const leaves = map.boxes.filter(is_leaf);
  for (let i = 0; i < leaves.length; i++) {
    for (let k = i + 1; k < leaves.length; k++) assert.ok(!overlap(leaves[i]!, leaves[k]!), `${leaves[i]!.id} over ${leaves[k]!.id}`);
  }
  const groups = map.boxes.filter((b) => b.shape === "loop" || b.shape === "sub");
  for (const group of groups) {
    for (const box of map.boxes) {
      if (box === group) continue;
      const within = box.id.startsWith(`${group.id}/`) || contains(group.block, box.id);
      if (within) assert.ok(inside(box, group), `${box.id} sticks out of ${group.id}`);
      else if (is_leaf(box)) assert.ok(!overlap(box, group), `${box.id} over ${group.id}`);
    }
  }
  for (const box of map.boxes) {
    assert.ok(box.x >= map.x - 0.01 && box.x + box.w <= map.x + map.w + 0.01, `${box.id} outside the drawing`);
  }
  for (const edge of map.edges) {
    for (let i = 1; i < edge.points.length; i++) {
      const [[x0, y0], [x1, y1]] = [edge.points[i - 1]!, edge.points[i]!];
      assert.ok(x0 === x1 || y0 === y1, "lines are orthogonal");
    }
  }
}
function contains(block: Block, id: string): boolean {
  const lists = [...(block.branches ?? []).map((b) => b.blocks), block.body ?? []];
  return lists.some((list) => list.some((b) => b.place === id || b.join?.place === id || contains(b, id)));
}

test("150 random definitions are laid out without an overlap", () => {
  for (let seed = 1; seed <= 150; seed++) check(layout(random_blocks(chance(seed * 7919), "f", 0), open));
});

test("the same definition gives the same drawing", () => {
  const blocks = random_blocks(chance(42), "f", 0);
  assert.deepEqual(layout(blocks, open), layout(structuredClone(blocks), open));
});

test("no line runs through a box that it does not begin or end at", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const map = layout(random_blocks(chance(seed * 104729), "f", 0), open);
    const leaves = map.boxes.filter(is_leaf);
    for (const edge of map.edges) {
      for (let i = 1; i < edge.points.length; i++) {
        const [[x0, y0], [x1, y1]] = [edge.points[i - 1]!, edge.points[i]!];
        const hit = leaves.find((b) => Math.min(x0, x1) < b.x + b.w - 1 && Math.max(x0, x1) > b.x + 1 && Math.min(y0, y1) < b.y + b.h - 1 && Math.max(y0, y1) > b.y + 1);
        assert.ok(!hit, `seed ${seed}: ${edge.kind} ${edge.from} → ${edge.to} through ${hit?.id}`);
      }
    }
  }
});

test("an empty definition is a start and an end", () => {
  const map = layout([], open);
  assert.equal(map.boxes.length, 0);
  assert.ok(map.h > 0 && map.end.y > map.start.y);
});

test("a tall cause moves only what is below it", () => {
  const blocks = ["a", "b", "c"].map((r) => task(`f/${r}`));
  const plain = layout(blocks, open);
  const tall = layout(blocks, { ...open, tall: new Set(["f/b"]) });
  assert.equal(tall.by_id.get("f/a")!.y, plain.by_id.get("f/a")!.y);
  assert.equal(tall.by_id.get("f/c")!.y, plain.by_id.get("f/c")!.y + 12);
});

test("closing a block leaves what is above it where it was", () => {
  const blocks = [task("f/a"), loop("f/l", [task("f/l/x"), task("f/l/y")]), task("f/z")];
  const before = layout(blocks, open);
  const after = layout(blocks, { is_open: (b) => has_inside(b) && b.place !== "f/l" });
  assert.equal(after.by_id.get("f/a")!.y, before.by_id.get("f/a")!.y);
  assert.equal(after.by_id.get("f/l")!.y, before.by_id.get("f/l")!.y);
  assert.equal(after.by_id.get("f/l")!.shape, "closed");
  assert.ok(!after.by_id.has("f/l/x"));
});

test("the chosen case stands straight under its switch", () => {
  const blocks = [choice("f/s", [{ label: "x", blocks: [task("f/x")] }, { label: "y", blocks: [task("f/y")] }])];
  const map = layout(blocks, { ...open, first_case: new Map([["f/s", "y"]]) });
  assert.equal(map.by_id.get("f/y")!.axis, 0);
  assert.ok(map.by_id.get("f/x")!.axis > 0);
});

test("large definitions close by themselves, the way to a failure stays open", () => {
  const blocks = big_blocks(2000);
  const inner = blocks.find((b) => b.kind === "sub")!.body![1]!.body![0]!.place;
  const closed = closed_by_size(blocks, ways_to(blocks, new Set([inner])));
  const map = layout(blocks, { is_open: (b) => has_inside(b) && !closed.has(b.place) });
  assert.ok(map.by_id.has(inner));
  assert.ok(map.boxes.filter(is_leaf).length < blocks.length + 120);
});

test("5,000 tasks are laid out in well under a tenth of a second", () => {
  const blocks = big_blocks(5000);
  layout(blocks, open);
  const times = Array.from({ length: 5 }, () => {
    const from = performance.now();
    layout(blocks, open);
    return performance.now() - from;
  }).sort((a, b) => a - b);
  console.log(`layout of 5,000 tasks: ${times.map((t) => t.toFixed(1)).join(", ")} ms`);
  assert.ok(times[0]! < 300, "the best of five, far above what an idle machine takes");
});
