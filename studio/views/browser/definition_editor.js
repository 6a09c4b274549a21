// @ts-check
/** One definition: look at it, change it, see what saving would change, save; delete it. */
import { definitionDeletion } from "./definition_deletion.js";
import { definitionPicture } from "./definition_picture.js";
import { copyButton, el, glyph, search } from "./ui.js";

const CHECK_AFTER_MS = 400;
/** @type {Record<string, any>} */
const BEGINNINGS = {
  workflow: { name: "my_workflow", version: 1, description: "", tasks: [{ name: "my_task", taskReferenceName: "my_task", type: "SIMPLE", inputParameters: {} }], inputParameters: [], outputParameters: {}, schemaVersion: 2, timeoutPolicy: "ALERT_ONLY", timeoutSeconds: 0 },
  task: { name: "my_task", description: "", retryCount: 3, retryLogic: "FIXED", retryDelaySeconds: 60, timeoutSeconds: 3600, timeoutPolicy: "TIME_OUT_WF", responseTimeoutSeconds: 600 },
};

/** @param {{where: string, locked: string}} about whose definitions these are, and why none can be changed
 *  @param {(what: Record<string, any>) => number} ask sends a question, returns its number
 *  @param {{saved: (done: any) => void, deleted: (done: any) => void, version: (version: number) => void, turned: (is_drawn: boolean) => void, closed: () => void, back: () => void}} host */
