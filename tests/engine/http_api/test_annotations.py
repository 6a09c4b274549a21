"""Tags, writable environment variables, lists of event handlers and all their actions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from door_client import Send, sender

from engine import Engine
from engine.functions import FunctionRegistry
from engine.http_api import ApiServer
from engine.http_api.tags import PLACES
from engine.service import Service

TEAM = {"key": "team", "value": "payments", "type": "METADATA"}
LIMIT = {"key": "limit", "value": 5, "type": "RATE_LIMIT"}


@pytest.fixture
def tagged(send: Send) -> Iterator[str]:
    """A name that a workflow, a task, a schedule and a handler have; gone after the test."""
    name = "tagged"
    tasks = [{"name": name, "taskReferenceName": "t", "type": "SIMPLE"}]
    start = {"name": name, "input": {}}
    action = {"action": "start_workflow", "start_workflow": start}
    schedule = {"name": name, "cronExpression": "0 0 0 1 1 *", "startWorkflowRequest": start}
    handler = {"name": name, "event": "conductor:x", "actions": [action]}
    send("POST", "/api/metadata/workflow", {"name": name, "version": 1, "tasks": tasks})
    send("POST", "/api/metadata/taskdefs", [{"name": name}])
    send("POST", "/api/scheduler/schedules", schedule)
    send("POST", "/api/event", handler)
    yield name
    for path in ("metadata/workflow/tagged/1", "metadata/taskdefs/tagged"):
        send("DELETE", f"/api/{path}")
    send("DELETE", "/api/scheduler/schedules/tagged")
    send("DELETE", "/api/event/tagged")


@pytest.mark.parametrize("place", PLACES)
def test_tags_are_added_replaced_and_taken_off(send: Send, tagged: str, place: str) -> None:
    path = place.replace("{name}", tagged)
    assert send("GET", path).json == []
    assert send("POST", path, {"key": "team", "value": "payments"}).status == 200
    assert send("POST", path, [TEAM, LIMIT]).status == 200
    assert send("GET", path).json == [TEAM, LIMIT]
    assert TEAM in send("GET", "/api/metadata/tags").json
    assert send("DELETE", path, TEAM).status == 200
    assert send("GET", path).json == [LIMIT]
    assert send("PUT", path, [TEAM]).status == 200
    assert send("GET", path).json == [TEAM]
    assert send("DELETE", path).status == 200
    assert send("GET", path).json == []
    assert send("GET", place.replace("{name}", "nobody")).status == 404
    assert send("PUT", place.replace("{name}", "nobody"), [TEAM]).status == 404


@pytest.mark.parametrize(
    "tag", [{"key": "", "value": "x"}, {"value": "x"}, {"key": "k"}, {"key": "k", "value": {}}, "t"]
)
def test_a_tag_without_key_or_value_is_refused(send: Send, tagged: str, tag: Any) -> None:
    reply = send("POST", f"/api/metadata/task/{tagged}/tags", [tag])
    assert reply.status == 400
    assert reply.json["message"]


def test_schedules_are_found_by_tag_and_deleting_takes_tags_along(send: Send, tagged: str) -> None:
    path = f"/api/scheduler/schedules/{tagged}/tags"
    send("PUT", path, [TEAM])
    names = [one["name"] for one in send("GET", "/api/scheduler/schedules/tags?tag=team").json]
    assert names == [tagged]
    assert send("GET", "/api/scheduler/schedules/tags?tag=team:other").json == []
    schedule = send("GET", f"/api/scheduler/schedules/{tagged}").json
    send("DELETE", f"/api/scheduler/schedules/{tagged}")
    send("POST", "/api/scheduler/schedules", schedule)
    assert send("GET", path).json == []


def test_a_written_variable_is_read_by_expressions_and_survives_a_restart(tmp_path: Path) -> None:
    task = {"name": "n", "taskReferenceName": "n", "type": "NOOP"}
    definition = {
        "name": "env",
        "version": 1,
        "tasks": [task],
        "outputParameters": {"seen": "${workflow.env.COLOUR}"},
    }
    db, environment = tmp_path / "env.duckdb", {"COLOUR": "blue"}

    def seen(engine: Engine) -> Any:
        return engine.run("env", {}).output["seen"]

    def opened() -> Engine:
        return Engine(db, functions=FunctionRegistry(), threads=0, environment=environment)

    with opened() as engine:
        engine.service.create_workflow_def(definition).result()
        assert seen(engine) == "blue"
        engine.service.set_environment_variable("COLOUR", "green").result()
        assert seen(engine) == "green"
    with opened() as engine:
        assert seen(engine) == "green"
        engine.service.delete_environment_variable("COLOUR").result()
        assert seen(engine) == "blue"


def test_environment_of_a_process_without_a_secrets_key_is_read_only_over_http(send: Send) -> None:
    for method in ("PUT", "DELETE"):
        reply = send(method, "/api/environment/COLOUR", "dark red")
        assert reply.status == 405
        assert reply.json["message"] == f"Request method '{method}' is not supported"


@pytest.fixture
def send_to_keeper() -> Iterator[Send]:
    """To a server that keeps secrets, and so environment variables, of its own."""
    engine = Engine(functions=FunctionRegistry(), threads=0, secrets_key=b"k" * 32)
    with engine, ApiServer(engine.service, port=0) as server, sender(server.port) as send:
        yield send


def test_environment_variables_are_written_over_http(send_to_keeper: Send) -> None:
    send = send_to_keeper
    assert send("PUT", "/api/environment/COLOUR", "dark red").status == 200
    reply = send("GET", "/api/environment/COLOUR")
    assert (reply.status, reply.text) == (200, "dark red")
    assert {"name": "COLOUR", "value": "dark red"} in send("GET", "/api/environment").json
    assert send("DELETE", "/api/environment/COLOUR").status == 200
    assert send("GET", "/api/environment/COLOUR").body == b""
    assert send("DELETE", "/api/environment/COLOUR").status == 404
    assert send("PUT", "/api/environment/a%20b", "x").status == 400
    assert send("PUT", "/api/environment/LONG", "x" * 20_000).status == 400


def handler(name: str, *actions: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "event": "conductor:many", "active": True, "actions": list(actions)}


def test_a_list_of_handlers_is_registered_all_or_none(send: Send, tagged: str) -> None:
    action = {"action": "start_workflow", "start_workflow": {"name": tagged}}
    assert (
        send("POST", "/api/event", [handler("one", action), handler("two", action)]).status == 200
    )
    reply = send("POST", "/api/event", [handler("three", action), handler("two", action)])
    assert reply.status == 409
    assert send("POST", "/api/event", [handler("four", action)] * 2).status == 400
    names = {one["name"] for one in send("GET", "/api/event").json}
    assert {"one", "two"} <= names
    assert not names & {"three", "four"}
    changed = [handler("one", action, action), handler("nobody", action)]
    assert send("PUT", "/api/event", changed).status == 404
    assert send("PUT", "/api/event", changed[:1]).status == 200
    for name in ("one", "two"):
        assert send("DELETE", f"/api/event/{name}").status == 200


def test_actions_change_variables_and_end_an_execution(
    send: Send, service: Service, flow: str
) -> None:
    workflow_id = send("POST", "/api/workflow", {"name": flow, "input": {}}).text
    key = "update_workflow_variables"

    def change(variables: dict[str, Any], **more: Any) -> dict[str, Any]:
        given = {"workflowId": "${execution}", "variables": variables, **more}
        return {"action": key, key: given}

    end = {
        "action": "terminate_workflow",
        "terminate_workflow": {"workflowId": "${execution}", "terminationReason": "${why}"},
    }
    actions = [
        change({"seen": ["${n}"], "plain": 1}),
        change({"seen": [2, 3], "plain": 2}, appendArray=True),
        change({"seen": "last"}, appendArray=True),
        end,
        change({"late": True}),
        {"action": key, key: {"variables": {"nobody": 1}}},
    ]
    send("POST", "/api/event", handler("all", *actions))
    payload = {"execution": workflow_id, "n": 1, "why": "told to"}
    done = service.publish_event("conductor:many", "m-all", payload).result()

    assert [one["status"] for one in done] == [*["COMPLETED"] * 4, "FAILED", "FAILED"]
    shown = send("GET", f"/api/workflow/{workflow_id}").json
    assert shown["status"] == "TERMINATED"
    assert shown["reasonForIncompletion"] == "told to"
    assert shown["variables"] == {"seen": [1, 2, 3, "last"], "plain": 2}
    assert "terminal" in done[4]["output"]["error"]
    send("DELETE", "/api/event/all")


def test_environment_variables_are_in_no_table_that_viewers_may_query(tmp_path: Path) -> None:
    with Engine(tmp_path / "env.duckdb", functions=FunctionRegistry(), threads=0) as engine:
        service = engine.service
        service.set_environment_variable("COLOUR", "needle").result(10)
        assert dict(service.environment())["COLOUR"] == "needle"
        tables = [
            row["table_name"] for row in service.query("SELECT table_name FROM duckdb_tables()")
        ]
        assert "metadata_log" in tables
        for table in tables:
            rows = service.query(f'SELECT CAST(t AS VARCHAR) AS text FROM "{table}" t')
            assert not [row for row in rows if "needle" in row["text"]]
