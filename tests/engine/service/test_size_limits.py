"""What is too large is refused by name, and a too large result fails its task, not the engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from engine import Engine
from engine.core.limits import SIZE_LIMITS, SizeLimits, check_definition, check_workflow_input
from engine.errors import InvalidRequestError
from engine.functions import FunctionRegistry

MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(functions=FunctionRegistry(), http_tasks=False) as engine:
        yield engine


def flow(*tasks: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "large", "version": 1, "tasks": list(tasks), **more}


def simple(number: int = 0) -> dict[str, Any]:
    return {"name": "t", "taskReferenceName": f"t{number}", "type": "SIMPLE"}


def test_long_definitions_are_refused(engine: Engine) -> None:
    body = flow(simple(), description="x" * MEGABYTE)
    calls = [
        lambda: engine.service.create_workflow_def(body),
        lambda: engine.service.update_workflow_defs([body]),
        lambda: engine.service.validate_workflow_def(body),
        lambda: engine.service.start_workflow({"name": "large", "workflowDef": body, "input": {}}),
    ]
    for call in calls:
        with pytest.raises(InvalidRequestError, match=r"'large' has 10\d{5} bytes; .* 1048576"):
            call()


def test_definitions_of_very_many_tasks_are_refused(engine: Engine) -> None:
    nested = {
        "name": "s",
        "taskReferenceName": "s",
        "type": "SWITCH",
        "evaluatorType": "value-param",
        "expression": "x",
        "defaultCase": [simple(number) for number in range(10_000)],
    }
    with pytest.raises(InvalidRequestError, match="'large' has 10001 tasks; the limit is 10000"):
        engine.service.create_workflow_def(flow(nested))


def test_long_inputs_of_a_start_are_refused(engine: Engine) -> None:
    engine.service.create_workflow_def(flow(simple()), overwrite=True).result(20)
    request = {"name": "large", "input": {"text": "x" * (10 * MEGABYTE)}}
    with pytest.raises(InvalidRequestError, match=r"'large' has 10485771 bytes; .* 10485760"):
        engine.service.start_workflow(request)
    assert engine.service.running("large") == []


@pytest.mark.parametrize("status", ["COMPLETED", "IN_PROGRESS", "FAILED"])
def test_too_large_results_fail_their_task_for_good(engine: Engine, status: str) -> None:
    service = engine.service
    service.create_workflow_def(flow(simple()), overwrite=True).result(20)
    workflow_id = service.start_workflow({"name": "large", "input": {}}).result(20)
    (task,) = service.poll("t", timeout_ms=1000).result(20)
    result = {
        "workflowInstanceId": workflow_id,
        "taskId": task["taskId"],
        "status": status,
        "outputData": {"text": "x" * (10 * MEGABYTE)},
    }
    service.update_task(result).result(20)

    workflow = service.workflow(workflow_id).result(20)
    (task,) = workflow["tasks"]
    reason = (
        f"The payload size: 10485771 of task: {task['taskId']} in workflow: {workflow_id}  "
        "is greater than the permissible limit: 10485760 bytes"
    )
    assert (task["status"], task["reasonForIncompletion"], task["outputData"]) == (
        "FAILED_WITH_TERMINAL_ERROR",
        reason,
        {},
    )
    assert workflow["status"] == "FAILED"
    assert reason in workflow["reasonForIncompletion"]


def test_too_large_values_of_scripts_fail_their_task_for_good(engine: Engine) -> None:
    inline = {
        "name": "i",
        "taskReferenceName": "i",
        "type": "INLINE",
        "inputParameters": {"evaluatorType": "javascript", "expression": "'x'.repeat(11 << 20)"},
    }
    request = {"name": "large", "workflowDef": flow(inline), "input": {}}
    workflow_id = engine.service.start_workflow(request).result(20)
    (task,) = engine.service.workflow(workflow_id).result(20)["tasks"]
    assert task["status"] == "FAILED_WITH_TERMINAL_ERROR"
    assert "is greater than the permissible limit: 10485760 bytes" in task["reasonForIncompletion"]


def test_limits_are_inclusive_and_can_be_narrowed() -> None:
    narrow = SizeLimits(definition_bytes=2, definition_tasks=1, workflow_input_bytes=2)
    check_definition("a", {}, [1], narrow)
    check_workflow_input("a", {}, narrow)
    with pytest.raises(InvalidRequestError, match="8 bytes; the limit is 2"):
        check_workflow_input("a", {"k": 10}, narrow)
    assert narrow.task_output_bytes == SIZE_LIMITS.task_output_bytes
