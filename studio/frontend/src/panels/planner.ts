/** The replay planner: what a branch from here reuses and runs, and the input it starts with.
 *
 * While it is open the graph shows the plan's colours. Nothing runs before the button is pressed,
 * and the original execution never changes.
 */
import type { Plan } from "../protocol";
import type { ViewModel } from "../viewmodel";
import { fill, h, icon } from "../dom";
import { count, leaf_of, plural } from "../format";
import { Cleanup, key_target, on_key, trap_focus, view_of } from "./interaction";
import { value_brief } from "./json_value";
import type { Panel, PanelHost } from "./panel";
import { type EditKind, type Field, edits_of, fields_of, is_edited, parse_edit, replay_words, text_of } from "./plan_edits";
import { REPLAY_EVENT, type ReplayRequest } from "./replay_request";
import { short_path } from "./run_path";
import { kbd, nothing, section } from "./section";
import { subject_of } from "./subject";

export interface Planner extends Panel {
  /** Show the plan of a branch from a task. */
  open(workflow_id: string, task_id: string): void;
}

const KINDS: [EditKind, string][] = [["text", "text"], ["number", "number"], ["boolean", "true or false"], ["json", "JSON"]];
/** Names listed before "n more". */
const LISTED = 6;

export function mountPlanner(el: HTMLElement, vm: ViewModel, host: PanelHost): Planner {
  const cleanup = new Cleanup();
  const planner = new PlannerView(el, vm, host);
  cleanup.add(() => planner.close(true));
  cleanup.listen(view_of(el), REPLAY_EVENT, (event: CustomEvent<ReplayRequest>) => planner.open(event.detail.workflow_id, event.detail.task_id));
  on_key(key_target(el, vm.data.mode), cleanup, (key) => (key === "r" || key === "R") && planner.open_for_selection());
  return { open: (workflow_id, task_id) => planner.open(workflow_id, task_id), destroy: () => cleanup.run() };
}

class PlannerView {
  private root: HTMLElement | null = null;
  private cleanup = new Cleanup();
  private plan: Plan | null = null;
  private fields: Field[] = [];
  /** Unsent edits by task: closing the planner does not lose them. */
  private readonly drafts = new Map<string, Field[]>();
  private busy = false;
  private readonly submit = h<HTMLButtonElement>("button.btn.primary", { type: "button", onclick: () => void this.go() });
  private readonly problem = h("p.ialert", { role: "alert" });
  /** Answers to an older question are dropped. */
  private turn = 0;

  constructor(private readonly el: HTMLElement, private readonly vm: ViewModel, private readonly host: PanelHost) {}

  open_for_selection(): boolean {
    if (this.root || !this.vm.data.capabilities.includes("branch")) return false;
    const { task } = subject_of(this.vm);
    const cause = this.vm.data.failure?.chains[0]?.cause;
    const target = task ?? cause;
    if (!target) return false;
    this.open(target.workflow_id, target.task_id);
    return true;
  }

  open(workflow_id: string, task_id: string): void {
    this.close(true);
    const turn = ++this.turn;
    const root = h("aside.pplan", { role: "dialog", "aria-modal": "true", "aria-labelledby": "plan-title", tabindex: -1 });
    this.root = root;
    this.el.append(root);
    trap_focus(root, this.cleanup);
    // Wherever the focus is: while the planner is open, Escape means the planner.
    this.cleanup.listen(key_target(this.el, this.vm.data.mode), "keydown", (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      this.close();
    }, { capture: true });
    fill(root, this.heading("Replay from here"), h("div.pbody", null, nothing("Planning…")));
    root.focus();
    this.vm.ask<Plan>({ what: "plan", workflow_id, task_id }).then(
      (plan) => { if (turn === this.turn) this.show(plan); },
      (reason: unknown) => { if (turn === this.turn) this.refused(reason); },
    );
  }

  /** @param at_once give the focus back now; else after the panels have drawn themselves without the plan. */
  close(at_once = false): void {
    this.turn++;
    if (!this.root) return;
    if (this.plan) this.drafts.set(this.plan.task_id, this.fields);
    this.root.remove();
    this.root = null;
    const undo = this.cleanup;
    this.cleanup = new Cleanup();
    this.plan = null;
    this.busy = false;
    this.vm.plan = null;
    if (at_once) undo.run();
    else requestAnimationFrame(() => undo.run());
  }

