"""``/api/workflow``: starting, reading and steering executions."""

from __future__ import annotations

from typing import Any, Final

from ..errors import InvalidRequestError
from ..models.requests import validate_query_priority
from .answers import EMPTY, JSON, NO_CONTENT, Answer, json_answer, text_answer
from .call import Call
from .routing import Route

Wire = dict[str, Any]


async def start(call: Call) -> Answer:
    """Start an execution from a StartWorkflowRequest; answers its id as bare text."""
    body = await call.body_object()
    if body.get("workflowDef") is not None:
        return text_answer(await call.checked(call.service.start_workflow, body))
    return text_answer(await call.wait(call.service.start_workflow(body)))


async def start_by_name(call: Call, name: str) -> Answer:
    """Start the named workflow; the body is its input."""
    version = call.optional_number("version")
    priority = call.number("priority", 0)
    validate_query_priority(priority)
    body = await call.body_object()
    call.service.workflow_def(name, version)  # this form words an unknown name like a look-up
    request: Wire = {"name": name, "input": body, "priority": priority}
    if version is not None:
        request["version"] = version
    correlation_id = call.text("correlationId")
    if correlation_id is not None:
        request["correlationId"] = correlation_id
    return text_answer(await call.wait(call.service.start_workflow(request)))


async def workflow(call: Call, workflow_id: str) -> Answer:
    """One execution, its tasks in order of ``seq`` unless ``includeTasks=false``."""
    text = call.service.workflow_text(workflow_id, call.flag("includeTasks", True))
    return Answer(200, await call.wait(text), JSON)


def workflow_at_once(call: Call, workflow_id: str) -> Answer | None:
    """The same, if nothing has changed since somebody asked for it."""
    text = call.service.workflow_at_hand(workflow_id, call.flag("includeTasks", True))
    return None if text is None else Answer(200, text, JSON)


async def status(call: Call, workflow_id: str) -> Answer:
    """The short form of an execution."""
    future = call.service.workflow_status(
        workflow_id, call.flag("includeOutput"), call.flag("includeVariables")
    )
    return json_answer(await call.wait(future))


async def tasks_page(call: Call, workflow_id: str) -> Answer:
    """A page of the tasks of an execution, filtered by ``status`` (any case) before paging."""
    start_at, count = call.number("start", 0), call.number("count", 15)
    if start_at < 0 or count < 0:
        raise InvalidRequestError("start and count must not be negative.")
    statuses = tuple(text.upper() for text in call.texts("status"))
    future = call.service.workflow_tasks(workflow_id, start_at, count, statuses)
    return json_answer(await call.wait(future))


async def running(call: Call, name: str) -> Answer:
    """Ids of open executions, or of any created between ``startTime`` and ``endTime``.

    ``version`` filters the second form only: Conductor ignores it in the first.
    """
    after, before = call.number("startTime", 0), call.number("endTime", 0)
    version = call.optional_number("version")
    if not (after and before):
        return json_answer(call.service.running(name))
    return json_answer(await call.query(call.service.created_between, name, after, before, version))


async def correlated(call: Call, name: str, correlation_id: str) -> Answer:
    """Executions of one correlation id."""
    found = await _correlated(call, name, [correlation_id])
    return json_answer(found.get(correlation_id, []))


async def correlated_many(call: Call, name: str) -> Answer:
    """Correlation id to executions, one key for every id of the body."""
    wanted = await call.body_texts()
    found = await _correlated(call, name, wanted) if wanted else {}
    return json_answer({key: found.get(key, []) for key in wanted})


async def correlated_batch(call: Call) -> Answer:
    """The same over several definitions: ``workflowNames`` and ``correlationIds``."""
    body = await call.body_object()
    names, wanted = body.get("workflowNames") or [], body.get("correlationIds") or []
    if not (_are_texts(names) and _are_texts(wanted)):
        raise InvalidRequestError("workflowNames and correlationIds must be lists of texts.")
    future = call.service.correlated_batch(
        names, wanted, call.flag("includeClosed"), call.flag("includeTasks")
    )
    return json_answer(await call.wait(future))


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


async def set_variables(call: Call, workflow_id: str) -> Answer:
    """Merge workflow variables; answers the execution."""
    variables = await call.body_object()
    return json_answer(await call.wait(call.service.set_variables(workflow_id, variables)))


