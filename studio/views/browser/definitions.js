// @ts-check
/** The Definitions page: a list to search, and one definition as picture or JSON beside it. What is changed is
 *  checked while it is typed, and saved only after its difference to what is stored was shown. */
import { definitionEditor } from "./definition_editor.js";
import { greet } from "./hello.js";
import { rowKeys } from "./row_keys.js";
import { ago, count, el, glyph, moment, ready } from "./ui.js";

const KINDS = [["workflow", "Workflows"], ["task", "Tasks"]];

/** @param {{model: any}} context */
export function render({ model }) {
  const given = new URLSearchParams(location.search);
  let sent = Date.now(), text = given.get("text") ?? "", view = given.get("view") === "json" ? "json" : "", kind = given.get("kind") === "task" ? "task" : "workflow";
  /** @type {{name: string, version: number | null} | null} */
  let chosen = given.get("name") ? { name: given.get("name") ?? "", version: Number(given.get("version")) || null } : null;
  // Asked for once the first data is there: an answer that comes before the page is ready can get lost.
  let addressed = chosen !== null;
  /** @param {Record<string, any>} what @returns {number} */
  const ask = (what) => { model.request = { seq: ++sent, ...what }; return sent; };

  const seg = el("span", { class: "seg", role: "group", "aria-label": "What is listed" });
  const input = el("input", { type: "search", "aria-label": "Search definitions", placeholder: "Name, description or owner", autocomplete: "off", spellcheck: "false",
    input: () => { text = input.value; keep(); draw(); } });
  input.value = text;
  const head = el("tr", {}), body = el("tbody", {});
  const table = el("table", {}, el("thead", {}, head), body);
  const nothing = el("div", { class: "nothing", hidden: true });
  const range = el("span", { role: "status" });
  const locked = model.about.locked;
  const fresh = el("button", { class: "btn primary", type: "button", disabled: !!locked, title: locked || null, click: () => editor.begin(kind) }, "New…");
  const editor = definitionEditor(model.about, ask, {
    saved: (/** @type {any} */ done) => open(done.kind, done.name, done.version),
    deleted: (/** @type {any} */ done) => {
      if (done.left.length) return open(done.kind, done.name, null);
      chosen = null; keep(); root.classList.remove("reading"); editor.rest(`${done.name} is deleted.`); input.focus();
    },
    turned: (/** @type {boolean} */ is_drawn) => { view = is_drawn ? "" : "json"; keep(); },
    version: (/** @type {number} */ version) => chosen && open(kind, chosen.name, version),
    closed: () => { if (chosen) open(kind, chosen.name, chosen.version); else { root.classList.remove("reading"); editor.rest(); } },
    back: () => { chosen = null; keep(); root.classList.remove("reading"); },
  });
  const root = el("div", { class: "page definitions" },
    el("header", { class: "top" }, el("h1", {}, "Definitions"), el("span", { class: "t3 s live" }, model.about.where), el("span", { class: "grow" }), fresh),
    el("div", { class: "two" },
      el("section", { class: "index", "aria-label": "Registered definitions" },
        el("div", { class: "find", role: "search" }, el("div", { class: "box" }, glyph("search"), input, el("kbd", { "aria-hidden": "true" }, "/")), seg),
        el("div", { class: "list" }, table, nothing),
        el("div", { class: "foot" }, range, el("span", { class: "keys", "aria-hidden": "true" }, el("kbd", {}, "J"), el("kbd", {}, "K"), " move ", el("kbd", {}, "↵"), " show"))),
      editor.root), editor.dialogs);
  const keys = rowKeys(body, input, (row) => open(kind, row.dataset.id ?? "", null));

  function keep() {
    const values = [["kind", kind === "task" ? kind : ""], ["name", chosen?.name ?? ""], ["version", chosen?.version ? String(chosen.version) : ""], ["text", text], ["view", view]];
    const query = new URLSearchParams(values.filter(([, value]) => value));
    history.replaceState(null, "", query.size ? `definitions?${query}` : "definitions");
  }
  /** @param {string} which @param {string} name @param {number | null} version null: the newest */
  function open(which, name, version) {
    if (!editor.leave()) return;
    kind = which; chosen = { name, version };
    keep(); draw();
    root.classList.add("reading");
    editor.wait(name);
    ask({ what: "open", kind, name, version });
  }
  function draw() {
    const data = model.data;
    if (data.error) return say("Definitions could not be read.", data.error, el("button", { class: "btn", type: "button", click: () => ask({ what: "refresh" }) }, "Try again"));
    if (!data.workflows) return;
    if (addressed && chosen) { addressed = false; open(kind, chosen.name, chosen.version); }
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const matching = (/** @type {any[]} */ all) => all.filter((one) => words.every((word) => `${one.name} ${one.description} ${one.owner}`.toLowerCase().includes(word)));
    const found = { workflow: matching(data.workflows), task: matching(data.tasks) };
    seg.replaceChildren(...KINDS.map(([name, word]) => el("button", { type: "button", "aria-pressed": String(name === kind), click: () => { if (!editor.leave()) return; kind = name; chosen = null; keep(); root.classList.remove("reading"); editor.rest(); draw(); } }, word, el("span", { class: "c" }, count(found[/** @type {"workflow" | "task"} */ (name)].length)))));
    const all = kind === "task" ? data.tasks : data.workflows, shown = kind === "task" ? found.task : found.workflow;
    editor.versions(kind === "workflow" ? data.workflows.find((/** @type {any} */ one) => one.name === chosen?.name)?.versions ?? [] : []);
    range.textContent = `${count(shown.length)} of ${count(all.length)} ${kind === "task" ? "task" : "workflow"} definition${all.length === 1 ? "" : "s"}`;
    if (!all.length) return say(kind === "task" ? "No task definitions yet." : "No workflow definitions yet.", kind === "task" ? "They hold retries, time-outs and limits of workers' tasks." : "Register one from code, over HTTP, or with New…");
    if (!shown.length) return say("None of them matches.", `Nothing is called “${text.trim()}”.`, el("button", { class: "btn", type: "button", click: () => { text = input.value = ""; keep(); draw(); } }, "Show all"));
    table.hidden = false; nothing.hidden = true;
    table.setAttribute("aria-label", kind === "task" ? "Task definitions by name" : "Workflow definitions by name");
    head.replaceChildren(...(kind === "task" ? [["nm", "Task"], ["vs num", "Retries"], ["up num", "Changed"]] : [["nm", "Workflow"], ["vs num", "Versions"], ["ts num", "Tasks"], ["up num", "Changed"]]).map(([name, word]) => el("th", { class: name, scope: "col" }, word)));
    keys.draw(shown.map((/** @type {any} */ one) => ({ id: one.name, key: kind + JSON.stringify(one), cells: () => cells(one) })));
    if (chosen) keys.choose(chosen.name, false);
    ready();
  }
  /** @param {any} one */
  function cells(one) {
    const name = el("td", { class: "nm", title: one.description || one.name }, el("b", {}, one.name), one.description ? el("span", { class: "t3 xs about" }, one.description) : null);
    const changed = el("td", { class: "up num", title: one.updated_ms ? moment(one.updated_ms) : null }, one.updated_ms ? ago(one.updated_ms) : "");
    if (kind === "task") return [name, el("td", { class: "vs num" }, count(one.retries)), changed];
    return [name, el("td", { class: "vs num", title: `Versions ${one.versions.join(", ")}` }, one.versions.length < 4 ? one.versions.toReversed().join(", ") : `${one.versions.at(-1)}–${one.versions[0]}`), el("td", { class: "ts num" }, count(one.tasks)), changed];
  }
  /** @param {string} title @param {string} words @param {...Element} more */
  function say(title, words, ...more) {
    table.hidden = true; nothing.hidden = false;
    nothing.replaceChildren(el("h2", {}, title), el("p", {}, words), ...more);
    ready();
  }
  model.on("data", draw);
  model.on("answer", () => editor.answered(model.answer));
  model.on("remove", () => { keys.stop(); editor.stop(); });
  draw();
  greet(model, () => model.data.version ?? 0);
  if (chosen) { root.classList.add("reading"); editor.wait(chosen.name); } else editor.rest();
  return root;
}
