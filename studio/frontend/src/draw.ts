/** Layout and states to SVG markup. Pure: strings in, strings out; all text is escaped here.
 *
 * Colours never appear: a status is a `data-st` attribute, the style sheet does the rest.
 */
import type { Box, CaseLabel, Edge, Layout } from "./layout";
import { END, FAN_HEIGHT, FAN_WIDTH, HEADER, NODE_HEIGHT, START, label_width } from "./layout";
import type { ViewModel } from "./viewmodel";
import { face_of, type Face, type Strip } from "./faces";
import { is_bad, is_ended } from "./fold";
import { count, escape } from "./format";
import { glyph_shapes, type GlyphName } from "./glyphs";
import { fit_end, fit_middle, text_width } from "./text";

/** 1: block and glyph; 1.5 and 2: and the name, large enough to be read; 3: everything. */
export type Detail = 1 | 1.5 | 2 | 3;

export function detail_of(zoom: number): Detail {
  return zoom < 0.4 ? 1 : zoom < 0.56 ? 1.5 : zoom < 0.775 ? 2 : 3;
}
/** Size of a name where only names are shown: never under 9 px on the screen. */
function name_size(detail: Detail): number {
  return detail === 1.5 ? 23 : 16.5;
}

const n = (value: number) => String(Math.round(value * 100) / 100);

function rect(x: number, y: number, w: number, h: number, r: number, attributes: string): string {
  return `<rect x="${n(x)}" y="${n(y)}" width="${n(w)}" height="${n(h)}" rx="${r}" ${attributes}/>`;
}
function text(x: number, y: number, classes: string, content: string, more = ""): string {
  return `<text class="${classes}" x="${n(x)}" y="${n(y)}"${more}>${escape(content)}</text>`;
}
function mark(name: GlyphName, x: number, y: number, size = 15): string {
  return `<g class="gl" transform="translate(${n(x)} ${n(y)}) scale(${n(size / 16)})">${glyph_shapes(name)}</g>`;
}

// -- nodes ---------------------------------------------------------------------------------

/** Inside of the `<g class="n">` of one box. */
export function draw_face(box: Box, face: Face, detail: Detail): string {
  switch (box.shape) {
    case "loop": case "sub": return group(box, face, detail);
    case "fork": case "join": return bar(box, face, detail);
    case "fan": return fan(box, face, detail);
    default: return node(box, face, detail);
  }
}

/** One box with its group element. The group carries identity, status and what it says. */
export function draw_box(box: Box, face: Face, detail: Detail, focusable = false): string {
  const more = focusable ? ' tabindex="-1"' : "";
  return `<g class="n" role="${focusable ? "button" : "img"}" data-id="${escape(box.id)}" data-shape="${box.shape}" data-st="${face.st}"${more} aria-label="${escape(face.label)}">${draw_face(box, face, detail)}</g>`;
}

function outline(box: Box, inset: number, classes: string, radius: number): string {
  const { x, y, w, h } = box;
  if (box.shape !== "switch") return rect(x - inset, y - inset, w + 2 * inset, h + 2 * inset, radius, `class="${classes}"`);
  const i = inset;
  const corner = 12 + i * 0.4;
  return `<path class="${classes}" d="M${n(x + corner - i)} ${n(y - i)}H${n(x + w - corner + i)}L${n(x + w + i * 1.2)} ${n(y + h / 2)}L${n(x + w - corner + i)} ${n(y + h + i)}H${n(x + corner - i)}L${n(x - i * 1.2)} ${n(y + h / 2)}z"/>`;
}

/** Selection and focus are two rings; both are there, the style sheet shows them. */
function rings(box: Box): string {
  return outline(box, 6, "rs", 12) + outline(box, 3, "rf", 9);
}

function shell(box: Box, face: Face): string {
  let out = face.st === "held" ? outline(box, 2.5, "halo", 8.5) : "";
  out += rings(box) + outline(box, 0, "face", 6);
  if (face.st === "reused" || face.st === "plan-reuse") out += outline(box, 0, "hatch", 6);
  return out;
}

