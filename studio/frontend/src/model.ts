/** The state of the execution view that all panels share. No DOM. */
import type { Answer, Ask, Block, Hop, Patch, Plan, ViewData, ViewEvent } from "./protocol";
import type { Change as ChangeName, DistributiveOmit, Family, Folded, TaskView, ViewModel } from "./viewmodel";
import { Journal, apply_change, empty_folded, family_of, is_bad, is_ended, iteration_family } from "./fold";
import { place_of } from "./format";

/** Events fetched at once while the history of a long execution comes in. */
const CHUNK = 5000;
/** A question without an answer for so long is given up. */
const PATIENCE_MS = 15_000;

const ENDINGS = new Set(["TaskCompleted", "TaskFailed", "TaskTimedOut", "TaskCanceled", "TaskReused"]);

/** Where a block sits: the loop places around it, outermost first. */
interface Known { block: Block; loops: string[] }

export class Model implements ViewModel {
  readonly data: ViewData;
  readonly events: ViewEvent[] = [];
  readonly now: Folded = empty_folded();
  cursor = 0;
  following = true;
  selection: { path: string; task_id: string | null } | null = null;
  private readonly journal: Journal;
  private readonly known = new Map<string, Known>();
  private readonly listeners = new Map<ChangeName, Set<() => void>>();
  private readonly waiting = new Map<number, { resolve: (value: any) => void; reject: (reason: Error) => void; timer: ReturnType<typeof setTimeout> }>();
  private readonly iterations = new Map<string, number>();
  private readonly drawn_paths = new Map<string, string>();
  private causes = new Set<string>();
  private consequences = new Set<string>();
  /** Two views may share one Python object, so their questions must not share numbers. */
  private next_id = Math.floor(Math.random() * 2 ** 44);
  private plan_now: Plan | null = null;
  private origin_now: { hops: Hop[]; leaf: string } | null = null;
  private theme_now: "light" | "dark";
  private hop_now = 0;
  private dimmed: ReadonlySet<string> | null = null;

  /** @param send carries a question to the back end; the answer comes through `answered`. */
  constructor(data: ViewData, private readonly send: (ask: Ask) => void, theme: "light" | "dark" = "light") {
    this.data = data;
    this.theme_now = theme;
    this.journal = new Journal((place) => this.known.has(place));
    this.learn(data.blocks, []);
    this.read_failure();
    this.append(data.events);
    this.move(this.events.length);
  }

  get head(): Folded {
    return this.journal.head;
  }
  get plan(): Plan | null {
    return this.plan_now;
  }
  set plan(plan: Plan | null) {
    this.plan_now = plan;
    this.emit("plan");
  }
  get origin(): { hops: Hop[]; leaf: string } | null {
    return this.origin_now;
  }
  set origin(origin: { hops: Hop[]; leaf: string } | null) {
    this.origin_now = origin;
    this.hop_now = 0;
    this.emit("origin");
  }
  get hop(): number {
    return this.hop_now;
  }
  set hop(hop: number) {
    const last = (this.origin_now?.hops.length ?? 1) - 1;
    this.hop_now = Math.max(0, Math.min(last, hop));
    this.emit("origin");
  }
  get dim(): ReadonlySet<string> | null {
    return this.dimmed;
  }
  set_dim(paths: Iterable<string> | null): void {
    this.dimmed = paths === null ? null : new Set(paths);
    this.emit("plan");
  }
  get theme(): "light" | "dark" {
    return this.theme_now;
  }
  set theme(theme: "light" | "dark") {
    if (theme === this.theme_now) return;
    this.theme_now = theme;
    this.emit("theme");
  }

  // -- structure ---------------------------------------------------------------------------

  private learn(blocks: Block[], loops: string[]): void {
    for (const block of blocks) {
      this.known.set(block.place, { block, loops });
      if (block.join) this.known.set(block.join.place, { block, loops });
      for (const branch of block.branches ?? []) this.learn(branch.blocks, loops);
      if (block.body) this.learn(block.body, block.kind === "loop" ? [...loops, block.place] : loops);
    }
  }

  block(place: string): Block | undefined {
    return this.known.get(place)?.block;
  }

  private read_failure(): void {
    const chains = this.data.failure?.chains ?? [];
    this.causes = new Set(chains.map((chain) => chain.cause.path));
    this.consequences = new Set(chains.flatMap((chain) => chain.consequences.map((c) => c.path)));
  }

