"""What holds for every route: paths, methods, queries, bodies, errors, and who is let in."""

from __future__ import annotations

import asyncio
import http.client
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from door_client import Send, sender
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from engine import Engine
from engine.errors import UnavailableError
from engine.functions import FunctionRegistry
from engine.http_api import ApiServer, routes
from engine.http_api.call import Call
from engine.models.codec import MAX_BODY_BYTES
from engine.service import Service


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        ("GET", "/api/nosuch", "No static resource api/nosuch."),
        ("POST", "/api/nosuch/thing", "No static resource api/nosuch/thing."),
        ("GET", "/api/workflow/", "No static resource api/workflow."),
        ("GET", "/api", "No static resource api."),
        ("GET", "/elsewhere", "No static resource elsewhere."),
        ("GET", "/api//workflow", "No static resource api//workflow."),
    ],
)
def test_unknown_path_is_404_in_json(send: Send, method: str, path: str, message: str) -> None:
    reply = send(method, path)

    assert (reply.status, reply.json["message"]) == (404, message)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/workflow"),
        ("PUT", "/api/tasks"),
        ("DELETE", "/api/metadata/taskdefs"),
        ("GET", "/api/metadata/workflow/some/1"),
        ("PUT", "/api/version"),
    ],
)
def test_known_path_with_another_method_is_405(send: Send, method: str, path: str) -> None:
    reply = send(method, path)

    assert reply.status == 405
    assert reply.json["message"] == f"Request method '{method}' is not supported"
    assert method not in reply.headers["allow"].split(",")


def test_method_nobody_knows_is_405_in_json(send: Send) -> None:
    reply = send("TRACE", "/api/health")

    assert (reply.status, reply.json["status"]) == (405, 405)


def test_head_answers_the_headers_of_get_and_options_the_methods(send: Send) -> None:
    head = send("HEAD", "/api/health")
    options = send("OPTIONS", "/api/metadata/taskdefs/t")

    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "64")
    assert (options.status, options.body) == (200, b"")
    assert options.headers["allow"] == "DELETE,GET,HEAD,OPTIONS"


def test_literal_segment_beats_a_variable_only_for_its_own_method(send: Send) -> None:
    search = send("GET", "/api/workflow/search")
    start = send("POST", "/api/workflow/search", {})

    assert search.json == {"totalHits": 0, "results": []}
    assert start.json["message"] == "No such workflow found by name: search, version: null"


def test_path_is_decoded_after_routing_and_keeps_its_plus_signs(send: Send) -> None:
    reply = send("GET", "/api/metadata/taskdefs/a%2Fb%20c+d%3Ae")

    assert reply.json["message"] == "No such taskType found by name: a/b c+d:e"


@pytest.mark.parametrize("text", ["true", "True", "TRUE", "on", "yes", "1"])
def test_boolean_query_takes_any_spelling(send: Send, flow: str, text: str) -> None:
    workflow_id = send("POST", f"/api/workflow/{flow}", {}).text

    path = f"/api/workflow/{workflow_id}/status?includeOutput={text}"
    assert send("GET", path).json["output"] == {}


@pytest.mark.parametrize(
    "path",
    [
        "/api/workflow/x/status?includeOutput=maybe",
        "/api/metadata/workflow/x?version=abc",
        "/api/workflow/search?start=-1",
        "/api/tasks/poll/batch/x?count=1_0",
        "/api/tasks/queue/size",
        "/api/tasks/queue/polldata",
    ],
)
def test_bad_or_missing_query_value_is_400(send: Send, path: str) -> None:
    assert send("GET", path).status == 400


def test_list_query_takes_repeated_keys_and_commas(send: Send) -> None:
    repeated = send("GET", "/api/tasks/queue/sizes?taskType=a&taskType=b")
    joined = send("GET", "/api/tasks/queue/sizes?taskType=a,b")

    assert repeated.json == joined.json == {"a": 0, "b": 0}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"null", b"NaN", b"\xff"])
def test_body_that_is_no_object_is_400(send: Send, body: bytes) -> None:
    reply = send("POST", "/api/workflow", body)

    assert reply.status == 400
    assert reply.json["retryable"] is False


def test_json_that_is_nested_too_deep_is_422(send: Send) -> None:
    assert send("POST", "/api/workflow", b"[" * 100_000).status == 422


def test_large_body_is_read_and_one_above_the_limit_refused(send: Send, flow: str) -> None:
    deep = {"name": flow, "input": {"rows": [{"text": "[{" * 20}] * 4000}}
    started = send("POST", "/api/workflow", deep)
    refused = send("POST", "/api/workflow", b" " * (MAX_BODY_BYTES + 1))

    assert started.status == 200
    shown = send("GET", f"/api/workflow/{started.text}?includeTasks=false").json
    assert shown["input"] == deep["input"]
    assert (refused.status, "limit" in refused.json["message"]) == (413, True)


