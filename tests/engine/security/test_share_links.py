"""Share links: one execution, to read, for a time, until revoked."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from engine import Engine
from engine.errors import ForbiddenError, InvalidRequestError, NotFoundError, UnauthorizedError
from engine.functions import FunctionRegistry
from engine.service import Service
from engine.service.access import OPERATIONS
from engine.service.shared import SharedBoard, SharedExecution
from engine.testing.clock import FakeClock
from studio.board_data import load_board

SHOWN = {
    "tree", "tree_events", "events", "state", "workflow", "failure", "logs", "family",
    "workflow_def", "subscribe",
}  # fmt: skip


def start(service: Service, *, child: bool = False) -> str:
    step = {"name": "step", "taskReferenceName": "step", "type": "SIMPLE"}
    service.create_workflow_def({"name": "inner", "version": 1, "tasks": [step]}, True).result(10)
    outer = {
        "name": "outer",
        "version": 1,
        "tasks": [
            {
                "name": "inner",
                "taskReferenceName": "inner",
                "type": "SUB_WORKFLOW",
                "subWorkflowParam": {"name": "inner", "version": 1},
            }
        ],
    }
    service.create_workflow_def(outer, True).result(10)
    return service.start_workflow({"name": "outer" if child else "inner"}).result(10)


def opened(service: Service, workflow_id: str, seconds: int = 3600) -> SharedExecution:
    made = service.share_execution(workflow_id, seconds).result(10)
    cookie = service.open_link(made["token"], "10.0.0.9")
    return SharedExecution(service, service.caller_of_link(cookie, "10.0.0.9"))


def test_link_shows_the_execution_with_its_children_and_no_other(service: Service) -> None:
    shared, other = start(service, child=True), start(service)
    view = opened(service, shared)

    inside = list(view.tree(shared).result(10))
    assert len(inside) == 2
    for workflow_id in inside:
        assert view.workflow(workflow_id).result(10)["workflowId"] == workflow_id
        assert view.events(workflow_id).result(10)
    for ask in (view.tree, view.events, view.state, view.workflow, view.failure, view.family):
        with pytest.raises(ForbiddenError, match="another execution"):
            ask(other)
    with pytest.raises(ForbiddenError):
        view.tree_events([shared, other])
    with pytest.raises(ForbiddenError):
        view.subscribe(lambda events: None, [other])
    task = next(iter(service.state(other).result(10).tasks))
    with pytest.raises(NotFoundError):
        view.logs(task)


def test_link_has_nothing_else_of_the_service(service: Service) -> None:
    view: Any = opened(service, start(service))

    for operation in set(OPERATIONS) - SHOWN:
        with pytest.raises(ForbiddenError):
            getattr(view, operation)()
    with pytest.raises(AttributeError):
        _ = view._runtime
    assert view.capabilities == frozenset()


def test_subscription_without_a_choice_hears_of_the_shared_one_only(service: Service) -> None:
    shared, other = start(service), start(service)
    heard: list[str] = []
    subscription = opened(service, shared).subscribe(
        lambda events: heard.extend(event.workflow_id for event in events)
    )
    service.pause(other).result(10)
    service.pause(shared).result(10)
    service.pause_scheduler(False).result(10)
    subscription.close()

    assert set(heard) <= {shared}


def test_subscription_hears_nothing_more_once_the_link_is_revoked(service: Service) -> None:
    shared = start(service)
    through_link: list[str] = []
    subscription = opened(service, shared).subscribe(
        lambda events: through_link.extend(event.workflow_id for event in events)
    )
    all_paused = threading.Event()
    watched = service.subscribe(lambda events: all_paused.set(), [shared])
    for link in service.share_links(shared):
        service.revoke_share_link(link["id"]).result(10)
    service.pause(shared).result(10)
    assert all_paused.wait(10)
    subscription.close()
    watched.close()

    assert through_link == []


def test_link_runs_out_and_can_be_revoked(service: Service) -> None:
    view = opened(service, start(service))
    (link,) = service.share_links()
    assert "secretHash" not in link
    service.revoke_share_link(link["id"]).result(10)
    with pytest.raises(UnauthorizedError, match="revoked"):
        view.tree(link["workflowId"])
    with pytest.raises(UnauthorizedError):
        service.open_link(f"{link['id']}.guess", "10.0.0.9")

    clock = FakeClock()
    with Engine(functions=FunctionRegistry(), http_tasks=False, clock=clock) as engine:
        workflow_id = start(engine.service)
        made = engine.service.share_execution(workflow_id, 3600).result(10)
        cookie = engine.service.open_link(made["token"], "here")
        view = SharedExecution(engine.service, engine.service.caller_of_link(cookie, "here"))
        assert view.tree(workflow_id).result(10)
        clock.move(seconds=3601)
        with pytest.raises(UnauthorizedError, match="run out"):
            view.tree(workflow_id)
        with pytest.raises(UnauthorizedError, match="run out"):
            engine.service.caller_of_link(cookie, "here")
        with pytest.raises(UnauthorizedError):
            engine.service.open_link(made["token"], "here")


def test_link_needs_an_execution_and_a_sensible_time(service: Service) -> None:
    with pytest.raises(NotFoundError):
        service.share_execution("none").result(10)
    for seconds in (0, -5, 10**9):
        with pytest.raises(InvalidRequestError, match="90 days"):
            service.share_execution("none", seconds)


def opened_board(service: Service, seconds: int = 3600) -> SharedBoard:
    made = service.share_board(seconds).result(10)
    cookie = service.open_link(made["token"], "10.0.0.9")
    return SharedBoard(service, service.caller_of_link(cookie, "10.0.0.9"), load_board)


def test_link_to_the_board_shows_its_figures_and_nothing_else(service: Service) -> None:
    workflow_id = start(service)
    view: Any = opened_board(service)

    board = view.board("24h")
    assert board["known"] == 1
    assert [row["id"] for row in board["recent"]] == [workflow_id]
    for operation in set(OPERATIONS) - {"subscribe"}:
        with pytest.raises(ForbiddenError):
            getattr(view, operation)()
    with pytest.raises(ForbiddenError):
        view.query("SELECT 1", ())
    with pytest.raises(ForbiddenError):
        view.subscribe(lambda events: None, [workflow_id])
    with pytest.raises(KeyError):
        view.board("1h' OR 1=1 --")
    with pytest.raises(AttributeError):
        _ = view._runtime


def test_link_to_the_board_hears_that_something_happened_and_not_what(service: Service) -> None:
    workflow_id = start(service)
    heard: list[list[Any]] = []
    told = threading.Event()
    subscription = opened_board(service).subscribe(
        lambda events: (heard.append(list(events)), told.set())
    )
    service.pause(workflow_id).result(10)
    assert told.wait(10)
    subscription.close()

    assert all(events == [] for events in heard)


def test_revoked_link_shows_the_board_no_more(service: Service) -> None:
    start(service)
    view = opened_board(service)
    assert view.board("1h")
    (link,) = service.share_links("")
    service.revoke_share_link(link["id"]).result(10)
    with pytest.raises(UnauthorizedError, match="revoked"):
        view.board("1h")