  // -- cursor ------------------------------------------------------------------------------

  private append(events: readonly ViewEvent[]): void {
    for (const event of events) {
      if (event.n <= this.events.length) continue; // sent twice: at opening and as news
      this.events.push(event);
      this.journal.add(event);
    }
    // Which path counts for which fork never depends on the cursor, so the table is shared.
    this.now.members = this.head.members;
  }

  private move(to: number): void {
    const { changes } = this.journal;
    const state = this.now;
    for (; state.n < to; state.n++) {
      for (const change of changes[state.n]!) apply_change(state, change, false);
    }
    for (; state.n > to; state.n--) {
      const list = changes[state.n - 1]!;
      for (let i = list.length - 1; i >= 0; i--) apply_change(state, list[i]!, true);
    }
    this.cursor = to;
    this.drawn_paths.clear();
  }

  seek(n: number): void {
    const to = Math.max(0, Math.min(this.events.length, Math.round(n)));
    this.following = to === this.events.length;
    if (to === this.cursor) return;
    this.move(to);
    this.emit("cursor");
  }

  follow(): void {
    this.following = true;
    if (this.cursor === this.events.length) return;
    this.move(this.events.length);
    this.emit("cursor");
  }

  step(by: "event" | "task" | "failure", direction: 1 | -1): void {
    if (by === "event") {
      this.seek(this.cursor + direction);
      return;
    }
    const wanted = by === "failure" ? is_failure : (event: ViewEvent) => ENDINGS.has(event.kind);
    for (let n = this.cursor + direction; n >= 1 && n <= this.events.length; n += direction) {
      if (!wanted(this.events[n - 1]!)) continue;
      this.seek(n);
      return;
    }
    if (by === "task") this.seek(direction > 0 ? this.events.length : 0);
  }

  // -- selection and iterations -------------------------------------------------------------

  select(path: string | null, task_id: string | null = null): void {
    if (path === (this.selection?.path ?? null) && task_id === (this.selection?.task_id ?? null)) return;
    this.selection = path === null ? null : { path, task_id };
    const moved = path !== null && this.adopt_iterations(path);
    this.emit("selection");
    if (moved) this.emit("iteration");
  }

  /** Draws the iterations that a run path lies in. */
  private adopt_iterations(path: string): boolean {
    let moved = false;
    for (const match of path.matchAll(/\[(\d+)\]/g)) {
      const place = place_of(path.slice(0, match.index));
      const iteration = Number(match[1]);
      if (this.drawn_iteration(place) !== iteration) moved = true;
      this.iterations.set(place, iteration);
      this.drawn_paths.clear();
    }
    return moved;
  }

  iteration(place: string): number | null {
    return this.iterations.get(place) ?? null;
  }

  show_iteration(place: string, iteration: number | null): void {
    if (iteration === null) this.iterations.delete(place);
    else this.iterations.set(place, Math.max(1, Math.round(iteration)));
    this.drawn_paths.clear();
    this.emit("iteration");
  }

  drawn_iteration(place: string): number {
    const path = this.drawn(place);
    const loop = this.now.loops.get(path);
    const asked = this.iterations.get(place);
    const last = loop?.items.length ?? 0;
    // While time is scrubbed to before the asked one, the newest that exists is drawn.
    if (asked !== undefined) return Math.min(asked, Math.max(last, 1));
    return loop?.failed[0] ?? last;
  }

  drawn(place: string): string {
    const cached = this.drawn_paths.get(place);
    if (cached !== undefined) return cached;
    const loops = this.known.get(place)?.loops;
    let path = place;
    if (loops?.length) {
      const loop = loops[loops.length - 1]!;
      path = `${this.drawn(loop)}[${Math.max(1, this.drawn_iteration(loop))}]${place.slice(loop.length)}`;
    }
    this.drawn_paths.set(place, path);
    return path;
  }

  // -- states ------------------------------------------------------------------------------

  task(path: string): TaskView | undefined {
    const ids = this.now.by_path.get(path);
    if (!ids) return undefined;
    const task = this.now.tasks.get(ids[ids.length - 1]!);
    return task?.retried ? undefined : task;
  }

  family(path: string): Family {
    const task = this.task(path);
    if (!task) return this.family_of_iteration(path);
    const family = family_of(task);
    // Conductor cancels the loop around a failed task: for a person it failed with it.
    if (family === "stopped" && this.holds_cause(path)) return "failure";
    return family === "waiting" && this.now.status.get(task.workflow_id) === "PAUSED" ? "held" : family;
  }

