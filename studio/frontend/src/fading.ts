/** What of the drawing keeps its full strength while something is looked for. Pure. */
import type { ViewModel } from "./viewmodel";
import type { Mode } from "./graph_keys";
import type { Box, Layout } from "./layout";
import { ancestors } from "./walk";

/** Ids that keep their full strength, or null for all. */
export function full_strength(map: Layout, vm: ViewModel, mode: Mode, selected: Box | undefined, causes: ReadonlySet<string>): Set<string> | null {
  const path_of = (box: Box): string => (box.shape === "member" ? box.id : vm.drawn(box.id));
  const { dim } = vm;
  if (dim) return new Set(map.boxes.filter((box) => dim.has(path_of(box)) || dim.has(box.id)).map((box) => box.id));
  if (vm.origin || mode === "all") return null;
  // The selection, everything before it on the way, what holds it, and the causes.
  if (mode === "focus") return selected ? ancestors(map, [...causes, selected.id]) : null;
  const wanted = (family: string): boolean => (mode === "failures" ? ["failure", "warning"].includes(family) : family !== "success");
  return new Set(map.boxes.filter((box) => wanted(vm.family(path_of(box)))).map((box) => box.id));
}
