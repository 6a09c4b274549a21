/** Rows and bars of the timeline: the graph's order, one row per task, groups that fold. Pure.
 *
 * A loop is one row with a strip of its iterations; opened, it shows the tasks of one iteration.
 * A fork that is closed shows its members' bars laid over each other.
 */
import type { Block, ViewEvent } from "../protocol";
import type { Family, Folded, LoopView, TaskView } from "../viewmodel";
import { family_of, is_ended, iteration_family } from "../fold";
import { count, duration } from "../format";
import { type Round, by_hand_words, ended_spans, rounds_of, worked_ms } from "./rounds";
import { type Span, union } from "./time_scale";

export interface Segment extends Span {
  kind: "wait" | "unpolled" | "run" | "backoff";
  family: Family;
}
export interface Column extends Span { iteration: number; family: Family }

export interface TimelineRow {
  /** Run path the row stands for; selects it. */
  path: string;
  label: string;
  depth: number;
  block: Block | null;
  /** Groups are open or closed; null for single tasks. */
  open: boolean | null;
  segments: Segment[];
  /** Frame of a sub-workflow: its bars are inside. */
  frame: (Span & { family: Family }) | null;
  /** Iterations of a loop, or members of a dynamic fork. */
  columns: Column[] | null;
  attempts: number;
  /** Run paths a fork stands for: its glyph says the worst of them. */
  members: string[];
  /** Text beside the bar. */
  note: string;
  /** From scheduling to the end, 0 while never scheduled. */
  from: number;
  to: number;
  /** How long it took: its rounds, without the time in which the execution stood ended. */
  took: number;
}

export interface TimelineInput {
  blocks: Block[];
  root: string;
  folded: Folded;
  events: readonly ViewEvent[];
  start_ms: number;
  /** Newest moment: the end, or now for an execution that is running. */
  now_ms: number;
  /** Whether what was not scheduled still may be. */
  is_live?: boolean;
  is_open(path: string, by_default: boolean): boolean;
  /** Iteration of a loop (by place) whose tasks are shown. */
  iteration(place: string): number;
  selected: string | null;
}

export interface Timeline {
  rows: TimelineRow[];
  /** Index of the row that shows a run path: its own, or that of the nearest group around it. */
  row_of(path: string): number;
}

/** Tasks that run without anybody working: they do not count as activity. */
const PASSIVE = new Set([
  "WAIT", "HUMAN", "DO_WHILE", "SUB_WORKFLOW", "FORK_JOIN", "FORK_JOIN_DYNAMIC", "JOIN", "EXCLUSIVE_JOIN", "SWITCH", "DECISION",
]);

/** When anything was worked on or backing off; the rest is idle. */
export function activity(folded: Folded, events: readonly ViewEvent[], now_ms: number): Span[] {
  const spans: Span[] = [];
  for (const ids of folded.by_path.values()) {
    const attempts = attempts_of(ids, folded);
    if (!attempts.length || PASSIVE.has(attempts[0]!.type)) continue;
    for (const s of segments_of(attempts, events, now_ms)) if (s.kind === "run" || s.kind === "backoff") spans.push({ from: s.from, to: s.to });
  }
  return union(spans);
}

function attempts_of(ids: readonly string[] | undefined, folded: Folded): TaskView[] {
  return (ids ?? []).map((id) => folded.tasks.get(id)).filter((task): task is TaskView => task !== undefined);
}

/** Bars of one run path, all attempts. The wait for dependencies is not among them. */
export function segments_of(attempts: readonly TaskView[], events: readonly ViewEvent[], now_ms: number): Segment[] {
  const segments: Segment[] = [];
  const put = (kind: Segment["kind"], from: number, to: number, family: Family): void => {
    if (to > from || kind === "run") segments.push({ kind, from, to: Math.max(from, to), family });
  };
  attempts.forEach((task, i) => {
    const family = family_of(task);
    const before = attempts[i - 1];
    const ready = Math.max(task.scheduled_ms, not_before(task, events));
    const end = task.end_ms || (is_ended(task.status) ? task.scheduled_ms : now_ms);
    const begin = task.start_ms || end;
    let free = task.scheduled_ms;
    // The engine backs off between attempts of its own, not before somebody begins anew.
    if (before?.end_ms && !task.by_hand && before.workflow_id === task.workflow_id) {
      const until = Math.min(ready, begin);
      put("backoff", before.end_ms, until, "warning");
      free = Math.max(free, until);
    } else if (ready > free) {
      put("wait", free, Math.min(ready, begin), family);
      free = Math.min(ready, begin);
    }
    put("unpolled", free, begin, "waiting");
    if (task.start_ms) put("run", task.start_ms, end, family);
  });
  return segments;
}

/** The earliest start that was set when the task was scheduled (polling clears it from the record). */
function not_before(task: TaskView, events: readonly ViewEvent[]): number {
  const set = events[task.first_n - 1]?.data?.not_before_ms;
  return typeof set === "number" ? set : task.not_before_ms;
}

