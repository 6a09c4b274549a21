/** What happened in a live execution, said at most every five seconds. */
import type { ViewEvent } from "../protocol";
import type { ViewModel } from "../viewmodel";
import { leaf_of, plural, status_word } from "../format";
import type { PanelHost } from "./panel";

const APART_MS = 5000;

/** "12 tasks finished, 1 failed: charge_card", or "" when nothing of the kind happened. Pure. */
export function summary_of(events: readonly ViewEvent[]): string {
  let finished = 0;
  const failed: string[] = [];
  for (const event of events) {
    if (event.kind === "TaskCompleted") finished++;
    else if (event.kind === "TaskFailed" || event.kind === "TaskTimedOut") failed.push(leaf_of(event.path ?? event.ref ?? "task"));
  }
  const parts: string[] = [];
  if (finished) parts.push(`${plural(finished, "task")} finished`);
  if (failed.length) parts.push(`${failed.length} failed: ${[...new Set(failed)].slice(0, 3).join(", ")}`);
  return parts.join(", ");
}

/** Announce news until the returned function is called. */
export function live_summary(vm: ViewModel, host: PanelHost): () => void {
  let said = vm.events.length;
  let status = vm.data.status;
  let timer: ReturnType<typeof setTimeout> | null = null;
  const say = (): void => {
    timer = null;
    const text = summary_of(vm.events.slice(said));
    said = vm.events.length;
    if (text) host.announce(text, false);
  };
  const stop = vm.on("events", () => {
    if (vm.data.status !== status) {
      status = vm.data.status;
      const bad = status === "FAILED" || status === "TIMED_OUT";
      host.announce(`Execution ${status_word(status).toLowerCase()}`, bad);
    }
    if (status !== "RUNNING") said = vm.events.length;
    else timer ??= setTimeout(say, APART_MS);
  });
  return () => {
    stop();
    if (timer) clearTimeout(timer);
  };
}
