// @ts-check
/** Small pieces that every page is built from: elements, glyphs, words, numbers. Text goes in as
 *  text only; nothing here or in the pages takes HTML. */

const SVG = "http://www.w3.org/2000/svg";

/** @typedef {Record<string, any>} Attributes */

/** Make an element. Attributes with the value null, undefined or false are left out; functions
 *  are listeners. Children: nodes, texts, or nothing.
 *  @param {string} tag @param {Attributes} [attributes] @param {...any} children
 *  @returns {any} */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG. @param {string} tag @param {Attributes} [attributes] @param {...any} children
 *  @returns {any} */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** @param {Element} node @param {Attributes} attributes @param {any[]} children */
function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(name, value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const HALF = { fill: "none", stroke: "var(--on-status)", "stroke-width": 1.8, "stroke-linecap": "round", "stroke-linejoin": "round" };
const LINE = { fill: "none", stroke: "currentColor", "stroke-width": 1.6, "stroke-linecap": "round", "stroke-linejoin": "round" };
const DISC = ["circle", { cx: 8, cy: 8, r: 7.2, fill: "currentColor" }];
const TILE = ["rect", { x: 1, y: 1, width: 14, height: 14, rx: 4, fill: "currentColor" }];

/** @type {Record<string, any[]>} Shape says the status before the colour does. */
const GLYPHS = {
  success: [DISC, ["path", { d: "M4.7 8.2 7 10.5l4.4-5", ...HALF }]],
  failure: [DISC, ["path", { d: "M5.4 5.4l5.2 5.2M10.6 5.4l-5.2 5.2", ...HALF }]],
  timeout: [DISC, ["path", { d: "M5.5 4.5h5L5.5 11.5h5z", ...HALF, "stroke-width": 1.3 }]],
  warning: [["path", { d: "M8 1.4 15 14H1z", fill: "currentColor", stroke: "currentColor", "stroke-linejoin": "round" }], ["path", { d: "M8 6v3.5M8 11.7v.1", ...HALF }]],
  running: [["circle", { cx: 8, cy: 8, r: 6.2, ...LINE, opacity: 0.3 }], ["path", { d: "M8 1.8A6.2 6.2 0 0 1 14.2 8", ...LINE, "stroke-width": 2.6 }], ["circle", { cx: 8, cy: 8, r: 2, fill: "currentColor" }]],
  held: [TILE, ["path", { d: "M6 5v6M10 5v6", ...HALF }]],
  person: [TILE, ["circle", { cx: 8, cy: 6, r: 1.9, fill: "var(--on-status)" }], ["path", { d: "M4.6 12.2c.4-2 1.7-3 3.4-3s3 1 3.4 3z", fill: "var(--on-status)" }]],
  stopped: [["circle", { cx: 8, cy: 8, r: 6.3, ...LINE }], ["path", { d: "M3.8 12.2l8.4-8.4", ...LINE }]],
  search: [["circle", { cx: 7, cy: 7, r: 4.5, ...LINE }], ["path", { d: "M10.5 10.5l3.3 3.3", ...LINE }]],
  close: [["path", { d: "M4 4l8 8M12 4l-8 8", ...LINE }]],
  arrow: [["path", { d: "M3 8h9.5M9 4.5 12.5 8 9 11.5", ...LINE }]],
  again: [["path", { d: "M13.2 8.6A5.3 5.3 0 1 1 11.6 4.2L13.2 5.8M13.4 2.2v3.8H9.6", ...LINE }]],
  copy: [["rect", { x: 5.5, y: 5.5, width: 8, height: 8, rx: 1.5, ...LINE, "stroke-width": 1.3 }], ["path", { d: "M3.5 10.5h-1v-8h8v1", ...LINE, "stroke-width": 1.3 }]],
  branch: [["circle", { cx: 4, cy: 3.4, r: 1.8, ...LINE }], ["circle", { cx: 4, cy: 12.6, r: 1.8, ...LINE }], ["circle", { cx: 12, cy: 5.4, r: 1.8, ...LINE }], ["path", { d: "M4 5.2v5.6M12 7.2c0 2.6-4 2-7 3.6", ...LINE }]],
  worker: [["rect", { x: 2, y: 2.5, width: 12, height: 4.5, rx: 1, ...LINE }], ["rect", { x: 2, y: 9, width: 12, height: 4.5, rx: 1, ...LINE }], ["path", { d: "M4.6 4.8h.1M4.6 11.2h.1", ...LINE }]],
  file: [["path", { d: "M4 1.8h5l3.2 3.2v9.2H4zM9 1.8V5h3.2", ...LINE }]],
};

/** @param {string} kind @param {string} [family] class that colours it @returns {SVGElement} */
export function glyph(kind, family = "") {
  return svg("svg", { class: `g ${family}`, viewBox: "0 0 16 16", "aria-hidden": "true" },
    (GLYPHS[kind] ?? []).map(([tag, attributes]) => svg(tag, attributes)));
}

/** Family (colour), glyph and word of an execution's status. */
export const STATUS = {
  RUNNING: { family: "running", glyph: "running", word: "Running" },
  PAUSED: { family: "held", glyph: "held", word: "Paused" },
  FAILED: { family: "failure", glyph: "failure", word: "Failed" },
  TIMED_OUT: { family: "failure", glyph: "timeout", word: "Timed out" },
  WITH_ERRORS: { family: "warning", glyph: "warning", word: "With errors" },
  TERMINATED: { family: "stopped", glyph: "stopped", word: "Terminated" },
  COMPLETED: { family: "success", glyph: "success", word: "Completed" },
};

/** @param {string} status @returns {{family: string, glyph: string, word: string}} */
export function status(status) {
  return STATUS[/** @type {keyof typeof STATUS} */ (status)] ?? { family: "none", glyph: "stopped", word: status };
}

/** 18204 → "18,204". @param {number} value */
export const count = (value) => value.toLocaleString("en-US");

/** A duration in short: "84 ms", "1.2 s", "0:26", "4:12", "1 h 10 min", "2 d 3 h". @param {number} ms */
export function took(ms) {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}

/** How long ago: "3 min ago". @param {number} ms @param {number} [now] */
export function ago(ms, now = Date.now()) {
  const seconds = Math.max(0, Math.round((now - ms) / 1000));
  if (seconds < 5) return "now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Clock time today, "19 Nov 14:02" on other days; local zone. @param {number} ms @param {boolean} [seconds] */
export function clock(ms, seconds = true) {
  const at = new Date(ms), today = new Date();
  const time = `${two(at.getHours())}:${two(at.getMinutes())}`;
  if (at.toDateString() === today.toDateString()) return seconds ? `${time}:${two(at.getSeconds())}` : time;
  return `${at.getDate()} ${MONTHS[at.getMonth()]} ${time}`;
}

/** The moment in full with its zone, for titles. @param {number} ms */
export const moment = (ms) => new Date(ms).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "long" });