  private holds_cause(path: string): boolean {
    for (const cause of this.causes) if (cause.startsWith(`${path}/`) || cause.startsWith(`${path}[`)) return true;
    return false;
  }

  /** `a/loop[3]` is no task, but it has a state. */
  private family_of_iteration(path: string): Family {
    const match = /^(.*)\[(\d+)\]$/.exec(path);
    return match ? iteration_family(this.now.loops.get(match[1]!)?.items[Number(match[2]) - 1]) : "none";
  }

  is_cause(path: string): boolean {
    const task = this.task(path);
    if (!task || task.optional || !is_bad(task.status)) return false;
    if (this.causes.has(path)) return true;
    if (this.consequences.has(path) || task.type === "JOIN") return false;
    return (this.known.get(task.place)?.block.kind ?? "task") === "task" && !(this.data.failure && !this.is_open());
  }

  private is_open(): boolean {
    return this.cursor < this.events.length || this.data.status === "RUNNING" || this.data.status === "PAUSED";
  }

  // -- news and questions -------------------------------------------------------------------

  patch(patch: Patch): void {
    this.data.status = patch.status;
    this.data.end_ms = patch.end_ms;
    for (const { place, body, sub } of patch.bodies ?? []) this.add_body(place, body, sub);
    const had = this.events.length;
    this.append(patch.events);
    this.data.event_count = Math.max(this.data.event_count, this.events.length);
    if (patch.failure !== undefined) {
      this.data.failure = patch.failure;
      this.read_failure();
      this.emit("failure");
    }
    if (this.events.length > had || patch.events.length === 0) this.emit("events");
    if (this.following && this.cursor !== this.events.length) {
      this.move(this.events.length);
      this.emit("cursor");
    }
  }

  private add_body(place: string, body: Block[], sub: { name: string; version: number }): void {
    const known = this.known.get(place);
    if (!known || known.block.body) return;
    known.block.body = body;
    known.block.sub = sub;
    this.learn(body, known.loops);
    this.emit("structure");
  }

  /** Fetches the events that did not come with the opening data, in chunks. */
  async load_rest(): Promise<void> {
    while (this.events.length < this.data.event_count) {
      const chunk = await this.ask<ViewEvent[]>({ what: "events", after: this.events.length, limit: CHUNK });
      const had = this.events.length;
      this.append(chunk);
      if (this.events.length === had) return;
      this.emit("events");
      if (this.following) this.follow();
    }
  }

  ask<T>(question: DistributiveOmit<Ask, "id">): Promise<T> {
    const id = this.next_id++;
    const promise = new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => this.answered({ id, error: unanswered(question.what) } as Answer), PATIENCE_MS);
      this.waiting.set(id, { resolve, reject, timer });
    });
    this.send({ ...question, id } as Ask);
    return promise;
  }

  answered(answer: Answer): void {
    const waiting = this.waiting.get(answer.id);
    if (!waiting) return;
    this.waiting.delete(answer.id);
    clearTimeout(waiting.timer);
    if (answer.error) waiting.reject(new Error(answer.error));
    else waiting.resolve(answer.value);
  }

  on(change: ChangeName | ChangeName[], listener: () => void): () => void {
    const names = Array.isArray(change) ? change : [change];
    for (const name of names) {
      let set = this.listeners.get(name);
      if (!set) this.listeners.set(name, (set = new Set()));
      set.add(listener);
    }
    return () => names.forEach((name) => this.listeners.get(name)?.delete(listener));
  }

  private emit(change: ChangeName): void {
    for (const listener of [...(this.listeners.get(change) ?? [])]) listener();
  }
}

function unanswered(what: Ask["what"]): string {
  const advice = what === "action" || what === "branch" ? "Look whether it has happened before you try again." : "Try again in a moment.";
  return `No answer from the studio for ${PATIENCE_MS / 1000} s: it has stopped or is busy. ${advice}`;
}

function is_failure(event: ViewEvent): boolean {
  if (event.kind === "TaskTimedOut") return true;
  return event.kind === "TaskFailed" && is_ended((event.data?.status as string | undefined) ?? "FAILED");
}

/** The view model of one opened execution. */
export function create_model(data: ViewData, send: (ask: Ask) => void, theme: "light" | "dark" = "light"): Model {
  return new Model(data, send, theme);
}
