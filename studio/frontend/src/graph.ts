/** The interactive drawing of one execution. */
import { key_target } from "./panels/interaction";
import { h, is_typing, per_frame } from "./dom";
import { Taken, detail_of, draw_ends, draw_marks, draw_route, start_width, type Detail } from "./draw";
import { first_cases } from "./faces";
import { place_of } from "./format";
import { first_view, view_with, whole_view } from "./framing";
import { type Bar, control_bar, frame, zoom_buttons } from "./graph_controls";
import { type Hand, type Mode, box_key, mode_of } from "./graph_keys";
import { type Legend, draw_legend } from "./legend";
import { START, has_inside, layout, type Box, type Layout } from "./layout";
import { Minimap } from "./minimap";
import { Mounting } from "./mounting";
import { OpenBlocks } from "./open_blocks";
import { mount_outline } from "./outline";
import { pick_range, range_at, range_words, turn } from "./strip_hand";
import { Viewport } from "./viewport";
import type { Model } from "./model";
import { full_strength } from "./fading";
import type { Window } from "./walk";

/** More boxes than this, and only those near the window are in the page. */
const MOUNT_ALL = 300;
/** How far beyond the window boxes are kept, px on screen. */
const MARGIN = 400;

export class Graph {
  private readonly root: HTMLElement;
  private readonly svg: SVGSVGElement;
  private readonly layer: Record<"groups" | "edges" | "marks" | "nodes" | "tips" | "route", SVGGElement>;
  private readonly scene: SVGGElement;
  private readonly viewport: Viewport;
  private readonly minimap: Minimap;
  private readonly zoom_text = h("output", null, "100 %");
  private readonly tip = h("div.tip", { role: "tooltip", hidden: true });
  private readonly buttons: Bar;
  private readonly blocks: OpenBlocks;
  private readonly mounting: Mounting;
  private first: Map<string, string>;
  private map: Layout;
  private taken: Taken;
  private detail: Detail = 3;
  private active = "";
  private mode: Mode = "all";
  private fitted = false;
  private marks_markup = "";
  private tips_markup = "";
  private route_markup = "";
  private readonly legend: Legend;
  private readonly cleanup: (() => void)[] = [];
  private readonly hand: Hand = {
    reached: (id) => this.taken.reached(id),
    go: (id) => {
      const to = id ? this.map.by_id.get(id) : undefined;
      if (!to) return;
      this.activate(to.id, true);
      this.into_view(to);
    },
    enter: (box) => {
      const again = this.vm.selection?.path === this.path_of(box) && (has_inside(box.block) || box.shape === "fan") && box.shape !== "join";
      if (again) this.toggle(box.id);
      else this.hand.select(box);
    },
    select: (box) => { if (box.shape !== "more") this.vm.select(this.path_of(box)); },
    out: (box) => {
      if (this.vm.origin || this.vm.dim || this.mode !== "all") return false;
      if (box.container) this.hand.go(box.container);
      else this.vm.select(null);
      return true;
    },
  };
  private readonly refresh_soon = per_frame(() => this.refresh());
  private readonly mount_soon = per_frame(() => this.mount_near());

  constructor(el: HTMLElement, private readonly vm: Model) {
    const { root, svg } = frame(vm);
    this.root = root;
    this.svg = svg;
    el.append(root);
    this.scene = svg.querySelector<SVGGElement>("g.scene")!;
    const layer = (name: string) => svg.querySelector<SVGGElement>(`g.${name}`)!;
    this.layer = { groups: layer("groups"), edges: layer("edges"), marks: layer("marks"), nodes: layer("nodes"), tips: layer("tips"), route: layer("routes") };
    this.mounting = new Mounting(this.layer, vm);
    this.viewport = new Viewport(svg, () => this.paint_view(), vm.data.mode !== "cell");
    this.first = first_cases(vm);
    this.blocks = new OpenBlocks(vm, MOUNT_ALL);
    this.map = this.laid_out();
    this.taken = new Taken(vm, this.map);
    this.buttons = control_bar({ leave_origin: () => (vm.origin = null), focus: () => this.set_mode("focus"), outline: (on) => this.show_outline(on) });
    this.minimap = new Minimap((x, y) => this.center_on(x, y));
    this.legend = draw_legend(vm);
    root.append(this.buttons.root, h("div.mini", null, this.minimap.element, zoom_buttons(this.zoom_text, { zoom: (by) => this.viewport.zoom(by), fit: () => this.fit() })), this.legend.root, this.tip);
    const outline = root.querySelector<HTMLElement>(".olist")!;
    this.cleanup.push(mount_outline(outline, vm));
    this.listen();
    this.rebuild();
    const sized = new ResizeObserver(() => this.resized());
    sized.observe(svg);
    this.cleanup.push(() => sized.disconnect());
  }

