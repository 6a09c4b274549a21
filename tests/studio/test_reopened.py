"""Durations of executions that were opened again leave out the time in which they stood ended."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from recorded_service import RecordedService

from engine import Engine
from engine.functions import FunctionRegistry
from engine.testing.definitions import workflow
from studio.board_data import load_board
from studio.execution_filter import ExecutionFilter
from studio.execution_list import load_executions

HOUR_MS = 3_600_000


@pytest.fixture
def service() -> Iterator[RecordedService]:
    service = RecordedService()
    yield service
    service.close()


def rows(service: Any) -> dict[str, dict[str, Any]]:
    found = load_executions(service.query, ExecutionFilter())["rows"]
    return {row["id"]: row for row in found}


def worked_ms(row: dict[str, Any]) -> int:
    """What lists show."""
    return row["end_ms"] - row["start_ms"] - row["idle_ms"]


def test_hours_between_a_failure_and_a_retry_are_left_out(service: RecordedService) -> None:
    service.add_execution("a", create_time=1_000, end_time=1_000 + 5 * HOUR_MS)
    service.add_events(
        "a",
        ("WorkflowStarted", 1_000),
        ("WorkflowEnded", 3_000),
        ("WorkflowRetried", 3_000 + 4 * HOUR_MS),
        ("WorkflowEnded", 1_000 + 5 * HOUR_MS),
    )
    service.add_execution("b", create_time=1_000, end_time=4_000)
    service.add_events("b", ("WorkflowStarted", 1_000), ("WorkflowEnded", 4_000))
    found = rows(service)
    assert worked_ms(found["a"]) == HOUR_MS
    assert found["a"]["again"] == {
        "idle_ms": 4 * HOUR_MS,
        "word": "retried",
        "at_ms": 3_000 + 4 * HOUR_MS,
        "stood_ms": 4 * HOUR_MS,
    }
    assert worked_ms(found["b"]) == 3_000
    assert found["b"]["again"] is None


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("WorkflowRetried", "retried"),
        ("WorkflowRerun", "rerun"),
        ("WorkflowRevived", "retried"),
    ],
)
def test_whoever_was_opened_twice_is_named_by_the_last_time(
    service: RecordedService, kind: str, word: str
) -> None:
    service.add_execution("a", "RUNNING", create_time=1_000)
    service.add_events(
        "a",
        ("WorkflowStarted", 1_000),
        ("WorkflowEnded", 2_000),
        ("WorkflowRetried", 5_000),
        ("WorkflowPaused", 5_500),
        ("WorkflowEnded", 6_000),
        (kind, 6_100),
    )
    row = rows(service)["a"]
    assert row["idle_ms"] == 3_100
    assert (row["again"]["word"], row["again"]["at_ms"]) == (word, 6_100)
    assert row["again"]["stood_ms"] == 100
    assert row["end_ms"] == 0


def test_a_restart_begins_the_execution_anew_so_nothing_is_left_out(
    service: RecordedService,
) -> None:
    service.add_execution("a", create_time=9_000, end_time=9_500)
    service.add_events(
        "a", ("WorkflowEnded", 2_000), ("WorkflowRestarted", 9_000), ("WorkflowEnded", 9_500)
    )
    row = rows(service)["a"]
    assert (worked_ms(row), row["again"]["word"]) == (500, "restarted")


def test_figures_of_the_board_leave_it_out_too(service: RecordedService) -> None:
    now = int(time.time() * 1000)
    service.add_execution("a", create_time=now - 5 * HOUR_MS, end_time=now - 1_000)
    service.add_events(
        "a",
        ("WorkflowEnded", now - 5 * HOUR_MS + 2_000),
        ("WorkflowRetried", now - 3_000),
        ("WorkflowEnded", now - 1_000),
    )
    board = load_board(service.query, "24h", now)
    assert board["workflows"][0]["durations_ms"] == [4_000, 4_000, 4_000]
    assert worked_ms(board["recent"][0]) == 4_000


def test_a_real_retry_is_told_as_its_events_say() -> None:
    with Engine(threads=0, functions=FunctionRegistry()) as engine:
        engine.client.register_task_defs([{"name": "load", "retryCount": 0}])
        engine.client.register_workflow_def(workflow("etl", "load"))
        workflow_id = engine.start("etl")

        def answer(status: str) -> None:
            task = engine.client.poll("load", timeout_ms=5_000)[0]
            ids = {"workflowInstanceId": workflow_id, "taskId": task.task_id}
            engine.client.update_task({**ids, "status": status})

        answer("FAILED")
        time.sleep(0.3)
        engine.service.retry(workflow_id).result(10)
        answer("COMPLETED")
        at = {}
        for event in engine.service.committed_events(workflow_id):
            at.setdefault(str(event.kind.value), event.wall_ms)
        row = rows(engine.service)[workflow_id]
        stood_ms = at["WorkflowRetried"] - at["WorkflowEnded"]
        assert row["status"] == "COMPLETED"
        assert row["idle_ms"] == stood_ms >= 300
        assert row["again"]["at_ms"] == at["WorkflowRetried"]
        assert 0 <= worked_ms(row) == row["end_ms"] - row["start_ms"] - stood_ms
        board = load_board(engine.service.query, "1h", int(time.time() * 1000))
        assert board["workflows"][0]["durations_ms"][0] == worked_ms(row)
