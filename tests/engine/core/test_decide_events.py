"""EVENT as a table: which sinks are published where, and what a publisher's answer does."""

from __future__ import annotations

from typing import Any

import pytest

from engine.testing.definitions import node, workflow
from engine.testing.inline import InlineEngine

Wire = dict[str, Any]


def event(sink: str, **keys: Any) -> Wire:
    return node("e", "EVENT", sink=sink, inputParameters={"n": 1}, **keys)


def begun(task: Wire, *publishers: str) -> tuple[InlineEngine, str]:
    engine = InlineEngine(workflow("w", task), event_publishers=publishers)
    return engine, engine.start("w")


@pytest.mark.parametrize(
    ("sink", "publishers", "status", "reason"),
    [
        ("conductor", [], "COMPLETED", None),
        ("conductor:x", ["conductor_like"], "COMPLETED", None),
        ("conductors", [], "FAILED", "Invalid / Unsupported sink specified: conductors"),
        ("sqs:a", [], "FAILED", "error: Unknown queue type sqs"),
        ("sqs", ["sqs"], "FAILED", "error: Illegal event sqs"),
        ("sqs:a", ["kafka"], "FAILED", "error: Unknown queue type sqs"),
        ("sqs:a", ["kafka", "sqs"], "SCHEDULED", None),
        ("sqs:a:b", ["sqs"], "SCHEDULED", None),
        ("${workflow.input.none}", ["sqs"], "FAILED", "error: Illegal event"),
    ],
)
def test_where_a_sink_leads(
    sink: str, publishers: list[str], status: str, reason: str | None
) -> None:
    engine, workflow_id = begun(event(sink), *publishers)
    (task,) = engine.state(workflow_id).tasks.values()

    assert str(task.status) == status
    said = task.reason_for_incompletion
    assert said is None if reason is None else reason in str(said)


def test_the_publisher_is_given_the_whole_message() -> None:
    engine, workflow_id = begun(event("sqs:orders"), "sqs")
    task = engine.take("EVENT")

    assert task["outputData"] == {
        "n": 1,
        "sink": "sqs:orders",
        "asyncComplete": False,
        "workflowInstanceId": workflow_id,
        "workflowType": "w",
        "workflowVersion": 1,
        "correlationId": None,
        "taskToDomain": {},
        "event_produced": "sqs:orders",
    }


def test_a_failed_publication_is_tried_again_after_the_delay() -> None:
    engine, workflow_id = begun(event("sqs:a", retryCount=1), "sqs")
    engine.fail("EVENT", "fog")
    assert engine.poll("EVENT") == []
    engine.clock.move(seconds=60)
    task = engine.take("EVENT")
    engine.report(task, "COMPLETED", outputData=task["outputData"])

    assert str(engine.state(workflow_id).status) == "COMPLETED"
    assert engine.state(workflow_id).output["event_produced"] == "sqs:a"


@pytest.mark.parametrize(
    ("waits", "published", "again"),
    [(False, False, True), (True, False, True), (True, True, False)],
)
def test_what_a_dead_process_had_not_published_is_published_again(
    waits: bool, published: bool, again: bool
) -> None:
    engine, _ = begun(event("sqs:a", asyncComplete=waits), "sqs")
    task = engine.poll("EVENT", "in-process/event")[0]
    if published:
        ids = {key: task[key] for key in ("workflowInstanceId", "taskId")}
        result = {**ids, "status": "IN_PROGRESS", "outputData": task["outputData"]}
        engine.service.update_task(result, None, {"begun": True}).result(0)
    engine.reopen()

    assert [t["taskId"] for t in engine.poll("EVENT")] == ([task["taskId"]] if again else [])


def test_a_rerun_event_is_published_again() -> None:
    engine, workflow_id = begun(event("sqs:a"), "sqs")
    task = engine.take("EVENT")
    engine.report(task, "COMPLETED", outputData=task["outputData"])
    engine.service.rerun(workflow_id, {"reRunFromTaskId": task["taskId"]}).result(0)

    assert engine.take("EVENT")["outputData"]["event_produced"] == "sqs:a"