function node(box: Box, face: Face, detail: Detail): string {
  const { x, y, w, h } = box;
  const filled = face.st === "cause" && h > NODE_HEIGHT;
  let out = shell(box, face);
  if (detail < 3) return out + outline(box, 0, "box", 6) + coarse(box, face, detail);
  if (filled) out += `<path class="fill" d="M${n(x)} ${n(y + HEADER)}v-20a6 6 0 0 1 6-6h${n(w - 12)}a6 6 0 0 1 6 6v20z"/>`;
  out += outline(box, 0, "box", 6);
  if (face.st === "stopped") out += rect(x + 3, y + 3, w - 6, h - 6, 3.5, 'class="box in"');
  const left = x + (box.shape === "switch" ? 14 : 10);
  const closed = box.shape === "closed";
  const right = x + w - (closed ? 40 : face.side_effect ? 48 : 10);
  const low = h > NODE_HEIGHT && !filled ? 6 : 0;
  const glyph = face.glyph ? mark(face.glyph, left, y + (filled ? 5.5 : 4 + low)) : "";
  const from = face.glyph ? left + 22 : left + 2;
  if (filled) {
    const word = text_width(face.word, 11.6, true);
    out += `<g class="onfill">${glyph}${text(from, y + 18, "nm", fit_middle(face.name, right - from - word - 8, 13, true))}${text(right, y + 17.5, "mt word", face.word, ' text-anchor="end"')}</g>`;
    return out + text(left, y + 40.5, "mt", fit_end(face.meta, right - left, 11.6));
  }
  out += glyph + text(from, y + low + 15.5, "nm", fit_middle(face.name, right - from, 13, true));
  out += text(face.glyph ? left : from, y + low + 30, "mt", fit_end(face.meta, (closed ? right : x + w - 10) - left, 11.6));
  if (closed) out += button(x + w - 32, y + (h - 24) / 2, 24, 24, "fold", "right", "Open");
  if (face.side_effect) out += mark("bolt", x + w - 42, y + 4, 14);
  return out;
}

/** The two lower levels of detail: bigger name, or block and glyph. */
function coarse(box: Box, face: Face, detail: Detail): string {
  const { x, y, w, h } = box;
  const middle = y + h / 2;
  if (detail === 1) return face.glyph ? mark(face.glyph, x + w / 2 - 13, middle - 13, 26) : "";
  const left = x + (face.glyph ? 38 : 13);
  const glyph = face.glyph ? mark(face.glyph, x + 12, middle - 9, 18) : "";
  const size = name_size(detail);
  return glyph + text(left, middle + size * 0.36, "nm", fit_middle(face.name, x + w - 8 - left, size, true), ` style="font-size:${size}px"`);
}

/** A button of 24 × 24 at least; the face may be smaller. */
function button(x: number, y: number, w: number, h: number, act: string, glyph: GlyphName, title: string): string {
  const hit = rect(x - (24 - w) / 2 - 0, y - (24 - h) / 2, Math.max(24, w), Math.max(24, h), 4, 'class="hit"');
  return `<g class="act" data-act="${act}"><title>${title}</title>${hit}${rect(x, y, w, h, 4, 'class="btnf"')}${mark(glyph, x + w / 2 - 5.5, y + h / 2 - 5.5, 11)}</g>`;
}

// -- containers ----------------------------------------------------------------------------

function group(box: Box, face: Face, detail: Detail): string {
  const { x, y, w, h } = box;
  let out = outline(box, 6, "rs", 14) + outline(box, 3, "rf", 11) + rect(x, y, w, h, 8, 'class="face grp"');
  out += `<path class="head" d="M${n(x + 1)} ${n(y + HEADER)}v-17a8 8 0 0 1 8-8h${n(w - 18)}a8 8 0 0 1 8 8v17z"/>`;
  out += rect(x, y, w, h, 8, 'class="box"');
  const glyph = face.glyph ? mark(face.glyph, x + 10, y + (detail < 3 ? 4 : 6), detail < 3 ? 18 : 15) : "";
  const from = x + (face.glyph ? 32 : 12);
  if (detail === 1) return out + glyph;
  const size = name_size(detail);
  if (detail < 3) return out + glyph + text(from + 2, y + 13 + size * 0.36, "nm", fit_middle(face.name, w - 50, size, true), ` style="font-size:${size}px"`);
  return out + glyph + (box.shape === "loop" ? loop_head(box, face, from) : sub_head(box, face, from));
}

