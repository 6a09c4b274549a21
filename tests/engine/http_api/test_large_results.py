"""Payloads over their limits arrive at the door and are answered there by name."""

from __future__ import annotations

import json

from door_client import Send

LARGE = "x" * (10 * 1024 * 1024)


def test_too_large_result_ends_its_task(send: Send, flow: str) -> None:
    workflow_id = send("POST", "/api/workflow", {"name": flow, "input": {}}).text
    task = json.loads(send("GET", "/api/tasks/poll/first").text)
    result = {
        "workflowInstanceId": workflow_id,
        "taskId": task["taskId"],
        "status": "COMPLETED",
        "outputData": {"text": LARGE},
    }
    assert send("POST", "/api/tasks", result).status == 200
    ended = json.loads(send("GET", f"/api/tasks/{task['taskId']}").text)
    assert ended["status"] == "FAILED_WITH_TERMINAL_ERROR"
    assert "is greater than the permissible limit: 10485760 bytes" in ended["reasonForIncompletion"]
    workflow = json.loads(send("GET", f"/api/workflow/{workflow_id}").text)
    assert workflow["status"] == "FAILED"


def test_too_large_input_is_refused(send: Send, flow: str) -> None:
    reply = send("POST", "/api/workflow", {"name": flow, "input": {"text": LARGE}})
    assert reply.status == 400
    assert "the limit is 10485760" in reply.text


def test_used_idempotency_key_is_a_conflict(send: Send, flow: str) -> None:
    request = {"name": flow, "input": {}, "idempotencyKey": "k"}
    first = send("POST", "/api/workflow", request).text
    reply = send("POST", "/api/workflow", {**request, "idempotencyStrategy": "FAIL_ON_RUNNING"})
    assert reply.status == 409
    assert first in reply.text
    again = send("POST", "/api/workflow", {**request, "idempotencyStrategy": "RETURN_EXISTING"})
    assert (again.status, again.text) == (200, first)
