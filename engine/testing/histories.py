"""Recorded histories: kept as JSON, folded and decided again.

A history is recorded turn by turn: first what came from outside (a start, a worker's result, an
operator's action, a script's outcome), then what the decider made of it, all with one reading of
the clock. ``replay`` gives today's decider the same outside and the same clock and compares what
it makes of them.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from ..core.apply import DefinitionOf, apply
from ..core.decide import advance
from ..core.definition import compile_definition
from ..core.events import EventKind, HistoryEvent, Moment
from ..core.state import TaskState, WorkflowState
from ..core.tasks.base import TaskType
from ..core.tasks.event import EventTask
from ..core.tasks.registry import TASK_TYPES
from ..core.turn import Turn
from ..errors import ReplayMismatchError

Wire = dict[str, Any]

_FROM_OUTSIDE: Final = frozenset(
    {
        EventKind.EXPRESSION_EVALUATED,
        EventKind.LEASE_EXTENDED,
        EventKind.OUTPUT_SET,
        EventKind.SUB_WORKFLOW_STARTED,
        EventKind.TASK_RESET,
        EventKind.TASK_STARTED,
        EventKind.TASK_UPDATED,
        EventKind.WORKFLOW_ADMITTED,
        EventKind.WORKFLOW_REVIVED,
    }
)
"""Kinds that the decider never emits by itself, whoever the actor is."""

_NOT_DECIDED_AFTER: Final = frozenset(
    {EventKind.OUTPUT_SET, EventKind.SUB_WORKFLOW_STARTED, EventKind.TASK_STARTED}
)
"""Kinds that are filed without a decision behind them."""

_STARTERS: Final = frozenset({"SUB_WORKFLOW", "START_WORKFLOW"})


class Recording(msgspec.Struct, kw_only=True):
    """Histories of some executions with the definition snapshots they name."""

    title: str
    environment: dict[str, str] = {}
    event_publishers: list[str] = []
    """Queue types that EVENT tasks had a publisher for."""
    definitions: dict[str, Wire]
    """Snapshots by hash."""
    executions: list[list[HistoryEvent]]
    """All events of each execution, in order."""
    states: list[Wire] = []
    """What each execution folded to when it was recorded; see ``essence``."""

    def task_types(self) -> Mapping[str, TaskType]:
        """What each task type did."""
        return TASK_TYPES.extended([EventTask(self.event_publishers)])

    def definition_of(self) -> DefinitionOf:
        """Finds the compiled snapshots."""
        compiled = {key: compile_definition(wire, key) for key, wire in self.definitions.items()}
        return compiled.__getitem__


def save(recording: Recording, path: Path) -> None:
    """Write a recording as JSON that a person can read."""
    text = msgspec.json.format(msgspec.json.encode(recording), indent=1)
    path.write_bytes(text + b"\n")


def load(path: Path) -> Recording:
    """Read what ``save`` wrote."""
    return msgspec.json.decode(path.read_bytes(), type=Recording)


def save_group(recordings: Iterable[Recording], path: Path) -> None:
    """Write many small recordings into one file: gzip of one line of JSON each.

    The same recordings give the same bytes.
    """
    lines = (msgspec.json.encode(recording) + b"\n" for recording in recordings)
    path.write_bytes(gzip.compress(b"".join(lines), mtime=0))


def load_group(path: Path) -> list[Recording]:
    """Read what ``save_group`` wrote."""
    lines = gzip.decompress(path.read_bytes()).splitlines()
    return [msgspec.json.decode(line, type=Recording) for line in lines]


def essence(state: WorkflowState) -> Wire:
    """What a history has to fold to for ever, as JSON: tasks and results, no derived tables."""
    return {
        "status": str(state.status),
        "input": state.input,
        "output": state.output,
        "variables": state.variables,
        "reason": state.reason_for_incompletion,
        "failed": list(state.failed_reference_task_names),
        "last_event": state.last_event,
        "messages": list(state.messages),
        "end_time": state.end_time,
        "tasks": [_as_json(task) for task in state.tasks.values()],
    }


def _as_json(task: TaskState) -> Wire:
    plain = msgspec.structs.replace(task, stored_output=task.output_data)
    return cast(Wire, msgspec.to_builtins(plain))


class _ChildVersions:
    """The newest versions of sub-workflows as they were at each turn, read off what came of it."""

    def __init__(self, events: Sequence[HistoryEvent]) -> None:
        self._number = 0
        self._missing = ""
        self._scheduled: dict[str, list[tuple[int, int]]] = {}
        for event in events:
            given = event.data.get("input")
            if event.kind is EventKind.TASK_SCHEDULED and isinstance(given, dict):
                name, version = given.get("subWorkflowName"), given.get("subWorkflowVersion")
                if isinstance(name, str) and isinstance(version, int):
                    self._scheduled.setdefault(name, []).append((event.number, version))

    def go_to(self, turn: Sequence[HistoryEvent]) -> None:
        """Answer for one turn, recorded whole."""
        self._number = turn[0].number
        reasons = (str(event.data.get("reason") or "") for event in turn)
        self._missing = next((text for text in reasons if "no workflow definition" in text), "")

    def latest_of(self, name: str) -> int | None:
        """What the turn found: the next version that was scheduled; any where none ever was."""
        if f" {name} " in self._missing:
            return None
        later = (v for number, v in self._scheduled.get(name, ()) if number >= self._number)
        return next(later, 1)


def replay(
    events: Sequence[HistoryEvent],
    definitions: DefinitionOf,
    environment: Mapping[str, str] | None = None,
    task_types: Mapping[str, TaskType] = TASK_TYPES,
) -> WorkflowState:
    """Decide again along a recorded history; returns the state it ends in.

    Args:
        events: All events of one execution, in order.
        definitions: Finds the definition snapshots that the events name.
        environment: What ``${workflow.env.NAME}`` read at that time.
        task_types: What each task type does.

    Raises:
        ReplayMismatchError: Today's decider decides otherwise; names the first difference.
    """
    state = WorkflowState(events[0].workflow_id)
    versions = _ChildVersions(events)
    cut_short = False
    for _, group in groupby(events, key=lambda event: (event.wall_ms, event.monotonic_ns)):
        recorded = list(group)
        outside = 0
        while outside < len(recorded) and _is_from_outside(state, recorded[outside], outside):
            apply(state, recorded[outside], definitions)
            outside += 1
        decisions = recorded[outside:]
        if not decisions and recorded[-1].kind in _NOT_DECIDED_AFTER and not cut_short:
            continue
        versions.go_to(recorded)
        cut_short = _decide_again(
            state, recorded, decisions, definitions, environment or {}, task_types, versions
        )
    return state


def _is_from_outside(state: WorkflowState, event: HistoryEvent, position: int) -> bool:
    if event.kind is EventKind.TASK_UPDATED and event.actor == "engine":
        # Without a status the decider notes an output; with a check, it waits for one; it alone
        # says that it will not look at a task any more.
        decided = event.data.get("awaiting_check") or "revisit" in event.data
        return "status" in event.data and not decided
    if event.actor != "engine" or event.kind in _FROM_OUTSIDE:
        return True
    # A child that can't be started, or an unlinked one that has been: told by the runtime.
    task = state.tasks.get(event.task_id)
    return (
        position == 0
        and event.kind in (EventKind.TASK_FAILED, EventKind.TASK_COMPLETED)
        and task is not None
        and task.task_type in _STARTERS
        and not task.status.is_terminal
    )


def _decide_again(
    state: WorkflowState,
    group: list[HistoryEvent],
    recorded: list[HistoryEvent],
    definitions: DefinitionOf,
    environment: Mapping[str, str],
    task_types: Mapping[str, TaskType],
    versions: _ChildVersions,
) -> bool:
    """Compare one turn's decisions; whether the turn stopped early at its limit of events.

    ``group`` is the whole turn: what came from outside, applied already, and ``recorded``.
    """
    last = group[-1]
    moment = Moment(last.wall_ms, last.monotonic_ns)
    rung = [event.task_id for event in recorded if _was_due(state, event)]
    polled = {
        (event.data["task_type"], event.data["domain"]): (None, last.wall_ms)
        for event in recorded
        if event.kind is EventKind.TASK_SCHEDULED and event.data.get("domain")
    }
    number = state.last_event
    turn = Turn(
        state,
        moment,
        task_types,
        definitions,
        environment,
        last_polls=polled,
        task_defs=dict(_task_defs(recorded)),
        latest_version_of=versions.latest_of,
    )
    turn.began_after = group[0].number - 1
    cut_short = advance(turn, rung)
    for position in range(max(len(recorded), len(turn.events))):
        then = recorded[position] if position < len(recorded) else None
        now = turn.events[position] if position < len(turn.events) else None
        if then is None or now is None or not _is_same(then, now):
            raise ReplayMismatchError(
                f"Event {number + position + 1} of {state.workflow_id} differs.\n"
                + "\n".join(_difference(then, now))
            )
    return cut_short


def _was_due(state: WorkflowState, event: HistoryEvent) -> bool:
    """Whether a timer rang for the task: a time-out, or a WAIT that ends while all is paused."""
    task = state.tasks.get(event.task_id)
    return "timeout" in event.data or (task is not None and task.wait_until_ms > 0)


def _task_defs(recorded: list[HistoryEvent]) -> Iterator[tuple[str, Wire]]:
    """The task definitions that the branches of dynamic forks were given."""
    for event in recorded:
        for wire in _forked(event):
            if wire.get("taskDefinition"):
                yield wire["name"], wire["taskDefinition"]


def _forked(event: HistoryEvent) -> list[Wire]:
    given = event.data.get("input")
    return (given.get("forkedTaskDefs") or []) if isinstance(given, dict) else []


def _is_same(then: HistoryEvent, now: HistoryEvent) -> bool:
    one, other = (msgspec.json.encode(event, enc_hook=str) for event in (then, now))
    return one == other or msgspec.json.decode(one) == msgspec.json.decode(other)


def _plain(event: HistoryEvent) -> Wire:
    # Through JSON, so that what was read from a file equals what was just made.
    plain: Wire = msgspec.json.decode(msgspec.json.encode(event, enc_hook=str))
    return plain


def _difference(then: HistoryEvent | None, now: HistoryEvent | None) -> Iterator[str]:
    """Lines that name what differs."""
    if then is None or now is None:
        for word, event in (("recorded", then), ("decided", now)):
            text = "nothing" if event is None else f"{event.kind} {event.reference} {event.data}"
            yield f"  {word}: {text[:2000]}"
        return
    before, after = _plain(then), _plain(now)
    data_before, data_after = before.pop("data", {}), after.pop("data", {})
    yield f"  {then.kind} {then.reference}"
    for label, one, other in (("", before, after), ("data.", data_before, data_after)):
        for key in sorted({*one, *other}):
            if one.get(key) != other.get(key):
                yield f"  {label}{key}: recorded {one.get(key)!r}, decided {other.get(key)!r}"
