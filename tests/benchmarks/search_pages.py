"""Pages of a search over a large history: ``python -m tests.benchmarks.search_pages 300000``."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from engine.service.search import SearchPages
from engine.store.local import LocalStore

from .figures import Figure, table

TASKS_EACH = 5
_ROUNDS = 3
_SHORT = "{'n': i}::JSON"
_LONG = """('{"text":"' || repeat('lorem ipsum ', 100) || i || '"}')::JSON"""


def measure(executions: int = 100_000) -> list[Figure]:
    """Milliseconds for pages of 100, best of three, over executions of five tasks each.

    Every execution has two versions (started, ended); one in twenty has failed, two in three have
    a payload of more than a kilobyte.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "search.duckdb"
        LocalStore(path).close()
        _fill(path, executions)
        store = LocalStore(path)
        try:
            return _pages(SearchPages(store), executions)
        finally:
            store.close()


def _pages(pages: SearchPages, executions: int) -> list[Figure]:
    name = f"{executions:,} executions"
    most = 300.0 * max(1.0, executions / 300_000)
    asked: list[tuple[str, Callable[[], Any], float]] = [
        ("newest", lambda: pages.workflows(0, 100, "", "*", ""), most),
        ("FAILED", lambda: pages.workflows(0, 100, "", "*", "status=FAILED"), most),
        (
            "one workflow by time",
            lambda: pages.workflows(0, 100, "startTime:ASC", "*", "workflowType=flow_7"),
            most,
        ),
        ("one correlation id", lambda: pages.workflows(0, 100, "", "*", "correlationId=o-7"), most),
        ("free text", lambda: pages.workflows(0, 100, "", "declined", ""), 10 * most),
        ("tasks: FAILED", lambda: pages.tasks(0, 100, "", "*", "status=FAILED"), 5 * most),
    ]
    figures = []
    for what, ask, aim in asked:
        best = min(_seconds(ask) for _ in range(_ROUNDS))
        figures.append(Figure(f"search, {name}: {what}", best * 1000, "ms", aim))
    return figures


def _seconds(ask: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    hits, rows = ask()
    spent = time.perf_counter() - begun
    if not hits or not rows:
        raise AssertionError("the search found nothing; the figure would mean nothing")
    return spent


def _fill(path: Path, executions: int) -> None:
    """Rows as the feeder would leave them, made by SQL because only their number matters."""
    connection = duckdb.connect(str(path))
    try:
        for version, status in enumerate(("'RUNNING'", _ENDED)):
            end = "create_time + 500" if version else "0"
            connection.execute(
                "INSERT INTO executions_log BY NAME SELECT "
                f"i * 8 + {version} AS position, 'w' || md5(i::VARCHAR) AS workflow_id, "
                f"{version} AS version, 'flow_' || (i % 40) AS workflow_type, "
                f"1 AS workflow_version, {status} AS status, 'o-' || (i % 50000) AS correlation_id,"
                " i % 100 AS priority, 1700000000000 + i * 1000 AS create_time, "
                f"create_time AS update_time, {end} AS end_time, []::VARCHAR[] AS "
                "failed_reference_task_names, []::VARCHAR[] AS failed_task_names, "
                "CASE WHEN status = 'FAILED' THEN 'card ' || i || ' declined' END AS "
                "reason_for_incompletion, 'h' || (i % 40) AS definition_hash, "
                f"'{{}}'::JSON AS task_to_domain, CASE WHEN i % 3 = 0 THEN {_SHORT} END AS input, "
                "CASE WHEN i % 3 > 0 THEN md5(i::VARCHAR)::UUID END AS input_hash, "
                f"false AS removed FROM range({executions}) AS t(i)"
            )
        connection.execute(
            f"INSERT INTO payloads SELECT md5(i::VARCHAR)::UUID, 1300, {_LONG} "
            f"FROM range({executions}) AS t(i) WHERE i % 3 > 0"
        )
        connection.execute(
            "INSERT INTO tasks_log BY NAME SELECT i * 8 + 1 AS position, 'w' || md5(i::VARCHAR) "
            "AS workflow_id, md5(i || '/' || k) AS task_id, 3 AS version, "
            "'flow_' || (i % 40) AS workflow_type, 'ref_' || k AS reference_task_name, "
            "'type_' || k AS task_type, 'type_' || k AS task_def_name, "
            f"CASE WHEN k = 4 THEN {_ENDED} ELSE 'COMPLETED' END AS status, k AS seq, "
            "0 AS retry_count, 0 AS iteration, 1700000000000 + i * 1000 AS scheduled_time, "
            "scheduled_time + 10 AS start_time, scheduled_time + 50 AS end_time, "
            "scheduled_time + 50 AS update_time, 1 AS poll_count, false AS removed "
            f"FROM range({executions}) AS t(i), range({TASKS_EACH}) AS u(k)"
        )
    finally:
        connection.close()


_ENDED = "CASE WHEN i % 20 = 0 THEN 'FAILED' ELSE 'COMPLETED' END"

if __name__ == "__main__":
    print(table(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 300_000)))
