"""What is given to an engine in this process, or shown by it, is nobody else's to change."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import pytest

from engine import Engine
from engine.functions import FunctionRegistry
from engine.testing.definitions import simple, workflow


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(threads=0, functions=FunctionRegistry()) as engine:
        job = simple("job", {"items": "${workflow.input.items}"})
        engine.client.register_workflow_def(workflow("w", job))  # type: ignore[arg-type]
        yield engine


def test_what_is_changed_after_a_start_or_after_reading_changes_no_execution(
    engine: Engine,
) -> None:
    items = [1]
    execution = engine.start("w", {"items": items})
    items.append(2)
    (task,) = engine.client.poll("job", "w", None, 1, 1000)
    task.input_data["items"].append(3)
    engine.client.workflow(execution).input["items"].append(4)
    engine.client.task(task.task_id).input_data["items"].append(5)
    output: dict[str, Any] = {"items": [1]}
    result = {"workflowInstanceId": execution, "taskId": task.task_id, "status": "COMPLETED"}
    engine.client.update_task({**result, "outputData": output})
    output["items"].append(6)
    shown = engine.client.workflow(execution)
    assert shown.input == {"items": [1]}
    assert shown.tasks[0].input_data == {"items": [1]}
    assert shown.tasks[0].output_data == {"items": [1]}


def test_memory_has_what_a_restart_will_read(engine: Engine) -> None:
    given = {"items": (1, float("nan")), "at": datetime.date(2026, 1, 2), "by": {1: "one"}}
    execution = engine.start("w", given)
    state = engine.client.state(execution)
    assert state.input == engine.client.events(execution)[0].data["input"]
    assert state.input == {"items": [1, None], "at": "2026-01-02", "by": {"1": "one"}}
