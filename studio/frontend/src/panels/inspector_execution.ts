/** The inspector with nothing selected: the execution itself. */
import type { Family, ViewModel } from "../viewmodel";
import { h } from "../dom";
import { execution_status, task_count } from "../execution_look";
import { family_of } from "../fold";
import { clock, count, duration, plural, status_word } from "../format";
import { copy_button } from "./interaction";
import { JsonView } from "./json_view";
import { ended_spans, minute, worked_ms } from "./rounds";
import { facts, nothing, section } from "./section";

interface Payload { version: number; value: Record<string, unknown> | null; error: string; views: Map<string, JsonView> }
const payloads = new WeakMap<ViewModel, Payload>();

const ORDER: [Family, string][] = [
  ["success", "completed"], ["reused", "reused"], ["failure", "failed"], ["warning", "with errors"], ["running", "running"], ["held", "held"],
  ["waiting", "waiting"], ["stopped", "canceled"], ["skipped", "skipped"],
];

/** "152: 151 completed · 1 failed; 154 attempts": each task once, at the cursor, containers and joins included. */
export function tally_line(vm: ViewModel): string {
  const tally = new Map<Family, number>();
  for (const task of vm.now.tasks.values()) {
    if (task.retried) continue;
    const family = family_of(task);
    tally.set(family, (tally.get(family) ?? 0) + 1);
  }
  if (!tally.size) return "no task yet";
  const tasks = task_count(vm.now), attempts = vm.now.tasks.size;
  const parts = ORDER.filter(([family]) => tally.has(family)).map(([family, word]) => `${count(tally.get(family)!)} ${word}`).join(" · ");
  return `${count(tasks)}: ${parts}${attempts > tasks ? `; ${count(attempts)} attempts` : ""}`;
}

/** Sections of one tab. `redraw` is called when the payload has come. */
export function execution_body(vm: ViewModel, tab: string, redraw: () => void): (Node | null)[] {
  if (vm.data.mode === "cell") return [summary(vm)];
  const payload = payload_of(vm, redraw);
  const parts: (Node | null)[] = tab === "Summary" ? [summary(vm)] : [];
  if (tab !== "Output") parts.push(json_part(payload, "Input", "input"));
  const is_over = vm.data.status !== "RUNNING" && vm.data.status !== "PAUSED";
  if (tab !== "Input") {
    parts.push(is_over && vm.cursor === vm.events.length ? json_part(payload, "Output", "output") : section("Output", null, nothing("Not yet: the execution has not ended at this event.")));
  }
  return parts;
}

/** "460 of 460": where the cursor stands, as the cursor bar says. */
export function event_place(vm: ViewModel): string {
  return `${count(vm.cursor)} of ${count(vm.events.length)}`;
}

function summary(vm: ViewModel): HTMLElement {
  const { data } = vm;
  const is_over = data.status !== "RUNNING" && data.status !== "PAUSED";
  const ended = ended_spans(vm.events, data.workflow_id);
  return h("div", null, section("Execution", null, facts([
    ["Status", status_word(execution_status(vm))], ["Tasks", `${tally_line(vm)}, those of sub-workflows included`], ["Started", `${clock(data.start_ms)} UTC`],
    ["Took", is_over && data.end_ms ? duration(worked_ms({ from: data.start_ms, to: data.end_ms }, ended)) : ""],
    ["By hand", ended.map((gap) => `${gap.word} at ${minute(gap.to)}, after ${duration(gap.to - gap.from)}`).join("; ")], ["Event", h("span.ievent", null, event_place(vm))],
    ["Correlation", data.correlation_id ?? ""],
    ["Id", h("span", null, h("code", null, data.workflow_id), " ", copy_button(() => data.workflow_id, "execution id"))],
  ])), data.failure?.chains[0] ? section("Cause", null, h("p.icounts", null, h("button.link", {
    type: "button", "data-f": "cause", onclick: () => vm.select(data.failure!.chains[0]!.cause.path, data.failure!.chains[0]!.cause.task_id),
  }, `${data.failure.chains[0].cause.type}: ${data.failure.chains[0].cause.message}`))) : null);
}

function payload_of(vm: ViewModel, redraw: () => void): Payload {
  let payload = payloads.get(vm);
  if (!payload) payloads.set(vm, (payload = { version: -1, value: null, error: "", views: new Map() }));
  const is_over = vm.data.status !== "RUNNING" && vm.data.status !== "PAUSED";
  const version = is_over ? vm.events.length : 0;
  if (payload.version < version) {
    payload.version = version;
    const mine = payload;
    vm.ask<Record<string, unknown>>({ what: "execution" }).then(
      (value) => { mine.value = value; mine.error = ""; },
      (reason: unknown) => { mine.error = reason instanceof Error ? reason.message : String(reason); },
    ).finally(redraw);
  }
  return payload;
}

function json_part(payload: Payload, title: string, key: string): HTMLElement {
  if (payload.error) return section(title, null, nothing(`It could not be read: ${payload.error}`));
  if (!payload.value) return section(title, null, nothing("Reading…"));
  const value = payload.value[key] ?? {};
  let view = payload.views.get(key);
  if (view) view.update(value, { label: title, open_depth: 1 });
  else payload.views.set(key, (view = new JsonView(value, { label: title, open_depth: 1 })));
  const size = typeof value === "object" ? Object.keys(value as object).length : 1;
  return section(title, { note: plural(size, "key"), aux: copy_button(() => JSON.stringify(value, null, 2), title.toLowerCase()) }, view.element);
}
