/** Attempts of one run path in rounds: the engine's own retries, cut where somebody began anew. Pure.
 *
 * The engine numbers attempts within one execution. A retry in place may give a sub-workflow a new
 * execution, whose tasks are numbered from 1 again although they stand at the same run path.
 */
import type { ViewEvent } from "../protocol";
import type { Folded, TaskView } from "../viewmodel";
import { clock } from "../format";
import type { Span } from "./time_scale";

export interface Round {
  attempts: TaskView[];
  /** Whether an operator's retry led to it; false for the first one and for what the engine began anew itself. */
  by_hand: boolean;
  /** When its first attempt was scheduled. */
  from_ms: number;
}

/** Attempts, oldest first, cut into rounds. */
export function rounds_of(attempts: readonly TaskView[], folded: Folded): Round[] {
  const rounds: Round[] = [];
  attempts.forEach((task, i) => {
    const before = attempts[i - 1];
    const by_hand = !!before && is_by_hand(task, before, folded);
    if (before && !by_hand && task.workflow_id === before.workflow_id) rounds[rounds.length - 1]!.attempts.push(task);
    else rounds.push({ attempts: [task], by_hand, from_ms: task.scheduled_ms });
  });
  return rounds;
}

/** Whether an operator caused an attempt: of the task itself, or of a sub-workflow around it. */
export function is_by_hand(task: TaskView, before: TaskView, folded: Folded): boolean {
  if (task.workflow_id === before.workflow_id) return task.by_hand;
  const owner = owner_of(task, folded), former = owner_of(before, folded);
  return !!owner && !!former && owner !== former && is_by_hand(owner, former, folded);
}

/** The sub-workflow task that started the execution of a task. */
function owner_of(task: TaskView, folded: Folded): TaskView | null {
  for (let at = task.path.lastIndexOf("/"); at > 0; at = task.path.lastIndexOf("/", at - 1)) {
    // `a/l[3]` is no task: inside a loop the owner is further out.
    for (const id of folded.by_path.get(task.path.slice(0, at)) ?? []) {
      const owner = folded.tasks.get(id);
      if (owner?.sub_workflow_id === task.workflow_id) return owner;
    }
  }
  return null;
}

/** "attempt 3 of 3" by the engine's numbers; "" for the only one. `allowed`: attempts the definition gives, where known. */
export function attempt_words(task: TaskView, attempts: readonly TaskView[], allowed = 0): string {
  const same = attempts.filter((one) => one.workflow_id === task.workflow_id);
  const most = Math.max(task.attempt, allowed, ...same.map((one) => one.attempt));
  return most > 1 ? `attempt ${task.attempt} of ${most}` : "";
}

/** "retried by hand at 07:13": the newest such round up to an attempt; "" when there was none. */
export function by_hand_words(rounds: readonly Round[], task: TaskView | null = null): string {
  const last = task ? rounds.findIndex((round) => round.attempts.includes(task)) : rounds.length - 1;
  const found = rounds.slice(0, last + 1).filter((round) => round.by_hand).pop();
  return found ? `retried by hand at ${minute(found.from_ms)}` : "";
}

export function minute(ms: number): string {
  return clock(ms, false).slice(0, 5);
}

const REOPENS = new Map([
  ["WorkflowRetried", "retried"], ["WorkflowRestarted", "restarted"], ["WorkflowRerun", "rerun"], ["WorkflowRevived", "opened again"],
]);

/** How long one execution stood ended before somebody opened it again: nothing worked in it then. */
export function ended_spans(events: readonly ViewEvent[], workflow_id: string): (Span & { word: string })[] {
  const spans: (Span & { word: string })[] = [];
  let ended = 0;
  for (const event of events) {
    if (event.workflow_id !== workflow_id) continue;
    const word = REOPENS.get(event.kind);
    if (event.kind === "WorkflowEnded") ended = event.wall_ms;
    else if (word) {
      // Opened by a retry inside: the operator's deed was that retry.
      if (ended) spans.push({ from: ended, to: event.wall_ms, word: word === "opened again" ? "retried" : word });
      ended = 0;
    }
  }
  return spans;
}

/** Milliseconds of a span without those in which the execution stood ended. */
export function worked_ms(span: Span, ended: readonly Span[]): number {
  return ended.reduce((rest, gap) => rest - Math.max(0, Math.min(span.to, gap.to) - Math.max(span.from, gap.from)), span.to - span.from);
}
