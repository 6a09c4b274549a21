"""Event handlers over HTTP, and what they do when a workflow sends an event."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from door_client import Send

from engine import Engine
from engine.functions import FunctionRegistry
from engine.service import Service

Wire = dict[str, Any]


def handler(name: str, event: str, *actions: Wire, **more: Any) -> Wire:
    return {"name": name, "event": event, "active": True, "actions": list(actions), **more}


def starting(name: str, **given: Any) -> Wire:
    return {"action": "start_workflow", "start_workflow": {"name": name, "input": given}}


def eventually(look: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 10
    while not (value := look()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return value


@pytest.fixture
def register(send: Send) -> Iterator[Callable[[Wire], None]]:
    """Registers handlers, and takes them out after the test."""
    names = []

    def register(body: Wire) -> None:
        assert send("POST", "/api/event", body).status == 200
        names.append(body["name"])

    yield register
    for name in names:
        send("DELETE", f"/api/event/{name}")


@pytest.fixture
def target(send: Send) -> str:
    """A workflow that waits, so that what started it can be looked at."""
    body = {"name": "target", "tasks": [{"name": "w", "taskReferenceName": "w", "type": "WAIT"}]}
    send("POST", "/api/metadata/workflow?overwrite=true", body)
    return "target"


def test_handler_is_found_by_its_event_and_changed_by_its_name(send: Send) -> None:
    body = handler("h", "conductor:a:b", starting("target"))

    assert send("POST", "/api/event", [body]).status == 200
    found = send("GET", "/api/event/conductor%3Aa%3Ab").json
    refused = send("POST", "/api/event", body)
    changed = send("PUT", "/api/event", {**body, "active": False})
    active = send("GET", "/api/event/conductor:a:b").json
    every = send("GET", "/api/event/conductor:a:b?activeOnly=false").json
    gone = send("DELETE", "/api/event/h")

    assert found[0]["actions"][0]["expandInlineJSON"] is False
    assert (refused.status, refused.json["message"]) == (
        409,
        "EventHandler with name h already exists!",
    )
    assert (changed.status, active, every[0]["active"]) == (200, [], False)
    assert gone.status == 200
    assert send("PUT", "/api/event", body).status == 404


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"name": ""}, "name"),
        ({"event": None}, "event"),
        ({"actions": []}, "actions"),
        ({"actions": [{"action": "start_workflow"}]}, "actions[0].start_workflow"),
        ({"actions": [{}]}, "actions[0].action"),
        ({"evaluatorType": "cobol"}, "evaluatorType"),
    ],
)
def test_handler_that_can_do_nothing_is_refused(send: Send, change: Wire, path: str) -> None:
    reply = send("POST", "/api/event", {**handler("h", "conductor:a:b", starting("x")), **change})

    assert reply.status == 400
    assert reply.json["validationErrors"][0]["path"] == f"addEventHandler.arg0.{path}"


def test_action_nobody_knows_is_refused(send: Send) -> None:
    reply = send("POST", "/api/event", handler("h", "conductor:a:b", {"action": "sing"}))

    assert reply.status == 400


def test_payload_fills_the_input_of_the_execution_it_starts(
    send: Send, service: Service, register: Callable[[Wire], None], target: str
) -> None:
    register(handler("h", "conductor:a:b", starting(target, got="${k}", deep="${m.d[1]}")))

    done = service.publish_event("conductor:a:b", "m-1", {"k": 5, "m": {"d": [1, 2]}}).result()

    assert [(e["id"], e["status"]) for e in done] == [("m-1_0", "COMPLETED")]
    started = send("GET", f"/api/workflow/{done[0]['output']['workflowId']}").json
    assert started["event"] == "conductor:a:b"
    assert started["input"] == {
        "got": 5,
        "deep": 2,
        "conductor.event.messageId": "m-1",
        "conductor.event.name": "conductor:a:b",
    }


def test_message_id_counts_once(
    service: Service, register: Callable[[Wire], None], target: str
) -> None:
    register(handler("h", "conductor:once", starting(target)))
    before = len(service.running(target))

    first = service.publish_event("conductor:once", "m-2", {}).result()
    again = service.publish_event("conductor:once", "m-2", {}).result()

    assert first == again
    assert before == len(service.running(target)) - 1


@pytest.mark.parametrize(
    ("condition", "status"),
    [("$.k > 3", "COMPLETED"), ("$.inner.n == 2", "COMPLETED"), ("$.k > 9", "SKIPPED"),
     ("nonsense(", "FAILED")],
)  # fmt: skip
def test_condition_decides_with_texts_of_json_expanded(
    service: Service,
    register: Callable[[Wire], None],
    target: str,
    condition: str,
    status: str,
) -> None:
    register(handler("h", "conductor:if", starting(target), condition=condition))
    message_id = f"m-{condition}"

    service.publish_event("conductor:if", message_id, {"k": 5, "inner": '{"n": 2}'}).result()

    done = eventually(lambda: service.event_executions(message_id).result())
    assert [entry["status"] for entry in done] == [status]


def test_action_that_fails_is_recorded_and_the_others_go_on(
    service: Service, register: Callable[[Wire], None], target: str
) -> None:
    unsupported = {"action": "terminate_workflow", "terminate_workflow": {"workflowId": "x"}}
    nobody = {"action": "fail_task", "fail_task": {"workflowId": "x", "taskRefName": "y"}}
    register(handler("h", "conductor:c", starting("nobody"), unsupported, nobody, starting(target)))

    done = service.publish_event("conductor:c", "m-3", {}).result()

    assert [entry["status"] for entry in done] == ["FAILED", "FAILED", "COMPLETED", "COMPLETED"]
    assert "nobody" in done[0]["output"]["error"]
    assert "No task found" in done[2]["output"]["error"]


def test_event_task_reaches_a_handler_that_fails_a_waiting_task(
    send: Send, register: Callable[[Wire], None]
) -> None:
    tasks = [
        {"name": "e", "taskReferenceName": "e", "type": "EVENT", "sink": "conductor:news"},
        {"name": "hold", "taskReferenceName": "hold", "type": "WAIT"},
    ]
    send("POST", "/api/metadata/workflow", {"name": "source", "tasks": tasks})
    action = {
        "action": "fail_task",
        "fail_task": {
            "workflowId": "${workflowInstanceId}",
            "taskRefName": "hold",
            "reasonForIncompletion": "bad news",
            "output": {"seen": "${sink}"},
        },
    }
    register(handler("h", "conductor:source:news", action))

    workflow_id = send("POST", "/api/workflow/source", {}).text

    shown = send("GET", f"/api/workflow/{workflow_id}").json
    assert shown["status"] == "FAILED"
    hold = shown["tasks"][1]
    assert (hold["status"], hold["reasonForIncompletion"]) == ("FAILED", "bad news")
    assert hold["outputData"]["seen"] == "conductor:news"
    assert hold["outputData"]["conductor.event.name"] == "conductor:source:news"


def test_admin_lists_the_queues_that_are_listened_to(
    send: Send, register: Callable[[Wire], None]
) -> None:
    register(handler("h", "conductor:a:q", starting("x")))

    assert send("GET", "/api/admin/queues").json == {"conductor:a:q": "a:q"}
    assert send("GET", "/api/admin/queues?verbose=true").json == {"conductor:a:q": {"a:q": 0}}


def test_handlers_and_message_ids_survive_a_restart(tmp_path: Path) -> None:
    db = tmp_path / "events.duckdb"
    tasks = [{"name": "w", "taskReferenceName": "w", "type": "WAIT"}]
    with Engine(db, functions=FunctionRegistry()) as engine:
        engine.service.create_workflow_def({"name": "target", "tasks": tasks}).result()
        engine.service.create_event_handler(
            handler("h", "conductor:x", starting("target"))
        ).result()
        first = engine.service.publish_event("conductor:x", "m", {}).result()

    with Engine(db, functions=FunctionRegistry()) as engine:
        again = engine.service.publish_event("conductor:x", "m", {}).result()
        other = engine.service.publish_event("conductor:x", "n", {}).result()
        running = engine.service.running("target")

    assert again == first
    assert {first[0]["output"]["workflowId"], other[0]["output"]["workflowId"]} == set(running)
    assert len(running) == 2