  destroy(): void {
    for (const undo of this.cleanup) undo();
    this.root.remove();
  }

  // -- structure ---------------------------------------------------------------------------

  private laid_out(): Layout {
    return layout(this.vm.data.blocks, {
      is_open: (block) => this.blocks.is_open(block), tall: this.blocks.causes(), first_case: this.first, start_width: start_width(this.vm.data.input_line),
      members: (place) => this.blocks.members(place),
    });
  }

  /** Lays out anew; `anchor` stays where it is on the screen. */
  private relayout(anchor?: string): void {
    const before = anchor ? this.map.by_id.get(anchor) : undefined;
    this.map = this.laid_out();
    this.taken = new Taken(this.vm, this.map);
    const after = anchor ? this.map.by_id.get(anchor) : undefined;
    if (before && after) {
      const { k, x, y } = this.viewport.view;
      this.viewport.view = { k, x: x + (before.x + before.w / 2 - after.x - after.w / 2) * k, y: y + (before.y - after.y) * k };
    }
    this.rebuild();
  }

  private toggle(id: string): void {
    const box = this.map.by_id.get(id);
    if (!box) return;
    this.blocks.set(id, !this.blocks.is_open(box.block));
    this.relayout(id);
  }

  /** Opens what is closed around a place. */
  private reveal(place: string): void {
    if (this.map.by_id.has(place)) return;
    if (this.blocks.open_way_to(place)) this.relayout();
  }

  // -- what is in the page ------------------------------------------------------------------

  private rebuild(): void {
    this.mounting.clear(this.map);
    this.marks_markup = this.tips_markup = this.route_markup = "";
    if (!this.map.by_id.has(this.active)) this.active = this.selected_box()?.id ?? this.map.boxes[0]?.id ?? "";
    this.mount_near();
    this.minimap.structure(this.map, this.vm);
    this.paint_view();
    this.refresh();
  }

  private window(): Window {
    if (this.map.boxes.length <= MOUNT_ALL) return { x0: -Infinity, y0: -Infinity, x1: Infinity, y1: Infinity };
    const { k, x, y } = this.viewport.view;
    const { w, h } = this.viewport.size;
    return { x0: (-MARGIN - x) / k, y0: (-MARGIN - y) / k, x1: (w + MARGIN - x) / k, y1: (h + MARGIN - y) / k };
  }

  private mount_near(): void {
    this.mounting.near(this.map, this.taken, this.window(), this.detail, this.active);
    this.mark_selection();
  }

  /** Brings what is in the page up to the model; touches only what differs. */
  private refresh(): void {
    this.mounting.refresh(this.map, this.taken, this.detail);
    this.swap("marks", draw_marks(this.map, this.taken));
    this.swap("tips", draw_ends(this.map, this.taken, this.vm.data.input_line));
    this.swap("route", this.route());
    this.svg.classList.toggle("live", this.vm.following && !["COMPLETED", "FAILED", "TERMINATED", "TIMED_OUT"].includes(this.vm.data.status));
    this.mark_selection();
    this.fade();
    this.minimap.states(this.map, this.vm);
    this.buttons.origin.hidden = !this.vm.origin;
    if (this.vm.origin) this.buttons.origin.firstChild!.textContent = `Origin of ${this.vm.origin.leaf.split(".").pop()} `;
  }

  private swap(name: "marks" | "tips" | "route", markup: string): void {
    const key = `${name}_markup` as const;
    if (this[key] === markup) return;
    this[key] = markup;
    this.layer[name].innerHTML = markup;
  }

