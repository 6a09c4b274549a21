/** Rows of equal height of which only those near the viewport exist. */
import { h, per_frame } from "../dom";
import { Cleanup } from "./interaction";

/** Rows kept above and below the viewport. */
const SPARE = 6;
/** Browsers stop at about 16.7 million pixels; beyond that the rows are reached by position. */
const TALLEST_PX = 12_000_000;

export class VirtualRows {
  readonly body = h("div.vrows", { role: "presentation" });
  private readonly shown = new Map<number, HTMLElement>();
  private count = 0;
  private readonly later: () => void;

  /**
   * @param scroller the scrolling element; `body` is put inside it.
   * @param head height of what sticks to its top, in pixels.
   * @param render makes the element of one row. It is placed by its `top`.
   */
  constructor(
    private readonly scroller: HTMLElement, private readonly row: number, private readonly head: number,
    private readonly render: (index: number) => HTMLElement, cleanup: Cleanup,
  ) {
    scroller.append(this.body);
    this.later = per_frame(() => this.place());
    cleanup.listen(scroller, "scroll", this.later, { passive: true });
    cleanup.watch_size(scroller, this.later);
  }

  /** Rows of this page of the list; all of them are drawn anew. */
  refresh(count: number): void {
    this.count = count;
    this.body.style.height = `${Math.min(TALLEST_PX, count * this.row)}px`;
    for (const element of this.shown.values()) element.remove();
    this.shown.clear();
    this.place();
  }

  /** Call for every row that exists now, e.g. to mark the selected one. */
  each(visit: (element: HTMLElement, index: number) => void): void {
    for (const [index, element] of this.shown) visit(element, index);
  }

  /** The element of a row, if it is near the viewport. */
  element(index: number): HTMLElement | undefined {
    return this.shown.get(index);
  }

  /** Bring a row into view with as little movement as possible. */
  reveal(index: number): void {
    if (index < 0 || index >= this.count) return;
    const top = this.top_of(index), { scrollTop, clientHeight } = this.scroller;
    const room = clientHeight - this.head;
    if (top < scrollTop) this.scroller.scrollTop = top;
    else if (top + this.row > scrollTop + room) this.scroller.scrollTop = Math.ceil((top + this.row - room) / this.row) * this.row;
    this.place();
  }

  private get stretch(): number {
    const full = this.count * this.row;
    return full > TALLEST_PX ? (full - this.scroller.clientHeight) / (TALLEST_PX - this.scroller.clientHeight) : 1;
  }

  private top_of(index: number): number {
    return (index * this.row) / this.stretch;
  }

  private place(): void {
    const { scrollTop, clientHeight } = this.scroller;
    const offset = scrollTop * this.stretch;
    const first = Math.max(0, Math.floor(offset / this.row) - SPARE);
    const last = Math.min(this.count, Math.ceil((offset + clientHeight) / this.row) + SPARE);
    for (const [index, element] of this.shown) {
      if (index >= first && index < last) continue;
      element.remove();
      this.shown.delete(index);
    }
    for (let index = first; index < last; index++) {
      let element = this.shown.get(index);
      if (!element) {
        element = this.render(index);
        this.shown.set(index, element);
        this.body.append(element);
      }
      element.style.top = `${index * this.row - offset + scrollTop}px`;
    }
  }
}