/** How long an execution was at work, in milliseconds; the time in which it stood ended before
 *  somebody opened it again is not counted. @param {any} row of a list @param {number} [now] */
export const worked = (row, now = Date.now()) => (row.end_ms || now) - row.start_ms - row.idle_ms;

/** What a duration leaves out, as a title; "" when nothing. @param {any} row of a list */
export const again_words = (row) => row.again
  ? `${row.again.word[0].toUpperCase()}${row.again.word.slice(1)} by hand at ${clock(row.again.at_ms, false)}; it stood ended for ${took(row.again.stood_ms)} before that, which is not counted` : "";

/** The sign beside such a duration, with its words for those who don't see it; null when there is none.
 *  @param {any} row of a list */
export const again_sign = (row) => row.again ? el("span", { class: "again", title: again_words(row) }, glyph("again"), el("span", { class: "sr" }, `${row.again.word} by hand,`)) : null;

/** Address of an execution. @param {string} id */
export const execution = (id) => `execution?id=${encodeURIComponent(id)}`;

/** Address of a search. @param {Record<string, any>} filter @param {number} [start] */
export function search(filter, start = 0) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filter))
    for (const one of Array.isArray(value) ? value : [value]) if (one !== "" && one !== false) query.append(name, one === true ? "1" : String(one));
  if (start) query.set("start", String(start));
  const text = query.toString();
  return text ? `executions?${text}` : "executions";
}

/** A button that copies a text and says so. @param {() => string} text @param {string} label @returns {HTMLButtonElement} */
export function copyButton(text, label = "Copy") {
  const word = el("span", {}, label);
  const done = (/** @type {string} */ said) => { word.textContent = said; setTimeout(() => { word.textContent = label; }, 1500); };
  return el("button", {
    class: "btn ghost small", type: "button",
    click: () => navigator.clipboard.writeText(text()).then(() => done("Copied"), () => done("Not allowed")),
  }, glyph("copy"), word);
}

/** Take away the heading that stood in while the page loaded, once this one is drawn. */
export function ready() {
  const done = () => {
    document.getElementById("placeholder")?.remove();
    document.documentElement.dataset.ready = "1";
  };
  requestAnimationFrame(done);
  if (document.hidden) done(); // a tab in the background gets no frames
}
