/** What a box says at the cursor: status, glyph, words, counts. From the model, without a DOM. */
import type { Block } from "./protocol";
import type { Family, IterationView, LoopView, TaskView, ViewModel } from "./viewmodel";
import { NODE_HEIGHT, type Box } from "./layout";
import { is_bad, is_ended, iteration_family } from "./fold";
import { count, duration } from "./format";
import { task_glyph, type GlyphName } from "./glyphs";
import { attempt_words, rounds_of } from "./panels/rounds";

/** Status families, and the two ways to have failed, and what a plan would do. */
export type FaceStatus = Exclude<Family, "failure"> | "cause" | "conseq" | "plain" | "plan-reuse" | "plan-run" | "plan-ask" | "plan-off";

export interface Face {
  st: FaceStatus;
  glyph: GlyphName | null;
  name: string;
  /** Second line. */
  meta: string;
  /** Word at the right of a filled header: "failed", "timed out". */
  word: string;
  /** For screen readers: name, status, attempt, iteration. */
  label: string;
  side_effect?: boolean;
  strip?: Strip;
  /** Join: "3 of 3". */
  joined?: string;
}
export interface Strip {
  /** Status of each column. */
  columns: FaceStatus[];
  /** First iteration of each column; one more at the end. */
  starts: number[];
  spark: (number | null)[];
  total: number;
  current: number;
  line: string;
  done: boolean;
}

/** A worker that listens has taken a task by then. */
const UNPOLLED_MS = 5000;
/** Most columns a strip has: each needs 2 px with its gap. */
const COLUMNS = 172;

/** `plain` faces carry no status: the picture of a definition. */
export function face_of(vm: ViewModel, box: Box, plain = false): Face {
  const { block } = box;
  if (box.shape === "more") return more_face(box);
  const path = box.shape === "member" ? box.id : vm.drawn(box.id);
  const name = box.shape === "member" ? box.id.slice(box.id.lastIndexOf("/") + 1) : box.shape === "join" ? block.join?.ref ?? "join" : block.ref;
  if (plain) return { st: "plain", glyph: null, name, meta: plain_meta(block), word: "", label: `${name}, ${block.word}` };
  const task = vm.task(path);
  const planned = vm.plan ? plan_face(vm, path, box) : null;
  const st = planned ?? status_of(vm, path, box);
  const face: Face = {
    st, glyph: planned ? PLAN_GLYPHS[planned] : st === "none" ? null : task_glyph(vm.family(path), task?.status, task?.type), name,
    meta: planned ? `${block.word} · ${PLAN_WORDS[planned]}` : meta_of(vm, box, path, task, st),
    word: st === "cause" ? (task?.status === "TIMED_OUT" ? "timed out" : "failed") : "", label: "",
  };
  if (planned && vm.plan!.side_effects.some((p) => p === path || p === box.id)) face.side_effect = true;
  if (block.kind === "loop" || box.shape === "fan") face.strip = strip_of(vm, path, block, task);
  if (box.shape === "fan" && face.strip?.total) face.meta = `${count(face.strip.total)} · ${face.strip.line}`;
  if (box.shape === "join") face.joined = joined(vm, box);
  face.label = label_of(vm, face, path, task, block);
  return face;
}

function status_of(vm: ViewModel, path: string, box: Box): FaceStatus {
  const family = vm.family(path);
  if (family !== "failure") return family;
  // Only a tall box has the header that a cause fills; one that has just failed gets it with the report.
  return box.h > NODE_HEIGHT && box.shape === "task" && vm.is_cause(path) ? "cause" : "conseq";
}

// -- second lines --------------------------------------------------------------------------

function plain_meta(block: Block): string {
  if (block.kind === "switch") return block.hint ? `${block.word} · ${block.hint}` : block.word;
  const name = block.sub ? `${block.sub.name}${block.sub.version ? ` ${block.sub.version}` : ""}` : block.name;
  return name && name !== block.ref ? `${block.word} · ${name}` : block.word;
}

function now_ms(vm: ViewModel): number {
  if (vm.following && !is_over(vm.data.status)) return Math.max(vm.data.end_ms, vm.events[vm.events.length - 1]?.wall_ms ?? 0);
  return vm.events[vm.cursor - 1]?.wall_ms ?? vm.data.start_ms;
}
function is_over(status: string): boolean {
  return status !== "RUNNING" && status !== "PAUSED";
}

function meta_of(vm: ViewModel, box: Box, path: string, task: TaskView | undefined, st: FaceStatus): string {
  const { block } = box;
  const kind = box.shape === "join" ? "Join" : box.shape === "member" ? member_word(task) : block.word;
  if (!task) return `${kind} · not reached`;
  const parts = [kind, ...words_of(vm, task, st, block, path, box.shape)];
  return parts.filter(Boolean).join(" · ");
}

function member_word(task: TaskView | undefined): string {
  return task?.type === "SUB_WORKFLOW" ? "Sub-workflow" : task?.type === "SIMPLE" || !task ? "Worker" : task.type;
}

