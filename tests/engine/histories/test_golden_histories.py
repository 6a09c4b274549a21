"""Histories recorded by earlier versions fold and decide as they did, for ever."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from record_histories import STORIES, recording_of

from engine.core.apply import fold
from engine.core.events import EventKind, HistoryEvent
from engine.core.state import WorkflowState
from engine.core.tasks.registry import TASK_TYPES
from engine.errors import ReplayMismatchError
from engine.testing.audit import audit_history
from engine.testing.histories import (
    Recording,
    essence,
    load,
    load_group,
    replay,
    save_group,
)

FOLDER = Path(__file__).parent
RECORDED = sorted(FOLDER.glob("v*/*.json"))
GROUPS = sorted(FOLDER.glob("v*/*.jsonl.gz"))


def test_there_is_a_recording_of_every_story() -> None:
    assert {path.stem for path in RECORDED} >= {story.__name__ for story in STORIES}


def test_every_task_type_is_in_a_recording() -> None:
    recorded = set()
    for recording in map(load, RECORDED):
        found = {h.definition_hash: h for h in map(_folded(recording), recording.executions)}
        for state in found.values():
            recorded |= {node.type for node in state.definition.nodes.values()}
    assert set(TASK_TYPES) - {"USER_DEFINED"} <= recorded


def _folded(recording: Recording) -> Callable[[list[HistoryEvent]], WorkflowState]:
    return lambda events: fold(events, recording.definition_of())


def _check(recording: Recording) -> int:
    """Fold and decide again what was recorded; returns how many histories there are."""
    definition_of, task_types = recording.definition_of(), recording.task_types()
    for events, then in zip(recording.executions, recording.states, strict=True):
        folded = essence(fold(events, definition_of))
        now = json.loads(msgspec.json.encode(folded))
        # Later versions may know more of a task; what was known then has to be the same.
        for task, recorded in zip(now.pop("tasks"), then.pop("tasks"), strict=True):
            assert {key: task.get(key) for key in recorded} == recorded
        assert {key: now[key] for key in then} == then
        runs = [replay(events, definition_of, recording.environment, task_types) for _ in range(2)]
        once, twice = (msgspec.json.encode(essence(state)) for state in runs)
        assert once == twice == msgspec.json.encode(folded)
    return len(recording.executions)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_recorded_history_folds_to_the_same_state_and_decides_the_same(path: Path) -> None:
    recording = load(path)
    assert _check(recording) == len(recording.executions) > 0
    for events in recording.executions:
        audit_history(events, recording.definition_of(), recording.task_types())


@pytest.mark.parametrize("path", GROUPS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_each_history_of_a_group_folds_to_the_same_state_and_decides_the_same(path: Path) -> None:
    assert sum(_check(recording) for recording in load_group(path)) >= 100


def test_there_are_hundreds_of_recorded_histories_in_little_room() -> None:
    histories = [events for path in RECORDED for events in load(path).executions]
    for path in GROUPS:
        histories += [events for recording in load_group(path) for events in recording.executions]
    assert len(histories) >= 200 + len(RECORDED)
    assert sum(path.stat().st_size for path in (*RECORDED, *GROUPS)) <= 3_000_000


def test_a_group_is_read_as_it_was_written_and_written_the_same_twice(tmp_path: Path) -> None:
    recordings = [load(path) for path in RECORDED[:3]]
    first, second = tmp_path / "first.jsonl.gz", tmp_path / "second.jsonl.gz"
    save_group(recordings, first)
    read = load_group(first)
    save_group(read, second)
    assert read == recordings
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_a_story_told_today_replays(story: object) -> None:
    recording = recording_of(story)  # type: ignore[arg-type]
    for events in recording.executions:
        replay(events, recording.definition_of(), task_types=recording.task_types())


def test_replay_names_the_first_decision_that_differs() -> None:
    recording = load(FOLDER / "v1" / "fork_with_retries.json")
    (events,) = recording.executions
    position = next(
        i for i, e in enumerate(events) if e.kind is EventKind.TASK_SCHEDULED and e.attempt
    )
    later = {**events[position].data, "not_before_ms": 1}
    events[position] = msgspec.structs.replace(events[position], data=later)
    with pytest.raises(ReplayMismatchError, match=r"data\.not_before_ms: recorded 1, decided"):
        replay(events, recording.definition_of())


def test_replay_notices_a_decision_that_is_missing() -> None:
    recording = load(FOLDER / "v1" / "loops_in_loops.json")
    (events,) = recording.executions
    with pytest.raises(ReplayMismatchError, match="recorded: nothing"):
        replay(events[:-1], recording.definition_of())
