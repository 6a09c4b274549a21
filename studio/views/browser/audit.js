// @ts-check
/** The Audit page: who changed what, when, from where. Python holds the rows and makes differences;
 *  this asks for pages through `model.request`. Everything is shown as text. */
import { greet } from "./hello.js";
import { ago, count, el, glyph, moment, ready } from "./ui.js";

const NAMES = ["who", "what", "object", "since_ms", "until_ms", "before"];

/** @param {{model: any}} context */
export function render({ model }) {
  const given = new URLSearchParams(location.search);
  let sent = 0, open = 0;
  /** @type {Record<string, any>} */ let filter = Object.fromEntries(NAMES.map((name) => [name, name.endsWith("_ms") || name === "before" ? Number(given.get(name)) || 0 : given.get(name) ?? ""]));
  /** @type {number[]} */ let newer = [];

  const who = field("who", "Who", "ann, or user"), object = field("object", "Object begins with", "workflow_defs/order_flow");
  const what = el("select", { "aria-label": "What was done", change: () => change({ what: what.value }) }, el("option", { value: "" }, "Anything"));
  const since = when("since_ms", "From"), until = when("until_ms", "Until");
  const clear = el("button", { class: "btn small", type: "button", click: () => { newer = []; change({ who: "", what: "", object: "", since_ms: 0, until_ms: 0 }); } }, "Clear");
  const body = el("tbody", {});
  const heads = [["wh", "When"], ["ac", "Who"], ["op", "What"], ["ob", "Object"], ["fr", "From where"]];
  const table = el("table", { "aria-label": "Changes, newest first" }, el("thead", {}, el("tr", {}, ...heads.map(([kind, word]) => el("th", { class: kind, scope: "col" }, word)))), body);
  const nothing = el("div", { class: "nothing", hidden: true });
  const range = el("span", { role: "status" });
  const back = el("button", { class: "btn small", type: "button", click: () => { const before = newer.pop() ?? 0; ask({ ...filter, before }); } }, "Newer");
  const older = el("button", { class: "btn small", type: "button", click: () => { newer.push(filter.before); ask({ ...filter, before: model.data.rows.at(-1).number }); } }, "Older");
  const root = el("div", { class: "page audit" },
    el("header", { class: "top" }, el("h1", {}, "Audit"), el("span", { class: "grow" }), el("button", { class: "btn small", type: "button", click: () => { newer = []; ask({ ...filter, before: 0 }); } }, "Newest")),
    el("div", { class: "find", role: "search" }, who.box, what, object.box, since.label, until.label, clear),
    el("div", { class: "list" }, table, nothing),
    el("div", { class: "foot" }, range, el("span", { class: "grow" }), back, older));

  /** @param {string} name @param {string} label @param {string} hint */
  function field(name, label, hint) {
    const input = el("input", { type: "search", "aria-label": label, placeholder: hint, autocomplete: "off", spellcheck: "false", change: () => change({ [name]: input.value.trim() }) });
    return { input, box: el("div", { class: "box" }, glyph(name === "who" ? "person" : "search"), input) };
  }
  /** @param {string} name @param {string} word */
  function when(name, word) {
    const input = el("input", { type: "datetime-local", change: () => change({ [name]: input.value ? new Date(input.value).getTime() : 0 }) });
    return { input, label: el("label", { class: "when" }, word, " ", input) };
  }
  /** @param {Record<string, any>} some */
  function change(some) { newer = []; ask({ ...filter, ...some, before: 0 }); }
  /** @param {Record<string, any>} wanted */
  function ask(wanted) {
    filter = wanted; open = 0;
    const query = new URLSearchParams(NAMES.filter((name) => filter[name]).map((name) => [name, String(filter[name])]));
    history.replaceState(null, "", query.size ? `audit?${query}` : "audit");
    root.setAttribute("aria-busy", "true");
    model.request = { seq: ++sent, filter };
  }
  const local = (/** @type {number} */ ms) => ms ? new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 16) : "";

  /** Not under somebody's fingers: rows may come while the next words are typed.
   *  @param {HTMLInputElement | HTMLSelectElement} input @param {string} value */
  function fill(input, value) { if (!input.matches(":focus")) input.value = value; }

  function draw() {
    const { rows, error, has_older, operations } = model.data;
    root.removeAttribute("aria-busy");
    if (error) return say("The audit could not be read.", error, el("button", { class: "btn", type: "button", click: () => ask(filter) }, "Try again"));
    if (!rows) return;
    if (what.options.length === 1) what.append(...operations.map((/** @type {string} */ one) => el("option", { value: one }, one.replaceAll("_", " "))));
    fill(who.input, filter.who); fill(what, filter.what); fill(object.input, filter.object);
    fill(since.input, local(filter.since_ms)); fill(until.input, local(filter.until_ms));
    const narrowed = NAMES.some((name) => name !== "before" && filter[name]);
    clear.hidden = !narrowed;
    back.disabled = !filter.before; older.disabled = !has_older;
    range.textContent = rows.length ? `${count(rows.length)} changes, ${moment(rows.at(-1).wall_ms)} to ${moment(rows[0].wall_ms)}` : "No changes";
    if (!rows.length && filter.before) return say("There is nothing older.", "", el("button", { class: "btn", type: "button", click: () => ask({ ...filter, before: 0 }) }, "Newest"));
    if (!rows.length && narrowed) return say("None of the changes matches.", "Names of people are matched whole, objects by their beginning.", el("button", { class: "btn", type: "button", click: () => clear.click() }, "Show all"));
    if (!rows.length) return say("Nothing was changed so far.", "Log-ins and every change of definitions, executions, schedules, users, keys and secrets leave a row here. Nothing takes one away.");
    table.hidden = false; nothing.hidden = true;
    body.replaceChildren(...rows.flatMap(entry));
    ready();
  }
  /** @param {string} title @param {string} words @param {...Element} more */
  function say(title, words, ...more) {
    table.hidden = true; nothing.hidden = false;
    nothing.replaceChildren(el("h2", {}, title), el("p", {}, words), ...more);
    ready();
  }
  /** @param {any} row */
  function entry(row) {
    const shown = el("button", { class: "link", type: "button", "aria-expanded": "false", "data-row": row.number, click: () => toggle(row) }, "Difference");
    const name = row.actor.startsWith("user:") ? row.actor.slice(5) : row.actor;
    return [el("tr", {},
      el("td", { class: "wh", title: moment(row.wall_ms) }, ago(row.wall_ms)),
      el("td", { class: "ac", title: `${row.actor}, ${row.kind}` }, el("button", { class: "plain", type: "button", title: "Only of this one", click: () => change({ who: row.actor }) }, el("b", {}, name)), el("span", { class: "t3" }, ` ${row.kind}`)),
      el("td", { class: "op" }, el("button", { class: "plain", type: "button", title: "Only this", click: () => change({ what: row.operation }) }, row.operation.replaceAll("_", " "))),
      el("td", { class: "ob", title: row.object }, el("code", {}, row.object), row.has_difference ? shown : null),
      el("td", { class: "fr", title: row.address }, row.address || "this machine")),
    el("tr", { class: "more", hidden: true, "data-more": row.number }, el("td", { colspan: 5 }))];
  }
  /** @param {any} row */
  function toggle(row) {
    const more = body.querySelector(`[data-more="${Number(row.number)}"]`), button = body.querySelector(`[data-row="${Number(row.number)}"]`);
    more.hidden = !more.hidden;
    button.setAttribute("aria-expanded", String(!more.hidden));
    if (more.hidden) return;
    open = row.number;
    more.firstChild.replaceChildren(el("p", { class: "t3 s" }, "Comparing…"));
    model.request = { seq: ++sent, what: "difference", number: row.number };
  }
  function compare() {
    const { number, lines, left_out, error } = model.difference;
    const place = body.querySelector(`[data-more="${Number(number ?? open)}"]`)?.firstChild;
    if (!place) return;
    if (error) return place.replaceChildren(el("p", { class: "failure s", role: "alert" }, error));
    if (!lines.length) return place.replaceChildren(el("p", { class: "t3 s" }, "It was written again as it was."));
    place.replaceChildren(el("pre", { tabindex: 0, "aria-label": "Before and after" }, ...lines.map((/** @type {string} */ line) => el("span", { class: line[0] === "+" ? "in" : line[0] === "-" ? "out" : line[0] === "@" ? "at" : "" }, `${line}\n`))),
      ...(left_out ? [el("p", { class: "t3 s" }, `${count(left_out)} more lines differ.`)] : []));
  }
  model.on("data", draw);
  model.on("difference", compare);
  draw();
  if (NAMES.some((name) => filter[name])) ask(filter);
  greet(model, () => model.data.version ?? 0);
  return root;
}
