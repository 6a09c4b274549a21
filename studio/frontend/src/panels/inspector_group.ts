/** Loops, forks and sub-workflows in the inspector: counts, and what is inside as a paged table. */
import type { Block } from "../protocol";
import type { Family, IterationView, LoopView, TaskView, ViewModel } from "../viewmodel";
import { h, icon } from "../dom";
import { iteration_family } from "../fold";
import { clock, count, duration, leaf_of, plural } from "../format";
import { task_glyph } from "../glyphs";
import { leaf_iteration, without_iteration } from "./run_path";
import { facts, kbd, nothing, section, status_label } from "./section";
import type { Subject } from "./subject";

const PAGE = 12;

/** What of the tables is open, per run path. */
interface TableState { page: number; only_failed: boolean }
const states = new WeakMap<ViewModel, Map<string, TableState>>();

function state_of(vm: ViewModel, path: string): TableState {
  let of = states.get(vm);
  if (!of) states.set(vm, (of = new Map()));
  let state = of.get(path);
  if (!state) of.set(path, (state = { page: 0, only_failed: false }));
  return state;
}

/** "120 iterations · 36 ok · 1 failed · 2 running · p95 1.2 s". Pure. */
export function counts_line(items: readonly IterationView[], one: string, many = `${one}s`): string {
  const seen = { ok: 0, failed: 0, running: 0, waiting: 0, stopped: 0 };
  const spans: number[] = [];
  for (const item of items) {
    const family = iteration_family(item);
    if (family === "failure") seen.failed++;
    else if (family === "running") seen.running++;
    else if (family === "waiting") seen.waiting++;
    else if (family === "stopped") seen.stopped++;
    else if (family !== "none") seen.ok++;
    if (item.end_ms && !item.running && !item.waiting) spans.push(item.end_ms - item.start_ms);
  }
  const parts = [plural(items.length, one, many), ...Object.entries(seen).filter(([, n]) => n).map(([name, n]) => `${count(n)} ${name}`)];
  if (spans.length > 1) parts.push(`p95 ${duration(percentile(spans, 0.95))}`);
  return parts.join(" · ");
}

/** Nearest-rank percentile of at least one value. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
}

/** Sections above the task's own ones. `redraw` shows another page. */
export function group_sections(vm: ViewModel, subject: Subject, redraw: () => void): HTMLElement[] {
  const view = vm.now.loops.get(subject.path);
  if (view && subject.kind === "loop") return [iterations(vm, subject.path, view, redraw)];
  if (view && subject.kind === "fork" && !subject.block?.branches?.length) return [members(vm, subject.path, view, redraw)];
  if (subject.kind === "sub") return [children(vm, "Tasks", subject.block?.body ?? [], subject.path)];
  if (subject.kind === "fork") {
    const parent = subject.path.slice(0, subject.path.lastIndexOf("/"));
    return [children(vm, "Branches", (subject.block?.branches ?? []).flatMap((branch) => branch.blocks), parent)];
  }
  return [];
}

interface Line { name: string; path: string; family: Family; start_ms: number; end_ms: number; status: string }

function iterations(vm: ViewModel, path: string, view: LoopView, redraw: () => void): HTMLElement {
  const line = (item: IterationView): Line => ({
    name: count(item.iteration), path: `${path}[${item.iteration}]`, family: iteration_family(item), status: "",
    start_ms: item.start_ms, end_ms: item.running || item.waiting ? 0 : item.end_ms,
  });
  return paged(vm, path, view, ["iteration", "iterations"], line, redraw);
}

function members(vm: ViewModel, path: string, view: LoopView, redraw: () => void): HTMLElement {
  const paths = vm.now.members.get(path) ?? [];
  const line = (item: IterationView): Line => {
    const at = paths[item.iteration - 1] ?? path;
    return { name: leaf_of(at), path: at, family: iteration_family(item), status: "", start_ms: item.start_ms, end_ms: item.running ? 0 : item.end_ms };
  };
  return paged(vm, path, view, ["branch", "branches"], line, redraw);
}

