/** What the inspector says about one attempt of one task, tab by tab. */
import type { TaskDetail } from "../protocol";
import type { TaskView, ViewModel } from "../viewmodel";
import { h, icon } from "../dom";
import { family_of, is_bad, is_ended } from "../fold";
import { clock, count, duration, leaf_of, plural, status_word } from "../format";
import { task_glyph } from "../glyphs";
import { error_box, frames_box } from "./error_box";
import { copy_button } from "./interaction";
import { bytes, leaf_count, seconds } from "./json_value";
import { JsonView, type JsonViewOptions } from "./json_view";
import { origin_section, passes } from "./origin_route";
import { facts, kbd, nothing, section, status_label } from "./section";
import { minute, rounds_of } from "./rounds";
import type { Subject } from "./subject";
import { task_log } from "./task_log";

export interface Shown { subject: Subject; task: TaskView; detail: TaskDetail | null; is_slim: boolean }

/** `a[0].b` and `a.0.b` are the same leaf; a leading `input.` says nothing. */
export function plain_leaf(path: string): string {
  return path.replace(/\[(\d+)\]/g, ".$1").replace(/\["([^"]*)"\]/g, ".$1").replace(/^\./, "").replace(/^input\./, "");
}

/** The recorded origin that covers a leaf: its own, or that of a container around it. */
export function origin_of(detail: TaskDetail, path: string): string | null {
  const wanted = plain_leaf(path);
  let best: string | null = null;
  let length = -1;
  for (const origin of detail.origins) {
    const at = plain_leaf(origin.path);
    if (wanted !== at && !(at === "" || wanted.startsWith(`${at}.`))) continue;
    if (at.length > length) {
      best = origin.path;
      length = at.length;
    }
  }
  return best;
}