def test_body_where_none_is_expected_is_ignored(send: Send, flow: str) -> None:
    workflow_id = send("POST", f"/api/workflow/{flow}", {}).text

    for body in ({}, {"x": 1}, b"not json", b""):
        assert send("PUT", f"/api/workflow/{workflow_id}/pause", body).status == 200


def test_chunked_body_is_read(server: ApiServer, flow: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    parts = iter([b'{"name": "fl', b'ow", "input": {}}'])
    connection.request("POST", "/api/workflow", parts, {"Content-Type": "application/json"})
    response = connection.getresponse()

    assert (response.status, len(response.read())) == (200, 36)
    connection.close()


def test_log_is_kept_as_it_was_sent_whatever_its_type(send: Send) -> None:
    json_type = {"Content-Type": "application/json"}
    assert send("GET", "/api/tasks/t/log").status == 204
    assert send("POST", "/api/tasks/t/log", '"quoted"', json_type).status == 200
    assert send("POST", "/api/tasks/t/log", "plain & <b>", json_type).status == 200

    lines = [line["log"] for line in send("GET", "/api/tasks/t/log").json]
    assert lines == ['"quoted"', "plain & <b>"]


def test_validation_problems_are_listed_without_instance(send: Send) -> None:
    reply = send("POST", "/api/tasks", {"status": "COMPLETED", "workflowInstanceId": "w"})

    assert reply.json == {
        "status": 400,
        "message": "Validation failed, check below errors for detail.",
        "validationErrors": [
            {"path": "updateTask.arg0.taskId", "message": "Task ID cannot be null or empty"}
        ],
        "retryable": False,
    }


def test_suggestion_stands_beside_its_problem(send: Send) -> None:
    reply = send("POST", "/api/metadata/workflow", {"name": "w", "tasks": []})

    assert reply.json["validationErrors"] == [
        {
            "path": "registerWorkflowDef.arg0.tasks",
            "message": "WorkflowTask list cannot be empty",
            "suggestion": "Add at least one task.",
        }
    ]


def test_fault_of_ours_is_500_without_its_text(
    service: Service,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "task_defs", lambda keep_unknown: 1 / 0)

    # A server of its own: views of the service keep the methods that they have looked up.
    with ApiServer(service, port=0) as server, sender(server.port) as send:
        reply = send("GET", "/api/metadata/taskdefs")

    assert reply.status == 500
    assert "division" not in reply.text
    assert "division" in caplog.text


@pytest.mark.parametrize("ids", [[], ["x"] * 1001])
def test_bulk_takes_one_to_a_thousand_ids(send: Send, ids: list[str]) -> None:
    reply = send("PUT", "/api/workflow/bulk/pause", ids)

    assert reply.status == 400
    assert reply.json["validationErrors"][0]["path"] == "pauseWorkflow.arg0"


def test_bulk_tells_failures_by_id(send: Send, flow: str) -> None:
    workflow_id = send("POST", f"/api/workflow/{flow}", {}).text

    paused = send("PUT", "/api/workflow/bulk/pause", [workflow_id, "nobody"]).json
    removed = send("DELETE", "/api/workflow/bulk/terminate-remove", [workflow_id, "nobody"]).json

    unknown = {"nobody": "No such workflow found by id: nobody"}
    assert paused == {"bulkErrorResults": unknown, "bulkSuccessfulResults": [workflow_id]}
    assert removed == {"bulkErrorResults": unknown, "bulkSuccessfulResults": [workflow_id] * 2}


def test_bulk_names_what_was_terminated_and_removed_twice_in_a_row(send: Send, flow: str) -> None:
    ids = [send("POST", f"/api/workflow/{flow}", {}).text for _ in range(2)]
    removed = send("DELETE", "/api/workflow/bulk/terminate-remove", ids).json
    assert removed["bulkSuccessfulResults"] == [ids[0], ids[0], ids[1], ids[1]]


def test_search_page_of_executions_has_at_most_5000(send: Send) -> None:
    reply = send("GET", "/api/workflow/search?size=5001")

    assert reply.json["validationErrors"] == [
        {
            "path": "searchWorkflows.arg1",
            "message": "Cannot return more than 5000 workflows. Please use pagination.",
            "invalidValue": "5001",
        }
    ]


def test_search_parameters_become_clauses(send: Send, flow: str) -> None:
    send("POST", f"/api/workflow/{flow}", {})

    def hits(parameters: str) -> int:
        path = f"/api/workflow/search?query=workflowType%3Dflow&{parameters}"
        return int(send("GET", path).json["totalHits"])

    assert hits("topLevelOnly=true&classifier=workflow") == 1
    assert hits("classifier=agent,workflow") == 1
    assert hits("classifier=agent") == 0


def _complete_first(send: Send) -> None:
    """End the first task: what still waits is not in the index of tasks."""
    task = send("GET", "/api/tasks/poll/first").json
    result = {key: task[key] for key in ("workflowInstanceId", "taskId")}
    assert send("POST", "/api/tasks", {**result, "status": "COMPLETED"}).status == 200


def test_task_summary_has_correlation_and_priority_of_its_execution(send: Send, flow: str) -> None:
    send("POST", "/api/workflow", {"name": flow, "correlationId": "c-7", "priority": 3})
    _complete_first(send)

    line = send("GET", "/api/tasks/search?query=workflowType%3Dflow").json["results"][0]

    assert (line["correlationId"], line["workflowPriority"]) == ("c-7", 3)


def test_search_v2_and_by_tasks_load_the_executions(send: Send, flow: str) -> None:
    workflow_id = send("POST", f"/api/workflow/{flow}", {}).text
    _complete_first(send)
    query = "query=workflowType%3Dflow"

    for kind in ("search-v2", "search-by-tasks", "search-by-tasks-v2"):
        found = send("GET", f"/api/workflow/{kind}?{query}").json
        assert [line["workflowId"] for line in found["results"]] == [workflow_id]
        assert found["totalHits"] == 1
    task = send("GET", f"/api/tasks/search-v2?{query}").json["results"][0]
    assert (task["workflowInstanceId"], task["referenceTaskName"]) == (workflow_id, "first_ref")


def test_executions_of_several_definitions_are_found_by_correlation_id(
    send: Send, flow: str
) -> None:
    started = send("POST", "/api/workflow", {"name": flow, "correlationId": "c-8"}).text
    body = {"workflowNames": [flow, "none"], "correlationIds": ["c-8", "c-9"]}

    found = send("POST", "/api/workflow/correlated/batch", body).json

    assert [workflow["workflowId"] for workflow in found["c-8"]] == [started]
    assert found["c-9"] == []
    assert send("POST", "/api/workflow/correlated/batch", {"workflowNames": "x"}).status == 400


def test_variables_are_merged_until_the_execution_has_ended(send: Send, flow: str) -> None:
    workflow_id = send("POST", f"/api/workflow/{flow}", {}).text
    path = f"/api/workflow/{workflow_id}/variables"
    send("POST", path, {"a": 1, "b": 1})

    assert send("POST", path, {"b": 2}).json["variables"] == {"a": 1, "b": 2}
    assert send("POST", path, {"b": "x" * 300_000}).status == 400
    send("DELETE", f"/api/workflow/{workflow_id}")
    assert send("POST", path, {"b": 3}).status == 409


def test_state_update_sets_variables_and_completes_a_task_before_it_answers(send: Send) -> None:
    tasks = [
        {"name": "w", "taskReferenceName": "w", "type": "WAIT"},
        {
            "name": "i",
            "taskReferenceName": "i",
            "type": "LAMBDA",
            "inputParameters": {
                "scriptExpression": "return [$.v, $.o]",
                "v": "${workflow.variables.v}",
                "o": "${w.output.o}",
            },
        },
    ]
    send("POST", "/api/metadata/workflow", {"name": "stateful", "tasks": tasks})
    workflow_id = send("POST", "/api/workflow/stateful", {}).text
    path = f"/api/workflow/{workflow_id}/state"
    body = {"taskReferenceName": "w", "variables": {"v": 1}, "taskResult": {"outputData": {"o": 2}}}

    refused = send("POST", path, {**body, "taskReferenceName": "x"})
    run = send("POST", f"{path}?requestId=r", body).json

    assert refused.status == 404
    assert (run["requestId"], run["status"], run["variables"]) == ("r", "COMPLETED", {"v": 1})
    assert run["tasks"][1]["outputData"] == {"result": [1, 2]}
    assert send("POST", path, {"variables": {"v": 2}}).status == 409


def test_unknown_keys_of_definitions_are_given_back_on_request_only(send: Send) -> None:
    task = {"name": "k_task", "taskReferenceName": "t", "note": 1}
    send("POST", "/api/metadata/workflow", {"name": "k_flow", "note": 1, "tasks": [task]})
    send("POST", "/api/metadata/taskdefs", [{"name": "k_task", "note": 1}])

    for path in ("/api/metadata/workflow/k_flow", "/api/metadata/taskdefs/k_task"):
        assert "note" not in send("GET", path).json
        assert send("GET", f"{path}?keepUnknown=true").json["note"] == 1
    kept = send("GET", "/api/metadata/workflow/k_flow?keepUnknown=true").json
    assert kept["tasks"][0]["note"] == 1
    for path in ("/api/metadata/workflow", "/api/metadata/taskdefs"):
        assert "note" not in send("GET", path).text
        assert "note" in send("GET", f"{path}?keepUnknown=true").text


@pytest.mark.parametrize("query", ["operation=COPY", "payloadType=NOPE"])
def test_location_for_nothing_known_is_refused(send: Send, query: str) -> None:
    given = {"path": "a", "operation": "READ", "payloadType": "TASK_INPUT"}
    given |= dict([query.split("=")])
    text = "&".join(f"{key}={value}" for key, value in given.items())

    assert send("GET", f"/api/tasks/externalstoragelocation?{text}").status == 400


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:9", "LOCALHOST"])
def test_local_host_names_are_let_in(send: Send, host: str) -> None:
    assert send("GET", "/api/health", headers={"Host": host}).status == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:80", "127.0.0.1.nip.io"])
def test_unknown_host_name_is_refused(send: Send, host: str) -> None:
    reply = send("GET", "/api/workflow/x", headers={"Host": host})

    assert (reply.status, reply.json["status"]) == (403, 403)


def _configured(service: Service) -> Service:
    service.create_api_key("somebody", "viewer").result(10)
    return service


def test_host_names_can_be_allowed() -> None:
    with (
        Engine(functions=FunctionRegistry()) as engine,
        ApiServer(_configured(engine.service), port=0, allowed_hosts=["studio.example"]) as server,
    ):
        for host in ("studio.example:80", "localhost"):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
            connection.request("GET", "/health", headers={"Host": host})
            assert connection.getresponse().status == 200
            connection.close()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_page_of_another_site_can_change_nothing(
    send: Send, flow: str, headers: dict[str, str]
) -> None:
    headers = {"Host": "localhost:8080", **headers}

    assert send("POST", f"/api/workflow/{flow}", {}, headers).status == 403
    assert send("GET", "/api/tasks/poll/first", headers=headers).status == 403
    assert send("GET", "/api/tasks/poll%2Fx", headers=headers).status in (403, 404)


def test_own_page_may_write(send: Send, flow: str) -> None:
    headers = {
        "Host": "localhost:8080",
        "Origin": "http://localhost:8080",
        "Sec-Fetch-Site": "same-origin",
    }

    assert send("POST", f"/api/workflow/{flow}", {}, headers).status == 200


def test_many_polls_wait_side_by_side_without_holding_others_up(
    server: ApiServer, send: Send
) -> None:
    def poll(_: int) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("GET", "/api/tasks/poll/batch/none?timeout=700")
        body = connection.getresponse().read()
        connection.close()
        return body

    with ThreadPoolExecutor(12) as pool:
        waiting = pool.map(poll, range(12))
        assert send("GET", "/api/health").status == 200
        assert set(waiting) == {b"[]"}


def test_health_is_503_once_the_journal_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(commit: object) -> None:
        raise OSError("No space left on device")

    with (
        Engine(functions=FunctionRegistry()) as engine,
        ApiServer(engine.service, port=0) as server,
        sender(server.port) as send,
    ):
        assert send("GET", "/health").json["healthy"] is True
        monkeypatch.setattr(engine._runtime.store, "commit", full)
        monkeypatch.setattr(engine._runtime.store, "try_writing", lambda: full(None))

        refused = send("POST", "/api/metadata/taskdefs", [{"name": "t"}])
        reply = send("GET", "/api/health")

        assert (refused.status, reply.status, reply.json["healthy"]) == (503, 503, False)
        assert refused.json["retryable"] is True
        assert int(refused.headers["retry-after"]) > 0
        assert "No space left on device" in reply.json["healthResults"][0]["details"]["message"]


def test_cancelled_command_is_told_to_try_again(service: Service) -> None:
    given_up: Future[None] = Future()
    given_up.cancel()

    with pytest.raises(UnavailableError):
        asyncio.run(Call({}, b"").wait(given_up))


def test_door_can_stand_below_a_path(service: Service) -> None:
    async def ask(path: str) -> int:
        patterns = [
            (f"/studio{pattern}", handler, given)
            for pattern, handler, given in routes(service, prefix="/studio")
        ]
        server = HTTPServer(Application(patterns))
        sockets = bind_sockets(0, "127.0.0.1")
        server.add_sockets(sockets)
        port = sockets[0].getsockname()[1]
        reply = await AsyncHTTPClient().fetch(
            f"http://127.0.0.1:{port}/studio{path}", raise_error=False
        )
        server.stop()
        await server.close_all_connections()
        return reply.code

    assert asyncio.run(ask("/api/metadata/taskdefs")) == 200
    assert asyncio.run(ask("/api/metadata/taskdefs/none")) == 404
