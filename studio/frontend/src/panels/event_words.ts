/** A history event in one line of plain words. Pure. */
import type { ViewEvent } from "../protocol";
import { clock, status_word } from "../format";
import { value_brief } from "./json_value";

type Data = Record<string, unknown>;

function text(value: unknown): string {
  return value === undefined || value === null ? "" : String(value);
}

function joined(...parts: (string | false | undefined)[]): string {
  return parts.filter(Boolean).join(", ");
}

function error_of(data: Data): string {
  const error = data.error as { type?: string; message?: string } | undefined;
  return error?.type ? `${error.type}: ${error.message ?? ""}` : text(data.reason);
}

const WORDS: Record<string, (data: Data, event: ViewEvent) => string> = {
  WorkflowStarted: (data) => joined("Execution started", data.name !== undefined && `${text(data.name)}${data.version ? ` version ${text(data.version)}` : ""}`),
  WorkflowAdmitted: () => "Let in: executions before it have left the rate limit",
  MessageReceived: () => "Message received",
  WorkflowPaused: (data) => joined("Paused", text(data.reason)),
  WorkflowResumed: () => "Resumed",
  WorkflowRetried: () => "Retried in place, by hand",
  WorkflowRestarted: () => "Restarted in place",
  WorkflowRerun: () => "Rerun in place",
  WorkflowRevived: () => "Opened again",
  WorkflowEnded: (data) => joined(`Execution ${status_word(text(data.status)).toLowerCase()}`, text(data.reason)),
  TaskScheduled: (data, event) => joined(`Scheduled ${text(data.task_type)}`, (event.attempt ?? 1) > 1 && `attempt ${event.attempt}`,
    typeof data.not_before_ms === "number" && data.not_before_ms > event.wall_ms && `not before ${clock(data.not_before_ms)}`),
  TaskReused: () => "Output reused",
  TaskStarted: (data) => (data.worker_id ? `Started by ${text(data.worker_id)}` : "Started"),
  TaskUpdated: (data) => joined("Updated", data.status !== undefined && status_word(text(data.status)).toLowerCase(), text(data.reason)),
  LeaseExtended: (data) => joined("Worker is still on it", text(data.worker_id)),
  TaskCompleted: (data) => (data.status && data.status !== "COMPLETED" ? joined(status_word(text(data.status)), error_of(data)) : "Completed"),
  TaskFailed: (data) => joined(data.status ? status_word(text(data.status)) : "Failed", error_of(data)),
  TaskTimedOut: (data) => joined("Timed out", text(data.timeout), text(data.reason)),
  TaskCanceled: (data) => joined("Canceled", text(data.reason)),
  TaskReset: () => "Opened again by an operator",
  TasksEvaluated: () => "Evaluated, nothing follows",
  TasksRemoved: () => "Records of old tasks removed",
  BranchChosen: (data) => `Case ${value_brief(data.case ?? null)} chosen`,
  LoopIterated: (data) => `Iteration ${text(data.iteration)} begins`,
  LoopConditionEvaluated: (data) => `Condition is ${value_brief(data.value ?? null)}`,
  ExpressionEvaluated: () => "Expression evaluated",
  VariablesSet: (data) => `Variables set${data.variables ? `: ${Object.keys(data.variables as Data).join(", ")}` : ""}`,
  SubWorkflowStarted: (data) => `Sub-workflow ${text(data.sub_workflow_id).slice(0, 8)} started`,
  OutputSet: () => "Output set",
};

export function event_words(event: ViewEvent): string {
  return WORDS[event.kind]?.(event.data ?? {}, event) ?? event.kind;
}

const TONES: Record<string, string> = {
  TaskCompleted: "success", TaskReused: "success", TaskFailed: "failure", TaskTimedOut: "failure", TaskCanceled: "stopped", TaskStarted: "running",
  TaskScheduled: "waiting", WorkflowPaused: "held", WorkflowResumed: "held",
};
/** Status family an event is coloured by. */
export function event_tone(event: ViewEvent): string {
  const status = event.data?.status;
  if (event.kind === "WorkflowEnded") return status === "COMPLETED" ? "success" : status === "TERMINATED" ? "stopped" : "failure";
  if (event.kind === "TaskFailed" && event.data?.optional === true) return "warning";
  if (event.kind === "TaskCompleted" && status === "COMPLETED_WITH_ERRORS") return "warning";
  return TONES[event.kind] ?? "none";
}

/** Numbers of the events whose kind, path, actor or words hold every word of the filter. */
export function pick_events(events: readonly ViewEvent[], filter: string): number[] | null {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return null;
  const found: number[] = [];
  for (const event of events) {
    const line = `${event.kind} ${event.path ?? ""} ${event.actor} ${event_words(event)}`.toLowerCase();
    if (words.every((word) => line.includes(word))) found.push(event.n);
  }
  return found;
}
