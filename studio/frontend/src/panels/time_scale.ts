/** Time to pixels with long idle gaps folded to marks of a fixed width. Pure. */

export interface Span { from: number; to: number }

/** A gap that is folded, and where it is drawn. */
export interface FoldMark extends Span { x0: number; x1: number }

/** Widest and narrowest mark of a folded gap, in pixels. */
const FOLD_PX = 92;
const FOLD_PX_NARROW = 62;
/** Folded gaps together take at most this share of the width. */
const FOLD_SHARE = 0.4;
/** Room left free beside the first and after the last moment. */
export const EDGE_PX = 8;

/** Overlapping and touching spans joined, in order. */
export function union(spans: Iterable<Span>): Span[] {
  const sorted = [...spans].filter((s) => s.to >= s.from).sort((a, b) => a.from - b.from);
  const joined: Span[] = [];
  for (const span of sorted) {
    const last = joined[joined.length - 1];
    if (last && span.from <= last.to) last.to = Math.max(last.to, span.to);
    else joined.push({ ...span });
  }
  return joined;
}

/** Gaps between activities that take more than `share` of the whole time, a margin kept at both ends. */
export function idle_gaps(activity: Iterable<Span>, start: number, end: number, share = 0.05): Span[] {
  const total = end - start;
  if (total <= 0) return [];
  const gaps: Span[] = [];
  let at = start;
  const look_at = (to: number): void => {
    if (to - at > total * share) gaps.push({ from: at, to });
  };
  for (const span of union(activity)) {
    look_at(Math.min(span.from, end));
    at = Math.max(at, span.to);
  }
  look_at(end);
  const folded = gaps.reduce((sum, gap) => sum + gap.to - gap.from, 0);
  const margin = Math.max(0, total - folded) * 0.02;
  return gaps
    .map((gap) => ({ from: gap.from === start ? start : gap.from + margin, to: gap.to === end ? end : gap.to - margin }))
    .filter((gap) => gap.to > gap.from);
}

/** Where moments are drawn. Linear but for the folded gaps. */
export class TimeScale {
  readonly folds: FoldMark[] = [];
  private readonly px_per_ms: number;

  constructor(readonly start: number, readonly end: number, folds: readonly Span[], readonly width: number) {
    const room = Math.max(1, width - 2 * EDGE_PX);
    const widest = width < 420 ? FOLD_PX_NARROW : FOLD_PX;
    const fold_px = folds.length ? Math.min(widest, (room * FOLD_SHARE) / folds.length) : 0;
    const folded = folds.reduce((sum, fold) => sum + fold.to - fold.from, 0);
    this.px_per_ms = (room - fold_px * folds.length) / Math.max(1, end - start - folded);
    let x = EDGE_PX;
    let at = start;
    for (const fold of folds) {
      x += (fold.from - at) * this.px_per_ms;
      this.folds.push({ from: fold.from, to: fold.to, x0: x, x1: x + fold_px });
      x += fold_px;
      at = fold.to;
    }
  }

  /** Pixel of a moment. */
  x(t: number): number {
    const moment = Math.max(this.start, Math.min(this.end, t));
    let x = EDGE_PX;
    let at = this.start;
    for (const fold of this.folds) {
      if (moment < fold.from) break;
      if (moment <= fold.to) return fold.x0 + ((fold.x1 - fold.x0) * (moment - fold.from)) / Math.max(1, fold.to - fold.from);
      x = fold.x1;
      at = fold.to;
    }
    return x + (moment - at) * this.px_per_ms;
  }

  /** Moment at a pixel. */
  t(x: number): number {
    let from_x = EDGE_PX;
    let at = this.start;
    for (const fold of this.folds) {
      if (x < fold.x0) break;
      if (x <= fold.x1) return fold.from + ((fold.to - fold.from) * (x - fold.x0)) / Math.max(1, fold.x1 - fold.x0);
      from_x = fold.x1;
      at = fold.to;
    }
    return Math.max(this.start, Math.min(this.end, at + (x - from_x) / this.px_per_ms));
  }

  /** Ticks at least `apart` pixels apart: round steps, counted anew after each folded gap. */
  ticks(apart: number): { t: number; x: number; first: boolean }[] {
    const step = round_step(apart / this.px_per_ms);
    const ticks: { t: number; x: number; first: boolean }[] = [];
    let free_from = -Infinity;
    const pieces = [this.start, ...this.folds.map((fold) => fold.to)];
    pieces.forEach((from, i) => {
      const to = this.folds[i]?.from ?? this.end;
      for (let t = from; t < to || (t === from && t <= to); t += step) {
        const x = t === from && i > 0 ? this.folds[i - 1]!.x1 : this.x(t);
        const limit = this.folds[i]?.x0 ?? this.width;
        if (x < free_from || limit - x < apart * 0.55) continue;
        ticks.push({ t, x, first: t === from });
        free_from = x + apart;
      }
    });
    return ticks;
  }
}

const STEPS_MS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_200_000, 1_800_000,
  3_600_000, 7_200_000, 21_600_000, 43_200_000, 86_400_000,
];
/** The next round step that is no shorter than asked, in milliseconds. */
export function round_step(ms: number): number {
  return STEPS_MS.find((step) => step >= ms) ?? Math.ceil(ms / 86_400_000) * 86_400_000;
}
