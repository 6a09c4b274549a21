/** Events to states and back.
 *
 * Rules of this file
 *  1. A `TaskView` is never changed; an event replaces it.
 *  2. Every event becomes a list of changes, each with the record before and after it. Going
 *     back is applying the same changes the other way round, so any move of the cursor costs
 *     by the events it passes, and no copy of a whole state is kept.
 *  3. The derived tables (attempts by path, iterations of loops) follow each change.
 */
import type { TaskStatus, ViewEvent } from "./protocol";
import type { Family, Folded, IterationView, LoopView, TaskView } from "./viewmodel";

export interface Change {
  /** Task id, or workflow id where `workflow` is true. */
  id: string;
  workflow: boolean;
  before: TaskView | string | undefined;
  after: TaskView | string | undefined;
  /** Loops (and dynamic forks) whose counts the task is in, with its iteration. */
  counts_for?: [string, number][];
}

const ENDED = new Set(["COMPLETED", "COMPLETED_WITH_ERRORS", "SKIPPED", "CANCELED", "FAILED", "FAILED_WITH_TERMINAL_ERROR", "TIMED_OUT"]);
const BAD = new Set(["FAILED", "FAILED_WITH_TERMINAL_ERROR", "TIMED_OUT"]);

export function is_ended(status: string): boolean {
  return ENDED.has(status);
}
export function is_bad(status: string): boolean {
  return BAD.has(status);
}

/** Status family of one attempt, the workflow's pause aside. */
export function family_of(task: TaskView): Family {
  const { status } = task;
  if (status === "COMPLETED") return task.reused ? "reused" : "success";
  if (status === "SCHEDULED") return "waiting";
  if (status === "IN_PROGRESS") return task.type === "HUMAN" ? "held" : "running";
  if (status === "COMPLETED_WITH_ERRORS") return "warning";
  if (status === "SKIPPED") return "skipped";
  if (status === "CANCELED") return "stopped";
  return task.optional ? "warning" : "failure";
}

export function empty_folded(): Folded {
  return {
    n: 0, status: new Map(), tasks: new Map(), by_path: new Map(), by_place: new Map(), loops: new Map(), members: new Map(),
  };
}

/** Turns events into changes, in order, each once. Keeps the newest state of its own. */
export class Journal {
  /** Changes of event `n` (from 1) are at index `n - 1`. */
  readonly changes: Change[][] = [];
  /** Run path that an execution has in the tree. */
  readonly path_of = new Map<string, string>();
  /** Loop (or dynamic fork) path and iteration that a run path counts for; shared by its changes. */
  private readonly counts_for = new Map<string, [string, number][]>();
  readonly head: Folded = empty_folded();
  private readonly parent_of = new Map<string, string>();
  private readonly children_of = new Map<string, string[]>();
  private readonly execution_at = new Map<string, string>();
  private readonly tasks_of = new Map<string, string[]>();
  /** Newest dynamic fork of an execution: its children are the tasks the definition lacks. */
  private readonly fork_of = new Map<string, string>();

  /** @param is_known whether the definitions have a box for a place. */
  constructor(private readonly is_known: (place: string) => boolean) {}

  add(event: ViewEvent): void {
    const changes = this.read(event);
    this.changes.push(changes);
    for (const change of changes) {
      if (!change.workflow) change.counts_for = this.counts_for.get(((change.after ?? change.before) as TaskView).path);
      apply_change(this.head, change, false);
    }
    this.head.n = this.changes.length;
  }

  private read(event: ViewEvent): Change[] {
    const kind = event.kind;
    const data = event.data ?? {};
    if (event.task_id) {
      if (kind === "TaskScheduled" || kind === "TaskReused") return this.scheduled(event, data);
      const before = this.head.tasks.get(event.task_id);
      const after = before && next_view(before, event, data);
      if (before && after && after !== before) return [{ id: event.task_id, workflow: false, before, after }];
    }
    switch (kind) {
      case "WorkflowStarted": return this.started(event, data);
      case "WorkflowEnded": return this.to_status(event, String(data.status ?? "COMPLETED"));
      case "WorkflowPaused": return this.to_status(event, "PAUSED");
      case "WorkflowResumed": case "WorkflowRetried": case "WorkflowRevived": return this.to_status(event, "RUNNING");
      case "WorkflowRestarted": return [...this.forget(event.workflow_id), ...this.to_status(event, "RUNNING")];
      case "WorkflowRerun":
        return [...(data.from_start ? this.forget(event.workflow_id) : []), ...this.to_status(event, "RUNNING")];
      case "TasksRemoved": return this.removed(event, (data.task_ids as string[] | undefined) ?? []);
      default: return [];
    }
  }

