"""Searching executions and tasks: summaries, whole objects, and executions by their tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
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
    hits, ids = await _owners(call)
    if not ids:
        return json_answer({"totalHits": hits, "results": []})
    query = f"workflowId IN ({','.join(ids)})"
    found = await call.query(call.service.search_workflows, 0, len(ids), "", "*", query)
    lines = {line["workflowId"]: line for line in found["results"]}
    results = [lines[key] for key in ids if key in lines]
    return json_answer({"totalHits": hits, "results": results})


async def workflows_by_tasks_v2(call: Call) -> Answer:
    """The executions that own the tasks found, without tasks."""
    hits, ids = await _owners(call)
    load = call.service.workflow
    return json_answer(await _loaded(call, hits, ids, lambda key: load(key, False)))


async def _workflows(call: Call) -> Wire:
    validate_search_size(call.number("size", _PAGE))
    clauses = [call.text("query") or ""]
    if call.flag("topLevelOnly"):
        clauses.append('parentWorkflowId=""')
    classifiers = call.texts("classifier")
    if classifiers:
        clauses.append(f"classifier IN ({','.join(classifiers)})")
    query = " AND ".join(clause for clause in clauses if clause.strip())
    return await _page(call, call.service.search_workflows, query)


async def _page(call: Call, search: Search, query: str | None = None) -> Wire:
    """One page of a search with the parameters of the request."""
    start, size = call.number("start", 0), call.number("size", _PAGE)
    if start < 0 or size < 0:
        raise InvalidRequestError("start and size must not be negative.")
    if query is None:
        query = call.text("query") or ""
    return await call.query(
        search, start, size, call.text("sort") or "", call.text("freeText") or "*", query
    )


async def _owners(call: Call) -> tuple[int, list[str]]:
    """Distinct owners of the tasks found, and the hits less the duplicates of this page."""
    found = await _page(call, call.service.search_tasks)
    lines = found["results"]
    ids = list(dict.fromkeys(line["workflowId"] for line in lines))
    return found["totalHits"] - (len(lines) - len(ids)), ids


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
