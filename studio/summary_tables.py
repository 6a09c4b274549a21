"""The newest executions of a cluster as SQL tables, filled by its search.

Pages ask SQL of the views ``executions`` and ``tasks``. A cluster answers searches only, so its
newest summaries are kept here, in memory, with the columns that a search tells; the rest is null.
Asking again costs one search for what has changed since.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import duckdb

from engine.core.fingerprint import error_line, fingerprint, split_reason
from engine.errors import InvalidRequestError

if TYPE_CHECKING:
    from engine.client.remote_service import RemoteService

KEPT: Final = 5_000
"""Newest executions that are looked at; the largest page of Conductor's search."""
PAGE: Final = 200
TASKS_KEPT: Final = 500
FRESH_SECONDS: Final = 1.0
"""Answers younger than this are good enough for every page that asks."""
RELOAD_SECONDS: Final = 300.0
"""What was removed at the other end is noticed this late at the latest."""
_OPEN: Final = ("RUNNING", "PAUSED")

_WRAPPED: Final = re.compile(
    r"Task \S+ failed with status: \w+ and reason: '(.*)'\Z|"
    r"Sub workflow \S+ failure reason: (.*)\Z",
    re.DOTALL,
)
"""How Conductor words the reason of an execution: around that of the task, level by level."""
_DEEPEST: Final = 64

_TABLES: Final = """
CREATE TABLE executions (
    workflow_id VARCHAR PRIMARY KEY, version BIGINT, workflow_type VARCHAR,
    workflow_version INTEGER, status VARCHAR, correlation_id VARCHAR, priority INTEGER,
    create_time BIGINT, update_time BIGINT, end_time BIGINT, parent_workflow_id VARCHAR,
    parent_workflow_task_id VARCHAR, root_workflow_id VARCHAR,
    reason_for_incompletion VARCHAR, failed_reference_task_names VARCHAR[],
    failed_task_names VARCHAR[], failed_path VARCHAR, error VARCHAR, fingerprint VARCHAR,
    with_errors BOOLEAN, task_count INTEGER, retry_count INTEGER, definition_hash VARCHAR,
    branch_of VARCHAR, branch_reference VARCHAR, branch_edits INTEGER, created_by VARCHAR,
    event VARCHAR, idempotency_key VARCHAR, task_to_domain VARCHAR, input VARCHAR,
    output VARCHAR, variables VARCHAR, removed BOOLEAN DEFAULT false);
CREATE TABLE tasks (
    workflow_id VARCHAR, task_id VARCHAR PRIMARY KEY, version BIGINT, workflow_type VARCHAR,
    reference_task_name VARCHAR, node VARCHAR, path VARCHAR, task_type VARCHAR,
    task_def_name VARCHAR, status VARCHAR, seq INTEGER, retry_count INTEGER, iteration INTEGER,
    scheduled_time BIGINT, start_time BIGINT, end_time BIGINT, update_time BIGINT,
    worker_id VARCHAR, domain VARCHAR, reason_for_incompletion VARCHAR, error_type VARCHAR,
    fingerprint VARCHAR, sub_workflow_id VARCHAR, retried_task_id VARCHAR, poll_count INTEGER,
    optional BOOLEAN, input_data VARCHAR, output_data VARCHAR, removed BOOLEAN DEFAULT false);
CREATE TABLE events (workflow_id VARCHAR, number INTEGER, kind VARCHAR, wall_ms BIGINT);
"""


