"""``/api/tasks``: polling, updating, signals, logs and queues."""

from __future__ import annotations

from typing import Final

from ..errors import InvalidRequestError
from ..models.requests import TaskResultStatus
from .answers import EMPTY, NO_CONTENT, Answer, json_answer, text_answer
from .call import Call
from .routing import Route

LONGEST_POLL_MS: Final = 5000
"""Longest time a poll may wait, in milliseconds."""

_POLL_MS: Final = 100
_MOST_TASKS: Final = 1000


async def poll(call: Call, task_type: str) -> Answer:
    """Hand one task to a worker: it is IN_PROGRESS, durably, before it is sent; else 204."""
    future = call.service.poll(task_type, call.text("workerid"), call.text("domain"), 1, _POLL_MS)
    found = await call.wait(future)
    return json_answer(found[0]) if found else NO_CONTENT


async def poll_batch(call: Call, task_type: str) -> Answer:
    """Hand up to ``count`` tasks to a worker, waiting ``timeout`` ms for the first; else ``[]``."""
    timeout_ms = call.number("timeout", _POLL_MS)
    if timeout_ms > LONGEST_POLL_MS:
        raise InvalidRequestError("Long Poll Timeout value cannot be more than 5 seconds")
    count = min(call.number("count", 1), _MOST_TASKS)
    if count < 1:
        return json_answer([])
    future = call.service.poll(
        task_type, call.text("workerid"), call.text("domain"), count, max(0, timeout_ms)
    )
    return json_answer(await call.wait(future))


async def update(call: Call) -> Answer:
    """Take a TaskResult; answers the task id. One for an ended task is ignored, not refused."""
    return text_answer(await call.wait(call.service.update_task(await call.body_object())))


async def update_v2(call: Call) -> Answer:
    """Take a TaskResult and hand out the next task of the same type, or 204."""
    body = await call.body_object()
    following = await call.wait(call.service.update_task_and_poll(body))
    return NO_CONTENT if following is None else json_answer(following)


async def update_by_reference(call: Call, workflow_id: str, reference: str, status: str) -> Answer:
    """Update the open task of a reference name; an empty 200 when there is none."""
    output = await call.body_object()
    future = call.service.update_task_by_reference(
        workflow_id, reference, result_status(status), output, call.text("workerid")
    )
    task_id = await call.wait(future)
    return EMPTY if task_id is None else text_answer(task_id)


async def update_by_reference_sync(
    call: Call, workflow_id: str, reference: str, status: str
) -> Answer:
    """The same, answering the execution; 404 when there is no such open task."""
    output = await call.body_object()
    future = call.service.update_task_by_reference_sync(
        workflow_id, reference, result_status(status), output, call.text("workerid")
    )
    return json_answer(await call.wait(future))


async def signal(call: Call, workflow_id: str, status: str) -> Answer:
    """Answer the first open WAIT of an execution or its children, if there is one."""
    output = await call.body_object()
    await call.wait(call.service.signal(workflow_id, result_status(status), output))
    return EMPTY


async def task(call: Call, task_id: str) -> Answer:
    """One task."""
    return json_answer(await call.wait(call.service.task(task_id, False)))


async def add_log(call: Call, task_id: str) -> Answer:
    """Append a line to the log of a task: the body as it stands, whatever its content type."""
    text = call.raw_body().decode("utf-8", "replace")
    await call.wait(call.service.add_log(task_id, text))
    return EMPTY


async def logs(call: Call, task_id: str) -> Answer:
    """The log of a task in order of time; 204 without one."""
    found = await call.query(call.service.logs, task_id)
    return json_answer(found) if found else NO_CONTENT


async def queue_size(call: Call) -> Answer:
    """Waiting tasks of one queue, as a bare JSON number."""
    name = call.required_text("taskType")
    domain = call.text("domain")
    if domain:
        name = f"{domain}:{name}"
    return json_answer(call.service.queue_sizes([name]).get(name, 0))


async def queue_sizes(call: Call) -> Answer:
    """Queue name to number of waiting tasks, for the names asked for."""
    call.required_text("taskType")
    return json_answer(call.service.queue_sizes(call.texts("taskType")))


async def queue_all(call: Call) -> Answer:
    """Every queue with its size."""
    return json_answer(call.service.queue_all())


async def queue_all_verbose(call: Call) -> Answer:
    """Every queue with its size and the tasks out with workers."""
    return json_answer(call.service.queue_all_verbose())


async def poll_data(call: Call) -> Answer:
    """Who polled one task type last, one entry per domain."""
    return json_answer(call.service.poll_data(call.required_text("taskType")))


async def poll_data_all(call: Call) -> Answer:
    """Who polled what last."""
    return json_answer(call.service.poll_data())


async def requeue(call: Call, task_type: str) -> Answer:
    """How many tasks wait: the queue is derived from the executions, so none is ever lost."""
    return text_answer(str(call.service.queue_sizes([task_type]).get(task_type, 0)))


def result_status(text: str) -> str:
    """A status name of a path, checked."""
    try:
        return TaskResultStatus(text).value
    except ValueError:
        known = ", ".join(TaskResultStatus)
        raise InvalidRequestError(
            f"{text[:80]!r} is no status of a task result; it is one of {known}."
        ) from None


_BASE: Final = "/api/tasks"
_REFERENCE: Final = "/api/tasks/{workflowId}/{taskRefName}/{status}"

ROUTES: Final = (
    Route("GET", f"{_BASE}/poll/{{taskType}}", poll),
    Route("GET", f"{_BASE}/poll/batch/{{taskType}}", poll_batch),
    Route("POST", _BASE, update, "updateTask.arg0"),
    Route("POST", f"{_BASE}/update-v2", update_v2, "updateTask.arg0"),
    Route("POST", _REFERENCE, update_by_reference),
    Route("POST", f"{_REFERENCE}/sync", update_by_reference_sync),
    Route("POST", f"{_BASE}/{{workflowId}}/{{status}}/signal", signal),
    Route("GET", f"{_BASE}/{{taskId}}", task),
    Route("POST", f"{_BASE}/{{taskId}}/log", add_log),
    Route("GET", f"{_BASE}/{{taskId}}/log", logs),
    Route("GET", f"{_BASE}/queue/size", queue_size),
    Route("GET", f"{_BASE}/queue/sizes", queue_sizes),
    Route("GET", f"{_BASE}/queue/all", queue_all),
    Route("GET", f"{_BASE}/queue/all/verbose", queue_all_verbose),
    Route("GET", f"{_BASE}/queue/polldata", poll_data),
    Route("GET", f"{_BASE}/queue/polldata/all", poll_data_all),
    Route("POST", f"{_BASE}/queue/requeue/{{taskType}}", requeue),
)
