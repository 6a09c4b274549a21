"""``/api/executions`` and ``/api/capabilities``: what goes beyond Conductor's API (ours).

Contract
  ``GET /api/capabilities``                            ``{server, version, capabilities: [names]}``:
      what a client may use of the following; a server without this route has none of it
  ``GET …/{workflowId}/history?after=N``               ``{events, definitions}``: recorded events
      with numbers above N (as in the event stream), and the definition snapshots they name by hash
  ``GET …/{workflowId}/failure``                       why it failed: causes and consequences
  ``GET …/{workflowId}/family``                        the original and all its branches
  ``GET …/{workflowId}/tasks/{taskId}/origin?leaf=…``  where a value of the task's input came from
  ``GET …/{workflowId}/tasks/{taskId}/plan``           what a branch from the task would run
  ``POST …/{workflowId}/tasks/{taskId}/branch``        body ``{inputEdits?, workflowInput?}``:
      starts the branch, answers its id as bare text
  ``POST /api/executions/import``                      body ``{workflow, source?}``: takes over an
      execution of another server, ``{workflowId, outcome}`` with imported, updated or unchanged
  ``POST /api/executions/query``                       body ``{sql, parameters?}``: one read-only
      SELECT over the history, ``{columns, rows}``; at most 100,000 rows, and 30 seconds, and no
      longer than the client waits; two at a time, others queue. For authors, since SQL
      decides how much work and memory it takes; others are not told the capability ``query``

Events and snapshots change by appending only, so a client that keeps what it has been given asks
for what is new. Keys of these answers are snake_case: they are records, not Conductor's objects.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

import msgspec

from ..errors import InvalidRequestError
from ..models.codec import dumps
from ..service.access import AUTHOR
from ..store.bounds import QuestionBounds
from .answers import JSON, Answer, json_answer, text_answer
from .call import Call
from .health import installed_version
from .routing import Route

MOST_ROWS: Final = 100_000
QUESTION_SECONDS: Final = 30.0
_QUESTIONS: Final = ThreadPoolExecutor(2, "sql-question")
"""Threads of their own: SQL of others must not take those that everything else is read with."""
SERVER: Final = "conductor-studio"
_PARAMETER: Final = (str, int, float, bool, type(None))


async def capabilities(call: Call) -> Answer:
    """What this server can do beyond Conductor's API."""
    may_query = call.service.caller.role.may(AUTHOR)
    names = sorted(one for one in call.service.capabilities if one != "query" or may_query)
    return json_answer({"server": SERVER, "version": installed_version(), "capabilities": names})


async def history(call: Call, workflow_id: str) -> Answer:
    """Recorded events behind a number, with the definitions they name."""
    after = call.number("after", 0)
    if after < 0:
        raise InvalidRequestError("after must not be negative.")
    events, definitions = await call.wait(call.service.history(workflow_id, after))
    # Encoded off the loop: a long history is megabytes.
    body = await call.query(dumps, {"events": events, "definitions": definitions})
    return Answer(200, body, JSON)


async def failure(call: Call, workflow_id: str) -> Answer:
    """Why it failed; no chains when nothing did."""
    report = await call.wait(call.service.failure(workflow_id))
    return json_answer(report.to_json())


async def family(call: Call, workflow_id: str) -> Answer:
    """The original of an execution and all branches of it, oldest first."""
    return json_answer(await call.query(call.service.family, workflow_id))


async def origin(call: Call, workflow_id: str, task_id: str) -> Answer:
    """The places a value of a task's input sat in, nearest first."""
    leaf = call.required_text("leaf")
    return json_answer(await call.wait(call.service.origin(workflow_id, task_id, leaf)))


async def plan(call: Call, workflow_id: str, task_id: str) -> Answer:
    """What replaying from a task would take over and run."""
    found = await call.wait(call.service.plan_branch(workflow_id, task_id))
    return json_answer(msgspec.to_builtins(found))


async def branch(call: Call, workflow_id: str, task_id: str) -> Answer:
    """Start a new execution from a task of this one; answers its id."""
    body = await call.body_of("inputEdits", "workflowInput")
    edits, workflow_input = body.get("inputEdits"), body.get("workflowInput")
    for name, value in (("inputEdits", edits), ("workflowInput", workflow_input)):
        if value is not None and not isinstance(value, dict):
            raise InvalidRequestError(f"{name} must be an object.")
    return text_answer(
        await call.wait(call.service.branch(workflow_id, task_id, edits, workflow_input))
    )


async def import_execution(call: Call) -> Answer:
    """Take over an execution of another server, as its ``GET /workflow/{id}`` shows it."""
    body = await call.body_of("workflow", "source")
    workflow, source = body.get("workflow"), body.get("source") or ""
    if not isinstance(workflow, dict) or not isinstance(source, str):
        raise InvalidRequestError("workflow must be an object, source a text.")
    outcome = await call.checked(call.service.import_execution, workflow, source[:500])
    return json_answer({"workflowId": workflow.get("workflowId"), "outcome": outcome})


async def query(call: Call) -> Answer:
    """Rows of one read-only SELECT."""
    body = await call.body_of("sql", "parameters")
    sql, parameters = body.get("sql"), body.get("parameters") or []
    if not isinstance(sql, str) or not sql.strip():
        raise InvalidRequestError("sql must be the text of a SELECT.")
    if not isinstance(parameters, list) or not all(isinstance(p, _PARAMETER) for p in parameters):
        raise InvalidRequestError("parameters must be a list of texts, numbers and booleans.")
    bounds = QuestionBounds(QUESTION_SECONDS, MOST_ROWS)
    gone: Future[None] = Future()
    gone.add_done_callback(lambda _: bounds.stop())
    call.waiting = gone  # cancelled when the client goes away
    loop = asyncio.get_running_loop()
    try:
        body_bytes = await loop.run_in_executor(_QUESTIONS, _rows, call, sql, parameters, bounds)
    finally:
        call.waiting = None
    return Answer(200, body_bytes, JSON)


def _rows(call: Call, sql: str, parameters: list[Any], bounds: QuestionBounds) -> bytes:
    columns, rows = call.service.query_table(sql, parameters, bounds)
    objects = [dict(zip(columns, row, strict=True)) for row in rows]
    return dumps({"columns": columns, "rows": objects})


_BASE: Final = "/api/executions"
_ONE: Final = f"{_BASE}/{{workflowId}}"
_TASK: Final = f"{_ONE}/tasks/{{taskId}}"

ROUTES: Final = (
    Route("GET", "/api/capabilities", capabilities),
    Route("GET", f"{_ONE}/history", history),
    Route("GET", f"{_ONE}/failure", failure),
    Route("GET", f"{_ONE}/family", family),
    Route("GET", f"{_TASK}/origin", origin),
    Route("GET", f"{_TASK}/plan", plan),
    Route("POST", f"{_TASK}/branch", branch),
    Route("POST", f"{_BASE}/import", import_execution),
    Route("POST", f"{_BASE}/query", query),
)
