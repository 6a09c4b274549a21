/** Glyphs of the studio on a 16 × 16 grid: the shape says the status before the colour does. */
import type { Family } from "./viewmodel";

const inner = 'fill="none" stroke="var(--on-status)" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"';
const line = 'fill="none" stroke="currentColor" stroke-linecap="round" stroke-linejoin="round"';
const disc = '<circle cx="8" cy="8" r="7.2" fill="currentColor"/>';
const square = '<rect x="1" y="1" width="14" height="14" rx="4" fill="currentColor"/>';

const SHAPES = {
  success: `${disc}<path d="M4.8 8.3 7 10.5l4.3-4.8" ${inner}/>`,
  failure: `${disc}<path d="m5.4 5.4 5.2 5.2m0-5.2-5.2 5.2" ${inner}/>`,
  terminal: `<path d="M5 .9h6L15.1 5v6L11 15.1H5L.9 11V5z" fill="currentColor"/><path d="M4.6 8h6.8" ${inner}/>`,
  timeout: `${disc}<path d="M5.4 4.5h5.2l-5.2 7h5.2z" ${inner}/>`,
  warning: `<path d="M8 1.2 15.2 14H.8z" fill="currentColor" stroke="currentColor" stroke-linejoin="round"/><path d="M8 6v3.6m0 2.1v.1" ${inner}/>`,
  running: `<circle cx="8" cy="8" r="6.2" ${line} stroke-width="1.7" opacity=".3"/><path d="M8 1.8A6.2 6.2 0 0 1 14.2 8" ${line} stroke-width="2.6"/><circle cx="8" cy="8" r="2" fill="currentColor"/>`,
  waiting: `<circle cx="8" cy="8" r="6.3" ${line} stroke-width="1.7"/><path d="M8 4.6V8l2.3 1.6" ${line} stroke-width="1.5"/>`,
  held: `${square}<path d="M6 5v6m4-6v6" ${inner}/>`,
  human: `${square}<circle cx="8" cy="6" r="1.9" fill="var(--on-status)"/><path d="M4.6 12.2c.5-2 1.8-3 3.4-3s2.9 1 3.4 3z" fill="var(--on-status)"/>`,
  stopped: `<circle cx="8" cy="8" r="6.3" ${line} stroke-width="1.7"/><path d="m3.8 12.2 8.4-8.4" ${line} stroke-width="1.7"/>`,
  skipped: `<path d="M2.4 3v10l5-5zM7.6 3v10l5-5z" fill="currentColor" stroke="currentColor" stroke-width=".8" stroke-linejoin="round"/><path d="M13.8 3v10" ${line} stroke-width="1.8"/>`,
  none: `<circle cx="8" cy="8" r="6" fill="none" stroke="currentColor" stroke-width="1.3" stroke-dasharray="2.4 2"/>`,
  pin: `<path d="M9.6 1.6 14.4 6.4l-2 .6-2.6 2.6-.3 3-1 1L2.4 7.5l1-1 3-.3L9 3.6zM5.6 10.4 1.8 14.2" fill="currentColor" stroke="currentColor" stroke-width="1.2" stroke-linejoin="round"/>`,
  bolt: `<path d="M9.4 1 3.2 9h4l-.8 6 6.4-8.4H8.6z" fill="currentColor"/>`,
  branch: `<g ${line} stroke-width="1.7"><circle cx="4" cy="3.4" r="1.8"/><circle cx="4" cy="12.6" r="1.8"/><circle cx="12" cy="5.4" r="1.8"/><path d="M4 5.2v5.6M12 7.2c0 2.6-4 2-7 3.6"/></g>`,
  right: `<path d="m6 3.5 4.5 4.5L6 12.5" ${line} stroke-width="1.7"/>`,
  left: `<path d="M10 3.5 5.5 8l4.5 4.5" ${line} stroke-width="1.7"/>`,
  down: `<path d="M3.5 6 8 10.5 12.5 6" ${line} stroke-width="1.7"/>`,
  play: `<path d="M4.5 2.6v10.8l9-5.4z" fill="currentColor"/>`,
  pause: `<path d="M4 2.8h3v10.4H4zm5 0h3v10.4H9z" fill="currentColor"/>`,
  copy: `<g ${line} stroke-width="1.3"><rect x="5.5" y="5.5" width="8" height="8" rx="1.5"/><path d="M3.5 10.5h-1v-8h8v1"/></g>`,
  search: `<circle cx="7" cy="7" r="4.6" ${line} stroke-width="1.5"/><path d="m10.6 10.6 3.2 3.2" ${line} stroke-width="1.7"/>`,
  close: `<path d="m4 4 8 8m0-8-8 8" ${line} stroke-width="1.7"/>`,
} as const;

export type GlyphName = keyof typeof SHAPES;

/** Markup of one glyph for HTML; its colour is `currentColor`, see the `s-*` classes. */
export function glyph(name: GlyphName, classes = ""): string {
  return `<svg class="g ${classes}" viewBox="0 0 16 16" aria-hidden="true">${SHAPES[name]}</svg>`;
}
/** The shapes of a glyph alone, for drawing inside another SVG. */
export function glyph_shapes(name: GlyphName): string {
  return SHAPES[name];
}

/** Glyph of a task: by family, with the exact kind of failure and the human wait told apart. */
export function task_glyph(family: Family, status = "", type = ""): GlyphName {
  if (family === "failure" && status === "TIMED_OUT") return "timeout";
  if (family === "failure" && status === "FAILED_WITH_TERMINAL_ERROR") return "terminal";
  if (family === "held" && type === "HUMAN") return "human";
  return family === "reused" ? "pin" : family;
}
