// @ts-check
/** The frame of every page: theme switch, menu on narrow screens, go-to dialog, and a word when the studio is gone. */
(function () {
  const root = document.documentElement;
  /** @param {string} selector @returns {any} */
  const find = (selector) => document.querySelector(selector);
  const rail = find(".rail"), menu = find(".menu"), dialog = find("dialog.go"), input = find("#go");

  const theme_button = find(".theme");
  /** The button says what it switches to. */
  const name_theme = () => { theme_button.textContent = root.dataset.theme === "dark" ? "Light theme" : "Dark theme"; };
  name_theme();
  theme_button.addEventListener("click", () => {
    const theme = root.dataset.theme === "dark" ? "light" : "dark";
    root.dataset.theme = theme;
    name_theme();
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
    const lower = text.toLowerCase();
    // What a page offers beside the places, as "Share this execution…": its first letters do.
    const offers = [...document.querySelectorAll("#go-places option")].map((one) => /** @type {HTMLOptionElement} */ (one).value);
    const offer = lower.length > 2 ? offers.find((one) => one.endsWith("…") && one.toLowerCase().startsWith(lower)) : undefined;
    if (offer) window.dispatchEvent(new CustomEvent("studio-go", { detail: offer }));
    else if (place) location.href = /** @type {HTMLAnchorElement} */ (place).href;
    else if (/^[0-9a-f]{8}-[0-9a-f-]{27}$/i.test(text)) location.href = `execution?id=${encodeURIComponent(text)}`;
    else if (text) location.href = `executions?text=${encodeURIComponent(text)}`;
  });
})();

/** Notices when the socket to Python is gone, says so, and loads the page anew once the studio is back. */
(function () {
  const EVERY_MS = 1500, PATIENCE_MS = 4000;
  /** Bokeh takes the socket up again by itself when only the network failed; it gets this long. */
  const GRACE_MS = 12_000;
  let lost_at = 0, was_away = false;
  /** @type {HTMLElement | null} */
  let banner = null;

  function show() {
    if (banner) return;
    banner = document.createElement("div");
    banner.className = "gone";
    banner.setAttribute("role", "alert");
    document.body.append(banner);
    banner.textContent = "The studio has stopped; waiting for it to come back…";
  }
  function found() {
    if (was_away) return; // another process: what this page shows is nobody's any more
    lost_at = 0;
    banner?.remove();
    banner = null;
  }
  async function answers() {
    try {
      // Any answer will do: a studio that is there but unwell has not stopped.
      await fetch("health", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
      return true;
    } catch {
      return false;
    }
  }
  async function look() {
    if (!lost_at) return;
    const is_there = await answers();
    if (!lost_at) return;
    if (is_there && (was_away || Date.now() - lost_at > GRACE_MS)) {
      location.reload();
      return;
    }
    if (!is_there) {
      was_away = true;
      show();
    }
    setTimeout(look, EVERY_MS);
  }
  function lost() {
    if (lost_at) return;
    lost_at = Date.now();
    void look();
  }
  const heard = new WeakSet();
  /** Documents come when Bokeh has read the page, which is after this script. */
  function listen() {
    const documents = /** @type {any} */ (window).Bokeh?.documents ?? [];
    for (const one of documents) {
      if (heard.has(one)) continue;
      heard.add(one);
      one.on_event("connection_lost", lost);
      one.on_event("client_reconnected", found);
    }
    if (!documents.length) setTimeout(listen, 250);
  }
  listen();
})();