class SummaryTables:
    """Answers read-only SQL over a cluster's newest executions. Blocks; any thread."""

    def __init__(self, service: RemoteService) -> None:
        """Nothing is asked before the first query."""
        self._service = service
        self._guard = threading.Lock()
        self._database: duckdb.DuckDBPyConnection | None = None
        self._looked_at = self._loaded_at = float("-inf")
        self._newest: dict[str, str] = {}
        """Text of the last change by execution, as the search told it."""
        self.total = 0
        """How many executions the cluster has in all."""

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Rows of one SELECT over what is known now.

        Raises:
            InvalidRequestError: The SQL can't be run.
            UnavailableError: The cluster can't be reached.
        """
        with self._guard:
            self._bring_up_to_date()
            assert self._database is not None
            try:
                cursor = self._database.execute(sql, list(parameters))
            except duckdb.Error as error:
                raise InvalidRequestError(str(error)) from None
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    @property
    def known(self) -> int:
        """How many executions the answers are about."""
        return len(self._newest)

    def close(self) -> None:
        """Forget everything. Safe to call twice."""
        with self._guard:
            database, self._database = self._database, None
            if database is not None:
                database.close()

    # -- looking -------------------------------------------------------------------------

    def _bring_up_to_date(self) -> None:
        now = time.monotonic()
        if self._database is None:
            self._database = duckdb.connect(":memory:")
            self._database.execute(_TABLES)
            self._loaded_at = float("-inf")
        if now - self._looked_at < FRESH_SECONDS:
            return
        if now - self._loaded_at > RELOAD_SECONDS:
            self._load()
        else:
            self._load_changes()
        self._load_tasks()
        self._looked_at = time.monotonic()

    def _load(self) -> None:
        found = self._search(0, KEPT)
        assert self._database is not None
        self._database.execute("DELETE FROM executions")
        self._newest.clear()
        self._put(found["results"])
        self._loaded_at = time.monotonic()

    def _load_changes(self) -> None:
        """Newest changes first, until one that is known."""
        before = self.total
        new = 0
        for start in range(0, KEPT, PAGE):
            found = self._search(start, PAGE)
            lines = found["results"]
            fresh = [line for line in lines if not self._is_known(line)]
            new += sum(line["workflowId"] not in self._newest for line in fresh)
            self._put(fresh)
            if len(fresh) < len(lines) or len(lines) < PAGE:
                break
        if self.total < before + new:
            self._load()  # some have been removed

    def _is_known(self, line: Mapping[str, Any]) -> bool:
        # An open one changes in ways that its summary may not tell by its time.
        known = self._newest.get(line["workflowId"])
        return known == _changed(line) and line.get("status") not in _OPEN

    def _search(self, start: int, size: int) -> dict[str, Any]:
        found = self._service.search_workflows(start, size, "updateTime:DESC")
        self.total = int(found.get("totalHits") or 0)
        return {"results": found.get("results") or []}

    def _put(self, lines: Sequence[Mapping[str, Any]]) -> None:
        assert self._database is not None
        for line in lines:
            self._newest[line["workflowId"]] = _changed(line)
        rows = [execution_row(line) for line in lines]
        _insert(self._database, "executions", rows)

    def _load_tasks(self) -> None:
        assert self._database is not None
        found = self._service.search_tasks(
            0, TASKS_KEPT, "updateTime:DESC", query="status IN (IN_PROGRESS,SCHEDULED)"
        )
        self._database.execute("DELETE FROM tasks")
        _insert(self._database, "tasks", [task_row(line) for line in found.get("results") or ()])


def execution_row(line: Mapping[str, Any]) -> dict[str, Any]:
    """A line of a search as a row of ``executions``."""
    status = line.get("status") or "RUNNING"
    reason = line.get("reasonForIncompletion")
    references = [name for name in (line.get("failedReferenceTaskNames") or "").split(",") if name]
    name = line.get("workflowType") or ""
    row: dict[str, Any] = {
        "workflow_id": line["workflowId"],
        "version": 1,
        "workflow_type": name,
        "workflow_version": line.get("version"),
        "status": status,
        "correlation_id": line.get("correlationId"),
        "priority": line.get("priority") or 0,
        "create_time": instant_ms(line.get("startTime")),
        "update_time": instant_ms(line.get("updateTime")),
        "end_time": 0 if status in _OPEN else instant_ms(line.get("endTime")),
        "parent_workflow_id": line.get("parentWorkflowId") or None,
        "reason_for_incompletion": reason,
        "failed_reference_task_names": references,
        "failed_task_names": line.get("failedTaskNames") or [],
        "with_errors": False,
        "retry_count": 0,
        "branch_edits": 0,
        "created_by": line.get("createdBy"),
        "event": line.get("event"),
        "input": line.get("input"),
        "output": line.get("output"),
    }
    if status in ("FAILED", "TIMED_OUT"):
        path = "/".join([name, *references[:1]])
        kind, message = split_reason(_innermost(reason or ""))
        row["failed_path"] = path
        row["error"] = error_line(kind, message) or None
        row["fingerprint"] = fingerprint(kind, path, message)
    return row


def _innermost(reason: str) -> str:
    """What the deepest task said: sub-workflows' ids in it would make one cause many."""
    for _ in range(_DEEPEST):
        told = _WRAPPED.match(reason)
        if told is None:
            break
        reason = told[1] or told[2] or ""
    return reason


def task_row(line: Mapping[str, Any]) -> dict[str, Any]:
    """A line of a search for tasks as a row of ``tasks``; a search tells no reference name."""
    name = line.get("taskDefName") or line.get("taskType") or ""
    return {
        "workflow_id": line.get("workflowId"),
        "task_id": line["taskId"],
        "version": 1,
        "workflow_type": line.get("workflowType"),
        "reference_task_name": name,
        "node": name,
        "task_type": line.get("taskType"),
        "task_def_name": name,
        "status": line.get("status"),
        "seq": 0,
        "retry_count": 0,
        "iteration": 0,
        "scheduled_time": instant_ms(line.get("scheduledTime")),
        "start_time": instant_ms(line.get("startTime")),
        "end_time": instant_ms(line.get("endTime")),
        "update_time": instant_ms(line.get("updateTime")),
        "domain": line.get("domain"),
        "reason_for_incompletion": line.get("reasonForIncompletion"),
    }


def instant_ms(text: str | None) -> int:
    """Epoch milliseconds of a summary's time text, 0 when it tells none."""
    if not text:
        return 0
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def _changed(line: Mapping[str, Any]) -> str:
    return f"{line.get('updateTime')} {line.get('status')}"


def _insert(
    database: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Mapping[str, Any]]
) -> None:
    by_key = {row["workflow_id" if table == "executions" else "task_id"]: row for row in rows}
    if not by_key:
        return
    import pandas as pd

    # One statement over a frame: DuckDB takes milliseconds for every row of an executemany.
    database.register("incoming", pd.DataFrame(list(by_key.values()), dtype=object))
    database.execute(f"INSERT OR REPLACE INTO {table} BY NAME SELECT * FROM incoming")
    database.unregister("incoming")
