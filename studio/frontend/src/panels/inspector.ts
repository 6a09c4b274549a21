/** The inspector: everything about what is selected, as it was at the cursor. */
import type { TaskView, ViewModel } from "../viewmodel";
import { fill, h, icon, per_frame } from "../dom";
import { execution_status, look_of } from "../execution_look";
import { count, leaf_of, status_word } from "../format";
import { is_ended } from "../fold";
import { task_glyph } from "../glyphs";
import { Cleanup, keep_focus, key_target, on_key, paced, tab_keys } from "./interaction";
import { event_place, execution_body } from "./inspector_execution";
import { group_sections, iteration_body } from "./inspector_group";
import { type Shown, TaskBody } from "./inspector_task";
import { show_origin } from "./origin_route";
import type { Panel, PanelHost } from "./panel";
import { ask_replay } from "./replay_request";
import { attempt_words, by_hand_words, rounds_of } from "./rounds";
import { leaf_iteration, trail } from "./run_path";
import { kbd, nothing } from "./section";
import { type Subject, failed_task_in, failures_around, next_failure, subject_of } from "./subject";
import { TaskDetails } from "./task_details";

const TABS = ["Summary", "Input", "Output", "Origin", "Attempts", "Definition"] as const;
type Tab = (typeof TABS)[number];

export function mountInspector(el: HTMLElement, vm: ViewModel, host: PanelHost): Panel {
  const inspector = new Inspector(el, vm, host);
  return { destroy: () => inspector.destroy() };
}

class Inspector {
  private readonly cleanup = new Cleanup();
  private readonly head = h("div.ihead");
  private readonly tabs = h("div.tabs.itabs", { role: "tablist", "aria-label": "About the selection" });
  private readonly body = h("div.ibody", { role: "tabpanel", tabindex: 0 });
  private readonly root = h("section.pinsp", { "aria-label": "Inspector" }, this.head, this.tabs, this.body);
  private readonly details: TaskDetails;
  private readonly task_body: TaskBody;
  private tab: Tab = "Summary";
  private drawn_path = "";
  private seen: unknown[] = [];
  private readonly is_slim: boolean;
  private origin_error = "";

  constructor(el: HTMLElement, private readonly vm: ViewModel, private readonly host: PanelHost) {
    this.is_slim = vm.data.mode === "cell";
    const later = paced(() => this.draw(false), this.cleanup);
    this.details = new TaskDetails(vm, () => this.draw(true));
    this.task_body = new TaskBody(vm, (task, leaf) => void this.ask_origin(task, leaf));
    el.append(this.root);
    this.cleanup.add(() => this.root.remove());
    this.root.classList.toggle("slim", this.is_slim);
    tab_keys(this.tabs);
    this.cleanup.add(vm.on(["selection", "cursor", "events", "failure", "structure", "origin", "plan", "iteration"], later));
    // The rest may be drawn later on a busy page; this number is beside the cursor bar's.
    this.cleanup.add(vm.on(["cursor", "events"], per_frame(() => {
      const place = this.root.querySelector(".ievent");
      if (place) place.textContent = event_place(vm);
    })));
    on_key(key_target(this.root, vm.data.mode), this.cleanup, (key, event) => this.key(key, event));
    this.draw(true);
  }

  destroy(): void {
    this.cleanup.run();
  }

  private draw(force: boolean): void {
    const subject = subject_of(this.vm);
    const { now, origin, hop, data } = this.vm;
    const live = subject.kind === "task" ? 0 : now.n;
    const seen = [subject.path, subject.task, subject.later, subject.attempts.length, origin, hop, data.failure, data.status, live, this.tab];
    if (!force && seen.every((value, i) => value === this.seen[i])) return;
    this.seen = seen;
    const is_new = subject.path !== this.drawn_path;
    this.drawn_path = subject.path;
    const scroll = this.body.scrollTop;
    keep_focus(this.root, () => {
      this.draw_head(subject);
      this.draw_tabs(subject);
      this.draw_body(subject);
    });
    this.body.scrollTop = is_new ? 0 : scroll;
  }

