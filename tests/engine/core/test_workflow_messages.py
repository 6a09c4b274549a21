"""The message queue of an execution: order, limits, what wakes whom, what a crash leaves."""

from __future__ import annotations

from typing import Any

import pytest

from engine.core import messages
from engine.core.limits import SizeLimits
from engine.errors import ConflictError, InvalidRequestError, NotFoundError, QueueFullError
from engine.testing.definitions import node, simple, wait, workflow
from engine.testing.inline import InlineEngine

Wire = dict[str, Any]


def pull(reference: str = "p", **input: Any) -> Wire:
    return node(reference, "PULL_WORKFLOW_MESSAGES", inputParameters=input)


def push(engine: InlineEngine, workflow_id: str, *numbers: int) -> list[str]:
    return [engine.service.push_message(workflow_id, {"n": n}).result(0) for n in numbers]


def pulled(engine: InlineEngine, workflow_id: str, reference: str = "p") -> Wire | None:
    """Count and numbers that a pulling task has got, None while it is open."""
    task = engine.state(workflow_id).task(reference)
    assert task is not None
    if not task.status.is_terminal:
        return None
    given = task.output_data
    return {"count": given["count"], "n": [m["payload"]["n"] for m in given["messages"]]}


@pytest.mark.parametrize(
    ("given", "waiting", "got"),
    [
        ({}, 0, None),
        ({}, 3, [1]),
        ({"batchSize": 2}, 3, [1, 2]),
        ({"batchSize": 2.9}, 3, [1, 2]),
        ({"batchSize": 0}, 3, [1]),
        ({"batchSize": "2"}, 3, [1]),
        ({"batchSize": True}, 3, [1]),
        ({"batchSize": 9000}, 120, list(range(1, 101))),
        ({"blocking": False}, 0, []),
        ({"blocking": "false"}, 0, None),
        ({"blocking": False, "batchSize": 5}, 2, [1, 2]),
    ],
)
def test_what_a_pulling_task_takes(given: Wire, waiting: int, got: list[int] | None) -> None:
    engine = InlineEngine(workflow("w", "a", pull(**given)))
    workflow_id = engine.start("w")
    push(engine, workflow_id, *range(1, waiting + 1))
    engine.complete("a")

    expected = None if got is None else {"count": len(got), "n": got}
    assert pulled(engine, workflow_id) == expected


def test_a_message_wakes_the_task_that_waits_and_goes_to_it_alone() -> None:
    engine = InlineEngine(workflow("w", pull("p"), pull("q")))
    workflow_id = engine.start("w")
    assert str(engine.state(workflow_id).task("p").status) == "IN_PROGRESS"  # type: ignore[union-attr]

    (first,) = push(engine, workflow_id, 1)

    task = engine.state(workflow_id).task("p")
    assert task is not None
    (message,) = task.output_data["messages"]
    received = message.pop("receivedAt")
    assert message == {"id": first, "workflowId": workflow_id, "payload": {"n": 1}}
    assert received.endswith("Z")
    assert pulled(engine, workflow_id, "q") is None
    push(engine, workflow_id, 2)
    assert pulled(engine, workflow_id, "q") == {"count": 1, "n": [2]}
    assert str(engine.state(workflow_id).status) == "COMPLETED"


def test_waiting_messages_survive_the_loss_of_the_process() -> None:
    engine = InlineEngine(workflow("w", "a", pull(batchSize=9)))
    workflow_id = engine.start("w")
    push(engine, workflow_id, 1, 2)
    engine.reopen()
    push(engine, workflow_id, 3)
    engine.reopen()
    engine.complete("a")

    assert pulled(engine, workflow_id) == {"count": 3, "n": [1, 2, 3]}


def test_an_execution_that_does_not_run_takes_no_message() -> None:
    engine = InlineEngine(workflow("w", "a"))
    workflow_id = engine.start("w")
    engine.service.pause(workflow_id).result(0)
    with pytest.raises(ConflictError, match=r"is not in RUNNING state \(current: PAUSED\)"):
        push(engine, workflow_id, 1)
    engine.service.resume(workflow_id).result(0)
    push(engine, workflow_id, 1)
    engine.service.terminate(workflow_id, "no").result(0)
    with pytest.raises(ConflictError, match="TERMINATED"):
        push(engine, workflow_id, 2)
    with pytest.raises(NotFoundError):
        engine.service.push_message("nothing", {}).result(5)


def test_an_execution_that_ended_has_forgotten_its_messages() -> None:
    engine = InlineEngine(workflow("w", "a", pull(blocking=False)))
    workflow_id = engine.start("w")
    push(engine, workflow_id, 1)
    engine.service.terminate(workflow_id, "no").result(0)
    engine.service.retry(workflow_id).result(0)
    engine.complete("a")

    assert pulled(engine, workflow_id) == {"count": 0, "n": []}


def test_a_full_queue_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "MAX_QUEUE_SIZE", 2)
    engine = InlineEngine(workflow("w", "a", pull(), "b"))
    workflow_id = engine.start("w")
    push(engine, workflow_id, 1, 2)
    with pytest.raises(QueueFullError, match="has reached the maximum size of 2"):
        push(engine, workflow_id, 3)
    engine.complete("a")
    push(engine, workflow_id, 3)


def test_a_queue_is_forgotten_a_day_after_its_newest_message() -> None:
    engine = InlineEngine(workflow("w", wait("s"), pull(blocking=False), wait("t"), pull("q")))
    workflow_id = engine.start("w")
    push(engine, workflow_id, 1)
    engine.clock.move(seconds=80_000)
    push(engine, workflow_id, 2)
    engine.clock.move(seconds=86_400)
    engine.service.signal(workflow_id, "COMPLETED", {}).result(0)
    assert pulled(engine, workflow_id) == {"count": 0, "n": []}
    push(engine, workflow_id, 3)
    engine.service.signal(workflow_id, "COMPLETED", {}).result(0)
    assert pulled(engine, workflow_id, "q") == {"count": 1, "n": [3]}


def test_sizes_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        messages, "SIZE_LIMITS", SizeLimits(message_bytes=1000, task_output_bytes=3000)
    )
    engine = InlineEngine(workflow("w", simple("a"), pull(batchSize=10), pull("q", batchSize=10)))
    workflow_id = engine.start("w")
    with pytest.raises(InvalidRequestError, match="has 2008 bytes; the limit is 1000"):
        engine.service.push_message(workflow_id, {"n": "x" * 2000}).result(0)
    for number in range(4):
        engine.service.push_message(workflow_id, {"n": number, "x": "x" * 500}).result(0)
    engine.complete("a")

    assert pulled(engine, workflow_id) == {"count": 2, "n": [0, 1]}
    assert pulled(engine, workflow_id, "q") == {"count": 2, "n": [2, 3]}