export function definitionEditor(about, ask, host) {
  let mode = "rest", kind = "workflow", stored = "", name = "", number = 0, checking = 0, drawing = 0, timer = 0;
  let is_drawn = new URLSearchParams(location.search).get("view") !== "json";
  /** @type {any} */ let plan = null;
  const is_server = about.where.startsWith("Server");
  const save_word = is_server ? "Publish" : "Save";

  const title = el("h2", { class: "ell", tabindex: -1 });
  const version = el("select", { "aria-label": "Version", change: () => host.version(Number(version.value)) });
  const runs = el("a", { class: "btn small" }, "Executions");
  const copy = copyButton(() => code.textContent ?? "", "Copy");
  const edit = el("button", { class: "btn small", type: "button", disabled: !!about.locked, title: about.locked || null, click: () => begin(kind, stored) }, "Edit");
  const drop = el("button", { class: "btn small", type: "button", disabled: !!about.locked, title: about.locked || null, click: () => { drop.disabled = true; problems([]); ask({ what: "losses", kind, name, version: number }); } }, "Delete…");
  const faces = [["Graph", true], ["JSON", false]].map(([word, drawn]) => el("button", { type: "button", click: () => { is_drawn = drawn; show(mode); host.turned(is_drawn); } }, word));
  const face = el("span", { class: "seg", role: "group", "aria-label": "Shown as" }, faces);
  const picture = definitionPicture();
  const deletion = definitionDeletion(about.where, ({ text }) => ask({ what: "delete", kind, name, version: number, text }));
  const bump = el("button", { class: "btn small", type: "button", title: "Sets version to the next number: executions under way keep the one they began with", click: next_version }, "New version");
  const cancel = el("button", { class: "btn small", type: "button", click: () => { if (leave()) host.closed(); } }, "Cancel");
  const review = el("button", { class: "btn small primary", type: "button", click: () => { problems([]); review.disabled = true; ask({ what: "plan", kind, text: area.value }); } }, "Review changes…");
  const back = el("button", { class: "btn small back", type: "button", click: () => { if (leave()) host.back(); } }, "All");
  const code = el("pre", { tabindex: 0, "aria-label": "Definition as JSON" });
  const area = el("textarea", { spellcheck: "false", autocomplete: "off", "aria-label": "Definition as JSON", "aria-describedby": "definition-problems", input: () => later(),
    keydown: (/** @type {KeyboardEvent} */ event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !review.disabled) { event.preventDefault(); review.click(); } } });
  const list = el("ul", { class: "problems", id: "definition-problems", role: "status" });
  const said = el("p", { class: "said", role: "status" });
  const empty = el("div", { class: "nothing" }, said, el("h2", {}, "Nothing is chosen."), el("p", {}, about.locked || `Choose a definition to read or change it, or begin a new one.${is_server ? " What is published goes to the server, after its difference was shown." : ""}`));
  const bar = el("header", { class: "bar" }, back, title, version, el("span", { class: "grow" }), face, runs, copy, edit, drop, bump, cancel, review);
  const root = el("section", { class: "one", "aria-label": "Definition" }, bar, picture.root, code, area, list, empty);

  const diff = el("pre", { class: "diff", tabindex: 0, "aria-label": "What changes" });
  const heading = el("h2", { id: "diff-title" }), words = el("p", {}), go = el("button", { class: "btn primary", type: "button", click: save }, save_word);
  const dialog = el("dialog", { class: "plan", "aria-labelledby": "diff-title" }, heading, words, diff, el("div", { class: "row" }, go, el("button", { class: "btn", type: "button", click: () => dialog.close() }, "Back to editing")));

  /** @param {string} now */
  function show(now) {
    mode = now;
    const editing = now === "edit", reading = now === "read";
    empty.hidden = now !== "rest"; bar.hidden = now === "rest";
    const pictured = is_drawn && kind === "workflow";
    faces.forEach((one, at) => one.setAttribute("aria-pressed", String((at === 0) === is_drawn)));
    face.hidden = !reading || kind !== "workflow";
    picture.root.hidden = !reading || !pictured;
    code.hidden = !reading || pictured; area.hidden = !editing;
    for (const one of [edit, copy, drop]) one.hidden = !reading;
    if (reading && pictured && !drawing && name) { picture.ask(); drawing = ask({ what: "picture", kind, name, version: number }); }
    for (const one of [cancel, review]) one.hidden = !editing;
    bump.hidden = !editing || kind !== "workflow";
    version.hidden = editing || kind !== "workflow" || version.options.length === 0;
    runs.hidden = !reading || kind !== "workflow";
    if (!editing) problems([]);
  }
  /** @param {{path: string, message: string}[]} found @param {{path: string, message: string}[]} [hints] what refuses nothing */
  function problems(found, hints = []) {
    list.hidden = !found.length && !hints.length;
    const line = (/** @type {Node} */ mark, /** @type {{path: string, message: string}} */ { path, message }) => el("li", {}, mark, path ? el("code", {}, path) : null, el("span", {}, message));
    list.replaceChildren(...found.map((one) => line(glyph("failure", "failure"), one)), ...hints.map((one) => line(el("strong", {}, "Hint"), one)));
  }
  /** It could not be read: nothing to look at, to change or to delete. @param {{path: string, message: string}[]} found */
  function unread(found) {
    show("read"); mode = "unread";
    for (const one of [picture.root, code, face, version, runs, copy, edit, drop]) one.hidden = true;
    problems(found);
  }
  /** @param {string} which @param {string} [text] what is changed; left out: a beginning */
  function begin(which, text) {
    if (!leave()) return;
    kind = which;
    if (text === undefined) { name = ""; stored = ""; title.textContent = `New ${which} definition`; }
    area.value = text ?? JSON.stringify(BEGINNINGS[which], null, 2);
    root.parentElement?.parentElement?.classList.add("reading");
    show("edit"); area.focus(); area.setSelectionRange(0, 0);
    check();
  }
  function next_version() {
    try {
      const body = JSON.parse(area.value);
      body.version = Math.max(Number(body.version) || 0, ...[...version.options].map((one) => Number(one.value))) + 1;
      area.value = JSON.stringify(body, null, 2);
      check();
    } catch { check(); }
  }
  function later() { clearTimeout(timer); timer = window.setTimeout(check, CHECK_AFTER_MS); }
  function check() {
    clearTimeout(timer);
    try {
      JSON.parse(area.value);
    } catch (error) {
      review.disabled = true; checking = 0;
      return problems([{ path: "", message: place(area.value, /** @type {Error} */ (error)) }]);
    }
    checking = ask({ what: "check", kind, text: area.value });
  }
  function save() {
    go.disabled = true;
    ask({ what: "save", kind, text: area.value, agreed: plan.diff });
  }
  /** @param {any} answer */
  function answered(answer) {
    const found = answer.problems ?? [];
    if (answer.what === "open") {
      if (mode !== "wait") return;
      if (found.length) { unread(found); return; }
      ({ kind, name } = answer); number = answer.version; stored = answer.text;
      code.textContent = stored; title.textContent = name;
      if (number) version.value = String(number);
      runs.href = search({ workflow: [name] });
      drawing = 0; drop.disabled = !!about.locked;
      show("read");
    } else if (answer.what === "picture") {
      if (answer.seq !== drawing) return;
      if (found.length) picture.fail(`It can't be drawn: ${found[0].message}`); else picture.show(answer.picture, answer.name);
    } else if (answer.what === "losses" || answer.what === "delete") {
      drop.disabled = !!about.locked;
      if (answer.what === "losses" && mode === "read" && !found.length) return deletion.propose(answer);
      deletion.close();
      if (found.length) { if (mode === "read") problems(found); return; }
      if (answer.deleted) host.deleted(answer);
    } else if (answer.what === "check") {
      if (mode !== "edit" || answer.seq !== checking) return;
      problems(found, answer.hints); review.disabled = found.length > 0;
    } else if (answer.what === "plan" || (answer.what === "save" && !answer.saved)) {
      review.disabled = go.disabled = false;
      if (found.length) { dialog.close(); problems(found); return; }
      propose(answer, answer.what === "save");
    } else if (answer.saved) {
      dialog.close(); stored = area.value; show("wait");
      host.saved(answer);
    }
  }
  /** @param {any} proposed @param {boolean} again */
  function propose(proposed, again) {
    plan = proposed;
    heading.textContent = plan.is_empty ? "Nothing changes" : `${save_word} ${plan.title}?`;
    const where = is_server ? ` It goes to ${about.where.replace("Server ", "")}.` : "";
    words.textContent = plan.is_empty ? "What is stored says just this."
      : again ? "It was changed by someone else meanwhile: this is the difference now."
        : plan.is_new && plan.newest ? `It is a new version: lines with − are in version ${plan.newest}, the newest by now, which stays; lines with + are not.${where}`
        : plan.is_new ? `It is new.${where}` : `Lines with − are stored now, lines with + take their place.${where} Executions under way keep what they began with.`;
    diff.hidden = plan.is_empty;
    diff.replaceChildren(...plan.diff.filter((/** @type {string} */ line) => !/^(---|\+\+\+) /.test(line)).map((/** @type {string} */ line) => el("span", { class: { "+": "add", "-": "del", "@": "at" }[line[0]] ?? "" }, `${line}\n`)));
    go.disabled = plan.is_empty;
    if (!dialog.open) dialog.showModal();
  }
  /** Whether what is typed may be left behind. */
  function leave() {
    return mode !== "edit" || area.value === stored || (stored === "" && area.value === JSON.stringify(BEGINNINGS[kind], null, 2)) || confirm("Leave without saving what you changed?");
  }
  const warn = (/** @type {BeforeUnloadEvent} */ event) => { if (mode === "edit" && area.value !== stored && stored) event.preventDefault(); };
  window.addEventListener("beforeunload", warn);
  return {
    root, dialogs: [dialog, deletion.dialog], begin, leave, answered,
    /** @param {string} [done] what has just been done */
    rest: (done) => { said.textContent = done ?? ""; show("rest"); },
    /** @param {string} of */
    wait: (of) => { title.textContent = of; area.value = stored = ""; show("wait"); },
    /** @param {number[]} all */
    versions: (all) => {
      version.replaceChildren(...all.map((one, at) => el("option", { value: one }, at ? `version ${one}` : `version ${one}, newest`)));
      if (number) version.value = String(number);
      if (mode === "read") show("read");
    },
    stop: () => { clearTimeout(timer); picture.stop(); window.removeEventListener("beforeunload", warn); },
  };
}

/** What is wrong with a JSON text, with line and column where the browser tells. @param {string} text @param {Error} error */
function place(text, error) {
  const at = Number(/position (\d+)/.exec(error.message)?.[1] ?? NaN);
  if (Number.isNaN(at) || /line \d+/.test(error.message)) return `Not JSON yet: ${error.message}`;
  const before = text.slice(0, at).split("\n");
  return `Not JSON yet: ${error.message.replace(/ in JSON at position \d+/, "")}, line ${before.length}, column ${(before.at(-1) ?? "").length + 1}`;
}