/** "3 attempts, 2 back-offs of 5 s", of each round; and when somebody began anew. */
export function attempts_note(rounds: readonly Round[], segments: readonly Segment[]): string {
  const by_hand = by_hand_words(rounds);
  if (rounds.every((round) => round.attempts.length < 2)) return by_hand;
  const attempts = rounds.map((round) => round.attempts.length).join(" + ");
  const spans = segments.filter((s) => s.kind === "backoff").map((s) => duration(Math.round((s.to - s.from) / 100) * 100));
  const after = by_hand && `, ${by_hand}`;
  if (!spans.length) return `${attempts} attempts${after}`;
  const same = spans.every((text) => text === spans[0]);
  return `${attempts} attempts, ${spans.length} back-off${spans.length > 1 ? "s" : ""}${same ? ` of ${spans[0]}` : ""}${after}`;
}

class Builder {
  readonly rows: TimelineRow[] = [];
  readonly index = new Map<string, number>();
  /** Run paths whose row is hidden inside a closed fork. */
  readonly hidden = new Map<string, string>();

  /** When the outermost execution stood ended. */
  private readonly ended: Span[];

  constructor(private readonly input: TimelineInput) {
    this.ended = ended_spans(input.events, input.events[0]?.workflow_id ?? "");
  }

  blocks(blocks: readonly Block[], parent: string, depth: number, begin: number, iteration: number): void {
    for (const block of blocks) {
      const path = `${parent}/${block.ref}`;
      switch (block.kind) {
        case "fork": this.fork(block, path, parent, depth, begin, iteration); break;
        case "switch": this.choice(block, path, parent, depth, begin, iteration); break;
        case "loop": this.loop(block, path, depth, begin); break;
        case "sub": this.sub(block, path, depth, begin); break;
        default: this.put(this.plain(block, path, depth, begin, iteration));
      }
    }
  }

  private put(row: TimelineRow): TimelineRow {
    this.index.set(row.path, this.rows.length);
    this.rows.push(row);
    return row;
  }

  private plain(block: Block | null, path: string, depth: number, begin: number, iteration = 0): TimelineRow {
    const { folded, events, now_ms } = this.input;
    const attempts = attempts_of(folded.by_path.get(path), folded);
    const segments = segments_of(attempts, events, now_ms);
    const first = attempts[0], last = attempts[attempts.length - 1];
    if (first && begin && first.scheduled_ms > begin) segments.unshift({ kind: "wait", from: begin, to: first.scheduled_ms, family: "waiting" });
    const rounds = rounds_of(attempts, folded);
    const note = attempts_note(rounds, segments) || (iteration && first ? `iteration ${count(iteration)}` : first ? "" : this.input.is_live ? "not reached" : "never scheduled");
    return {
      path, label: block?.ref ?? path.slice(path.lastIndexOf("/") + 1), depth, block, open: null, segments, frame: null, columns: null,
      attempts: attempts.length, members: [], note, from: first?.scheduled_ms ?? 0, to: last ? last.end_ms || now_ms : 0,
      took: rounds.reduce((sum, { attempts: of }) => sum + worked_ms({ from: of[0]!.scheduled_ms, to: of[of.length - 1]!.end_ms || now_ms }, this.ended), 0),
    };
  }

  private is_open(path: string, family: Family): boolean {
    const { selected } = this.input;
    const holds = selected !== null && (selected.startsWith(`${path}/`) || selected.startsWith(`${path}[`));
    return this.input.is_open(path, family === "failure" || family === "running" || family === "waiting" || holds);
  }

  private family(path: string): Family {
    const { folded } = this.input;
    const ids = folded.by_path.get(path);
    const task = ids && folded.tasks.get(ids[ids.length - 1]!);
    return task ? family_of(task) : "none";
  }

  /** The container's own run becomes a frame; what waits before it stays. */
  private framed(row: TimelineRow): void {
    const runs = row.segments.filter((s) => s.kind === "run");
    const last = runs[runs.length - 1];
    if (last) row.frame = { from: last.from, to: last.to, family: last.family };
    row.segments = row.segments.filter((s) => s.kind === "wait" || s.kind === "backoff" || (runs.length > 1 && s.kind === "run" && s !== last));
    row.note = "";
  }

  private sub(block: Block, path: string, depth: number, begin: number): void {
    const row = this.put(this.plain(block, path, depth, begin));
    if (row.from) this.framed(row);
    if (!block.body?.length || !row.from) return;
    row.open = this.is_open(path, this.family(path));
    if (row.open) this.blocks(block.body, path, depth + 1, row.from, 0);
  }

  private loop(block: Block, path: string, depth: number, begin: number): void {
    const row = this.put(this.plain(block, path, depth, begin));
    const view = this.input.folded.loops.get(path);
    if (!view) return;
    row.columns = columns_of(view, this.input.now_ms, !row.to || row.to >= this.input.now_ms);
    row.segments = row.segments.filter((s) => s.kind === "wait");
    row.note = "";
    row.open = this.is_open(path, this.family(path));
    if (!row.open) return;
    const iteration = this.input.iteration(block.place) || 1;
    const inside = `${path}[${iteration}]`;
    this.blocks(block.body ?? [], inside, depth + 1, view.items[iteration - 1]?.start_ms ?? 0, iteration);
  }

