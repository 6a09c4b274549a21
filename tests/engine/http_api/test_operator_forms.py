"""Operator actions in all their forms, calls that wait, and trials, over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from door_client import Send

from engine.service import Service

Wire = dict[str, Any]


def registered(send: Send, name: str, *tasks: Wire, **more: Any) -> str:
    body = {"name": name, "version": 1, "tasks": list(tasks), **more}
    assert send("POST", "/api/metadata/workflow?overwrite=true", body).status == 200
    return name


def node(reference: str, kind: str = "SIMPLE", **more: Any) -> Wire:
    return {"name": reference, "taskReferenceName": reference, "type": kind, **more}


@pytest.fixture(autouse=True)
def _clean(service: Service) -> Iterator[None]:
    yield
    for line in service.search_workflows(size=5000)["results"]:
        service.remove(line["workflowId"], archive=False).result(10)


def status(send: Send, workflow_id: str) -> str:
    return str(send("GET", f"/api/workflow/{workflow_id}?includeTasks=false").json["status"])


def finish(send: Send, task_type: str, state: str = "COMPLETED", **more: Any) -> Wire:
    task: Wire = send("GET", f"/api/tasks/poll/{task_type}").json
    result = {
        "workflowInstanceId": task["workflowInstanceId"],
        "taskId": task["taskId"],
        "status": state,
        **more,
    }
    assert send("POST", "/api/tasks", result).status == 200
    return task


# -- bulk ------------------------------------------------------------------------------------


BULK = "/api/workflow/bulk"


def test_bulk_forms_do_to_each_what_the_single_form_does(send: Send, flow: str) -> None:
    ids = [send("POST", f"/api/workflow/{flow}", {}).text for _ in range(3)]

    def each(method: str, path: str) -> set[str]:
        answer = send(method, f"{BULK}/{path}", ids).json
        assert (answer["bulkErrorResults"], answer["bulkSuccessfulResults"]) == ({}, ids)
        return {status(send, key) for key in ids}

    assert each("PUT", "pause") == {"PAUSED"}
    assert each("PUT", "resume") == {"RUNNING"}
    assert each("POST", "terminate?reason=enough") == {"TERMINATED"}
    found = send("GET", f"/api/workflow/{ids[0]}").json
    assert found["reasonForIncompletion"] == "enough"
    assert each("POST", "retry") == {"RUNNING"}
    assert each("POST", "terminate") == {"TERMINATED"}
    assert each("POST", "restart") == {"RUNNING"}
    shown = send("POST", f"{BULK}/search", ids).json
    assert [w["workflowId"] for w in shown["bulkSuccessfulResults"]] == ids
    refused = send("DELETE", f"{BULK}/remove", ids).json
    assert sorted(refused["bulkErrorResults"]) == sorted(ids)
    answer = send("DELETE", f"{BULK}/remove?archiveWorkflow=false", ids).json
    assert answer["bulkSuccessfulResults"] == ids
    assert {send("GET", f"/api/workflow/{key}").status for key in ids} == {404}


def test_bulk_restart_takes_the_latest_definitions_on_request(send: Send) -> None:
    name = registered(send, "renewed", node("first"))
    workflow_id = send("POST", f"/api/workflow/{name}", {}).text
    body = {"name": name, "version": 2, "tasks": [node("other")]}
    send("POST", "/api/metadata/workflow", body)
    send("POST", f"{BULK}/terminate", [workflow_id])
    send("POST", f"{BULK}/restart", [workflow_id])
    assert send("GET", f"/api/workflow/{workflow_id}").json["workflowVersion"] == 1
    send("POST", f"{BULK}/terminate", [workflow_id])
    send("POST", f"{BULK}/restart?useLatestDefinitions=true", [workflow_id])
    found = send("GET", f"/api/workflow/{workflow_id}").json
    assert (found["workflowVersion"], found["tasks"][0]["referenceTaskName"]) == (2, "other")
    send("DELETE", f"/api/metadata/workflow/{name}/2")


# -- skip and decide -------------------------------------------------------------------------


def test_skipped_task_is_passed_over_with_the_output_it_was_given(send: Send) -> None:
    reader = node("third", inputParameters={"k": "${second.output.k}"})
    name = registered(send, "skipping", node("first"), node("second"), reader)
    workflow_id = send("POST", f"/api/workflow/{name}", {}).text
    query = "taskInput[a]=1&taskOutput[k]=given"
    assert send("PUT", f"/api/workflow/{workflow_id}/skiptask/second?{query}").status == 200
    finish(send, "first")
    assert finish(send, "third")["inputData"] == {"k": "given"}
    tasks = send("GET", f"/api/workflow/{workflow_id}").json["tasks"]
    skipped = next(t for t in tasks if t["referenceTaskName"] == "second")
    assert (skipped["status"], skipped["outputData"]) == ("SKIPPED", {"k": "given"})
    assert status(send, workflow_id) == "COMPLETED"


@pytest.mark.parametrize(
    ("reference", "message"),
    [("first", "has already been processed"), ("none", "does not exist in the WorkflowDefinition")],
)
def test_what_can_not_be_skipped_is_said(send: Send, reference: str, message: str) -> None:
    name = registered(send, "skipping", node("first"), node("second"))
    workflow_id = send("POST", f"/api/workflow/{name}", {}).text
    reply = send("PUT", f"/api/workflow/{workflow_id}/skiptask/{reference}")
    assert message in reply.json["message"]


def test_decide_looks_again_and_changes_nothing_that_is_right(send: Send, flow: str) -> None:
    workflow_id = send("POST", f"/api/workflow/{flow}", {}).text
    before = send("GET", f"/api/workflow/{workflow_id}").json
    assert send("PUT", f"/api/workflow/decide/{workflow_id}").status == 200
    assert send("GET", f"/api/workflow/{workflow_id}").json["tasks"] == before["tasks"]


# -- calls that wait -------------------------------------------------------------------------


def execute(send: Send, name: str, query: str = "", given: Wire | None = None) -> Wire:
    body = {"name": name, "version": 1, "input": given or {}}
    answer = send("POST", f"/api/workflow/execute/{name}/1?{query}", body).json
    assert isinstance(answer, dict)
    return answer


def script(reference: str, expression: str) -> Wire:
    given = {"evaluatorType": "javascript", "expression": expression}
    return node(reference, "INLINE", inputParameters=given)


def test_execute_answers_with_the_ended_execution(send: Send) -> None:
    name = registered(send, "quick", script("one", "1 + 1"))
    answer = execute(send, name, "requestId=r-1")
    assert (answer["status"], answer["output"]) == ("COMPLETED", {"result": 2})
    assert (answer["requestId"], answer.get("signalTimeout", False)) == ("r-1", False)


@pytest.mark.parametrize("reference", ["one", "one,two", "two"])
def test_execute_waits_until_a_listed_task_has_ended(send: Send, reference: str) -> None:
    name = registered(send, "halfway", script("one", "1"), script("two", "2"), node("never"))
    began = time.monotonic()
    answer = execute(send, name, f"waitUntilTaskRef={reference}&waitForSeconds=20")
    assert time.monotonic() - began < 15
    assert answer["status"] == "RUNNING"
    ended = {t["referenceTaskName"] for t in answer["tasks"] if t["status"] == "COMPLETED"}
    assert set(reference.split(",")) & ended


def test_execute_answers_with_what_there_is_when_time_runs_out(send: Send, flow: str) -> None:
    answer = execute(send, flow, "waitForSeconds=1")
    assert (answer["status"], answer["signalTimeout"]) == ("RUNNING", True)


def test_execute_and_signal_go_from_one_wait_to_the_next(send: Send) -> None:
    inner = registered(send, "asking", node("ask", "WAIT"), script("after", "$.x"))
    param = {"name": inner, "version": 1}
    outer = registered(
        send, "outer", node("sub", "SUB_WORKFLOW", subWorkflowParam=param), node("last", "WAIT")
    )
    answer = execute(send, outer, "returnStrategy=BLOCKING_TASK")
    assert (answer["referenceTaskName"], answer["targetWorkflowStatus"]) == ("ask", "RUNNING")
    target = answer["targetWorkflowId"]
    path = f"/api/tasks/{target}/COMPLETED/signal/sync?returnStrategy="
    answer = send("POST", f"{path}BLOCKING_TASK", {"by": "me"}).json
    assert answer["referenceTaskName"] == "last"
    answer = send("POST", f"{path}TARGET_WORKFLOW", {}).json
    assert (answer["status"], answer["workflowId"]) == ("COMPLETED", target)
    assert send("POST", f"{path}TARGET_WORKFLOW", {}).status == 404


# -- trials ----------------------------------------------------------------------------------


def test_trial_runs_operators_and_takes_mocks_for_the_rest(send: Send) -> None:
    chosen = node(
        "choose",
        "SWITCH",
        evaluatorType="value-param",
        expression="kind",
        inputParameters={"kind": "${fetch.output.kind}"},
        decisionCases={"a": [node("handle_a")], "b": [node("handle_b")]},
    )
    name = registered(
        send, "trial_flow", node("fetch"), chosen, outputParameters={"n": "${handle_b.output.n}"}
    )
    request = {
        "name": name,
        "version": 1,
        "input": {},
        "taskRefToMockOutput": {
            "fetch": [{"status": "FAILED"}, {"output": {"kind": "b"}}],
            "handle_b": [{"status": "COMPLETED", "output": {"n": 5}}],
        },
    }
    send("POST", "/api/metadata/taskdefs", [{"name": "fetch", "retryDelaySeconds": 0}])
    answer = send("POST", "/api/workflow/test", request).json
    assert (answer["status"], answer["output"]) == ("COMPLETED", {"n": 5})
    assert [(t["referenceTaskName"], t["retryCount"]) for t in answer["tasks"]] == [
        ("fetch", 0),
        ("fetch", 1),
        ("choose", 0),
        ("handle_b", 0),
    ]
    send("DELETE", "/api/metadata/taskdefs/fetch")


def test_trial_stops_where_no_mock_is_left_and_no_worker_gets_its_tasks(send: Send) -> None:
    name = registered(send, "trial_flow", node("fetch"), node("store"))
    request = {"name": name, "version": 1, "taskRefToMockOutput": {"fetch": [{}]}, "input": {}}
    answer = send("POST", "/api/workflow/test", request).json
    assert [t["status"] for t in answer["tasks"]] == ["COMPLETED", "SCHEDULED"]
    assert send("GET", "/api/tasks/poll/store").status == 204
