"""Calls that wait for an execution, the workflow test, and skipping a task."""

from __future__ import annotations

import re
from typing import Any, Final

from ..errors import InvalidRequestError
from .answers import EMPTY, Answer, json_answer
from .call import Call, path_number
from .routing import Route
from .tasks import result_status

_KEYED: Final = re.compile(r"(taskInput|taskOutput)\[([^\]]+)\]")


async def execute(call: Call, name: str, version: str) -> Answer:
    """Start an execution and wait until it has ended or is blocked; path wins over body."""
    request = await call.body_object()
    number = path_number("version", version)
    request = {**request, "name": name, "version": number or None}
    definition = request.get("workflowDef")
    if isinstance(definition, dict) and definition.get("tasks"):
        given = request.get("input")
        given = dict(given) if isinstance(given, dict) else {}
        request["input"] = {**given, "_systemMetadata": {"dynamic": True}}
    future = call.service.execute_workflow(
        request,
        call.texts("waitUntilTaskRef"),
        float(call.number("waitForSeconds", 10)),
        call.text("returnStrategy") or "TARGET_WORKFLOW",
        call.text("requestId"),
    )
    return json_answer(await call.wait(future))


async def signal_sync(call: Call, workflow_id: str, status: str) -> Answer:
    """Answer the first open WAIT, then wait until the execution is blocked again or ended."""
    output = await call.body_object()
    future = call.service.signal_sync(
        workflow_id,
        result_status(status),
        output,
        call.text("returnStrategy") or "TARGET_WORKFLOW",
        call.number("timeoutMillis", 5000) / 1000,
    )
    return json_answer(await call.wait(future))


async def update_state(call: Call, workflow_id: str) -> Answer:
    """Set variables and update a task in one go, then wait until the execution is blocked."""
    body = await call.body_object()
    variables, result = body.get("variables") or {}, body.get("taskResult") or {}
    if not (isinstance(variables, dict) and isinstance(result, dict)):
        raise InvalidRequestError("variables and taskResult must be JSON objects.")
    future = call.service.update_state(
        workflow_id,
        variables,
        body.get("taskReferenceName"),
        result,
        call.texts("waitUntilTaskRef"),
        float(call.number("waitForSeconds", 10)),
        call.text("requestId"),
    )
    return json_answer(await call.wait(future))


async def test(call: Call) -> Answer:
    """Run a workflow with mocked task results."""
    request = await call.body_object()
    return json_answer(await call.wait(call.service.test_workflow(request)))


async def skip_task(call: Call, workflow_id: str, reference: str) -> Answer:
    """Pass over a task; input and output from ``taskInput[k]=v`` or a JSON body."""
    given: dict[str, dict[str, Any]] = {"taskInput": {}, "taskOutput": {}}
    body = await call.optional_object()
    for key in given:
        if isinstance(body.get(key), dict):
            given[key].update(body[key])
    for name in call.names():
        match = _KEYED.fullmatch(name)
        if match:
            given[match[1]][match[2]] = call.text(name)
    await call.wait(
        call.service.skip_task(workflow_id, reference, given["taskInput"], given["taskOutput"])
    )
    return EMPTY


ROUTES: Final = (
    Route("POST", "/api/workflow/execute/{name}/{version}", execute, "executeWorkflow.arg0"),
    Route("POST", "/api/workflow/{workflowId}/state", update_state),
    Route("POST", "/api/workflow/test", test, "testWorkflow.arg0"),
    Route("PUT", "/api/workflow/{workflowId}/skiptask/{taskReferenceName}", skip_task),
    Route("POST", "/api/tasks/{workflowId}/{status}/signal/sync", signal_sync),
)