function sub_head(box: Box, face: Face, from: number): string {
  const right = box.x + box.w - 10;
  const name = fit_middle(face.name, 160, 13, true);
  const after = from + text_width(name, 13, true) + 8;
  const fold = `<g class="act" data-act="fold"><title>Collapse</title>${rect(right - 54, box.y + 1, 62, 24, 4, 'class="hit"')}${text(right, box.y + 18, "mt", "Collapse", ' text-anchor="end"')}</g>`;
  return text(from, box.y + 18, "nm", name) + text(after, box.y + 18, "mt", fit_end(face.meta, right - 60 - after, 11.6)) + fold;
}

/** A definition has no iterations. */
const NO_STRIP: Strip = { columns: [], starts: [1], spark: [], total: 0, current: 0, line: "", done: false };

function loop_head(box: Box, face: Face, from: number): string {
  const strip = face.strip ?? NO_STRIP;
  const right = box.x + box.w - 6;
  const shown = strip.total ? `iteration ${count(strip.current)} of ${count(strip.total)}` : "";
  const shown_width = text_width(shown, 12, true);
  const stepper = right - 52;
  const name = fit_middle(face.name, Math.max(40, stepper - 8 - shown_width - 80 - from), 13, true);
  const after = from + text_width(name, 13, true) + 8;
  let out = text(from, box.y + 18, "nm", name) + text(after, box.y + 18, "mt", "Do while");
  out += `<g class="act" data-act="fold"><title>Collapse</title>${rect(after + 48, box.y + 1, 24, 24, 4, 'class="hit"')}${mark("down", after + 55, box.y + 8.5, 10)}</g>`;
  if (!strip.total) return out;
  out += text(stepper - 6, box.y + 18, "nm it", shown, ' text-anchor="end"');
  out += button(stepper, box.y + 3.5, 24, 19, "previous", "left", "Iteration before") + button(stepper + 28, box.y + 3.5, 24, 19, "next", "right", "Next iteration");
  return out + draw_strip(strip, box.x + 10, box.y + HEADER + 2, box.w - 20, true);
}

/** One column per iteration or bucket, a line for durations, the counts in words. */
function draw_strip(strip: Strip, x: number, y: number, w: number, counts: boolean): string {
  const { columns } = strip;
  const step = columns.length ? Math.min(w / columns.length, columns.length < 12 ? 24 : 12) : 0;
  const body = step > 2 ? step * 0.75 : Math.max(1, step);
  let calm = "";
  let loud = "";
  columns.forEach((st, i) => {
    const at = x + i * step;
    if (st === "cause") {
      const wide = Math.max(3, body);
      loud += rect(at - 1, y - 2, wide + 2, 13, 0, 'class="c-gap"') + rect(at, y - 2, wide, 13, 0, 'class="c-cause"');
    } else {
      const none = st === "none";
      calm += rect(at, none ? y + 7 : y, body, none ? 3 : 10, 0, `class="c-${st}"`);
    }
  });
  if (strip.current && columns.length > 1) {
    const at = x + (column_of(strip, strip.current) + 0.5) * step - step * 0.125;
    loud += `<path class="here" d="M${n(at - 3.5)} ${n(y + 15.5)}h7l-3.5-4z"/>`;
  }
  const hit = rect(x, y - 2, Math.max(24, step * columns.length), 24, 0, `class="hit" data-act="strip" data-x="${n(x)}" data-step="${n(step)}"`);
  const lines = counts ? spark(strip, x, y, w, step) + line_of(strip, x, y, w, step) : "";
  return `<g class="strip">${calm}${loud}${lines}${hit}</g>`;
}

export function column_of(strip: Strip, iteration: number): number {
  let low = 0;
  let high = strip.columns.length - 1;
  while (low < high) {
    const mid = (low + high + 1) >> 1;
    if (strip.starts[mid]! <= iteration) low = mid;
    else high = mid - 1;
  }
  return low;
}

/** Mean durations as a line, up to where the counts stand. */
function spark(strip: Strip, x: number, y: number, w: number, step: number): string {
  const known = strip.spark.filter((v): v is number => v !== null);
  const room = line_place(strip, w, step).room;
  if (known.length < 3 || room < 3 * step) return "";
  const most = Math.max(...known, 1);
  let path = "";
  strip.spark.forEach((value, i) => {
    if (value !== null && (i + 1) * step < room) path += `${path ? "L" : "M"}${n(x + (i + 0.375) * step)} ${n(y + 22 - (value / most) * 6)}`;
  });
  return `<path class="spark" d="${path}"/>`;
}

