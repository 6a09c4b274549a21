/** What the pointer means on the strip of a loop or dynamic fork. */
import type { Model } from "./model";
import type { Box } from "./layout";
import type { View } from "./viewport";
import { face_of } from "./faces";
import { place_of } from "./format";
import { clamp } from "./framing";

export interface Range { from: number; to: number }

/** Iterations of the column under the pointer, or null beside a strip. */
export function range_at(vm: Model, box: Box, event: MouseEvent, surface: SVGSVGElement, view: View): Range | null {
  const hit = (event.target as Element).closest<SVGElement>('[data-act="strip"]');
  const strip = face_of(vm, box).strip;
  if (!hit || !strip?.columns.length) return null;
  const x = (event.clientX - surface.getBoundingClientRect().left - view.x) / view.k;
  const column = clamp(Math.floor((x - Number(hit.dataset.x)) / Number(hit.dataset.step)), 0, strip.columns.length - 1);
  return { from: strip.starts[column]!, to: strip.starts[column + 1]! - 1 };
}

/** `Iteration 30 to 34, 1 failed`. */
export function range_words(vm: Model, box: Box, range: Range): string {
  const items = vm.now.loops.get(vm.drawn(box.id))?.items.slice(range.from - 1, range.to) ?? [];
  const failed = items.filter((item) => item.failure).length;
  const what = range.from === range.to ? `${range.from}` : `${range.from} to ${range.to}`;
  return `${box.shape === "fan" ? "Branch" : "Iteration"} ${what}${failed ? `, ${failed} failed` : items.length ? "" : ", not reached"}`;
}

/** Shows the column's failed iteration, else its first, and lets the selection go along. */
export function pick_range(vm: Model, box: Box, range: Range): void {
  const path = vm.drawn(box.id);
  const failed = vm.now.loops.get(path)?.failed.find((i) => i >= range.from && i <= range.to);
  const iteration = failed ?? range.from;
  const members = vm.now.members.get(path);
  if (members) {
    vm.select(members[iteration - 1] ?? path);
    return;
  }
  vm.show_iteration(box.id, iteration);
  if (!follow_iteration(vm, box.id)) vm.select(`${path}[${iteration}]`);
}

/** Shows the iteration before or after the drawn one. */
export function turn(vm: Model, box: Box, by: 1 | -1): void {
  const reached = vm.now.loops.get(vm.drawn(box.id))?.items.length ?? 0;
  vm.show_iteration(box.id, clamp(vm.drawn_iteration(box.id) + by, 1, Math.max(1, reached)));
  follow_iteration(vm, box.id);
}

/** A selection inside a loop goes along with the iteration that is drawn; false if there is none. */
function follow_iteration(vm: Model, loop: string): boolean {
  const path = vm.selection?.path;
  if (!path || !place_of(path).startsWith(`${loop}/`)) return false;
  vm.select(vm.drawn(place_of(path)));
  return true;
}