function words_of(vm: ViewModel, task: TaskView, st: FaceStatus, block: Block, path: string, shape: Box["shape"]): string[] {
  if (block.kind === "switch" && task.chosen !== undefined) return [chosen_words(block, task.chosen)];
  const took = is_ended(task.status) && task.start_ms ? duration(task.end_ms - task.start_ms) : "";
  if (st === "cause") return [cause_words(vm, path, task), took];
  if (st === "conseq" && task.status === "CANCELED") return ["canceled, a consequence"];
  if (st === "conseq") return (block.kind === "task" || shape === "member") && task.type !== "JOIN" ? ["failed", took] : ["failed, a consequence"];
  if (st === "warning" && is_bad(task.status)) return ["failed, optional", tries(vm, path) || took];
  if (task.type === "TERMINATE" && is_ended(task.status)) return [`ended as ${vm.data.status.toLowerCase()}`];
  switch (task.status) {
    case "SCHEDULED": {
      if (st === "held") return ["paused"];
      const wait = task.not_before_ms - now_ms(vm);
      if (task.attempt > 1 && wait > 0) return [`attempt ${task.attempt} in ${duration(wait)}`];
      return ["scheduled", waited(vm, task)];
    }
    case "IN_PROGRESS": {
      if (task.type === "HUMAN") return ["waits for a person", duration(now_ms(vm) - task.start_ms)];
      if (task.type === "WAIT") return ["waiting", duration(now_ms(vm) - task.start_ms)];
      return [task.attempt > 1 ? `attempt ${task.attempt}` : "running", duration(now_ms(vm) - (task.start_ms || task.scheduled_ms))];
    }
    case "CANCELED": return ["canceled"];
    case "SKIPPED": return ["skipped"];
    case "COMPLETED_WITH_ERRORS": return ["with errors", took];
    default: return [task.reused ? "reused" : "completed", tries(vm, path), took];
  }
}

/** How long a task has been in its queue. While nothing happens no event moves the time on, so a live view takes the clock. */
function waited(vm: ViewModel, task: TaskView): string {
  const is_live = vm.following && vm.data.mode === "page" && !is_over(vm.data.status);
  const ms = (is_live ? Date.now() : now_ms(vm)) - task.scheduled_ms;
  if (ms < 1000) return "";
  return task.type === "SIMPLE" && ms >= UNPOLLED_MS ? `${duration(ms)}, no worker yet` : duration(ms);
}

function chosen_words(block: Block, chosen: string): string {
  const known = block.branches?.some((b) => !b.is_default && b.label === chosen);
  const shown = known ? chosen : "default";
  if (!block.hint) return `→ ${shown}`;
  return known && chosen !== shown ? `${block.hint} = "${chosen}" → ${shown}` : `${block.hint} → ${shown}`;
}

function cause_words(vm: ViewModel, path: string, task: TaskView): string {
  const chain = vm.data.failure?.chains.find((c) => c.cause.path === path);
  const of = chain?.cause.attempts ?? 0;
  const said = attempt_words(task, task_views(vm, path), chain?.cause.workflow_id === task.workflow_id ? of : 0);
  return said || (task.status === "TIMED_OUT" ? "no update in time" : "");
}

function tries(vm: ViewModel, path: string): string {
  const views = task_views(vm, path);
  const rounds = rounds_of(views, vm.now);
  // What an operator had done again is no attempt that failed.
  const attempts = rounds[rounds.length - 1]?.attempts.length ?? 1;
  return attempts > 1 ? `${attempts} tries` : "";
}

function task_views(vm: ViewModel, path: string): TaskView[] {
  return (vm.now.by_path.get(path) ?? []).map((id) => vm.now.tasks.get(id)).filter((task): task is TaskView => task !== undefined);
}

function joined(vm: ViewModel, box: Box): string {
  const join = box.block.join;
  if (!join) return "";
  const container = join.place.slice(0, join.place.length - join.ref.length);
  const done = join.join_on.filter((ref) => {
    const task = vm.task(vm.drawn(container + ref));
    return task && is_ended(task.status) && (!is_bad(task.status) || task.optional);
  }).length;
  return `${done} of ${join.join_on.length}`;
}

function more_face(box: Box): Face {
  const text = `+ ${count(box.hidden ?? 0)} more`;
  return { st: "plain", glyph: null, name: text, meta: "Select one in the strip", word: "", label: text };
}

const SPOKEN: Record<FaceStatus, string> = {
  waiting: "scheduled", running: "running", success: "completed", warning: "with errors", cause: "failed, the cause",
  conseq: "failed, a consequence", stopped: "canceled", skipped: "skipped", held: "held", none: "not reached", reused: "reused", plain: "",
  "plan-reuse": "will be reused", "plan-run": "will run", "plan-ask": "side effect, will not run unless chosen", "plan-off": "not affected",
};
function label_of(vm: ViewModel, face: Face, path: string, task: TaskView | undefined, block: Block): string {
  const parts = [face.name, block.word, SPOKEN[face.st]];
  if (task && task.attempt > 1) parts.push(`attempt ${task.attempt}`);
  if (face.strip?.total) parts.push(`${face.strip.line}`, `iteration ${face.strip.current} of ${face.strip.total} shown`);
  const iteration = /\[(\d+)\][^[\]]*$/.exec(path)?.[1];
  if (iteration) parts.push(`iteration ${iteration}`);
  if (vm.selection?.path === path) parts.push("selected");
  return parts.filter(Boolean).join(", ");
}

