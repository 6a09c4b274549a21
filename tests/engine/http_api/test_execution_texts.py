"""``GET /api/workflow/{id}`` keeps its answers, and nobody ever sees an old one."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator

import pytest
from door_client import Send, sender

from engine.http_api import ApiServer
from engine.runtime.paging import OpenExecutions
from engine.service import Service

TASK = {"name": "kept", "taskReferenceName": "kept_ref", "type": "SIMPLE"}


@pytest.fixture
def kept(send: Send, service: Service) -> Iterator[str]:
    """Name of a workflow of one worker task."""
    service.create_workflow_def(
        {"name": "kept_flow", "version": 1, "schemaVersion": 2, "tasks": [TASK]}, overwrite=True
    ).result()
    yield "kept_flow"
    for workflow_id in service.running("kept_flow"):
        service.terminate(workflow_id).result()


def start(send: Send, name: str) -> str:
    return send("POST", f"/api/workflow/{name}", {"n": 1}).text


def test_the_second_answer_is_the_first_one(send: Send, kept: str, service: Service) -> None:
    path = f"/api/workflow/{start(send, kept)}"
    first = send("GET", path)
    workflow_id = path.rpartition("/")[2]
    assert service.workflow_at_hand(workflow_id) == first.body
    second = send("GET", path)
    assert (second.status, second.body) == (200, first.body)
    assert second.headers == first.headers
    assert second.headers["content-type"] == "application/json"


def test_answers_with_and_without_tasks_are_kept_apart(send: Send, kept: str) -> None:
    path = f"/api/workflow/{start(send, kept)}"
    for _ in range(2):
        assert len(send("GET", path).json["tasks"]) == 1
        assert send("GET", f"{path}?includeTasks=false").json["tasks"] == []


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (("POST", "/tasks/{id}/kept_ref/COMPLETED", {"n": 2}), ("status", "COMPLETED")),
        (("POST", "/workflow/{id}/variables", {"x": 1}), ("variables", {"x": 1})),
        (("PUT", "/workflow/{id}/pause", None), ("status", "PAUSED")),
        (("DELETE", "/workflow/{id}", None), ("status", "TERMINATED")),
    ],
    ids=["update", "variables", "pause", "terminate"],
)
def test_who_has_changed_an_execution_sees_it(
    send: Send, kept: str, change: tuple[str, str, object], seen: tuple[str, object]
) -> None:
    workflow_id = start(send, kept)
    path = f"/api/workflow/{workflow_id}"
    send("GET", path)
    send("GET", path)
    method, changing, body = change
    assert send(method, f"/api{changing.format(id=workflow_id)}", body).status == 200
    key, value = seen
    assert send("GET", path).json[key] == value
    assert send("GET", f"{path}?includeTasks=false").json[key] == value


def test_a_removed_execution_is_gone(send: Send, kept: str) -> None:
    path = f"/api/workflow/{start(send, kept)}"
    send("GET", path)
    assert send("DELETE", f"{path}/remove?archiveWorkflow=false").status == 200
    assert send("GET", path).status == 404


def test_a_polled_task_shows_at_once(send: Send, kept: str) -> None:
    path = f"/api/workflow/{start(send, kept)}"
    assert send("GET", path).json["tasks"][0]["status"] == "SCHEDULED"
    (task,) = send("GET", "/api/tasks/poll/batch/kept?timeout=2000").json
    assert task["workflowInstanceId"] == path.rpartition("/")[2]
    assert send("GET", path).json["tasks"][0]["status"] == "IN_PROGRESS"


def test_a_time_that_passes_is_told_anew(send: Send, kept: str, service: Service) -> None:
    path = f"/api/workflow/{start(send, kept)}"
    (task,) = send("GET", "/api/tasks/poll/batch/kept?timeout=2000").json
    result = {"taskId": task["taskId"], "workflowInstanceId": task["workflowInstanceId"]}
    send("POST", "/api/tasks", {**result, "status": "IN_PROGRESS", "callbackAfterSeconds": 60})
    send("GET", path)
    assert service.workflow_at_hand(task["workflowInstanceId"]) is None


def test_requests_from_elsewhere_are_refused_before_a_kept_answer(send: Send, kept: str) -> None:
    path = f"/api/workflow/{start(send, kept)}"
    send("GET", path)
    assert send("GET", path, None, {"Origin": "http://evil.example"}).status == 403
    assert send("GET", path, None, {"Host": "evil.example"}).status == 403


def test_an_execution_that_is_paged_out_stays_so(
    send: Send, kept: str, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    executions: OpenExecutions = service._runtime.desk.executions
    monkeypatch.setattr(executions, "resident_limit", 0)
    workflow_id = start(send, kept)
    other = start(send, kept)
    for _ in range(200):
        send("PUT", f"/api/workflow/decide/{other}")
        if executions.paged_length(workflow_id) is not None:
            break
    assert executions.paged_length(workflow_id) == 2
    shown = send("GET", f"/api/workflow/{workflow_id}").json
    assert [task["status"] for task in shown["tasks"]] == ["SCHEDULED"]
    assert executions.paged_length(workflow_id) == 2


def test_amid_other_changes_everybody_reads_what_they_wrote(
    server: ApiServer, kept: str, service: Service
) -> None:
    """Six clients set variables of three executions and look at once, while others look too."""
    with sender(server.port) as send:
        ids = [start(send, kept) for _ in range(3)]
    wrong: list[str] = []
    over = threading.Event()

    def write(client: int) -> None:
        chance = random.Random(client)
        with sender(server.port) as send:
            for number in range(60):
                path = f"/api/workflow/{chance.choice(ids)}"
                key = f"c{client}"
                send("POST", f"{path}/variables", {key: number})
                query = chance.choice(["", "?includeTasks=false"])
                seen = send("GET", f"{path}{query}").json["variables"].get(key)
                if seen != number:
                    wrong.append(f"{key} of {path}: wrote {number}, read {seen}")

    def look(client: int) -> None:
        newest: dict[tuple[str, str], int] = {}
        chance = random.Random(client)
        with sender(server.port) as send:
            while not over.is_set():
                workflow_id = chance.choice(ids)
                variables = send("GET", f"/api/workflow/{workflow_id}").json["variables"]
                for key, number in variables.items():
                    if number < newest.get((workflow_id, key), -1):
                        wrong.append(f"{key} of {workflow_id} went back to {number}")
                    newest[workflow_id, key] = number

    writers = [threading.Thread(target=write, args=(client,)) for client in range(6)]
    lookers = [threading.Thread(target=look, args=(client,)) for client in range(2)]
    for thread in (*writers, *lookers):
        thread.start()
    for thread in writers:
        thread.join()
    over.set()
    for thread in lookers:
        thread.join()
    assert not wrong, wrong[:5]