/** Where the counts stand below a strip, and how much of its left they leave to the durations. */
function line_place(strip: Strip, w: number, step: number): { at: number; fits: boolean; room: number } {
  const wide = text_width(strip.line, 11.6);
  let reached = 0;
  strip.spark.forEach((value, i) => {
    if (value !== null) reached = i + 1;
  });
  const at = reached < 3 ? (reached ? reached * step + 10 : 0) : reached * step + 10;
  const fits = at + wide <= w;
  return { at, fits, room: fits ? w : w - wide - 6 };
}

function line_of(strip: Strip, x: number, y: number, w: number, step: number): string {
  const { at, fits } = line_place(strip, w, step);
  const shown = fit_end(strip.line, w, 11.6);
  return fits ? text(x + at, y + 24, "cap", shown) : text(x + w, y + 24, "cap over", shown, ' text-anchor="end"');
}

function fan(box: Box, face: Face, detail: Detail): string {
  const card = { ...box, x: box.x, w: box.w };
  if (detail < 3) return shell(card, face) + outline(card, 0, "box", 6) + coarse({ ...card, h: Math.min(box.h, FAN_HEIGHT) }, face, detail);
  const { x, y } = box;
  const right = x + box.w - 10;
  const open = box.h > FAN_HEIGHT;
  let out = shell(card, face) + outline(card, 0, "box", 6);
  if (face.glyph) out += mark(face.glyph, x + 10, y + 4);
  out += text(x + (face.glyph ? 32 : 12), y + 15.5, "nm", fit_middle(face.name, 130, 13, true)) + text(right - (face.strip?.total ? 28 : 0), y + 15.5, "mt", "Dynamic fork", ' text-anchor="end"');
  if (face.strip?.total) {
    out += button(right - 22, y + 2, 24, 19, "fold", open ? "down" : "right", open ? "Collapse" : "Open");
    out += draw_strip(face.strip, x + 10, y + 24, Math.min(400, Math.max(FAN_WIDTH, box.w) - 20), false);
  }
  return out + text(x + 10, y + 58, "mt", fit_end(face.meta, box.w - 20, 11.6));
}

function bar(box: Box, face: Face, detail: Detail): string {
  const caption = box.shape === "fork" ? "fork" : face.joined ? `join ${face.joined}` : "join";
  const hit = rect(box.x - 4, box.y - 10, box.w + 90, 24, 4, 'class="hit"');
  const ring = rect(box.x - 6, box.y - 6, box.w + 12, box.h + 12, 8, 'class="rs"') + rect(box.x - 3, box.y - 3, box.w + 6, box.h + 6, 5, 'class="rf"');
  return hit + ring + rect(box.x, box.y, box.w, box.h, 2, 'class="bar"') + (detail === 3 ? text(box.x + box.w + 8, box.y + 6, "cap", caption) : "");
}

// -- lines ---------------------------------------------------------------------------------

/** Polyline with rounded corners. */
export function rounded(points: [number, number][], radius: number): string {
  if (points.length < 2) return "";
  let path = `M${n(points[0]![0])} ${n(points[0]![1])}`;
  for (let i = 1; i < points.length - 1; i++) {
    const [x0, y0] = points[i - 1]!;
    const [x, y] = points[i]!;
    const [x1, y1] = points[i + 1]!;
    const before = Math.abs(x - x0) + Math.abs(y - y0);
    const after = Math.abs(x1 - x) + Math.abs(y1 - y);
    const r = Math.min(radius, before / 2, after / 2);
    path += `L${n(x - Math.sign(x - x0) * r)} ${n(y - Math.sign(y - y0) * r)}Q${n(x)} ${n(y)} ${n(x + Math.sign(x1 - x) * r)} ${n(y + Math.sign(y1 - y) * r)}`;
  }
  const [x, y] = points[points.length - 1]!;
  return `${path}L${n(x)} ${n(y)}`;
}