  private to_status(event: ViewEvent, status: string): Change[] {
    return [{ id: event.workflow_id, workflow: true, before: this.head.status.get(event.workflow_id), after: status }];
  }

  private started(event: ViewEvent, data: Record<string, unknown>): Change[] {
    const path = event.path ?? "";
    const id = event.workflow_id;
    const changes = this.to_status(event, "RUNNING");
    const former = this.execution_at.get(path);
    if (former !== undefined && former !== id) changes.push(...this.retire(former));
    this.execution_at.set(path, id);
    this.path_of.set(id, path);
    const parent = data.parent_workflow_id as string | undefined;
    if (parent) {
      this.parent_of.set(id, parent);
      push(this.children_of, parent, id);
    }
    return changes;
  }

  /** A newer sub-workflow execution takes the place of `workflow_id`: its tasks are of the past. */
  private retire(workflow_id: string): Change[] {
    const changes: Change[] = [];
    for (const id of this.tasks_of.get(workflow_id) ?? []) {
      const before = this.head.tasks.get(id);
      if (before && !before.retried) changes.push({ id, workflow: false, before, after: { ...before, retried: true } });
    }
    for (const child of this.children_of.get(workflow_id) ?? []) changes.push(...this.retire(child));
    return changes;
  }

  /** All tasks of an execution and of those inside it go. */
  private forget(workflow_id: string): Change[] {
    const changes: Change[] = [];
    for (const id of this.tasks_of.get(workflow_id) ?? []) {
      const before = this.head.tasks.get(id);
      if (before) changes.push({ id, workflow: false, before, after: undefined });
    }
    for (const child of this.children_of.get(workflow_id) ?? []) changes.push(...this.forget(child));
    return changes;
  }

  private removed(event: ViewEvent, ids: string[]): Change[] {
    // keepLastN drops records of old iterations from the state. They did happen, so they stay.
    if (event.data?.keep_last_n) return [];
    const changes: Change[] = [];
    for (const id of ids) {
      const before = this.head.tasks.get(id);
      if (before) changes.push({ id, workflow: false, before, after: undefined });
    }
    return changes;
  }

  private scheduled(event: ViewEvent, data: Record<string, unknown>): Change[] {
    const task = first_view(event, data);
    push(this.tasks_of, event.workflow_id, task.task_id);
    this.count_for(task);
    const changes: Change[] = [];
    const replaced = data.retried_task_id as string | undefined;
    const old = replaced ? this.head.tasks.get(replaced) : undefined;
    if (old && !old.retried) changes.push({ id: old.task_id, workflow: false, before: old, after: { ...old, retried: true, last_n: event.n } });
    changes.push({ id: task.task_id, workflow: false, before: this.head.tasks.get(task.task_id), after: task });
    return changes;
  }

