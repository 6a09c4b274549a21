"""Questions to the journal, on connections of their own: a commit never waits for a reader."""

from __future__ import annotations

import sqlite3
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, LifoQueue
from typing import Any, Final

import msgspec

from ..core.events import HistoryEvent
from ..errors import StoreClosedError
from .base import AuditRow, DueTime, LogRow, MetadataRow
from .batch import Batch
from .journal_events import EXECUTION_OF
from .journal_file import check_seal, connect, damaged, translated

_decoder: Final = msgspec.json.Decoder(HistoryEvent)
_values: Final = msgspec.json.Decoder(dict)
_ROWS_AT_ONCE: Final = 1_000


class JournalReads:
    """Read access to a journal. Callable from any thread."""

    def __init__(self, path: Path) -> None:
        """Connections are opened when they are needed, and kept."""
        self.path = path
        self._idle: LifoQueue[sqlite3.Connection] = LifoQueue()
        self._guard = threading.Lock()
        self._closed = False

    def open_executions(self) -> list[str]:
        """Ids of open executions, oldest first."""
        with self._reader() as reader:
            query = "SELECT workflow_id, position, seal FROM open_executions ORDER BY position"
            rows = reader.execute(query).fetchall()
        for workflow_id, position, kept in rows:
            check_seal(self.path, "an open execution", kept, workflow_id, position)
        return [row[0] for row in rows]

    def idle_executions(self) -> Iterator[tuple[str, bytes | None]]:
        """The same, each with its summary if that takes the newest event into account."""
        with self._reader() as reader:
            cursor = reader.execute(
                "SELECT o.workflow_id, due_ms, due_seal, idle_crc, CASE WHEN idle_event = ("
                "SELECT max(number) FROM events AS e WHERE e.execution = j.execution"
                ") THEN idle_body END FROM open_executions AS o LEFT JOIN journalled AS j "
                "ON j.workflow_id = o.workflow_id ORDER BY position"
            )
            while rows := cursor.fetchmany(_ROWS_AT_ONCE):
                for workflow_id, due_ms, kept, crc, body in rows:
                    check_seal(self.path, "a due time", kept, workflow_id, due_ms)
                    yield workflow_id, self._summary(crc, body)

    def due_times(self, after: DueTime, until_ms: int, limit: int) -> list[DueTime]:
        """Due times of open executions behind one of them, in order."""
        with self._reader() as reader:
            rows = reader.execute(
                "SELECT due_ms, workflow_id, due_seal FROM open_executions "
                "WHERE (due_ms, workflow_id) > (?, ?) AND due_ms <= ? "
                "ORDER BY due_ms, workflow_id LIMIT ?",
                (*after, until_ms, limit),
            ).fetchall()
        for due_ms, workflow_id, kept in rows:
            check_seal(self.path, "a due time", kept, workflow_id, due_ms)
        return [DueTime(due_ms, workflow_id) for due_ms, workflow_id, _ in rows]

    def events(self, workflow_id: str, after: int = 0) -> list[HistoryEvent]:
        """Events the journal still has, in order; those before may have been pruned."""
        return [event for _, event in self.numbered_events(workflow_id, after)]

    def numbered_events(self, workflow_id: str, after: int = 0) -> list[tuple[int, HistoryEvent]]:
        """The same, each with its position."""
        with self._reader() as reader:
            rows = reader.execute(
                "SELECT position, crc, body FROM events "
                f"WHERE execution = {EXECUTION_OF} AND number > ? ORDER BY number",
                (workflow_id, after),
            ).fetchall()
        found = [(position, self._event(crc, body)) for position, crc, body in rows]
        if any(event.workflow_id != workflow_id for _, event in found):
            raise damaged(self.path, f"events of others lie among those of {workflow_id}")
        return found

    def events_after(self, position: int, limit: int) -> list[tuple[int, HistoryEvent]]:
        """Events of all executions above a position, in order; those before may be pruned."""
        with self._reader() as reader:
            rows = reader.execute(
                "SELECT position, crc, body FROM events WHERE position > ? "
                "ORDER BY position LIMIT ?",
                (position, limit),
            ).fetchall()
        return [(at, self._event(crc, body)) for at, crc, body in rows]

    def first_number(self, workflow_id: str) -> int | None:
        """Number of the first event the journal has of an execution, None without any."""
        with self._reader() as reader:
            query = f"SELECT min(number) FROM events WHERE execution = {EXECUTION_OF}"
            number: int | None = reader.execute(query, (workflow_id,)).fetchone()[0]
        return number

    def is_removed(self, workflow_id: str) -> bool:
        """Whether the execution was deleted and the history may not know yet."""
        with self._reader() as reader:
            query = "SELECT EXISTS (SELECT 1 FROM removals WHERE workflow_id = ?)"
            return bool(reader.execute(query, (workflow_id,)).fetchone()[0])

    def definition(self, definition_hash: str) -> bytes | None:
        """JSON text of a snapshot, or None."""
        with self._reader() as reader:
            query = "SELECT hash, position, body, seal FROM definitions WHERE hash = ?"
            row = reader.execute(query, (definition_hash,)).fetchone()
        return None if row is None else self._definition(*row)

    def metadata(self, collection: str) -> list[MetadataRow]:
        """Objects in force, ordered by key and version."""
        with self._reader() as reader:
            rows = reader.execute(
                "SELECT collection, key, version, position, wall_ms, body, seal FROM metadata "
                "WHERE collection = ? AND body IS NOT NULL ORDER BY key, version",
                (collection,),
            ).fetchall()
        return [self._metadata_row(*row) for row in rows]

    def protected(self, collection: str) -> list[MetadataRow]:
        """Objects that only the journal has, ordered by key."""
        with self._reader() as reader:
            rows = reader.execute(
                "SELECT collection, key, wall_ms, body, seal FROM protected "
                "WHERE collection = ? ORDER BY key",
                (collection,),
            ).fetchall()
        for row in rows:
            check_seal(self.path, f"an entry of {collection}", row[-1], *row[:-1], blobs=1)
        return [self._row(of, key, 0, wall_ms, body) for of, key, wall_ms, body, _ in rows]

    def audit(
        self,
        before: int,
        limit: int,
        actor: str,
        operation: str,
        object: str,
        between: tuple[int, int],
    ) -> list[AuditRow]:
        """A page of the audit, newest first."""
        with self._reader() as reader:
            rows = reader.execute(
                "SELECT number, wall_ms, actor, kind, address, operation, object, before, after, "
                "seal FROM audit WHERE (?1 = 0 OR number < ?1) AND (?2 = '' OR actor = ?2) "
                "AND (?3 = '' OR operation = ?3) AND substr(object, 1, length(?4)) = ?4 "
                "AND wall_ms >= ?5 AND (?6 = 0 OR wall_ms <= ?6) ORDER BY number DESC LIMIT ?7",
                (before, actor, operation, object, *between, max(limit, 0)),
            ).fetchall()
        for row in rows:
            check_seal(self.path, f"audit entry {row[0]}", row[-1], *row[1:-1], blobs=2)
        names = AuditRow.__struct_fields__
        return [
            AuditRow(**dict(zip(names, (*row[:7], *map(_value, row[7:-1])), strict=True)))
            for row in rows
        ]

    def logs(self, task_id: str) -> list[tuple[int, LogRow]]:
        """Log lines not pruned yet, each with its position."""
        with self._reader() as reader:
            rows = reader.execute(
                "SELECT position, workflow_id, task_id, created_time, log, seal FROM logs "
                "WHERE task_id = ? ORDER BY position",
                (task_id,),
            ).fetchall()
        return [(row[0], self._log(*row)) for row in rows]

    def unfed(self, after: int, upto: int, limit: int) -> Batch:
        """Records above position ``after``, up to ``upto`` or about ``limit`` events.

        A removal ends the batch. Rows of tasks and executions are not in it.
        """
        with self._reader() as reader:
            reader.execute("BEGIN")  # one snapshot for all the tables
            try:
                return self._unfed(reader, after, self._cut(reader, after, upto, limit))
            finally:
                reader.execute("ROLLBACK")

    def close(self) -> None:
        """Close the idle connections; one in use is closed when its question is answered."""
        with self._guard:
            self._closed = True
        while True:
            try:
                self._idle.get_nowait().close()
            except Empty:
                return

    def _cut(self, reader: sqlite3.Connection, after: int, upto: int, limit: int) -> int:
        row = reader.execute(
            "SELECT position FROM events WHERE position > ? ORDER BY position LIMIT 1 OFFSET ?",
            (after, limit - 1),
        ).fetchone()
        removal = reader.execute(
            "SELECT min(position) FROM removals WHERE position > ?", (after,)
        ).fetchone()[0]
        return min(upto, row[0] if row else upto, removal or upto)

    def _unfed(self, reader: sqlite3.Connection, after: int, cut: int) -> Batch:
        span = (after, cut)
        within = "WHERE position > ? AND position <= ? ORDER BY position"
        batch = Batch(last=cut)
        for position, crc, body in reader.execute(
            f"SELECT position, crc, body FROM events {within}", span
        ):
            batch.events.append((position, self._event(crc, body)))
        for row in reader.execute(
            f"SELECT hash, position, body, seal FROM definitions {within}", span
        ):
            batch.definitions[row[0]] = (row[1], self._definition(*row))
        for row in reader.execute(
            f"SELECT position, workflow_id, task_id, created_time, log, seal FROM logs {within}",
            span,
        ):
            batch.logs.append((row[0], self._log(*row)))
        for row in reader.execute(
            "SELECT collection, key, version, position, wall_ms, body, seal "
            f"FROM metadata {within}",
            span,
        ):
            batch.metadata.append((row[3], self._metadata_row(*row)))
        query = f"SELECT position, workflow_id, seal FROM removals {within}"
        for position, workflow_id, kept in reader.execute(query, span):
            check_seal(self.path, "a removal", kept, position, workflow_id)
            batch.removed.append(workflow_id)
        return batch

    def _summary(self, crc: int, body: bytes | None) -> bytes | None:
        if body is not None and (not isinstance(body, bytes) or zlib.crc32(body) != crc):
            raise damaged(self.path, "a summary does not match its checksum")
        return body

    def _event(self, crc: int, body: bytes) -> HistoryEvent:
        if not isinstance(body, bytes) or zlib.crc32(body) != crc:
            raise damaged(self.path, "an event does not match its checksum")
        try:
            return _decoder.decode(body)
        except msgspec.MsgspecError as error:
            raise damaged(self.path, f"an event can't be read: {error}") from None

    def _definition(self, key: str, position: int, body: bytes, kept: int | None) -> bytes:
        check_seal(self.path, f"definition {key}", kept, key, position, body, blobs=1)
        return body

    def _log(
        self, at: int, workflow_id: str, task_id: str, created: int, log: str, kept: int | None
    ) -> LogRow:
        check_seal(self.path, "a log line", kept, at, workflow_id, task_id, created, log)
        return LogRow(workflow_id=workflow_id, task_id=task_id, created_time=created, log=log)

    def _metadata_row(
        self,
        collection: str,
        key: str,
        version: int,
        position: int,
        wall_ms: int,
        body: bytes | None,
        kept: int | None,
    ) -> MetadataRow:
        values = (collection, key, version, position, wall_ms, body)
        check_seal(self.path, f"{collection} {key!r}", kept, *values, blobs=1)
        return self._row(collection, key, version, wall_ms, body)

    def _row(
        self, collection: str, key: str, version: int, wall_ms: int, body: bytes | None
    ) -> MetadataRow:
        try:
            value = None if body is None else _values.decode(body)
        except msgspec.MsgspecError as error:
            raise damaged(self.path, f"{collection} {key!r} can't be read: {error}") from None
        return MetadataRow(
            collection=collection, key=key, version=version, wall_ms=wall_ms, body=value
        )

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        if self._closed:
            raise StoreClosedError("The store is closed.")
        with translated(self.path):
            try:
                reader = self._idle.get_nowait()
            except Empty:
                reader = connect(self.path, "NORMAL")
                reader.execute("PRAGMA query_only=1")
            try:
                yield reader
            finally:
                with self._guard:
                    if self._closed:
                        reader.close()
                    else:
                        self._idle.put(reader)


def _value(text: bytes | None) -> Any:
    return None if text is None else msgspec.json.decode(text)