export function draw_edge(edge: Edge, taken: boolean, id: number): string {
  if (!edge.points.length) return "";
  const [x, y] = edge.points[edge.points.length - 1]!;
  const arrow = edge.arrow ? `M${n(x - 4.5)} ${n(y - 7)}L${n(x)} ${n(y)}L${n(x + 4.5)} ${n(y - 7)}` : "";
  const into = edge.kind === "back" ? "" : arrow;
  return `<g class="e${taken ? "" : " not"}" data-e="${id}"><path d="${rounded(edge.points, edge.kind === "back" ? 10 : 12)}"/>${into ? `<path class="ar" d="${into}"/>` : ""}</g>`;
}

export function draw_label(label: CaseLabel, taken: boolean): string {
  const shown = fit_end(label.shown, 130, 11.6);
  const w = Math.max(text_width(shown, 11.6, taken) + 14, Math.min(34, label_width(shown)));
  return `<g class="el${taken ? " on" : ""}">${rect(label.x - w / 2, label.y - 9, w, 18, 9, "")}${text(label.x, label.y + 4, "", shown)}<title>${escape(label.shown)}</title></g>`;
}

export function draw_counter(x: number, y: number, times: number): string {
  if (times < 1) return "";
  const shown = `${count(times)}×`;
  const w = text_width(shown, 11.6, true) + 14;
  return `<g class="el on">${rect(x - w / 2, y - 9, w, 18, 9, "")}${text(x, y + 4, "", shown)}</g>`;
}

/** Which edges were taken at the cursor. */
export class Taken {
  constructor(private readonly vm: ViewModel, private readonly map: Layout) {}

  reached(id: string): boolean {
    if (id === START) return this.vm.events.length > 0 && this.vm.cursor > 0;
    if (id === END) return this.vm.now.status.get(this.vm.data.workflow_id) === "COMPLETED";
    if (id.endsWith("#join")) return this.reached(id.slice(0, -5));
    return !!this.vm.task(this.vm.drawn(id));
  }
  /** The flow went on behind it. */
  private left(id: string): boolean {
    if (id === START) return true;
    const task = this.vm.task(this.vm.drawn(id));
    return !!task && is_ended(task.status) && (!is_bad(task.status) || task.optional) && task.status !== "CANCELED";
  }
  private chosen(of: string, label: string): boolean {
    const task = this.vm.task(this.vm.drawn(of));
    if (task?.chosen === undefined) return false;
    const branches = this.vm.block(of)?.branches ?? [];
    const known = branches.some((b) => !b.is_default && b.label === task.chosen);
    return label === "" ? !known : task.chosen === label;
  }
  edge(edge: Edge): boolean {
    if (edge.when && !this.chosen(edge.when.of, edge.when.label)) return false;
    if (edge.kind === "case") return this.reached(edge.from) && (edge.to === edge.from || this.reached(edge.to));
    if (edge.kind === "back") return this.iterated(edge.to) > 0;
    if (edge.to === "") return this.left(edge.from);
    if (edge.to === edge.from) return this.left(edge.from);
    if (!this.reached(edge.to)) return false;
    return this.map.by_id.get(edge.to)?.container === edge.from ? this.reached(edge.from) : this.left(edge.from) || edge.from === edge.to;
  }
  label(label: CaseLabel): boolean {
    return this.chosen(label.of, label.label);
  }
  /** How often a loop went back. */
  iterated(place: string): number {
    return Math.max(0, (this.vm.now.loops.get(this.vm.drawn(place))?.items.length ?? 0) - 1);
  }
}

export function draw_edges(map: Layout, taken: Taken, plain = false): string {
  const not: string[] = [];
  const yes: string[] = [];
  map.edges.forEach((edge, i) => {
    const is_taken = plain || taken.edge(edge);
    (is_taken ? yes : not).push(draw_edge(edge, is_taken, i));
  });
  return not.join("") + yes.join("");
}

export function draw_marks(map: Layout, taken: Taken, plain = false): string {
  let out = "";
  for (const label of map.labels) out += draw_label(label, !plain && taken.label(label));
  for (const counter of map.counters) out += plain ? "" : draw_counter(counter.x, counter.y, taken.iterated(counter.of));
  for (const ring of map.rings) out += `<circle class="e ring${plain || taken.reached(ring.of) ? "" : " not"}" cx="${n(ring.x)}" cy="${n(ring.y)}" r="4.5"/>`;
  return out;
}

