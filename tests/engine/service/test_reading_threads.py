"""The decider never waits for the history: what ended long ago is read by others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine import Engine
from engine.core.events import HistoryEvent
from engine.errors import NotFoundError, StoreClosedError
from engine.functions import FunctionRegistry
from engine.service import Service
from engine.service import base as service_base
from engine.testing.definitions import node, simple, workflow

CHILD = workflow("child", simple("job"))
PARENT = workflow(
    "parent",
    node("sub", "SUB_WORKFLOW", subWorkflowParam={"name": "child", "version": 1}),
)
Wire = dict[str, Any]


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with Engine(tmp_path / "h.duckdb", functions=FunctionRegistry()) as engine:
        for definition in (CHILD, PARENT):
            engine.service.create_workflow_def(definition, overwrite=True).result(10)
        engine.service.create_task_defs(
            [{"name": "job", "retryCount": 0, "timeoutSeconds": 0}]
        ).result(10)
        yield engine.service


@pytest.fixture
def readers(service: Service, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the threads that have read events from the store."""
    names: list[str] = []
    store = service._runtime.store
    read: Callable[..., list[HistoryEvent]] = store.events

    def events(workflow_id: str, after: int = 0) -> list[HistoryEvent]:
        names.append(threading.current_thread().name)
        return read(workflow_id, after)

    monkeypatch.setattr(store, "events", events)
    return names


def failed_family(service: Service) -> tuple[str, str, str]:
    """A parent that failed by its child's task, out of memory: parent, child, the task."""
    parent = service.start_workflow({"name": "parent", "input": {}}).result(10)
    (task,) = service.poll("job", "w", None, 1, 5000).result(10)
    result = {"taskId": task["taskId"], "workflowInstanceId": task["workflowInstanceId"]}
    service.update_task({**result, "status": "FAILED_WITH_TERMINAL_ERROR"}).result(10)
    for _ in range(100):
        if service.workflow_status(parent).result(10)["status"] == "FAILED":
            break
    forget_ended(service)
    return parent, task["workflowInstanceId"], task["taskId"]


def forget_ended(service: Service) -> None:
    """As if hundreds of others had ended since."""

    def forget(desk: Any) -> None:
        for state in desk.ended.values():
            for task_id in state.tasks:
                desk.task_home.pop(task_id, None)
        desk.ended.clear()

    service._submit(forget).result(10)


def test_reading(service: Service, readers: list[str]) -> None:
    parent, child, task_id = failed_family(service)
    assert list(service.tree(parent).result(10)) == [parent, child]
    forget_ended(service)
    assert b'"FAILED"' in service.workflow_text(parent).result(10)
    forget_ended(service)
    assert service.failure(parent).result(10).chains
    forget_ended(service)
    assert service.plan_branch(child, task_id).result(10).levels
    forget_ended(service)
    assert service.task(task_id).result(10)["taskId"] == task_id
    assert readers
    assert "decider" not in readers


@pytest.mark.parametrize("action", ["retry", "rerun", "branch", "terminate"])
def test_acting(service: Service, readers: list[str], action: str) -> None:
    parent, child, task_id = failed_family(service)
    readers.clear()
    if action == "retry":
        service.retry(parent, resume_subworkflow_tasks=True).result(10)
        assert service.workflow_status(child).result(10)["status"] == "RUNNING"
    elif action == "rerun":
        service.rerun(parent, {"reRunFromTaskId": task_id}).result(10)
        assert service.workflow_status(child).result(10)["status"] == "RUNNING"
    elif action == "branch":
        new = service.branch(child, task_id).result(10)
        assert service.workflow_status(new).result(10)["status"] == "RUNNING"
    else:
        service.terminate(parent).result(10)
    assert readers
    assert "decider" not in readers


def test_a_command_on_more_than_memory_holds_is_carried_out_all_the_same(
    service: Service, readers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_base, "_MOST_READS", 1)
    _, child, task_id = failed_family(service)
    assert service.plan_branch(child, task_id).result(10).levels


def test_what_does_not_exist_is_not_found(service: Service) -> None:
    with pytest.raises(NotFoundError):
        service.retry("nobody", True).result(10)
    with pytest.raises(NotFoundError):
        service.tree("nobody").result(10)
    with pytest.raises(NotFoundError):
        service.workflow_text("nobody").result(10)


def test_a_removed_child_leaves_the_rest_of_its_tree(service: Service) -> None:
    parent, child, _ = failed_family(service)
    service.remove(child).result(10)
    assert list(service.tree(parent).result(10)) == [parent]


def test_who_waits_for_a_reading_is_told_that_the_engine_closes(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    monkeypatch.setattr(service._runtime.store, "events", lambda *_: [] if gate.wait(20) else [])
    asked = [service.terminate(f"long ago {n}", "") for n in range(8)]
    closing = threading.Thread(target=service.close)
    closing.start()
    for _ in range(500):
        if asked[-1].done():
            break
        time.sleep(0.01)
    gate.set()
    closing.join(20)
    asked.append(service.terminate("later", ""))
    errors = [answer.exception(5) for answer in asked]
    assert {type(error) for error in errors} == {NotFoundError, StoreClosedError}
    assert isinstance(errors[-1], StoreClosedError)