  private choice(block: Block, path: string, parent: string, depth: number, begin: number, iteration: number): void {
    const row = this.put(this.plain(block, path, depth, begin, iteration));
    const ids = this.input.folded.by_path.get(path);
    const chosen = ids && this.input.folded.tasks.get(ids[ids.length - 1]!)?.chosen;
    const branch = block.branches?.find((b) => b.label === chosen) ?? (row.from ? block.branches?.find((b) => b.is_default) : undefined);
    if (branch) this.blocks(branch.blocks, parent, depth, begin, iteration);
  }

  private fork(block: Block, path: string, parent: string, depth: number, begin: number, iteration: number): void {
    const row = this.put(this.plain(block, path, depth, begin, iteration));
    const members = this.members(block, path, parent);
    if (!members.length || !row.from) return;
    const rows = members.map(({ block: of, path: at }) => this.plain(of, at, depth + 1, 0));
    row.segments = [...row.segments.filter((s) => s.kind === "wait"), ...laid_over(rows)];
    row.to = Math.max(row.to, ...rows.map((member) => member.to));
    row.took = worked_ms(row, this.ended);
    row.note = "";
    row.members = members.map((member) => member.path);
    const view = this.input.folded.loops.get(path);
    if (block.type === "FORK_JOIN_DYNAMIC") row.note = `${view?.items.length ?? members.length} branches`;
    row.open = this.is_open(path, worst_of(row.members.map((member) => this.family(member))));
    if (!row.open) {
      for (const member of members) this.hidden.set(member.path, path);
    } else if (block.branches?.length) {
      for (const branch of block.branches) this.blocks(branch.blocks, parent, depth + 1, row.from, iteration);
    } else {
      for (const member of members) this.put({ ...this.plain(null, member.path, depth + 1, row.from) });
    }
  }

  private members(block: Block, path: string, parent: string): { block: Block | null; path: string }[] {
    const found = (block.branches ?? []).flatMap((branch) => inside_of(branch.blocks)).map((of) => ({ block: of as Block | null, path: `${parent}/${of.ref}` }));
    for (const member of this.input.folded.members.get(path) ?? []) found.push({ block: null, path: member });
    return found;
  }
}

/** Blocks of one level: those of forks and switches too, for they are no levels of a path. */
function inside_of(blocks: readonly Block[]): Block[] {
  return blocks.flatMap((block) =>
    block.kind === "fork" || block.kind === "switch" ? [block, ...(block.branches ?? []).flatMap((b) => inside_of(b.blocks))] : [block]);
}

/** Iterations as columns in time; the newest one of an open loop grows until now. */
function columns_of(view: LoopView, now_ms: number, is_running: boolean): Column[] {
  return view.items.filter((item) => item.start_ms > 0).map((item) => ({
    iteration: item.iteration, from: item.start_ms,
    to: item.end_ms && !(is_running && (item.running || item.waiting)) ? item.end_ms : now_ms,
    family: iteration_family(item),
  }));
}

const WORST: Family[] = ["failure", "warning", "running", "held", "waiting", "stopped", "success", "reused", "skipped", "none"];
/** The one that a person has to know first. */
export function worst_of(families: Iterable<Family>): Family {
  const seen = new Set(families);
  return WORST.find((family) => seen.has(family)) ?? "none";
}

/** Bars of several rows in one: running wins over back-off, the worse colour over the better. */
function laid_over(rows: TimelineRow[]): Segment[] {
  const backoff = rows.flatMap((row) => row.segments.filter((s) => s.kind === "backoff"));
  const runs = rows.flatMap((row) => row.segments.filter((s) => s.kind === "run"));
  runs.sort((a, b) => WORST.indexOf(b.family) - WORST.indexOf(a.family));
  return [...backoff, ...runs];
}

/** Build the rows for the groups that are open now. */
export function build_timeline(input: TimelineInput): Timeline {
  const builder = new Builder(input);
  builder.blocks(input.blocks, input.root, 0, input.start_ms, 0);
  const row_of = (path: string): number => {
    for (let at = path; at; at = up(at)) {
      const found = builder.index.get(at) ?? builder.index.get(builder.hidden.get(at) ?? "");
      if (found !== undefined) return found;
    }
    return -1;
  };
  return { rows: builder.rows, row_of };
}

function up(path: string): string {
  return path.endsWith("]") ? path.slice(0, path.lastIndexOf("[")) : path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

/** The last event at or before a moment, counted from 1; 0 before the first. */
export function event_at(events: readonly ViewEvent[], wall_ms: number): number {
  let low = 0, high = events.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    if (events[mid]!.wall_ms <= wall_ms) low = mid + 1;
    else high = mid;
  }
  return low;
}