/** Start pill and end ring. */
export function draw_ends(map: Layout, taken: Taken, input_line: string, plain = false): string {
  const { start, end } = map;
  const reached = !plain && taken.reached(START);
  const pill = rect(start.x, start.y, start.w, start.h, 12, 'class="face"') + rect(start.x, start.y, start.w, start.h, 12, 'class="box"');
  const line = fit_end(input_line, start.w - 54, 11.6);
  const words = `<text class="mt" x="0" y="${n(start.y + 16)}" text-anchor="middle"><tspan class="strong">start</tspan>${line ? `<tspan dx="6">${escape(line)}</tspan>` : ""}</text>`;
  const ended = plain || taken.reached(END);
  return `<g class="n ends" data-id="${START}" data-st="${reached ? "success" : "plain"}" aria-hidden="true">${pill}${words}</g><circle class="e ring${ended ? "" : " not"}" cx="${n(end.x)}" cy="${n(end.y)}" r="5"/>`;
}

/** Pattern of what is reused; once in each drawing. */
export function hatch(): string {
  return '<defs><pattern id="hatch" width="7" height="7" patternTransform="rotate(45)" patternUnits="userSpaceOnUse"><path class="hatch-line" d="M.75 0v7"/></pattern></defs>';
}

/** Width of the start pill for one line of input. */
export function start_width(input_line: string): number {
  return Math.min(NODE_START_MOST, Math.max(72, text_width(`start ${input_line}`, 11.6) + (input_line ? 34 : 30)));
}
const NODE_START_MOST = 260;

/** The route a value took: from each hop to the next, on the left of what lies between them. */
export function draw_route(map: Layout, ids: string[], current: number): string {
  const stops = ids.map((id) => (id === START ? { x: map.start.x, y: map.start.y + 12, id } : stop_of(map, id))).filter((s) => s !== null);
  if (!stops.length) return "";
  const leaves = map.boxes.filter((b) => b.shape !== "loop" && b.shape !== "sub" && b.shape !== "fork" && b.shape !== "join");
  let path = "";
  for (let i = 0; i + 1 < stops.length; i++) {
    const a = stops[i]!;
    const b = stops[i + 1]!;
    const own = Math.min(a.x, b.x);
    const [top, bottom] = [Math.min(a.y, b.y), Math.max(a.y, b.y)];
    const between = leaves.filter((l) => l.y < bottom && l.y + l.h > top && l.x < own - 1);
    const lane = between.length ? Math.min(...between.map((l) => l.x)) - 14 : own - 40;
    path += rounded([[a.x - 8, a.y], [lane, a.y], [lane, b.y], [b.x - 8, b.y]], 10);
  }
  const dots = stops.map((s, i) => `<g class="dot${i === current ? " on" : ""}"><circle cx="${n(s.x - 8)}" cy="${n(s.y)}" r="9"/>${text(s.x - 8, s.y + 4, "", String(i + 1))}</g>`).join("");
  return `<path class="route-halo" d="${path}"/><path class="route" d="${path}"/>${dots}`;
}
function stop_of(map: Layout, id: string): { x: number; y: number; id: string } | null {
  const box = map.by_id.get(id);
  return box ? { x: box.x, y: box.y + (box.shape === "loop" || box.shape === "sub" ? HEADER / 2 : Math.min(box.h, FAN_HEIGHT) / 2), id } : null;
}

/** The whole drawing, without the `<svg>` around it. Containers first, so that lines run over them. */
export function draw_all(map: Layout, vm: ViewModel, options: { detail: Detail; plain?: boolean; focusable?: boolean }): string {
  const taken = new Taken(vm, map);
  const groups: string[] = [];
  const nodes: string[] = [];
  for (const box of map.boxes) {
    const markup = draw_box(box, face_of(vm, box, options.plain), options.detail, options.focusable);
    (box.shape === "loop" || box.shape === "sub" || (box.shape === "fan" && box.h > FAN_HEIGHT) ? groups : nodes).push(markup);
  }
  return `<g class="groups">${groups.join("")}</g><g class="edges">${draw_edges(map, taken, options.plain)}</g><g class="marks">${draw_marks(map, taken, options.plain)}</g><g class="nodes">${nodes.join("")}</g><g class="tips">${draw_ends(map, taken, vm.data.input_line, options.plain)}</g>`;
}
