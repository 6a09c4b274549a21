/** What the worker of one attempt logged, read when asked for. */
import type { LogLine } from "../protocol";
import type { ViewModel } from "../viewmodel";
import { fill, h } from "../dom";
import { clock, count } from "../format";
import { nothing } from "./section";

/** Lines shown, the newest. */
const LINES = 50;

/** A button that becomes the log of the attempt. */
export function task_log(vm: ViewModel, task_id: string): HTMLElement {
  const root = h("div.ilog");
  const read = async (): Promise<void> => {
    fill(root, nothing("Reading the log…"));
    try {
      draw(await vm.ask<LogLine[]>({ what: "logs", task_id }));
    } catch (reason) {
      fill(root, nothing(`The log could not be read: ${reason instanceof Error ? reason.message : String(reason)}`));
    }
  };
  const draw = (lines: readonly LogLine[]): void => {
    if (!lines.length) {
      fill(root, nothing("The worker logged nothing for this attempt."));
      return;
    }
    const shown = lines.slice(-LINES);
    fill(root, lines.length > shown.length ? nothing(`The newest ${count(shown.length)} of ${count(lines.length)} lines; all are in the tab Logs.`) : null,
      h("ol", { tabindex: 0, "aria-label": "Log of this attempt" }, ...shown.map((line) => h("li", null, h("span.t3", null, clock(line.wall_ms)), h("span", null, line.text)))));
  };
  fill(root, h("button.link", { type: "button", "data-f": "task-log", onclick: () => void read() }, "Log of this attempt"));
  return root;
}