function paged(
  vm: ViewModel, path: string, view: LoopView, [one, many]: [string, string], line: (item: IterationView) => Line, redraw: () => void,
): HTMLElement {
  const state = state_of(vm, path);
  const wanted = state.only_failed ? view.failed.map((n) => view.items[n - 1]!).filter(Boolean) : view.items;
  const pages = Math.max(1, Math.ceil(wanted.length / PAGE));
  state.page = Math.min(state.page, pages - 1);
  const rows = wanted.slice(state.page * PAGE, (state.page + 1) * PAGE).map(line);
  const turn = (by: number, label: string, text: string): HTMLElement => h("button.btn.icon.small", {
    type: "button", "data-f": `turn ${by}`, "aria-label": label, disabled: state.page + by < 0 || state.page + by >= pages,
    onclick: () => { state.page += by; redraw(); },
  }, text);
  const failed_only = h("label.icheck", null, h("input", {
    type: "checkbox", "data-f": "only-failed", checked: state.only_failed,
    onchange: () => { state.only_failed = !state.only_failed; state.page = 0; redraw(); },
  }), `Only failed (${count(view.failed.length)})`);
  const from = state.page * PAGE;
  const range = wanted.length ? `${count(from + 1)}–${count(from + rows.length)} of ${count(wanted.length)}` : `no ${many}`;
  return section(many === "branches" ? "Branches" : "Iterations", { aux: h("span", null, kbd("N"), " ", kbd("⇧N"), " failures") },
    h("p.icounts", null, counts_line(view.items, one, many)),
    h("div.ipager", null, failed_only, h("span.t3", null, range), turn(-1, "Page before", "‹"), turn(1, "Next page", "›")),
    table(vm, rows));
}

function table(vm: ViewModel, rows: Line[]): HTMLElement {
  return h("table.att", null, h("tbody", null, ...rows.map((row) => {
    const open = (): void => vm.select(row.path);
    return h("tr", { onclick: open, "aria-current": vm.selection?.path === row.path ? "true" : null },
      h("td", null, h("button.link.plain", { type: "button", "data-f": `row ${row.path}`, onclick: open }, row.name)),
      h("td", null, row.status ? status_label(row.family, row.status) : family_label(row.family)),
      h("td.mono", null, clock(row.start_ms)),
      h("td.r", null, row.start_ms && row.end_ms ? duration(row.end_ms - row.start_ms) : ""));
  })));
}

function family_label(family: Family): HTMLElement {
  return h("span.pstatus", null, icon(task_glyph(family), `s-${family}`), family_word(family));
}

function family_word(family: Family): string {
  const words: Record<Family, string> = {
    success: "Completed", failure: "Failed", running: "Running", waiting: "Waiting", warning: "With errors", stopped: "Canceled",
    skipped: "Skipped", held: "Held", none: "Not reached", reused: "Reused",
  };
  return words[family];
}

function children(vm: ViewModel, title: string, blocks: readonly Block[], parent: string): HTMLElement {
  const lines = flat(blocks).map((block): Line => {
    const path = `${parent}/${block.ref}`;
    const task: TaskView | undefined = vm.task(path);
    return { name: block.ref, path, family: vm.family(path), status: task?.status ?? "", start_ms: task?.start_ms ?? 0, end_ms: task?.end_ms ?? 0 };
  });
  const tally = new Map<Family, number>();
  for (const line of lines) tally.set(line.family, (tally.get(line.family) ?? 0) + 1);
  const text = [...tally].map(([family, n]) => `${n} ${family_word(family).toLowerCase()}`).join(" · ");
  return section(title, { note: text }, lines.length ? table(vm, lines) : nothing("Its definition is not known here."));
}

/** Tasks of one level in the order of the drawing, those in forks and switches too. */
function flat(blocks: readonly Block[]): Block[] {
  return blocks.flatMap((block) => [block, ...(block.kind === "fork" || block.kind === "switch" ? (block.branches ?? []).flatMap((b) => flat(b.blocks)) : [])]);
}

/** One iteration of a loop: how it went and the tasks in it. */
export function iteration_body(vm: ViewModel, subject: Subject): HTMLElement[] {
  const number = leaf_iteration(subject.path) ?? 0;
  const loop = without_iteration(subject.path);
  const item = vm.now.loops.get(loop)?.items[number - 1];
  const whole = h("button.link", { type: "button", "data-f": "loop", onclick: () => vm.select(loop) }, "All iterations");
  if (!item) return [section("Iteration", { aux: whole }, nothing("Not reached."))];
  const is_open = item.running > 0 || item.waiting > 0;
  return [
    children(vm, "Tasks", subject.block?.body ?? [], subject.path),
    section("Times", { note: "UTC", aux: whole }, facts([
      ["Started", clock(item.start_ms)], ["Ended", is_open ? "not yet" : clock(item.end_ms)],
      ["Took", is_open || !item.end_ms ? "" : duration(item.end_ms - item.start_ms)],
    ])),
  ];
}
