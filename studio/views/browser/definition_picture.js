// @ts-check
/** A workflow definition drawn as it would run. The drawing is an image: nothing in it can act. */
import { el } from "./ui.js";

const SMALLEST = 0.78;  // below this the second lines of boxes can't be read

/** @returns {{root: HTMLElement, ask: () => void, show: (svg: string, name: string) => void, fail: (words: string) => void, stop: () => void}} */
export function definitionPicture() {
  let text = "";
  const image = el("img", { class: "drawn", load: () => measure() });
  const words = el("p", { class: "t3 s", role: "status" });
  const size = el("button", { class: "btn small", type: "button", "aria-pressed": "false", click: () => { root.classList.toggle("whole"); measure(); } }, "Full size");
  const pane = el("div", { class: "pane", tabindex: 0, role: "group", "aria-label": "Picture of the definition" }, image, words);
  const root = el("div", { class: "picture" }, pane, size);

  // Both themes are in the picture; which one it shows is an attribute of it.
  const paint = () => {
    if (!text) return;
    const theme = document.documentElement.dataset.theme === "dark" ? "dark" : "light";
    image.src = `data:image/svg+xml,${encodeURIComponent(text.replace('data-theme="light"', `data-theme="${theme}"`))}`;
  };
  function measure() {
    const is_whole = root.classList.contains("whole");
    image.style.minWidth = image.naturalWidth ? `${Math.floor(image.naturalWidth * SMALLEST)}px` : "";
    size.setAttribute("aria-pressed", String(is_whole));
    size.hidden = !text || (!is_whole && image.naturalWidth <= image.width);
  }
  const themes = new MutationObserver(paint);
  themes.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  const sizes = new ResizeObserver(measure);
  sizes.observe(pane);
  /** @param {string} what */
  const say = (what) => { text = ""; image.hidden = true; image.removeAttribute("src"); words.textContent = what; measure(); };
  return {
    root, fail: say,
    ask: () => say("Drawing…"),
    show: (svg, name) => { text = svg; words.textContent = ""; image.alt = `Graph of ${name}: ${described(svg)}`; image.hidden = false; paint(); },
    stop: () => { themes.disconnect(); sizes.disconnect(); },
  };
}

/** What the picture says of itself. @param {string} svg */
function described(svg) {
  return new DOMParser().parseFromString(svg, "image/svg+xml").querySelector("desc")?.textContent ?? "";
}
