/** How panels behave under hand and keyboard, and how they clean up after themselves. */
import { h, is_typing } from "../dom";

const SVG = "http://www.w3.org/2000/svg";

/** An SVG element; `h` of `../dom` makes HTML only. */
export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K, attributes: Record<string, string | number>, ...children: Node[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, tag) as SVGElementTagNameMap[K];
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** What has to be undone when a panel goes away. */
export class Cleanup {
  private readonly undo: (() => void)[] = [];

  add(undo: () => void): void {
    this.undo.push(undo);
  }

  listen(target: EventTarget, type: string, listener: (event: never) => void, options?: AddEventListenerOptions): void {
    target.addEventListener(type, listener as EventListener, options);
    this.add(() => target.removeEventListener(type, listener as EventListener, options));
  }

  /** Call `changed` whenever the element's size changes. */
  watch_size(element: Element, changed: () => void): void {
    const observer = new ResizeObserver(() => changed());
    observer.observe(element);
    this.add(() => observer.disconnect());
  }

  run(): void {
    for (const undo of this.undo.splice(0).reverse()) undo();
  }
}

/** Run at most once a frame, and rest eight times as long as the work took: lists may be long. */
export function paced(work: () => void, cleanup: Cleanup): () => void {
  let frame = 0, timer: ReturnType<typeof setTimeout> | undefined, free_at = 0, is_due = false;
  const run = (): void => {
    frame = 0;
    is_due = false;
    const start = performance.now();
    work();
    const end = performance.now();
    free_at = end - start > 8 ? end + 8 * (end - start) : 0;
  };
  cleanup.add(() => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
  });
  return () => {
    if (is_due) return;
    is_due = true;
    const rest = free_at - performance.now();
    if (rest <= 0) frame = requestAnimationFrame(run);
    else timer = setTimeout(() => { frame = requestAnimationFrame(run); }, rest);
  };
}

/** The whole view an element belongs to. */
export function view_of(element: Element): Element {
  return element.closest(".studio-view") ?? element;
}

/** Where keys are listened for: a view that has the page hears every key, a notebook cell its own. */
export function key_target(within: Element, mode: "page" | "cell" | "file"): EventTarget {
  return mode === "cell" ? view_of(within) : document;
}

/** Listen for a single plain key (no Ctrl, Alt or Meta) that nothing nearer has used. */
export function on_key(target: EventTarget, cleanup: Cleanup, pressed: (key: string, event: KeyboardEvent) => boolean): void {
  cleanup.listen(target, "keydown", (event: KeyboardEvent) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || is_typing(event)) return;
    if (pressed(event.key, event)) event.preventDefault();
  });
}

/** The element with focus, seen from inside a shadow root as well. */
export function focused(within: Node): Element | null {
  const root = within.getRootNode();
  return root instanceof Document || root instanceof ShadowRoot ? root.activeElement : null;
}

const FOCUSABLE = "button:not([disabled]), input:not([disabled]), select:not([disabled]), textarea:not([disabled]), a[href], summary, [tabindex]:not([tabindex='-1'])";

/** Keep Tab inside an element; undone by the cleanup, which also returns the focus. */
export function trap_focus(element: HTMLElement, cleanup: Cleanup): void {
  const before = focused(element);
  const root = element.getRootNode() as Document | ShadowRoot;
  cleanup.add(() => {
    if (!(before instanceof HTMLElement || before instanceof SVGElement)) return;
    // The element may have been drawn anew meanwhile; its successor has the same key.
    const key = before.dataset.f;
    const successor = before.isConnected || key === undefined ? before : root.querySelector<HTMLElement>(`[data-f="${CSS.escape(key)}"]`);
    (successor ?? before).focus();
  });
  cleanup.listen(element, "keydown", (event: KeyboardEvent) => {
    if (event.key !== "Tab") return;
    const stops = [...element.querySelectorAll<HTMLElement>(FOCUSABLE)].filter((stop) => stop.getClientRects().length > 0);
    const first = stops[0], last = stops[stops.length - 1];
    if (!first || !last) return;
    const at = focused(element);
    if (event.shiftKey && (at === first || at === element)) {
      event.preventDefault();
      last.focus();
    } else if (!event.shiftKey && at === last) {
      event.preventDefault();
      first.focus();
    }
  });
}

/** Arrow keys move among the tabs of a tab list, Home and End go to its ends. */
export function tab_keys(list: HTMLElement): void {
  list.addEventListener("keydown", (event) => {
    const tabs = [...list.querySelectorAll<HTMLElement>('[role="tab"]')];
    const at = tabs.indexOf(focused(list) as HTMLElement);
    if (at < 0) return;
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const tab = tabs[(to + tabs.length) % tabs.length];
    tab?.focus();
    tab?.click();
  });
}

/** Put text on the clipboard and say so in the button for a moment. */
export function copy_button(text: () => string, what: string): HTMLButtonElement {
  const button = h<HTMLButtonElement>("button.x-copy", { type: "button", "aria-label": `Copy ${what}`, title: `Copy ${what}` }, "Copy");
  button.addEventListener("click", (event) => {
    event.stopPropagation();
    void copy_text(text()).then((done) => {
      button.textContent = done ? "Copied" : "The browser forbids it";
      setTimeout(() => { button.textContent = "Copy"; }, 1600);
    });
  });
  return button;
}

/** Put text on the clipboard; false where the page may not (no secure context, no permission). */
export async function copy_text(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** Draw a panel anew and give the focus back to the element with the same `data-f`. */
export function keep_focus(root: HTMLElement, draw: () => void): void {
  const at = focused(root);
  const key = at instanceof HTMLElement && root.contains(at) ? at.dataset.f : undefined;
  draw();
  if (key === undefined || root.contains(focused(root))) return;
  root.querySelector<HTMLElement>(`[data-f="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}
