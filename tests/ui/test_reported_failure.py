"""A failure that a worker reported over HTTP: its words, its log, the moment it came."""

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
    "tasks": [
        {
            "name": "load",
            "taskReferenceName": "load",
            "type": "SIMPLE",
            "inputParameters": {"file": "${workflow.input.file}"},
        }
    ],
}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(threads=0, functions=FunctionRegistry()) as engine:
        engine.client.register_task_defs([{"name": "load", "retryCount": 0}])
        yield engine


@pytest.fixture(scope="module")
def failed(engine: Engine) -> str:
    workflow_id = engine.start("etl", {"file": "a.csv"}, workflow_def=FLOW)
    task = engine.client.poll("load", "host-7")[0]
    engine.client.add_log(task.task_id, "looked for <b>a.csv</b> in /data")
    engine.client.update_task(
        {
            "workflowInstanceId": workflow_id,
            "taskId": task.task_id,
            "status": "FAILED",
            "reasonForIncompletion": "no such file: a.csv",
        }
    )
    return workflow_id


@pytest.fixture(scope="module")
def here(engine: Engine) -> Iterator[StudioServer]:
    with StudioServer(engine.service, port=0) as server:
        yield server


@pytest.fixture(scope="module")
def there(engine: Engine) -> Iterator[StudioServer]:
    with serve_api(engine.service, port=0) as api:
        client = RemoteClient(api.url, capabilities=frozenset())
        service = ClusterService(client.service)
        with StudioServer(service, port=0, remote=client.url) as server:
            yield server
        service.close()


@pytest.fixture(params=["here"])
def server(request: pytest.FixtureRequest) -> StudioServer:
    return request.getfixturevalue(request.param)


def test_words_are_the_worker_s_and_its_log_is_one_click_away(failed: str, open_page: Any) -> None:
    page = open_page(f"execution?id={failed}")
    strip = page.get_by_role("region", name="Why this execution failed")
    expect(strip.get_by_role("button", name="no such file: a.csv", exact=True)).to_be_visible()
    page.get_by_role("button", name="Log of this attempt").click()
    expect(page.get_by_role("list", name="Log of this attempt")).to_contain_text(
        "looked for <b>a.csv</b> in /data"
    )


def test_what_is_told_of_the_end_says_so_while_an_earlier_moment_is_shown(
    failed: str, open_page: Any
) -> None:
    page = open_page(f"execution?id={failed}&event=1")
    strip = page.get_by_role("region", name="Why this execution failed")
    expect(strip).to_contain_text("comes at event")
    page.get_by_role("button", name="Shown as of event 1; status is of the end").click()
    expect(strip).not_to_contain_text("comes at event")
    expect(page.get_by_text(re.compile("Shown as of event"))).to_have_count(0)


def test_phone_shows_one_replay_button_and_no_keys(failed: str, open_page: Any) -> None:
    page = open_page(f"execution?id={failed}", width=390)
    expect(page.get_by_role("button", name=re.compile("Replay from here"))).to_have_count(1)
    expect(page.locator(".studio-view kbd:visible")).to_have_count(0)


@pytest.mark.parametrize("server", ["there"], indirect=True)
def test_origin_is_not_offered_where_nothing_recorded_it(failed: str, open_page: Any) -> None:
    page = open_page(f"execution?id={failed}")
    tabs = page.get_by_role("tablist", name="About the selection")
    expect(tabs.get_by_role("tab", name="Input")).to_be_visible()
    expect(tabs.get_by_role("tab", name="Origin")).to_have_count(0)
    tabs.get_by_role("tab", name="Input").click()
    expect(page.get_by_text("does not record where the values of a task came from")).to_be_visible()
