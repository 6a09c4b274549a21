/** JSON values and sizes as short text. Pure. */
import { duration } from "../format";

/** A span in seconds with two digits below ten: "0.41 s". */
export function seconds(ms: number): string {
  const span = Math.max(0, ms);
  return span < 9_950 ? `${(span / 1000).toFixed(2)} s` : duration(span);
}

/** "214 B", "1.2 kB", "3.4 MB". */
export function bytes(size: number): string {
  if (size < 1000) return `${size} B`;
  if (size < 1_000_000) return `${trim(size / 1000)} kB`;
  return `${trim(size / 1_000_000)} MB`;
}

function trim(value: number): string {
  return value < 10 ? value.toFixed(1).replace(/\.0$/, "") : String(Math.round(value));
}

/** How a JSON value looks, for its colour. */
export type Look = "string" | "number" | "boolean" | "null" | "object" | "array";

export function look(value: unknown): Look {
  if (value === null || value === undefined) return "null";
  if (Array.isArray(value)) return "array";
  const kind = typeof value;
  return kind === "string" || kind === "number" || kind === "boolean" ? kind : "object";
}

/** One line for a value: quoted strings, a true minus sign, containers by size ("{2}", "[120]"). */
export function value_line(value: unknown, limit = 400): string {
  switch (look(value)) {
    case "string": return JSON.stringify((value as string).length > limit ? `${(value as string).slice(0, limit)}…` : value);
    case "number": return String(value).replace(/^-/, "−");
    case "array": return `[${(value as unknown[]).length}]`;
    case "object": return `{${Object.keys(value as object).length}}`;
    default: return String(value ?? null);
  }
}

/** A value as compact JSON whose end is replaced by "…" when it is long. */
export function value_brief(value: unknown, limit = 60): string {
  const text = typeof value === "number" ? value_line(value) : JSON.stringify(value) ?? "null";
  return text.length > limit ? `${text.slice(0, limit - 1)}…` : text;
}

/** Bullets only: how the back end sends a value it keeps secret. */
export function is_masked(value: unknown): boolean {
  return typeof value === "string" && /^[•*]{4,}$/.test(value);
}

/** One row of a folded JSON tree. */
export interface JsonRow {
  /** Where the value is: "" for the root, then `line.sku`, `items[3].price`. */
  path: string;
  key: string;
  depth: number;
  value: unknown;
  kind: Look;
  /** Containers with something inside: open or closed; null for leaves. */
  open: boolean | null;
  /** Stands for members that are left out: how many there are more. */
  more?: number;
}

export interface Folding {
  /** Paths that differ from the rule "open down to `open_depth`". */
  toggled: ReadonlySet<string>;
  open_depth: number;
  /** Members shown of one container; `shown` has the exceptions. */
  page: number;
  shown: ReadonlyMap<string, number>;
}

/** Rows of a JSON value as a tree, containers folded as asked. The root itself is no row unless it is a leaf. */
export function json_rows(root: unknown, folding: Folding): JsonRow[] {
  const rows: JsonRow[] = [];
  const kind = look(root);
  if (kind === "object" || kind === "array") members(root, "", 0, folding, rows);
  else rows.push({ path: "", key: "", depth: 0, value: root, kind, open: null });
  return rows;
}

function members(value: unknown, path: string, depth: number, folding: Folding, rows: JsonRow[]): void {
  const is_list = Array.isArray(value);
  const keys = is_list ? null : Object.keys(value as object);
  const size = is_list ? value.length : keys!.length;
  const limit = folding.shown.get(path) ?? folding.page;
  for (let i = 0; i < Math.min(size, limit); i++) {
    const key = keys ? keys[i]! : String(i);
    const child = keys ? (value as Record<string, unknown>)[key] : (value as unknown[])[i];
    const child_path = is_list ? `${path}[${i}]` : join_path(path, key);
    const kind = look(child);
    const has_inside = (kind === "object" && Object.keys(child as object).length > 0) || (kind === "array" && (child as unknown[]).length > 0);
    const open = has_inside ? (depth < folding.open_depth) !== folding.toggled.has(child_path) : null;
    rows.push({ path: child_path, key, depth, value: child, kind, open });
    if (open) members(child, child_path, depth + 1, folding, rows);
  }
  if (size > limit) rows.push({ path: `${path}#more`, key: "", depth, value: null, kind: "null", open: null, more: size - limit });
}

/** `a` + `b` → `a.b`; keys that are no plain words are quoted: `a["b c"]`. */
export function join_path(path: string, key: string): string {
  if (!/^[A-Za-z_$][\w$-]*$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path ? `${path}.${key}` : key;
}

/** Number of leaves, for "6 values". Stops counting at `limit`. */
export function leaf_count(value: unknown, limit = 10_000): number {
  let found = 0;
  const open: unknown[] = [value];
  while (open.length && found < limit) {
    const next = open.pop();
    const kind = look(next);
    if (kind === "object" || kind === "array") open.push(...Object.values(next as object));
    else found++;
  }
  return found;
}
