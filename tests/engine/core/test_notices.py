"""Which events of an execution are told to listeners, and what is told."""

from __future__ import annotations

from typing import Any

import pytest

from engine.core.apply import apply
from engine.core.notices import NOTICE_TYPES, StatusNotice, notices
from engine.core.state import WorkflowState
from engine.testing.definitions import inline, limited, simple, task_def, wait, workflow
from engine.testing.inline import InlineEngine

Wire = dict[str, Any]


def told(engine: InlineEngine, workflow_id: str, also_disabled: bool = False) -> list[StatusNotice]:
    """Everything that somebody who wants everything is told of a history."""
    state = WorkflowState(workflow_id)
    found = []
    for event in engine.events(workflow_id):
        apply(state, event, engine.registry.definition_of)
        every = notices(state, event, lambda kind, enabled: enabled or also_disabled)
        found += [notice for notice, _ in every]
    assert {notice.type for notice in found} <= set(NOTICE_TYPES)
    return found


def types(found: list[StatusNotice]) -> list[str]:
    return [notice.type for notice in found]


ENABLED = {"workflowStatusListenerEnabled": True}


def test_a_plain_execution() -> None:
    engine = InlineEngine(workflow("w", "a", inline("i", "1"), **ENABLED))
    workflow_id = engine.start("w", correlationId="c9")
    engine.complete("a")
    found = told(engine, workflow_id)

    assert types(found) == [
        "workflow.started",
        "task.scheduled",
        "task.in_progress",
        "task.completed",
        "task.completed",
        "workflow.completed",
        "workflow.finalized",
    ]
    first, scheduled, last = found[0], found[1], found[-1]
    assert first.id == f"{workflow_id}:1:workflow.started"
    assert (first.data["status"], first.data["correlationId"]) == ("RUNNING", "c9")
    assert "endTime" not in first.data
    assert scheduled.data["referenceTaskName"] == "a"
    assert (scheduled.data["status"], scheduled.data["workflowTaskType"]) == ("SCHEDULED", "SIMPLE")
    assert last.data["status"] == "COMPLETED"
    assert last.data["endTime"].endswith("Z")
    assert {"input", "output", "inputData", "outputData"}.isdisjoint(last.data)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (
            ["fail"],
            ["task.failed", "workflow.finalized", "workflow.terminated"],
        ),
        (
            ["terminal"],
            ["task.failed_with_terminal_error", "workflow.finalized", "workflow.terminated"],
        ),
        (
            ["terminate"],
            ["task.canceled", "workflow.finalized", "workflow.terminated"],
        ),
        (["pause", "resume"], ["workflow.paused", "workflow.resumed"]),
    ],
)
def test_what_happens_to_it(steps: list[str], expected: list[str]) -> None:
    engine = InlineEngine(workflow("w", limited("a"), **ENABLED))
    workflow_id = engine.start("w")
    task = engine.take("a")
    before = len(told(engine, workflow_id))
    for step in steps:
        if step in ("fail", "terminal"):
            status = "FAILED" if step == "fail" else "FAILED_WITH_TERMINAL_ERROR"
            engine.report(task, status, reasonForIncompletion="no")
        elif step == "terminate":
            engine.service.terminate(workflow_id, "enough").result(0)
        else:
            getattr(engine.service, step)(workflow_id).result(0)
    found = told(engine, workflow_id)[before:]

    assert types(found) == expected
    if expected[-1] == "workflow.terminated":
        assert found[-1].data["status"] in ("FAILED", "TERMINATED")
        assert found[-1].data["reasonForIncompletion"]


def test_operators_are_told_of() -> None:
    engine = InlineEngine(workflow("w", limited("a"), **ENABLED))
    workflow_id = engine.start("w")
    engine.fail("a")
    engine.service.retry(workflow_id).result(0)
    engine.fail("a")
    engine.service.restart(workflow_id).result(0)
    task = engine.take("a")
    engine.report(task, "FAILED")
    engine.service.rerun(workflow_id, {"reRunFromTaskId": task["taskId"]}).result(0)

    found = [kind for kind in types(told(engine, workflow_id)) if kind.startswith("workflow.re")]
    assert found == ["workflow.retried", "workflow.restarted", "workflow.rerun"]


def test_an_optional_failure_a_time_out_and_a_skipped_task() -> None:
    slow = limited("t", responseTimeoutSeconds=5, timeoutPolicy="RETRY", retryCount=1)
    optional = {**limited("o"), "optional": True}
    engine = InlineEngine(workflow("w", optional, slow, simple("s"), **ENABLED))
    workflow_id = engine.start("w")
    engine.service.skip_task(workflow_id, "s", {}, {}).result(0)
    engine.fail("o")
    engine.take("t")
    engine.clock.move(seconds=6)

    found = types(told(engine, workflow_id))
    assert {"task.completed_with_errors", "task.timed_out", "task.skipped"} <= set(found)


def test_a_definition_decides_whether_it_is_told_of() -> None:
    silent = task_def("a", taskStatusListenerEnabled=False)
    engine = InlineEngine(workflow("w", simple("a"), wait("x")), task_defs=[silent])
    workflow_id = engine.start("w")
    engine.complete("a")
    engine.service.terminate(workflow_id, "no").result(0)

    assert types(told(engine, workflow_id)) == ["task.in_progress", "task.canceled"]
    every = types(told(engine, workflow_id, also_disabled=True))
    assert every[0] == "workflow.started"
    assert every[-1] == "workflow.terminated"
    assert "task.completed" in every


def test_the_sink_of_a_definition_goes_along() -> None:
    engine = InlineEngine(workflow("w", "a", **ENABLED, workflowStatusListenerSink="audit"))
    found = told(engine, engine.start("w"))

    assert [notice.sink for notice in found] == ["audit", None]
    assert set(found[0].wire()) == {"id", "type", "timestamp", "data"}
