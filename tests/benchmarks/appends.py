"""The choice behind the history's tables: append every version of a row, or replace the row."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import duckdb

from .figures import Figure

_ROWS, _BATCH = 5_000, 500
_COLUMNS = "workflow_id VARCHAR, task_id VARCHAR, version INTEGER, status VARCHAR, output VARCHAR"


def measure() -> list[Figure]:
    """Rows a second when each row is written twice, in batches of 500, each its own commit."""
    appended = _run(f"CREATE TABLE t ({_COLUMNS})", "INSERT INTO t")
    replaced = _run(
        f"CREATE TABLE t ({_COLUMNS}, PRIMARY KEY (task_id))", "INSERT OR REPLACE INTO t"
    )
    return [
        Figure("history: versions appended", appended, "rows/s"),
        Figure("history: rows replaced instead", replaced, "rows/s"),
        Figure("history: appending against replacing", appended / replaced, "×"),
    ]


def _run(create: str, insert: str) -> float:
    statement = (
        f"{insert} SELECT 'w' || (i // 10), 't' || i, $version, 'COMPLETED', repeat('x', 200) "
        "FROM range($first, $last) AS r(i)"
    )
    with tempfile.TemporaryDirectory() as folder:
        connection = duckdb.connect(Path(folder) / "appends.duckdb", config={"threads": 1})
        try:
            connection.execute(create)
            begun = time.perf_counter()
            for version in (1, 2):
                for first in range(0, _ROWS, _BATCH):
                    parameters = {"version": version, "first": first, "last": first + _BATCH}
                    connection.execute(statement, parameters)
            return 2 * _ROWS / (time.perf_counter() - begun)
        finally:
            connection.close()
