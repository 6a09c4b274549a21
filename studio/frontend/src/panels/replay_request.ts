/** How a button anywhere in the view asks for the replay planner. */

export const REPLAY_EVENT = "studio-replay";

export interface ReplayRequest { workflow_id: string; task_id: string }

/** Open the planner at a task; whoever mounted the planner need not be known. */
export function ask_replay(from: HTMLElement, workflow_id: string, task_id: string): void {
  from.dispatchEvent(new CustomEvent<ReplayRequest>(REPLAY_EVENT, { bubbles: true, composed: true, detail: { workflow_id, task_id } }));
}
