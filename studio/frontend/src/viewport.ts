/** Pan and zoom of the drawing: pointer, wheel, pinch. Knows nothing of what is drawn. */

export interface View { k: number; x: number; y: number }
export const LEAST_ZOOM = 0.12;
export const MOST_ZOOM = 2.5;
/** Below this, text would be under 9 px: only a person's hand goes there. */
export const READABLE_ZOOM = 0.785;

export class Viewport {
  view: View = { k: 1, x: 0, y: 0 };
  private readonly pointers = new Map<number, { x: number; y: number }>();
  private moved = 0;
  private flight = 0;

  /** @param takes_wheel whether a plain wheel pans (a notebook cell leaves it to the page). */
  constructor(private readonly surface: SVGSVGElement, private readonly changed: () => void, takes_wheel: boolean, private readonly drags_with_touch = true) {
    surface.addEventListener("wheel", (event) => this.wheel(event, takes_wheel), { passive: false });
    surface.addEventListener("pointerdown", (event) => this.down(event));
    surface.addEventListener("pointermove", (event) => this.move(event));
    for (const kind of ["pointerup", "pointercancel"] as const) surface.addEventListener(kind, (event) => this.up(event));
  }

  /** Whether the last press was a drag, so that its click means nothing. */
  get dragged(): boolean {
    return this.moved > 4;
  }
  get size(): { w: number; h: number } {
    return { w: this.surface.clientWidth, h: this.surface.clientHeight };
  }

  set(view: View): void {
    cancelAnimationFrame(this.flight);
    this.view = view;
    this.changed();
  }

  /** Moves there in a fifth of a second, or at once when motion is not wanted. */
  fly(to: View): void {
    cancelAnimationFrame(this.flight);
    const from = this.view;
    const far = Math.abs(to.x - from.x) + Math.abs(to.y - from.y) + Math.abs(to.k - from.k) * 500;
    if (far < 2 || matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.set(to);
      return;
    }
    const begin = performance.now();
    const frame = (now: number): void => {
      const t = Math.min(1, (now - begin) / 200);
      const e = 1 - (1 - t) ** 3;
      this.view = { k: from.k + (to.k - from.k) * e, x: from.x + (to.x - from.x) * e, y: from.y + (to.y - from.y) * e };
      this.changed();
      if (t < 1) this.flight = requestAnimationFrame(frame);
    };
    this.flight = requestAnimationFrame(frame);
  }

  /** Zooms by a factor; the point (px in the surface, else its middle) stays where it is. */
  zoom(factor: number, px = this.size.w / 2, py = this.size.h / 2): void {
    const { k, x, y } = this.view;
    const to = Math.max(LEAST_ZOOM, Math.min(MOST_ZOOM, k * factor));
    const f = to / k;
    this.set({ k: to, x: px - (px - x) * f, y: py - (py - y) * f });
  }

  private wheel(event: WheelEvent, takes_wheel: boolean): void {
    const zooms = event.ctrlKey || event.metaKey;
    if (!zooms && !takes_wheel) return;
    event.preventDefault();
    const unit = event.deltaMode === 1 ? 16 : 1;
    if (zooms) {
      const at = this.surface.getBoundingClientRect();
      this.zoom(Math.exp((-event.deltaY * unit) / 400), event.clientX - at.left, event.clientY - at.top);
    } else {
      const { k, x, y } = this.view;
      const [dx, dy] = event.shiftKey && !event.deltaX ? [event.deltaY, 0] : [event.deltaX, event.deltaY];
      this.set({ k, x: x - dx * unit, y: y - dy * unit });
    }
  }

  private down(event: PointerEvent): void {
    if (event.button !== 0 && event.pointerType === "mouse") return;
    if (event.pointerType === "touch" && !this.drags_with_touch) return;
    this.moved = 0;
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  }

  private move(event: PointerEvent): void {
    const last = this.pointers.get(event.pointerId);
    if (!last) return;
    const here = { x: event.clientX, y: event.clientY };
    const others = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, p]) => p);
    this.moved += Math.abs(here.x - last.x) + Math.abs(here.y - last.y);
    if (this.moved > 4) this.surface.setPointerCapture?.(event.pointerId);
    this.pointers.set(event.pointerId, here);
    const other = others[0];
    if (other) {
      const at = this.surface.getBoundingClientRect();
      const before = Math.hypot(last.x - other.x, last.y - other.y) || 1;
      this.zoom(Math.hypot(here.x - other.x, here.y - other.y) / before, (here.x + other.x) / 2 - at.left, (here.y + other.y) / 2 - at.top);
    } else {
      const { k, x, y } = this.view;
      this.set({ k, x: x + here.x - last.x, y: y + here.y - last.y });
    }
  }

  private up(event: PointerEvent): void {
    this.pointers.delete(event.pointerId);
  }
}
