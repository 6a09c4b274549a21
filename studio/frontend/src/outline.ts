/** The execution as a tree of words: what screen readers and narrow windows get. */
import type { Block } from "./protocol";
import type { ViewModel } from "./viewmodel";
import { fill, h, icon, per_frame } from "./dom";
import { face_of } from "./faces";
import { count } from "./format";
import { TALL_HEIGHT, has_inside, type Box } from "./layout";

/** Rows that are drawn; what is beyond asks for a smaller part to be opened. */
const MOST_ROWS = 600;

interface Entry { id: string; path: string; block: Block; depth: number; open: boolean | null; shape: Box["shape"]; note: string }

/** Fills `el` with the tree and keeps it up to date. Returns what undoes it. */
export function mount_outline(el: HTMLElement, vm: ViewModel): () => void {
  const closed = new Set<string>();
  const list = h("ul.outline-tree", { role: "tree", "aria-label": `Outline of ${vm.data.name}` });
  el.append(list);
  let active = "";

  function entries(): Entry[] {
    const found: Entry[] = [];
    const visit = (blocks: Block[], depth: number, note: string): void => {
      for (const block of blocks) {
        if (found.length > MOST_ROWS) return;
        const inside = has_inside(block);
        const open = inside ? !closed.has(block.place) : null;
        const shape = block.kind === "task" || block.kind === "fork" ? "task" : block.kind;
        found.push({ id: block.place, path: vm.drawn(block.place), block, depth, open, shape, note });
        if (open) {
          for (const branch of block.branches ?? []) {
            visit(branch.blocks, depth + 1, block.kind === "switch" ? `case ${branch.is_default ? "default" : branch.label}` : "");
          }
          visit(block.body ?? [], depth + 1, "");
        }
        if (block.kind === "fork" && block.join) {
          found.push({ id: block.join.place, path: vm.drawn(block.join.place), block, depth, open: null, shape: "join", note: "" });
        }
      }
    };
    visit(vm.data.blocks, 1, "");
    return found;
  }

  function row(entry: Entry): HTMLElement {
    const box: Box = { id: entry.id, block: entry.block, shape: entry.shape, x: 0, y: 0, w: 0, h: TALL_HEIGHT, depth: entry.depth, container: null, branch: null, axis: 0 };
    const face = face_of(vm, box);
    const family = vm.family(entry.path);
    const selected = vm.selection?.path === entry.path;
    const words = [face.meta.split(" · ").slice(1).join(" · ") || face.meta, entry.note].filter(Boolean).join(", ");
    const iterations = face.strip?.total ? `iteration ${count(face.strip.current)} of ${count(face.strip.total)}` : "";
    const item = h("li", {
      role: "treeitem", "aria-level": entry.depth, "aria-selected": String(selected), "aria-expanded": entry.open === null ? null : String(entry.open),
      tabindex: entry.id === active ? 0 : -1, "data-id": entry.id, "aria-label": face.label, style: `--d:${entry.depth - 1}`,
    }, h("span.twist", { "aria-hidden": "true" }, entry.open === null ? null : icon(entry.open ? "down" : "right")),
    icon(face.glyph ?? "none", `s-${family}`), h("span.cut", null, face.name), h("span.r.cut", null, iterations || words));
    if (selected) item.classList.add("on");
    item.addEventListener("click", (event) => {
      if ((event.target as Element).closest(".twist") && entry.open !== null) toggle(entry);
      else choose(entry);
    });
    return item;
  }

  let drawn: Entry[] = [];
  function draw(): void {
    if (!el.isConnected || el.getClientRects().length === 0) return;
    const had_focus = list.contains((list.getRootNode() as Document | ShadowRoot).activeElement);
    drawn = entries();
    if (!drawn.some((e) => e.id === active)) active = drawn.find((e) => e.path === vm.selection?.path)?.id ?? drawn[0]?.id ?? "";
    const rows = drawn.slice(0, MOST_ROWS).map(row);
    if (drawn.length > MOST_ROWS) rows.push(h("li.t3", { role: "none", style: "--d:0" }, "More follows. Close a part above to see it."));
    fill(list, ...rows);
    if (had_focus) focus(active);
  }
  const later = per_frame(draw);

  function focus(id: string): void {
    active = id;
    for (const item of list.querySelectorAll<HTMLElement>("[role=treeitem]")) item.tabIndex = item.dataset.id === id ? 0 : -1;
    list.querySelector<HTMLElement>(`[data-id="${CSS.escape(id)}"]`)?.focus({ preventScroll: false });
  }
  function choose(entry: Entry): void {
    active = entry.id;
    vm.select(entry.path);
  }
  function toggle(entry: Entry): void {
    if (entry.open) closed.add(entry.id);
    else closed.delete(entry.id);
    active = entry.id;
    draw();
  }

  list.addEventListener("keydown", (event) => {
    const at = drawn.findIndex((e) => e.id === active);
    const entry = drawn[at];
    if (!entry) return;
    const move = (to: number): void => focus(drawn[Math.max(0, Math.min(drawn.length - 1, to))]!.id);
    switch (event.key) {
      case "ArrowDown": move(at + 1); break;
      case "ArrowUp": move(at - 1); break;
      case "Home": move(0); break;
      case "End": move(drawn.length - 1); break;
      case "ArrowRight":
        if (entry.open === false) toggle(entry);
        else if (entry.open) move(at + 1);
        break;
      case "ArrowLeft":
        if (entry.open) toggle(entry);
        else for (let i = at - 1; i >= 0; i--) if (drawn[i]!.depth < entry.depth) { move(i); break; }
        break;
      case "Enter": case " ": choose(entry); break;
      default: return;
    }
    event.preventDefault();
    event.stopPropagation();
  });

  const stop = vm.on(["cursor", "selection", "iteration", "events", "failure", "structure", "plan"], later);
  const seen = new ResizeObserver(later);
  seen.observe(el);
  draw();
  return () => {
    stop();
    seen.disconnect();
    list.remove();
  };
}
