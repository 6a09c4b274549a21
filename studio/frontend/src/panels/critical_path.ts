/** The chain of causes that decided how long an execution took. Pure. */
import type { ViewEvent } from "../protocol";
import type { Span } from "./time_scale";

/** A stretch of the chain: the time until an event, spent at the run path of that event. */
export interface Stretch extends Span { path: string }

/** Events by execution and number. */
class Numbered {
  private readonly executions = new Map<string, ViewEvent[]>();
  constructor(events: readonly ViewEvent[]) {
    for (const event of events) {
      let list = this.executions.get(event.workflow_id);
      if (!list) this.executions.set(event.workflow_id, (list = []));
      list[event.number] = event;
    }
  }
  find(workflow_id: string, number: number): ViewEvent | undefined {
    return this.executions.get(workflow_id)?.[number];
  }
}

/** Walk from the last event of the root execution back along causal parents, oldest stretch first.
 *
 * Where an event has a cause in another execution (a child ended, a parent started it), the later
 * of parent and cause held it up, so the chain goes on there.
 */
export function critical_path(events: readonly ViewEvent[], root_id: string): Stretch[] {
  const numbered = new Numbered(events);
  let at = last_of(events, root_id);
  const chain: Stretch[] = [];
  const seen = new Set<ViewEvent>();
  while (at && !seen.has(at)) {
    seen.add(at);
    const before: ViewEvent | undefined = cause_of(at, numbered);
    if (before && at.wall_ms > before.wall_ms) chain.push({ from: before.wall_ms, to: at.wall_ms, path: at.path ?? before.path ?? "" });
    at = before;
  }
  return chain.reverse();
}

function last_of(events: readonly ViewEvent[], root_id: string): ViewEvent | undefined {
  for (let i = events.length - 1; i >= 0; i--) {
    if (events[i]!.workflow_id === root_id && events[i]!.kind === "WorkflowEnded") return events[i];
  }
  return events[events.length - 1];
}

function cause_of(event: ViewEvent, numbered: Numbered): ViewEvent | undefined {
  const parent = event.parent ? numbered.find(event.workflow_id, event.parent) : undefined;
  const cause = event.data?.cause as { workflow_id?: string; number?: number } | undefined;
  const outside = cause?.workflow_id && cause.number ? numbered.find(cause.workflow_id, cause.number) : undefined;
  if (parent && outside) return outside.wall_ms >= parent.wall_ms ? outside : parent;
  return outside ?? parent;
}
