/** The one state of the view that every panel shares: events, cursor, selection. No DOM here. */
import type { Answer, Ask, Block, Hop, Patch, Plan, TaskStatus, ViewData, ViewEvent } from "./protocol";

/** One attempt of one task at the cursor. */
export interface TaskView {
  task_id: string; workflow_id: string; path: string; place: string; ref: string; node: string; type: string;
  status: TaskStatus; attempt: number; iteration: number; optional: boolean; reused: boolean;
  scheduled_ms: number; start_ms: number; end_ms: number; not_before_ms: number;
  worker_id?: string; reason?: string; error?: { type: string; message: string };
  /** Switch: chosen case. Loop: current iteration. */
  chosen?: string; loop_iteration?: number; sub_workflow_id?: string;
  /** An operator's retry scheduled it. */
  by_hand: boolean;
  /** A newer attempt (or a newer sub-workflow execution) took its place. */
  retried: boolean; seq: number;
  /** Loop: how many iterations there will be, where the definition tells. */
  iterations?: number;
  /** `n` of the event that scheduled it and of the last one that changed it. */
  first_n: number; last_n: number;
}

/** The tree of executions folded up to the cursor. */
export interface Folded {
  n: number;
  status: Map<string, string>;
  tasks: Map<string, TaskView>;
  /** Task ids by run path, attempts in order. */
  by_path: Map<string, string[]>;
  /** Run paths by place (one per iteration), in order of first scheduling. */
  by_place: Map<string, string[]>;
  /** Iterations by run path of their loop. */
  loops: Map<string, LoopView>;
  /** Run paths of the tasks a dynamic fork made, by run path of the fork. */
  members: Map<string, string[]>;
}

/** Status family: what colour, border and glyph say. One per face of the drawing. */
export type Family =
  | "waiting" | "running" | "success" | "warning" | "failure" | "stopped" | "skipped" | "held" | "none" | "reused";

/** How many tasks of one iteration are in which family (newest attempts only). */
export interface IterationView {
  iteration: number; start_ms: number; end_ms: number;
  success: number; warning: number; failure: number; running: number; waiting: number; stopped: number;
}
/** The iterations of one loop (or the members of one dynamic fork, numbered from 1). */
export interface LoopView {
  items: IterationView[];
  /** Numbers of iterations with a failed task, ascending. */
  failed: number[];
}

export type Change = "cursor" | "selection" | "events" | "failure" | "structure" | "iteration" | "plan" | "theme" | "origin";

export interface ViewModel {
  readonly data: ViewData;
  readonly events: readonly ViewEvent[];
  /** State at the cursor. Cheap: nearest keyframe plus at most 500 events. */
  readonly now: Folded;
  /** State at the newest event. */
  readonly head: Folded;
  /** Cursor: 0 … events.length; follows new events while `following`. */
  readonly cursor: number;
  readonly following: boolean;
  /** Run path that is selected, with the attempt shown (null: newest at the cursor). */
  readonly selection: { path: string; task_id: string | null } | null;
  /** Which iteration of a loop place is drawn; null: the newest or the failed one. */
  iteration(place: string): number | null;

  seek(n: number): void;
  follow(): void;
  step(by: "event" | "task" | "failure", direction: 1 | -1): void;
  select(path: string | null, task_id?: string | null): void;
  show_iteration(place: string, iteration: number | null): void;
  patch(patch: Patch): void;
  ask<T>(question: DistributiveOmit<Ask, "id">): Promise<T>;
  answered(answer: Answer): void;
  on(change: Change | Change[], listener: () => void): () => void;
  block(place: string): Block | undefined;

  /** The replay plan shown on the graph; null: none. Setting it emits "plan". */
  plan: Plan | null;
  /** The origin route shown on the graph, newest hop first; null: none. Setting it emits "origin". */
  origin: { hops: Hop[]; leaf: string } | null;
  /** Hop of the route that is being walked, 0 = newest. Setting it emits "origin". */
  hop: number;
  /** Run paths that keep their full strength while everything else fades; null: none fades. */
  readonly dim: ReadonlySet<string> | null;
  /** Fade everything but these run paths (null: nothing). Emits "plan". */
  set_dim(paths: Iterable<string> | null): void;
  theme: "light" | "dark";
  /** Newest attempt of a run path at the cursor. */
  task(path: string): TaskView | undefined;
  /** Run path of a place in the iterations that are drawn now. */
  drawn(place: string): string;
  /** Iteration of a loop place that is drawn now, 0 before the first one. */
  drawn_iteration(place: string): number;
  /** Status family of a run path at the cursor ("none": not reached). */
  family(path: string): Family;
  /** Whether the run path is the cause of a failure (the only filled header), at the cursor. */
  is_cause(path: string): boolean;
}
export type DistributiveOmit<T, K extends keyof any> = T extends unknown ? Omit<T, K> : never;
