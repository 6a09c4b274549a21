"""An execution of a thousand tasks in a real browser: from its scripts loaded to its graph painted.

Needs playwright and Chromium; without them the figures are left out, and the run says so.
"""

from __future__ import annotations

import os
import shutil
from typing import Any, Final

from .figures import Figure
from .stage import InFlight, Stage, sequence
from .wide_fork import fork

_TASKS: Final = 1_000
_LOADS: Final = 5
_AIM_SECONDS: Final = 1.0
_BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "chrome")

_WATCH: Final = """
(() => {
  // The view lives in shadow roots inside shadow roots, so no selector reaches its nodes.
  const painted = (root) => {
    for (const one of root.querySelectorAll("*"))
      if (one.matches(".nodes .n") || (one.shadowRoot && painted(one.shadowRoot))) return true;
    return false;
  };
  const look = () => {
    if (document.body && painted(document)) {
      // The frame after the one that saw the nodes: by then they are on the screen.
      const note = () => { window.__painted = performance.now(); };
      requestAnimationFrame(() => requestAnimationFrame(note));
    } else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})();
"""
_SCRIPTS_LOADED: Final = """
Math.max(0, ...performance.getEntriesByType("resource")
  .filter((one) => /\\.js(\\?|$)/.test(one.name) && one.responseEnd <= window.__painted)
  .map((one) => one.responseEnd))
"""


def measure(stage: Stage) -> list[Figure]:
    """Seconds to the first paint of a finished fork and a finished chain of 1,000 tasks each."""
    browser_path = next(
        filter(None, (os.environ.get("STUDIO_CHROMIUM"), *map(shutil.which, _BROWSERS))), None
    )
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        browser_path = None
    if browser_path is None:
        print("paint: left out, since playwright or Chromium is missing", flush=True)
        return []
    figures: list[Figure] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"]
        )
        for words, name, tasks in (
            ("fork", "bench_paint_fork", fork(_TASKS)),
            ("chain", "bench_paint_chain", sequence(_TASKS, "bench_step")),
        ):
            stage.define(name, tasks)
            InFlight(stage, name, 1, 1).run()
            stage.settle()
            [row] = stage.service.query(
                "SELECT workflow_id FROM executions WHERE workflow_type = ? LIMIT 1", [name]
            )
            address = f"{stage.url}/execution?id={row['workflow_id']}"
            paints = sorted(_loads(browser, address))
            figures += [
                Figure(
                    f"{words} of 1,000 tasks: first paint after scripts",
                    paints[len(paints) // 2][0],
                    "s",
                    _AIM_SECONDS,
                ),
                Figure(f"{words} of 1,000 tasks: first paint, whole load", paints[-1][1], "s"),
            ]
        browser.close()
    return figures


def _loads(browser: Any, address: str) -> list[tuple[float, float]]:
    """(seconds from the last script to the paint, seconds from the start of the load) each."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_init_script(_WATCH)
    measured = []
    for _ in range(_LOADS + 1):
        page = context.new_page()
        page.goto(address, wait_until="commit")
        # Asked again and again from here: the page's own policy forbids the browser's waiting.
        while (painted := page.evaluate("window.__painted ?? null")) is None:
            page.wait_for_timeout(20)
        measured.append(((painted - page.evaluate(_SCRIPTS_LOADED)) / 1000, painted / 1000))
        page.close()
    context.close()
    return measured[1:]  # the first one also fills the browser's cache
