// @ts-check
/** The frame of every page: theme switch, menu on narrow screens, go-to dialog. */
(function () {
  const root = document.documentElement;
  /** @param {string} selector @returns {any} */
  const find = (selector) => document.querySelector(selector);
  const rail = find(".rail"), menu = find(".menu"), dialog = find("dialog.go"), input = find("#go");

  find(".theme").addEventListener("click", () => {
    const theme = root.dataset.theme === "dark" ? "light" : "dark";
    root.dataset.theme = theme;
    try { localStorage.setItem("conductor-studio-theme", theme); } catch { /* a private window forgets */ }
    window.dispatchEvent(new CustomEvent("studio-theme", { detail: theme }));
  });
  menu.addEventListener("click", () => {
    const open = rail.toggleAttribute("data-open");
    menu.setAttribute("aria-expanded", String(open));
  });
  const open = () => { input.value = ""; dialog.showModal(); };
  find(".goto").addEventListener("click", open);
  if (!navigator.platform.startsWith("Mac")) find(".goto kbd").textContent = "Ctrl K";
  document.addEventListener("keydown", (event) => {
    if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") { event.preventDefault(); open(); }
  });
  find("dialog.go form").addEventListener("submit", () => {
    const text = input.value.trim();
    const place = [...document.querySelectorAll(".places a")].find((one) => one.firstChild?.textContent?.trim().toLowerCase() === text.toLowerCase());
    if (place) location.href = /** @type {HTMLAnchorElement} */ (place).href;
    else if (/^[0-9a-f]{8}-[0-9a-f-]{27}$/i.test(text)) location.href = `execution?id=${encodeURIComponent(text)}`;
    else if (text) location.href = `executions?text=${encodeURIComponent(text)}`;
  });
})();
