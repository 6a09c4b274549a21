"""Every page says what is the matter with the engine, and no longer once it is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from engine import Engine
from engine.client.remote import RemoteClient
from engine.errors import UnavailableError
from engine.functions import FunctionRegistry
from engine.http_api.server import serve_api
from engine.runtime import writer
from engine.testing.definitions import workflow
from studio import health_watch
from studio.cluster_service import ClusterService
from studio.server import StudioServer

pytestmark = pytest.mark.ui

HOSTILE = "<img src=x onerror=alert(1)>"
FULL = f"The disk of {HOSTILE}.journal is full; nothing was written. Free some space."


@pytest.fixture(autouse=True)
def _asks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "LONGEST_PAUSE_SECONDS", 0.25)
    monkeypatch.setattr(health_watch.HealthWatch.__init__, "__defaults__", ("", 0.1))


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(threads=0, functions=FunctionRegistry()) as engine:
        engine.client.register_workflow_def(workflow("etl", "load"))
        engine.start("etl")
        yield engine


@pytest.fixture
def server(engine: Engine) -> Iterator[StudioServer]:
    with StudioServer(engine.service, port=0) as server:
        yield server


@pytest.fixture
def fill_disk(engine: Engine) -> Iterator[Callable[[], Callable[[], None]]]:
    """Let no commit through any more; what is returned lets them through again."""
    patch = pytest.MonkeyPatch()

    def full(*_: object) -> None:
        raise UnavailableError(FULL)

    def fill() -> Callable[[], None]:
        patch.setattr(engine._runtime.store, "commit", full)
        patch.setattr(engine._runtime.store, "try_writing", full)
        with pytest.raises(UnavailableError):
            engine.client.register_workflow_def(workflow("refused", "load"))
        return patch.undo

    yield fill
    patch.undo()


def strip(page: Any) -> Any:
    return page.get_by_role("status").filter(has_text="record")


@pytest.mark.parametrize("width", [1440, 390])
def test_a_full_disk_is_told_while_a_page_is_open_and_goes_away_by_itself(
    open_page: Any, fill_disk: Any, width: int
) -> None:
    page = open_page("executions", width=width)
    expect(page.locator("tbody tr")).to_have_count(1)
    head = page.locator("main").bounding_box()
    notice = page.locator(".notice")
    expect(notice).to_be_empty()
    assert notice.bounding_box()["height"] == 0

    free = fill_disk()
    expect(strip(page)).to_contain_text("The engine can't record anything at present.")
    expect(notice).to_contain_text("Nothing that was acknowledged is lost")
    expect(notice).to_contain_text("Free some space")
    expect(notice).to_contain_text(f"{HOSTILE}.journal is full; nothing was written. Nothing that")
    assert page.locator("img").count() == 0
    expect(page.locator('[data-rail="engine"]')).to_have_text("not recording")
    # It takes room of its own instead of lying on the page, and nothing moves sideways.
    below = page.locator("main").bounding_box()
    assert below["y"] >= head["y"] + notice.bounding_box()["height"] - 1
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    free()
    expect(notice).to_be_empty()
    expect(page.locator('[data-rail="engine"]')).to_have_text("running")
    assert page.locator("main").bounding_box() == head


def test_pages_that_open_meanwhile_say_so(open_page: Any, fill_disk: Any) -> None:
    pages = [open_page()]
    free = fill_disk()
    expect(strip(pages[0])).to_be_visible()
    for path in ("executions", "definitions", "workers", "audit", "execution?id=none"):
        page = open_page(path)
        expect(strip(page)).to_be_visible()
        # Its first paint has it already, before any script has run.
        assert "record anything at present" in page.request.get(page.url).text(), path
        pages.append(page)
    free()
    for page in pages:
        expect(page.locator(".notice")).to_be_empty()


def test_what_could_not_be_read_is_read_once_it_is_over(
    open_page: Any, engine: Engine, fill_disk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_page("workers")
    free = fill_disk()
    expect(strip(first)).to_be_visible()
    with monkeypatch.context() as history:

        def lagging(*_: object) -> None:
            raise UnavailableError("The history lacks the newest records.")

        history.setattr(engine._runtime.store, "query", lagging)
        page = open_page("executions")
        expect(page.get_by_role("heading", name="The history could not be read.")).to_be_visible()
    free()
    expect(page.locator("tbody tr")).to_have_count(1)


def test_what_a_link_opens_names_no_file(
    open_page: Any, server: StudioServer, engine: Engine, fill_disk: Any
) -> None:
    link = engine.service.share_board(3600).result(10)
    page = open_page()
    page.goto(f"{server.url}/open-link#{link['token']}")
    page.wait_for_url("**/shared-board")
    page.locator("html[data-ready]").wait_for()
    free = fill_disk()
    expect(strip(page)).to_contain_text("can't record anything at present")
    expect(page.locator(".notice")).not_to_contain_text("journal")
    free()
    expect(page.locator(".notice")).to_be_empty()


class TestOverAServer:
    """The studio looks at another server: ``--connect``."""

    @pytest.fixture
    def api(self, engine: Engine) -> Iterator[Any]:
        with serve_api(engine.service, port=0) as api:
            yield api

    @pytest.fixture
    def server(self, api: Any) -> Iterator[StudioServer]:
        client = RemoteClient(api.url)
        service = ClusterService(client.service)
        with StudioServer(service, port=0, remote=client.url) as server:
            yield server
        service.close()

    def test_its_full_disk_is_told(self, open_page: Any, api: Any, fill_disk: Any) -> None:
        page = open_page()
        free = fill_disk()
        expect(strip(page)).to_contain_text(f"Server 127.0.0.1:{api.port} can't record anything")
        free()
        expect(page.locator(".notice")).to_be_empty()

    def test_a_server_that_is_gone_is_told(self, open_page: Any, engine: Engine, api: Any) -> None:
        page = open_page("executions")
        expect(page.locator("tbody tr")).to_have_count(1)
        api.close()
        notice = page.locator(".notice")
        expect(notice).to_contain_text(f"Server 127.0.0.1:{api.port} can't be reached.")
        expect(page.locator('[data-rail="engine"]')).to_have_text("out of reach")
        with serve_api(engine.service, port=api.port):
            expect(notice).to_be_empty()
