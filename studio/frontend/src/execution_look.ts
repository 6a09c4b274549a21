/** How an execution stands, in one word and colour wherever it is said; and how many tasks it has. Pure. */
import type { Family, Folded, ViewModel } from "./viewmodel";
import type { GlyphName } from "./glyphs";

const LOOKS: Record<string, [Family, GlyphName]> = {
  RUNNING: ["running", "running"], PAUSED: ["held", "held"], COMPLETED: ["success", "success"], COMPLETED_WITH_ERRORS: ["warning", "warning"],
  FAILED: ["failure", "failure"], TIMED_OUT: ["failure", "timeout"], TERMINATED: ["stopped", "stopped"],
};
export function look_of(status: string): [Family, GlyphName] {
  return LOOKS[status] ?? ["waiting", "waiting"];
}

/** Status of the execution; COMPLETED_WITH_ERRORS where an optional task of its own failed on the way: what lists call "With errors". */
export function execution_status(vm: ViewModel): string {
  const { status, workflow_id } = vm.data;
  if (status !== "COMPLETED") return status;
  for (const task of vm.head.tasks.values()) if (task.status === "COMPLETED_WITH_ERRORS" && task.workflow_id === workflow_id) return "COMPLETED_WITH_ERRORS";
  return status;
}

/** Tasks of the tree, each once however often it was attempted. */
export function task_count(folded: Folded): number {
  let tasks = 0;
  for (const task of folded.tasks.values()) if (!task.retried) tasks++;
  return tasks;
}
