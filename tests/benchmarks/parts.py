"""The parts by themselves: the fold, the journal, the feeder."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import msgspec

from engine.core.apply import fold
from engine.core.events import HistoryEvent
from engine.core.projection import projector
from engine.store import open_store
from engine.store.base import Commit

from .figures import Figure, percentile
from .stage import InFlight, Stage

_FOLDS = 500
_SMALL_COMMITS = 300
_EXECUTIONS, _TOGETHER = 2_000, 20


def measure(stage: Stage) -> list[Figure]:
    """Folded events a second, small commits in milliseconds, journalled and fed events a second."""
    InFlight(stage, "bench_sequence", 1, 1).run()
    latest = "SELECT workflow_id FROM executions ORDER BY create_time DESC LIMIT 1"
    workflow_id = stage.service.query(latest)[0]["workflow_id"]
    events = stage.service.events(workflow_id).result(10)
    snapshot = stage.service.state(workflow_id).result(10)

    def definition_of(_: str) -> object:
        return snapshot.definition

    begun = time.process_time()
    for _ in range(_FOLDS):
        fold(events, definition_of)  # type: ignore[arg-type]
    fold_rate = _FOLDS * len(events) / (time.process_time() - begun)
    tasks, executions = projector(definition_of)(events)  # type: ignore[arg-type]
    rows = Commit(events=events, tasks=tasks, executions=executions, closed=[workflow_id])
    return [Figure("fold", fold_rate, "events/s"), *_store(rows)]


def _store(pattern: Commit) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder) / "parts.duckdb")
        try:
            took_ms = []
            for number in range(_SMALL_COMMITS):
                commit = Commit(events=_renamed(pattern.events[:2], f"small{number}"))
                begun = time.perf_counter()
                store.commit(commit)
                took_ms.append(1000 * (time.perf_counter() - begun))
            store.catch_up()
            commits = [_many(pattern, first) for first in range(0, _EXECUTIONS, _TOGETHER)]
            count = sum(len(commit.events) for commit in commits)
            begun = time.perf_counter()
            for commit in commits:
                store.commit(commit)
            committed = time.perf_counter() - begun
            store.catch_up()
            fed = time.perf_counter() - begun
        finally:
            store.close()
    return [
        Figure("store: commit of 2 events, p50", percentile(took_ms, 0.5), "ms"),
        Figure("store: commit of 2 events, p99", percentile(took_ms, 0.99), "ms"),
        Figure("store: events made durable", count / committed, "events/s"),
        Figure("store: events in the history, rows included", count / fed, "events/s"),
    ]


def _many(pattern: Commit, first: int) -> Commit:
    commit = Commit()
    replace = msgspec.structs.replace
    for number in range(first, first + _TOGETHER):
        name = f"many{number}"
        commit.events += _renamed(pattern.events, name)
        ids = {row.task_id: f"{name}/{row.seq}" for row in pattern.tasks}
        for row in pattern.tasks:
            commit.tasks.append(replace(row, workflow_id=name, task_id=ids[row.task_id]))
        commit.executions += [replace(row, workflow_id=name) for row in pattern.executions]
        commit.closed.append(name)
    return commit


def _renamed(events: list[HistoryEvent], workflow_id: str) -> list[HistoryEvent]:
    return [msgspec.structs.replace(event, workflow_id=workflow_id) for event in events]
