/** Where the window stands over the drawing. Pure. */
import type { Box, Layout } from "./layout";
import { LEAST_ZOOM, READABLE_ZOOM, type View } from "./viewport";

export interface Size { w: number; h: number }
const MOST_BY_ITSELF = 1.15;
/** Free space around the drawing, px at 100 %. */
const SIDE = 22;
const ENDS = 11;

function scale_for(map: Layout, size: Size): number {
  return Math.min(MOST_BY_ITSELF, size.w / (map.w + 2 * SIDE), size.h / (map.h + 2 * ENDS));
}

/** The first sight: all of it if it can be read, else the target in view. */
export function first_view(map: Layout, size: Size, target: Box | undefined): View {
  const k = Math.max(READABLE_ZOOM, scale_for(map, size));
  const tx = target ? target.x + target.w / 2 : map.x + map.w / 2;
  const ty = target ? target.y + Math.min(target.h, 48) / 2 : map.y;
  return {
    k,
    x: map.w * k <= size.w ? centered(map.x, map.w, size.w, k) : clamp(size.w / 2 - tx * k, size.w - (map.x + map.w + SIDE) * k, (SIDE - map.x) * k),
    y: map.h * k <= size.h ? centered(map.y, map.h, size.h, k) : clamp(size.h * 0.62 - ty * k, size.h - (map.y + map.h + ENDS) * k, (ENDS - map.y) * k),
  };
}

/** All of it, however small. */
export function whole_view(map: Layout, size: Size): View {
  const k = Math.max(LEAST_ZOOM, scale_for(map, size));
  return { k, x: centered(map.x, map.w, size.w, k), y: centered(map.y, map.h, size.h, k) };
}

/** The same zoom, moved as little as shows a box; the same view if it is seen already. */
export function view_with(box: Box, view: View, size: Size): View {
  const { k } = view;
  const high = Math.min(box.h, 120);
  const left = box.x * k + view.x;
  const top = box.y * k + view.y;
  const pad = 40;
  const seen_x = left >= pad && left + box.w * k <= size.w - pad;
  const seen_y = top >= pad && top + high * k <= size.h - pad;
  return { k, x: seen_x ? view.x : size.w / 2 - (box.x + box.w / 2) * k, y: seen_y ? view.y : size.h / 2 - (box.y + high / 2) * k };
}

function centered(from: number, length: number, room: number, k: number): number {
  return (room - length * k) / 2 - from * k;
}
export function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, value));
}
