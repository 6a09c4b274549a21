// @ts-check
/** The form that starts an execution: a registered workflow with its input, a sample, or a
 *  definition from a file. Python lists what there is (`model.offers`); the form asks through
 *  `send` and leaves for the execution when `model.started` names it. */
import { el, execution, glyph } from "./ui.js";

const CHOSEN = "conductor-studio-run";

/** A button and its dialog; put both into the page, the dialog once.
 *  @param {any} model @param {(what: Record<string, any>) => void} send
 *  @returns {{button: HTMLButtonElement, dialog: HTMLDialogElement}} */
export function starting(model, send) {
  /** @type {any} */ let offers = null;
  let typed = false;
  const name = el("select", { id: "start-name", change: () => chooseName() });
  const version = el("select", { id: "start-version", change: () => fillInput() });
  const about = el("p", { class: "about" });
  const input = el("textarea", { id: "start-input", spellcheck: "false", autocomplete: "off", "aria-describedby": "start-said",
    input: () => { typed = true; check(); },
    keydown: (/** @type {KeyboardEvent} */ event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); begin(); } } });
  const correlation = el("input", { id: "start-correlation", autocomplete: "off", spellcheck: "false" });
  const said = el("p", { class: "said", id: "start-said", role: "status" });
  const go = el("button", { class: "btn primary", type: "submit" }, "Run");
  const newest = el("button", { class: "link", type: "button", click: () => send({ what: "newest", name: name.value }) }, "Use the newest execution's input");
  const fields = el("div", { class: "fields", hidden: true },
    el("div", { class: "two" }, el("label", { for: "start-name" }, "Workflow", name), el("label", { for: "start-version" }, "Version", version)),
    about,
    el("div", { class: "ends" }, el("label", { for: "start-input" }, "Input, as JSON"), el("span", { class: "grow" }), newest), input,
    el("label", { for: "start-correlation" }, "Correlation id, if you want one", correlation));
  const nothing = el("p", { class: "nothing", hidden: true }, "No workflow is registered yet. Run a sample, or choose a definition from a file.");
  const others = el("div", { class: "others" });
  const file = el("input", { type: "file", accept: ".json,application/json", class: "sr", tabindex: -1, "aria-hidden": "true", change: async () => {
    const chosen = file.files[0];
    if (chosen) ask({ what: "run", text: await chosen.text() });
    file.value = "";
  } });
  const dialog = el("dialog", { class: "start", "aria-labelledby": "start-title" },
    el("form", { method: "dialog", submit: (/** @type {Event} */ event) => { event.preventDefault(); begin(); } },
      el("h2", { id: "start-title" }, "Run a workflow"), nothing, fields, said,
      el("div", { class: "ends" }, go, el("button", { class: "btn", type: "button", click: () => dialog.close() }, "Cancel"), el("span", { class: "grow" }), el("kbd", { "aria-hidden": "true" }, "Ctrl ↵")),
      others, file));
  const button = el("button", { class: "btn primary", type: "button", "aria-haspopup": "dialog", click: () => {
    say("");
    send({ what: "offers" });
    dialog.showModal();
  } }, "Run…");

  /** @param {string} text @param {boolean} [calm] */
  function say(text, calm = false) { said.textContent = text; said.className = calm ? "said calm" : "said"; }
  /** @param {Record<string, any>} what */
  function ask(what) { busy(true); say("Starting…", true); send(what); }
  /** @param {boolean} on */
  function busy(on) { go.disabled = on; for (const one of others.querySelectorAll("button")) one.disabled = on; }

  function flow() { return offers?.workflows.find((/** @type {any} */ one) => one.name === name.value); }
  function chooseName() {
    const one = flow();
    version.replaceChildren(...(one?.versions ?? []).map((/** @type {number} */ number, /** @type {number} */ at) => el("option", { value: number }, at ? String(number) : `${number}, newest`)));
    about.textContent = one?.description ?? "";
    typed = false;
    fillInput();
  }
  function fillInput() {
    if (typed) return;
    const given = flow()?.inputs[version.value] ?? {};
    input.value = JSON.stringify(given, null, 2);
    check();
  }
  /** Says what is wrong with the input as it is typed; an empty one counts as {}. @returns {boolean} */
  function check() {
    const text = input.value.trim();
    let wrong = "";
    try {
      const value = text ? JSON.parse(text) : {};
      if (value === null || typeof value !== "object" || Array.isArray(value)) wrong = "The input must be a JSON object, like {\"order_id\": \"ord_1\"}.";
    } catch (error) { wrong = `Not JSON yet: ${/** @type {Error} */ (error).message}`; }
    input.setAttribute("aria-invalid", String(Boolean(wrong)));
    say(wrong);
    return !wrong;
  }
  function begin() {
    if (!flow() || go.disabled) return;
    if (!check()) { input.focus(); return; }
    try { localStorage.setItem(CHOSEN, name.value); } catch { /* a private window forgets */ }
    // Numbers keep their digits: Python reads the text itself.
    ask({ what: "start", name: name.value, version: Number(version.value), input: input.value, correlation_id: correlation.value.trim() });
  }
  /** @param {string} title @param {string} sentence @param {() => void} click @param {string} sign */
  const offer = (title, sentence, click, sign) => el("button", { class: "offer", type: "button", click }, glyph(sign), el("span", { class: "two-lines" }, el("b", {}, title), el("span", { class: "xs t2" }, sentence)));

  function draw() {
    offers = model.offers;
    const names = offers.workflows.map((/** @type {any} */ one) => one.name);
    const before = name.value || remembered() || offers.suggested;
    name.replaceChildren(...names.map((/** @type {string} */ one) => el("option", { value: one }, one)));
    nothing.hidden = names.length > 0; fields.hidden = go.hidden = !names.length;
    if (names.length) {
      const same = names.includes(name.value = before) && typed;
      if (!names.includes(before)) name.value = names[0];
      if (!same) chooseName();
    }
    others.replaceChildren(el("h3", {}, "Or"),
      ...offers.samples.map((/** @type {any} */ one) => offer(`Sample: ${one.title}`, one.sentence, () => ask({ what: "sample", name: one.name }), "arrow")),
      offer("A definition from a JSON file…", "Registers it and starts it with an empty input.", () => file.click(), "file"));
    busy(false);
    if (dialog.open) (names.length ? name : others.querySelector("button"))?.focus();
  }
  model.on("offers", draw);
  model.on("newest", () => {
    const found = model.newest;
    if (found.name !== name.value) return;
    if (found.error) { say(found.error, true); return; }
    input.value = JSON.stringify(found.input, null, 2);
    typed = true;
    if (check() && found.left_out) say(`${found.left_out} sensitive value${found.left_out === 1 ? " was" : "s were"} left out: type ${found.left_out === 1 ? "it" : "them"} again.`, true);
  });
  model.on("started", () => { if (model.started.id) location.href = execution(model.started.id); });
  model.on("notice", () => { busy(false); if (dialog.open) say(model.notice.text); });
  return { button, dialog };
}

function remembered() {
  try { return localStorage.getItem(CHOSEN) ?? ""; } catch { return ""; }
}
