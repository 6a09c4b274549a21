"""A person looks at an execution of a cluster and copies it here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine import Engine
from engine.client.remote import RemoteClient
from engine.functions import FunctionRegistry
from engine.http_api.server import serve_api
from studio.cluster_service import ClusterService
from studio.copies import Copies
from studio.server import StudioServer
from studio.settings import Settings

pytestmark = pytest.mark.ui

FLOW = {
    "name": "etl",
    "version": 1,
    "tasks": [{"name": "load", "taskReferenceName": "load", "type": "SIMPLE"}],
}


@pytest.fixture
def failed(tmp_path: Path) -> Iterator[tuple[Engine, str]]:
    """A server that is taken for a plain Conductor, and an execution that failed there."""
    with Engine(threads=0, functions=FunctionRegistry()) as engine:
        engine.client.register_task_defs([{"name": "load", "retryCount": 0}])
        workflow_id = engine.start("etl", workflow_def=FLOW)
        task = engine.client.poll("load")[0]
        engine.client.update_task(
            {
                "workflowInstanceId": workflow_id,
                "taskId": task.task_id,
                "status": "FAILED",
                "reasonForIncompletion": "ValueError: no such file",
            }
        )
        yield engine, workflow_id


@pytest.fixture
def server(failed: tuple[Engine, str], tmp_path: Path) -> Iterator[StudioServer]:
    """The studio over that server: what ``--connect`` serves."""
    with serve_api(failed[0].service, port=0) as api:
        client = RemoteClient(api.url, capabilities=frozenset())
        copies = Copies(client, Settings(db=str(tmp_path / "copies.duckdb")))
        service = ClusterService(client.service)
        with StudioServer(service, port=0, remote=client.url, copies=copies) as server:
            yield server
        copies.close()
        service.close()


def test_execution_of_a_cluster_is_approximate_and_can_be_copied_here(
    failed: tuple[Engine, str], open_page: Any
) -> None:
    page = open_page(f"execution?id={failed[1]}")
    note = page.get_by_role("note")
    assert "Approximate" in note.inner_text()
    assert page.get_by_role("button", name="Replay from here").count() == 0

    page.get_by_role("button", name="Copy here").click()
    page.wait_for_url("**here=1**")
    page.locator("html[data-ready]").wait_for()
    page.get_by_role("button", name="Replay from here").first.wait_for()
    assert "changes nothing over there" in page.get_by_role("note").inner_text()


def test_lists_of_a_cluster_are_searched(open_page: Any) -> None:
    page = open_page("executions")
    page.get_by_text("no such file").first.wait_for()
    assert page.get_by_role("button", name="Copy as Python").count() == 0
