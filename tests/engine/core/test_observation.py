"""Histories made from wire objects: folding them gives back what the server showed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from engine.core.apply import DefinitionOf, fold
from engine.core.definition import compile_definition
from engine.core.events import HistoryEvent
from engine.core.observation import observe
from engine.core.state import WorkflowState
from engine.core.wire import workflow_wire
from engine.models.codec import dumps, loads, payload_hash
from engine.testing.histories import load

RECORDED = sorted((Path(__file__).parent.parent / "histories").glob("v*/*.json"))
UNSEEN = {"updateTime", "lastRetriedTime", "queueWaitTime"}
"""Derived from the moments of events that a server does not show."""


def histories() -> list[Any]:
    found = []
    for path in RECORDED:
        recording = load(path)
        for number, events in enumerate(recording.executions):
            name = f"{path.stem}-{number}"
            found.append(pytest.param(events, recording.definition_of(), id=name))
    return found


HISTORIES = histories()


def shown(state: WorkflowState) -> dict[str, Any]:
    return loads(dumps(workflow_wire(state)))


def comparable(wire: dict[str, Any]) -> dict[str, Any]:
    tasks = [{k: v for k, v in task.items() if k not in UNSEEN} for task in wire["tasks"]]
    return {k: v for k, v in wire.items() if k not in UNSEEN} | {"tasks": tasks}


@pytest.mark.parametrize(("events", "definition_of"), HISTORIES)
def test_one_look_at_an_ended_execution_gives_its_state(
    events: list[HistoryEvent], definition_of: DefinitionOf
) -> None:
    original = fold(events, definition_of)
    wire = shown(original)
    definition = compile_definition(wire["workflowDefinition"], "h")
    state = WorkflowState(original.workflow_id)
    made = observe(state, wire, definition, path=events[0].path)

    assert comparable(shown(state)) == comparable(wire)
    refolded = fold(made, lambda _hash: definition)
    assert comparable(shown(refolded)) == comparable(wire)
    assert {t.task_id: t.path for t in state.tasks.values()} == {
        t.task_id: t.path for t in original.tasks.values()
    }
    assert [event.number for event in made] == list(range(1, len(made) + 1))


@pytest.mark.parametrize(("events", "definition_of"), HISTORIES)
def test_looking_after_every_event_only_appends(
    events: list[HistoryEvent], definition_of: DefinitionOf
) -> None:
    state = WorkflowState(events[0].workflow_id)
    original: WorkflowState | None = None
    made: list[HistoryEvent] = []
    for event in events:
        original = fold([event], definition_of, original)
        wire = shown(original)
        definition = compile_definition(
            wire["workflowDefinition"], payload_hash(wire["workflowDefinition"])
        )
        made += observe(state, wire, definition, path=events[0].path)
        assert comparable(shown(state)) == comparable(wire), f"after event {event.number}"
        assert observe(state, wire, definition) == []
    assert [event.number for event in made] == list(range(1, len(made) + 1))


def test_long_loop_is_looked_at_in_a_time_that_grows_with_its_length() -> None:
    def shown_loop(count: int) -> dict[str, Any]:
        loop = {"taskId": "L", "taskType": "DO_WHILE", "referenceTaskName": "loop", "seq": 1}
        tasks = [{**loop, "status": "COMPLETED", "iteration": count, "scheduledTime": 1}]
        for number in range(1, count + 1):
            for kind in ("FORK", "b", "JOIN"):
                at = len(tasks) + 1
                task = {"taskId": f"{kind}{number}", "taskType": kind, "status": "COMPLETED"}
                place = {"seq": at, "iteration": number, "scheduledTime": at, "endTime": at}
                name = {"FORK": "f", "b": "b", "JOIN": "j"}[kind]
                tasks.append({**task, **place, "referenceTaskName": f"{name}__{number}"})
        return {"workflowId": "x", "status": "COMPLETED", "createTime": 1, "tasks": tasks}

    inner = {"name": "b", "taskReferenceName": "b", "type": "SIMPLE"}
    body = [
        {"name": "f", "taskReferenceName": "f", "type": "FORK_JOIN", "forkTasks": [[inner]]},
        {"name": "j", "taskReferenceName": "j", "type": "JOIN", "joinOn": ["b"]},
    ]
    loop = {"name": "loop", "taskReferenceName": "loop", "type": "DO_WHILE", "loopOver": body}
    definition = compile_definition({"name": "w", "tasks": [loop]}, "h")

    def seconds(count: int) -> float:
        wire = shown_loop(count)
        began = time.process_time()
        assert observe(WorkflowState("x"), wire, definition)
        return time.process_time() - began

    seconds(100)
    assert seconds(2000) < 40 * max(seconds(200), 0.002)
