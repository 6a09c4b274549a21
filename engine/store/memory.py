"""The store that forgets: for tests, notebooks and ``--db :memory:``."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from heapq import nsmallest
from operator import attrgetter
from typing import Any

import msgspec

from ..core.events import HistoryEvent
from ..errors import HistoryConflictError, StoreClosedError, StoreCorruptError
from .base import AuditRow, Commit, DueTime, LogRow, MetadataRow, Project
from .batch import Batch, record_count
from .bounds import QuestionBounds
from .feeder import FEED_EVENTS
from .history import History
from .history_file import MEMORY, connect

_number = attrgetter("number")


class MemoryStore:
    """A ``Store`` in this process's memory. SQL works: the history is filled when asked."""

    def __init__(self) -> None:
        """An empty store."""
        self._guard = threading.RLock()
        self._feeding = threading.Lock()
        self._events: dict[str, list[HistoryEvent]] = {}
        self._in_order: list[tuple[int, HistoryEvent]] = []
        self._open: dict[str, None] = {}
        self._due: dict[str, int] = {}
        self._definitions: dict[str, bytes] = {}
        self._metadata: dict[tuple[str, str, int], MetadataRow] = {}
        self._logs: dict[str, list[LogRow]] = {}
        self._protected: dict[tuple[str, str], MetadataRow] = {}
        self._audit: list[AuditRow] = []
        self._unfed: deque[tuple[int, Commit]] = deque()
        self._committed = 0
        self._history: History | None = None
        self._closed = False

    def commit(self, commit: Commit) -> None:
        """Take up one group, all or none. See ``Store.commit``."""
        with self._guard:
            self._check_open()
            for event in commit.events:
                known = self._events.get(event.workflow_id)
                if known and event.number <= known[-1].number:
                    raise HistoryConflictError(
                        f"Execution {event.workflow_id} has an event {event.number} already."
                    )
            for position, event in enumerate(commit.events, self._committed + 1):
                self._events.setdefault(event.workflow_id, []).append(event)
                self._in_order.append((position, event))
            self._definitions.update(commit.definitions)
            for log in commit.logs:
                self._logs.setdefault(log.task_id, []).append(log)
            for row in commit.metadata:
                self._metadata[row.collection, row.key, row.version] = row
            for row in commit.protected:
                self._protected[row.collection, row.key] = row
            for entry in commit.audit:
                numbered = msgspec.structs.replace(entry, number=len(self._audit) + 1)
                self._audit.append(numbered)
            self._turn(commit)
            if count := record_count(commit):
                self._unfed.append((self._committed + 1, commit))
                self._committed += count

    def _turn(self, commit: Commit) -> None:
        for event in commit.events:
            if event.number == 1:
                self._open[event.workflow_id] = None
        self._open.update(dict.fromkeys(commit.reopened))
        for workflow_id in (*commit.closed, *commit.removed):
            self._open.pop(workflow_id, None)
            self._due.pop(workflow_id, None)
        for row in commit.idle:
            if row.due_ms and row.workflow_id in self._open:
                self._due[row.workflow_id] = row.due_ms
            else:
                self._due.pop(row.workflow_id, None)
        for workflow_id in commit.removed:
            self._events.pop(workflow_id, None)
        if commit.removed:
            gone = set(commit.removed)
            kept = self._logs.items()
            self._logs = {task: logs for task, logs in kept if logs[0].workflow_id not in gone}
            self._in_order = [item for item in self._in_order if item[1].workflow_id not in gone]

    def try_writing(self) -> None:
        """Memory can always be written."""

    def open_executions(self) -> list[str]:
        """Ids of open executions, oldest first."""
        with self._guard:
            self._check_open()
            return list(self._open)

    def idle_executions(self) -> Iterator[tuple[str, bytes | None]]:
        """The same without summaries: nothing survives this process that could need them."""
        return ((workflow_id, None) for workflow_id in self.open_executions())

    def due_times(self, after: DueTime, until_ms: int, limit: int) -> list[DueTime]:
        """Due times of open executions behind one of them, in order. See ``Store``."""
        with self._guard:
            self._check_open()
            found = [
                DueTime(due_ms, key) for key, due_ms in self._due.items() if due_ms <= until_ms
            ]
        return nsmallest(limit, (due for due in found if due > after))

    def events(self, workflow_id: str, after: int = 0) -> list[HistoryEvent]:
        """Committed events of one execution. See ``Store.events``."""
        with self._guard:
            self._check_open()
            known = self._events.get(workflow_id, [])
            return known[bisect_right(known, after, key=_number) :] if after else known.copy()

    def events_after(self, position: int, limit: int) -> list[tuple[int, HistoryEvent]]:
        """Committed events of all executions above a position. See ``Store.events_after``."""
        with self._guard:
            self._check_open()
            first = bisect_right(self._in_order, position, key=lambda item: item[0])
            return self._in_order[first : first + limit]

    def last_position(self) -> int:
        """Position of the newest committed record."""
        with self._guard:
            return self._committed

    def definition(self, definition_hash: str) -> bytes:
        """JSON text of a definition snapshot. See ``Store.definition``."""
        with self._guard:
            self._check_open()
            body = self._definitions.get(definition_hash)
        if body is None:
            raise StoreCorruptError(f"The store lacks the definition snapshot {definition_hash}.")
        return body

    def metadata(self, collection: str) -> list[MetadataRow]:
        """Registered objects of a collection, ordered by key and version."""
        with self._guard:
            self._check_open()
            rows = [
                row
                for row in self._metadata.values()
                if row.collection == collection and row.body is not None
            ]
        return sorted(rows, key=lambda row: (row.key, row.version))

    def protected(self, collection: str) -> list[MetadataRow]:
        """Objects of a protected collection, ordered by key."""
        with self._guard:
            self._check_open()
            rows = [
                row
                for row in self._protected.values()
                if row.collection == collection and row.body is not None
            ]
        return sorted(rows, key=lambda row: row.key)

    def audit(
        self,
        before: int = 0,
        limit: int = 100,
        actor: str = "",
        operation: str = "",
        object: str = "",
        between: tuple[int, int] = (0, 0),
    ) -> list[AuditRow]:
        """A page of the audit, newest first. See ``Store.audit``."""
        with self._guard:
            self._check_open()
            rows = list(reversed(self._audit))
        found = [
            row
            for row in rows
            if (not before or row.number < before)
            and (not actor or row.actor == actor)
            and (not operation or row.operation == operation)
            and row.object.startswith(object)
            and between[0] <= row.wall_ms <= (between[1] or row.wall_ms)
        ]
        return found[: max(limit, 0)]

    def logs(self, task_id: str) -> list[LogRow]:
        """Log lines of a task, ordered by ``created_time``."""
        with self._guard:
            self._check_open()
            return sorted(self._logs.get(task_id, ()), key=lambda log: log.created_time)

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Rows of one read-only SELECT over the history, up to date."""
        return self._fed().query(sql, parameters)

    def query_table(
        self, sql: str, parameters: Sequence[Any], bounds: QuestionBounds
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Columns and rows of one read-only SELECT, within bounds. See ``Store.query_table``."""
        return self._fed().query_table(sql, parameters, bounds)

    def query_frame(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """The same as a pandas DataFrame."""
        return self._fed().query_frame(sql, parameters)

    def catch_up(self) -> None:
        """Return once the history holds everything committed before the call."""
        self._fed()

    def rebuild(self, project: Project) -> int:
        """Recompute all rows from events; returns how many executions were rebuilt."""
        history = self._fed()
        with self._feeding:
            return history.rebuild(project)

    def publish_address(self, url: str | None) -> None:
        """Do nothing: nobody else can find this store."""

    def health(self) -> dict[str, Any]:
        """The same keys as a store on disk has."""
        with self._guard:
            fed = self._history.watermark if self._history is not None else 0
            return {
                "ok": not self._closed,
                "error": None,
                "path": MEMORY,
                "open_executions": len(self._open),
                "committed": self._committed,
                "fed": fed,
                "lag": self._committed - fed,
                "journal_bytes": 0,
                "history_bytes": 0,
            }

    def close(self) -> None:
        """Forget everything. Safe to call twice."""
        with self._feeding, self._guard:
            self._closed = True
            history, self._history = self._history, None
            self._unfed.clear()
        if history is not None:
            history.close()

    def _fed(self) -> History:
        """The history, with everything committed so far."""
        with self._feeding:
            self._check_open()
            if self._history is None:
                self._history = History(connect(MEMORY))
            while batch := self._next_batch(self._history.watermark):
                self._history.feed(batch)
            return self._history

    def _next_batch(self, watermark: int) -> Batch | None:
        with self._guard:
            if not self._unfed:
                return None
            batch = Batch(last=watermark)
            while self._unfed and len(batch.events) < FEED_EVENTS:
                first, commit = self._unfed.popleft()
                batch.add(commit, first)
                if commit.removed:
                    break
            return batch

    def _check_open(self) -> None:
        if self._closed:
            raise StoreClosedError("The store is closed.")