  private heading(title: string): HTMLElement {
    return h("header", null, h("h2", { id: "plan-title" }, title), h("button.btn.icon.small", {
      type: "button", "aria-label": "Close the planner", title: "Close (Esc)", onclick: () => this.close(),
    }, icon("close")));
  }

  private refused(reason: unknown): void {
    fill(this.root!, this.heading("Replay from here"), h("div.pbody", null, section("No plan", null, h("p.ialert", { role: "alert" }, words_of(reason)))));
    this.root!.querySelector<HTMLElement>("button")?.focus();
  }

  private show(plan: Plan): void {
    this.plan = plan;
    this.vm.plan = plan;
    this.fields = this.drafts.get(plan.task_id) ?? fields_of(plan.input);
    this.problem.textContent = "";
    this.problem.hidden = true;
    const body = h("div.pbody", null,
      h("p.psentence", null, sentence(plan)),
      this.form(plan),
      effects(plan),
      names_section("Will run", plan.will_run, "s-run", "play"),
      names_section("Reused", plan.reused, "s-reused", "pin"),
      names_section("Not affected", plan.not_affected, "s-none", "none"));
    fill(this.root!, this.heading(`Replay from ${leaf_of(plan.path)}`), body,
      h("footer", null, this.problem, h("div.btns", null, h("button.btn", { type: "button", onclick: () => this.close() }, "Cancel ", kbd("Esc")), this.submit)));
    this.update();
    (plan.side_effects.length ? this.root!.querySelector<HTMLElement>("footer .btn") : this.submit)?.focus();
  }

  private form(plan: Plan): HTMLElement {
    const rows = this.fields.map((field) => this.field(field));
    const name = leaf_of(plan.path);
    return section(h("span", null, "Input of ", h("code", null, name)), { note: rows.length ? "as recorded unless edited" : null },
      rows.length ? h("div.pform", null, ...rows) : nothing("The task has no input."));
  }

  private field(field: Field): HTMLElement {
    const row = h("div.pfield");
    const draw = (): void => this.draw_field(row, field, draw);
    draw();
    return row;
  }

  private draw_field(row: HTMLElement, field: Field, redraw: () => void): void {
    const id = `plan-${this.fields.indexOf(field)}`;
    const label = h("label.k", { for: id }, h("code", null, field.key));
    if (field.is_locked) {
      fill(row, h("div.row", null, label, h("span.t3", null, "masked, as recorded")));
      return;
    }
    const message = h("p.perror", { id: `${id}-error`, role: "alert" });
    const tag = h("span.ptag", null, "edited");
    const before = h("del", null, value_brief(field.original, 36));
    const reset = h("button.link", { type: "button", onclick: () => {
      field.text = text_of(field.original, kind_at_first(field));
      field.kind = kind_at_first(field);
      redraw();
      row.querySelector<HTMLElement>("input, textarea, select.v")?.focus();
    } }, "Reset");
    const check = (): void => {
      const parsed = parse_edit(field.kind, field.text);
      const edited = is_edited(field);
      row.classList.toggle("ed", edited);
      row.classList.toggle("bad", !parsed.ok);
      tag.hidden = !edited;
      before.hidden = !edited;
      reset.hidden = !edited;
      message.hidden = parsed.ok;
      message.textContent = parsed.ok ? "" : parsed.message;
      control.setAttribute("aria-invalid", String(!parsed.ok));
      this.update();
    };
    const control = editor(field, id, check);
    const kinds = h<HTMLSelectElement>("select.pkind", { "aria-label": `Type of ${field.key}`, title: "Type of the value", onchange: () => {
      field.kind = kinds.value as EditKind;
      if (field.kind === "boolean" && field.text !== "false") field.text = "true";
      redraw();
    } }, ...KINDS.map(([kind, word]) => h("option", { value: kind, selected: kind === field.kind }, word)));
    fill(row, h("div.row", null, label, h("span.grow"), tag, reset, kinds), h("div.row", null, before, control), message);
    check();
  }

