"""Who changed what: one row per change, durable with it, never altered."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from engine import Engine
from engine.errors import ConflictError
from engine.functions import FunctionRegistry
from engine.service import Service
from engine.service.access import LOCAL_CALLER, Caller, CallerKind, Role

DEFINITION = {
    "name": "flow",
    "version": 1,
    "description": "first",
    "tasks": [{"name": "step", "taskReferenceName": "step", "type": "SIMPLE"}],
}
ANN = Caller("ann", CallerKind.USER, Role.ADMIN, "10.0.0.7")


def rows(service: Service) -> list[tuple[str, str, str, str]]:
    found = service._runtime.store.audit()
    return [(row.actor, row.address, row.operation, row.object) for row in reversed(found)]


def test_definition_is_shown_before_and_after(
    service: Service, acting: Callable[[Role], Service]
) -> None:
    author = acting(Role.AUTHOR)
    author.create_workflow_def(DEFINITION).result(10)
    author.create_workflow_def({**DEFINITION, "description": "second"}, overwrite=True).result(10)
    author.delete_workflow_def("flow", 1).result(10)

    third, second, first = service._runtime.store.audit()
    told = [
        ((row.before or {}).get("description"), (row.after or {}).get("description"))
        for row in (first, second, third)
    ]
    assert told == [(None, "first"), ("first", "second"), ("second", None)]
    assert {row.object for row in (first, second, third)} == {"workflow_defs/flow/1"}
    assert (first.actor, first.kind, first.address) == ("user:ann", "user", "10.0.0.7")


def test_many_definitions_of_one_call_are_rows_of_their_own(service: Service) -> None:
    bodies = [{**DEFINITION, "version": number} for number in (1, 2)]
    service.acting_as(ANN).update_workflow_defs(bodies).result(10)
    service.acting_as(ANN).create_task_defs([{"name": "step"}]).result(10)

    assert [row[3] for row in rows(service)] == [
        "workflow_defs/flow/1",
        "workflow_defs/flow/2",
        "task_defs/step",
    ]


def test_operators_acts_name_the_execution(service: Service) -> None:
    service.create_workflow_def(DEFINITION).result(10)
    ann = service.acting_as(ANN)
    workflow_id = ann.start_workflow({"name": "flow"}).result(10)
    ann.pause(workflow_id).result(10)
    ann.resume(workflow_id).result(10)
    ann.terminate(workflow_id, "enough").result(10)

    assert rows(service) == [
        ("user:ann", "10.0.0.7", operation, workflow_id)
        for operation in ("start_workflow", "pause", "resume", "terminate")
    ]


def test_call_that_fails_leaves_no_row_and_one_that_waits_leaves_one(service: Service) -> None:
    ann = service.acting_as(ANN)
    ann.create_workflow_def(DEFINITION).result(10)
    with pytest.raises(ConflictError):
        ann.create_workflow_def(DEFINITION).result(10)
    ann.execute_workflow({"name": "flow"}, wait_seconds=0.2).result(10)

    assert [row[2] for row in rows(service)] == ["create_workflow_def", "execute_workflow"]


def test_workers_and_readers_leave_no_rows(service: Service) -> None:
    service.create_workflow_def(DEFINITION).result(10)
    workflow_id = service.start_workflow({"name": "flow"}).result(10)
    ann = service.acting_as(ANN)
    task = ann.poll("step").result(10)[0]
    ann.add_log(task["taskId"], "at it").result(10)
    ids = {"workflowInstanceId": workflow_id, "taskId": task["taskId"]}
    ann.update_task({**ids, "status": "COMPLETED"}).result(10)
    ann.workflow(workflow_id).result(10)

    assert rows(service) == []


def test_local_person_is_audited_for_what_no_history_tells(service: Service) -> None:
    local = service.acting_as(LOCAL_CALLER)
    local.create_workflow_def(DEFINITION).result(10)
    local.start_workflow({"name": "flow"}).result(10)

    assert rows(service) == [("user", "", "create_workflow_def", "workflow_defs/flow/1")]


def test_rows_outlive_the_process_and_cannot_be_changed(tmp_path: Path) -> None:
    db = tmp_path / "studio.duckdb"
    with Engine(db, functions=FunctionRegistry(), http_tasks=False) as engine:
        engine.service.acting_as(ANN).create_workflow_def(DEFINITION).result(10)
    with Engine(db, functions=FunctionRegistry(), http_tasks=False) as engine:
        assert [row[2] for row in rows(engine.service)] == ["create_workflow_def"]

    with closing(sqlite3.connect(tmp_path / "studio.duckdb.journal")) as journal:
        for statement in ("DELETE FROM audit", "UPDATE audit SET actor = 'user:eve'"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                journal.execute(statement)
