"""What must be true after any number of crashes, checked on the closed store.

Everything wrong is gathered and named: one run then says all it found.
"""

from __future__ import annotations

import dataclasses
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from crash_rounds import Rounds
from side_file import read_side_file

from engine.core.definition import CompiledDefinition, compile_definition
from engine.core.events import EventKind, HistoryEvent
from engine.core.projection import projector
from engine.errors import EngineError
from engine.store import open_store
from engine.testing.audit import audit_history

_ENDS = frozenset(
    {
        EventKind.TASK_COMPLETED,
        EventKind.TASK_FAILED,
        EventKind.TASK_TIMED_OUT,
        EventKind.TASK_CANCELED,
    }
)
_RESULT_STATUS = {"COMPLETED": EventKind.TASK_COMPLETED, "FAILED": EventKind.TASK_FAILED}

Notes = list[dict[str, Any]]


@dataclasses.dataclass
class Findings:
    """How much was checked, and what was wrong."""

    executions: int = 0
    events: int = 0
    acknowledged_starts: int = 0
    acknowledged_updates: int = 0
    journalled_events: int = 0
    attempts_run_again: int = 0
    """Results said more than once for the same attempt: only one of them may count."""
    wrong: list[str] = dataclasses.field(default_factory=list)


def audit(folder: Path, seen: Rounds) -> Findings:
    """Check a closed store against what was promised and what journals held."""
    findings = Findings()
    notes = read_side_file(folder / "child.jsonl") + read_side_file(folder / "parent.jsonl")
    compiled: dict[str, CompiledDefinition] = {}

    def definition_of(key: str) -> CompiledDefinition:
        if key not in compiled:
            compiled[key] = compile_definition(msgspec.json.decode(store.definition(key)), key)
        return compiled[key]

    store = open_store(folder / "crash.duckdb", projector(definition_of))
    try:
        rows = store.query("SELECT workflow_id, status FROM executions ORDER BY workflow_id")
        statuses = {row["workflow_id"]: row["status"] for row in rows}
        known = store.query("SELECT DISTINCT workflow_id FROM events ORDER BY workflow_id")
        histories = {row["workflow_id"]: store.events(row["workflow_id"]) for row in known}
        findings.executions = len(histories)
        findings.events = sum(len(events) for events in histories.values())
        wrong = findings.wrong
        wrong += _open_ones(store.open_executions(), statuses, histories)
        for events in histories.values():
            wrong += _history(events)
            try:
                audit_history([_as_made(event) for event in events], definition_of)
            except (AssertionError, EngineError) as error:
                wrong.append(f"history of {events[0].workflow_id}: {error}")
        wrong += _lost_starts(findings, notes, statuses)
        wrong += _lost_results(findings, notes, histories)
        wrong += _lost_logs(notes, store.query("SELECT task_id, count(*) n FROM logs GROUP BY 1"))
        wrong += _lost_events(findings, seen, histories)
        before = _projections(store)
        store.rebuild(projector(definition_of))
        wrong += _differences(before, _projections(store))
    finally:
        store.close()
    return findings


def _as_made(event: HistoryEvent) -> HistoryEvent:
    """The same event with the default actor as the very object that msgspec leaves out."""
    return msgspec.structs.replace(event, actor=sys.intern(event.actor))


def _open_ones(
    open_ids: list[str], statuses: Mapping[str, str], histories: Mapping[str, Any]
) -> Iterable[str]:
    for workflow_id in open_ids:
        yield f"{workflow_id} is still open"
    for workflow_id in histories:
        if statuses.get(workflow_id) != "COMPLETED":
            yield f"{workflow_id} is {statuses.get(workflow_id)}, not COMPLETED"


def _history(events: list[HistoryEvent]) -> Iterable[str]:
    workflow_id = events[0].workflow_id
    numbers = [event.number for event in events]
    if numbers != list(range(1, len(events) + 1)):
        yield f"{workflow_id}: its event numbers have a gap or a double: {numbers}"
    ends = Counter(event.task_id for event in events if event.kind in _ENDS)
    for task_id, times in ends.items():
        if times > 1:
            yield f"{workflow_id}: task {task_id} ended {times} times"
    yield from _changed_after_end(events)
    places = Counter(
        (event.path, event.attempt) for event in events if event.kind is EventKind.TASK_SCHEDULED
    )
    for (path, attempt), times in places.items():
        if times > 1:
            yield f"{workflow_id}: {path} attempt {attempt} was scheduled {times} times"


