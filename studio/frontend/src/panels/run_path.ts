/** Reading run paths (see protocol.ts): levels, iterations, what a person calls them. Pure. */

/** Iteration of the last level, or null: `…/line_items[37]` → 37. */
export function leaf_iteration(path: string): number | null {
  const found = /\[(\d+)\]$/.exec(path);
  return found ? Number(found[1]) : null;
}

/** `…/line_items[37]` → `…/line_items`; other paths as they are. */
export function without_iteration(path: string): string {
  return path.replace(/\[\d+\]$/, "");
}

/** Levels between the execution and the task, as the inspector prints them: "fulfil ▸ line_items[37]". */
export function trail(path: string): string {
  return path.split("/").slice(1, -1).join(" ▸ ");
}

/** Whether `path` is `above` or lies inside it. */
export function is_within(path: string, above: string): boolean {
  if (!path.startsWith(above)) return false;
  const next = path.charAt(above.length);
  return next === "" || next === "/" || next === "[";
}

/** Run path of an event or a task in few words: the task with its iterations, the execution left out. */
export function short_path(path: string): string {
  return path.split("/").slice(1).join(" ▸ ") || path;
}
