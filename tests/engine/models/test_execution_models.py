"""Executions as a Python user holds them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.models import (
    BulkResponse,
    PollData,
    SearchResult,
    Task,
    TaskLog,
    TaskStatus,
    TaskSummary,
    Workflow,
    WorkflowStatus,
    WorkflowSummary,
)


def task(reference: str, status: str = "COMPLETED", **more: Any) -> dict[str, Any]:
    return {"referenceTaskName": reference, "status": status, "taskType": "HTTP", **more}


WORKFLOW = {
    "status": "FAILED",
    "createTime": 1_000,
    "startTime": 1_000,
    "endTime": 3_500,
    "workflowId": "id-1",
    "workflowName": "order_flow",
    "workflowVersion": 3,
    "workflowDefinition": {"name": "order_flow", "version": 3, "tasks": []},
    "tasks": [
        task("a", startTime=1_000, endTime=1_250),
        task("b", "FAILED", retryCount=0),
        task("b", "SCHEDULED", retryCount=1),
    ],
    "input": {"n": None},
    "newKeyOfALaterServer": {"x": 1},
}


def test_workflow_is_read_into_nested_models() -> None:
    workflow = Workflow.from_wire(WORKFLOW)
    assert workflow.status is WorkflowStatus.FAILED
    assert workflow.is_terminal
    assert not workflow.is_successful
    assert workflow.input == {"n": None}
    assert workflow.workflow_definition is not None
    assert workflow.workflow_definition.version == 3
    assert [t.reference_task_name for t in workflow.open_tasks] == ["b"]
    newest = workflow.task("b")
    assert newest is not None
    assert newest.status is TaskStatus.SCHEDULED
    assert [t.retry_count for t in workflow.attempts("b")] == [0, 1]
    assert workflow.task("nobody") is None


def test_instants_are_aware_and_unset_ones_are_none() -> None:
    workflow = Workflow.from_wire(WORKFLOW)
    assert workflow.started_at == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert workflow.duration_seconds == 2.5
    assert workflow.tasks[0].duration_seconds == 0.25
    assert workflow.tasks[1].started_at is None
    assert workflow.tasks[1].duration_seconds is None


def test_reopened_workflow_has_no_end_although_its_record_keeps_one() -> None:
    reopened = Workflow.from_wire({**WORKFLOW, "status": "RUNNING"})
    assert reopened.ended_at is None
    assert reopened.duration_seconds is None


@pytest.mark.parametrize(
    ("status", "terminal", "successful", "retriable"),
    [
        ("SCHEDULED", False, True, True),
        ("COMPLETED_WITH_ERRORS", True, True, True),
        ("FAILED", True, False, True),
        ("FAILED_WITH_TERMINAL_ERROR", True, False, False),
        ("CANCELED", True, False, False),
        ("SKIPPED", True, True, False),
    ],
)
def test_flags_of_a_task_are_those_of_its_status(
    status: str, terminal: bool, successful: bool, retriable: bool
) -> None:
    model = Task.from_wire(task("a", status))
    assert (model.is_terminal, model.is_successful, model.is_retriable) == (
        terminal,
        successful,
        retriable,
    )


def test_unknown_keys_survive_and_task_definition_is_a_literal_null() -> None:
    wire = Workflow.from_wire(WORKFLOW).to_wire()
    assert wire["newKeyOfALaterServer"] == {"x": 1}
    assert wire["tasks"][0]["taskDefinition"] is None
    assert "reasonForIncompletion" not in wire["tasks"][0]
    assert Workflow.from_wire(wire).to_wire() == wire


def test_representations_are_one_short_line() -> None:
    workflow = Workflow.from_wire(WORKFLOW)
    assert repr(workflow) == "Workflow('order_flow' v3 FAILED, 3 tasks, id id-1)"
    assert repr(workflow.tasks[2]) == "Task('b' SCHEDULED, HTTP, attempt 2)"
    assert repr(TaskLog(log="hi")) == "TaskLog('hi')"
    assert repr(PollData(queue_name="q", worker_id="w")) == "PollData('q' by 'w')"
    bulk = BulkResponse.from_wire({"bulkErrorResults": {"a": "no"}, "bulkSuccessfulResults": []})
    assert repr(bulk) == "BulkResponse(0 done, 1 failed)"


def test_search_results_hold_the_rows_asked_for() -> None:
    row = {"workflowType": "w", "version": 1, "status": "RUNNING", "workflowId": "i"}
    found = SearchResult[WorkflowSummary].from_wire({"totalHits": "12", "results": [row]})
    assert (found.total_hits, len(found)) == (12, 1)
    assert [repr(summary) for summary in found] == ["WorkflowSummary('w' v1 RUNNING, id i)"]
    assert not found.results[0].is_terminal
    tasks = SearchResult[TaskSummary].from_wire({"results": [{"status": "FAILED"}]})
    assert next(iter(tasks)).is_terminal
    assert SearchResult.from_wire({"results": [row]}).results == [row]


def test_recorded_executions_are_read(shared_dir: Path) -> None:
    def executions(node: Any) -> list[dict[str, Any]]:
        if isinstance(node, list):
            return [found for item in node for found in executions(item)]
        if not isinstance(node, dict):
            return []
        own = [node] if "workflowId" in node and isinstance(node.get("tasks"), list) else []
        return own + [found for item in node.values() for found in executions(item)]

    read = 0
    for file in (shared_dir / "conformance" / "golden").glob("*.json"):
        for wire in executions(json.loads(file.read_text())["trace"]):
            if wire.get("status") not in set(WorkflowStatus):
                continue
            workflow = Workflow.from_wire(wire)
            assert len(workflow.to_wire()["tasks"]) == len(wire["tasks"])
            read += 1
    assert read > 500
