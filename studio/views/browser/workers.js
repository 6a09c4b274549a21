// @ts-check
/** The Workers page: what waits for whom, and who polls. Python holds the data; searching and
 *  filtering happen here, over what is shown. */
import { greet } from "./hello.js";
import { ago, copyButton, count, el, glyph, moment, ready, took } from "./ui.js";
import { rowKeys } from "./row_keys.js";

const EVERY_MS = 3000;
/** @type {Record<string, {family: string, glyph: string, word: string}>} */
const STATES = {
  unserved: { family: "failure", glyph: "failure", word: "Nobody polls for it" },
  silent: { family: "warning", glyph: "warning", word: "Workers are silent" },
  polling: { family: "success", glyph: "success", word: "Polling" },
  seen: { family: "stopped", glyph: "stopped", word: "No worker just now" },
  unseen: { family: "none", glyph: "stopped", word: "No worker so far" },
  system: { family: "none", glyph: "worker", word: "Run by the server" },
};
const FILTERS = [
  { name: "", word: "All", holds: () => true },
  { name: "waiting", word: "Waiting", holds: (/** @type {any} */ row) => row.waiting > 0 },
  { name: "unserved", word: "Without a worker", holds: (/** @type {any} */ row) => ["unserved", "silent"].includes(row.state) },
];

/** @param {{model: any}} context */
export function render({ model }) {
  const given = new URLSearchParams(location.search);
  let sent = 0, text = given.get("text") ?? "", filter = given.get("only") ?? "";
  const live = el("span", { class: "t3 s live" });
  const seg = el("span", { class: "seg", role: "group", "aria-label": "Which task types" });
  const input = el("input", { type: "search", "aria-label": "Search task types, domains and workers", placeholder: "Task type, domain or worker", autocomplete: "off", spellcheck: "false", value: text,
    input: () => { text = input.value; keep(); draw(); } });
  const body = el("tbody", {});
  const heads = [["nm", "Task type"], ["dm", "Domain"], ["wt num", "Waiting"], ["ol num", "Oldest waits"], ["lp num", "Last poll"], ["wk", "Last polled by"], ["sw", "State"]];
  const table = el("table", { "aria-label": "Task types, what needs a worker first" }, el("thead", {}, el("tr", {}, ...heads.map(([kind, word]) => el("th", { class: kind, scope: "col" }, word)))), body);
  const nothing = el("div", { class: "nothing", hidden: true });
  const connecting = el("section", { class: "connect", hidden: true, "aria-label": "Connect a worker" });
  /** @param {string} name the task type it is for; empty: an example */
  function connect(name) {
    const filled = model.snippets.map((/** @type {any} */ one) => ({ title: one.title, text: name ? named(one.text, name) : one.text }));
    const close = el("button", { class: "btn small", type: "button", click: () => { connecting.hidden = true; } }, "Close");
    connecting.replaceChildren(el("div", { class: "row" }, el("h2", { tabindex: -1 }, name ? `Connect a worker for ${name}` : "Connect a worker"), el("span", { class: "grow" }), close), ...filled.map(snippet));
    connecting.hidden = false;
    connecting.scrollIntoView({ block: "start" });
    connecting.querySelector("h2")?.focus({ preventScroll: true });
  }
  const offer = el("button", { class: "btn", type: "button", click: () => connect("") }, "Connect a worker");
  const range = el("span", { role: "status" });
  const root = el("div", { class: "page workers" },
    el("header", { class: "top" }, el("h1", {}, "Workers"), el("span", { class: "grow" }), live, offer),
    el("div", { class: "find", role: "search" }, el("div", { class: "box" }, glyph("search"), input, el("kbd", { "aria-hidden": "true" }, "/")), seg),
    el("div", { class: "list" }, connecting, table, nothing),
    el("div", { class: "foot" }, range, el("span", { class: "keys", "aria-hidden": "true" }, el("kbd", {}, "J"), el("kbd", {}, "K"), " move ", el("kbd", {}, "↵"), " definition"), el("span", { class: "grow" })));
  const keys = rowKeys(body, input, (row) => row.querySelector("a")?.click());

  function ask() { model.request = { seq: ++sent }; }
  function keep() {
    const query = new URLSearchParams([["text", text], ["only", filter]].filter(([, value]) => value));
    history.replaceState(null, "", query.size ? `workers?${query}` : "workers");
  }
  function draw() {
    const data = model.data;
    if (data.error) return say("Workers and queues could not be read.", data.error, el("button", { class: "btn", type: "button", click: ask }, "Try again"));
    if (!data.rows) return;
    live.textContent = "Live";
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const found = data.rows.filter((/** @type {any} */ row) => words.every((word) => `${row.name} ${row.domain} ${row.worker}`.toLowerCase().includes(word)));
    seg.replaceChildren(...FILTERS.map(({ name, word, holds }) => el("button", { type: "button", "aria-pressed": String(name === filter), click: () => { filter = name; keep(); draw(); } }, word, el("span", { class: "c" }, count(found.filter(holds).length)))));
    const shown = found.filter((FILTERS.find((one) => one.name === filter) ?? FILTERS[0]).holds);
    range.textContent = [`${count(shown.length)} of ${count(data.rows.length)} task types`, data.ages].filter(Boolean).join(". ");
    if (!data.rows.length) return say("No task types yet.", "They appear as soon as a task is registered, queued or polled for. Connect a worker:", ...model.snippets.map(snippet));
    if (!shown.length) return say("None of them matches.", filter ? "Waiting tasks all have a worker that polls, or the search leaves them out." : "", el("button", { class: "btn", type: "button", click: () => { text = input.value = filter = ""; keep(); draw(); } }, "Show all"));
    table.hidden = false; nothing.hidden = true;
    keys.draw(shown.map((/** @type {any} */ row) => ({ id: `${row.domain}:${row.name}`, key: JSON.stringify([row, Math.floor(data.now_ms / 1000)]), cells: () => cells(row, data.now_ms, connect) })));
    ready();
  }
  /** @param {string} title @param {string} words @param {...Element} more */
  function say(title, words, ...more) {
    table.hidden = true; nothing.hidden = false;
    nothing.replaceChildren(el("h2", {}, title), el("p", {}, words), ...more);
    ready();
  }
  input.value = text;
  const clockwork = setInterval(() => { if (!document.hidden) ask(); }, EVERY_MS);
  model.on("data", draw);
  model.on("remove", () => { clearInterval(clockwork); keys.stop(); });
  draw();
  greet(model, () => model.data.version ?? 0);
  return root;
}

