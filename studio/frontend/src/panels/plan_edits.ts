/** Fields of the planner's form: how a JSON value is edited as text and read back. Pure. */
import { count, plural } from "../format";
import { is_masked, look } from "./json_value";

export type EditKind = "text" | "number" | "boolean" | "json";

export interface Field {
  key: string;
  original: unknown;
  kind: EditKind;
  /** What stands in the field. */
  text: string;
  /** Secret values cannot be seen and therefore not be edited. */
  is_locked: boolean;
}

export type Parsed = { ok: true; value: unknown } | { ok: false; message: string };

export function kind_of(value: unknown): EditKind {
  const kind = look(value);
  if (kind === "string") return "text";
  return kind === "number" || kind === "boolean" ? kind : "json";
}

export function text_of(value: unknown, kind: EditKind): string {
  if (kind === "text") return typeof value === "string" ? value : JSON.stringify(value ?? null);
  return JSON.stringify(value ?? null, null, kind === "json" ? 2 : 0);
}

export function fields_of(input: Record<string, unknown>): Field[] {
  return Object.entries(input).map(([key, original]) => {
    const kind = kind_of(original);
    return { key, original, kind, text: text_of(original, kind), is_locked: is_masked(original) };
  });
}

/** Read the text of a field as its kind says. */
export function parse_edit(kind: EditKind, text: string): Parsed {
  switch (kind) {
    case "text": return { ok: true, value: text };
    case "boolean": return text === "true" || text === "false" ? { ok: true, value: text === "true" } : { ok: false, message: "Choose true or false." };
    case "number": return parse_number(text);
    default: return parse_json(text);
  }
}

function parse_number(text: string): Parsed {
  const plain = text.trim().replace(/^−/, "-");
  if (/^-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(plain)) {
    const value = Number(plain);
    if (Number.isFinite(value)) return { ok: true, value };
  }
  if (/^-?\d+,\d+$/.test(plain)) return { ok: false, message: `Write ${plain.replace(",", ".")} with a point.` };
  return { ok: false, message: plain ? `“${plain}” is not a number.` : "A number is missing." };
}

function parse_json(text: string): Parsed {
  if (!text.trim()) return { ok: false, message: "A JSON value is missing; write null for none." };
  try {
    return { ok: true, value: JSON.parse(text) as unknown };
  } catch (reason) {
    return { ok: false, message: `Not valid JSON${position(text, String(reason))}. Text needs double quotes.` };
  }
}

/** " (line 2, column 5)" from the engine's message, where it has a position. */
function position(text: string, message: string): string {
  const found = /position (\d+)/.exec(message);
  const at = found ? Number(found[1]) : /end of JSON/i.test(message) ? text.length : -1;
  if (at < 0) return "";
  const before = text.slice(0, at).split("\n");
  return ` (line ${before.length}, column ${before[before.length - 1]!.length + 1})`;
}

export function is_same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Whether the field holds something else than was recorded. A field that cannot be read counts as edited. */
export function is_edited(field: Field): boolean {
  if (field.is_locked) return false;
  const parsed = parse_edit(field.kind, field.text);
  return !parsed.ok || !is_same(parsed.value, field.original);
}

/** The edited values by key, and the keys that cannot be read. */
export function edits_of(fields: readonly Field[]): { edits: Record<string, unknown>; broken: string[] } {
  const edits: Record<string, unknown> = {};
  const broken: string[] = [];
  for (const field of fields) {
    if (!is_edited(field)) continue;
    const parsed = parse_edit(field.kind, field.text);
    if (parsed.ok) edits[field.key] = parsed.value;
    else broken.push(field.key);
  }
  return { edits, broken };
}

/** "Replay 6 tasks with 2 edits". */
export function replay_words(tasks: number, edits: number): string {
  return `Replay ${plural(tasks, "task")}${edits ? ` with ${count(edits)} edit${edits === 1 ? "" : "s"}` : ""}`;
}
