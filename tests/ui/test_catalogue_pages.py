"""A person looks at definitions and workers, here and over a server, and changes a definition."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from engine import Engine
from engine.client.remote import RemoteClient
from engine.functions import FunctionRegistry
from engine.http_api.server import serve_api
from studio.cluster_service import ClusterService
from studio.server import StudioServer

pytestmark = pytest.mark.ui

FLOW = {
    "name": "etl",
    "version": 1,
    "description": "nightly",
    "tasks": [{"name": "load", "taskReferenceName": "load", "type": "SIMPLE"}],
}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(threads=0, functions=FunctionRegistry()) as engine:
        yield engine


@pytest.fixture(scope="module", params=["here", "there"])
def server(engine: Engine, request: pytest.FixtureRequest) -> Iterator[StudioServer]:
    if request.param == "here":
        with StudioServer(engine.service, port=0) as server:
            yield server
        return
    with serve_api(engine.service, port=0) as api:
        client = RemoteClient(api.url, capabilities=frozenset())
        service = ClusterService(client.service)
        with StudioServer(service, port=0, remote=client.url) as server:
            yield server
        service.close()


@pytest.fixture
def flow(engine: Engine) -> None:
    engine.client.register_task_defs([{"name": "load"}, {"name": "idle", "retryCount": 9}])
    engine.client.register_workflow_def(FLOW)


def test_definition_is_changed_checked_compared_and_saved(
    engine: Engine, flow: None, open_page: Any
) -> None:
    page = open_page("definitions")
    expect(page).to_have_title("Definitions · Conductor Studio")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="etl")).to_be_visible()
    assert "name=etl" in page.url
    page.get_by_role("button", name="Edit").click()
    area = page.get_by_role("textbox", name="Definition as JSON")
    problems = page.get_by_role("status").filter(has_text=re.compile("."))
    review = page.get_by_role("button", name="Review changes")
    written = area.input_value()
    area.fill(written[:-2])
    expect(problems.get_by_text("Not JSON yet")).to_be_visible()
    area.fill(written.replace('"taskReferenceName": "load"', '"taskReferenceName": ""'))
    expect(problems.get_by_text("taskReferenceName").first).to_be_visible()
    expect(review).to_be_disabled()
    named = '"taskReferenceName": "load"'
    area.fill(written.replace(named, f'{named}, "optionl": true'))
    expect(problems.get_by_text("Did you mean 'optional'?")).to_be_visible()
    expect(review).to_be_enabled()
    area.fill(written.replace("nightly", "<b>hourly</b>"))
    review.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".del")).to_contain_text("nightly")
    expect(dialog.locator(".add")).to_contain_text("<b>hourly</b>")
    dialog.get_by_role("button", name=re.compile("Save|Publish")).click()
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="JSON").click()
    assert "view=json" in page.url
    shown = page.get_by_label("Definition as JSON").and_(page.locator("pre"))
    expect(shown).to_contain_text("<b>hourly</b>")
    assert engine.client.workflow_def("etl").description == "<b>hourly</b>"


def test_definition_is_drawn_and_deleted_after_what_is_lost_was_named(
    engine: Engine, flow: None, open_page: Any
) -> None:
    sub = {"name": "etl", "taskReferenceName": "<b>sub</b>", "type": "SUB_WORKFLOW"}
    engine.client.register_workflow_def({**FLOW, "version": 2})
    engine.client.register_workflow_def(
        {"name": "parent", "tasks": [{**sub, "subWorkflowParam": {"name": "etl"}}]}
    )
    page = open_page("definitions?name=parent", theme="dark")
    drawn = page.get_by_role("img", name="Graph of parent")
    expect(drawn).to_have_attribute("alt", re.compile("<b>sub</b>, Sub-workflow; load, Worker"))
    assert drawn.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
    assert "data-theme%3D%22dark%22" in (drawn.get_attribute("src") or "")

    page.get_by_role("row").filter(has_text="etl").click()
    delete, dialog = page.get_by_role("button", name="Delete…"), page.get_by_role("dialog")
    delete.click()
    expect(dialog.get_by_role("heading")).to_contain_text("workflow definition etl, version 2")
    expect(dialog).to_contain_text("who names no version gets version 1 then")
    page.keyboard.press("Enter")  # the focus is on what keeps it
    expect(dialog).to_be_hidden()
    delete.click()
    expect(dialog).to_be_visible()
    engine.client.register_workflow_def({**FLOW, "version": 2, "description": "changed"})
    dialog.get_by_role("button", name="Delete workflow").click()
    expect(page.get_by_text("etl was changed meanwhile")).to_be_visible()
    page.get_by_role("row").filter(has_text="etl").click()
    for version in (2, 1):
        expect(page.get_by_label("Version", exact=True)).to_have_value(str(version))
        delete.click()
        expect(dialog.get_by_role("heading")).to_contain_text(f"version {version}")
        if version == 1:
            expect(dialog).to_contain_text("Started by parent")
        dialog.get_by_role("button", name="Delete workflow").click()
        expect(dialog).to_be_hidden()
    expect(page.get_by_text("etl is deleted.")).to_be_visible()
    assert [one.name for one in engine.client.workflow_defs()] == ["parent"]
    engine.client.delete_workflow_def("parent", 1)


def test_definitions_are_searched_and_the_address_opens_one(flow: None, open_page: Any) -> None:
    page = open_page("definitions?kind=task&name=idle")
    expect(page.get_by_text('"retryCount": 9')).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("no such")
    expect(page.get_by_role("heading", name="None of them matches.")).to_be_visible()
    page.get_by_role("button", name="Show all").click()
    expect(page.get_by_role("row").filter(has_text="idle")).to_be_visible()


def test_workers_page_names_what_nobody_polls_for(
    engine: Engine, flow: None, server: StudioServer, open_page: Any
) -> None:
    task = f"load_{server.port}"
    steps = [{"name": task, "taskReferenceName": "load", "type": "SIMPLE"}]
    engine.start("waits", workflow_def={"name": "waits", "version": 1, "tasks": steps})
    engine.client.poll("idle", "host-7", timeout_ms=1)
    page = open_page("workers")
    waiting = page.locator("tbody tr").filter(has_text=task)
    expect(waiting).to_contain_text("Nobody polls for it")
    expect(page.locator("tbody tr").filter(has_text="idle")).to_contain_text("host-7")
    engine.client.poll(task, "host-8")
    expect(waiting).to_contain_text("Polling")  # asked again by itself
    page.get_by_role("searchbox").fill("idle")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("button", name="Without a worker").click()
    expect(page.get_by_role("heading", name="None of them matches.")).to_be_visible()
    assert "only=unserved" in page.url


@pytest.mark.parametrize("path", ["definitions", "workers"])
def test_narrow_page_never_scrolls_sideways(flow: None, open_page: Any, path: str) -> None:
    page = open_page(path, width=390, theme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
