/** The time cursor: every event of the execution on one slim bar, with a handle. */
import type { ViewEvent } from "./protocol";
import type { Model } from "./model";
import { fill, h, icon, is_typing, per_frame } from "./dom";
import { clock, count, status_word } from "./format";
import { key_target } from "./panels/interaction";

type Kind = "waiting" | "running" | "success" | "warning" | "failure" | "held" | "line-strong";
const LOUD = new Set<Kind>(["failure", "warning", "held"]);
const BASE = 24;
const PITCH = 4;
const SPEEDS = [1, 4, 16];
/** Playing at 1× shows this many events a second at most. */
const EVENTS_PER_SECOND = 12;

/** What uses arrow keys itself while it has the focus. `main` takes the focus of a fresh page and uses none. */
const BUSY = "[role=tree], [role=tablist], [role=tab], [role=slider], [role=separator], [tabindex]:not(main):not(body), button, a, summary, select, dialog";

/** Colour of an event: the kind of thing that happened. */
export function kind_of(event: ViewEvent): Kind {
  const data = event.data ?? {};
  switch (event.kind) {
    case "TaskScheduled": return data.retried_task_id ? "warning" : data.status === "COMPLETED" ? "success" : "waiting";
    case "TaskStarted": case "TaskUpdated": case "SubWorkflowStarted": case "LoopIterated": case "WorkflowStarted": return "running";
    case "TaskCompleted": return data.status === "COMPLETED_WITH_ERRORS" ? "warning" : data.status === "FAILED" ? "failure" : "success";
    case "TaskFailed": case "TaskTimedOut": return data.optional ? "warning" : "failure";
    case "TaskCanceled": case "WorkflowPaused": case "WorkflowResumed": case "WorkflowRetried": case "WorkflowRestarted": case "WorkflowRerun": case "TaskReset": return "held";
    case "WorkflowEnded": return data.status === "COMPLETED" ? "success" : "failure";
    case "TaskReused": return "success";
    default: return event.actor.startsWith("user") ? "held" : "line-strong";
  }
}

export interface Column { from: number; to: number; kind: Kind; height: number; failed: boolean }

/** One column per 4 px: the loudest kind in it, and how dense time was. Pure. */
export function columns_of(events: readonly ViewEvent[], width: number, is_optional: (event: ViewEvent) => boolean): Column[] {
  const most = Math.max(1, Math.floor(width / PITCH));
  const size = Math.max(1, events.length / most);
  const columns: Column[] = [];
  for (let at = 0; Math.round(at) < events.length; at += size) {
    const from = Math.round(at);
    const to = Math.max(from + 1, Math.min(events.length, Math.round(at + size)));
    columns.push(column(events, from, to, is_optional));
  }
  const fastest = Math.max(...columns.map((c) => c.height), 0.001);
  for (const c of columns) c.height = 3 + 13 * (c.height / fastest) ** 1.6;
  for (const c of columns) if (LOUD.has(c.kind)) c.height = Math.max(c.height, c.failed ? 16 : 11);
  return columns;
}

