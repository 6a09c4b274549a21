"""Payloads that travel beside requests: locations, uploads, and what workers get of them."""

from __future__ import annotations

import json
import uuid
from typing import Any
from urllib.parse import urlsplit

import pytest
from door_client import Send

from engine.service import Service, payloads

Wire = dict[str, Any]


def location(send: Send, operation: str, kind: str, path: str = "") -> Wire:
    query = f"path={path}&operation={operation}&payloadType={kind}"
    return send("GET", f"/api/tasks/externalstoragelocation?{query}").json


def below(uri: str) -> str:
    """Path and query of an address of this server."""
    parts = urlsplit(uri)
    return f"{parts.path}?{parts.query}"


def upload(send: Send, kind: str, payload: Any) -> str:
    place = location(send, "WRITE", kind)
    body = payload if isinstance(payload, str) else json.dumps(payload)
    assert send("PUT", below(place["uri"]), body).status == 200
    return str(place["path"])


def test_uploaded_output_completes_a_task_and_the_upload_is_gone(
    send: Send, flow: str, service: Service
) -> None:
    path = upload(send, "TASK_OUTPUT", {"answer": 42})
    execution = send("POST", f"/api/workflow/{flow}", {}).text
    task = send("GET", "/api/tasks/poll/first").json
    result = {
        "workflowInstanceId": execution,
        "taskId": task["taskId"],
        "status": "COMPLETED",
        "externalOutputPayloadStoragePath": path,
    }
    assert send("POST", "/api/tasks", result).text == task["taskId"]
    found = send("GET", f"/api/tasks/{task['taskId']}").json
    assert (found["status"], found["outputData"]) == ("COMPLETED", {"answer": 42})
    service._readers.submit(lambda: None).result(5)
    place = location(send, "READ", "TASK_OUTPUT", path)
    assert send("GET", below(place["uri"])).status == 404


def test_uploaded_input_starts_an_execution(send: Send, flow: str) -> None:
    path = upload(send, "WORKFLOW_INPUT", {"order": 17})
    request = {"name": flow, "externalInputPayloadStoragePath": path}
    execution = send("POST", "/api/workflow", request).text
    assert send("GET", f"/api/workflow/{execution}").json["input"] == {"order": 17}


def test_large_output_is_named_in_answers_and_read_at_its_address(send: Send, flow: str) -> None:
    large = {"text": "x" * (4 * 1024 * 1024)}
    execution = send("POST", f"/api/workflow/{flow}", {}).text
    task = send("GET", "/api/tasks/poll/first").json
    result = {
        "workflowInstanceId": execution,
        "taskId": task["taskId"],
        "status": "COMPLETED",
        "outputData": large,
    }
    send("POST", "/api/tasks", result)
    shown = send("GET", f"/api/workflow/{execution}").json["tasks"][0]
    assert shown["outputData"] == {}
    place = location(send, "READ", "TASK_OUTPUT", shown["externalOutputPayloadStoragePath"])
    assert place["path"] == shown["externalOutputPayloadStoragePath"]
    assert send("GET", below(place["uri"])).json == large


@pytest.mark.parametrize(
    "path",
    [
        "task/output/a/1.json",
        "../../etc/passwd",
        "upload/output/../x/payload.json",
        "upload/output/none/payload.json/..",
        7,
    ],
)
def test_result_that_names_no_upload_is_refused(send: Send, flow: str, path: Any) -> None:
    execution = send("POST", f"/api/workflow/{flow}", {}).text
    task = send("GET", "/api/tasks/poll/first").json
    result = {
        "workflowInstanceId": execution,
        "taskId": task["taskId"],
        "status": "COMPLETED",
        "externalOutputPayloadStoragePath": path,
    }
    assert send("POST", "/api/tasks", result).status == 400
    assert send("GET", f"/api/tasks/{task['taskId']}").json["status"] == "IN_PROGRESS"


def test_upload_that_is_not_there_is_404(send: Send, flow: str) -> None:
    path = f"upload/input/{uuid.uuid4()}/payload.json"
    reply = send("POST", "/api/workflow", {"name": flow, "externalInputPayloadStoragePath": path})
    assert (reply.status, path in reply.json["message"]) == (404, True)


@pytest.mark.parametrize("body", ["[1]", "{", "", '"text"'])
def test_upload_that_is_no_object_is_refused(send: Send, body: str) -> None:
    place = location(send, "WRITE", "TASK_OUTPUT")
    assert send("PUT", below(place["uri"]), body).status == 400


def test_upload_with_too_many_bytes_is_refused(send: Send, monkeypatch: Any) -> None:
    monkeypatch.setattr(payloads, "MAX_UPLOAD_BYTES", 1000)
    place = location(send, "WRITE", "TASK_OUTPUT")
    refused = send("PUT", below(place["uri"]), json.dumps({"text": "x" * 1000}))
    assert refused.status == 413
    assert "the limit is 1000" in refused.json["message"]
    assert send("PUT", below(place["uri"]), json.dumps({"text": "x" * 900})).status == 200


def test_what_went_into_the_storage_past_the_server_is_refused_when_it_is_used(
    send: Send, flow: str, service: Service, monkeypatch: Any
) -> None:
    """As an upload to a bucket does, whose address nobody can give a limit."""
    monkeypatch.setattr(payloads, "MAX_UPLOAD_BYTES", 1000)
    path = location(send, "WRITE", "WORKFLOW_INPUT")["path"]
    service._storage.put(path, json.dumps({"text": "x" * 1000}).encode())
    reply = send("POST", "/api/workflow", {"name": flow, "externalInputPayloadStoragePath": path})
    assert reply.status == 413
    assert path in reply.json["message"]


def test_address_is_good_for_what_it_was_given_for_only(send: Send) -> None:
    place = location(send, "WRITE", "TASK_OUTPUT")
    address = below(place["uri"])
    other = address.replace("/output/", "/input/")
    assert send("PUT", other, {}).status == 403
    assert send("GET", address).status == 403
    assert send("PUT", address.replace("signature=", "signature=0"), {}).status == 403
    later = address.replace("expires=", "expires=9")
    assert send("PUT", later, {}).status == 403
    assert send("PUT", address.partition("?")[0], {}).status == 400


def test_path_out_of_the_folder_is_no_path(send: Send) -> None:
    query = "path=task/output/../../x.json&operation=READ&payloadType=TASK_OUTPUT"
    assert send("GET", f"/api/workflow/externalstoragelocation?{query}").status == 400
    reply = send(
        "GET", "/api/external/payload/task/output/..%2f..%2fx/1.json?signature=x&expires=1"
    )
    assert reply.status == 400


def test_unknown_path_gets_one_of_its_own_as_without_external_storage(send: Send) -> None:
    answer = location(send, "READ", "TASK_INPUT", "a")
    assert sorted(answer) == ["path"]
    assert answer["path"].startswith("a")


def test_address_is_the_one_the_client_used(send: Send) -> None:
    query = "path=&operation=WRITE&payloadType=TASK_OUTPUT"
    headers = {"Host": "localhost:1234", "X-Forwarded-Proto": "https"}
    reply = send("GET", f"/api/tasks/externalstoragelocation?{query}", None, headers)
    assert reply.json["uri"].startswith("https://localhost:1234/api/external/payload/upload/")
