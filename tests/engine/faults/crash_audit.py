"""What must be true after any number of crashes, checked on the closed store.

Everything wrong is gathered and named: one run then says all it found.
"""

from __future__ import annotations

import dataclasses
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
from crash_flows import SOURCE_FLOW
from crash_rounds import Rounds
from side_file import read_side_file

from engine.core.definition import CompiledDefinition, compile_definition
from engine.core.events import EventKind, HistoryEvent
from engine.core.projection import projector
from engine.errors import EngineError
from engine.store import open_store
from engine.store.opening import with_payloads
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

    kills: int = 0
    executions: int = 0
    events: int = 0
    acknowledged_starts: int = 0
    acknowledged_updates: int = 0
    branches: int = 0
    imports: int = 0
    removals: int = 0
    messages: int = 0
    """Events and launches that started another execution, each exactly once."""
    scheduled: int = 0
    """Seconds for which a schedule started an execution, each exactly once."""
    notices: int = 0
    payloads_outside: int = 0
    journalled_events: int = 0
    events_unfed: int = 0
    """Events that were only in a journal when its process died, summed over all kills."""
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

    database = folder / "crash.duckdb"
    # As events lie on the disk, large payloads apart; and whole, as everybody else sees them.
    written = open_store(database, projector(definition_of))
    store = with_payloads(written, database, None)
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
            if events[0].data.get("imported"):
                continue  # observed elsewhere, decided by nobody here
            try:
                audit_history([_as_made(event) for event in events], definition_of)
            except (AssertionError, EngineError) as error:
                wrong.append(f"history of {events[0].workflow_id}: {error}")
        gone = {note["workflow_id"] for note in notes if note["what"] == "removing"}
        wrong += _lost_starts(findings, notes, statuses, gone)
        wrong += _not_removed(findings, notes, statuses, histories)
        wrong += _lost_results(findings, notes, histories, gone)
        logs = store.query("SELECT task_id, count(*) n FROM logs GROUP BY 1")
        wrong += _lost_logs(notes, logs, gone)
        raw = {row["workflow_id"]: written.events(row["workflow_id"]) for row in known}
        wrong += _lost_events(findings, seen, raw, gone)
        wrong += _launched_otherwise(findings, histories)
        wrong += _missed_seconds(findings, histories)
        wrong += _not_told(findings, notes, histories)
        findings.payloads_outside = sum(
            "external" in event.data for events in raw.values() for event in events
        )
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


def _lost_starts(
    findings: Findings, notes: Notes, statuses: Mapping[str, str], gone: set[str]
) -> Iterable[str]:
    """Whatever was said to begin is there; under one key there is one."""
    counted = Counter(note["what"] for note in notes)
    findings.acknowledged_starts = counted["started"]
    findings.branches, findings.imports = counted["branched"], counted["imported"]
    of_key: dict[str, str] = {}
    for note in notes:
        if note["what"] not in ("started", "branched", "imported"):
            continue
        workflow_id = note["workflow_id"]
        if workflow_id not in statuses and workflow_id not in gone:
            yield f"{workflow_id} ({note}) was acknowledged and is lost"
        if of_key.setdefault(note.get("key") or workflow_id, workflow_id) != workflow_id:
            yield f"two starts under the key {note['key']} made two executions"


def _not_removed(
    findings: Findings,
    notes: Notes,
    statuses: Mapping[str, str],
    histories: Mapping[str, list[HistoryEvent]],
) -> Iterable[str]:
    """What was removed has left nothing; what was asked for is there whole or not at all."""
    for note in notes:
        workflow_id = note["workflow_id"]
        if note["what"] == "removed":
            findings.removals += 1
            if workflow_id in statuses or workflow_id in histories:
                yield f"{workflow_id} was removed and is there"
        elif note["what"] == "removing" and (workflow_id in statuses) != (workflow_id in histories):
            yield f"{workflow_id} was removed by half"


def _lost_results(
    findings: Findings,
    notes: Notes,
    histories: Mapping[str, list[HistoryEvent]],
    gone: set[str],
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
            if acknowledged[0]["workflow_id"] not in gone:
                yield f"the result of task {task_id} was acknowledged and is lost"
            continue
        if event.kind is EventKind.TASK_TIMED_OUT:
            continue  # every result came too late
        # What was sent after the first acknowledgement must have changed nothing.
        allowed = said_of_task[: said_of_task.index(acknowledged[0])]
        proofs = {note["proof"] for note in allowed}
        if (event.data.get("output") or {}).get("proof") not in proofs:
            yield f"task {task_id} holds a result that was sent after another was acknowledged"


def _lost_logs(notes: Notes, rows: list[dict[str, Any]], gone: set[str]) -> Iterable[str]:
    kept = {row["task_id"]: row["n"] for row in rows}
    for note in notes:
        if note["what"] != "updated" or note["workflow_id"] in gone:
            continue
        if note.get("logs", 0) > kept.get(note["task_id"], 0):
            yield f"log lines of task {note['task_id']} are lost"


def _launched_otherwise(
    findings: Findings, histories: Mapping[str, list[HistoryEvent]]
) -> Iterable[str]:
    """A message and a START_WORKFLOW started one execution each, a SUB_WORKFLOW has one child."""
    launched = Counter((events[0].data.get("cause") or {}).get("workflow_id")
                       for events in histories.values()
                       if not events[0].data.get("parent_workflow_id"))  # fmt: skip
    for workflow_id, events in histories.items():
        began = events[0].data
        if began.get("branch") or began.get("imported"):
            continue
        if began["name"] in (SOURCE_FLOW, "crash_launch"):
            findings.messages += 1
            if launched[workflow_id] != 1:
                yield f"{workflow_id} ({began['name']}) started {launched[workflow_id]} executions"
    parents = Counter(
        (events[0].data["parent_workflow_id"], events[0].data["parent_workflow_task_id"])
        for events in histories.values()
        if events[0].data.get("parent_workflow_id")
    )
    for (parent_id, task_id), count in parents.items():
        if count != 1:
            yield f"task {task_id} of {parent_id} has {count} children"


def _missed_seconds(
    findings: Findings, histories: Mapping[str, list[HistoryEvent]]
) -> Iterable[str]:
    """The schedule fired for every second from its first to its last, once for each."""
    began = [e[0].data for e in histories.values() if not e[0].data.get("imported")]
    times = sorted(
        data["input"]["_scheduledTime"]
        for data in began
        if "_scheduledTime" in data["input"] and not data.get("branch")
    )
    findings.scheduled = len(times)
    for before, after in pairwise(times):
        if after - before != 1000:
            yield f"the schedule fired for {before} and then for {after}"


def _not_told(
    findings: Findings, notes: Notes, histories: Mapping[str, list[HistoryEvent]]
) -> Iterable[str]:
    """The listener was told of every end at least once."""
    told = {note["workflow_id"] for note in notes if note["what"] == "told"}
    findings.notices = len(told)
    for workflow_id, events in histories.items():
        if workflow_id not in told and not events[0].data.get("imported"):
            yield f"nobody was told of the end of {workflow_id}"


def _lost_events(
    findings: Findings,
    seen: Rounds,
    histories: Mapping[str, list[HistoryEvent]],
    gone: set[str],
) -> Iterable[str]:
    """What a dead process's journal held is in the history, the same in every value."""
    findings.journalled_events = len(seen.journalled)
    for (workflow_id, number), body in seen.journalled.items():
        if workflow_id in gone and workflow_id not in histories:
            continue
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
