// @ts-check
/** The Board: what fails now, how much goes through, who waits. Draws `model.data`; asks through
 *  `model.request`. The throughput plot is a Bokeh figure that Python hands over as a child. */
import { again_sign, again_words, ago, clock, copyButton, count, el, execution, glyph, moment, ready, search, status, svg, took, worked } from "./ui.js";
import { greet } from "./hello.js";
import { sharing } from "./sharing.js";
import { starting } from "./start.js";

const SPANS = [["1h", "1 h"], ["24h", "24 h"], ["7d", "7 d"]];
const SPAN_WORDS = { "1h": "last hour", "24h": "last 24 hours", "7d": "last 7 days" };

/** @param {{model: any}} context */
export function render({ model }) {
  let sent = 0;
  /** @param {Record<string, any>} what */
  const ask = (what) => { model.request = { seq: ++sent, ...what }; };
  const live = el("span", { class: "t2 s live" });
  const spans = el("span", { class: "seg", role: "group", "aria-label": "Time span" });
  const start = starting(model, ask);
  const head = el("header", { class: "top" }, el("h1", {}, "Board"), el("span", { class: "grow" }), live, spans, model.sharing.share ? sharing(model, "this board", "btn", model.sharing.share_words) : null, start.button);
  const main = el("div", { class: "scroll" });
  const root = el("div", { class: "page board" }, head, main, start.dialog);
  const plot = el("div", { class: "plot" }, model.get_child("plot"));
  const parts = panels(plot);

  function draw() {
    const data = model.data;
    if (data.error) {
      main.replaceChildren(el("div", { class: "none" }, el("h2", {}, "The history could not be read."), el("p", {}, data.error), el("button", { class: "btn", type: "button", click: () => ask({ what: "refresh" }) }, "Try again")));
      return ready();
    }
    if (data.known === undefined) return;
    const empty = !data.known;
    live.replaceChildren(...(empty ? [] : [glyph("success", "success"), "Live"]));
    spans.hidden = empty;
    spans.replaceChildren(...(empty ? [] : SPANS.map(([name, word]) => el("button", { type: "button", "aria-pressed": String(name === data.span), click: () => { history.replaceState(null, "", data.is_shared ? `shared-board?span=${name}` : name === "24h" ? "./" : `./?span=${name}`); ask({ what: "span", span: name }); } }, word))));
    if (empty) { if (!main.querySelector(".empty")) main.replaceChildren(emptyBoard(model, ask)); }
    else { if (!main.contains(parts.root)) main.replaceChildren(parts.counts, parts.root); parts.draw(data); }
    if (data.is_shared) for (const link of root.querySelectorAll("a[href]")) { // nothing behind them is shared
      if (link.classList.contains("link")) link.remove();
      else link.removeAttribute("href");
    }
    start.button.hidden = Boolean(data.is_shared);
    ready();
  }
  model.on("data", draw);
  model.on("notice", () => { const place = main.querySelector(".notice"); if (place) place.textContent = model.notice.text; });
  draw();
  greet(model, () => model.data.version ?? 0);
  return root;
}

/** @param {HTMLElement} plot */
function panels(plot) {
  const counts = el("div", { class: "kst", role: "group", "aria-label": "Executions by status" });
  const failing = panel("Failing now"), through = panel("Throughput"), flows = panel("Workflows"), recent = panel("Recent executions"), waiting = panel("Waiting for a person"), branches = panel("Recent branches");
  through.body.append(plot);
  through.note.replaceWith(el("span", { class: "grow" }), el("span", { class: "leg xs t2" }, el("i", { class: "success" }), "all other"), el("span", { class: "leg xs t2" }, el("i", { class: "failure" }), "failed or timed out"));
  const root = el("div", { class: "bd" }, el("div", { class: "col" }, failing.root, through.root, flows.root), el("div", { class: "col" }, recent.root, waiting.root, branches.root));
  return {
    counts, root,
    /** @param {any} data */
    draw(data) {
      const all = Object.values(data.counts).reduce((/** @type {number} */ sum, /** @type {any} */ n) => sum + n, 0);
      counts.replaceChildren(...["RUNNING", "PAUSED", "FAILED", "TIMED_OUT", "WITH_ERRORS", "TERMINATED", "COMPLETED"].map((one) => el("a", { class: `k ${data.counts[one] ? "" : "zero"}`, href: search({ status: [one] }) }, glyph(status(one).glyph, status(one).family), el("b", {}, count(data.counts[one])), ` ${status(one).word.toLowerCase()}`)),
        el("span", { class: "grow" }), el("span", { class: "s t3" }, `${count(/** @type {number} */ (all))} ${all === 1 ? "execution" : "executions"}, ${/** @type {any} */ (SPAN_WORDS)[data.span]}`));
      drawFailing(failing, data);
      drawFlows(flows, data);
      drawRecent(recent, data);
      drawWaiting(waiting, data);
      drawBranches(branches, data);
    },
  };
}

