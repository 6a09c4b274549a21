/** Reading run paths (see protocol.ts): levels, iterations, what a person calls them. Pure. */

/** Iteration of the last level, or null: `…/line_items[37]` → 37. */
export function leaf_iteration(path: string): number | null {
  const found = /\[(\d+)\]$/.exec(path);
  return found ? Number(found[1]) : null;
}

/** The path one level up, "" above the execution. An iteration's parent is the parent of its loop. */
export function parent_path(path: string): string {
  const at = path.lastIndexOf("/");
  return at < 0 ? "" : path.slice(0, at);
}

/** `…/line_items[37]` → `…/line_items`; other paths as they are. */
export function without_iteration(path: string): string {
  return path.replace(/\[\d+\]$/, "");
}

/** Levels between the execution and the task, as the inspector prints them: "fulfil ▸ line_items[37]". */
export function trail(path: string): string {
  return path.split("/").slice(1, -1).join(" ▸ ");
}

/** Every path above this one, nearest first: iteration, its loop, sub-workflow, execution. */
export function* ancestors(path: string): Generator<string> {
  let at = path;
  for (;;) {
    const loop = without_iteration(at);
    if (loop !== at) {
      at = loop;
    } else {
      at = parent_path(at);
      if (!at) return;
    }
    yield at;
  }
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
