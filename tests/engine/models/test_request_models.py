"""Requests are refused with Conductor's messages."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import InvalidDefinitionError, InvalidRequestError, Problem
from engine.models import (
    VALIDATION_FAILED,
    RerunWorkflowRequest,
    SkipTaskRequest,
    StartWorkflowRequest,
    TaskResult,
    TaskResultStatus,
    validate_bulk_ids,
    validate_query_priority,
    validate_search_size,
)


@pytest.mark.parametrize(
    ("wire", "problem"),
    [
        ({}, Problem("name", "Workflow name cannot be null or empty")),
        (
            {"name": "w", "priority": 100},
            Problem("priority", "priority: 100 should be maximum 99", invalid_value="100"),
        ),
        (
            {"name": "w", "priority": -1},
            Problem("priority", "priority: -1 should be minimum 0", invalid_value="-1"),
        ),
        (
            {"name": "w", "workflowDef": {"name": "w"}},
            Problem(
                "workflowDef.tasks", "WorkflowTask list cannot be empty", "Add at least one task."
            ),
        ),
    ],
)
def test_start_request_is_refused_with_the_place(wire: dict[str, Any], problem: Problem) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        StartWorkflowRequest.from_wire(wire).validate_request()
    assert refusal.value.args == (VALIDATION_FAILED,)
    assert refusal.value.problems == (problem,)


@pytest.mark.parametrize(
    ("wire", "message"),
    [
        ({"name": ""}, "Workflow name must be specified when searching for a definition"),
        ({"name": "w", "input": None}, "NULL input passed when starting workflow"),
    ],
)
def test_start_request_is_refused_by_a_plain_message(wire: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        StartWorkflowRequest.from_wire(wire).validate_request()
    assert (refusal.value.args[0], refusal.value.problems) == (message, ())


def test_start_request_is_read_with_its_defaults() -> None:
    request = StartWorkflowRequest.from_wire({"name": "w", "version": "2", "extra": 1})
    request.validate_request()
    assert request.to_wire() == {
        "name": "w",
        "version": 2,
        "input": {},
        "taskToDomain": {},
        "priority": 0,
        "extra": 1,
    }
    assert repr(request) == "StartWorkflowRequest('w' v2)"


def test_broken_inline_definition_is_named_inside_the_request() -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        StartWorkflowRequest.from_wire({"name": "w", "workflowDef": {"tasks": 5}})
    assert not isinstance(refusal.value, InvalidDefinitionError)
    assert refusal.value.problems[0].path == "workflowDef.tasks"


def test_task_result_needs_both_ids_and_a_status() -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        TaskResult.from_wire({"taskId": ""}).validate_request()
    assert [(p.path, p.message, p.invalid_value) for p in refusal.value.problems] == [
        ("taskId", "Task ID cannot be null or empty", ""),
        ("workflowInstanceId", "Workflow Id cannot be null or empty", None),
        ("status", "Task status cannot be null", None),
    ]


def test_lease_can_be_extended_without_a_status() -> None:
    wire = {"taskId": "t", "workflowInstanceId": "w", "extendLease": True}
    TaskResult.from_wire(wire).validate_request()


def test_status_that_a_worker_may_not_report_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="expected one of IN_PROGRESS") as refusal:
        TaskResult.from_wire({"status": "COMPLETE"})
    assert refusal.value.problems[0].suggestion == "Did you mean 'COMPLETED'?"


def test_task_result_keeps_logs_and_cuts_its_reason() -> None:
    result = TaskResult.from_wire(
        {
            "status": "FAILED",
            "reasonForIncompletion": "x" * 600,
            "logs": [{"log": "a", "createdTime": 5}],
        }
    )
    assert result.status is TaskResultStatus.FAILED
    assert result.reason == "x" * 500
    assert result.logs[0].created_time == 5


def test_rerun_and_skip_requests_tell_absent_from_empty() -> None:
    rerun = RerunWorkflowRequest.from_wire({"reRunFromTaskId": "t", "taskInput": {}})
    assert (rerun.re_run_from_task_id, rerun.task_input, rerun.workflow_input) == ("t", {}, None)
    assert rerun.to_wire() == {"reRunFromTaskId": "t", "taskInput": {}}
    assert SkipTaskRequest.from_wire({}).to_wire() == {}


@pytest.mark.parametrize(
    ("ids", "of", "message"),
    [
        ([], "workflow", "WorkflowIds list cannot be null."),
        (None, "workflow", "WorkflowIds list cannot be null."),
        ([], "schedule", "Schedule names list cannot be null."),
        (
            ["i"] * 1001,
            "workflow",
            "Cannot process more than 1000 workflows. Please use multiple requests.",
        ),
    ],
)
def test_bulk_requests_name_one_to_a_thousand(ids: Any, of: str, message: str) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        validate_bulk_ids(ids, of)
    assert [problem.message for problem in refusal.value.problems] == [message]


def test_numbers_among_bulk_ids_are_read_as_texts() -> None:
    assert validate_bulk_ids(["a", 7, True]) == ["a", "7", "true"]


@pytest.mark.parametrize("ids", [{}, {"a": 1}, "abc", [None], [["a"]], 0])
def test_bulk_request_of_another_shape_is_refused(ids: Any) -> None:
    with pytest.raises(InvalidRequestError):
        validate_bulk_ids(ids)


def test_bulk_request_of_a_thousand_is_accepted() -> None:
    assert len(validate_bulk_ids(["i"] * 1000)) == 1000


def test_numbers_of_a_query_are_limited() -> None:
    validate_query_priority(99)
    validate_search_size(5000)
    with pytest.raises(InvalidRequestError) as refusal:
        validate_query_priority(100)
    assert refusal.value.problems == (
        Problem("priority", "99 is the maximum priority value", "", "100", ""),
    )
    with pytest.raises(InvalidRequestError) as refusal:
        validate_search_size(5001)
    assert refusal.value.problems[0].message == (
        "Cannot return more than 5000 workflows. Please use pagination."
    )
