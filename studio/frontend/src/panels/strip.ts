/** The failure strip: from the outermost execution to the deepest cause, in one line per cause. */
import type { FailureChain } from "../protocol";
import type { ViewModel } from "../viewmodel";
import { fill, h, icon } from "../dom";
import { count, plural } from "../format";
import { task_glyph } from "../glyphs";
import { live_summary } from "./live_summary";
import { Cleanup, keep_focus } from "./interaction";
import type { Panel, PanelHost } from "./panel";

/** Causes shown before "n more". */
const FIRST_LINES = 3;

export function mountStrip(el: HTMLElement, vm: ViewModel, host: PanelHost): Panel {
  const cleanup = new Cleanup();
  let all_lines = false;
  const root = h("section.fstrip", { "aria-label": "Why this execution failed" });
  el.append(root);
  cleanup.add(() => root.remove());

  const toggle_consequences = (chain: FailureChain): void => {
    const paths = chain.consequences.map((consequence) => consequence.path);
    vm.set_dim(is_dimmed(vm, chain) ? null : [...paths, chain.cause.path]);
  };

  let drawn: unknown[] = [];
  function draw(): void {
    const seen = [vm.data.failure, vm.data.status, vm.selection, vm.dim, all_lines, later_causes(vm)];
    if (seen.length === drawn.length && seen.every((value, i) => value === drawn[i])) return;
    drawn = seen;
    keep_focus(root, draw_lines);
  }

  function draw_lines(): void {
    const failure = vm.data.failure;
    root.hidden = !failure || failure.chains.length === 0;
    if (!failure || root.hidden) {
      fill(root);
      return;
    }
    const chains = failure.chains;
    const shown = all_lines ? chains : chains.slice(0, FIRST_LINES);
    const lines = shown.map((chain, i) => line(vm, chain, i, chains.length, failure.independent, toggle_consequences));
    const rest = chains.length - shown.length;
    fill(root, ...lines, rest > 0 && h("div.fs-rest", null,
      h("button.fs-link", { type: "button", onclick: () => { all_lines = true; draw(); } }, `${plural(rest, "more cause")}`)));
  }

  draw();
  cleanup.add(vm.on(["failure", "selection", "plan", "events", "cursor"], draw));
  cleanup.add(live_summary(vm, host));
  return { destroy: () => cleanup.run() };
}

/** Whether the cause lies after the cursor. */
function is_later(vm: ViewModel, chain: FailureChain): boolean {
  return !vm.following && (chain.cause.event_n ?? 0) > vm.cursor;
}

function later_causes(vm: ViewModel): string {
  return (vm.data.failure?.chains ?? []).map((chain) => (is_later(vm, chain) ? "1" : "0")).join("");
}

function is_dimmed(vm: ViewModel, chain: FailureChain): boolean {
  return !!vm.dim && chain.consequences.length > 0 && chain.consequences.every((consequence) => vm.dim!.has(consequence.path));
}

function line(
  vm: ViewModel, chain: FailureChain, index: number, causes: number, independent: number, toggle: (chain: FailureChain) => void,
): HTMLElement {
  const is_open = vm.data.status === "RUNNING" || vm.data.status === "PAUSED";
  const by_person = chain.cause.status === "CANCELED" || vm.data.status === "TERMINATED";
  const word = by_person ? "Terminated" : causes > 1 ? `Cause ${index + 1} of ${causes}` : is_open ? "Failing" : "Cause";
  return h(`div.fs-line${by_person ? ".stopped" : ""}`, null,
    h("span.fs-why", null, word, is_later(vm, chain) ? h("small", null, `comes at event ${count(chain.cause.event_n!)}`) : null),
    h("ol", null, ...chain.chips.map((_, i) => h("li", null, chip_button(vm, chain, i, by_person)))),
    tail(vm, chain, index, causes, independent, toggle));
}

function chip_button(vm: ViewModel, chain: FailureChain, index: number, by_person: boolean): HTMLElement {
  const chip = chain.chips[index]!;
  const is_last = index === chain.chips.length - 1;
  const selected = vm.selection;
  const is_current = !!selected && selected.path === chip.path && (is_last ? true : chip.kind !== "error" && !same_path_later(chain, index));
  const glyph = by_person ? "stopped" : task_glyph("failure", chain.cause.status);
  return h(`button.fs-chip${is_last ? ".last" : ""}`, {
    type: "button", title: chip.path, "data-f": `${chain.cause.path} ${index}`, "aria-current": is_current ? "true" : null,
    onclick: () => vm.select(chip.path, chip.task_id ?? null),
  }, is_last && icon(glyph), h("span.cut", null, chip.label), chip.note ? h("i", null, chip.note) : null,
  is_last && (chain.same_error_count ?? 0) > 1 ? h("i", null, `same error ×${chain.same_error_count}`) : null);
}

/** The error chip stands for the same task as the one before it; only one of them is current. */
function same_path_later(chain: FailureChain, index: number): boolean {
  return chain.chips.slice(index + 1).some((chip) => chip.path === chain.chips[index]!.path);
}

function tail(
  vm: ViewModel, chain: FailureChain, index: number, causes: number, independent: number, toggle: (chain: FailureChain) => void,
): HTMLElement {
  const size = chain.consequences.length;
  const parts: Node[] = [];
  if (index === 0) parts.push(h("span", null, plural(causes, "cause")));
  if (size) {
    parts.push(h("button.fs-link", {
      type: "button", "data-f": `${chain.cause.path} tail`, "aria-pressed": String(is_dimmed(vm, chain)), title: "Fade everything that is neither the cause nor one of its consequences",
      onclick: () => toggle(chain),
    }, plural(size, "consequence")));
  }
  if (index === 0 && independent > 0) parts.push(h("span", null, plural(independent, "independent failure")));
  const spaced = parts.flatMap((part, i) => (i ? [h("span.t2", { "aria-hidden": "true" }, "·"), part] : [part]));
  return h("div.fs-tail", null, ...spaced);
}
