/** Where a value came from: hops from the newest to the oldest, with the expressions between them. */
import type { Hop } from "../protocol";
import type { ViewModel } from "../viewmodel";
import { h } from "../dom";
import { leaf_of } from "../format";
import { kbd, nothing, section } from "./section";
import { is_masked, value_brief } from "./json_value";

/** Ask for the route of one leaf and show it on the graph. Rejects with the back end's message. */
export async function show_origin(vm: ViewModel, task: { workflow_id: string; task_id: string }, leaf: string): Promise<void> {
  const hops = await vm.ask<Hop[]>({ what: "origin", workflow_id: task.workflow_id, task_id: task.task_id, leaf });
  vm.origin = { hops, leaf };
}

/** Whether the route on the graph passes through a run path. */
export function passes(vm: ViewModel, path: string): boolean {
  return !!vm.origin && vm.origin.hops.some((hop) => hop.path === path);
}

/** The route as a numbered list; ↑ and ↓ walk it, Enter selects the task of a hop. */
export function origin_section(vm: ViewModel): HTMLElement | null {
  const origin = vm.origin;
  if (!origin) return null;
  const title = h("span", null, "Origin of ", h("code", null, origin.leaf || "input"));
  const close = h("button.link", { type: "button", "data-f": "origin-close", onclick: () => { vm.origin = null; } }, "Close");
  if (!origin.hops.length) return section(title, { aux: close }, nothing("No expression set this value: it stands in the definition as it is."));
  const list = h("ol.hops", { tabindex: 0, "data-f": "hops", "aria-label": `Origin of ${origin.leaf}, newest first`, onkeydown: (event: KeyboardEvent) => walk(vm, event) },
    ...origin.hops.flatMap((hop, i) => hop_items(vm, hop, i)));
  return section(title, { aux: h("span", null, kbd("↑"), " ", kbd("↓"), " walk the route ", close) }, list);
}

function hop_items(vm: ViewModel, hop: Hop, index: number): HTMLElement[] {
  const is_last = index === vm.origin!.hops.length - 1;
  const name = leaf_of(hop.path);
  const what = hop.what.startsWith(name) ? hop.what.slice(name.length).trimStart() : hop.what;
  const value = is_masked(hop.value) ? "••••••••" : value_brief(hop.value, 24);
  const stop = h(`li.stop${index === vm.hop ? ".at" : ""}`, { "aria-current": index === vm.hop ? "step" : null },
    h("b", { "aria-hidden": "true" }, index + 1),
    h("button.hop", { type: "button", "data-f": `hop ${index}`, tabindex: -1, title: hop.path, onclick: () => go(vm, index) },
      h("span.cut", null, name, " ", h("span.t2", null, what, hop.note ? `, ${hop.note}` : "")), h("span.val", { title: value_brief(hop.value, 400) }, value)));
  if (is_last || !hop.expression) return [stop];
  return [stop, h("li.via", null, h("span", null, "⟵ ", h("code", null, hop.expression)))];
}

function go(vm: ViewModel, index: number): void {
  const hop = vm.origin?.hops[index];
  if (!hop) return;
  vm.hop = index;
  vm.select(hop.path, hop.task_id ?? null);
}

function walk(vm: ViewModel, event: KeyboardEvent): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) vm.hop = vm.hop + step;
  else if (event.key === "Enter") go(vm, vm.hop);
  else return;
  event.preventDefault();
  event.stopPropagation();
}
