/** Title line: what the execution is, how it stands, what can be done; and its branches. */
import type { Host } from "./host";
import type { Model } from "./model";
import { fill, h, icon, per_frame } from "./dom";
import { execution_status, look_of } from "./execution_look";
import { clock, count, duration, plural, status_word } from "./format";
import { ended_spans, minute, worked_ms } from "./panels/rounds";
import { ask_replay } from "./panels/replay_request";

type Action = "pause" | "resume" | "terminate" | "retry" | "restart";

const PAUSE_TITLES = {
  pause: "Nothing more is scheduled until it is resumed. Tasks at work and sub-workflows go on, as in Conductor.",
  resume: "Goes on where it was paused",
};
/** Fills `el` and keeps it up to date. Returns what undoes it. */
export function mount_head(el: HTMLElement, vm: Model, host: Host, announce: (text: string, assertive?: boolean) => void): () => void {
  const line = h("header.vh-line");
  const kin = h("section.vh-kin", { "aria-label": "Branches of this execution" });
  el.append(line, kin);
  // Kept apart from what is drawn anew: while a person scrubs only its words change.
  const earlier = h("button.vh-earlier", { type: "button", title: "The graph shows an earlier moment; status and cause tell how it stands in the end", onclick: () => vm.seek(vm.events.length) });
  let pending = false;

  async function act(action: Action): Promise<void> {
    if (action === "terminate" && !confirm("Terminate this execution? Its running tasks are canceled.")) return;
    pending = true;
    draw();
    try {
      await vm.ask({ what: "action", action });
    } catch (error) {
      announce(`${status_word(action)}: ${error instanceof Error ? error.message : String(error)}`, true);
    }
    pending = false;
    draw();
  }

  function draw(): void {
    const { data } = vm;
    const status = execution_status(vm);
    const [family, glyph] = look_of(status);
    const open = data.status === "RUNNING" || data.status === "PAUSED";
    const ended = ended_spans(vm.events, data.workflow_id);
    const took = worked_ms({ from: data.start_ms, to: open ? Date.now() : data.end_ms }, ended);
    const again = ended[ended.length - 1];
    fill(line,
      h("h1", null, h("span.cut", null, data.name), h("small", null, `version ${data.version}`)),
      h(`span.badge.${family}`, { title: status === "COMPLETED_WITH_ERRORS" ? "Completed, though an optional task failed" : null }, icon(glyph), status_word(status)),
      h("div.vh-facts", null, copy_id(data.workflow_id), h("span", null, `Started ${clock(data.start_ms, false)} UTC`, h("span.w-lg.t3", null, ago(data.start_ms))),
        data.start_ms ? h("span", null, open ? `Runs for ${duration(took)}` : `Took ${duration(took)}`) : null,
        again ? h("span.vh-again", { title: `It stood ended for ${duration(again.to - again.from)} before that, which is not counted` }, `${again.word} by hand at ${minute(again.to)}`) : null,
        data.correlation_id ? h("span.w-lg", null, data.correlation_id) : null,
        earlier),
      h("div.btns", null, ...buttons(open)));
    draw_kin();
  }

  function hint(): void {
    earlier.hidden = vm.cursor >= vm.events.length;
    earlier.textContent = earlier.hidden ? "" : `Shown as of event ${count(vm.cursor)}; status is of the end`;
  }

  function buttons(open: boolean): HTMLElement[] {
    const { data } = vm;
    const can = (what: string) => data.capabilities.includes(what);
    const button = (label: string, action: Action, title: string, disabled = false) =>
      h("button.btn.m-hide", { type: "button", disabled: disabled || pending, title, onclick: () => void act(action) }, label);
    const found: HTMLElement[] = [];
    const target = replay_target(vm);
    if (can("branch")) {
      found.push(h("button.btn.primary", {
        type: "button", disabled: !target, title: target ? `New execution from ${target.ref}; this one stays as it is` : "Select a task to replay from",
        onclick: () => target && ask_replay(el, target.workflow_id, target.task_id),
      }, icon("branch"), "Replay from here ", h("kbd", null, "R")));
    }
    if (can("retry")) found.push(button("Retry in place", "retry", "Conductor's retry: changes this execution itself", open || data.status === "COMPLETED"));
    if (can("pause")) {
      const paused = data.status === "PAUSED";
      found.push(button(paused ? "Resume" : "Pause", paused ? "resume" : "pause", open ? PAUSE_TITLES[paused ? "resume" : "pause"] : "The execution has ended", !open));
    }
    if (can("terminate") && open) found.push(button("Terminate", "terminate", "Ends it and cancels what is running"));
    return found;
  }

  function draw_kin(): void {
    const { branches } = vm.data;
    kin.hidden = branches.length < 2;
    if (kin.hidden) return;
    const parts: Node[] = [h("h2", null, "Branches")];
    branches.forEach((branch, i) => {
      if (i) parts.push(icon("branch"));
      const status = branch.current ? execution_status(vm) : branch.with_errors ? "COMPLETED_WITH_ERRORS" : branch.status;
      const [family, glyph] = look_of(status);
      const words = branch.original ? "original" : [status_word(status), branch.from && `from ${branch.from}`, branch.edits && `with ${plural(branch.edits, "edit")}`].filter(Boolean).join(", ").replace(", with", " with");
      parts.push(h("button", { type: "button", "aria-current": branch.current ? "true" : null, onclick: () => !branch.current && host.navigate(branch.workflow_id) },
        icon(glyph, `s-${family}`), h("span.mono", null, branch.workflow_id.slice(0, 8)), words));
    });
    fill(kin, ...parts);
  }

  hint();
  draw();
  const stops = [vm.on(["events", "failure", "selection"], draw), vm.on(["events", "cursor"], per_frame(hint))];
  return () => {
    for (const stop of stops) stop();
    line.remove();
    kin.remove();
  };
}

/** What a replay starts from: the selected task, else the first cause. */
function replay_target(vm: Model): { workflow_id: string; task_id: string; ref: string } | null {
  const path = vm.selection?.path ?? vm.data.failure?.chains[0]?.cause.path;
  const task = path ? vm.task(path) : undefined;
  return task ? { workflow_id: task.workflow_id, task_id: task.task_id, ref: task.ref } : null;
}

function ago(start_ms: number): string {
  const since = Date.now() - start_ms;
  return start_ms && since > 60_000 && since < 48 * 3_600_000 ? `, ${duration(since).replace(/ \d+ s$/, "")} ago` : "";
}

function copy_id(id: string): HTMLElement {
  const button = h("button", { type: "button", "aria-label": `Copy execution id ${id}`, title: id }, h("span.mono", null, id.slice(0, 8)), icon("copy"));
  button.addEventListener("click", () => {
    void navigator.clipboard?.writeText(id).then(() => button.classList.add("done")).catch(() => undefined);
  });
  return button;
}
