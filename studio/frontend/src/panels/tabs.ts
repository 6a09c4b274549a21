/** The tabs under the graph: timeline, tasks, events, logs, JSON. */
import type { ViewModel } from "../viewmodel";
import { fill, h, per_frame } from "../dom";
import { task_count } from "../execution_look";
import { count } from "../format";
import { EventList } from "./event_list";
import { Cleanup, key_target, on_key, svg, tab_keys } from "./interaction";
import { JsonTab } from "./json_tab";
import { LogList } from "./log_list";
import type { Panel, PanelHost } from "./panel";
import { kbd } from "./section";
import { TaskList } from "./task_list";
import { TimelineView } from "./timeline_view";

interface Sheet { element: HTMLElement; show(is_shown: boolean): void }
const NAMES = ["Timeline", "Tasks", "Events", "Logs", "JSON"] as const;
type Name = (typeof NAMES)[number];

export function mountTabs(el: HTMLElement, vm: ViewModel, host: PanelHost): Panel {
  const cleanup = new Cleanup();
  const timeline = new TimelineView(vm, cleanup);
  const logs = new LogList(vm, cleanup);
  const sheets: Record<Name, Sheet> = {
    Timeline: timeline, Tasks: new TaskList(vm, cleanup), Events: new EventList(vm, cleanup), Logs: logs, JSON: new JsonTab(vm),
  };
  const names = NAMES.filter((name) => name !== "Logs" || vm.data.capabilities.includes("logs"));
  let open: Name = "Timeline";
  let log_lines: number | null = null;

  const list = h("div.tablist", { role: "tablist", "aria-label": "Details of the execution" });
  const fold_word = document.createTextNode("Fold idle");
  const fold = h("button.btn.small.ghost", { type: "button", title: "Fold or unfold long idle gaps", onclick: () => timeline.fold_all() }, fold_word, " ", kbd("I"));
  const options = h("div.opts", null, legend(), fold);
  const panel = h("div.xpanel", { role: "tabpanel" }, ...names.map((name) => sheets[name].element));
  const root = h("section.ptabs", { "aria-label": "Details of the execution" }, h("div.tabs", null, list, options), panel);
  el.append(root);
  cleanup.add(() => root.remove());
  tab_keys(list);

  const buttons = new Map(names.map((name) => {
    const button = h("button", { type: "button", role: "tab", onclick: () => choose(name) }, name, h("span.c"));
    list.append(button);
    return [name, button] as const;
  }));

  /** Opens a tab and keeps it in the address. */
  function choose(name: Name): void {
    open_tab(name);
    host.setUrl({ tab: name === "Timeline" ? null : name.toLowerCase() });
  }

  function open_tab(name: Name): void {
    open = name;
    for (const other of names) {
      const is_open = other === name;
      buttons.get(other)!.setAttribute("aria-selected", String(is_open));
      buttons.get(other)!.tabIndex = is_open ? 0 : -1;
      sheets[other].element.hidden = !is_open;
    }
    panel.setAttribute("aria-label", name);
    options.hidden = name !== "Timeline";
    for (const other of names) sheets[other].show(other === name);
  }

  function count_all(): void {
    const tasks = task_count(vm.now);
    const counts: Record<Name, number | null> = { Timeline: null, Tasks: tasks, Events: vm.data.event_count, Logs: log_lines, JSON: null };
    buttons.get("Tasks")!.title = `${count(tasks)} tasks, those of sub-workflows included; ${count(vm.now.tasks.size)} attempts, which are listed one by one`;
    for (const [name, button] of buttons) fill(button.querySelector(".c")!, counts[name] === null ? null : count(counts[name]!));
  }

  timeline.on_fold = (any) => { fold_word.data = any ? "Unfold idle" : "Fold idle"; };
  logs.on_count = (lines) => { log_lines = lines; count_all(); };
  cleanup.add(vm.on(["events", "cursor"], per_frame(count_all)));
  on_key(key_target(root, vm.data.mode), cleanup, (key) => {
    if ((key !== "i" && key !== "I") || open !== "Timeline") return false;
    timeline.fold_all();
    return true;
  });
  count_all();
  open_tab(asked_tab(vm.data.mode, names));
  if (names.includes("Logs")) void logs.load();
  return { destroy: () => cleanup.run() };
}

/** The tab that the address names, else the first. */
function asked_tab(mode: ViewModel["data"]["mode"], names: readonly Name[]): Name {
  const word = mode === "page" ? new URLSearchParams(location.search).get("tab")?.toLowerCase() : null;
  return names.find((name) => name.toLowerCase() === word) ?? "Timeline";
}

/** What the bars mean. */
function legend(): HTMLElement {
  const key = (word: string, ...shapes: Node[]): HTMLElement => h("span", null, svg("svg", { viewBox: "0 0 18 8", width: 18, height: 8, "aria-hidden": "true" }, ...shapes), word);
  const line = (kind: string, y = 4): SVGElement => svg("line", { class: kind, x1: 0, x2: 18, y1: y, y2: y });
  return h("div.tlkey", null,
    key("waiting", line("k-wait")), key("unpolled", line("k-unp")),
    key("running", svg("rect", { class: "k-run f-success", width: 18, height: 8, rx: 1.5 })),
    key("back-off", svg("g", { class: "k-back" }, svg("rect", { x: 0.4, y: 0.4, width: 17.2, height: 7.2 }), svg("path", { d: "M1 7.2 7.4.8M8 7.2 14.4.8" }))),
    key("critical path", line("k-crit", 5)));
}
