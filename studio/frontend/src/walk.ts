/** Ways through a drawing: what the keyboard follows and what led to a box. Pure. */
import type { Box, Layout } from "./layout";

/** The box that the flow leads to (or comes from); a reached one before others. */
export function along(map: Layout, id: string, direction: 1 | -1, reached: (id: string) => boolean): string | undefined {
  const ends = map.edges
    .filter((e) => e.kind !== "back" && e.to !== e.from && (direction > 0 ? e.from === id : e.to === id))
    .map((e) => (direction > 0 ? e.to : e.from)).filter((end) => map.by_id.has(end));
  if (ends.length) return ends.find(reached) ?? ends[0];
  const container = map.by_id.get(id)?.container;
  if (!container) return undefined;
  return direction > 0 ? behind(map, container) : container;
}

/** Behind the end of a body comes what follows its container, not the body again. */
function behind(map: Layout, container: string): string | undefined {
  const inside = (id: string) => map.by_id.get(id)?.container === container;
  return map.edges.find((e) => e.from === container && e.kind !== "back" && !inside(e.to) && map.by_id.has(e.to))?.to;
}

/** The next branch of the same fork or switch, else what stands beside. */
export function sibling(map: Layout, box: Box, by: 1 | -1): string | undefined {
  const { branch } = box;
  const next = branch && map.boxes.find((b) => b.branch?.of === branch.of && b.branch.index === branch.index + by);
  if (next) return next.id;
  const row = map.boxes.filter((b) => b.container === box.container && b.y < box.y + box.h && b.y + b.h > box.y && (b.x - box.x) * by > 0);
  return row.sort((a, b) => (a.x - b.x) * by)[0]?.id;
}

/** Everything on the way to these boxes, with the containers around it. */
export function ancestors(map: Layout, ids: Iterable<string>): Set<string> {
  const before = new Map<string, string[]>();
  for (const edge of map.edges) {
    if (edge.kind === "back" || !edge.to || edge.to === edge.from) continue;
    const list = before.get(edge.to);
    if (list) list.push(edge.from);
    else before.set(edge.to, [edge.from]);
  }
  const kept = new Set(ids);
  const open = [...kept];
  while (open.length) {
    const id = open.pop()!;
    const container = map.by_id.get(id)?.container;
    for (const next of [...(before.get(id) ?? []), ...(container ? [container] : [])]) {
      if (kept.has(next)) continue;
      kept.add(next);
      open.push(next);
    }
  }
  return kept;
}

/** Whether the extent of a line touches a window. */
export function touches(points: [number, number][], window: Window): boolean {
  const xs = points.map((p) => p[0]);
  const ys = points.map((p) => p[1]);
  return Math.min(...xs) < window.x1 && Math.max(...xs) > window.x0 && Math.min(...ys) < window.y1 && Math.max(...ys) > window.y0;
}
/** Part of the drawing, in its own units. */
export interface Window { x0: number; y0: number; x1: number; y1: number }