async def _correlated(call: Call, name: str, correlation_ids: list[str]) -> dict[str, list[Wire]]:
    future = call.service.correlated(
        name, correlation_ids, call.flag("includeClosed"), call.flag("includeTasks")
    )
    return await call.wait(future)


async def decide(call: Call, workflow_id: str) -> Answer:
    """Evaluate now."""
    await call.wait(call.service.decide(workflow_id))
    return EMPTY


async def pause(call: Call, workflow_id: str) -> Answer:
    """Schedule nothing more until it is resumed."""
    await call.wait(call.service.pause(workflow_id))
    return EMPTY


async def resume(call: Call, workflow_id: str) -> Answer:
    """Go on; 500 when it is not paused, as in Conductor."""
    await call.wait(call.service.resume(workflow_id))
    return EMPTY


async def terminate(call: Call, workflow_id: str) -> Answer:
    """End an execution for the given ``reason``."""
    await call.wait(call.service.terminate(workflow_id, call.text("reason")))
    return EMPTY


async def remove(call: Call, workflow_id: str) -> Answer:
    """Delete an execution; ``archiveWorkflow`` (default) demands that it has ended."""
    await call.wait(call.service.remove(workflow_id, call.flag("archiveWorkflow", True)))
    return EMPTY


async def terminate_remove(call: Call, workflow_id: str) -> Answer:
    """Terminate, then remove; a COMPLETED one is neither (409)."""
    archive = call.flag("archiveWorkflow", True)
    await call.wait(call.service.terminate(workflow_id, call.text("reason")))
    await call.wait(call.service.remove(workflow_id, archive))
    return EMPTY


async def restart(call: Call, workflow_id: str) -> Answer:
    """Start an ended execution over, under the same id."""
    await call.wait(call.service.restart(workflow_id, call.flag("useLatestDefinitions")))
    return NO_CONTENT


async def retry(call: Call, workflow_id: str) -> Answer:
    """Go on at the failed tasks of an ended execution."""
    await call.wait(call.service.retry(workflow_id, call.flag("resumeSubworkflowTasks")))
    return NO_CONTENT


async def rerun(call: Call, workflow_id: str) -> Answer:
    """Go back to a task (or the start) of an ended execution; answers the same id."""
    body = await call.body_object()
    request = {**body, "reRunFromWorkflowId": workflow_id}
    return text_answer(await call.wait(call.service.rerun(workflow_id, request)))


async def reset_callbacks(call: Call, workflow_id: str) -> Answer:
    """Offer tasks that wait for their callback to workers at once."""
    await call.wait(call.service.reset_callbacks(workflow_id))
    return NO_CONTENT


_BASE: Final = "/api/workflow"
_ONE: Final = "/api/workflow/{workflowId}"

ROUTES: Final = (
    Route("POST", _BASE, start, "startWorkflow.arg0"),
    Route("POST", f"{_BASE}/{{name}}", start_by_name, "startWorkflow.arg3"),
    Route("GET", _ONE, workflow, at_once=workflow_at_once),
    Route("DELETE", _ONE, terminate),
    Route("GET", f"{_ONE}/status", status),
    Route("GET", f"{_ONE}/tasks", tasks_page),
    Route("GET", f"{_BASE}/running/{{name}}", running),
    Route("GET", f"{_BASE}/{{name}}/correlated/{{correlationId}}", correlated),
    Route("POST", f"{_BASE}/{{name}}/correlated", correlated_many),
    Route("POST", f"{_BASE}/correlated/batch", correlated_batch),
    Route("POST", f"{_ONE}/variables", set_variables),
    Route("PUT", f"{_BASE}/decide/{{workflowId}}", decide),
    Route("PUT", f"{_ONE}/pause", pause),
    Route("PUT", f"{_ONE}/resume", resume),
    Route("DELETE", f"{_ONE}/remove", remove),
    Route("DELETE", f"{_ONE}/terminate-remove", terminate_remove),
    Route("POST", f"{_ONE}/restart", restart),
    Route("POST", f"{_ONE}/retry", retry),
    Route("POST", f"{_ONE}/rerun", rerun, "rerunWorkflow.arg0"),
    Route("POST", f"{_ONE}/resetcallbacks", reset_callbacks),
)