  /** Notes once which loops and which dynamic fork a run path belongs to. */
  private count_for(task: TaskView): void {
    const { path } = task;
    if (task.type === "FORK_JOIN_DYNAMIC") this.fork_of.set(task.workflow_id, path);
    if (this.counts_for.has(path)) return;
    const places = loops_of(path);
    const fork = this.fork_of.get(task.workflow_id);
    const root = this.path_of.get(task.workflow_id) ?? "";
    if (fork !== undefined && task.type !== "JOIN" && !this.is_known(task.place) && container_of(path) === container_of(fork)) {
      const members = this.head.members.get(fork) ?? [];
      if (!members.length) this.head.members.set(fork, members);
      members.push(path);
      places.push([fork, members.length]);
    } else if (fork !== undefined && root !== "") {
      // A task inside a sub-workflow that a dynamic fork made counts for that member too.
      const owner = this.counts_for.get(root)?.find(([of]) => this.head.members.has(of));
      if (owner) places.push(owner);
    }
    this.counts_for.set(path, places);
  }
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

function container_of(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

/** `a/l[3]/s/m[2]/x` is in iteration 3 of `a/l` and in iteration 2 of `a/l[3]/s/m`. */
function loops_of(path: string): [string, number][] {
  const found: [string, number][] = [];
  for (let open = path.indexOf("["); open >= 0; open = path.indexOf("[", open + 1)) {
    const close = path.indexOf("]", open);
    if (path[close + 1] === "/") found.push([path.slice(0, open), Number(path.slice(open + 1, close))]);
  }
  return found;
}

function first_view(event: ViewEvent, data: Record<string, unknown>): TaskView {
  const status = (data.status as TaskStatus | undefined) ?? "SCHEDULED";
  const ended = is_ended(status);
  const path = event.path ?? event.ref ?? "";
  const view: TaskView = {
    task_id: event.task_id!, workflow_id: event.workflow_id, path, place: path.includes("[") ? path.replace(/\[\d+\]/g, "") : path,
    ref: event.ref ?? "", node: (data.node as string | undefined) ?? event.ref ?? "", type: (data.task_type as string | undefined) ?? "SIMPLE",
    status, attempt: event.attempt ?? 1, iteration: event.iteration ?? 0, optional: data.optional === true,
    // A loop or sub-workflow that was reopened in a branch is taken over, but runs here.
    reused: (event.kind === "TaskReused" || data.reused === true) && ended,
    scheduled_ms: event.wall_ms, start_ms: ended || status === "IN_PROGRESS" ? event.wall_ms : 0, end_ms: ended ? event.wall_ms : 0,
    not_before_ms: (data.not_before_ms as number | undefined) ?? 0, by_hand: data.by_operator === true, retried: false, seq: (data.seq as number | undefined) ?? 0,
    first_n: event.n, last_n: event.n,
  };
  if (data.start_ms) view.start_ms = data.start_ms as number;
  // What was reopened in a branch runs since the branch was made, not since the original began.
  if (event.kind === "TaskReused" && !ended && view.start_ms) view.start_ms = Math.max(view.start_ms, event.wall_ms);
  if (data.end_ms) view.end_ms = data.end_ms as number;
  if (data.iterations) view.iterations = data.iterations as number;
  return take_over(view, data);
}

const FINAL: Record<string, TaskStatus> = {
  TaskCompleted: "COMPLETED", TaskFailed: "FAILED", TaskTimedOut: "TIMED_OUT", TaskCanceled: "CANCELED",
};

/** The record after an event that concerns it; the same one when nothing a person sees changed. */
function next_view(before: TaskView, event: ViewEvent, data: Record<string, unknown>): TaskView {
  const kind = event.kind;
  const view = { ...before };
  if (kind === "TaskStarted") {
    view.status = "IN_PROGRESS";
    view.start_ms ||= event.wall_ms;
    view.not_before_ms = 0;
  } else if (kind in FINAL) {
    view.status = (data.status as TaskStatus | undefined) ?? FINAL[kind]!;
    if (!is_ended(before.status)) {
      view.end_ms = event.wall_ms;
      if (kind !== "TaskCanceled") view.start_ms ||= event.wall_ms;
    }
  } else if (kind === "BranchChosen") {
    view.chosen = data.case === undefined || data.case === null ? "" : String(data.case);
  } else if (kind === "LoopIterated") {
    view.loop_iteration = (data.iteration as number | undefined) ?? view.loop_iteration;
  } else if (kind === "TaskUpdated" || kind === "TaskReset" || kind === "SubWorkflowStarted" || kind === "LeaseExtended") {
    if (data.status) view.status = data.status as TaskStatus;
    if (kind === "SubWorkflowStarted") view.start_ms ||= event.wall_ms;
    if (kind === "TaskReset" && !is_ended(view.status)) view.end_ms = 0;
    if (kind === "TaskReset" && typeof data.retried === "boolean") view.retried = data.retried;
  } else {
    return before;
  }
  take_over(view, data);
  if (kind === "LeaseExtended" && view.worker_id === before.worker_id && view.status === before.status) return before;
  view.last_n = event.n;
  return view;
}

function take_over(view: TaskView, data: Record<string, unknown>): TaskView {
  if (data.worker_id) view.worker_id = data.worker_id as string;
  if (data.reason !== undefined) view.reason = (data.reason as string | null) ?? undefined;
  if (data.error) view.error = data.error as { type: string; message: string };
  if (data.sub_workflow_id) view.sub_workflow_id = data.sub_workflow_id as string;
  if (typeof data.not_before_ms === "number") view.not_before_ms = data.not_before_ms;
  if (typeof data.optional === "boolean") view.optional = data.optional;
  return view;
}

/** Applies one change to a state; `back` undoes it. */
export function apply_change(state: Folded, change: Change, back: boolean): void {
  const before = back ? change.after : change.before;
  const after = back ? change.before : change.after;
  if (change.workflow) {
    if (after === undefined) state.status.delete(change.id);
    else state.status.set(change.id, after as string);
    return;
  }
  const old = before as TaskView | undefined;
  const task = after as TaskView | undefined;
  if (task) state.tasks.set(change.id, task);
  else state.tasks.delete(change.id);
  if (!old && task) enlist(state, task);
  else if (old && !task) strike(state, old);
  if (change.counts_for) for (const [loop, iteration] of change.counts_for) recount(state, loop, iteration, old, task);
}

function enlist(state: Folded, task: TaskView): void {
  const attempts = state.by_path.get(task.path);
  if (attempts) {
    attempts.push(task.task_id);
    return;
  }
  state.by_path.set(task.path, [task.task_id]);
  push(state.by_place, task.place, task.path);
}

function strike(state: Folded, task: TaskView): void {
  const attempts = state.by_path.get(task.path);
  if (!attempts) return;
  const at = attempts.lastIndexOf(task.task_id);
  if (at >= 0) attempts.splice(at, 1);
  if (attempts.length) return;
  state.by_path.delete(task.path);
  const paths = state.by_place.get(task.place)!;
  const index = paths.lastIndexOf(task.path);
  if (index >= 0) paths.splice(index, 1);
  if (!paths.length) state.by_place.delete(task.place);
}

type Tally = "success" | "warning" | "failure" | "running" | "waiting" | "stopped";
function tally_of(task: TaskView | undefined): Tally | null {
  if (!task || task.retried) return null;
  const family = family_of(task);
  if (family === "reused") return "success";
  if (family === "skipped") return "stopped";
  return family === "held" ? "running" : (family as Tally);
}

function recount(state: Folded, loop: string, iteration: number, old: TaskView | undefined, task: TaskView | undefined): void {
  const from = tally_of(old);
  const to = tally_of(task);
  if (from === to && !(task && task.end_ms !== old?.end_ms)) return;
  let view = state.loops.get(loop);
  if (!view) state.loops.set(loop, (view = { items: [], failed: [] }));
  const item = item_of(view, iteration);
  const failures = item.failure;
  if (from) item[from]--;
  if (to) item[to]++;
  if (task && !old && (!item.start_ms || task.scheduled_ms < item.start_ms)) item.start_ms = task.scheduled_ms;
  if (task && task.end_ms > item.end_ms) item.end_ms = task.end_ms;
  if (!failures !== !item.failure) mark_failed(view, iteration, item.failure > 0);
  if (!to) shorten(view);
  if (!view.items.length) state.loops.delete(loop);
}

function item_of(view: LoopView, iteration: number): IterationView {
  while (view.items.length < iteration) {
    view.items.push({
      iteration: view.items.length + 1, start_ms: 0, end_ms: 0, success: 0, warning: 0, failure: 0, running: 0, waiting: 0, stopped: 0,
    });
  }
  return view.items[iteration - 1]!;
}

/** Iterations that the cursor left behind at the end of the list go. */
function shorten(view: LoopView): void {
  for (let last = view.items[view.items.length - 1]; last && is_blank(last); last = view.items[view.items.length - 1]) view.items.pop();
}
function is_blank(item: IterationView): boolean {
  return !(item.success || item.warning || item.failure || item.running || item.waiting || item.stopped);
}

function mark_failed(view: LoopView, iteration: number, failed: boolean): void {
  let low = 0;
  let high = view.failed.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    if (view.failed[mid]! < iteration) low = mid + 1;
    else high = mid;
  }
  if (failed) view.failed.splice(low, 0, iteration);
  else if (view.failed[low] === iteration) view.failed.splice(low, 1);
}

/** Status family of one iteration: the worst that is in it. */
export function iteration_family(item: IterationView | undefined): Family {
  if (!item) return "none";
  if (item.failure) return "failure";
  if (item.running) return "running";
  if (item.waiting) return "waiting";
  if (item.stopped && !item.success) return "stopped";
  if (item.warning) return "warning";
  return item.success ? "success" : "none";
}
