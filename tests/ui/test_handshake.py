"""First data and news get lost between Python and the browser; the page gets them all the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import expect
from recorded_service import RecordedService, fill

from engine import Engine
from engine.functions import FunctionRegistry
from studio.server import StudioServer

pytestmark = pytest.mark.ui

FLOW = {
    "name": "steps",
    "version": 1,
    "tasks": [
        {"name": "step", "taskReferenceName": name, "type": "SIMPLE"} for name in ("one", "two")
    ],
}


class Line:
    """A page's socket on which chosen messages of Python get lost.

    Bokeh sends a message as fragments: header, metadata, content, then buffers; they are dropped
    together, as if they had never been written.
    """

    def __init__(self, page: Any, is_lost: Callable[[str], bool]) -> None:
        self.dropped = 0
        self._is_lost = is_lost
        self._held: list[Any] = []
        page.route_web_socket("**/ws*", self._route)

    def _route(self, socket: Any) -> None:
        server = socket.connect_to_server()
        socket.on_message(server.send)
        server.on_message(lambda fragment: self._take(socket, fragment))

    def _take(self, socket: Any, fragment: Any) -> None:
        self._held.append(fragment)
        if len(self._held) < 3:
            return
        header, content = json.loads(self._held[0]), str(self._held[2])
        assert not header.get("num_buffers"), "this test takes messages without buffers only"
        message, self._held = self._held, []
        if header["msgtype"] == "PATCH-DOC" and self._is_lost(content):
            self.dropped += 1
            return
        for one in message:
            socket.send(one)


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(15_000)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.add_init_script(
        "window.loads = Number(sessionStorage.loads ?? 0) + 1; sessionStorage.loads = window.loads;"
    )
    yield page
    context.close()
    assert not wrong, wrong


def first(number: int, mark: str) -> Callable[[str], bool]:
    """Whether a message is one of the first ``number`` that carry a mark."""
    left = [number]

    def is_lost(content: str) -> bool:
        if mark not in content or left[0] == 0:
            return False
        left[0] -= 1
        return True

    return is_lost


@pytest.mark.parametrize(("path", "mark"), [("", '"spark"'), ("executions", '"rows"')])
def test_first_data_that_gets_lost_is_sent_again(
    page: Any, service: RecordedService, server: StudioServer, path: str, mark: str
) -> None:
    fill(service, 30)
    line = Line(page, first(1, mark))
    page.goto(f"{server.url}/{path}", wait_until="commit")
    page.locator("html[data-ready]").wait_for()
    assert line.dropped == 1
    assert page.evaluate("window.loads") == 1


def test_numbers_of_the_rail_that_get_lost_are_sent_again(
    page: Any, service: RecordedService
) -> None:
    fill(service, 30)
    with StudioServer(service, port=0) as fresh:  # it knows no numbers yet
        line = Line(page, first(1, '"known"'))
        page.goto(f"{fresh.url}/executions", wait_until="commit")
        expect(page.locator('[data-rail="known"]')).to_have_text("30 executions")
        assert line.dropped == 1


def test_unknown_execution_is_told_though_the_answer_got_lost(
    page: Any, server: StudioServer
) -> None:
    line = Line(page, first(1, '"found"'))
    page.goto(f"{server.url}/execution?id=none", wait_until="commit")
    expect(page.get_by_role("heading", name="There is no such execution here.")).to_be_visible()
    assert line.dropped == 1


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(threads=0, functions=FunctionRegistry()) as engine:
        yield engine


def finish(engine: Engine, workflow_id: str) -> None:
    task = engine.client.poll("step", timeout_ms=5_000)[0]
    engine.client.update_task(
        {"workflowInstanceId": workflow_id, "taskId": task.task_id, "status": "COMPLETED"}
    )


def test_execution_opens_though_its_opening_got_lost(page: Any, engine: Engine) -> None:
    workflow_id = engine.start("steps", workflow_def=FLOW)
    with StudioServer(engine.service, port=0) as server:
        line = Line(page, first(1, "input_line"))
        page.goto(f"{server.url}/execution?id={workflow_id}", wait_until="commit")
        expect(page.get_by_role("heading", name="steps", level=1)).to_be_visible()
        assert line.dropped == 1


def test_view_that_lacks_a_push_in_between_is_brought_up_to_date(page: Any, engine: Engine) -> None:
    workflow_id = engine.start("steps", workflow_def=FLOW)
    with StudioServer(engine.service, port=0) as server:
        line = Line(page, first(1, '"patch"'))
        page.goto(f"{server.url}/execution?id={workflow_id}", wait_until="commit")
        one = page.locator('.studio-view g[data-id="steps/one"]')
        expect(one).to_have_attribute("data-st", "waiting")
        finish(engine, workflow_id)
        while not line.dropped:
            page.wait_for_timeout(50)
        finish(engine, workflow_id)  # what is pushed now tells that a push is missing
        expect(page.locator(".studio-view .badge", has_text="Completed")).to_be_visible()
        expect(one).to_have_attribute("data-st", "success")
        assert page.evaluate("window.loads") == 1