// -- plan ----------------------------------------------------------------------------------

const PLAN_GLYPHS: Record<string, GlyphName | null> = { "plan-reuse": "pin", "plan-run": "play", "plan-ask": "play", "plan-off": null };
const PLAN_WORDS: Record<string, string> = {
  "plan-reuse": "reused", "plan-run": "will run", "plan-ask": "side effect, happens again", "plan-off": "not affected",
};

function plan_face(vm: ViewModel, path: string, box: Box): FaceStatus {
  const plan = vm.plan!;
  const has = (paths: string[]) => paths.includes(path) || paths.includes(box.id);
  if (has(plan.will_run)) return "plan-run";
  if (has(plan.side_effects)) return "plan-ask";
  return has(plan.reused) ? "plan-reuse" : "plan-off";
}

// -- strips --------------------------------------------------------------------------------

const RANK: Family[] = ["failure", "running", "held", "waiting", "stopped", "warning", "success", "reused", "skipped", "none"];

function strip_of(vm: ViewModel, path: string, block: Block, task: TaskView | undefined): Strip {
  const loop: LoopView = vm.now.loops.get(path) ?? { items: [], failed: [] };
  const is_loop = block.kind === "loop";
  // What the head knows keeps the strip's scale still while time is scrubbed.
  const known = Math.max(vm.head.loops.get(path)?.items.length ?? 0, task?.iterations ?? 0, loop.items.length);
  const size = Math.max(1, Math.ceil(known / COLUMNS));
  const families = loop.items.map(iteration_family);
  // Between two tasks of an iteration nothing runs, yet the iteration is not over.
  const last = families.length - 1;
  if (is_loop && task?.status === "IN_PROGRESS" && families[last] === "success" && vm.cursor < vm.events.length) families[last] = "running";
  const columns: FaceStatus[] = [];
  const starts: number[] = [];
  const spark: (number | null)[] = [];
  for (let from = 0; from < known; from += size) {
    columns.push(worst(families, from, Math.min(known, from + size)));
    spark.push(mean_duration(loop.items, from, from + size));
    starts.push(from + 1);
  }
  starts.push(known + 1);
  const current = is_loop ? Math.min(vm.drawn_iteration(block.place), known) : 0;
  return { columns, starts, spark, total: known, current, line: counts_line(loop, families, known), done: !!task && is_ended(task.status) };
}

function worst(families: Family[], from: number, to: number): FaceStatus {
  let rank = RANK.length - 1;
  for (let i = from; i < to; i++) rank = Math.min(rank, RANK.indexOf(families[i] ?? "none"));
  const family = RANK[rank]!;
  return family === "failure" ? "cause" : family;
}

function length_of(item: IterationView | undefined): number | null {
  return item && item.end_ms && !item.running && !item.waiting ? Math.max(0, item.end_ms - item.start_ms) : null;
}

function mean_duration(items: IterationView[], from: number, to: number): number | null {
  let sum = 0;
  let n = 0;
  for (let i = from; i < to; i++) {
    const ms = length_of(items[i]);
    if (ms === null) continue;
    sum += ms;
    n++;
  }
  return n ? sum / n : null;
}

function counts_line(loop: LoopView, families: Family[], known: number): string {
  const counts: Partial<Record<Family, number>> = {};
  const lengths: number[] = [];
  for (const family of families) counts[family] = (counts[family] ?? 0) + 1;
  for (const item of loop.items) {
    const ms = length_of(item);
    if (ms !== null) lengths.push(ms);
  }
  const rest = known - loop.items.length + (counts.none ?? 0);
  const parts = [
    ((counts.success ?? 0) + (counts.reused ?? 0)) && `${count((counts.success ?? 0) + (counts.reused ?? 0))} ok`,
    counts.warning && `${count(counts.warning)} with errors`,
    ((counts.running ?? 0) + (counts.waiting ?? 0)) && `${count((counts.running ?? 0) + (counts.waiting ?? 0))} running`,
    counts.failure && `${count(counts.failure)} failed`,
    counts.stopped && `${count(counts.stopped)} canceled`,
    rest > 0 && `${count(rest)} not reached`,
  ].filter(Boolean) as string[];
  if (lengths.length > 4) parts.push(`p95 ${duration(lengths.sort((a, b) => a - b)[Math.floor(lengths.length * 0.95)]!)}`);
  return parts.join(" · ");
}

/** The case that each switch took, so that it can be drawn straight below. */
export function first_cases(vm: ViewModel): Map<string, string> {
  const cases = new Map<string, string>();
  for (const task of vm.head.tasks.values()) {
    if (task.chosen === undefined || task.retried) continue;
    const known = vm.block(task.place)?.branches?.some((b) => !b.is_default && b.label === task.chosen);
    cases.set(task.place, known ? task.chosen : "");
  }
  return cases;
}
