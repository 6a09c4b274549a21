// @ts-check
/** Keeps the rail's numbers and the theme of the page in step with Python. Draws nothing. */
import { greet } from "./hello.js";
import { count } from "./ui.js";

/** @param {{model: any}} context */
export function render({ model }) {
  const put = (/** @type {string} */ name, /** @type {string} */ text) => {
    const place = document.querySelector(`[data-rail="${name}"]`);
    if (place && place.textContent !== text) place.textContent = text;
  };
  const numbers = () => {
    const { known, parts, live, failing } = model.counts;
    if (known === undefined) return;
    put("failing", failing ? `${count(failing)} failing` : "");
    put("live", live ? `${count(live)} live` : "");
    const own = known - parts;
    put("known", `${count(own)} execution${own === 1 ? "" : "s"}${parts ? ` and ${count(parts)} sub-workflow${parts === 1 ? "" : "s"}` : ""}`);
  };
  const theme = () => {
    const now = document.documentElement.dataset.theme ?? "light";
    if (model.theme !== now) model.theme = now;
  };
  model.on("counts", numbers);
  window.addEventListener("studio-theme", theme);
  model.on("remove", () => window.removeEventListener("studio-theme", theme));
  numbers();
  theme();
  greet(model, () => model.counts.version ?? 0);
  return document.createElement("span");
}