def _changed_after_end(events: list[HistoryEvent]) -> Iterable[str]:
    ended: set[str] = set()
    for event in events:
        if event.task_id in ended and event.kind is not EventKind.BRANCH_CHOSEN:
            yield f"{event.workflow_id}: {event.kind} {event.number} changes an ended task"
        if event.kind in _ENDS:
            ended.add(event.task_id)


def _lost_starts(findings: Findings, notes: Notes, statuses: Mapping[str, str]) -> Iterable[str]:
    started = [note for note in notes if note["what"] == "started"]
    findings.acknowledged_starts = len(started)
    for note in started:
        if note["workflow_id"] not in statuses:
            yield f"start {note['number']} of {note['name']} was acknowledged and is lost"


def _lost_results(
    findings: Findings, notes: Notes, histories: Mapping[str, list[HistoryEvent]]
) -> Iterable[str]:
    """An acknowledged result is in the record, unless another one of the attempt came first."""
    ended = {
        event.task_id: event
        for events in histories.values()
        for event in events
        if event.kind in _ENDS
    }
    said: dict[str, Notes] = defaultdict(list)
    for note in notes:
        if note["what"] in ("sent", "updated") and note["status"] in _RESULT_STATUS:
            said[note["task_id"]].append(note)
    for task_id, said_of_task in said.items():
        sent = [note for note in said_of_task if note["what"] == "sent"]
        acknowledged = [note for note in said_of_task if note["what"] == "updated"]
        findings.acknowledged_updates += len(acknowledged)
        findings.attempts_run_again += len(sent) > 1
        if not acknowledged:
            continue
        event = ended.get(task_id)
        if event is None:
            yield f"the result of task {task_id} was acknowledged and is lost"
            continue
        if event.kind is EventKind.TASK_TIMED_OUT:
            continue  # every result came too late
        # What was sent after the first acknowledgement must have changed nothing.
        allowed = said_of_task[: said_of_task.index(acknowledged[0])]
        proofs = {note["proof"] for note in allowed}
        if (event.data.get("output") or {}).get("proof") not in proofs:
            yield f"task {task_id} holds a result that was sent after another was acknowledged"


def _lost_logs(notes: Notes, rows: list[dict[str, Any]]) -> Iterable[str]:
    kept = {row["task_id"]: row["n"] for row in rows}
    for note in notes:
        if note["what"] == "updated" and note.get("logs", 0) > kept.get(note["task_id"], 0):
            yield f"log lines of task {note['task_id']} are lost"


def _lost_events(
    findings: Findings, seen: Rounds, histories: Mapping[str, list[HistoryEvent]]
) -> Iterable[str]:
    """What a dead process's journal held is in the history, the same in every value."""
    findings.journalled_events = len(seen.journalled)
    for (workflow_id, number), body in seen.journalled.items():
        events = histories.get(workflow_id, [])
        if number > len(events):
            yield f"event {number} of {workflow_id} was in a journal and is lost"
        elif events[number - 1] != msgspec.json.decode(body, type=HistoryEvent):
            yield f"event {number} of {workflow_id} is not what the journal held"


def _projections(store: Any) -> dict[str, list[str]]:
    tables = {}
    for table, order in (("executions", "workflow_id"), ("tasks", "workflow_id, seq, task_id")):
        rows = store.query(f"SELECT * FROM {table} ORDER BY {order}")
        for row in rows:
            row.pop("position", None)
        tables[table] = [repr(row) for row in rows]
    return tables


def _differences(kept: dict[str, list[str]], rebuilt: dict[str, list[str]]) -> Iterable[str]:
    for table, rows in kept.items():
        if len(rows) != len(rebuilt[table]):
            yield f"{table} has {len(rows)} rows, rebuilt {len(rebuilt[table])}"
        for row, other in zip(rows, rebuilt[table], strict=False):
            if row != other:
                yield f"a row of {table} differs from its rebuild:\n  {row}\n  {other}"
