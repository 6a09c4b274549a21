"""Searching executions and tasks: summaries, whole objects, and executions by their tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial
from typing import Any, Final

from ..errors import InvalidRequestError, NotFoundError
from ..models.requests import validate_search_size
from .answers import Answer, json_answer
from .call import Call
from .routing import Route

Wire = dict[str, Any]
Search = Callable[[int, int, str, str, str], Wire]

_PAGE: Final = 100


async def workflows(call: Call) -> Answer:
    """Summaries of executions."""
    return json_answer(await _workflows(call))


async def workflows_v2(call: Call) -> Answer:
    """The same page as whole executions, without tasks."""
    found = await _workflows(call)
    ids = [line["workflowId"] for line in found["results"]]
    load = call.service.workflow
    return json_answer(await _loaded(call, found["totalHits"], ids, lambda key: load(key, False)))


async def tasks(call: Call) -> Answer:
    """Summaries of tasks."""
    return json_answer(await _page(call, call.service.search_tasks))


async def tasks_v2(call: Call) -> Answer:
    """The same page as whole tasks."""
    found = await _page(call, call.service.search_tasks)
    ids = [line["taskId"] for line in found["results"]]
    return json_answer(await _loaded(call, found["totalHits"], ids, call.service.task))


async def workflows_by_tasks(call: Call) -> Answer:
    """Summaries of the executions that own the tasks found."""
    return json_answer(await _page(call, call.service.search_workflows_by_tasks))


async def workflows_by_tasks_v2(call: Call) -> Answer:
    """The executions that own the tasks found, without tasks."""
    found = await _page(call, call.service.search_workflows_by_tasks)
    ids = [line["workflowId"] for line in found["results"]]
    load = call.service.workflow
    return json_answer(await _loaded(call, found["totalHits"], ids, lambda key: load(key, False)))


async def _workflows(call: Call) -> Wire:
    validate_search_size(call.number("size", _PAGE))
    search = partial(
        call.service.search_workflows,
        classifiers=call.texts("classifier"),
        top_level_only=call.flag("topLevelOnly"),
    )
    return await _page(call, search)


async def _page(call: Call, search: Search) -> Wire:
    """One page of a search with the parameters of the request."""
    start, size = call.number("start", 0), call.number("size", _PAGE)
    if start < 0 or size < 0:
        raise InvalidRequestError("start and size must not be negative.")
    sort, free_text = call.text("sort") or "", call.text("freeText") or "*"
    return await call.query(search, start, size, sort, free_text, call.text("query") or "")


async def _loaded(
    call: Call, hits: int, ids: Iterable[str], load: Callable[[str], Future[Wire]]
) -> Wire:
    """Whole objects for ids; one that is gone by now is dropped and not counted."""
    given = [load(key) for key in ids]
    results = []
    for future in given:
        try:
            results.append(await call.wait(future))
        except NotFoundError:
            hits -= 1
    return {"totalHits": hits, "results": results}


ROUTES: Final = (
    Route("GET", "/api/workflow/search", workflows, "searchWorkflows.arg1"),
    Route("GET", "/api/workflow/search-v2", workflows_v2, "searchWorkflowsV2.arg1"),
    Route("GET", "/api/workflow/search-by-tasks", workflows_by_tasks),
    Route("GET", "/api/workflow/search-by-tasks-v2", workflows_by_tasks_v2),
    Route("GET", "/api/tasks/search", tasks),
    Route("GET", "/api/tasks/search-v2", tasks_v2),
)
