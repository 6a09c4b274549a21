"""A fixed sequence of commits, and a child process that makes them until it is killed."""

from __future__ import annotations

import time
from pathlib import Path

from engine.core.events import EventKind, HistoryEvent
from engine.store import feeder
from engine.store.base import Commit, LogRow, MetadataRow, Store
from engine.store.local import LocalStore
from engine.testing.store_records import ending, event, history, rows_of


def commits() -> list[Commit]:
    """Twelve executions that start, go on, end, are reopened, end again, and are removed."""
    made: list[Commit] = []
    known: dict[str, list[HistoryEvent]] = {}

    def add(name: str, events: list[HistoryEvent], **lists: list[str]) -> None:
        known.setdefault(name, []).extend(events)
        tasks, executions = rows_of(known[name]) if known[name] else ([], [])
        log = LogRow(workflow_id=name, task_id=f"{name}-task-1", created_time=1, log=str(len(made)))
        mark = MetadataRow(
            collection="progress", key="n", version=0, body={"n": len(made) + 1}, wall_ms=1
        )
        commit = Commit(events=events, tasks=tasks, executions=executions, metadata=[mark])
        if not lists.get("removed"):
            commit.logs = [log]
        for field, ids in lists.items():
            setattr(commit, field, ids)
        made.append(commit)

    for number in range(12):
        name = f"w{number}"
        events = history(name, steps=3)
        add(name, events[:4])
        add(name, events[4:], closed=[name])
        if number >= 4 and number % 2 == 0:
            earlier = f"w{number - 4}"
            at = len(known[earlier]) + 1
            restarted = event(earlier, at, EventKind.WORKFLOW_RESTARTED, {})
            add(earlier, [restarted], reopened=[earlier])
        if number >= 6 and number % 4 == 0:
            earlier = f"w{number - 6}"
            add(earlier, [ending(earlier, len(known[earlier]) + 1)], closed=[earlier])
        if number >= 5 and number % 4 == 1:
            gone = f"w{number - 4}"
            known[gone] = []
            add(gone, [], removed=[gone])
    return made


def applied(store: Store) -> int:
    """How many of the commits a store holds."""
    rows = store.metadata("progress")
    return rows[0].body["n"] if rows and rows[0].body else 0


def main(path: str) -> int:
    """Commit the rest of the sequence, telling the parent after each; returns 0."""
    feeder.FEED_SECONDS = 0.005  # type: ignore[misc]
    feeder.LULL_SECONDS = 0.001  # type: ignore[misc]
    store = LocalStore(Path(path), project=rows_of)
    for number, commit in enumerate(commits()[applied(store) :], applied(store) + 1):
        store.commit(commit)
        print(number, flush=True)
        time.sleep(0.004)
        if number % 3 == 0:
            _settle(store)
    store.close()
    return 0


def _settle(store: LocalStore) -> None:
    """Wait for feeding and pruning: however slow the machine, every point is passed often."""
    store.catch_up()
    while store._journal.fed_position < store._journal.last_position:
        time.sleep(0.001)