  private update(): void {
    const plan = this.plan;
    if (!plan) return;
    const { edits, broken } = edits_of(this.fields);
    this.submit.textContent = this.busy ? "Starting…" : replay_words(plan.will_run.length, Object.keys(edits).length);
    this.submit.disabled = broken.length > 0;
    this.submit.setAttribute("aria-busy", String(this.busy)); // not disabled: that would lose the focus
    this.submit.title = broken.length ? `${broken.join(", ")}: the value cannot be read` : "New execution; the original stays as it is";
  }

  private async go(): Promise<void> {
    const plan = this.plan;
    if (!plan || this.busy) return;
    const { edits, broken } = edits_of(this.fields);
    if (broken.length) return;
    this.busy = true;
    this.problem.hidden = true;
    this.update();
    const turn = this.turn;
    try {
      const { workflow_id } = await this.vm.ask<{ workflow_id: string }>({ what: "branch", workflow_id: plan.workflow_id, task_id: plan.task_id, edits });
      if (turn !== this.turn) return;
      this.close();
      this.drafts.delete(plan.task_id);
      this.host.announce(`Branch ${workflow_id.slice(0, 8)} started`);
      this.host.navigate(workflow_id);
    } catch (reason) {
      if (turn !== this.turn) return;
      this.busy = false;
      this.problem.hidden = false;
      this.problem.textContent = `Not started: ${words_of(reason)}`;
      this.update();
    }
  }
}

function words_of(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}

function kind_at_first(field: Field): EditKind {
  return fields_of({ [field.key]: field.original })[0]!.kind;
}

/** The back end's sentence, or the same said from the numbers. */
function sentence(plan: Plan): string {
  if (plan.sentence) return plan.sentence;
  return `Reuse ${plural(plan.reused.length, "output")} of ${plan.workflow_id.slice(0, 8)}, run ${plural(plan.will_run.length, "task")}, in a new execution. The original stays as it is.`;
}

function editor(field: Field, id: string, changed: () => void): HTMLElement {
  const attributes = { id, "aria-describedby": `${id}-error`, spellcheck: "false", autocomplete: "off" };
  if (field.kind === "boolean") {
    const choice = h<HTMLSelectElement>("select.v", { ...attributes, onchange: () => { field.text = choice.value; changed(); } },
      ...["true", "false"].map((value) => h("option", { value, selected: value === field.text }, value)));
    return choice;
  }
  const is_long = field.kind === "json" || field.text.length > 60 || field.text.includes("\n");
  const rows = Math.max(2, Math.min(10, field.text.split("\n").length + (field.kind === "text" ? 1 : 0)));
  const shape = is_long ? { rows } : { type: "text", inputmode: field.kind === "number" ? "decimal" : null };
  const control = h<HTMLInputElement | HTMLTextAreaElement>(is_long ? "textarea" : "input", {
    ...attributes, ...shape, oninput: () => { field.text = control.value; changed(); },
  });
  control.value = field.text;
  return control;
}

function effects(plan: Plan): HTMLElement | null {
  if (!plan.side_effects.length) return null;
  return section(h("span", null, "Side effects ", icon("bolt", "s-warning")), { note: "they happen again; what the original did outside is not undone" },
    h("ul.pnames.warn", null, ...plan.side_effects.map((path) => h("li", null, icon("bolt", "s-warning"), h("span.cut", { title: path }, short_path(path))))));
}

function names_section(title: string, paths: readonly string[], tone: string, glyph: "play" | "pin" | "none"): HTMLElement | null {
  if (!paths.length) return null;
  const list = h("ul.pnames");
  const draw = (all: boolean): void => {
    const shown = all ? paths : paths.slice(0, LISTED);
    fill(list, ...shown.map((path) => h("li", null, icon(glyph, tone), h("span.cut", { title: path }, short_path(path)))),
      paths.length > shown.length ? h("li", null, h("button.link", { type: "button", onclick: () => draw(true) }, `${count(paths.length - shown.length)} more`)) : null);
  };
  draw(false);
  return section(title, { note: plural(paths.length, "task") }, list);
}
