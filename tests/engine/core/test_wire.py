"""The JSON shapes of executions, tasks and search lines."""

from __future__ import annotations

import json
import time
from typing import Any

import msgspec
import pytest

from engine.core.definition import compile_definition
from engine.core.state import TaskState, WorkflowState
from engine.core.wire import (
    task_summary,
    task_wire,
    time_text,
    workflow_status_wire,
    workflow_summary,
    workflow_wire,
)
from engine.models.codec import dumps
from engine.models.enums import TaskStatus, WorkflowStatus

TASK_DEFINITION = {"name": "charge", "retryCount": 0}
NODE = {
    "name": "charge",
    "taskReferenceName": "charge_ref",
    "type": "SIMPLE",
    "inputParameters": {},
    "taskDefinition": TASK_DEFINITION,
}


def execution() -> WorkflowState:
    state = WorkflowState("w-1")
    state.definition = compile_definition({"name": "orders", "version": 3, "tasks": [NODE]})
    state.create_time = 1_000
    return state


def attempt(**fields: Any) -> TaskState:
    given: dict[str, Any] = {
        "task_id": "t-1",
        "task_type": "charge",
        "task_def_name": "charge",
        "reference_task_name": "charge_ref",
        "node": "charge_ref",
        "status": TaskStatus.SCHEDULED,
        "seq": 1,
        **fields,
    }
    if "output_data" in given:
        given["stored_output"] = given.pop("output_data")
    return TaskState(**given)


def test_fresh_task_has_every_key_that_is_always_there_and_no_other() -> None:
    assert json.loads(dumps(task_wire(execution(), attempt(scheduled_time=7)))) == {
        "taskType": "charge",
        "status": "SCHEDULED",
        "inputData": {},
        "referenceTaskName": "charge_ref",
        "retryCount": 0,
        "seq": 1,
        "pollCount": 0,
        "taskDefName": "charge",
        "scheduledTime": 7,
        "startTime": 0,
        "endTime": 0,
        "updateTime": 0,
        "startDelayInSeconds": 0,
        "retried": False,
        "executed": False,
        "callbackFromWorker": True,
        "responseTimeoutSeconds": 0,
        "workflowInstanceId": "w-1",
        "workflowType": "orders",
        "taskId": "t-1",
        "callbackAfterSeconds": 0,
        "outputData": {},
        "workflowTask": NODE,
        "rateLimitPerFrequency": 0,
        "rateLimitFrequencyInSeconds": 1,
        "workflowPriority": 0,
        "iteration": 0,
        "subworkflowChanged": False,
        "firstStartTime": 0,
        "executionMetadata": {"additionalContext": {}, "empty": True, "additionalContextMap": {}},
        "queueWaitTime": 0,
        "taskDefinition": TASK_DEFINITION,
        "loopOverTask": False,
    }


def test_task_shows_optional_keys_once_they_have_a_value() -> None:
    state = execution()
    state.correlation_id = "order-7"
    task = attempt(
        retried_task_id="t-0",
        reason_for_incompletion="x" * 600,
        worker_id="w",
        domain="west",
        iteration=2,
    )

    wire = task_wire(state, task)

    assert wire["correlationId"] == "order-7"
    assert wire["retriedTaskId"] == "t-0"
    assert wire["reasonForIncompletion"] == "x" * 500
    assert (wire["workerId"], wire["domain"], wire["loopOverTask"]) == ("w", "west", True)


@pytest.mark.parametrize(
    ("fields", "child"),
    [
        ({"sub_workflow_id": "own"}, "own"),
        ({"output_data": {"subWorkflowId": "out"}, "input_data": {"subWorkflowId": "in"}}, "out"),
        ({"input_data": {"subWorkflowId": "in"}}, "in"),
        ({"input_data": {"subWorkflowId": 7}}, None),
    ],
)
def test_child_id_is_its_own_or_that_of_output_or_input(
    fields: dict[str, Any], child: str | None
) -> None:
    assert task_wire(execution(), attempt(**fields)).get("subWorkflowId") == child


