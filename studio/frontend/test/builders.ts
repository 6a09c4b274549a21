/** Builders of blocks and histories for the tests and the development page. */
import type { Block, Branch, ViewData, ViewEvent } from "../src/protocol";

export function task(place: string, extra: Partial<Block> = {}): Block {
  const ref = place.slice(place.lastIndexOf("/") + 1);
  return { ref, place, name: ref, type: "SIMPLE", kind: "task", word: "Worker", ...extra };
}
export function loop(place: string, body: Block[]): Block {
  return task(place, { type: "DO_WHILE", kind: "loop", word: "Do while", body });
}
export function sub(place: string, body?: Block[]): Block {
  return task(place, { type: "SUB_WORKFLOW", kind: "sub", word: "Sub-workflow", body, sub: { name: place, version: 1 } });
}
export function fork(place: string, branches: Block[][], join_ref = "join"): Block {
  const container = place.slice(0, place.lastIndexOf("/"));
  return task(place, {
    type: "FORK_JOIN", kind: "fork", word: "Fork",
    branches: branches.map((blocks, i) => ({ label: String(i + 1), blocks })),
    join: { ref: join_ref, place: `${container}/${join_ref}`, join_on: branches.map((b) => b[b.length - 1]?.ref ?? ""), type: "JOIN" },
  });
}
export function choice(place: string, branches: Branch[], hint = "risk"): Block {
  return task(place, { type: "SWITCH", kind: "switch", word: "Switch", branches, hint });
}

/** A history as it grows: each call adds one event. */
export class History {
  readonly events: ViewEvent[] = [];
  private readonly numbers = new Map<string, number>();
  private readonly first = new Map<string, ViewEvent>();
  private ids = 0;
  constructor(public wall_ms = Date.UTC(2026, 2, 14, 14, 2, 11), readonly root = "w") {}

  add(kind: string, fields: Partial<ViewEvent> = {}): ViewEvent {
    const workflow_id = fields.workflow_id ?? this.root;
    const number = (this.numbers.get(workflow_id) ?? 0) + 1;
    this.numbers.set(workflow_id, number);
    const event: ViewEvent = { n: this.events.length + 1, number, kind, wall_ms: this.wall_ms, actor: "engine", ...fields, workflow_id };
    this.events.push(event);
    return event;
  }
  wait(ms: number): this {
    this.wall_ms += ms;
    return this;
  }
  start(path: string, data: Record<string, unknown> = {}, workflow_id = this.root): void {
    this.add("WorkflowStarted", { path, data, workflow_id });
  }
  schedule(path: string, data: Record<string, unknown> = {}, fields: Partial<ViewEvent> = {}): string {
    const task_id = `t${++this.ids}`;
    const iteration = Number(/\[(\d+)\][^[]*$/.exec(path)?.[1] ?? 0);
    const leaf = path.slice(path.lastIndexOf("/") + 1);
    const event = this.add("TaskScheduled", {
      task_id, path, ref: iteration ? `${leaf}__${iteration}` : leaf, iteration, attempt: 1,
      data: { task_type: "SIMPLE", node: leaf, status: "SCHEDULED", seq: this.ids, ...data }, ...fields,
    });
    this.first.set(task_id, event);
    return task_id;
  }
  begin(task_id: string, worker_id = "w-1"): void {
    this.of(task_id, "TaskStarted", { worker_id }, `worker:${worker_id}`);
  }
  end(task_id: string, kind = "TaskCompleted", data: Record<string, unknown> = {}): void {
    this.of(task_id, kind, data);
  }
  of(task_id: string, kind: string, data: Record<string, unknown> = {}, actor = "engine"): void {
    const first = this.first.get(task_id)!;
    this.add(kind, {
      task_id, path: first.path, ref: first.ref, iteration: first.iteration, attempt: first.attempt, workflow_id: first.workflow_id, data, actor,
    });
  }
  /** Schedules, starts and ends a task. */
  run(path: string, ms: number, data: Record<string, unknown> = {}, kind = "TaskCompleted", ending: Record<string, unknown> = {}, fields: Partial<ViewEvent> = {}): string {
    const id = this.schedule(path, data, fields);
    this.wait(4).begin(id);
    this.wait(ms).end(id, kind, ending);
    return id;
  }
}

export function view_data(blocks: Block[], events: ViewEvent[], extra: Partial<ViewData> = {}): ViewData {
  return {
    workflow_id: "w", name: "flow", version: 1, status: "RUNNING", start_ms: events[0]?.wall_ms ?? 0, end_ms: 0, input_line: "", blocks, events,
    event_count: events.length, failure: null, branches: [], capabilities: [], mode: "page", ...extra,
  };
}