function column(events: readonly ViewEvent[], from: number, to: number, is_optional: (event: ViewEvent) => boolean): Column {
  const counts = new Map<Kind, number>();
  for (let i = from; i < to; i++) {
    let kind = kind_of(events[i]!);
    if (kind === "failure" && events[i]!.task_id && is_optional(events[i]!)) kind = "warning";
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  let best: Kind = "line-strong";
  let score = -1;
  for (const [kind, n] of counts) {
    const weight = kind === "failure" ? 1e9 : kind === "held" ? 1e8 : kind === "warning" ? 1e7 : kind === "line-strong" ? 0 : n;
    if (weight > score) [best, score] = [kind, weight];
  }
  // Events a second around the column; the whole of it may lie in one millisecond.
  const left = events[Math.max(0, from - 4)]!.wall_ms;
  const right = events[Math.min(events.length - 1, to + 4)]!.wall_ms;
  return { from, to, kind: best, height: Math.log1p(((to - from + 8) * 1000) / Math.max(20, right - left)), failed: best === "failure" };
}

export class CursorBar {
  private readonly track = h("div.track", { role: "slider", tabindex: 0, "aria-label": "Event", "aria-valuemin": 0 });
  private readonly play_button = h("button.btn.icon.small", { type: "button", onclick: () => this.toggle_play() });
  private readonly speed_button = h("button.btn.small.ghost", { type: "button", title: "Speed of playing", onclick: () => this.next_speed() });
  private readonly read = h("div.read");
  private readonly pill = h("div.live");
  private readonly root = h("section.cursor", { "aria-label": "Time cursor" }, h("div.btns", null, this.play_button, this.speed_button), this.track, h("div.readout", null, this.read, this.pill));
  private columns: Column[] = [];
  private speed = 4;
  private playing = 0;
  private left_at = 0;
  private drawn = { events: -1, width: -1, cursor: -1 };
  private readonly cleanup: (() => void)[] = [];
  private readonly draw_soon = per_frame(() => this.draw());

  constructor(el: HTMLElement, private readonly vm: Model, scope: HTMLElement) {
    el.append(this.root);
    this.track.addEventListener("pointerdown", (event) => this.grab(event));
    const keys = (event: Event): void => this.key(event as KeyboardEvent, event.composedPath().includes(this.track));
    const root = key_target(scope, vm.data.mode);
    root.addEventListener("keydown", keys);
    this.cleanup.push(() => root.removeEventListener("keydown", keys), vm.on(["cursor", "events"], this.draw_soon));
    const sized = new ResizeObserver(this.draw_soon);
    sized.observe(this.track);
    this.cleanup.push(() => sized.disconnect());
    this.labels();
    this.draw();
  }

  destroy(): void {
    this.stop();
    for (const undo of this.cleanup) undo();
    this.root.remove();
  }

  // -- drawing -------------------------------------------------------------------------------

  private draw(): void {
    const width = this.track.clientWidth;
    if (width) this.draw_track(width);
    this.draw_read();
  }

  private draw_track(width: number): void {
    const { events, cursor } = this.vm;
    const same = this.drawn.events === events.length && this.drawn.width === width;
    if (!same) {
      const optional = (event: ViewEvent) => this.vm.head.tasks.get(event.task_id!)?.optional === true;
      this.columns = columns_of(events, width - 10, optional);
    }
    if (same && this.drawn.cursor === cursor) return;
    this.drawn = { events: events.length, width, cursor };
    const step = this.step(width);
    const bar = Math.min(PITCH - 1, Math.max(1, step * 0.75));
    let markup = `<line class="base" x1="0" x2="${width}" y1="24.5" y2="24.5"/>`;
    this.columns.forEach((c, i) => {
      const late = c.from >= cursor;
      markup += `<rect class="t-${late ? "late" : c.kind}" x="${(i * step).toFixed(1)}" y="${(BASE - c.height).toFixed(1)}" width="${bar}" height="${c.height.toFixed(1)}"/>`;
    });
    const last_failed = this.columns.map((c) => c.failed).lastIndexOf(true);
    const ending = last_failed >= 0 ? this.columns.findLastIndex((c, i) => c.failed && i <= last_failed && has_task(events, c)) : -1;
    if (ending >= 0) markup += `<path class="cross" d="m${(ending * step + bar / 2 - 3).toFixed(1)} 0 6 6m0-6-6 6"/>`;
    markup += this.captions(width, step);
    const x = this.x_of(cursor, width);
    markup += `<line class="now" x1="${x}" x2="${x}" y1="0" y2="29"/><rect class="handle" x="${x - 6}" y="24" width="12" height="12" rx="4"/>`;
    this.track.innerHTML = `<svg aria-hidden="true">${markup}</svg>`;
  }

  private step(width: number): number {
    return this.columns.length ? Math.min(24, (width - 10) / this.columns.length) : PITCH;
  }
  private x_of(cursor: number, width: number): number {
    const size = this.vm.events.length / Math.max(1, this.columns.length);
    const x = (cursor / Math.max(size, 1e-9)) * this.step(width);
    return Math.round(Math.max(2, Math.min(width - 6, x)) * 10) / 10;
  }

  /** Start time, and iterations or times on the way. */
  private captions(width: number, step: number): string {
    const { events } = this.vm;
    if (!events.length) return "";
    const size = events.length / this.columns.length;
    const caption = (x: number, anchor: string, words: string) => `<text x="${x.toFixed(1)}" y="34" text-anchor="${anchor}">${words}</text>`;
    let out = caption(0, "start", clock(events[0]!.wall_ms, false));
    const stops = width < 420 ? [0.55] : width < 900 ? [0.38, 0.66] : [0.28, 0.52, 0.76];
    for (const share of stops) {
      const at = Math.floor(events.length * share);
      const near = events.slice(at, at + Math.ceil(events.length * 0.06)).find((e) => e.kind === "LoopIterated" && e.data?.iteration);
      const words = near ? `iteration ${count(Number(near.data!.iteration))}` : clock(events[at]!.wall_ms, false);
      out += caption(((near?.n ?? at) / size) * step, "middle", words);
    }
    return out;
  }

  private draw_read(): void {
    const { events, cursor, following, data } = this.vm;
    const event = events[cursor - 1];
    const open = data.status === "RUNNING" || data.status === "PAUSED";
    const keys = h("small", null, h("kbd", null, "←"), " ", h("kbd", null, "→"), " event ", h("kbd", null, "⇧"), " task ", h("kbd", null, "."), " failure");
    fill(this.read, "Event ", h("b", null, count(cursor)), ` of ${count(events.length)}`, event ? ` · ${clock(event.wall_ms)}` : "", h("br"), keys);
    this.track.setAttribute("aria-valuemax", String(events.length));
    this.track.setAttribute("aria-valuenow", String(cursor));
    this.track.setAttribute("aria-valuetext", `event ${cursor} of ${events.length}${event ? `, ${event.kind}${event.ref ? ` ${event.ref}` : ""}, ${clock(event.wall_ms)}` : ""}`);
    if (following) this.left_at = events.length;
    this.draw_pill(open, following, events.length - this.left_at);
  }

  private draw_pill(open: boolean, following: boolean, fresh: number): void {
    this.pill.hidden = !open && (following || fresh === 0);
    if (following) {
      fill(this.pill, open ? h("span.pill.calm", null, icon("running", "s-running"), this.vm.data.status === "PAUSED" ? status_word("PAUSED") : "Live") : null);
      return;
    }
    const news = fresh > 0 ? `${count(fresh)} new ${fresh === 1 ? "event" : "events"} — return to live` : "Return to live";
    const there = this.pill.querySelector("button.pill");
    if (there) there.lastChild!.textContent = news;
    else fill(this.pill, h("button.pill", { type: "button", onclick: () => this.vm.follow() }, icon("running", "s-running"), news));
  }

  private labels(): void {
    const playing = this.playing !== 0;
    fill(this.play_button, icon(playing ? "pause" : "play"));
    this.play_button.setAttribute("aria-label", playing ? "Pause" : "Play");
    this.speed_button.textContent = `${this.speed}×`;
    this.speed_button.setAttribute("aria-label", `Speed ${this.speed} times`);
  }

  // -- moving --------------------------------------------------------------------------------

  private grab(event: PointerEvent): void {
    this.stop();
    this.track.focus({ preventScroll: true });
    this.track.setPointerCapture(event.pointerId);
    const to = (e: PointerEvent): void => {
      const at = this.track.getBoundingClientRect();
      const size = this.vm.events.length / Math.max(1, this.columns.length);
      this.vm.seek(Math.round(((e.clientX - at.left) / this.step(at.width)) * size));
    };
    const done = (): void => {
      this.track.removeEventListener("pointermove", to);
      this.track.removeEventListener("pointerup", done);
      this.track.removeEventListener("pointercancel", done);
    };
    this.track.addEventListener("pointermove", to);
    this.track.addEventListener("pointerup", done);
    this.track.addEventListener("pointercancel", done);
    to(event);
  }

  private toggle_play(): void {
    if (this.playing) this.stop();
    else this.start();
    this.labels();
  }

  private start(): void {
    if (this.vm.cursor >= this.vm.events.length) this.vm.seek(0);
    let due = 0;
    let last = performance.now();
    const frame = (now: number): void => {
      due += ((now - last) / 1000) * EVENTS_PER_SECOND * this.speed;
      last = now;
      const steps = Math.floor(due);
      due -= steps;
      if (steps) this.vm.seek(Math.min(this.vm.events.length, this.vm.cursor + steps));
      if (this.vm.cursor >= this.vm.events.length) {
        this.stop();
        this.labels();
        return;
      }
      this.playing = requestAnimationFrame(frame);
    };
    this.playing = requestAnimationFrame(frame);
  }

  private stop(): void {
    cancelAnimationFrame(this.playing);
    this.playing = 0;
    this.labels();
  }

  private next_speed(): void {
    this.speed = SPEEDS[(SPEEDS.indexOf(this.speed) + 1) % SPEEDS.length]!;
    this.labels();
  }

  private key(event: KeyboardEvent, on_track: boolean): void {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || is_typing(event)) return;
    const target = event.composedPath()[0] as Element;
    // Elsewhere the arrows belong to what has the focus: nodes, tabs, rows.
    const free = on_track || !target.closest?.(BUSY);
    const by = event.shiftKey ? "task" : "event";
    if (event.key === ".") this.vm.step("failure", 1);
    else if (event.key === ",") this.vm.step("failure", -1);
    else if (!free) return;
    else if (event.key === "ArrowLeft") this.vm.step(by, -1);
    else if (event.key === "ArrowRight") this.vm.step(by, 1);
    else if (event.key === "Home") this.vm.seek(0);
    else if (event.key === "End") this.vm.follow();
    else if (on_track && event.key === "PageUp") this.vm.seek(this.vm.cursor - Math.ceil(this.vm.events.length / 10));
    else if (on_track && event.key === "PageDown") this.vm.seek(this.vm.cursor + Math.ceil(this.vm.events.length / 10));
    else if (on_track && event.key === " ") this.toggle_play();
    else return;
    event.preventDefault();
  }
}

function has_task(events: readonly ViewEvent[], c: Column): boolean {
  for (let i = c.from; i < c.to; i++) if (events[i]!.task_id && kind_of(events[i]!) === "failure") return true;
  return false;
}