/** A box with a title. @param {string} title */
function panel(title) {
  const id = `panel-${title.toLowerCase().replaceAll(" ", "-")}`;
  const note = el("span", { class: "t3 s ell" }), body = el("div", {});
  return { root: el("section", { class: "panel", "aria-labelledby": id }, el("div", { class: "ph" }, el("h2", { id }, title), note), body), note, body };
}

/** @param {{note: HTMLElement, body: HTMLElement}} box @param {any} data */
function drawFailing(box, data) {
  const groups = data.failing, sum = groups.reduce((/** @type {number} */ all, /** @type {any} */ one) => all + one.n, 0);
  box.note.textContent = groups.length ? `${count(sum)} execution${sum === 1 ? "" : "s"}, ${groups.length} cause${groups.length === 1 ? "" : "s"}` : "";
  if (!groups.length) return box.body.replaceChildren(el("p", { class: "calm" }, glyph("success", "success"), `Nothing failed in the ${/** @type {any} */ (SPAN_WORDS)[data.span]}.`));
  box.body.replaceChildren(
    el("div", { class: "fh xs t3", "aria-hidden": "true" }, el("span"), el("span", {}, "Cause"), el("span", {}, "When"), el("span", { class: "num" }, "Failed"), el("span", {}, "First seen"), el("span", {}, "Last seen"), el("span", { class: "num" }, "Opens at the cause")),
    ...groups.map((/** @type {any} */ group) => {
      const [type, ...rest] = group.error.split(": "), look = status(group.status);
      return el("a", { class: "fr", href: execution(group.id), "aria-label": `${group.error}, ${group.place}, ${group.n} failed, last ${ago(group.last_ms)}, opens at ${group.task}` },
        glyph(look.glyph, look.family), el("span", { class: "c" }, el("span", { class: "t ell" }, el("b", { class: "cause" }, type), rest.length ? `: ${rest.join(": ")}` : ""), el("span", { class: "p xs t2 ell" }, group.place)),
        spark(group.spark), el("b", { class: "n" }, count(group.n)), el("span", { class: "s t2 nw", title: moment(group.first_ms) }, clock(group.first_ms, false).replace(/ \d\d:\d\d$/, "")), el("span", { class: "s t2 nw", title: moment(group.last_ms) }, ago(group.last_ms)),
        el("span", { class: "go s" }, el("span", { class: "ell" }, group.task), glyph("arrow")));
    }));
}