def test_task_without_a_definition_says_so_with_a_null() -> None:
    node = {"name": "made", "taskReferenceName": "made_ref"}

    dynamic = task_wire(execution(), attempt(workflow_task=node))
    unknown = task_wire(execution(), attempt(node="gone"))

    assert (dynamic["workflowTask"], dynamic["taskDefinition"]) == (node, None)
    assert dynamic["rateLimitFrequencyInSeconds"] == 0
    assert unknown["workflowTask"] == {"name": "charge", "taskReferenceName": "charge_ref"}


@pytest.mark.parametrize(
    ("fields", "wait"),
    [
        ({"scheduled_time": 100}, 0),
        ({"scheduled_time": 100, "start_time": 350}, 250),
        (
            {
                "scheduled_time": 1,
                "start_time": 2,
                "update_time": 1_000,
                "callback_after_seconds": 5,
            },
            4_000,
        ),
        (
            {
                "scheduled_time": 1,
                "start_time": 2,
                "update_time": 9_000,
                "callback_after_seconds": 5,
            },
            0,
        ),
    ],
)
def test_queue_wait_ends_with_the_start_or_begins_when_the_callback_is_due(
    fields: dict[str, Any], wait: int
) -> None:
    assert task_wire(execution(), attempt(**fields), now_ms=10_000)["queueWaitTime"] == wait


def test_workflow_lists_its_tasks_by_seq_and_shares_its_definition() -> None:
    state = execution()
    state.tasks = {str(seq): attempt(task_id=str(seq), seq=seq) for seq in (3, 1, 2)}

    wire = workflow_wire(state)

    assert [task["taskId"] for task in wire["tasks"]] == ["1", "2", "3"]
    assert wire["workflowDefinition"] is state.definition.wire
    assert wire["tasks"][0]["workflowTask"] is wire["tasks"][1]["workflowTask"]


def test_workflow_without_tasks_has_every_key_that_is_always_there_and_no_other() -> None:
    state = execution()
    state.tasks = {"1": attempt()}

    assert json.loads(dumps(workflow_wire(state, include_tasks=False))) == {
        "ownerApp": "",
        "createTime": 1_000,
        "startTime": 1_000,
        "updateTime": 0,
        "endTime": 0,
        "lastRetriedTime": 0,
        "status": "RUNNING",
        "workflowId": "w-1",
        "workflowName": "orders",
        "workflowVersion": 3,
        "workflowDefinition": state.definition.wire,
        "tasks": [],
        "input": {},
        "output": {},
        "variables": {},
        "taskToDomain": {},
        "failedReferenceTaskNames": [],
        "failedTaskNames": [],
        "priority": 0,
        "history": [],
        "rateLimited": False,
    }


def test_workflow_shows_optional_keys_once_they_have_a_value() -> None:
    state = execution()
    state.parent_workflow_id, state.parent_workflow_task_id = "p", "pt"
    state.correlation_id, state.reason_for_incompletion, state.event = "c", "r", "e"
    state.failed_task_names = ("charge",)

    wire = workflow_wire(state)

    assert (wire["parentWorkflowId"], wire["parentWorkflowTaskId"]) == ("p", "pt")
    assert (wire["correlationId"], wire["reasonForIncompletion"], wire["event"]) == ("c", "r", "e")
    assert wire["failedTaskNames"] == ["charge"]


def test_status_holds_only_what_was_asked_for() -> None:
    state = execution()
    state.status, state.output = WorkflowStatus.COMPLETED, {"y": None}

    assert workflow_status_wire(state) == {"workflowId": "w-1", "status": "COMPLETED"}
    assert workflow_status_wire(state, include_output=True)["output"] == {"y": None}
    assert workflow_status_wire(state, include_variables=True)["variables"] == {}


def test_time_is_text_in_utc_with_milliseconds() -> None:
    assert time_text(0) == "1970-01-01T00:00:00.000Z"
    assert time_text(1_785_585_600_042) == "2026-08-01T12:00:00.042Z"


