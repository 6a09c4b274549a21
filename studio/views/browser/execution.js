// @ts-check
/** The frame of one execution: title bar with actions, the view itself below. Draws `model.head`,
 *  asks through `model.request`; the view is a child that Python hands over. */
import { ago, clock, copyButton, count, el, execution, glyph, moment, ready, search, status, took } from "./ui.js";

const OPEN = new Set(["RUNNING", "PAUSED"]);
const RETRIABLE = new Set(["FAILED", "TIMED_OUT", "TERMINATED"]);

/** @param {{model: any}} context */
export function render({ model }) {
  let sent = 0;
  /** @param {string} action @param {string} [reason] */
  const act = (action, reason) => {
    model.request = { seq: ++sent, action, reason };
    notice.textContent = "";
    for (const button of actions.querySelectorAll("button")) button.disabled = true;
  };
  const title = el("div", { class: "title" }), facts = el("div", { class: "facts s t2" }), actions = el("div", { class: "acts" });
  const notice = el("p", { class: "notice s", role: "status" });
  const head = el("header", { class: "top" }, title, facts, el("span", { class: "grow" }), actions);
  const body = el("div", { class: "body" });
  const root = el("div", { class: "page execution" }, head, notice, body);
  const confirm = dialog();
  root.append(confirm.root);
  let mounted = false, drawn = "";

  function draw() {
    const data = model.head;
    if (data.found === undefined) return;
    if (data.error || !data.found) { body.replaceChildren(missing(data)); head.hidden = true; return ready(); }
    head.hidden = false;
    if (!mounted) { mounted = true; body.append(model.get_child("view")); }
    const key = JSON.stringify(data);
    if (key === drawn) return;
    drawn = key;
    const look = status(data.status);
    document.title = `${data.name} ${look.word.toLowerCase()} · ${data.id.slice(0, 8)} · Conductor Studio`;
    title.replaceChildren(el("h1", {}, data.name), el("span", { class: "t3 s nw" }, `version ${data.version}`), el("span", { class: `badge ${look.family}` }, glyph(look.glyph, look.family), look.word));
    facts.replaceChildren(identity(data.id), el("span", { title: moment(data.start_ms) }, `Started ${clock(data.start_ms)}, `, el("span", { class: "t3", "data-ago": data.start_ms }, ago(data.start_ms))),
      el("span", {}, data.end_ms ? "Took " : "Running for ", el("span", { "data-since": data.end_ms ? null : data.start_ms }, took((data.end_ms || Date.now()) - data.start_ms))),
      data.parent ? el("a", { class: "link", href: execution(data.parent) }, "Open its parent") : null,
      data.correlation_id ? el("a", { class: "link", href: search({ text: data.correlation_id }) }, data.correlation_id) : null);
    drawActions(data);
    ready();
  }
  /** @param {any} data */
  function drawActions(data) {
    const open = OPEN.has(data.status), can = new Set(data.capabilities), button = (/** @type {string} */ word, /** @type {string} */ hint, /** @type {boolean} */ possible, /** @type {() => void} */ click) =>
      el("button", { class: "btn", type: "button", title: hint, disabled: !possible, click }, word);
    actions.replaceChildren(...[
      can.has("branch") ? el("button", { class: "btn primary", type: "button", title: "Plan a new execution that shares the past up to the selected task; this one stays as it is", click: () => window.dispatchEvent(new CustomEvent("studio-replay-selected")) }, glyph("branch"), "Replay from here", el("kbd", {}, "R")) : null,
      can.has("retry") ? button("Retry in place", "Try the failed tasks again in this very execution", RETRIABLE.has(data.status), () => act("retry")) : null,
      can.has("pause") ? button(data.status === "PAUSED" ? "Resume" : "Pause", data.status === "PAUSED" ? "Schedule tasks again" : "Schedule no further tasks; those under way go on", open, () => act(data.status === "PAUSED" ? "resume" : "pause")) : null,
      can.has("restart") ? button("Restart…", "Run it again from the start, in this very execution", !open, () => confirm.ask("Restart this execution?", "Its present tasks are removed and it runs again from the start with the same input. A replay would leave it as it is.", "Restart", null, () => act("restart"))) : null,
      can.has("terminate") ? button("Terminate…", "Stop it now", open, () => confirm.ask("Terminate this execution?", "Tasks under way are cancelled. It can be retried or restarted later.", "Terminate", "Reason", (reason) => act("terminate", reason))) : null,
    ].filter(Boolean));
  }
  const clockwork = setInterval(() => {
    for (const node of root.querySelectorAll("[data-since]")) node.textContent = took(Date.now() - Number(/** @type {HTMLElement} */ (node).dataset.since));
    for (const node of root.querySelectorAll("[data-ago]")) node.textContent = ago(Number(/** @type {HTMLElement} */ (node).dataset.ago));
  }, 1000);
  model.on("head", draw);
  model.on("notice", () => { notice.textContent = model.notice.text ?? ""; drawn = ""; draw(); });
  model.on("remove", () => clearInterval(clockwork));
  draw();
  return root;
}

/** The id, a click copies it. @param {string} id */
function identity(id) {
  const button = copyButton(() => id, id.slice(0, 8));
  button.classList.add("mono");
  button.setAttribute("aria-label", `Copy id ${id}`);
  button.title = id;
  return button;
}

/** @param {any} data */
function missing(data) {
  if (data.error) return el("div", { class: "notfound" }, el("h1", {}, "This execution could not be read."), el("p", { class: "t2" }, data.error), el("a", { class: "btn", href: "executions" }, "All executions"));
  return el("div", { class: "notfound" }, el("h1", {}, data.id ? "There is no such execution here." : "No execution was asked for."),
    data.id ? el("p", { class: "t2" }, "Nothing in this history has the id ", el("code", {}, data.id), ". It may be in another database, or it was removed.") : el("p", { class: "t2" }, "The address names none."),
    data.known ? el("p", { class: "t3 s" }, `${count(data.known)} executions are here.`) : null,
    el("div", { class: "row" }, el("a", { class: "btn primary", href: "executions" }, "All executions"), data.id ? el("a", { class: "btn", href: search({ text: data.id.slice(0, 8) }) }, "Search for its first characters") : null, el("a", { class: "btn", href: "./" }, "Board")));
}

/** A question before something that changes the execution for good. */
function dialog() {
  const title = el("h2", { id: "sure" }), text = el("p", { class: "t2" }), input = el("input", { maxlength: 400, id: "reason" }), label = el("label", { for: "reason" }), go = el("button", { class: "btn primary", value: "go" });
  const root = el("dialog", { class: "sure", "aria-labelledby": "sure" }, el("form", { method: "dialog" }, title, text, label, input, el("div", { class: "row" }, el("span", { class: "grow" }), el("button", { class: "btn", value: "" , type: "submit", formnovalidate: true }, "Leave it"), go)));
  /** @type {(reason: string) => void} */ let then = () => {};
  root.addEventListener("close", () => { if (root.returnValue === "go") then(input.value.trim()); });
  return {
    root,
    /** @param {string} question @param {string} words @param {string} verb @param {string | null} field @param {(reason: string) => void} action */
    ask(question, words, verb, field, action) {
      title.textContent = question; text.textContent = words; go.textContent = verb; label.textContent = field ?? "";
      label.hidden = input.hidden = field === null; input.value = ""; then = action; root.returnValue = "";
      root.showModal(); (field === null ? go : input).focus();
    },
  };
}
