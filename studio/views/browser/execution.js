// @ts-check
/** The page of one execution: the view that Python hands over as a child, or a way back where
 *  there is no such execution. Draws `model.head`. */
import { greet } from "./hello.js";
import { sharing } from "./sharing.js";
import { count, el, execution, ready, search } from "./ui.js";

/** @param {{model: any}} context */
export function render({ model }) {
  // Panel draws only children that are in place when this returns, so the view always is.
  const view = model.get_child("view");
  const root = el("div", { class: "page execution" }, view);
  let here = false;
  function draw() {
    const { found, title, notice } = model.head;
    here = model.head.there === true;
    if (found === undefined) return;
    if (found) {
      document.title = title;
      root.querySelector(".approximate")?.remove();
      if (notice) root.prepend(line(model));
      if (model.head.share) offer_sharing(model);
    } else {
      view.hidden = true;
      root.querySelector(".notfound")?.remove();
      root.append(missing(model.head));
    }
    ready();
  }
  model.on("head", draw);
  model.on("goto", () => { if (model.goto) location.href = execution(model.goto) + (here ? "&here=1" : ""); });
  model.on("copied", () => {
    const { id, error } = model.copied;
    if (id) location.href = `${execution(id)}&here=1`;
    else if (error) root.querySelector(".approximate")?.append(" ", el("span", { class: "failure", role: "alert" }, error));
  });
  draw();
  greet(model, () => model.head.version ?? 0);
  return root;
}

/** A line above the view: its times are not those of recorded events, or it is a copy.
 *  @param {any} model */
function line(model) {
  const { badge, notice, copies, there } = model.head;
  const copy = el("button", { class: "btn small", type: "button", click: () => { copy.disabled = true; copy.textContent = "Copying…"; model.request = { seq: Date.now(), what: "copy" }; } }, "Copy here to branch and replay");
  const back = el("a", { class: "btn small", href: location.search.replace(/[?&]here=1/, "").replace(/^&/, "?") }, "The original");
  return el("p", { class: "approximate", role: "note" }, el("b", {}, badge), " ", notice, " ", copies ? copy : null, there ? back : null);
}

/** An entry of the rail for links to this execution. @param {any} model */
function offer_sharing(model) {
  const place = document.querySelector(".rail .status");
  if (place && !place.querySelector(".share")) place.prepend(sharing(model, "this execution", "share", model.head.share_words));
}

/** @param {any} head */
function missing(head) {
  const ways = [el("a", { class: "btn primary", href: "executions" }, "All executions"),
    head.id ? el("a", { class: "btn", href: search({ text: head.id.slice(0, 8) }) }, "Search for its first characters") : null, el("a", { class: "btn", href: "./" }, "Board")];
  const words = head.error ? ["This execution could not be read.", head.error]
    : head.id ? ["There is no such execution here.", "Nothing in this history has the id below. It may be in another database, or it was removed."]
      : ["No execution was asked for.", "The address names none."];
  return el("div", { class: "notfound" }, el("h1", {}, words[0]), el("p", { class: "t2" }, words[1]), head.id ? el("code", {}, head.id) : null,
    head.known ? el("p", { class: "t3 s" }, head.known === 1 ? "1 execution is here." : `${count(head.known)} executions are here.`) : null, el("div", { class: "row" }, ...ways));
}
