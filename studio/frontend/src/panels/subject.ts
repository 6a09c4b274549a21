/** What the inspector is about: the execution, a task, an iteration. Pure. */
import type { Block } from "../protocol";
import type { TaskView, ViewModel } from "../viewmodel";
import { place_of } from "../format";
import { leaf_iteration, without_iteration } from "./run_path";

export interface Subject {
  kind: "execution" | "task" | "loop" | "fork" | "sub" | "iteration";
  path: string;
  block: Block | undefined;
  /** Attempts that exist at the cursor, oldest first. */
  attempts: TaskView[];
  /** The attempt that is shown. */
  task: TaskView | null;
  /** The first attempt at the newest event: tells "not yet" from "never". */
  later: TaskView | null;
}

export function subject_of(vm: ViewModel): Subject {
  const path = vm.selection?.path ?? "";
  const nobody = { block: undefined, attempts: [], task: null, later: null };
  if (!path || !path.includes("/")) return { kind: "execution", path: vm.data.name, ...nobody };
  const loop = leaf_iteration(path) === null ? null : without_iteration(path);
  if (loop) return { kind: "iteration", path, ...nobody, block: vm.block(place_of(loop)) };
  const block = vm.block(place_of(path));
  const attempts = views(vm, path, "now");
  const wanted = vm.selection?.task_id;
  const task = attempts.find((attempt) => attempt.task_id === wanted) ?? attempts[attempts.length - 1] ?? null;
  const later = views(vm, path, "head")[0] ?? null;
  const kind = block?.kind === "loop" || block?.kind === "fork" || block?.kind === "sub" ? block.kind : "task";
  return { kind, path, block, attempts, task, later };
}

function views(vm: ViewModel, path: string, state: "now" | "head"): TaskView[] {
  const folded = vm[state];
  return (folded.by_path.get(path) ?? []).map((id) => folded.tasks.get(id)).filter((task): task is TaskView => task !== undefined);
}

/** Numbers of the failed iterations around a selection, and the loop they belong to. */
export function failures_around(vm: ViewModel): { loop: string; failed: number[]; at: number } | null {
  const path = vm.selection?.path ?? "";
  const inside = /^(.*)\[(\d+)\][^[]*$/.exec(path);
  const loops = vm.now.loops;
  if (vm.block(place_of(path))?.kind === "loop" && loops.has(path)) return { loop: path, failed: loops.get(path)!.failed, at: 0 };
  if (inside && loops.has(inside[1]!)) return { loop: inside[1]!, failed: loops.get(inside[1]!)!.failed, at: Number(inside[2]) };
  for (const [loop, view] of loops) if (view.failed.length && !vm.now.members.has(loop)) return { loop, failed: view.failed, at: 0 };
  return null;
}

/** The failed iteration after (or before) one, going round at the ends; null when none failed. */
export function next_failure(failed: readonly number[], at: number, direction: 1 | -1): number | null {
  if (!failed.length) return null;
  if (direction > 0) return failed.find((n) => n > at) ?? failed[0]!;
  return failed.findLast((n) => n < at) ?? failed[failed.length - 1]!;
}

/** Run path of the failed task in an iteration, or the iteration itself. */
export function failed_task_in(vm: ViewModel, iteration_path: string, block: Block | undefined): string {
  const open = [...(block?.body ?? [])];
  while (open.length) {
    const next = open.shift()!;
    const path = `${iteration_path}/${next.ref}`;
    if (vm.family(path) === "failure" && next.kind === "task") return path;
    for (const branch of next.branches ?? []) open.push(...branch.blocks);
  }
  return iteration_path;
}
