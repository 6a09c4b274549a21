"""The studio's data over a server that only searches: our own API, taken for a plain Conductor."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine import Engine
from engine.client.remote import RemoteClient
from engine.errors import InvalidRequestError
from engine.functions import FunctionRegistry, task
from engine.http_api.server import serve_api
from studio.board_data import load_board, rail_counts
from studio.cluster_service import ClusterService, approximation, limits
from studio.copies import Copies
from studio.execution_feed import ExecutionFeed
from studio.execution_filter import ExecutionFilter
from studio.execution_list import load_executions
from studio.settings import Settings
from studio.summary_tables import execution_row, instant_ms

CHILD = {
    "name": "line_item",
    "version": 1,
    "tasks": [
        {
            "name": "charge",
            "taskReferenceName": "charge",
            "type": "SIMPLE",
            "inputParameters": {"n": "${workflow.input.n}"},
        }
    ],
}
PARENT = {
    "name": "order_flow",
    "version": 7,
    "tasks": [
        {
            "name": "fulfil",
            "taskReferenceName": "fulfil",
            "type": "SUB_WORKFLOW",
            "subWorkflowParam": {"name": "line_item", "version": 1},
            "inputParameters": {"n": "${workflow.input.n}"},
        }
    ],
}
HELD = {
    "name": "held_flow",
    "version": 1,
    "tasks": [{"name": "approve", "taskReferenceName": "approve", "type": "HUMAN"}],
}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    functions = FunctionRegistry()

    @task(registry=functions, retry_count=0)
    def charge(n: int) -> dict[str, Any]:
        if n < 0:
            raise ValueError("amount is negative")
        return {"receipt": n}

    with Engine(functions=functions, http_tasks=False) as engine:
        for definition in (CHILD, PARENT, HELD):
            engine.client.register_workflow_def(definition)
        for n in (1, 2, -1):
            engine.run("order_flow", {"n": n})
        engine.start("held_flow")
        yield engine


@pytest.fixture(scope="module")
def service(engine: Engine) -> Iterator[ClusterService]:
    with serve_api(engine.service, port=0) as server:
        service = ClusterService(RemoteClient(server.url, capabilities=frozenset()).service)
        yield service
        service.close()


def test_board_is_filled_by_searches(service: ClusterService) -> None:
    board = load_board(service.query, "24h", int(time.time() * 1000))

    assert (board["counts"]["COMPLETED"], board["counts"]["FAILED"]) == (2, 1)
    assert [row["task"] for row in board["failing"]] == ["fulfil"]
    assert rail_counts(service.query) == {"known": 7, "parts": 3, "live": 1, "failing": 1}
    assert [row["workflow"] for row in board["waiting"]] == ["held_flow"]


def test_list_is_narrowed_by_facets_and_text(service: ClusterService) -> None:
    failed = load_executions(service.query, ExecutionFilter(status=("FAILED",)))
    assert [(row["workflow"], row["lead"]) for row in failed["rows"]] == [("order_flow", "fulfil")]
    assert load_executions(service.query, ExecutionFilter(text="held"))["total"] == 1


def test_what_happens_later_is_seen_soon(service: ClusterService, engine: Engine) -> None:
    before = load_executions(service.query, ExecutionFilter())["total"]
    workflow_id = engine.start("held_flow")
    time.sleep(1.1)  # answers may be a second old
    assert load_executions(service.query, ExecutionFilter())["total"] == before + 1

    engine.client.terminate(workflow_id, "wrong warehouse")
    engine.client.remove(workflow_id)
    time.sleep(1.1)
    assert load_executions(service.query, ExecutionFilter())["total"] == before


def test_everything_is_seen_so_nothing_is_said(service: ClusterService) -> None:
    service.query("SELECT 1")
    assert limits(service) == ""
    assert "approximate" in approximation(service.capabilities)


def test_wrong_sql_is_refused_in_words(service: ClusterService) -> None:
    with pytest.raises(InvalidRequestError, match="nothing"):
        service.query("SELECT nothing FROM executions")


def test_execution_is_shown_from_task_times(service: ClusterService, engine: Engine) -> None:
    workflow_id = load_executions(service.query, ExecutionFilter(status=("FAILED",)))["rows"][0][
        "id"
    ]
    feed = ExecutionFeed(service, workflow_id)  # type: ignore[arg-type]
    try:
        data = feed.open()
        cause = data["failure"]["chains"][0]["cause"]
        assert cause["path"] == "order_flow/fulfil/charge"
        assert "amount is negative" in cause["message"]
        assert "branch" not in data["capabilities"]
        place = {"workflow_id": cause["workflow_id"], "task_id": cause["task_id"]}
        assert feed.answer({"what": "task", **place})["input"] == {"n": -1}
        engine.service.add_log(cause["task_id"], "tried twice").result(10)
        assert [line["text"] for line in feed.answer({"what": "logs"})] == ["tried twice"]
    finally:
        feed.close()


def test_live_execution_is_pushed_by_polling(service: ClusterService, engine: Engine) -> None:
    workflow_id = engine.start("held_flow")
    feed = ExecutionFeed(service, workflow_id)  # type: ignore[arg-type]
    try:
        opened = feed.open()
        feed.news()  # what was read while opening may be told once more, but not shown again
        feed.answer({"what": "action", "action": "terminate", "reason": "wrong warehouse"})
        numbers, status = [], ""
        deadline = time.monotonic() + 20
        while status != "TERMINATED" and time.monotonic() < deadline:
            push = feed.news()
            if push is None:
                time.sleep(0.05)
                continue
            numbers += [event["n"] for event in push["events"]]
            status = push["status"]
        first = opened["event_count"] + 1
        assert status == "TERMINATED"
        assert numbers == list(range(first, first + len(numbers)))
    finally:
        feed.close()


def test_retry_of_an_ended_execution_is_shown_at_once(
    service: ClusterService, engine: Engine
) -> None:
    failed = engine.client.search("workflowType='order_flow' AND status='FAILED'").results[0]
    feed = ExecutionFeed(service, failed.workflow_id)  # type: ignore[arg-type]
    try:
        feed.open()
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:  # by now it is looked at every half a minute
            feed.news()
            time.sleep(0.1)
        feed.answer({"what": "action", "action": "retry"})
        seen, deadline = [], time.monotonic() + 5
        while not seen and time.monotonic() < deadline:
            push = feed.news()
            seen += [] if push is None else push["events"]
            time.sleep(0.05)
        assert seen
    finally:
        feed.close()


def test_another_studio_is_shown_exactly_and_live(engine: Engine) -> None:
    failed = engine.client.search("workflowType='order_flow' AND status='FAILED'").results[0]
    with serve_api(engine.service, port=0) as server:
        service = ClusterService(RemoteClient(server.url).service)
        assert approximation(service.capabilities) == ""
        feed = ExecutionFeed(service, failed.workflow_id)  # type: ignore[arg-type]
        local = ExecutionFeed(engine.service, failed.workflow_id)
        try:
            data, here = feed.open(), local.open()
            assert data["events"] == here["events"]
            assert data["failure"] == here["failure"]
            assert "branch" in data["capabilities"]
            cause = data["failure"]["chains"][0]["cause"]
            place = {"workflow_id": cause["workflow_id"], "task_id": cause["task_id"]}
            for question in (
                {"what": "task", **place},
                {"what": "origin", "leaf": "n", **place},
                {"what": "plan", **place},
                {"what": "logs"},
            ):
                assert feed.answer(question) == local.answer(question)
            assert load_executions(service.query, ExecutionFilter())["total"]

            held = engine.start("held_flow")
            live = ExecutionFeed(service, held)  # type: ignore[arg-type]
            live.open()
            live.news()
            heard = threading.Event()
            live.on_news(heard.set)
            engine.client.terminate(held, "enough")
            assert heard.wait(10)
            push = live.news()
            assert push is not None
            assert push["status"] == "TERMINATED"
            live.close()
        finally:
            feed.close()
            local.close()
            service.close()


def test_execution_is_copied_here_and_its_branch_succeeds(engine: Engine, tmp_path: Path) -> None:
    failed = engine.client.search("workflowType='order_flow' AND status='FAILED'").results[0]
    with serve_api(engine.service, port=0) as server:
        source = RemoteClient(server.url, capabilities=frozenset())
        copies = Copies(source, Settings(db=str(tmp_path / "copies.duckdb")))
        try:
            assert copies.copy(failed.workflow_id) == failed.workflow_id
            here = copies.service()
            feed = ExecutionFeed(here, failed.workflow_id)
            data = feed.open()
            cause = data["failure"]["chains"][0]["cause"]
            place = {"workflow_id": cause["workflow_id"], "task_id": cause["task_id"]}
            new = feed.answer({"what": "branch", "edits": {"n": 5}, **place})["workflow_id"]
            feed.close()
            workers = RemoteClient(copies.api_url)  # as an SDK would
            task = workers.poll("charge", timeout_ms=2000)[0]
            result = {"workflowInstanceId": task.workflow_instance_id, "taskId": task.task_id}
            workers.update_task({**result, "status": "COMPLETED"})
            assert workers.workflow(new).status == "COMPLETED"
            # A copy that was branched from is still only a copy; one that was changed is kept.
            assert copies.copy(failed.workflow_id) == failed.workflow_id
            here.retry(failed.workflow_id, True).result(10)
            assert copies.copy(failed.workflow_id) == failed.workflow_id
            workers.close()
        finally:
            copies.close()
            source.close()


def test_summary_becomes_a_row() -> None:
    line = {
        "workflowId": "a",
        "workflowType": "etl",
        "version": 2,
        "status": "FAILED",
        "startTime": "2026-11-27T23:34:53.773Z",
        "endTime": "2026-11-27T23:34:55.663Z",
        "failedReferenceTaskNames": "load,join",
        "reasonForIncompletion": "Task 1-2 failed with status: FAILED and reason: 'KeyError: x'",
    }
    row = execution_row(line)

    assert row["create_time"] == 1795822493773
    assert row["end_time"] - row["create_time"] == 1890
    assert (row["failed_path"], row["error"]) == ("etl/load", "KeyError: x")
    assert instant_ms("no time") == 0


def test_cause_in_a_sub_workflow_is_one_cause_whatever_its_id() -> None:
    def row(child: str) -> dict[str, Any]:
        inner = f"Task {child}-1 failed with status: FAILED and reason: 'KeyError: 'iban''"
        reason = f"Sub workflow pay.1/{child} failure reason: {inner}"
        outer = f"Task 7 failed with status: FAILED and reason: '{reason}'"
        return execution_row(
            {
                "workflowId": child,
                "workflowType": "etl",
                "status": "FAILED",
                "failedReferenceTaskNames": "sub",
                "reasonForIncompletion": outer,
            }
        )

    assert row("a")["error"] == "KeyError: 'iban'"
    assert row("a")["fingerprint"] == row("b")["fingerprint"]
