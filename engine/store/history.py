"""The history (DuckDB): everything ever recorded, in tables made for questions.

Rules of this file
  1. A batch goes in with its watermark, in one transaction: exactly once, whatever dies when.
  2. One thread writes at a time; a question runs on a cursor of its own, in a transaction that
     can't write, and reaches nothing outside the history.
  3. The log tables are only added to. ``rebuild`` and removals are the exceptions.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import duckdb

from ..core.events import HistoryEvent
from ..errors import (
    EngineError,
    InvalidRequestError,
    StoreClosedError,
    StoreError,
    UnavailableError,
)
from ..models.codec import dumps, loads
from .base import ExecutionRow, LogRow, MetadataRow, Project, TaskRow
from .batch import Batch
from .bounds import QuestionBounds
from .faults import fault_point
from .history_bulk import (
    DEFINITIONS,
    EVENTS,
    EXECUTIONS,
    LOGS,
    METADATA,
    PAYLOADS,
    TASKS,
    BulkLoader,
    BulkTable,
)
from .history_file import MEMORY, connect, damaged, is_damage, is_full, keep_private
from .history_rows import (
    EVENT_COLUMNS,
    RECENT_PAYLOADS,
    Payloads,
    Row,
    event_of,
    event_row,
    execution_line,
    task_line,
)

logger = logging.getLogger(__name__)

_EVENTS_FROM: Final = (
    f"SELECT {EVENT_COLUMNS} FROM events LEFT JOIN payloads ON payloads.hash = payload_hash"
)
_READS: Final = frozenset({"SELECT", "EXPLAIN"})
_CLOSE_WAIT_SECONDS: Final = 5.0
_REBUILD_ROWS: Final = 5_000
_REMOVED_FROM: Final = ("events", "executions_log", "tasks_log", "logs")


class History:
    """One DuckDB database. ``feed`` and ``rebuild``: one thread at a time; the rest: any."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: str = MEMORY) -> None:
        """Take over an opened file; see ``history_file``."""
        self.name = Path(path).name
        self._path = path
        self._connection = connection
        self._loader = BulkLoader(connection)
        self._closed = False
        self._idle = threading.Condition()
        self._running: set[duckdb.DuckDBPyConnection] = set()
        self._recent: dict[str, None] = {}
        self.breathe: Callable[[], None] = _breathe
        """Called every few dozen rows while a batch is prepared."""
        self.watermark = self._read_watermark()
        """Journal position up to which everything is in here."""

    def _read_watermark(self) -> int:
        row = self._connection.execute("SELECT max(watermark) FROM feed_progress").fetchone()
        return int(row[0] or 0) if row else 0

    # -- facts about the file ------------------------------------------------------------

    def info(self, key: str) -> str | None:
        """A fact about the file."""
        rows = self._rows("SELECT value FROM store_info WHERE key = ?", [key])
        return rows[0][0] if rows else None

    def set_info(self, key: str, value: str) -> None:
        """Record a fact about the file. Before the first ``feed`` only."""
        self._connection.execute("DELETE FROM store_info WHERE key = ?", [key])
        self._connection.execute("INSERT INTO store_info VALUES (?, ?)", [key, value])

    # -- writing -------------------------------------------------------------------------

    def feed(self, batch: Batch) -> None:
        """Take over one batch, all or none.

        Raises:
            UnavailableError: The disk is full; nothing was taken over.
            StoreError: It can't be written; nothing was taken over.
        """
        if self._closed:
            raise StoreClosedError("The store is closed.")
        fault_point("feeder.before_batch")
        payloads = Payloads(self._recent)
        try:
            with self._transaction() as connection:
                self._insert(batch, payloads)
                fault_point("feeder.rows_written")
                for workflow_id in batch.removed:
                    self._remove(connection, workflow_id)
                    fault_point("feeder.execution_removed")
                connection.execute(
                    "UPDATE feed_progress SET watermark = ?, fed_at = now()", [batch.last]
                )
                fault_point("feeder.before_history_commit")
        except duckdb.Error as error:
            self._recover_connection()
            raise self._failure(error) from None
        fault_point("feeder.after_history_commit")
        keep_private(self._path)
        self.watermark = batch.last
        self._remember(payloads, forget_all=bool(batch.removed))

    def rebuild(self, project: Project) -> int:
        """Recompute all rows of executions and tasks; returns how many executions there are.

        All or nothing: an error of ``project`` leaves the rows as they were. Superseded versions
        are gone afterwards.
        """
        payloads = Payloads({})
        rebuilt = 0
        try:
            with self._transaction() as connection:
                connection.execute("DELETE FROM executions_log; DELETE FROM tasks_log")
                tasks: list[TaskRow] = []
                executions: list[ExecutionRow] = []
                for events in self._histories():
                    more_tasks, more_executions = project(events)
                    tasks += more_tasks
                    executions += more_executions
                    rebuilt += 1
                    if len(tasks) + len(executions) >= _REBUILD_ROWS:
                        self._insert_rows(self.watermark, tasks, executions, payloads)
                        tasks, executions, payloads = [], [], Payloads({})
                self._insert_rows(self.watermark, tasks, executions, payloads)
        except duckdb.Error as error:
            self._recover_connection()
            raise self._failure(error) from None
        return rebuilt

    def _insert(self, batch: Batch, payloads: Payloads) -> None:
        events = (event_row(at, event, payloads) for at, event in batch.events)
        self._load(EVENTS, events)
        fault_point("feeder.events_written")
        self._load(
            DEFINITIONS, ((key, at, body.decode()) for key, (at, body) in batch.definitions.items())
        )
        self._load(
            LOGS,
            (
                (at, log.workflow_id, log.task_id, log.created_time, log.log)
                for at, log in batch.logs
            ),
        )
        self._load(METADATA, (_metadata_line(at, row) for at, row in batch.metadata))
        self._insert_rows(batch.last, batch.tasks.values(), batch.executions.values(), payloads)

    def _insert_rows(
        self,
        position: int,
        tasks: Iterable[TaskRow],
        executions: Iterable[ExecutionRow],
        payloads: Payloads,
    ) -> None:
        self._load(TASKS, (task_line(position, row, payloads) for row in tasks))
        self._load(EXECUTIONS, (execution_line(position, row, payloads) for row in executions))
        self._load(PAYLOADS, payloads.rows())

    def _load(self, table: BulkTable, rows: Iterable[Row]) -> None:
        self._loader.insert(table, rows, self.breathe)

    def _remove(self, connection: duckdb.DuckDBPyConnection, workflow_id: str) -> None:
        """Delete an execution, and the payloads that nothing else refers to."""
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE freed AS "
            "SELECT payload_hash AS hash FROM events WHERE workflow_id = $id "
            "UNION SELECT unnest([input_hash, output_hash, variables_hash]) FROM executions_log "
            "WHERE workflow_id = $id "
            "UNION SELECT unnest([input_hash, output_hash]) FROM tasks_log "
            "WHERE workflow_id = $id",
            {"id": workflow_id},
        )
        for table in _REMOVED_FROM:
            connection.execute(f"DELETE FROM {table} WHERE workflow_id = ?", [workflow_id])
        connection.execute(
            "DELETE FROM payloads WHERE hash IN (SELECT hash FROM freed EXCEPT ("
            "SELECT payload_hash FROM events "
            "UNION ALL SELECT input_hash FROM executions_log "
            "UNION ALL SELECT output_hash FROM executions_log "
            "UNION ALL SELECT variables_hash FROM executions_log "
            "UNION ALL SELECT input_hash FROM tasks_log "
            "UNION ALL SELECT output_hash FROM tasks_log))"
        )

    def _remember(self, payloads: Payloads, forget_all: bool) -> None:
        if forget_all or len(self._recent) > RECENT_PAYLOADS:
            self._recent = {}
        if not forget_all:
            self._recent.update(payloads.seen)

    @contextmanager
    def _transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        connection = self._connection
        connection.execute("BEGIN")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            self._loader.clear()
            try:
                connection.execute("ROLLBACK")
            except duckdb.Error:
                logger.debug("Nothing to roll back.", exc_info=True)
            raise

    def _recover_connection(self) -> None:
        """After a fatal error DuckDB serves nothing more until the file is opened again."""
        try:
            self._connection.execute("SELECT 1")
        except duckdb.Error:
            if self._path == MEMORY or self._closed:
                return
            try:
                self._connection.close()
                self._connection = connect(self._path)
                self._loader = BulkLoader(self._connection)
                self.watermark = self._read_watermark()
                self._recent = {}
            except (duckdb.Error, StoreError):
                logger.warning("%s can't be opened again.", self.name, exc_info=True)

    # -- reading -------------------------------------------------------------------------

    def numbered_events(
        self, workflow_id: str, after: int = 0, before: int | None = None
    ) -> list[tuple[int, HistoryEvent]]:
        """Events of one execution with numbers between the two, in order, with positions."""
        rows = self._rows(
            f"{_EVENTS_FROM} WHERE workflow_id = ? AND number > ? AND number < ? ORDER BY number",
            [workflow_id, after, 2**31 - 1 if before is None else before],
        )
        return [event_of(row) for row in rows]

    def events_after(self, position: int, upto: int, limit: int) -> list[tuple[int, HistoryEvent]]:
        """Events of all executions above ``position``, up to ``upto``, in order of position."""
        # Bounded on both sides, so that a page reads a few row groups and not all that follow.
        first = self._rows(
            "SELECT min(position) FROM events WHERE position > ? AND position <= ?",
            [position, upto],
        )[0][0]
        if first is None:
            return []
        found: list[tuple[int, HistoryEvent]] = []
        while len(found) < limit and first <= upto:
            last = min(first + limit - 1, upto)
            rows = self._rows(
                f"{_EVENTS_FROM} WHERE position BETWEEN ? AND ? ORDER BY position", [first, last]
            )
            found += [event_of(row) for row in rows]
            first = last + 1
        return found[:limit]

    def logs(self, task_id: str) -> list[tuple[int, LogRow]]:
        """Log lines of a task with their positions."""
        rows = self._rows(
            "SELECT position, workflow_id, task_id, created_time, log FROM logs "
            "WHERE task_id = ? ORDER BY position",
            [task_id],
        )
        return [
            (at, LogRow(workflow_id=workflow_id, task_id=task, created_time=created, log=log))
            for at, workflow_id, task, created, log in rows
        ]

    def definition(self, definition_hash: str) -> bytes | None:
        """JSON text of a definition snapshot, or None."""
        rows = self._rows("SELECT body FROM definitions WHERE hash = ?", [definition_hash])
        return rows[0][0].encode() if rows else None

    def metadata(self) -> list[tuple[int, MetadataRow]]:
        """Registered objects of every collection with the positions of their last change."""
        rows = self._rows(
            "SELECT position, collection, key, version, wall_ms, body FROM metadata_log "
            "QUALIFY row_number() OVER (PARTITION BY collection, key, version "
            "ORDER BY position DESC) = 1 AND body IS NOT NULL"
        )
        return [
            (
                at,
                MetadataRow(
                    collection=collection,
                    key=key,
                    version=version,
                    wall_ms=wall_ms,
                    body=loads(body),
                ),
            )
            for at, collection, key, version, wall_ms, body in rows
        ]

    def open_executions(self) -> list[str]:
        """Executions that have not ended as far as this file knows, oldest first."""
        rows = self._rows(
            "SELECT workflow_id FROM executions_log "
            "QUALIFY row_number() OVER (PARTITION BY workflow_id ORDER BY position DESC) = 1 "
            "AND status IN ('RUNNING', 'PAUSED') AND NOT removed ORDER BY create_time, position",
        )
        return [row[0] for row in rows]

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Rows of one read-only statement.

        Raises:
            InvalidRequestError: The SQL can't be run; the message is DuckDB's.
            StoreCorruptError: The file is damaged.
        """
        with self._question(sql, parameters) as cursor:
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def query_table(
        self, sql: str, parameters: Sequence[Any], bounds: QuestionBounds
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Names of the columns, and the rows, within bounds. See ``Store.query_table``."""
        with self._question(sql, parameters, bounds) as cursor:
            names = [str(column[0]) for column in cursor.description or ()]
            rows = cursor.fetchmany(bounds.most_rows + 1)
            bounds.check_rows(len(rows))
            return names, rows

    def query_frame(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """The same as a pandas DataFrame."""
        with self._question(sql, parameters) as cursor:
            return cursor.df()

    def close(self) -> None:
        """Stop running questions and close the file. Safe to call twice."""
        with self._idle:
            if self._closed:
                return
            self._closed = True
            for cursor in self._running:
                cursor.interrupt()
            self._idle.wait_for(lambda: not self._running, _CLOSE_WAIT_SECONDS)
        self._loader.clear()
        self._connection.close()

    def _histories(self) -> Iterator[list[HistoryEvent]]:
        """All events of each execution, one execution after the other."""
        with self._cursor() as cursor:
            cursor.execute(f"{_EVENTS_FROM} ORDER BY workflow_id, number")
            events = (event_of(row)[1] for row in _streamed(cursor))
            for _, history in groupby(events, key=lambda event: event.workflow_id):
                yield list(history)

    def _rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._cursor() as cursor:
            try:
                return cursor.execute(sql, list(parameters)).fetchall()
            except duckdb.Error as error:
                raise self._failure(error) from None

    @contextmanager
    def _question(
        self, sql: str, parameters: Sequence[Any], bounds: QuestionBounds | None = None
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._cursor() as cursor:
            try:
                if bounds is not None:
                    bounds.begin(cursor)
                statements = cursor.extract_statements(sql)
                if len(statements) != 1 or statements[0].type.name not in _READS:
                    raise InvalidRequestError("Only one SELECT at a time can be asked.")
                cursor.execute("BEGIN TRANSACTION READ ONLY")
                cursor.execute(statements[0], list(parameters))
                yield cursor
            except duckdb.Error as error:
                if self._closed:
                    raise StoreClosedError("The store was closed meanwhile.") from None
                if is_damage(error):
                    raise damaged(self.name, error) from None
                if bounds is not None and bounds.is_stopped:
                    raise bounds.refusal() from None
                raise InvalidRequestError(str(error)) from None
            finally:
                if bounds is not None:
                    bounds.end()

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._idle:
            if self._closed:
                raise StoreClosedError("The store is closed.")
            cursor = self._connection.cursor()
            self._running.add(cursor)
        try:
            yield cursor
        finally:
            cursor.close()
            with self._idle:
                self._running.discard(cursor)
                self._idle.notify_all()

    def _failure(self, error: duckdb.Error) -> EngineError:
        if is_full(error):
            return UnavailableError(
                f"The disk of {self.name} is full: it lacks the newest records, which its journal "
                "has. Free some space."
            )
        if is_damage(error):
            return damaged(self.name, error)
        return StoreError(f"The history {self.name} can't be used: {error}")


def _breathe() -> None:
    """Nobody is in a hurry."""


def _streamed(cursor: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while rows := cursor.fetchmany(2_000):
        yield from rows


def _metadata_line(position: int, row: MetadataRow) -> Row:
    body = None if row.body is None else dumps(row.body).decode()
    return position, row.collection, row.key, row.version, row.wall_ms, body