/** Recorded origins, those first whose name the error or the failing line of its source speaks of ("amount is negative"). */
export function by_relevance(detail: TaskDetail): TaskDetail["origins"] {
  const frame = detail.error?.frames[detail.error.frames.length - 1];
  const line = frame?.source?.find(([number]) => number === frame.line)?.[1] ?? "";
  const said = words_of(detail.error?.message ?? detail.reason ?? ""), failing = words_of(line);
  const rank = (path: string): number => {
    const name = path.split(/[.[]/).pop()!.replace(/["\]]/g, "");
    return said.has(name) ? 0 : failing.has(name) ? 1 : 2;
  };
  return [...detail.origins].sort((a, b) => rank(a.path) - rank(b.path));
}

function words_of(text: string): Set<string> {
  return new Set(text.match(/\w+/g) ?? []);
}

export class TaskBody {
  private readonly views = new Map<string, JsonView>();
  private views_of = "";
  private log: { task_id: string; element: HTMLElement } | null = null;

  constructor(private readonly vm: ViewModel, private readonly ask_origin: (task: TaskView, leaf: string) => void) {}

  sections(tab: string, shown: Shown): (Node | null)[] {
    switch (tab) {
      case "Input": return [this.input(shown, 3)];
      case "Output": return [this.output(shown, 3)];
      case "Origin": return [passes(this.vm, shown.subject.path) ? origin_section(this.vm) : null, this.origins(shown)];
      case "Attempts": return [this.attempts(shown)];
      case "Definition": return [this.definition(shown)];
      default: return this.summary(shown);
    }
  }

  /** The leaf the key `O` is about: where the keyboard is, else the first one with an origin. */
  leaf_for_origin(detail: TaskDetail): string | null {
    const active = this.views.get("input")?.active;
    const chosen = active && origin_of(detail, active);
    // The first row has the keyboard before anybody chose one.
    const first = Object.keys((detail.input ?? {}) as object)[0];
    const is_default = !chosen || chosen === detail.origins[0]?.path || chosen === origin_of(detail, first ?? "");
    return is_default ? (by_relevance(detail)[0]?.path ?? null) : chosen;
  }

  private summary(shown: Shown): (Node | null)[] {
    const { subject, task, is_slim } = shown;
    const is_group = subject.kind !== "task";
    const ended_well = is_ended(task.status) && !is_bad(task.status);
    const route = passes(this.vm, subject.path) ? origin_section(this.vm) : null;
    if (is_slim) return [this.error(shown), this.input(shown, 0), route];
    return [
      this.error(shown), this.input(shown, 1), route, ended_well || (!is_bad(task.status) && !is_group) ? this.output(shown, 1) : null,
      subject.attempts.length > 1 ? this.attempts(shown) : null, this.consequences(shown), this.times(shown),
    ];
  }

  private error({ task, detail }: Shown): Node | null {
    if (!is_bad(task.status) && task.status !== "COMPLETED_WITH_ERRORS" && task.status !== "CANCELED") return null;
    const error = detail?.error ?? task.error;
    const span = task.end_ms && task.start_ms ? ` after ${seconds(task.end_ms - task.start_ms)}` : "";
    // A time-out points at who held the time; only a record of an exception was raised by somebody.
    const verb = error ? "Raised" : task.status === "TIMED_OUT" ? "Held" : "Reported";
    const who = task.worker_id ? `${verb} by worker ${task.worker_id}${span}.` : span ? `Ended${span}.` : "";
    const same = this.vm.data.failure?.chains.find((chain) => chain.cause.path === task.path)?.same_error_count ?? 0;
    const cause = this.cause_inside(task.path);
    const go = cause && ((): void => this.vm.select(cause.path, cause.task_id));
    const more = go ? h("button.link", { type: "button", "data-f": "go-cause", onclick: go }, `Cause: ${leaf_of(cause.path)}`) : same > 1 ? h("span", null, `Same error ×${count(same)} in this execution.`) : null;
    const box = error
      ? error_box(error.type, error.message, who, more)
      : error_box(status_word(task.status), task.reason ?? detail?.reason ?? "", who, more);
    const frames = detail?.error ? frames_box(detail.error.frames) : null;
    // Who reports over HTTP sends a sentence and no frames; what it logged says more.
    const log = !frames && detail && this.vm.data.capabilities.includes("logs") ? this.log_of(task) : null;
    return h("section.isec", null, box, frames ?? log);
  }

  private log_of(task: TaskView): HTMLElement {
    if (this.log?.task_id !== task.task_id) this.log = { task_id: task.task_id, element: task_log(this.vm, task.task_id) };
    return this.log.element;
  }

  /** The cause of a failed container, when it lies inside or the container is a consequence of it. */
  private cause_inside(path: string): { path: string; task_id: string } | null {
    for (const { cause, consequences } of this.vm.data.failure?.chains ?? []) {
      if (cause.path === path) return null;
      if (cause.path.startsWith(`${path}/`) || cause.path.startsWith(`${path}[`) || consequences.some((c) => c.path === path)) return cause;
    }
    return null;
  }

  private view(name: string, task: TaskView, value: unknown, options: JsonViewOptions): HTMLElement {
    if (this.views_of !== task.task_id) {
      this.views.clear();
      this.views_of = task.task_id;
    }
    let view = this.views.get(name);
    if (view) view.update(value, options);
    else this.views.set(name, (view = new JsonView(value, options)));
    return view.element;
  }

  private input({ task, detail }: Shown, open_depth: number): Node | null {
    if (!detail) return null;
    const origin = this.vm.origin;
    const first = origin?.hops[0];
    const is_mine = !!first && first.path === task.path && (!first.task_id || first.task_id === task.task_id);
    const hops = origin ? origin.hops.length : 0;
    const values = leaf_count(detail.input);
    const has_origins = this.vm.data.capabilities.includes("origin");
    const why = has_origins || open_depth < 3 ? "" : this.vm.data.missing?.origin;
    const view = this.view("input", task, detail.input, {
      label: "Resolved input", open_depth,
      has_origin: (path) => has_origins && origin_of(detail, path) !== null,
      show_origin: (path) => this.ask_origin(task, origin_of(detail, path) ?? path),
      mark: is_mine ? { path: origin.leaf.replace(/^input\./, ""), note: `${plural(hops, "step")} back, listed below` } : null,
    });
    return section("Resolved input", {
      note: `event ${count(task.first_n)}, ${plural(values, "value")}, ${bytes(detail.input_bytes)}`,
      aux: has_origins && detail.origins.length ? h("span", null, "Origin ", kbd("O")) : copy_button(() => JSON.stringify(detail.input, null, 2), "input"),
    }, view, why ? nothing(why) : null);
  }

  private output({ task, detail }: Shown, open_depth: number): Node | null {
    const later = this.vm.head.tasks.get(task.task_id);
    if (!is_ended(task.status)) {
      const end = later && is_ended(later.status) ? later.last_n : 0;
      return section("Output", null, nothing("Not yet: the task has not ended at this event. ",
        end ? h("button.link", { type: "button", "data-f": "output-later", onclick: () => this.vm.seek(end) }, `Go to event ${count(end)}`) : null));
    }
    if (!detail) return null;
    return section("Output", {
      note: `event ${count(task.last_n)}, ${plural(leaf_count(detail.output), "value")}, ${bytes(detail.output_bytes)}`,
      aux: copy_button(() => JSON.stringify(detail.output, null, 2), "output"),
    }, this.view("output", task, detail.output, { label: "Output", open_depth }));
  }

  private origins({ task, detail }: Shown): Node | null {
    if (!detail) return null;
    if (!detail.origins.length) return section("Values from expressions", null, nothing("Every value of the input stands in the definition as it is."));
    return section("Values from expressions", { note: plural(detail.origins.length, "value") }, h("ul.iorigins", null, ...by_relevance(detail).map((origin, i) =>
      h("li", null,
        h("button.hop", { type: "button", "data-f": `leaf ${i}`, onclick: () => this.ask_origin(task, origin.path) }, h("code", null, origin.path), h("span.cut.t2", null, "⟵ ", h("code", null, origin.expression))),
        origin.fallback ? h("span.warn", null, "path not found, null used") : h("span.t3", null, origin.source)))));
  }

  private attempts({ subject, task, detail }: Shown): Node {
    const by_id = new Map((detail?.attempts ?? []).map((attempt) => [attempt.task_id, attempt]));
    const rows = [...subject.attempts].reverse();
    const anew = new Map(rounds_of(subject.attempts, this.vm.now).slice(1).map((round) => [round.attempts[0]!.task_id, round]));
    const message = (view: TaskView): string => (is_bad(view.status) ? view.error?.message ?? by_id.get(view.task_id)?.error ?? view.reason ?? "" : "");
    const newest = rows.map(message).find(Boolean) ?? "";
    const first = rows.findIndex((view) => message(view) !== "");
    return section("Attempts", { aux: detail?.retry_note }, h("table.att", null, h("tbody", null, ...rows.flatMap((view, i) => {
      const family = family_of(view);
      const text = message(view);
      const began = anew.get(view.task_id);
      const open = (): void => this.vm.select(subject.path, view.task_id);
      return [h("tr", { "aria-current": view.task_id === task.task_id ? "true" : null, onclick: open },
        h("td", null, h("button.link.plain", { type: "button", "data-f": `attempt ${view.task_id}`, "aria-label": `Attempt ${view.attempt}`, onclick: open }, view.attempt)),
        h("td", null, status_label(family, view.status, view.type)),
        h("td.mono", null, clock(view.end_ms || view.start_ms || view.scheduled_ms)),
        h("td.r", null, view.start_ms && view.end_ms ? seconds(view.end_ms - view.start_ms) : ""),
        h("td.who", { title: view.worker_id }, view.worker_id ?? "")),
        text ? h("tr.said", { onclick: open }, h("td"), h("td.t2", { colspan: 4 }, i > first && text === newest ? "same error" : text)) : null,
        began ? h("tr.anew", null, h("td", { colspan: 5 }, `${began.by_hand ? "Retried by hand" : "Began anew with its sub-workflow"} at ${minute(began.from_ms)}`)) : null] as Node[];
    }))));
  }

  private consequences({ subject }: Shown): Node | null {
    const chain = this.vm.data.failure?.chains.find((c) => c.cause.path === subject.path);
    if (!chain?.consequences.length) return null;
    const groups = new Map<string, string[]>();
    for (const { path, what } of chain.consequences) groups.set(what, [...(groups.get(what) ?? []), path]);
    return section("Consequences", { aux: plural(chain.consequences.length, "task") }, h("ul.cons", null, ...[...groups].map(([what, paths]) => {
      const family = this.vm.family(paths[0]!);
      return h("li", null, icon(task_glyph(family), `s-${family}`), h("span.cut", null, ...paths.flatMap((path, i) => [
        i ? ", " : null, h("button.link.plain", { type: "button", "data-f": `cons ${path}`, onclick: () => this.vm.select(path) }, leaf_of(path)),
      ])), h("span.t2", null, what));
    })));
  }

  private times({ task, detail }: Shown): Node {
    const polled = task.start_ms && task.scheduled_ms ? `${clock(task.start_ms)}, after ${duration(task.start_ms - task.scheduled_ms)}` : "not yet";
    const end = task.end_ms ? `${clock(task.end_ms)}${task.start_ms ? `, after ${duration(task.end_ms - task.start_ms)}` : ""}` : "not yet";
    return section("Times", { note: "UTC" }, facts([
      ["Scheduled", clock(task.scheduled_ms)], ["Started", polled], ["Ended", end], ["Worker", task.worker_id ?? (is_ended(task.status) ? detail?.worker_id : "")],
      ["Case", task.chosen], ["Reused from", task.reused ? "the execution this one branched from" : ""],
      ["Task id", h("span", null, h("code", null, task.task_id), " ", copy_button(() => task.task_id, "task id"))],
    ]));
  }

  private definition({ task, detail }: Shown): Node | null {
    if (!detail) return null;
    return section("Definition", { aux: copy_button(() => JSON.stringify(detail.workflow_task, null, 2), "definition") },
      this.view("definition", task, detail.workflow_task, { label: "Definition", open_depth: 3 }));
  }
}
