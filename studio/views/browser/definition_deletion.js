// @ts-check
/** Ask before a definition is deleted, naming what is lost with it. */
import { el } from "./ui.js";

/** @param {string} where whose definitions, `Server host` for a server's
 *  @param {(agreed: {text: string}) => void} go carries it out
 *  @returns {{dialog: HTMLDialogElement, propose: (plan: {title: string, lost: string[], text: string}) => void, close: () => void}} */
export function definitionDeletion(where, go) {
  let text = "";
  const heading = el("h2", { id: "deletion-title" }), lost = el("ul", { class: "lost" });
  const keep = el("button", { class: "btn", type: "button", autofocus: true, click: () => dialog.close() }, "Keep it");
  const drop = el("button", { class: "btn danger", type: "button", click: () => { drop.disabled = true; go({ text }); } });
  const dialog = el("dialog", { class: "plan", "aria-labelledby": "deletion-title" }, heading, lost, el("div", { class: "row" }, drop, keep));
  const server = where.startsWith("Server ") ? where.slice("Server ".length) : "";
  return {
    dialog, close: () => dialog.close(),
    propose: (plan) => {
      text = plan.text; drop.disabled = false;
      heading.textContent = `Delete ${plan.title}${server ? ` from ${server}` : ""}?`;
      drop.textContent = `Delete ${plan.title}`;
      lost.replaceChildren(...[...plan.lost, "It can't be undone; Copy keeps its JSON."].map((line) => el("li", {}, line)));
      if (!dialog.open) dialog.showModal();
    },
  };
}