  private draw_head(subject: Subject): void {
    const { vm } = this;
    const is_execution = subject.kind === "execution";
    const family = is_execution ? look_of(execution_status(vm))[0] : vm.family(subject.path);
    const status = is_execution ? execution_status(vm) : subject.task?.status ?? "";
    const iteration = leaf_iteration(subject.path);
    const name = iteration === null ? leaf_of(subject.path) : `${leaf_of(subject.path)}, iteration ${count(iteration)}`;
    this.root.setAttribute("aria-label", `Inspector: ${name}`);
    fill(this.head,
      h("h2", null, icon(task_glyph(family, status, subject.task?.type), `s-${family}`), h("span.cut", { title: subject.path }, name)),
      h("div.btns", null, this.is_slim ? null : this.replay_button(subject, ".small"), is_execution ? null : h("button.btn.icon.small", {
        type: "button", "data-f": "up", "aria-label": "Back to the execution", title: "Back to the execution", onclick: () => this.vm.select(null),
      }, icon("close"))),
      h("p", null, subtitle(vm, subject)));
  }

  private replay_button(subject: Subject, classes: string): HTMLElement | null {
    const task = subject.task;
    if (!task || !this.vm.data.capabilities.includes("branch")) return null;
    return h(`button.btn.replay${classes}`, {
      type: "button", "data-f": "replay", title: "New execution from here; this one stays as it is",
      onclick: () => ask_replay(this.root, task.workflow_id, task.task_id),
    }, "Replay from here ", kbd("R"));
  }

  private tabs_of(subject: Subject): readonly Tab[] {
    if (this.is_slim) return ["Summary"];
    if (subject.kind === "execution") return ["Summary", "Input", "Output"];
    if (subject.kind === "iteration") return ["Summary"];
    return this.vm.data.capabilities.includes("origin") ? TABS : TABS.filter((tab) => tab !== "Origin");
  }

  private draw_tabs(subject: Subject): void {
    const tabs = this.tabs_of(subject);
    if (!tabs.includes(this.tab)) this.tab = "Summary";
    this.tabs.hidden = tabs.length < 2;
    fill(this.tabs, ...tabs.map((tab) => h("button", {
      type: "button", role: "tab", "data-f": `tab ${tab}`, "aria-selected": String(tab === this.tab), tabindex: tab === this.tab ? 0 : -1,
      onclick: () => {
        this.tab = tab;
        this.draw(false);
      },
    }, tab, tab === "Attempts" && subject.attempts.length > 1 ? h("span.c", null, rounds_of(subject.attempts, this.vm.now).map((round) => round.attempts.length).join(" + ")) : null)));
    this.body.setAttribute("aria-label", this.tab);
  }

  private draw_body(subject: Subject): void {
    if (subject.kind === "execution") {
      fill(this.body, ...execution_body(this.vm, this.tab, () => this.draw(true)));
      return;
    }
    if (subject.kind === "iteration") {
      fill(this.body, ...iteration_body(this.vm, subject));
      return;
    }
    const parts = subject.task ? this.task_parts(subject, subject.task) : [this.absent(subject)];
    const replay = this.is_slim ? this.replay_button(subject, ".small.primary") : null;
    if (replay) parts.push(h("div.isec.islim", null, replay));
    const group = this.tab === "Summary" && subject.kind !== "task" ? group_sections(this.vm, subject, () => this.draw(true)) : [];
    fill(this.body, ...group, ...parts);
  }

  private task_parts(subject: Subject, task: TaskView): (Node | null)[] {
    const { detail, error, loading } = this.details.get(task);
    const shown: Shown = { subject, task, detail, is_slim: this.is_slim };
    const parts = this.task_body.sections(this.tab, shown);
    if (this.origin_error) parts.unshift(h("p.ialert", { role: "alert" }, this.origin_error));
    if (error) parts.push(nothing(`The details could not be read: ${error}`));
    else if (loading && !detail) parts.push(nothing("Reading the details…"));
    return parts;
  }

  /** The task has no record at the cursor: it comes later, or never. */
  private absent(subject: Subject): HTMLElement {
    const { later } = subject;
    if (later) {
      return h("div.isec", null, nothing(`Not yet: ${leaf_of(subject.path)} is scheduled at event ${count(later.first_n)}. `,
        h("button.link", { type: "button", "data-f": "later", onclick: () => this.vm.seek(later.first_n) }, `Go to event ${count(later.first_n)}`)), this.drawn_instead(subject));
    }
    const consequence = (this.vm.data.failure?.chains ?? []).flatMap((chain) => chain.consequences).find((c) => c.path === subject.path);
    const is_over = this.vm.data.status !== "RUNNING" && this.vm.data.status !== "PAUSED";
    return h("div.isec", null, nothing(consequence?.what ? `${consequence.what}.` : is_over ? "Never scheduled." : "Not reached yet."),
      subject.block ? nothing(`${subject.block.word} task ${subject.block.name}`) : null);
  }

