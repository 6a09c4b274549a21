"""Idle executions leave memory; nobody can tell, whatever happens to them or to the process."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ConflictError, StoreCorruptError
from engine.runtime.paging import LONGEST_PAGED
from engine.store import open_store
from engine.store.base import Store
from engine.testing.definitions import node, simple, workflow
from engine.testing.inline import InlineEngine

HOUR = 3600
WAITS = workflow(
    "waits",
    node("pause", "WAIT", inputParameters={"duration": "1 hours"}),
    simple("after", {"seen": "${workflow.input.n}"}),
)
WORKS = workflow("works", simple("job", {"n": "${workflow.input.n}"}), "then")
PARENT = workflow(
    "parent", node("sub", "SUB_WORKFLOW", subWorkflowParam={"name": "waits", "version": 1})
)
DEFINITIONS = (WAITS, WORKS, PARENT)


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "paging.duckdb"


@pytest.fixture
def store(db: Path) -> Iterator[Store]:
    store = open_store(db)
    yield store
    store.close()


@pytest.fixture
def engine(store: Store) -> Iterator[InlineEngine]:
    with InlineEngine(*DEFINITIONS, store=store) as engine:
        engine.desk.executions.resident_limit = 0
        yield engine


def settle(engine: InlineEngine) -> None:
    """Two batches of something else: one marks what is idle, one lets it go."""
    for _ in range(3):
        engine.register()


def reopened(engine: InlineEngine) -> int:
    """How many executions a new process need not fold."""
    settle(engine)
    engine.reopen()
    count = engine.desk.executions.paged_count
    engine.desk.executions.resident_limit = 0
    return count


def test_idle_execution_is_not_in_memory_but_is_there(engine: InlineEngine) -> None:
    waiting = engine.start("waits", {"n": 7})
    settle(engine)
    assert engine.desk.executions.paged_count == 1
    assert waiting in engine.desk.executions
    assert engine.service.running("waits") == [waiting]
    shown = engine.service.workflow(waiting).result()
    assert (shown["status"], shown["input"]) == ("RUNNING", {"n": 7})


def test_looking_at_an_idle_execution_does_not_bring_it_into_memory(engine: InlineEngine) -> None:
    waiting = engine.start("works", {"n": 7})
    settle(engine)
    service = engine.service
    assert service.state(waiting).result().input == {"n": 7}
    assert service.workflow_status(waiting).result()["status"] == "RUNNING"
    assert service.workflow_tasks(waiting).result()["totalHits"] == 1
    assert b'"n":7' in service.workflow_text(waiting).result()
    assert len(service.pending_tasks("job").result()) == 1
    assert engine.desk.executions.paged_count == 1


def test_waits_and_time_outs_go_on_after_a_restart_without_folding(engine: InlineEngine) -> None:
    waiting = engine.start("waits", {"n": 7})
    assert reopened(engine) == 1
    engine.clock.move(seconds=HOUR - 1)
    assert engine.desk.executions.paged_count == 1
    engine.clock.move(seconds=1)
    assert [t.reference_task_name for t in engine.state(waiting).open_tasks()] == ["after"]
    engine.complete("after", {})
    assert str(engine.state(waiting).status) == "COMPLETED"


def test_queues_keep_order_and_priority(engine: InlineEngine) -> None:
    ids = [
        engine.start("works", {"n": n}, priority=priority)
        for n, priority in ((1, 0), (2, 9), (3, 0))
    ]
    assert reopened(engine) == 3
    assert engine.service.queue_sizes(["job"]) == {"job": 3}
    tasks = engine.service.poll("job", "w", None, 3, 0).result()
    assert [task["workflowInstanceId"] for task in tasks] == [ids[1], ids[0], ids[2]]
    assert [task["inputData"] for task in tasks] == [{"n": 2}, {"n": 1}, {"n": 3}]


def test_a_task_in_the_hands_of_a_worker_times_out(store: Store) -> None:
    task_def = {"name": "job", "responseTimeoutSeconds": 60, "retryCount": 1, "timeoutSeconds": 0}
    with InlineEngine(WORKS, task_defs=[task_def], store=store) as engine:
        engine.desk.executions.resident_limit = 0
        execution = engine.start("works", {"n": 1})
        (task,) = engine.service.poll("job", "far-away", None, 1, 0).result()
        assert reopened(engine) == 1
        engine.clock.move(seconds=61)
        assert str(engine.state(execution).tasks[task["taskId"]].status) == "TIMED_OUT"


def test_a_concurrency_limit_holds_across_a_restart(store: Store) -> None:
    with InlineEngine(
        WORKS, task_defs=[{"name": "job", "concurrentExecLimit": 1}], store=store
    ) as engine:
        engine.desk.executions.resident_limit = 0
        for n in range(2):
            engine.start("works", {"n": n})
        (task,) = engine.service.poll("job", "far-away", None, 5, 0).result()
        assert reopened(engine) == 2
        assert engine.service.poll("job", "far-away", None, 5, 0).result() == []
        result = {**task, "status": "COMPLETED", "outputData": {}}
        engine.service.update_task(result).result()
        assert len(engine.service.poll("job", "far-away", None, 5, 0).result()) == 1


def test_an_idempotency_key_is_known_after_a_restart(engine: InlineEngine) -> None:
    key = {"idempotencyKey": "k", "idempotencyStrategy": "FAIL_ON_RUNNING"}
    engine.start("waits", {}, **key)
    assert reopened(engine) == 1
    with pytest.raises(ConflictError):
        engine.service.start_workflow({"name": "waits", **key}).result()


def test_a_child_that_ends_moves_its_parent(engine: InlineEngine) -> None:
    parent = engine.start("parent", {"n": 1})
    (child,) = engine.children(parent)
    assert reopened(engine) == 2
    engine.service.terminate(child, "enough").result()
    assert str(engine.state(parent).status) == "TERMINATED"


def test_ending_a_parent_ends_its_idle_child(engine: InlineEngine) -> None:
    parent = engine.start("parent", {"n": 1})
    (child,) = engine.children(parent)
    assert reopened(engine) == 2
    engine.service.terminate(parent, "enough").result()
    assert str(engine.state(child).status) == "TERMINATED"


def test_a_summary_older_than_the_history_counts_for_nothing(engine: InlineEngine) -> None:
    execution = engine.start("works", {"n": 1})
    settle(engine)
    (task,) = engine.service.poll("job", "far-away", None, 1, 0).result()
    engine.desk.executions.resident_limit = 10  # it stays, and is not summed up again
    engine.reopen()
    assert engine.desk.executions.paged_count == 0
    engine.service.update_task({**task, "status": "COMPLETED", "outputData": {}}).result()
    assert [t.reference_task_name for t in engine.state(execution).open_tasks()] == ["then"]


def test_what_is_pending_is_listed_in_order_of_time(engine: InlineEngine) -> None:
    ids = []
    for n in range(4):
        ids.append(engine.start("works", {"n": n}))
        engine.clock.move(seconds=1)
    settle(engine)
    found = engine.service.pending_tasks("job", 1, 2).result()
    assert [task["workflowInstanceId"] for task in found] == ids[1:3]


def test_a_task_that_ended_before_is_found_by_its_id(engine: InlineEngine) -> None:
    engine.start("works", {"n": 1})
    engine.complete("job", {"done": True})
    settle(engine)
    (row,) = engine.store.query("SELECT task_id FROM tasks WHERE task_def_name = 'job'")
    assert engine.service.task(row["task_id"]).result(5)["outputData"] == {"done": True}


def test_an_execution_removed_while_idle_is_gone(engine: InlineEngine) -> None:
    execution = engine.start("waits", {"n": 1})
    settle(engine)
    engine.service.remove(execution, archive=False).result()
    assert execution not in engine.desk.executions
    assert reopened(engine) == 0


def test_a_damaged_summary_is_noticed(engine: InlineEngine, db: Path) -> None:
    engine.start("waits", {"n": 1})
    settle(engine)
    with sqlite3.connect(f"{db}.journal") as connection:
        connection.execute("UPDATE open_executions SET idle_body = CAST('[9]' AS BLOB)")
    connection.close()
    with pytest.raises(StoreCorruptError, match="summary"):
        engine.reopen()


def test_many_are_let_go_a_few_at_a_time(engine: InlineEngine) -> None:
    executions: Any = engine.desk.executions
    executions.resident_limit = 1_000
    for n in range(600):
        engine.start("waits", {"n": n})
    executions.resident_limit = 10
    settle(engine)
    assert 0 < executions.paged_count <= 590
    for _ in range(5):
        settle(engine)
    assert executions.paged_count == 590
    assert len(executions) == 600


def test_long_histories_stay_in_memory_and_large_payloads_do_not(engine: InlineEngine) -> None:
    """Payloads are read on another thread; folding is what the decider itself has to do."""
    large = engine.start("waits", {"text": "x" * 1_000_000})
    long = engine.start("waits", {"n": 1})
    for n in range(LONGEST_PAGED):
        engine.service.set_variables(long, {"n": n}).result()
    settle(engine)
    executions = engine.desk.executions
    assert executions.page(long) is None
    assert executions.page(large) is not None
    assert engine.service.workflow(large).result()["input"]["text"] == "x" * 1_000_000
