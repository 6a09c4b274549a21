"""Executions that wait a year: what each keeps in memory, and how long the process takes to start.

They are written straight into the store, as an engine would have left them, since starting a
million would take longer than everything else. Memory is that of a process that opens them, less
that of one with an empty store.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec

from engine.core.events import HistoryEvent
from engine.facade import Engine
from engine.functions import FunctionRegistry
from engine.store.base import Commit, IdleRow
from engine.store.local import LocalStore

from .figures import Figure
from .idle import rss_kb

WAITS: Final = 100_000
_YEAR_SECONDS: Final = 365 * 24 * 3600
_AT_ONCE: Final = 1_000
_ROOT: Final = Path(__file__).resolve().parents[2]


def measure(waits: int = WAITS) -> list[Figure]:
    """Bytes for a wait of a year, timers in memory, seconds of a start."""
    with tempfile.TemporaryDirectory() as folder:
        empty = _child(Path(folder) / "empty.duckdb", "open")
        db = Path(folder) / "waits.duckdb"
        _child(db, f"fill {waits}")
        opened = _child(db, "open")
    name = f"{waits:,} waits of a year"
    each = (opened["rss_kb"] - empty["rss_kb"]) / waits
    return [
        Figure(f"{name}: memory for one, after a start", each, "KB", 3),
        Figure(f"{name}: due times in memory", opened["timers"], "timers"),
        Figure(f"{name}: start of the process", opened["open_seconds"], "s", 10 * waits / WAITS),
        Figure("none: start of the process", empty["open_seconds"], "s"),
    ]


def _child(db: Path, what: str) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.waits", str(db), *what.split()]
    said = subprocess.run(command, cwd=_ROOT, check=True, capture_output=True, timeout=900)
    figures: dict[str, float] = json.loads(said.stdout.splitlines()[-1])
    return figures


def _fill(db: str, waits: int) -> None:
    events, row = _one(db)
    with closing(LocalStore(db)) as store:
        for first in range(0, waits, _AT_ONCE):
            commit = Commit()
            for number in range(first, min(first + _AT_ONCE, waits)):
                _add(commit, events, row, number * 1_000)
            store.commit(commit)


def _add(commit: Commit, events: list[HistoryEvent], row: IdleRow, later_ms: int) -> None:
    """One more execution like the first, due a little later."""
    task_id = next(event.task_id for event in events if event.task_id)
    names = {events[0].workflow_id: str(uuid.uuid4()), task_id: str(uuid.uuid4())}
    for event in events:
        ids = {"workflow_id": names[event.workflow_id], "task_id": names.get(event.task_id, "")}
        commit.events.append(msgspec.structs.replace(event, **ids))
    body = row.body.replace(task_id.encode(), names[task_id].encode())
    commit.idle.append(
        IdleRow(
            workflow_id=names[events[0].workflow_id],
            last_event=row.last_event,
            body=body,
            due_ms=row.due_ms + later_ms,
        )
    )


def _one(db: str) -> tuple[list[HistoryEvent], IdleRow]:
    """What an engine leaves of one execution that waits."""
    wait: dict[str, Any] = {
        "name": "pause",
        "taskReferenceName": "pause",
        "type": "WAIT",
        "inputParameters": {"duration": f"{_YEAR_SECONDS} seconds"},
    }
    body = {"name": "bench_year", "version": 1, "schemaVersion": 2, "tasks": [wait]}
    with Engine(db, functions=FunctionRegistry(), http_tasks=False) as engine:
        engine.service.create_workflow_def(body, overwrite=True).result(30)
        workflow_id = engine.start("bench_year")
        runtime = engine._runtime
        assert runtime is not None
        runtime.desk.executions.resident_limit = 0
        while not runtime.desk.executions.paged_count:
            runtime.decider.submit(lambda desk: None).result(10)
        runtime.decider.submit(lambda desk: None).result(10)
        events = runtime.store.events(workflow_id)
    with closing(sqlite3.connect(f"{db}.journal")) as journal:
        known = journal.execute("SELECT idle_event, idle_body, due_ms FROM open_executions")
        last_event, summary, due_ms = known.fetchone()
    return events, IdleRow(
        workflow_id=workflow_id, last_event=last_event, body=summary, due_ms=due_ms
    )


def main(db: str, what: str, waits: int = 0) -> None:
    """Run in a process of its own: fill a store, or open one."""
    if what == "fill":
        _fill(db, waits)
        print("{}")
        return
    begun = time.perf_counter()
    with Engine(db, functions=FunctionRegistry(), http_tasks=False) as engine:
        seconds = time.perf_counter() - begun
        engine.service.query("SELECT 1")
        runtime = engine._runtime
        assert runtime is not None
        timers = runtime.desk.timers.count
        print(json.dumps({"open_seconds": seconds, "rss_kb": rss_kb(), "timers": timers}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
