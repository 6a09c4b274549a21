/** What Python sends to the execution view and what the view asks back. JSON only.
 *
 * Paths. A *run path* names a task of the whole execution tree, attempts aside:
 *   `order_flow/fulfil/line_items[37]/charge_card`
 * = workflow name, then per level a task reference; a sub-workflow task is a level, a loop is a
 * level with its iteration in brackets; forks and switches are no levels. A *place* is the run
 * path without brackets: one box of the drawing.
 */

export type TaskStatus =
  | "SCHEDULED" | "IN_PROGRESS" | "COMPLETED" | "COMPLETED_WITH_ERRORS" | "SKIPPED"
  | "CANCELED" | "FAILED" | "FAILED_WITH_TERMINAL_ERROR" | "TIMED_OUT";
export type WorkflowStatus =
  | "RUNNING" | "PAUSED" | "COMPLETED" | "FAILED" | "TIMED_OUT" | "TERMINATED";

/** One workflow task of a definition, with what it contains. Static: sent once. */
export interface Block {
  ref: string;
  /** Place of the box (see above). */
  place: string;
  name: string;
  /** Conductor's task type: SIMPLE, HTTP, FORK_JOIN … */
  type: string;
  /** `task` has no inside; `fork` and `switch` have branches; `loop` and `sub` have a body. */
  kind: "task" | "fork" | "switch" | "loop" | "sub";
  /** The type in a person's words: "Worker", "HTTP", "Wait", "Do while", "Sub-workflow". */
  word: string;
  optional?: boolean;
  /** Switch: expression text in short, e.g. "risk". */
  hint?: string;
  branches?: Branch[];
  /** Fork: the JOIN that follows it (drawn as the closing bar). */
  join?: { ref: string; place: string; join_on: string[]; type: string };
  /** Loop body, or the definition of the sub-workflow (absent while unknown). */
  body?: Block[];
  /** Sub-workflow definition: name and version. */
  sub?: { name: string; version: number | null };
}
export interface Branch { label: string; is_default?: boolean; blocks: Block[] }

/** One history event, stripped of payloads. `n` orders the whole execution tree from 1. */
export interface ViewEvent {
  n: number;
  /** Execution the event belongs to, and its number there. */
  workflow_id: string;
  number: number;
  kind: string;
  wall_ms: number;
  actor: string;
  task_id?: string;
  ref?: string;
  attempt?: number;
  iteration?: number;
  path?: string;
  /** Number (same execution) of the causal parent; 0 or absent: none. */
  parent?: number;
  /** Kind-specific: status, task_type, node, reason, worker_id, error {type, message}, case,
   *  not_before_ms, sub_workflow_id, optional, value, reused (true), retried_task_id, … */
  data?: Record<string, unknown>;
}

export interface Frame { file: string; line: number; function: string; source?: [number, string][] }

/** Why it failed: from the outermost execution to the deepest cause. */
export interface FailureChain {
  /** What the strip is labelled with; absent: "cause". `optional` ones are amber, never causes. */
  role?: "cause" | "failing" | "terminated" | "optional" | "compensating";
  chips: { label: string; note?: string; path: string; task_id?: string; kind: "workflow" | "task" | "iteration" | "error" }[];
  cause: {
    path: string; task_id: string; workflow_id: string; attempt: number; attempts: number; status: TaskStatus;
    type: string; message: string; frames: Frame[]; worker_id?: string; seconds?: number; event_n?: number;
  };
  /** Run paths that failed, were cancelled or never scheduled because of the cause. */
  consequences: { path: string; what: string }[];
  fingerprint: string;
  same_error_count?: number;
}
export interface Failure { chains: FailureChain[]; independent: number; optional?: FailureChain[] }

/** Everything needed to draw; sent once when the view opens. */
export interface ViewData {
  workflow_id: string;
  name: string;
  version: number;
  status: WorkflowStatus;
  correlation_id?: string | null;
  start_ms: number;
  end_ms: number;
  /** One line for the start pill, e.g. `coupon = "SPRING140"`. */
  input_line: string;
  blocks: Block[];
  /** All events known at opening, in order of `n`. Long histories come in chunks by `ask("events")`. */
  events: ViewEvent[];
  /** Number of events there are; more than `events.length` while chunks are missing. */
  event_count: number;
  failure: Failure | null;
  /** Family: the original and its branches. */
  branches: { workflow_id: string; status: WorkflowStatus; with_errors?: boolean; from?: string; edits?: number; original: boolean; current: boolean }[];
  /** What this back end can do: "branch", "retry", "pause", "terminate", "origin", "live", "logs". */
  capabilities: string[];
  /** Why something of these can't be done here: a sentence by capability. */
  missing?: Record<string, string>;
  /** `page`: all panels, the URL is kept; `cell`: strip, graph, cursor, slim inspector; `file`: no back end. */
  mode: "page" | "cell" | "file";
  theme?: "light" | "dark" | "auto";
}

/** Pushed for a live execution, at most ten a second. `seq` grows with every push. */
export interface Patch {
  seq: number;
  events: ViewEvent[];
  status: WorkflowStatus;
  end_ms: number;
  failure?: Failure | null;
  /** A sub-workflow whose definition was not known before. */
  bodies?: { place: string; body: Block[]; sub: { name: string; version: number } }[];
}

/** Questions of the view. Python answers each with an `Answer` of the same id. */
export type Ask =
  | { id: number; what: "task"; workflow_id: string; task_id: string }                 // → TaskDetail
  | { id: number; what: "events"; after: number; limit: number }                       // → ViewEvent[]
  | { id: number; what: "event"; workflow_id: string; number: number }                 // → the whole event
  | { id: number; what: "logs"; task_id?: string }                                     // → LogLine[]
  | { id: number; what: "definition" }                                                 // → WorkflowDef JSON
  | { id: number; what: "execution" }                                                  // → Workflow JSON
  | { id: number; what: "origin"; workflow_id: string; task_id: string; leaf: string } // → Hop[]
  | { id: number; what: "plan"; workflow_id: string; task_id: string }                 // → Plan
  | { id: number; what: "branch"; workflow_id: string; task_id: string; edits: Record<string, unknown> } // → { workflow_id }
  | { id: number; what: "action"; action: "pause" | "resume" | "terminate" | "retry" | "restart"; reason?: string };
export interface Answer { id: number; value?: unknown; error?: string }

export interface TaskDetail {
  task_id: string; workflow_id: string; path: string; ref: string; name: string; type: string; word: string;
  status: TaskStatus; attempt: number; worker_id?: string | null; reason?: string | null;
  scheduled_ms: number; start_ms: number; end_ms: number;
  input: unknown; output: unknown; input_bytes: number; output_bytes: number;
  /** Leaves of the input that came from an expression. */
  origins: { path: string; expression: string; source: string; fallback?: boolean }[];
  error?: { type: string; message: string; frames: Frame[] } | null;
  attempts: { task_id: string; attempt: number; status: TaskStatus; end_ms: number; start_ms: number; worker_id?: string | null; error?: string | null }[];
  retry_note?: string;
  /** The workflow task as the definition has it, and its task definition. */
  workflow_task: unknown;
}
export interface Hop { path: string; task_id?: string; what: string; expression?: string; value: unknown; note?: string }
export interface LogLine { task_id: string; ref: string; wall_ms: number; text: string }
export interface Plan {
  workflow_id: string; task_id: string; path: string;
  reused: string[]; will_run: string[]; not_affected: string[]; side_effects: string[];
  sentence: string;
  /** Input of the task itself, editable; plus the execution's input. */
  input: Record<string, unknown>;
}