/** @param {any} row @param {number} now @param {(name: string) => void} connect */
function cells(row, now, connect) {
  const look = STATES[row.state];
  return [
    el("td", { class: "nm", title: row.name }, el("a", { href: `definitions?kind=task&name=${encodeURIComponent(row.name)}`, tabindex: -1 }, el("b", {}, row.name)), row.domain ? el("span", { class: "at", style: "display:none" }, ` in ${row.domain}`) : null),
    el("td", { class: "dm", title: row.domain }, row.domain),
    el("td", { class: "wt num" }, el("b", { class: row.waiting ? "" : "zero" }, count(row.waiting))),
    el("td", { class: "ol num", title: row.oldest_ms ? moment(row.oldest_ms) : null }, row.oldest_ms ? took(Math.max(0, now - row.oldest_ms)) : ""),
    el("td", { class: "lp num", title: row.polled_ms ? moment(row.polled_ms) : null }, row.polled_ms ? ago(row.polled_ms, now) : row.state === "system" ? "" : "never"),
    el("td", { class: "wk", title: row.worker }, row.worker),
    el("td", { class: "sw" }, el("span", { class: "status" }, glyph(look.glyph, look.family), look.word), row.state === "unserved" ? el("button", { class: "btn small", type: "button", "aria-label": `Connect a worker for ${row.name}`, click: (/** @type {Event} */ event) => { event.stopPropagation(); connect(row.name); } }, "Connect") : null),
  ];
}

/** The example with a task type's own name; its function gets one that Python takes.
 *  @param {string} text @param {string} name */
function named(text, name) {
  const identifier = name.replace(/\W/g, "_").replace(/^(?=\d)/, "_");
  const decorated = identifier === name ? "@engine.task" : `@engine.task(name=${JSON.stringify(name)})`;
  return text.replace("@engine.task\n", () => `${decorated}\n`).replace('task_definition_name="price"', () => `task_definition_name=${JSON.stringify(name)}`)
    .replace("def price(sku: str)", () => `def ${identifier}(sku: str)`).replace("/poll/price?", () => `/poll/${encodeURIComponent(name)}?`);
}

/** @param {{title: string, text: string}} one */
const snippet = (one) => el("div", { class: "snippet" }, el("div", { class: "row" }, el("h3", {}, one.title), el("span", { class: "grow" }), copyButton(() => one.text)), el("pre", { tabindex: 0 }, one.text));
