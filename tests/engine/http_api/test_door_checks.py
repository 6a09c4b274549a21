"""The checks that catch most incompatibilities with Conductor's SDKs, over real HTTP."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time

import pytest
from door_client import Send, sender

from engine import Engine
from engine.functions import FunctionRegistry
from engine.http_api import ApiServer
from engine.service import Service


@pytest.fixture
def started(send: Send, flow: str) -> str:
    """Id of an execution whose first task waits in its queue."""
    return send("POST", "/api/workflow", {"name": flow, "input": {"x": 1}}).text


def polled(send: Send, task_type: str) -> dict[str, object]:
    return send("GET", f"/api/tasks/poll/{task_type}?workerid=w").json


def result(task: dict[str, object], status: str = "COMPLETED") -> dict[str, object]:
    return {
        "workflowInstanceId": task["workflowInstanceId"],
        "taskId": task["taskId"],
        "status": status,
        "outputData": {"y": 2},
    }


@pytest.mark.parametrize("path", ["/api/workflow", "/api/workflow/flow?priority=3"])
def test_started_workflow_is_answered_with_its_bare_id(send: Send, flow: str, path: str) -> None:
    reply = send("POST", path, {"name": flow, "input": {}})

    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/plain")
    assert len(reply.text) == 36
    assert send("GET", f"/api/workflow/{reply.text}").json["workflowId"] == reply.text


def test_batch_poll_on_an_empty_queue_waits_its_timeout_and_answers_an_empty_list(
    send: Send,
) -> None:
    before = time.monotonic()
    reply = send("GET", "/api/tasks/poll/batch/nothing?count=3&timeout=200")

    assert (reply.status, reply.json) == (200, [])
    assert 0.15 < time.monotonic() - before < 1.5


def test_batch_poll_returns_as_soon_as_a_task_is_there(
    send: Send, server: ApiServer, flow: str
) -> None:
    answers: list[tuple[float, list[object]]] = []

    def wait_for_task() -> None:
        before = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("GET", "/api/tasks/poll/batch/first?timeout=5000")
        answers.append((0, json.loads(connection.getresponse().read())))
        answers[0] = (time.monotonic() - before, answers[0][1])
        connection.close()

    thread = threading.Thread(target=wait_for_task)
    thread.start()
    time.sleep(0.2)
    send("POST", f"/api/workflow/{flow}", {})
    thread.join()

    assert answers[0][0] < 2
    assert len(answers[0][1]) == 1


def test_poll_timeout_above_five_seconds_is_refused(send: Send) -> None:
    reply = send("GET", "/api/tasks/poll/batch/first?timeout=5001")

    assert reply.status == 400
    assert reply.json["message"] == "Long Poll Timeout value cannot be more than 5 seconds"


def test_single_poll_without_a_task_is_204_without_content_type(send: Send) -> None:
    reply = send("GET", "/api/tasks/poll/nothing")

    assert (reply.status, reply.body) == (204, b"")
    assert "content-type" not in reply.headers


def test_update_v2_without_a_next_task_is_204_without_content_type(
    send: Send, started: str
) -> None:
    reply = send("POST", "/api/tasks/update-v2", result(polled(send, "first")))

    assert (reply.status, reply.body) == (204, b"")
    assert "content-type" not in reply.headers


def test_update_v2_hands_out_the_next_task_of_the_type(send: Send, flow: str, started: str) -> None:
    send("POST", f"/api/workflow/{flow}", {})
    task = polled(send, "first")

    following = send("POST", "/api/tasks/update-v2", result(task))

    assert following.status == 200
    assert following.json["taskType"] == "first"
    assert following.json["taskId"] != task["taskId"]


def test_update_v2_for_an_ended_task_is_not_404(send: Send, started: str) -> None:
    task = polled(send, "first")
    send("POST", "/api/tasks", result(task))

    assert send("POST", "/api/tasks/update-v2", result(task)).status in (200, 204)


def test_update_answers_the_task_id_as_text(send: Send, started: str) -> None:
    task = polled(send, "first")
    reply = send("POST", "/api/tasks", result(task))

    assert reply.text == task["taskId"]
    assert reply.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("verb", ["restart", "retry", "resetcallbacks"])
def test_restart_retry_and_resetcallbacks_are_204(send: Send, started: str, verb: str) -> None:
    if verb != "resetcallbacks":  # the only one for executions that go on
        send("DELETE", f"/api/workflow/{started}?reason=stop", {})

    reply = send("POST", f"/api/workflow/{started}/{verb}", {})

    assert (reply.status, reply.body) == (204, b"")
    assert "content-type" not in reply.headers


def test_wrong_states_answer_conductors_codes(send: Send, started: str) -> None:
    retry = send("POST", f"/api/workflow/{started}/retry")
    resume = send("PUT", f"/api/workflow/{started}/resume")
    for task_type in ("first", "second"):
        send("POST", "/api/tasks", result(polled(send, task_type)))
    terminate = send("DELETE", f"/api/workflow/{started}")

    assert (retry.status, retry.json["message"]) == (
        404,
        "Workflow is still running.  status=RUNNING",
    )
    assert resume.status == 500
    assert (terminate.status, terminate.json["message"]) == (
        409,
        "Cannot terminate a COMPLETED workflow.",
    )


def test_task_definitions_are_upserted_by_post_and_must_exist_for_put(send: Send) -> None:
    assert send("PUT", "/api/metadata/taskdefs", {"name": "t"}).status == 404
    assert send("POST", "/api/metadata/taskdefs", [{"name": "t"}]).status == 200
    again = send("POST", "/api/metadata/taskdefs", [{"name": "t", "retryCount": 1}])

    assert (again.status, again.body, again.headers["content-length"]) == (200, b"", "0")
    assert send("GET", "/api/metadata/taskdefs/t").json["retryCount"] == 1


def test_task_has_the_keys_that_the_server_computes(send: Send, started: str) -> None:
    task = polled(send, "first")
    shown = send("GET", f"/api/tasks/{task['taskId']}").json

    assert shown["taskDefinition"] is None or shown["taskDefinition"]["name"] == "first"
    assert shown["executionMetadata"]["empty"] is True
    assert shown["queueWaitTime"] >= 0
    assert shown["loopOverTask"] is False
    assert shown["workflowTask"]["taskReferenceName"] == "first_ref"


def test_duplicate_registration_is_409_unless_overwrite(send: Send, flow: str) -> None:
    body = {"name": flow, "version": 1, "tasks": [{"name": "t", "taskReferenceName": "t"}]}

    refused = send("POST", "/api/metadata/workflow", body)
    accepted = send("POST", "/api/metadata/workflow?overwrite=True", body)

    assert (refused.status, refused.json["message"]) == (
        409,
        "Workflow with flow.1 already exists!",
    )
    assert accepted.status == 200


def test_token_is_absent_so_that_sdks_switch_authentication_off(send: Send) -> None:
    reply = send("POST", "/api/token", {"keyId": "a", "keySecret": "b"})

    assert reply.status == 404
    assert reply.headers["content-type"] == "application/json"
    assert reply.json == {
        "status": 404,
        "message": "No static resource api/token.",
        "instance": "conductor-studio",
        "retryable": False,
    }


def _open_poll(port: int, send: Send, task_type: str) -> socket.socket:
    """A client whose poll of five seconds has reached the engine."""
    client = socket.create_connection(("127.0.0.1", port))
    path = f"/api/tasks/poll/batch/{task_type}?timeout=5000"
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    deadline = time.monotonic() + 5
    while not send("GET", f"/api/tasks/queue/polldata?taskType={task_type}").json:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return client


@pytest.fixture
def lonely(send: Send) -> str:
    """A workflow of one task that nobody else in this module polls for."""
    tasks = [{"name": "rare", "taskReferenceName": "rare_ref"}]
    send("POST", "/api/metadata/workflow?overwrite=true", {"name": "lonely", "tasks": tasks})
    return "lonely"


def test_client_that_hangs_up_gives_its_poll_up(send: Send, server: ApiServer, lonely: str) -> None:
    _open_poll(server.port, send, "rare").close()
    send("GET", "/api/health")  # answered by the same loop, so it has seen the client go
    send("GET", "/api/health")

    started = send("POST", f"/api/workflow/{lonely}", {}).text

    assert send("GET", "/api/tasks/queue/sizes?taskType=rare").json == {"rare": 1}
    assert polled(send, "rare")["workflowInstanceId"] == started


def test_closing_engine_answers_the_polls_that_wait() -> None:
    engine = Engine(functions=FunctionRegistry())
    with ApiServer(engine.service, port=0) as server, sender(server.port) as send:
        with _open_poll(server.port, send, "first") as client:
            before = time.monotonic()
            engine.close()
            answer = client.recv(4096)

        assert time.monotonic() - before < 4
        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.endswith(b"[]")
        assert send("GET", "/api/tasks/poll/first").status == 500


def test_closing_the_server_gives_waiting_polls_up(service: Service, send: Send) -> None:
    server = ApiServer(service, port=0)
    tasks = [{"name": "scarce", "taskReferenceName": "scarce_ref"}]
    send("POST", "/api/metadata/workflow", {"name": "alone", "tasks": tasks})
    with _open_poll(server.port, send, "scarce"):
        before = time.monotonic()
        server.close()
        server.close()
        assert time.monotonic() - before < 2
    send("POST", "/api/workflow/alone", {})

    assert service.queue_sizes(["scarce"]) == {"scarce": 1}
