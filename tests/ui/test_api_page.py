"""The page to try the API, in a browser: it describes, sends, and shows what comes back as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from engine import Engine
from engine.functions import FunctionRegistry
from engine.http_api import ROUTES, ApiServer

pytestmark = pytest.mark.ui


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with (
        Engine(functions=FunctionRegistry(), http_tasks=False) as engine,
        ApiServer(engine.service, port=0) as server,
    ):
        yield server


def test_a_route_is_found_read_about_and_tried(browser: Any, api: ApiServer) -> None:
    page = browser.new_page()
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    root = f"http://127.0.0.1:{api.port}/"
    page.on("request", lambda sent: None if sent.url.startswith(root) else wrong.append(sent.url))
    page.set_default_timeout(15_000)

    page.goto(f"{root}api-docs")  # what a script gets as JSON; a person goes on to the page
    page.wait_for_url("**/swagger-ui/index.html")
    page.locator("details").first.wait_for()
    assert page.locator("details").count() == len(ROUTES)

    page.locator("#find").fill("post /api/metadata/taskdefs")
    shown = page.locator("details:visible")
    assert shown.count() == 1
    shown.locator("summary").click()
    marked = "<img src=x onerror=alert(1)>"
    shown.locator("textarea").fill(f'[{{"name": "{marked}"}}]')
    shown.get_by_role("button", name="Send").click()
    shown.locator("pre", has_text="200").wait_for()

    page.locator("#find").fill("get /api/metadata/taskdefs/{name}")
    shown = page.locator("details:visible").first
    shown.locator("summary").click()
    shown.locator("input[name=name]").fill(marked)
    shown.get_by_role("button", name="Send").click()
    shown.locator("pre", has_text='"retryCount": 3').wait_for()
    assert marked in shown.locator("pre").inner_text()
    assert page.locator("img").count() == 0, "text of the server became HTML"

    page.locator("#find").fill("/api/workflow/search-v2")
    shown = page.locator("details:visible").first
    shown.locator("summary").click()
    shown.locator("input[name=query]").fill("status = ")
    shown.get_by_role("button", name="Send").click()
    shown.locator("pre", has_text="expected a value").wait_for()
    # The browser reports answers of 400 itself; nothing else may have gone wrong.
    assert [said for said in wrong if "400" not in said] == []
    page.close()
