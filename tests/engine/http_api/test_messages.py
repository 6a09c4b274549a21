"""Messages for a running execution, over HTTP."""

from __future__ import annotations

import pytest
from door_client import Send

from engine.core import messages


def test_a_message_is_answered_by_its_id_as_bare_text(send: Send, flow: str) -> None:
    workflow_id = send("POST", f"/api/workflow/{flow}", {}).text

    reply = send("POST", f"/api/workflow/{workflow_id}/messages", {"hello": 1})

    assert (reply.status, len(reply.text)) == (200, 36)
    assert reply.headers["content-type"] == "text/plain;charset=UTF-8"


def test_refusals_are_bare_text(send: Send, flow: str, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = send("POST", "/api/workflow/none/messages", {})
    assert (unknown.status, unknown.text) == (404, "Workflow not found: none")

    workflow_id = send("POST", f"/api/workflow/{flow}", {}).text
    send("PUT", f"/api/workflow/{workflow_id}/pause")
    paused = send("POST", f"/api/workflow/{workflow_id}/messages", {})
    said = f"Workflow {workflow_id} is not in RUNNING state (current: PAUSED)"
    assert (paused.status, paused.text) == (409, said)

    send("PUT", f"/api/workflow/{workflow_id}/resume")
    monkeypatch.setattr(messages, "MAX_QUEUE_SIZE", 0)
    full = send("POST", f"/api/workflow/{workflow_id}/messages", {})
    assert full.status == 429
    assert full.text.startswith("Workflow message queue for workflowId=")


@pytest.mark.parametrize("body", ["[1]", "no json", ""])
def test_a_message_is_a_json_object(send: Send, flow: str, body: str) -> None:
    workflow_id = send("POST", f"/api/workflow/{flow}", {}).text

    reply = send("POST", f"/api/workflow/{workflow_id}/messages", body)

    assert reply.status == 400
    assert reply.json["message"]
