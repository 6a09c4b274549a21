/** The keyboard on the drawing. Pure but for what the hand does. */
import type { Box, Layout } from "./layout";
import { along, sibling } from "./walk";

export type Mode = "all" | "focus" | "failures" | "open";

/** What keys on a box lead to. */
export interface Hand {
  reached(id: string): boolean;
  go(id: string | undefined): void;
  enter(box: Box): void;
  select(box: Box): void;
  /** Out of the box: to what holds it, else nothing is selected. False: Escape means something else now. */
  out(box: Box): boolean;
}

/** Keys while a box has the focus; whether the key was one of them. */
export function box_key(key: string, box: Box, map: Layout, hand: Hand): boolean {
  const reached = (id: string): boolean => hand.reached(id);
  switch (key) {
    case "ArrowDown": hand.go(along(map, box.id, 1, reached)); return true;
    case "ArrowUp": hand.go(along(map, box.id, -1, reached)); return true;
    case "ArrowRight": case "]": hand.go(sibling(map, box, 1)); return true;
    case "ArrowLeft": case "[": hand.go(sibling(map, box, -1)); return true;
    case "Enter": hand.enter(box); return true;
    case " ": hand.select(box); return true;
    case "Home": hand.go(map.boxes[0]?.id); return true;
    case "End": hand.go(map.boxes[map.boxes.length - 1]?.id); return true;
    case "Escape": return hand.out(box);
    default: return false;
  }
}

const MODES: Record<string, Mode> = { f: "focus", e: "failures", h: "open" };

/** The overlay that a key of the page switches; null: none. */
export function mode_of(key: string): Mode | null {
  return MODES[key.toLowerCase()] ?? null;
}
