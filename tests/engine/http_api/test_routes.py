"""The documented routes, and what each answers when nothing it names exists."""

from __future__ import annotations

import re
from typing import Any

import pytest
from door_client import Send

from engine.http_api import ROUTES
from engine.http_api.tags import PLACES as TAG_PLACES

DEFINITION = {"name": "w", "tasks": [{"name": "t", "taskReferenceName": "t"}]}
RESULT = {"workflowInstanceId": "none", "taskId": "none", "status": "COMPLETED"}
WRONG_ID = ["none"]
HANDLER = {
    "name": "h",
    "event": "conductor:x:y",
    "actions": [{"action": "start_workflow", "start_workflow": {"name": "w"}}],
}
SCHEDULE = {
    "name": "s",
    "cronExpression": "0 0 0 1 1 *",
    "startWorkflowRequest": {"name": "w"},
}
EXTERNAL = "/api/external/payload/{owner}/{kind}/{holder}/{file}"
LOCATION = "?path=a&operation=WRITE&payloadType=TASK_OUTPUT"

DOCUMENTED: list[tuple[str, str, Any, int]] = [
    ("GET", "/health", None, 200),
    ("GET", "/api/health", None, 200),
    ("GET", "/actuator/health", None, 200),
    ("GET", "/api/version", None, 200),
    ("GET", "/api/capabilities", None, 200),
    ("POST", "/api/token", {"keyId": "a", "keySecret": "b"}, 404),
    ("GET", "/api/token", None, 404),
    ("GET", "/api/token/userInfo", None, 404),
    ("GET", "/api/access/me", None, 200),
    ("GET", "/api/access/users", None, 200),
    ("POST", "/api/access/users", {"name": "ann", "role": "viewer"}, 400),
    ("PUT", "/api/access/users/{name}", {"role": "viewer"}, 404),
    ("DELETE", "/api/access/users/{name}", None, 404),
    ("GET", "/api/access/keys", None, 200),
    ("POST", "/api/access/keys", {"name": "ci"}, 400),
    ("DELETE", "/api/access/keys/{keyId}", None, 404),
    ("GET", "/api/access/links", None, 200),
    ("POST", "/api/access/links", {"workflowId": "none"}, 404),
    ("DELETE", "/api/access/links/{linkId}", None, 404),
    ("GET", "/api/access/audit", None, 200),
    ("GET", "/api/executions/{workflowId}/history", None, 404),
    ("GET", "/api/executions/{workflowId}/failure", None, 404),
    ("GET", "/api/executions/{workflowId}/family", None, 200),
    ("GET", "/api/executions/{workflowId}/tasks/{taskId}/origin?leaf=a", None, 404),
    ("GET", "/api/executions/{workflowId}/tasks/{taskId}/plan", None, 404),
    ("POST", "/api/executions/{workflowId}/tasks/{taskId}/branch", {}, 404),
    ("POST", "/api/executions/import", {"workflow": {}}, 400),
    ("POST", "/api/executions/query", {"sql": "SELECT 1 AS one"}, 200),
    ("POST", "/api/metadata/workflow", DEFINITION, 200),
    ("PUT", "/api/metadata/workflow", [DEFINITION], 200),
    ("GET", "/api/metadata/workflow", None, 200),
    ("GET", "/api/metadata/tasktypes", None, 200),
    ("POST", "/api/workflow/{workflowId}/messages", {"k": 1}, 404),
    ("POST", "/api/metadata/workflow/validate", DEFINITION, 200),
    ("GET", "/api/metadata/workflow/names", None, 200),
    ("GET", "/api/metadata/workflow/names-and-versions", None, 200),
    ("GET", "/api/metadata/workflow/latest-versions", None, 200),
    ("GET", "/api/metadata/workflow/{name}", None, 404),
    ("GET", "/api/metadata/workflow/{name}/versions", None, 200),
    ("DELETE", "/api/metadata/workflow/{name}/{version}", None, 404),
    ("POST", "/api/metadata/taskdefs", [{"name": "t"}], 200),
    ("PUT", "/api/metadata/taskdefs", {"name": "none"}, 404),
    ("GET", "/api/metadata/taskdefs", None, 200),
    ("GET", "/api/metadata/taskdefs/{name}", None, 404),
    ("DELETE", "/api/metadata/taskdefs/{name}", None, 404),
    ("POST", "/api/schema", [{"name": "s", "type": "JSON", "data": {"type": "object"}}], 200),
    ("GET", "/api/schema", None, 200),
    ("GET", "/api/schema/{name}", None, 404),
    ("GET", "/api/schema/{name}/{version}", None, 404),
    ("DELETE", "/api/schema/{name}", None, 404),
    ("DELETE", "/api/schema/{name}/{version}", None, 404),
    ("POST", "/api/workflow", {"name": "none", "input": {}}, 404),
    ("POST", "/api/workflow/{name}", {}, 404),
    ("GET", "/api/workflow/{workflowId}", None, 404),
    ("DELETE", "/api/workflow/{workflowId}", None, 404),
    ("GET", "/api/workflow/{workflowId}/status", None, 404),
    ("GET", "/api/workflow/{workflowId}/tasks", None, 404),
    ("GET", "/api/workflow/running/{name}", None, 200),
    ("GET", "/api/workflow/{name}/correlated/{correlationId}", None, 200),
    ("POST", "/api/workflow/{name}/correlated", [], 200),
    ("PUT", "/api/workflow/decide/{workflowId}", None, 404),
    ("PUT", "/api/workflow/{workflowId}/pause", None, 404),
    ("PUT", "/api/workflow/{workflowId}/resume", None, 404),
    ("DELETE", "/api/workflow/{workflowId}/remove", None, 404),
    ("DELETE", "/api/workflow/{workflowId}/terminate-remove", None, 404),
    ("POST", "/api/workflow/{workflowId}/restart", None, 404),
    ("POST", "/api/workflow/{workflowId}/retry", None, 404),
    ("POST", "/api/workflow/{workflowId}/rerun", {}, 404),
    ("POST", "/api/workflow/{workflowId}/resetcallbacks", None, 404),
    ("PUT", "/api/workflow/bulk/pause", WRONG_ID, 200),
    ("PUT", "/api/workflow/bulk/resume", WRONG_ID, 200),
    ("POST", "/api/workflow/bulk/restart", WRONG_ID, 200),
    ("POST", "/api/workflow/bulk/retry", WRONG_ID, 200),
    ("POST", "/api/workflow/bulk/terminate", WRONG_ID, 200),
    ("DELETE", "/api/workflow/bulk/remove", WRONG_ID, 200),
    ("DELETE", "/api/workflow/bulk/terminate-remove", WRONG_ID, 200),
    ("POST", "/api/workflow/bulk/search", WRONG_ID, 200),
    ("GET", "/api/workflow/search", None, 200),
    ("GET", "/api/workflow/search-v2", None, 200),
    ("GET", "/api/workflow/search-by-tasks", None, 200),
    ("GET", "/api/workflow/search-by-tasks-v2", None, 200),
    ("GET", "/api/tasks/search", None, 200),
    ("GET", "/api/tasks/search-v2", None, 200),
    ("GET", "/api/tasks/poll/{taskType}", None, 204),
    ("GET", "/api/tasks/poll/batch/{taskType}", None, 200),
    ("POST", "/api/tasks", RESULT, 404),
    ("POST", "/api/tasks/update-v2", RESULT, 404),
    ("POST", "/api/tasks/{workflowId}/{taskRefName}/{status}", {}, 200),
    ("POST", "/api/tasks/{workflowId}/{taskRefName}/{status}/sync", {}, 404),
    ("POST", "/api/tasks/{workflowId}/{status}/signal", {}, 404),
    ("GET", "/api/tasks/{taskId}", None, 404),
    ("GET", "/api/tasks/{taskId}/log", None, 204),
    ("POST", "/api/tasks/{taskId}/log", "line", 200),
    ("GET", "/api/tasks/queue/size?taskType=none", None, 200),
    ("GET", "/api/tasks/queue/sizes?taskType=none", None, 200),
    ("GET", "/api/tasks/queue/all", None, 200),
    ("GET", "/api/tasks/queue/all/verbose", None, 200),
    ("GET", "/api/tasks/queue/polldata?taskType=none", None, 200),
    ("GET", "/api/tasks/queue/polldata/all", None, 200),
    ("POST", "/api/tasks/queue/requeue/{taskType}", None, 200),
    ("POST", "/api/workflow/execute/{name}/{version}", {"input": {}}, 404),
    ("POST", "/api/workflow/test", {"name": "none", "input": {}}, 404),
    ("PUT", "/api/workflow/{workflowId}/skiptask/{taskReferenceName}", None, 404),
    ("POST", "/api/tasks/{workflowId}/{status}/signal/sync", {}, 404),
    ("GET", "/api/secrets", None, 200),
    ("POST", "/api/secrets", None, 200),
    ("GET", "/api/secrets/{key}/exists", None, 200),
    ("GET", "/api/secrets/v2", None, 200),
    ("PUT", "/api/secrets/{key}", "value", 501),
    ("DELETE", "/api/secrets/{key}", None, 501),
    ("POST", "/api/event", HANDLER, 200),
    ("PUT", "/api/event", {**HANDLER, "name": "none"}, 404),
    ("GET", "/api/event", None, 200),
    ("GET", "/api/event/{event}", None, 200),
    ("DELETE", "/api/event/{name}", None, 404),
    ("GET", "/api/admin/config", None, 200),
    ("GET", "/api/admin/task/{taskType}", None, 200),
    ("POST", "/api/admin/sweep/requeue/{workflowId}", None, 200),
    ("POST", "/api/admin/consistency/verifyAndRepair/{workflowId}", None, 404),
    ("GET", "/api/admin/queues", None, 200),
    ("GET", "/api/queue/", None, 200),
    ("GET", "/api/queue/size", None, 200),
    ("POST", "/api/queue/update/{workflowId}/{taskRefName}/{status}", {}, 400),
    ("POST", "/api/queue/update/{workflowId}/task/{taskId}/{status}", {}, 400),
    ("GET", f"/api/workflow/externalstoragelocation{LOCATION}", None, 200),
    ("GET", f"/api/workflow/external-storage-location{LOCATION}", None, 200),
    ("GET", f"/api/tasks/externalstoragelocation{LOCATION}", None, 200),
    ("GET", f"/api/tasks/external-storage-location{LOCATION}", None, 200),
    (
        "GET",
        "/api/external/payload/{owner}/{kind}/{holder}/{file}?signature=x&expires=1",
        None,
        400,
    ),
    ("PUT", f"{EXTERNAL}?signature=x&expires=1", {}, 400),
    ("POST", "/api/workflow/correlated/batch", {}, 200),
    ("POST", "/api/workflow/{workflowId}/variables", {}, 404),
    ("POST", "/api/workflow/{workflowId}/state", {}, 404),
    ("POST", "/api/workflow/bulk/delete", WRONG_ID, 200),
    ("POST", "/api/scheduler/schedules", SCHEDULE, 200),
    ("GET", "/api/scheduler/schedules", None, 200),
    ("GET", "/api/scheduler/schedules/search", None, 200),
    ("GET", "/api/scheduler/schedules/{name}", None, 404),
    ("DELETE", "/api/scheduler/schedules/{name}", None, 200),
    ("PUT", "/api/scheduler/schedules/{name}/pause", None, 404),
    ("PUT", "/api/scheduler/schedules/{name}/resume", None, 404),
    ("GET", "/api/scheduler/nextFewSchedules?cronExpression=@daily", None, 200),
    ("GET", "/api/scheduler/search/executions", None, 200),
    ("GET", "/api/scheduler/admin/requeue", None, 200),
    ("GET", "/api/scheduler/admin/pause", None, 200),
    ("GET", "/api/scheduler/admin/resume", None, 200),
    ("PUT", "/api/scheduler/bulk/pause", WRONG_ID, 200),
    ("PUT", "/api/scheduler/bulk/resume", WRONG_ID, 200),
    ("GET", "/api/environment", None, 200),
    ("GET", "/api/environment/{key}", None, 200),
    ("GET", "/api/executions/{workflowId}/events", None, 404),
    ("PUT", "/api/environment/{key}", "value", 405),
    ("DELETE", "/api/environment/{key}", None, 405),
    ("GET", "/api/metadata/tags", None, 200),
    ("GET", "/api/scheduler/schedules/tags?tag=none", None, 200),
    *(
        (method, path, [], 404)
        for path in TAG_PLACES
        for method in ("GET", "POST", "PUT", "DELETE")
    ),
    ("GET", "/api-docs", None, 200),
    ("GET", "/metrics", None, 200),
    ("GET", "/actuator/prometheus", None, 200),
    ("GET", "/openapi.json", None, 200),
    ("GET", "/swagger-ui.html", None, 200),
    ("GET", "/swagger-ui/{file}", None, 404),
]

