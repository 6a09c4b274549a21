"""Many rows into DuckDB at once.

DuckDB's appender is used because of the ways measured it is the cheapest for few rows and for
many, and because it can be fed in slices: between two of them other threads get Python's lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

import duckdb

from .history_rows import EXECUTION_COLUMNS, TASK_COLUMNS, Row

_SLICE_ROWS: Final = 64
_FLUSH_BYTES: Final = 16 << 20
"""How much text may wait in memory before DuckDB gets it."""


class BulkTable(NamedTuple):
    """A table that rows are added to."""

    name: str
    columns: Sequence[str]
    heavy: int | None = None
    """Index of the column that may hold megabytes."""
    unique: bool = False
    """Whether a row is left out whose first column the table has already."""


EVENTS: Final = BulkTable(
    "events",
    (
        "position",
        "workflow_id",
        "number",
        "kind",
        "wall_ms",
        "monotonic_ns",
        "parent",
        "actor",
        "task_id",
        "reference",
        "attempt",
        "iteration",
        "path",
        "data",
        "payload_key",
        "payload_hash",
    ),
    heavy=13,
)
PAYLOADS: Final = BulkTable(
    "payloads",
    ("hash", "size", "body"),
    heavy=2,
    unique=True,
)
EXECUTIONS: Final = BulkTable("executions_log", EXECUTION_COLUMNS)
TASKS: Final = BulkTable("tasks_log", TASK_COLUMNS)
LOGS: Final = BulkTable("logs", ("position", "workflow_id", "task_id", "created_time", "log"))
DEFINITIONS: Final = BulkTable(
    "definitions",
    ("hash", "position", "body"),
    heavy=2,
    unique=True,
)
METADATA: Final = BulkTable(
    "metadata_log", ("position", "collection", "key", "version", "wall_ms", "body"), heavy=5
)


class BulkLoader:
    """The way into the tables over one connection. One thread at a time."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Appenders are made when their table first gets rows."""
        self._connection = connection
        self._appenders: dict[str, Any] = {}

    def insert(self, table: BulkTable, rows: Iterable[Row], breathe: Callable[[], None]) -> None:
        """Add rows within the connection's transaction.

        Args:
            table: Where to.
            rows: Tuples in the order of the table's columns.
            breathe: Called between slices.
        """
        rows = iter(rows)
        waiting = 0
        appender = None
        while part := list(islice(rows, _SLICE_ROWS)):
            appender = appender or self._appender(table)
            appender.append_rows(part)
            if table.heavy is not None:
                waiting += sum(len(row[table.heavy] or "") for row in part)
                if waiting > _FLUSH_BYTES:
                    appender.flush()
                    waiting = 0
            breathe()
        if appender is not None:
            appender.flush()
            if table.unique:
                self._connection.execute(_take_new(table))

    def clear(self) -> None:
        """Forget rows that a failed transaction left behind."""
        self._appenders.clear()

    def _appender(self, table: BulkTable) -> Any:
        appender = self._appenders.get(table.name)
        if appender is None:
            target = table.name
            if table.unique:
                target = _waiting_room(table)
                self._connection.execute(
                    f"CREATE OR REPLACE TEMP TABLE {target} AS FROM {table.name} LIMIT 0"
                )
            appender = self._connection.appender(target, columns=list(table.columns))
            self._appenders[table.name] = appender
        return appender


def _waiting_room(table: BulkTable) -> str:
    return f"new_{table.name}"


def _take_new(table: BulkTable) -> str:
    """SQL that moves the rows the table lacks out of the waiting room, and empties it."""
    names, key, waiting = ", ".join(table.columns), table.columns[0], _waiting_room(table)
    return (
        f"INSERT INTO {table.name} ({names}) SELECT {names} FROM {waiting} AS new "
        f"WHERE NOT EXISTS (SELECT 1 FROM {table.name} AS old WHERE old.{key} = new.{key}); "
        f"TRUNCATE {waiting}"
    )
