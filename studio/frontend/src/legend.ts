/** What the faces of the drawing mean. */
import type { Plan } from "./protocol";
import type { ViewModel } from "./viewmodel";
import { h, icon } from "./dom";
import type { GlyphName } from "./glyphs";

interface Line { st: string; glyph: GlyphName | null; word: string }
const STATUS: Line[] = [
  { st: "success", glyph: "success", word: "Completed" }, { st: "running", glyph: "running", word: "Running" }, { st: "cause", glyph: "failure", word: "Failed" },
  { st: "warning", glyph: "warning", word: "Failed, optional" }, { st: "held", glyph: "held", word: "Held" }, { st: "waiting", glyph: "waiting", word: "Waiting" },
  { st: "none", glyph: null, word: "Not reached" }, { st: "reused", glyph: "pin", word: "Reused" },
];
const PLAN: Line[] = [
  { st: "plan-reuse", glyph: "pin", word: "Reused" }, { st: "plan-run", glyph: "play", word: "Will run" },
  { st: "plan-ask", glyph: "bolt", word: "Side effect, happens again" }, { st: "plan-off", glyph: null, word: "Not affected" },
];

const REMEMBERED = "studio-legend";

export interface Legend {
  readonly root: HTMLElement;
  /** Names the overlay that is shown. */
  name(overlay: string): void;
  /** Closes by itself where it would cover a box, unless a person has opened it. */
  give_way(boxes: readonly { x: number; y: number; w: number; h: number }[], view: { x: number; y: number; k: number }): void;
}

export function draw_legend(vm: ViewModel): Legend {
  const list = h("ul");
  const legend = h("details.legend", null, h("summary", null, "Overlay: Status"), list);
  const draw = (plan: Plan | null): void => {
    list.replaceChildren(...(plan ? PLAN : STATUS).map(line));
    legend.querySelector("summary")!.textContent = plan ? "Overlay: Plan" : "Overlay: Status";
  };
  draw(vm.plan);
  vm.on("plan", () => draw(vm.plan));
  const remembered = read(REMEMBERED);
  if (remembered === null ? vm.data.mode !== "cell" && innerWidth > 1360 : remembered === "open") legend.setAttribute("open", "");
  const details = legend as HTMLDetailsElement;
  const summary = legend.querySelector("summary")!;
  // Only what a person does is remembered; `toggle` also tells of what the drawing does.
  summary.addEventListener("click", () => write(REMEMBERED, details.open ? "closed" : "open"));
  return {
    root: legend,
    name: (overlay) => { summary.textContent = `Overlay: ${overlay}`; },
    give_way: (boxes, { x, y, k }) => {
      if (!details.open || remembered === "open") return;
      const around = legend.parentElement!.getBoundingClientRect(), mine = legend.getBoundingClientRect();
      const left = mine.left - around.left, top = mine.top - around.top;
      const covers = boxes.some((box) => box.x * k + x < left + mine.width && (box.x + box.w) * k + x > left && box.y * k + y < top + mine.height && (box.y + box.h) * k + y > top);
      if (covers) details.open = false;
    },
  };
}

function line({ st, glyph, word }: Line): HTMLElement {
  const holder = document.createElement("template");
  const hatched = st === "reused" || st === "plan-reuse" ? '<rect class="hatch" x="1" y="1" width="20" height="10" rx="2.5"/>' : "";
  holder.innerHTML = `<svg class="draw swatch" viewBox="0 0 22 12" aria-hidden="true"><g class="n" data-st="${st}"><rect class="face" x="1" y="1" width="20" height="10" rx="2.5"/>${hatched}<rect class="box" x="1" y="1" width="20" height="10" rx="2.5"/></g></svg>`;
  const family = st === "cause" ? "failure" : st.startsWith("plan-r") ? (st === "plan-run" ? "accent" : "reused") : st === "plan-ask" ? "warning" : st;
  return h("li", null, holder.content.firstElementChild, glyph ? icon(glyph, `s-${family}`) : h("span.g"), word);
}

/** Small things a person set are kept in the browser, where it allows. */
export function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}
export function write(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Nothing depends on it: a saved file or a strict browser has no storage.
  }
}
