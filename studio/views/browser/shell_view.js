// @ts-check
/** Keeps the rail's numbers, the notice strip and the theme of the page in step with Python. Draws
 *  nothing of its own: the frame is there before any script. */
import { greet } from "./hello.js";
import { count, el } from "./ui.js";

/** @param {{model: any}} context */
export function render({ model }) {
  const put = (/** @type {string} */ name, /** @type {string} */ text) => {
    const place = document.querySelector(`[data-rail="${name}"]`);
    if (place && place.textContent !== text) place.textContent = text;
  };
  const numbers = () => {
    const { known, parts, live, failing } = model.frame.counts ?? {};
    if (known === undefined) return;
    put("failing", failing ? `${count(failing)} failing` : "");
    put("live", live ? `${count(live)} live` : "");
    const own = known - parts;
    put("known", `${count(own)} execution${own === 1 ? "" : "s"}${parts ? ` and ${count(parts)} sub-workflow${parts === 1 ? "" : "s"}` : ""}`);
  };
  const condition = () => {
    const now = model.frame.condition;
    if (now === undefined) return;
    put("engine", now.word);
    const strip = document.querySelector(".notice");
    const said = [now.headline, now.reason, now.words].filter(Boolean);
    // Only what is new is read out, so a strip that says it already is left alone.
    if (strip && [...strip.children].map((one) => one.textContent).join() !== said.join())
      strip.replaceChildren(...said.flatMap((text, at) => (at ? [" ", el("span", {}, text)] : [el("b", {}, text)])));
  };
  const theme = () => {
    const now = document.documentElement.dataset.theme ?? "light";
    if (model.theme !== now) model.theme = now;
  };
  const draw = () => { numbers(); condition(); };
  model.on("frame", draw);
  window.addEventListener("studio-theme", theme);
  model.on("remove", () => window.removeEventListener("studio-theme", theme));
  draw();
  theme();
  // Without its numbers a rail has nothing of use yet; one that has none (null) needs none.
  greet(model, () => (model.frame.counts === null || model.frame.counts?.known !== undefined ? model.frame.version ?? 0 : 0));
  return document.createElement("span");
}
