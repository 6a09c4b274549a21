"""A person's way through the execution view, in a browser, on a real execution."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import engine
from studio.graph.picture import DIST
from studio.views import view_data as views
from studio.views.view_events import ViewLog

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.ui,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Chromium"),
]

FUNCTIONS = engine.functions.FunctionRegistry()
PAGE = """<!doctype html><meta charset="utf-8"><style>html,body,#root{margin:0;height:100%}</style>
<div id="root"></div><script type="module">
import { mount } from "./execution_view.js";
const data = await (await fetch("./data.json")).json();
let tell; window.asked = []; window.urls = [];
window.view = mount(document.getElementById("root"), {
  data, onPatch: (l) => (window.push = l), onAnswer: (l) => (tell = l),
  ask: (q) => { window.asked.push(q); setTimeout(() => tell({ id: q.id, error: "closed" }), 0); },
  navigate: () => {}, setUrl: (p) => window.urls.push(p),
});
</script>"""


@engine.task(registry=FUNCTIONS, retry_count=0)
def odd(number: int) -> dict[str, Any]:
    if number > 3:
        raise ValueError("<b>too many</b>")
    return {"number": number}


DEFINITION = {
    "name": "sample",
    "version": 1,
    "schemaVersion": 2,
    "tasks": [
        {
            "name": "lanes",
            "taskReferenceName": "lanes",
            "type": "FORK_JOIN",
            "forkTasks": [
                [
                    {
                        "name": "odd",
                        "taskReferenceName": lane,
                        "type": "SIMPLE",
                        "inputParameters": {"number": 1},
                    }
                ]
                for lane in ("left", "right")
            ],
        },
        {
            "name": "both",
            "taskReferenceName": "both",
            "type": "JOIN",
            "joinOn": ["left", "right"],
        },
        {
            "name": "each",
            "taskReferenceName": "each",
            "type": "DO_WHILE",
            "inputParameters": {},
            "loopCondition": "$.each['iteration'] < 9",
            "loopOver": [
                {
                    "name": "odd",
                    "taskReferenceName": "step",
                    "type": "SIMPLE",
                    "inputParameters": {"number": "${each.iteration}"},
                }
            ],
        },
    ],
}


@pytest.fixture(scope="module")
def data() -> dict[str, Any]:
    with engine.Engine(functions=FUNCTIONS, http_tasks=False) as running:
        running.client.register_workflow_def(DEFINITION)
        workflow_id = str(running.run("sample").workflow_id)
        states = running.service.tree(workflow_id).result(30)
        histories = running.service.tree_events(list(states)).result(30)
        failure = running.service.failure(workflow_id).result(30)
        return views.view_data(
            workflow_id, states, histories, ViewLog(), failure=failure, theme="light"
        )


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def address(data: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("page")
    (folder / "index.html").write_text(PAGE)
    (folder / "data.json").write_text(json.dumps(data))
    (folder / "execution_view.js").write_bytes((DIST / "execution_view.js").read_bytes())
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/index.html"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as run:
        browser = run.chromium.launch(
            executable_path=str(CHROMIUM),
            args=[
                *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
                *("--no-first-run", "--disable-background-networking"),
                *("--disable-component-update", "--disable-sync"),
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
            ],
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    page = browser.new_page(viewport={"width": 1292, "height": 900})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda r: "127.0.0.1" in r.url or errors.append(r.url))
    page.goto(address)
    page.wait_for_function("window.view && document.querySelector('g.n[data-id]')")
    yield page
    page.close()
    assert not errors


def node(page: Any, place: str) -> Any:
    return page.locator(f'g.n[data-id="{place}"]')


def test_it_opens_at_the_cause_with_the_failed_iteration_drawn(page: Any) -> None:
    cause = node(page, "sample/each/step")
    assert cause.get_attribute("data-st") == "cause"
    assert "sel" in (cause.get_attribute("class") or "")
    words = node(page, "sample/each").text_content()
    assert "iteration 4 of 9" in words
    assert "3 ok · 1 failed · 5 not reached" in words
    assert "step" in page.locator(".fstrip").inner_text()
    assert "<b>too many</b>" in page.locator(".fstrip").inner_text()


def test_the_stepper_turns_iterations_and_the_selection_goes_along(page: Any) -> None:
    node(page, "sample/each").locator('[data-act="previous"]').click()
    page.wait_for_function("view.model.selection.path === 'sample/each[3]/step'")
    page.wait_for_function(
        "document.querySelector('g.n[data-id=\"sample/each/step\"]').dataset.st === 'success'"
    )
    assert "iteration 3 of 9" in node(page, "sample/each").text_content()


def test_scrubbing_changes_states_and_moves_no_box(page: Any) -> None:
    before = page.evaluate("[...document.querySelectorAll('rect.face')].map(r => r.outerHTML)")
    page.locator(".track").focus()
    page.keyboard.press("Home")
    page.wait_for_function(
        "document.querySelector('g.n[data-id=\"sample/left\"]').dataset.st === 'none'"
    )
    page.keyboard.press(".")
    page.wait_for_function("view.model.events[view.model.cursor - 1].kind === 'TaskFailed'")
    page.keyboard.press("End")
    page.wait_for_function("view.model.following")
    after = page.evaluate("[...document.querySelectorAll('rect.face')].map(r => r.outerHTML)")
    assert after == before


def test_the_graph_is_one_tab_stop_and_arrows_follow_the_edges(page: Any) -> None:
    stops = page.evaluate("document.querySelectorAll('svg.draw g.n[tabindex=\"0\"]').length")
    assert stops == 1
    node(page, "sample/left").click()
    page.keyboard.press("ArrowRight")
    focused = "document.activeElement.dataset.id"
    assert page.evaluate(focused) == "sample/right"
    page.keyboard.press("ArrowDown")
    assert page.evaluate(focused) == "sample/both"
    page.keyboard.press("ArrowDown")
    assert page.evaluate(focused) == "sample/each"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.evaluate("view.model.selection.path") == "sample/each[4]/step"
    page.keyboard.press("Escape")
    assert page.evaluate(focused) == "sample/each"


def test_collapsing_keeps_what_was_clicked_under_the_pointer(page: Any) -> None:
    loop = node(page, "sample/each")
    before = loop.locator(".box").first.bounding_box()
    loop.locator('[data-act="fold"]').click()
    page.wait_for_function(
        "document.querySelector('g.n[data-id=\"sample/each\"]').dataset.shape === 'closed'"
    )
    after = loop.locator(".box").first.bounding_box()
    assert abs(before["y"] - after["y"]) < 1
    middle = before["x"] + before["width"] / 2
    assert abs(middle - after["x"] - after["width"] / 2) < 1
    loop.locator('[data-act="fold"]').click()
    page.wait_for_function("document.querySelector('g.n[data-id=\"sample/each/step\"]')")


def test_the_outline_says_the_same_in_words(page: Any) -> None:
    page.get_by_role("button", name="Outline").click()
    tree = page.locator(".olist [role=tree]")
    item = tree.locator('[data-id="sample/each/step"]')
    item.wait_for()
    assert "failed, the cause" in item.get_attribute("aria-label")
    assert item.get_attribute("aria-level") == "2"
    item.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    assert page.evaluate("view.model.selection.path") == "sample/each"


def test_news_reach_a_detached_view_as_a_way_back(page: Any) -> None:
    page.locator(".track").focus()
    page.keyboard.press("ArrowLeft")
    page.evaluate(
        """push({ seq: 1, status: 'RUNNING', end_ms: 0, failure: null, events: [
          { n: view.model.events.length + 1, workflow_id: view.model.data.workflow_id, number: 999,
            kind: 'WorkflowRetried', wall_ms: Date.now(), actor: 'user:ana' }] })"""
    )
    pill = page.get_by_role("button", name=re.compile("return to live"))
    pill.wait_for()
    assert "1 new event" in pill.inner_text()
    pill.click()
    page.wait_for_function("view.model.following")


def test_selection_and_cursor_are_kept_in_the_address(page: Any) -> None:
    node(page, "sample/left").click()
    page.locator(".track").focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("urls.length && urls.at(-1).event !== null")
    last = page.evaluate("[urls.at(-1), String(view.model.cursor)]")
    assert last[0] == {"task": "sample/left", "event": last[1]}


def test_at_phone_width_the_parts_stand_in_reading_order(browser: Any, address: str) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(address)
    page.wait_for_function("window.view && document.querySelector('.studio-view.narrow')")
    tops = page.evaluate(
        """['.v-strip','.v-side','.v-outline','.v-graph','.v-cursor','.v-tabs']
          .map(s => document.querySelector(s).getBoundingClientRect().top)"""
    )
    assert tops == sorted(tops)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()
