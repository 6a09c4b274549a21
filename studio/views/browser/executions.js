// @ts-check
/** The Executions page: quick searches, search line, facets, table. Python holds the data; this
 *  draws `model.page` and asks for another one through `model.request`. */
import { again_sign, again_words, clock, copyButton, count, el, execution, glyph, moment, ready, search, status, STATUS, took, worked } from "./ui.js";
import { greet } from "./hello.js";
import { starting } from "./start.js";

const QUICK = [
  { label: "All", filter: {} },
  { label: "Only failed", filter: { status: ["FAILED", "TIMED_OUT"] } },
  { label: "Running", filter: { status: ["RUNNING"] } },
  { label: "Paused", filter: { status: ["PAUSED"] } },
];
const FACETS = [["status", "Status"], ["workflow", "Workflow"], ["task", "Failed task"], ["cause", "Error"]];

/** @param {{model: any}} context */
export function render({ model }) {
  /** @type {any} */ let page = model.page;
  let sent = 0, chosen = "";
  /** @type {Map<string, {row: HTMLTableRowElement, key: string}>} */ const drawn = new Map();

  const start = starting(model, (what) => { model.request = { seq: ++sent, ...what }; });
  const quick = el("nav", { class: "quick", "aria-label": "Quick searches" });
  const live = el("span", { class: "t3 s live" });
  const chips = el("span", { class: "chips" });
  const input = el("input", { type: "search", "aria-label": "Search executions", autocomplete: "off", spellcheck: "false",
    placeholder: "Id, correlation id, workflow, error, or a value in the input" });
  const copy = copyButton(() => `client.query_frame(${JSON.stringify(page.sql)})`, "Copy as Python");
  const facets = el("aside", { class: "facets", "aria-label": "Filters" });
  const body = el("tbody", {});
  const table = el("table", { "aria-label": "Executions, newest first" },
    el("thead", {}, el("tr", {}, ...[["st", "Status"], ["wf", "Workflow"], ["tm", "Started ↓"], ["du num", "Duration"], ["er", "Failed task and error, or current task"], ["re num", "Retries"]]
      .map(([kind, word]) => el("th", { class: kind, scope: "col", "aria-sort": kind === "tm" ? "descending" : null }, word)))), body);
  const empty = el("div", { class: "none", hidden: true });
  const range = el("span", {});
  const previous = el("button", { class: "btn small", type: "button", click: () => ask(page.filter, page.start - page.size) }, "Previous");
  const next = el("button", { class: "btn small", type: "button", click: () => ask(page.filter, page.start + page.size) }, "Next");
  const said = el("p", { class: "sr", role: "status" });
  const root = el("div", { class: "page executions" },
    el("header", { class: "top" }, el("h1", {}, "Executions"), quick, el("span", { class: "grow" }), live, start.button),
    el("div", { class: "find", role: "search" }, el("div", { class: "box" }, glyph("search"), chips, input, el("kbd", { "aria-hidden": "true" }, "/")),
      copy),
    el("div", { class: "split" }, facets, el("section", { class: "list", "aria-label": "Found executions" },
      el("div", { class: "scroll" }, table, empty),
      el("div", { class: "foot" }, range, el("span", { class: "keys", "aria-hidden": "true" }, el("kbd", {}, "J"), el("kbd", {}, "K"), " move ", el("kbd", {}, "↵"), " open"), el("span", { class: "grow" }), previous, next))),
    said, start.dialog);

  /** @param {any} filter @param {number} start */
  function ask(filter, start = 0) {
    start = Math.max(0, start);
    history.replaceState(null, "", search(filter, start));
    model.request = { seq: ++sent, filter, start };
    root.setAttribute("aria-busy", "true");
  }
  /** @param {string} name @param {string} value @param {boolean} on */
  function change(name, value, on) {
    const filter = structuredClone(page.filter);
    if (name === "text" || name === "sub_workflows") filter[name] = on ? value : undefined;
    else filter[name] = [...(filter[name] ?? []).filter((/** @type {string} */ one) => one !== value), ...(on ? [value] : [])];
    ask(Object.fromEntries(Object.entries(filter).filter(([, one]) => one !== undefined && one.length !== 0)));
  }
  const words = (/** @type {string} */ name, /** @type {string} */ value) =>
    name === "status" ? status(value).word : name === "cause" ? page.cause_words[value] ?? value.slice(0, 12) : value;

  let typing = 0;
  input.addEventListener("input", () => {
    clearTimeout(typing);
    typing = window.setTimeout(() => change("text", input.value.trim(), input.value.trim() !== ""), 200);
  });

  function draw() {
    page = model.page;
    if (page.error) return failed(page.error);
    if (page.rows === undefined) return;
    root.removeAttribute("aria-busy");
    live.textContent = [page.live ? "Live" : "", page.limits].filter(Boolean).join(", ");
    copy.hidden = !page.sql;
    drawQuick();
    drawChips();
    drawFacets();
    drawRows();
    drawFoot();
    ready();
  }
  /** @param {string} message */
  function failed(message) {
    root.removeAttribute("aria-busy");
    table.hidden = true; empty.hidden = false;
    empty.replaceChildren(el("h2", {}, "The history could not be read."), el("p", {}, message),
      el("button", { class: "btn", type: "button", click: () => ask(page.filter ?? {}, 0) }, "Try again"));
    ready();
  }
  function drawQuick() {
    const now = JSON.stringify([page.filter.status ?? [], Object.keys(page.filter).length]);
    const totals = Object.fromEntries(page.facets.status.map((/** @type {any} */ one) => [one.value, one.n]));
    const sum = (/** @type {string[]} */ wanted) => wanted.reduce((all, one) => all + (totals[one] ?? 0), 0);
    quick.replaceChildren(...QUICK.map(({ label, filter }) => el("a", {
      href: search(filter), "aria-current": JSON.stringify([filter.status ?? [], Object.keys(filter).length]) === now ? "true" : null,
      click: (/** @type {MouseEvent} */ event) => { if (plain(event)) { event.preventDefault(); ask(filter); } },
    }, label, el("span", { class: "c" }, count(sum(filter.status ?? Object.keys(totals)))))));
  }
  function drawChips() {
    const found = [];
    for (const name of ["status", "workflow", "task", "cause"])
      for (const value of page.filter[name] ?? [])
        found.push(el("span", { class: "chip" }, el("i", {}, { status: "status", workflow: "workflow", task: "failed task", cause: "error" }[name]), el("span", { class: "ell", title: words(name, value) }, words(name, value)),
          el("button", { type: "button", "aria-label": `Remove ${words(name, value)}`, click: () => change(name, value, false) }, glyph("close"))));
    chips.replaceChildren(...found);
    const root = /** @type {ShadowRoot} */ (input.getRootNode());
    if (root.activeElement !== input) input.value = page.filter.text ?? "";
  }
  function drawFacets() {
    const old = /** @type {ShadowRoot} */ (facets.getRootNode()).activeElement?.id;
    facets.replaceChildren(...FACETS.flatMap(([name, title]) => {
      const values = page.facets[name];
      if (!values.length) return [];
      const ordered = name === "status" ? Object.keys(STATUS).filter((one) => values.some((/** @type {any} */ v) => v.value === one)).map((one) => values.find((/** @type {any} */ v) => v.value === one)) : values;
      return [el("fieldset", {}, el("legend", {}, title), ...ordered.map((/** @type {any} */ one) => tick(name, one.value, one.n)))];
    }), el("fieldset", {}, el("legend", {}, "Level"), tick("sub_workflows", "1", null)));
    if (old) /** @type {ShadowRoot} */ (facets.getRootNode()).getElementById(old)?.focus();
  }
  /** @param {string} name @param {string} value @param {number | null} n */
  function tick(name, value, n) {
    const on = name === "sub_workflows" ? page.filter[name] === true : (page.filter[name] ?? []).includes(value);
    const word = name === "sub_workflows" ? "With sub-workflows" : words(name, value);
    return el("label", { title: word },
      el("input", { type: "checkbox", id: `tick-${name}-${value}`, checked: on, change: (/** @type {any} */ event) => change(name, value, event.target.checked) }),
      name === "status" ? glyph(status(value).glyph, status(value).family) : null, el("span", { class: "ell" }, word), n === null ? null : el("span", { class: "c" }, count(n)));
  }
  function drawRows() {
    const longest = Math.max(1, ...page.rows.map((/** @type {any} */ row) => worked(row)));
    table.hidden = !page.rows.length; empty.hidden = page.rows.length > 0;
    if (!page.rows.length) drawEmpty();
    const ids = new Set(page.rows.map((/** @type {any} */ row) => row.id));
    for (const [id, { row }] of drawn) if (!ids.has(id)) { row.remove(); drawn.delete(id); }
    if (!ids.has(chosen)) chosen = page.rows[0]?.id ?? "";
    page.rows.forEach((/** @type {any} */ data, /** @type {number} */ at) => {
      const key = JSON.stringify([data, longest]);
      let entry = drawn.get(data.id);
      if (!entry) { entry = { row: newRow(data.id), key: "" }; drawn.set(data.id, entry); }
      if (entry.key !== key) { fillRow(entry.row, data, longest); entry.key = key; }
      entry.row.tabIndex = data.id === chosen ? 0 : -1;
      if (body.children[at] !== entry.row) body.insertBefore(entry.row, body.children[at] ?? null);
    });
  }
  /** @param {string} id */
  function newRow(id) {
    return el("tr", { "data-id": id, focus: () => choose(id, false),
      click: (/** @type {MouseEvent} */ event) => { if (!(/** @type {Element} */ (event.target).closest("a")) && !getSelection()?.toString()) location.href = execution(id); } });
  }
  /** @param {HTMLTableRowElement} row @param {any} data @param {number} longest */
  function fillRow(row, data, longest) {
    const look = status(data.status), open = !data.end_ms, hot = look.family === "failure";
    const ms = worked(data);
    const bar = el("i", { class: look.family });
    // Square root: short executions stay visible beside one that took an hour.
    bar.style.width = `${Math.max(2, Math.sqrt(ms / longest) * 100)}%`;
    row.className = hot ? "hot" : "";
    row.replaceChildren(
      el("td", { class: "st" }, el("span", { class: "status" }, glyph(look.glyph, look.family), look.word)),
      el("td", { class: "wf", title: `${data.workflow}, version ${data.version}, ${data.id}` }, el("span", { class: "wfn" }, el("a", { href: execution(data.id), tabindex: -1 }, el("b", {}, data.workflow)), el("span", { class: "mono" }, data.id.slice(0, 8)))),
      el("td", { class: "tm", title: moment(data.start_ms) }, clock(data.start_ms)),
      el("td", { class: "du", title: again_words(data) || null }, el("span", { class: "dur" }, bar, again_sign(data), el("span", { class: "t", "data-since": open ? data.start_ms + data.idle_ms : null }, took(ms)))),
      el("td", { class: "er", title: [data.place, data.lead, data.note].filter(Boolean).join(" · ") }, data.lead ? el("b", {}, data.lead) : null, data.lead ? " " : "", el("span", {}, data.note)),
      el("td", { class: "re num" }, data.retries ? count(data.retries) : ""));
  }
  function drawEmpty() {
    if (!page.known) {
      empty.replaceChildren(el("h2", {}, "No executions yet."), el("p", {}, "They appear here as soon as one starts."), el("a", { class: "btn primary", href: "./" }, "Start one from the Board"));
      return;
    }
    const ways = page.ways_out.map((/** @type {any} */ way, /** @type {number} */ at) => el("li", { class: at ? "" : "best" },
      el("span", { class: "ell" }, way.name === "sub_workflows" ? "with sub-workflows" : ["without ", el("b", {}, way.name === "text" ? `“${way.value}”` : words(way.name, way.value))]),
      el("span", { class: "t2" }, count(way.n)),
      el("button", { class: "btn small", type: "button", click: () => (way.name === "sub_workflows" ? change(way.name, "1", true) : change(way.name, way.value, false)) }, way.name === "sub_workflows" ? "Include" : "Remove")));
    empty.replaceChildren(el("h2", {}, `0 of ${count(page.known)} ${page.known === 1 ? "execution matches" : "executions match"}`),
      el("p", {}, ways.length ? "Taking one condition away brings some back:" : "No single condition stands in the way; start over."),
      el("ul", {}, ...ways), el("button", { class: "btn", type: "button", click: () => ask({}) }, "Remove all conditions"));
  }
  function drawFoot() {
    const last = page.start + page.rows.length;
    range.textContent = page.total ? `Rows ${count(page.start + 1)} to ${count(last)} of ${count(page.total)}, ${page.took_ms} ms` : `0 rows, ${page.took_ms} ms`;
    previous.disabled = !page.start; next.disabled = last >= page.total;
    const text = `${count(page.total)} ${page.total === 1 ? "execution" : "executions"} found`;
    if (said.dataset.filter !== JSON.stringify(page.filter)) { said.dataset.filter = JSON.stringify(page.filter); said.textContent = text; }
  }
  /** @param {string} id @param {boolean} focus */
  function choose(id, focus) {
    chosen = id;
    for (const [one, { row }] of drawn) { row.tabIndex = one === id ? 0 : -1; row.classList.toggle("on", one === id); }
    if (focus) drawn.get(id)?.row.focus();
  }
  /** @param {KeyboardEvent} event */
  function key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = /** @type {Element} */ (event.composedPath()[0]);
    if (target.matches("input, select, textarea, dialog *")) { if (event.key === "Escape" && target === input) input.blur(); return; }
    const rows = page.rows ?? [], at = rows.findIndex((/** @type {any} */ row) => row.id === chosen);
    const active = drawn.get(chosen)?.row.classList.contains("on") ?? false;
    if (event.key === "/") { input.focus(); input.select(); }
    else if (rows.length && ["j", "ArrowDown"].includes(event.key) && (event.key === "j" || active)) choose(rows[active ? Math.min(at + 1, rows.length - 1) : 0].id, true);
    else if (rows.length && ["k", "ArrowUp"].includes(event.key) && (event.key === "k" || active)) choose(rows[Math.max(at - 1, 0)].id, true);
    else if (event.key === "Enter" && active && target.closest("tr")) location.href = execution(chosen);
    else return;
    event.preventDefault();
  }
  const clockwork = setInterval(() => {
    for (const cell of root.querySelectorAll("[data-since]")) cell.textContent = took(Date.now() - Number(/** @type {HTMLElement} */ (cell).dataset.since));
  }, 1000);
  document.addEventListener("keydown", key);
  model.on("page", draw);
  model.on("remove", () => { clearInterval(clockwork); clearTimeout(typing); document.removeEventListener("keydown", key); });
  draw();
  greet(model, () => model.page.version ?? 0);
  return root;
}

/** @param {MouseEvent} event */
const plain = (event) => !(event.ctrlKey || event.metaKey || event.shiftKey || event.button);