/** @param {number[]} values */
function spark(values) {
  const top = Math.max(1, ...values), width = 120, step = width / Math.max(1, values.length);
  return svg("svg", { class: "spark", viewBox: `0 0 ${width} 24`, preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("path", { d: `M0 23.5H${width}`, stroke: "var(--line)" }),
    ...values.map((value, at) => value ? svg("rect", { x: at * step + 1, width: Math.max(1.5, step - 3), y: 23 - (value / top) * 21, height: (value / top) * 21, fill: "var(--failure)" }) : null));
}

/** @param {{note: HTMLElement, body: HTMLElement}} box @param {any} data */
function drawFlows(box, data) {
  box.note.textContent = "busiest first";
  if (!data.workflows.length) return box.body.replaceChildren(el("p", { class: "calm" }, "None ended in this time."));
  box.body.replaceChildren(el("table", {}, el("thead", {}, el("tr", {}, el("th", {}, "Workflow"), el("th", { class: "num" }, "Per hour"), el("th", {}, "Failure rate"), el("th", { class: "num" }, "Duration p50 · p95 · p99"))),
    el("tbody", {}, ...data.workflows.map((/** @type {any} */ flow) => {
      const share = flow.failed_share * 100, bar = el("i", {});
      bar.style.width = `${Math.max(share ? 2 : 0, Math.min(100, share))}%`;
      return el("tr", {}, el("td", {}, el("a", { class: "wn", title: flow.workflow, href: search({ workflow: [flow.workflow] }) }, flow.workflow), " ", el("span", { class: "t3 xs" }, `v${flow.version}`)),
        el("td", { class: "num" }, flow.per_hour >= 10 ? count(Math.round(flow.per_hour)) : flow.per_hour.toFixed(1)),
        el("td", {}, el("span", { class: "rate" }, el("span", { class: "rb", "aria-hidden": "true" }, bar), el("b", { class: share ? "hot" : "" }, `${share && share < 10 ? share.toFixed(1) : Math.round(share)} %`))),
        el("td", { class: "num t2" }, flow.durations_ms.map(took).join(" · ")));
    }))));
}

/** A two-line row that opens an execution.
 *  @param {string} id @param {{glyph: string, family: string}} look @param {any[]} first @param {any[]} second @param {any} end */
const row = (id, look, first, second, end) => el("a", { class: "srow", href: execution(id) }, glyph(look.glyph, look.family),
  el("span", { class: "grow two" }, el("span", { class: "ell" }, ...first), second.length ? el("span", { class: "xs t3 ell" }, ...second) : null), el("span", { class: "s nw end" }, end));

/** @param {{note: HTMLElement, body: HTMLElement}} box @param {any} data */
function drawRecent(box, data) {
  if (!box.note.firstChild) box.note.replaceChildren(el("a", { class: "link", href: "executions" }, "All executions"));
  box.note.classList.add("end");
  box.body.replaceChildren(...data.recent.map((/** @type {any} */ one) => {
    const look = status(one.status), note = [one.lead, one.note].filter(Boolean).join(" ");
    return row(one.id, look, [one.workflow, " ", el("code", { class: "t3" }, one.id.slice(0, 8))], [note || look.word], el("span", { class: one.end_ms ? "t2" : `word ${look.family}`, title: again_words(one) || null }, again_sign(one), one.again ? " " : "", one.end_ms ? `${took(worked(one))} · ${ago(one.start_ms)}` : `${look.word} ${took(worked(one))}`));
  }));
}

/** @param {{note: HTMLElement, body: HTMLElement}} box @param {any} data */
function drawWaiting(box, data) {
  box.note.textContent = data.waiting.length ? count(data.waiting.length) : "";
  if (!data.waiting.length) return box.body.replaceChildren(el("p", { class: "calm" }, "Nothing waits for a person."));
  box.body.replaceChildren(...data.waiting.map((/** @type {any} */ one) => row(one.id, { glyph: "person", family: "held" }, [`${one.workflow} ▸ ${one.task}`], [el("code", {}, one.id.slice(0, 8))], el("span", { class: "word held" }, `Held ${took(Date.now() - one.since_ms)}`))));
}

/** @param {{root: HTMLElement, body: HTMLElement}} box @param {any} data */
function drawBranches(box, data) {
  box.root.hidden = !data.branches.length;
  box.body.replaceChildren(...data.branches.map((/** @type {any} */ one) => row(one.id, status(one.status), [el("code", {}, one.id.slice(0, 8)), el("span", { class: "t3" }, " of "), el("code", {}, one.branch_of.slice(0, 8)), el("span", { class: "t3" }, " from "), one.task ?? "the start"], [], el("span", { class: "xs t3" }, `${one.edits ? `${one.edits} edit${one.edits === 1 ? "" : "s"} · ` : ""}${ago(one.start_ms)}`))));
}

/** The first start: three ways to get an execution. @param {any} model @param {(what: any) => void} ask */
function emptyBoard(model, ask) {
  const { samples, snippets, address } = model.start;
  const code = (/** @type {string} */ text) => el("pre", { tabindex: 0 }, text);
  const notice = el("p", { class: "notice s", role: "status" });
  const file = el("input", { type: "file", accept: ".json,application/json", class: "sr", tabindex: -1, "aria-hidden": "true", change: async () => {
    const chosen = file.files[0];
    if (chosen) ask({ what: "run", text: await chosen.text() });
    file.value = "";
  } });
  const workers = el("section", { class: "workers panel", hidden: true, "aria-labelledby": "connect" }, el("div", { class: "ph" }, el("h2", { id: "connect", tabindex: -1 }, "Connect a worker")),
    ...snippets.workers.map((/** @type {any} */ one) => el("div", { class: "snippet" }, el("div", { class: "row" }, el("h3", {}, one.title), el("span", { class: "grow" }), copyButton(() => one.text)), code(one.text))));
  const sample = el("button", { class: "btn primary", type: "button", disabled: samples.length === 0, click: () => { sample.disabled = true; notice.textContent = "Starting…"; ask({ what: "sample", name: samples[0] }); } }, "Run the sample that fails");
  model.on("notice", () => { sample.disabled = samples.length === 0; });
  const show = el("button", { class: "btn", type: "button", "aria-expanded": "false", click: () => {
    workers.hidden = !workers.hidden; show.setAttribute("aria-expanded", String(!workers.hidden));
    if (!workers.hidden) workers.querySelector("h2").focus();
  } }, "Connect a worker");
  const way = (/** @type {SVGElement} */ sign, /** @type {string} */ title, /** @type {string} */ words, /** @type {string} */ lines, /** @type {any} */ button) =>
    el("section", { class: "way" }, el("div", { class: "row" }, sign, el("h3", {}, title)), el("p", { class: "t2" }, words), code(lines), el("div", { class: "row" }, button, copyButton(() => lines)));
  return el("div", { class: "empty" }, el("h2", { class: "eh" }, "No executions yet."), el("p", { class: "t2" }, "The Board fills as soon as one runs. Three ways to start; each button does what its lines do."),
    el("div", { class: "ways" },
      way(glyph("failure", "failure"), "See a failure explained", "Runs order_flow, which fails on purpose deep in a sub-workflow, and opens it at the cause.", snippets.sample, sample),
      way(glyph("worker"), "Connect a worker", "A function in this process, a worker of any Conductor SDK over HTTP, or curl.", snippets.worker, show),
      way(glyph("file"), "Run a definition", "Registers a workflow definition from a JSON file and starts it with an empty input.", snippets.run, el("button", { class: "btn", type: "button", click: () => file.click() }, "Choose a JSON file…"))),
    file, notice, workers,
    el("p", { class: "t3 s" }, "Coming from a Conductor server? Point your workers at ", el("code", {}, `${address}/api`), "; nothing else changes."));
}
