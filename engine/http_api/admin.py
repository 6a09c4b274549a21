"""``/api/admin`` and ``/api/queue``: what administrators look at."""

from __future__ import annotations

from typing import Final

from ..errors import InvalidRequestError
from .answers import Answer, json_answer, text_answer
from .call import Call
from .health import installed_version
from .routing import Route
from .tasks import result_status


async def config(call: Call) -> Answer:
    """Which server this is. Conductor lists its process's properties here; ours stay inside."""
    return json_answer({"name": "conductor-studio", "version": installed_version()})


async def pending_tasks(call: Call, task_type: str) -> Answer:
    """Tasks of a type that have not ended."""
    start, count = call.number("start", 0), call.number("count", 100)
    return json_answer(await call.wait(call.service.pending_tasks(task_type, start, count)))


async def sweep(call: Call, workflow_id: str) -> Answer:
    """Look at an execution now. Unknown ids are accepted, as in Conductor."""
    await call.wait(call.service.sweep(workflow_id))
    return text_answer(f"true.{workflow_id}")


async def verify_and_repair(call: Call, workflow_id: str) -> Answer:
    """Queues are derived from the executions, so there is never anything to repair."""
    await call.wait(call.service.decide(workflow_id))
    return text_answer("false")


async def event_queues(call: Call) -> Answer:
    """Queues of the events that are listened to: their names, or with ``verbose`` sizes."""
    verbose = call.flag("verbose")
    found = await call.wait(call.service.event_queues())
    if verbose:
        return json_answer(found)
    return json_answer({event: next(iter(queues)) for event, queues in found.items()})


async def no_queues(call: Call) -> Answer:
    """Queues that complete tasks from outside: there is no provider of such queues."""
    return json_answer({})


async def no_queue_for_reference(
    call: Call, workflow_id: str, reference: str, status: str
) -> Answer:
    """Completing a task through such a queue can't be done."""
    raise InvalidRequestError(f"There is no queue for handling {result_status(status)} status")


async def no_queue_for_task(call: Call, workflow_id: str, task_id: str, status: str) -> Answer:
    """The same by task id."""
    raise InvalidRequestError(f"There is no queue for handling {result_status(status)} status")


_ADMIN: Final = "/api/admin"
_QUEUE: Final = "/api/queue"

ROUTES: Final = (
    Route("GET", f"{_ADMIN}/config", config),
    Route("GET", f"{_ADMIN}/task/{{taskType}}", pending_tasks),
    Route("POST", f"{_ADMIN}/sweep/requeue/{{workflowId}}", sweep),
    Route("POST", f"{_ADMIN}/consistency/verifyAndRepair/{{workflowId}}", verify_and_repair),
    Route("GET", f"{_ADMIN}/queues", event_queues),
    Route("GET", f"{_QUEUE}/", no_queues),
    Route("GET", f"{_QUEUE}/size", no_queues),
    Route(
        "POST",
        f"{_QUEUE}/update/{{workflowId}}/{{taskRefName}}/{{status}}",
        no_queue_for_reference,
    ),
    Route("POST", f"{_QUEUE}/update/{{workflowId}}/task/{{taskId}}/{{status}}", no_queue_for_task),
)