  private route(): string {
    const origin = this.vm.origin;
    if (!origin) return "";
    const ids = origin.hops.map((hop) => (hop.path.includes("/") && this.map.by_id.has(place_of(hop.path)) ? place_of(hop.path) : START));
    return draw_route(this.map, ids.filter((id, i) => id !== ids[i - 1]), this.vm.hop);
  }

  // -- selection, fading ---------------------------------------------------------------------

  private path_of(box: Box): string {
    return box.shape === "member" ? box.id : this.vm.drawn(box.id);
  }
  private selected_box(): Box | undefined {
    const path = this.vm.selection?.path;
    if (!path) return undefined;
    return this.map.by_id.get(path) ?? this.map.by_id.get(place_of(path));
  }

  private mark_selection(): void {
    const selected = this.selected_box();
    for (const { box, element } of this.mounting.boxes.values()) element.classList.toggle("sel", box === selected && (box.shape === "member" || this.path_of(box) === this.vm.selection?.path || place_of(this.vm.selection!.path) === box.id));
  }

  private activate(id: string, focus: boolean): void {
    this.mounting.boxes.get(this.active)?.element.setAttribute("tabindex", "-1");
    this.active = id;
    this.mount_near();
    const element = this.mounting.boxes.get(id)?.element;
    element?.setAttribute("tabindex", "0");
    if (focus) element?.focus({ preventScroll: true });
  }

  private fade(): void {
    const strong = full_strength(this.map, this.vm, this.mode, this.selected_box(), this.blocks.causes());
    for (const [id, { element }] of this.mounting.boxes) element.classList.toggle("faded", !!strong && !strong.has(id));
    this.layer.edges.style.opacity = strong || this.vm.origin ? "0.4" : "";
    this.layer.marks.style.opacity = strong ? "0.4" : "";
  }

  private set_mode(mode: Mode): void {
    this.mode = this.mode === mode ? "all" : mode;
    this.buttons.focus.setAttribute("aria-pressed", String(this.mode === "focus"));
    this.legend.name({ all: "Status", focus: "Focus", failures: "Failures only", open: "Completed hidden" }[this.mode]);
    this.fade();
  }

  // -- view ----------------------------------------------------------------------------------

