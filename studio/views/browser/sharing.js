// @ts-check
/** Read-only links to what a page shows: a button, and a dialog that makes, lists and revokes them.
 *  Asks through `model.share`, is answered through `model.shared`. */
import { ago, el, moment } from "./ui.js";

const HOLDS = [[1, "1 day"], [7, "7 days"], [30, "30 days"], [90, "90 days"]];

/** @param {any} model @param {string} what as in "this execution" @param {string} kind class of the button
 *  @param {string} why_not why no links can be made and what to do; empty: they can
 *  @returns {HTMLButtonElement} */
export function sharing(model, what, kind, why_not) {
  let sent = 0;
  const ask = (/** @type {any} */ request) => { model.share = { seq: ++sent, ...request }; };
  const days = el("select", { id: "share-days", "aria-label": "How long the link holds" }, ...HOLDS.map(([n, word]) => el("option", { value: n, selected: n === 7 }, word)));
  const make = el("button", { class: "btn primary", type: "button", click: () => { make.disabled = true; ask({ what: "make", days: Number(days.value) }); } }, "Make a link");
  const wrong = el("p", { role: "alert", hidden: true });
  const made = el("div", { class: "made", hidden: true });
  const list = el("ul", { "aria-label": "Links that hold" });
  const dialog = el("dialog", { class: "shared", "aria-label": `Share ${what}` },
    el("h2", {}, `Share ${what}`), el("p", {}, `Whoever has a link sees ${what}, only to read, and nothing else, without a log-in.`),
    ...(why_not ? [el("p", {}, ...coded(why_not))] : [el("div", { class: "row" }, days, make), wrong, made, list]),
    el("div", { class: "row" }, el("button", { class: "btn", type: "button", click: () => dialog.close() }, "Close")));

  function show() {
    const { links, made: link, error } = model.shared;
    make.disabled = false;
    wrong.hidden = !error;
    wrong.textContent = error ?? "";
    if (link) show_made(link);
    if (links) list.replaceChildren(...(links.length ? links.map(entry) : [el("li", {}, "No links so far.")]));
  }
  /** The address is told once: the server keeps only what recognises it. @param {any} link */
  function show_made(link) {
    const address = `${new URL("open-link", location.href).href}#${link.token}`;
    const input = el("input", { readonly: true, "aria-label": "Link", value: address });
    const copy = el("button", { class: "btn", type: "button", click: () => { input.select(); void navigator.clipboard?.writeText(address); copy.textContent = "Copied"; } }, "Copy");
    made.hidden = false;
    made.dataset.id = link.id;
    made.replaceChildren(input, el("div", { class: "row" }, copy, el("span", {}, "It is shown only now.")));
  }
  /** @param {any} link */
  function entry(link) {
    const over = link.expireTime < Date.now();
    const words = `by ${link.createdBy}, ${ago(link.createTime)}; ${over ? "ran out" : "until"} ${moment(link.expireTime)}`;
    return el("li", {}, el("span", {}, words), el("button", { class: "btn", type: "button", "aria-label": `Revoke the link ${words}`, click: () => {
      if (made.dataset.id === link.id) made.hidden = true;
      ask({ what: "revoke", id: link.id });
    } }, over ? "Remove" : "Revoke"));
  }
  document.querySelector("dialog.shared")?.remove();
  document.body.append(dialog);
  model.on("shared", show);
  model.on("remove", () => dialog.remove());
  const open = () => { made.hidden = wrong.hidden = true; list.replaceChildren(); if (!why_not) ask({ what: "list" }); dialog.showModal(); };
  offerToGo(`Share ${what}…`, open, model);
  return el("button", { class: kind, type: "button", click: open }, `Share ${what}…`);
}

/** An entry of the go-to dialog. @param {string} words @param {() => void} open @param {any} model */
function offerToGo(words, open, model) {
  const places = document.querySelector("#go-places"), option = el("option", { value: words });
  for (const old of places?.querySelectorAll("option") ?? []) if (old.value === words) old.remove();
  places?.append(option);
  const asked = (/** @type {any} */ event) => { if (event.detail === words) open(); };
  window.addEventListener("studio-go", asked);
  model.on("remove", () => { window.removeEventListener("studio-go", asked); option.remove(); });
}

/** Text with `code` in backticks. @param {string} text */
const coded = (text) => text.split("`").map((part, i) => (i % 2 ? el("code", {}, part) : part));
