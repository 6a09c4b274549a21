"""Role × operation: every public method of the service, for every role, over the real view."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from engine import Engine
from engine.errors import ForbiddenError
from engine.functions import FunctionRegistry
from engine.service import Service
from engine.service.access import (
    LOCAL_CALLER,
    OPERATIONS,
    WRITES_DEFINITION,
    Caller,
    CallerKind,
    Role,
    Scope,
)

PUBLIC = sorted(
    name
    for name, member in inspect.getmembers(Service)
    if not name.startswith("_") and callable(member)
)
MAY = {
    "viewer": {Role.VIEWER, Role.WORKER, Role.OPERATOR, Role.AUTHOR, Role.ADMIN},
    "worker": {Role.WORKER, Role.AUTHOR, Role.ADMIN},
    "operator": {Role.OPERATOR, Role.AUTHOR, Role.ADMIN},
    "author": {Role.AUTHOR, Role.ADMIN},
    "admin": {Role.ADMIN},
}
"""Which roles pass where one is needed, written out once more by hand."""

DEFINITION = {
    "name": "flow",
    "version": 1,
    "tasks": [{"name": "step", "taskReferenceName": "step", "type": "SIMPLE"}],
}


def test_every_operation_has_an_entry_and_no_entry_is_left_over() -> None:
    assert sorted(OPERATIONS) == PUBLIC


@pytest.fixture(scope="module")
def shared() -> Iterator[Service]:
    """One engine for the whole matrix: it asks who passes, not what comes of it."""
    with Engine(functions=FunctionRegistry(), http_tasks=False) as engine:
        yield engine.service


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("operation", PUBLIC)
def test_matrix_of_role_and_operation(shared: Service, role: Role, operation: str) -> None:
    method = getattr(shared.acting_as(Caller("ann", CallerKind.USER, role, "10.0.0.7")), operation)
    allowed = any(role in MAY[needed] for needed in OPERATIONS[operation])

    if allowed:
        # Called without its arguments it must fail later than at the gate.
        try:
            method()
        except ForbiddenError as error:  # pragma: no cover - the failure
            pytest.fail(f"{role} is refused {operation}: {error}")
        except TypeError:
            pass
    else:
        with pytest.raises(ForbiddenError) as refused:
            method()
        assert operation.replace("_", " ") in str(refused.value)


def test_method_without_an_entry_is_refused_even_to_the_local_person(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Service, "new_idea", lambda self: "done", raising=False)

    with pytest.raises(ForbiddenError):
        service.acting_as(LOCAL_CALLER).new_idea()  # type: ignore[attr-defined]


def test_insides_of_the_service_are_out_of_reach(acting: Callable[[Role], Service]) -> None:
    view = acting(Role.ADMIN)

    for name in ("_runtime", "_submit", "_for_caller"):
        with pytest.raises(AttributeError):
            getattr(view, name)


@pytest.mark.parametrize("operation", sorted(WRITES_DEFINITION))
def test_operator_may_not_start_a_definition_of_their_own(
    acting: Callable[[Role], Service], operation: str
) -> None:
    request = {"name": "flow", "workflowDef": DEFINITION}
    with pytest.raises(ForbiddenError, match="author"):
        getattr(acting(Role.OPERATOR), operation)(request)
    with pytest.raises(ForbiddenError, match="author"):
        getattr(acting(Role.OPERATOR), operation)(request=request)


def test_history_names_the_caller_whatever_they_claim(
    service: Service, acting: Callable[[Role], Service]
) -> None:
    acting(Role.AUTHOR).create_workflow_def(DEFINITION).result(10)
    operator = acting(Role.OPERATOR)
    workflow_id = operator.start_workflow({"name": "flow"}, actor="user:root").result(10)
    operator.pause(workflow_id).result(10)
    operator.resume(workflow_id).result(10)

    actors = {str(e.kind): e.actor for e in service.events(workflow_id).result(10)}
    assert actors["WorkflowStarted"] == "user:ann"
    assert actors["WorkflowPaused"] == actors["WorkflowResumed"] == "user:ann"
    assert actors["TaskScheduled"] == "engine"


@pytest.mark.parametrize(
    ("kind", "worker_id", "actor"),
    [
        (CallerKind.KEY, "w-7", "worker:w-7"),
        (CallerKind.KEY, None, "user:fleet"),
        (CallerKind.USER, "w-7", "user:fleet"),
        (CallerKind.LOCAL, "w-7", "worker:w-7"),
        (CallerKind.LOCAL, None, "user"),
    ],
)
def test_history_tells_workers_from_people(
    service: Service, kind: CallerKind, worker_id: str | None, actor: str
) -> None:
    service.create_workflow_def(DEFINITION).result(10)
    workflow_id = service.start_workflow({"name": "flow"}).result(10)
    worker = service.acting_as(Caller("fleet", kind, Role.WORKER))
    if kind is CallerKind.LOCAL:
        worker = service.acting_as(LOCAL_CALLER)
    task = worker.poll("step", "w-7").result(10)[0]
    result: dict[str, Any] = {
        "workflowInstanceId": workflow_id,
        "taskId": task["taskId"],
        "status": "COMPLETED",
    }
    worker.update_task({**result, **({"workerId": worker_id} if worker_id else {})}).result(10)

    events = service.events(workflow_id).result(10)
    assert [e.actor for e in events if e.kind == "TaskCompleted"] == [actor]


def test_a_scope_allows_nothing_of_the_whole_service(service: Service) -> None:
    link = Caller("link", CallerKind.LINK, Role.ADMIN, scope=Scope("some-id"))

    for operation in PUBLIC:
        with pytest.raises(ForbiddenError):
            getattr(service.acting_as(link), operation)()


def test_local_caller_gets_the_methods_of_the_service_themselves(service: Service) -> None:
    view = service.acting_as(LOCAL_CALLER)

    assert view.poll == service.poll
    assert "poll" in vars(view), "looked up once, then found like any attribute"
    assert isinstance(view.poll("nothing", timeout_ms=0), Future)