  private paint_view(): void {
    const { k, x, y } = this.viewport.view;
    this.scene.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)}) scale(${k.toFixed(4)})`);
    this.zoom_text.textContent = `${Math.round(k * 100)} %`;
    const detail = detail_of(k);
    if (detail !== this.detail) {
      this.detail = detail;
      this.svg.dataset.detail = String(Math.ceil(detail));
      this.refresh();
    }
    this.minimap.view(this.viewport.view, this.viewport.size);
    if (this.map.boxes.length > MOUNT_ALL) this.mount_soon();
  }

  private resized(): void {
    const { w, h } = this.viewport.size;
    if (!w || !h) return;
    if (!this.fitted) this.open_view();
    else this.paint_view();
    this.minimap.room(w, h, this.map);
  }

  private open_view(): void {
    this.fitted = true;
    const target = this.selected_box() ?? [...this.blocks.causes()].map((cause) => this.map.by_id.get(cause)).find(Boolean);
    this.viewport.set(first_view(this.map, this.viewport.size, target));
    this.legend.give_way(this.map.boxes, this.viewport.view);
  }

  fit(): void {
    this.viewport.fly(whole_view(this.map, this.viewport.size));
  }

  private center_on(gx: number, gy: number): void {
    const { k } = this.viewport.view;
    const { w, h } = this.viewport.size;
    this.viewport.set({ k, x: w / 2 - gx * k, y: h / 2 - gy * k });
  }

  private into_view(box: Box): void {
    const { view, size } = this.viewport;
    if (size.w && size.h) this.viewport.fly(view_with(box, view, size));
  }

  // -- hand and keyboard ---------------------------------------------------------------------

  private listen(): void {
    const { vm, svg } = this;
    this.cleanup.push(
      vm.on(["cursor", "events", "iteration", "plan", "origin"], this.refresh_soon),
      vm.on("selection", () => this.selected()),
      vm.on("failure", () => this.relayout(this.selected_box()?.id)),
      vm.on("structure", () => this.relayout(this.selected_box()?.id)),
    );
    svg.addEventListener("click", (event) => this.click(event));
    svg.addEventListener("dblclick", (event) => {
      const id = this.id_at(event);
      const box = id ? this.map.by_id.get(id) : undefined;
      if (box && (has_inside(box.block) || box.shape === "fan") && !(event.target as Element).closest("[data-act]")) this.toggle(box.id);
    });
    svg.addEventListener("keydown", (event) => this.key(event));
    svg.addEventListener("pointermove", (event) => this.hover(event));
    svg.addEventListener("pointerleave", () => (this.tip.hidden = true));
    const keys = (event: Event): void => this.global_key(event as KeyboardEvent);
    const scope = key_target(this.root, vm.data.mode);
    scope.addEventListener("keydown", keys);
    const clock = setInterval(() => { if (this.has_waiting()) this.refresh_soon(); }, 1000);
    this.cleanup.push(() => scope.removeEventListener("keydown", keys), () => clearInterval(clock));
  }

  /** Whether a box says how long its task has waited: no event moves that on. */
  private has_waiting(): boolean {
    const { vm } = this;
    if (vm.data.mode !== "page" || !vm.following || vm.data.status !== "RUNNING" || document.hidden) return false;
    for (const task of vm.now.tasks.values()) if (task.status === "SCHEDULED") return true;
    return false;
  }

  private selected(): void {
    const path = this.vm.selection?.path;
    if (path) {
      this.reveal(place_of(path));
      const members = this.vm.head.members;
      for (const [fork, list] of members) {
        if (!list.includes(path) || this.map.by_id.has(path)) continue;
        this.blocks.set(place_of(fork), true);
        this.relayout(place_of(fork));
      }
    }
    const box = this.selected_box();
    if (box) {
      this.activate(box.id, false);
      this.into_view(box);
    }
    this.refresh_soon();
  }

  private id_at(event: Event): string | undefined {
    return ((event.target as Element).closest("g.n") as SVGGElement | null)?.dataset.id;
  }

  private click(event: MouseEvent): void {
    if (this.viewport.dragged) return;
    const id = this.id_at(event);
    if (!id) return;
    const act = (event.target as Element).closest<SVGElement>("[data-act]")?.dataset.act;
    if (id === START) {
      this.vm.select(this.vm.data.name);
      return;
    }
    const box = this.map.by_id.get(id);
    if (!box) return;
    this.activate(id, true);
    const range = act === "strip" ? range_at(this.vm, box, event, this.svg, this.viewport.view) : null;
    if (act === "fold") this.toggle(id);
    else if (act === "previous" || act === "next") turn(this.vm, box, act === "next" ? 1 : -1);
    else if (range) pick_range(this.vm, box, range);
    else if (box.shape !== "more") this.vm.select(this.path_of(box));
  }

  private hover(event: PointerEvent): void {
    const id = this.id_at(event);
    const box = id ? this.map.by_id.get(id) : undefined;
    const range = box ? range_at(this.vm, box, event, this.svg, this.viewport.view) : null;
    this.tip.hidden = !range;
    if (!range || !box) return;
    this.tip.textContent = range_words(this.vm, box, range);
    const at = this.root.getBoundingClientRect();
    this.tip.style.left = `${event.clientX - at.left}px`;
    this.tip.style.top = `${event.clientY - at.top + 18}px`;
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const box = this.map.by_id.get(this.active);
    if (!box) return;
    if (!box_key(event.key, box, this.map, this.hand)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  private global_key(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || is_typing(event)) return;
    const key = event.key;
    const mode = mode_of(key);
    if (mode) this.set_mode(mode);
    else if (key === "Escape" && this.vm.origin) this.vm.origin = null;
    else if (key === "Escape" && this.vm.dim) this.vm.set_dim(null);
    else if (key === "Escape" && this.mode !== "all") this.set_mode(this.mode);
    else if (key === "+" || key === "=") this.viewport.zoom(1.15);
    else if (key === "-") this.viewport.zoom(1 / 1.15);
    else if (key === "0") this.fit();
    else return;
    event.preventDefault();
  }

  show_outline(on: boolean): void {
    this.root.classList.toggle("as-list", on);
    this.buttons.show_outline(on);
  }
}
