"""A service that answers from a real DuckDB with the history's two views, for page tests."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import duckdb

from engine.errors import NotFoundError
from engine.models.capability import EVERY_CAPABILITY
from engine.service.access import LOCAL_CALLER, Caller

EXECUTION_COLUMNS = """
    workflow_id VARCHAR, version BIGINT, workflow_type VARCHAR, workflow_version INTEGER,
    status VARCHAR, correlation_id VARCHAR, priority INTEGER, create_time BIGINT,
    update_time BIGINT, end_time BIGINT, parent_workflow_id VARCHAR,
    parent_workflow_task_id VARCHAR, root_workflow_id VARCHAR, reason_for_incompletion VARCHAR,
    failed_reference_task_names VARCHAR[], failed_task_names VARCHAR[], failed_path VARCHAR,
    error VARCHAR, fingerprint VARCHAR, with_errors BOOLEAN, task_count INTEGER,
    retry_count INTEGER, definition_hash VARCHAR, branch_of VARCHAR, branch_reference VARCHAR,
    branch_edits INTEGER, created_by VARCHAR, event VARCHAR, idempotency_key VARCHAR,
    task_to_domain JSON, input JSON, output JSON, variables JSON, removed BOOLEAN DEFAULT false"""
TASK_COLUMNS = """
    workflow_id VARCHAR, task_id VARCHAR, version BIGINT, workflow_type VARCHAR,
    reference_task_name VARCHAR, node VARCHAR, path VARCHAR, task_type VARCHAR,
    task_def_name VARCHAR, status VARCHAR, seq INTEGER, retry_count INTEGER, iteration INTEGER,
    scheduled_time BIGINT, start_time BIGINT, end_time BIGINT, update_time BIGINT,
    worker_id VARCHAR, optional BOOLEAN, removed BOOLEAN DEFAULT false"""

EVENT_COLUMNS = "workflow_id VARCHAR, number INTEGER, kind VARCHAR, wall_ms BIGINT"


class RecordedService:
    """The part of the service that pages read, over rows a test puts in."""

    capabilities = EVERY_CAPABILITY
    caller = LOCAL_CALLER

    def acting_as(self, caller: Caller) -> RecordedService:
        return self

    def needs_login(self) -> bool:
        return False

    def __init__(self) -> None:
        self._database = duckdb.connect(":memory:")
        self._database.execute(f"CREATE TABLE executions ({EXECUTION_COLUMNS})")
        self._database.execute(f"CREATE TABLE tasks ({TASK_COLUMNS})")
        self._database.execute(f"CREATE TABLE events ({EVENT_COLUMNS})")
        self._lock = threading.Lock()
        self.subscribers: list[Callable[[list[Any]], None]] = []

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        with self._lock:
            cursor = self._database.execute(sql, list(parameters))
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def clear(self) -> None:
        """Forget all rows; who listens goes on listening."""
        with self._lock:
            self._database.execute("DELETE FROM executions")
            self._database.execute("DELETE FROM tasks")
            self._database.execute("DELETE FROM events")

    def add_execution(self, workflow_id: str, status: str = "COMPLETED", **columns: Any) -> None:
        now = int(time.time() * 1000)
        row = {
            "workflow_id": workflow_id,
            "version": 1,
            "workflow_type": "order_flow",
            "workflow_version": 7,
            "status": status,
            "create_time": now - 60_000,
            "end_time": 0 if status in {"RUNNING", "PAUSED"} else now - 1_000,
            "with_errors": False,
            "task_count": 4,
            "retry_count": 0,
            "branch_edits": 0,
            "input": "{}",
            **columns,
        }
        self._insert("executions", row)

    def add_task(self, workflow_id: str, reference: str, **columns: Any) -> None:
        row = {
            "workflow_id": workflow_id,
            "task_id": f"{workflow_id}-{reference}",
            "version": 1,
            "workflow_type": "order_flow",
            "reference_task_name": reference,
            "node": reference,
            "task_type": "SIMPLE",
            "task_def_name": reference,
            "status": "SCHEDULED",
            "seq": 1,
            "iteration": 0,
            "scheduled_time": 1,
            "start_time": 0,
            **columns,
        }
        self._insert("tasks", row)

    def add_events(self, workflow_id: str, *events: tuple[str, int]) -> None:
        """Kinds with their times, in order."""
        for number, (kind, wall_ms) in enumerate(events, 1):
            row = {"workflow_id": workflow_id, "number": number, "kind": kind, "wall_ms": wall_ms}
            self._insert("events", row)

    def subscribe(
        self, callback: Callable[[list[Any]], None], workflow_id: str | None = None
    ) -> Any:
        self.subscribers.append(callback)
        return _Subscription(lambda: self.subscribers.remove(callback))

    def tell(self) -> None:
        for callback in list(self.subscribers):
            callback([])

    def tree(self, workflow_id: str) -> Future[dict[str, Any]]:
        answer: Future[dict[str, Any]] = Future()
        answer.set_exception(NotFoundError(f"No such workflow found by id: {workflow_id}"))
        return answer

    def health(self) -> dict[str, Any]:
        return {"healthy": True}

    def close(self) -> None:
        self._database.close()

    def _insert(self, table: str, row: dict[str, Any]) -> None:
        with self._lock:
            self._database.execute(
                f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
                list(row.values()),
            )


class _Subscription:
    def __init__(self, close: Callable[[], None]) -> None:
        self.close = close


def fill(service: RecordedService, count: int = 400) -> None:
    """A day that looks like a real one: five workflows, five causes, a few open ones."""
    dice = random.Random(7)
    now = int(time.time() * 1000)
    causes = [
        (
            "ValueError: amount is negative",
            "order_flow/fulfil/line_items[37]/charge_card",
            "FAILED",
        ),
        ("HTTP 503: rates, no upstream", "nightly_report/fetch_rates", "FAILED"),
        ("KeyError: 'iban'", "refund_flow/transfer", "FAILED"),
        ("Timed out: no update for 60 s", "order_flow/fulfil/pack_parcel", "TIMED_OUT"),
    ]
    for number in range(count):
        workflow_id = f"{dice.getrandbits(128):032x}"
        name = dice.choice(
            ["order_flow"] * 6 + ["stock_sync"] * 3 + ["refund_flow", "nightly_report"]
        )
        start = now - int(86_400_000 * (number / count) ** 1.4) - 20_000
        took = int(dice.lognormvariate(10.4, 0.9))
        options: dict[str, Any] = {}
        status = "COMPLETED"
        if number in {0, 1, 4}:
            status = "RUNNING"
        elif number == 6:
            status = "PAUSED"
        elif dice.random() < 0.12:
            error, path, status = dice.choice(causes)
            name = path.split("/")[0]
            options = {
                "error": error,
                "failed_path": path,
                "fingerprint": error[:8],
                "retry_count": 2,
            }
        elif dice.random() < 0.05:
            options = {
                "with_errors": True,
                "error": "HTTP 504 from tax service",
                "failed_path": "order_flow/geo_tax",
            }
            name = "order_flow"
        elif dice.random() < 0.02:
            status = "TERMINATED"
            options = {"reason_for_incompletion": "by operator: wrong warehouse"}
        elif dice.random() < 0.04:
            options = {
                "branch_of": "7f3a91c2" + "0" * 24,
                "branch_reference": "discount",
                "branch_edits": 1,
            }
        end = 0 if status in {"RUNNING", "PAUSED"} else min(start + took, now)
        service.add_execution(
            workflow_id,
            status,
            workflow_type=name,
            create_time=start,
            end_time=end,
            input='{"coupon": "SPRING140"}',
            **options,
        )
        if status == "RUNNING":
            service.add_task(
                workflow_id,
                "pack_parcel",
                workflow_type=name,
                status="IN_PROGRESS",
                worker_id="w-1",
            )
        elif status == "PAUSED":
            service.add_task(
                workflow_id,
                "approve_refund",
                workflow_type=name,
                task_type="HUMAN",
                status="IN_PROGRESS",
                start_time=start,
            )