BARE_404 = [("GET", "/api/secrets/{key}")]
"""Routes whose 404 has no body, as measured on the real server."""

STREAMS = [("GET", "/api/executions/events")]
"""Routes whose answer has no end; see ``test_event_streams``."""


def test_every_route_is_documented_and_every_documented_one_exists() -> None:
    served = {(route.method, route.path) for route in ROUTES}

    documented = {(method, path.partition("?")[0]) for method, path, _, _ in DOCUMENTED}
    assert served == {*documented, *BARE_404, *STREAMS}


@pytest.mark.parametrize(("method", "path", "body", "status"), DOCUMENTED)
def test_route_answers_as_documented_when_what_it_names_is_unknown(
    send: Send, method: str, path: str, body: Any, status: int
) -> None:
    for name, value in (("version", "1"), ("status", "COMPLETED")):
        path = path.replace(f"{{{name}}}", value)
    reply = send(method, re.sub(r"\{\w+\}", "none", path), body)

    assert reply.status == status
    if status == 404 and not path.endswith("/messages"):  # refuses in bare text, as Conductor
        assert reply.json["message"]
        assert reply.headers["content-type"] == "application/json"
    if not reply.body:
        assert "content-type" not in reply.headers


@pytest.mark.parametrize("path", ["/x/COMPLETE", "/x/ref/SCHEDULED", "/x/ref/completed/sync"])
def test_status_that_no_worker_may_report_is_400(send: Send, path: str) -> None:
    path = path if path.count("/") > 2 else f"{path}/signal"

    assert send("POST", f"/api/tasks{path}", {}).status == 400