  /** At a moment before the selected iteration the graph draws an earlier one: a way to that one. */
  private drawn_instead(subject: Subject): HTMLElement | null {
    const drawn = subject.block ? this.vm.drawn(subject.block.place) : subject.path;
    if (drawn === subject.path || !this.vm.task(drawn)) return null;
    const iteration = /\[(\d+)\][^[]*$/.exec(drawn)?.[1] ?? "";
    return nothing(`The graph draws iteration ${iteration}, the newest at this event. `,
      h("button.link", { type: "button", "data-f": "drawn", onclick: () => this.vm.select(drawn) }, `Show iteration ${iteration}`));
  }

  private async ask_origin(task: TaskView, leaf: string): Promise<void> {
    this.origin_error = "";
    try {
      await show_origin(this.vm, task, leaf);
    } catch (reason) {
      this.origin_error = `The origin of ${leaf} is not known: ${reason instanceof Error ? reason.message : String(reason)}`;
      this.draw(true);
    }
  }

  private key(key: string, event: KeyboardEvent): boolean {
    const { vm } = this;
    if (key === "Escape" && vm.origin) {
      vm.origin = null;
      return true;
    }
    if (key === "n" || key === "N") return this.jump(event.shiftKey ? -1 : 1);
    if ((key === "o" || key === "O") && vm.data.capabilities.includes("origin")) {
      const subject = subject_of(vm);
      const detail = subject.task && this.details.get(subject.task).detail;
      const leaf = detail && this.task_body.leaf_for_origin(detail);
      if (!subject.task || !leaf) return false;
      void this.ask_origin(subject.task, leaf);
      return true;
    }
    return false;
  }

  private jump(direction: 1 | -1): boolean {
    const around = failures_around(this.vm);
    const next = around && next_failure(around.failed, around.at, direction);
    if (!around || !next) return false;
    const block = this.vm.block(around.loop.replace(/\[\d+\]/g, ""));
    this.vm.select(failed_task_in(this.vm, `${around.loop}[${next}]`, block));
    this.host.announce(`Failed iteration ${next}, ${around.failed.indexOf(next) + 1} of ${around.failed.length}`);
    return true;
  }
}

/** "Worker task · fulfil ▸ line_items[37] · attempt 3 of 3 · Failed". */
function subtitle(vm: ViewModel, subject: Subject): string {
  if (subject.kind === "execution") return `Execution · version ${vm.data.version} · ${status_word(execution_status(vm))}`;
  const parts = [subject.block ? word_of(subject) : "Task", trail(subject.path)];
  const { task, attempts } = subject;
  if (subject.kind === "iteration") {
    const loop = vm.now.loops.get(subject.path.replace(/\[\d+\]$/, ""));
    const known = vm.task(subject.path.replace(/\[\d+\]$/, ""))?.iterations;
    if (loop) parts.push(`iteration ${count(leaf_iteration(subject.path) ?? 0)} of ${count(Math.max(known ?? 0, loop.items.length))}`);
  }
  if (task) parts.push(counted(vm, task, attempts), by_hand_words(rounds_of(attempts, vm.now), task));
  parts.push(task ? status_word(task.status) : subject.kind === "iteration" ? status_of_family(vm.family(subject.path)) : subject.later ? "Not yet" : "Not reached");
  return parts.filter(Boolean).join(" · ");
}

/** "attempt 3 of 3", the same as strip and graph say. */
function counted(vm: ViewModel, task: TaskView, attempts: readonly TaskView[]): string {
  const newest = attempts.filter((one) => one.workflow_id === task.workflow_id).pop();
  // While one is still to end nobody knows how many there will be.
  if (newest && !is_ended(newest.status)) return task.attempt > 1 || newest !== task ? `attempt ${task.attempt}` : "";
  const cause = vm.data.failure?.chains.find((chain) => chain.cause.path === task.path)?.cause;
  return attempt_words(task, attempts, cause?.workflow_id === task.workflow_id ? cause.attempts : 0);
}

function word_of(subject: Subject): string {
  const word = subject.block!.word;
  return subject.kind === "task" && word === "Worker" ? "Worker task" : word;
}

function status_of_family(family: string): string {
  return { success: "Completed", failure: "Failed", running: "Running", waiting: "Waiting", warning: "With errors", none: "Not reached" }[family] ?? family;
}