EXECUTION_ROW: dict[str, Any] = {
    "workflow_id": "w-1",
    "workflow_type": "orders",
    "workflow_version": 3,
    "status": "RUNNING",
    "correlation_id": None,
    "priority": 4,
    "create_time": 1_000,
    "update_time": 0,
    "end_time": 0,
    "parent_workflow_id": None,
    "reason_for_incompletion": None,
    "failed_reference_task_names": [],
    "failed_task_names": [],
    "event": None,
    "created_by": None,
    "idempotency_key": None,
    "task_to_domain": {},
    "input": {"k": "v one"},
    "output": {},
}


def test_running_execution_is_summed_up_without_an_end() -> None:
    assert workflow_summary(EXECUTION_ROW) == {
        "workflowType": "orders",
        "version": 3,
        "workflowId": "w-1",
        "startTime": "1970-01-01T00:00:01.000Z",
        "updateTime": "1970-01-01T00:00:00.000Z",
        "status": "RUNNING",
        "input": "{k=v one}",
        "output": "{}",
        "inputSize": 9,
        "outputSize": 2,
        "executionTime": 0,
        "failedReferenceTaskNames": "",
        "failedTaskNames": [],
        "priority": 4,
        "taskToDomain": {},
        "parentWorkflowId": "",
        "classifier": "workflow",
    }


def test_summary_reads_columns_that_come_as_json_text() -> None:
    row = {
        **EXECUTION_ROW,
        "status": "FAILED",
        "end_time": 3_500,
        "correlation_id": "corr",
        "reason_for_incompletion": "broken",
        "failed_reference_task_names": '["a","b"]',
        "failed_task_names": '["t"]',
        "output": '{"y":null}',
        "classifier": "agent",
    }

    line = workflow_summary(row)

    assert line["endTime"] == "1970-01-01T00:00:03.500Z"
    assert (line["executionTime"], line["output"], line["classifier"]) == (
        2_500,
        "{y=null}",
        "agent",
    )
    assert (line["failedReferenceTaskNames"], line["failedTaskNames"]) == ("a,b", ["t"])
    assert (line["correlationId"], line["reasonForIncompletion"]) == ("corr", "broken")


def test_task_is_summed_up_with_times_as_text() -> None:
    row = {
        "workflow_id": "w-1",
        "workflow_type": "orders",
        "task_id": "t-1",
        "task_type": "charge",
        "task_def_name": "charge",
        "status": "COMPLETED",
        "scheduled_time": 1_000,
        "start_time": 1_200,
        "update_time": 1_500,
        "end_time": 1_500,
        "reason_for_incompletion": None,
        "input_data": {},
        "output_data": '{"y":1}',
        "correlation_id": "corr",
        "workflow_priority": 4,
        "domain": None,
    }

    assert task_summary(row) == {
        "workflowId": "w-1",
        "workflowType": "orders",
        "correlationId": "corr",
        "scheduledTime": "1970-01-01T00:00:01.000Z",
        "startTime": "1970-01-01T00:00:01.200Z",
        "updateTime": "1970-01-01T00:00:01.500Z",
        "endTime": "1970-01-01T00:00:01.500Z",
        "status": "COMPLETED",
        "executionTime": 300,
        "queueWaitTime": 200,
        "taskDefName": "charge",
        "taskType": "charge",
        "input": "{}",
        "output": "{y=1}",
        "taskId": "t-1",
        "workflowPriority": 4,
    }


def test_thousand_tasks_are_shown_in_a_few_milliseconds() -> None:
    state = execution()
    first = attempt()
    state.tasks = {
        str(seq): msgspec.structs.replace(first, task_id=str(seq), seq=seq) for seq in range(1000)
    }

    before = time.perf_counter()
    for _ in range(5):
        dumps(workflow_wire(state))

    assert (time.perf_counter() - before) / 5 < 0.1
