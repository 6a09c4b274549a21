// @ts-check
/** Sends the token of a share link once, then goes to what it shows. */
(async function () {
  const state = /** @type {HTMLElement} */ (document.getElementById("state"));
  const token = location.hash.slice(1);
  history.replaceState(null, "", location.pathname); // not kept in the history of the browser
  try {
    const answer = await fetch("open-link", { method: "POST", body: new URLSearchParams({ token }) });
    const said = await answer.text();
    if (answer.ok) location.replace(said === "shared-board" ? "shared-board" : "shared");
    else state.textContent = said;
  } catch {
    state.textContent = "The studio can't be reached.";
  }
})();
