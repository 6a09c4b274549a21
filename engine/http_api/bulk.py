"""``/api/workflow/bulk``: one operation on many executions; a failure is told per id."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Final

from ..errors import EngineError
from ..models.requests import validate_bulk_ids
from .answers import Answer, json_answer
from .call import Call
from .routing import Route

Command = Callable[[str], "Future[Any]"]
BulkResponse = dict[str, Any]


async def pause(call: Call) -> Answer:
    """Pause all."""
    ids = await _ids(call)
    return json_answer(await _each(call, ids, call.service.pause))


async def resume(call: Call) -> Answer:
    """Resume all."""
    ids = await _ids(call)
    return json_answer(await _each(call, ids, call.service.resume))


async def restart(call: Call) -> Answer:
    """Start all over."""
    latest = call.flag("useLatestDefinitions")
    ids = await _ids(call)
    return json_answer(await _each(call, ids, lambda key: call.service.restart(key, latest)))


async def retry(call: Call) -> Answer:
    """Retry all; tasks inside sub-workflows are never resumed by this form."""
    ids = await _ids(call)
    return json_answer(await _each(call, ids, lambda key: call.service.retry(key, False)))


async def terminate(call: Call) -> Answer:
    """Terminate all, for one ``reason``."""
    reason = call.text("reason")
    ids = await _ids(call)
    return json_answer(await _each(call, ids, lambda key: call.service.terminate(key, reason)))


async def remove(call: Call) -> Answer:
    """Remove all."""
    archive = call.flag("archiveWorkflow", True)
    ids = await _ids(call)
    return json_answer(await _each(call, ids, lambda key: call.service.remove(key, archive)))


async def terminate_remove(call: Call) -> Answer:
    """Terminate all, then remove those: an id that went through both is listed twice in a row."""
    archive = call.flag("archiveWorkflow", True)
    reason = call.text("reason")
    ids = await _ids(call)
    ended = await _each(call, ids, lambda key: call.service.terminate(key, reason))
    removed = await _each(
        call,
        ended["bulkSuccessfulResults"],
        lambda key: call.service.remove(key, archive),
    )
    gone = set(removed["bulkSuccessfulResults"])
    return json_answer(
        {
            "bulkErrorResults": {**ended["bulkErrorResults"], **removed["bulkErrorResults"]},
            "bulkSuccessfulResults": [
                key
                for key in ended["bulkSuccessfulResults"]
                for _ in range(2 if key in gone else 1)
            ],
        }
    )


async def search(call: Call) -> Answer:
    """The executions themselves."""
    include_tasks = call.flag("includeTasks", True)
    ids = await _ids(call)
    return json_answer(
        await _each(
            call, ids, lambda key: call.service.workflow(key, include_tasks, False), values=True
        )
    )


async def _ids(call: Call) -> list[str]:
    """The ids of the body: 1 to 1000."""
    return validate_bulk_ids(await call.body())


async def _each(
    call: Call, ids: Sequence[str], command: Command, *, values: bool = False
) -> BulkResponse:
    """Give every command before waiting for the first, so that they share their commits."""
    errors: dict[str, str] = {}
    done: list[Any] = []
    given: list[tuple[str, Future[Any]]] = []
    for key in ids:
        try:
            given.append((key, command(key)))
        except EngineError as error:
            errors[key] = str(error)
    for key, future in given:
        try:
            value = await call.wait(future)
        except EngineError as error:
            errors[key] = str(error)
        else:
            done.append(value if values else key)
    return {"bulkErrorResults": errors, "bulkSuccessfulResults": done}


_BASE: Final = "/api/workflow/bulk"

ROUTES: Final = (
    Route("PUT", f"{_BASE}/pause", pause, "pauseWorkflow.arg0"),
    Route("PUT", f"{_BASE}/resume", resume, "resumeWorkflow.arg0"),
    Route("POST", f"{_BASE}/restart", restart, "restart.arg0"),
    Route("POST", f"{_BASE}/retry", retry, "retry.arg0"),
    Route("POST", f"{_BASE}/terminate", terminate, "terminate.arg0"),
    Route("DELETE", f"{_BASE}/remove", remove, "deleteWorkflow.arg0"),
    Route("POST", f"{_BASE}/delete", remove, "deleteWorkflow.arg0"),
    Route("DELETE", f"{_BASE}/terminate-remove", terminate_remove, "terminateRemove.arg0"),
    Route("POST", f"{_BASE}/search", search, "searchWorkflow.arg0"),
)
