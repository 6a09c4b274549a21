"""What each route takes and answers: the table that the OpenAPI document is made from.

**Adding a route**: add its ``METHOD path`` here with its query parameters, its body and its
answers, or ``tests/engine/http_api/test_openapi.py`` fails. The test reads the endpoint's source:
each parameter it reads must be named here, with the kind it is read as. The summary of a route is
the first sentence of its endpoint's docstring.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ..service.access import Role
from ..service.accounts import LINK_SECONDS, LONGEST_LINK_SECONDS
from .describing import (
    TEXT_BODY,
    Document,
    Schema,
    by_name,
    flag,
    many,
    model,
    number,
    page_of,
    text,
    texts,
)
from .tags import PLACES as TAG_PLACES

_OBJECT: Final[Schema] = {"type": "object", "additionalProperties": True}
_IDS: Final[Schema] = {
    "type": "array",
    "items": {"type": "string"},
    "minItems": 1,
    "maxItems": 1000,
}


_TEXT: Final[Schema] = {"type": "string"}
_ROLE: Final[Schema] = {"type": "string", "enum": list(Role)}


def _fields(required: Sequence[str], **properties: Schema) -> Schema:
    """Schema of an object of ours: these fields and no others."""
    schema: dict[str, object] = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    return {**schema, "required": list(required)} if required else schema


_LINK_SECONDS: Final[Schema] = {
    "type": "integer",
    "minimum": 60,
    "maximum": LONGEST_LINK_SECONDS,
    "default": LINK_SECONDS,
    "description": "How long the link holds.",
}
_EXECUTION_LINK = _fields(("workflowId",), workflowId=_TEXT, seconds=_LINK_SECONDS)
_BOARD_LINK = _fields(("board",), board={"const": True}, seconds=_LINK_SECONDS)
_LINK: Final[Schema] = {
    "type": "object",
    "properties": {
        "id": _TEXT,
        "token": {"type": "string", "description": "Told only now."},
        "scope": {"type": "string", "enum": ["execution", "board"]},
        "workflowId": {"type": "string", "description": "Empty for the board."},
        "expireTime": {"type": "integer", "description": "Epoch ms."},
        "url": {"type": "string", "description": "Where a browser opens it."},
    },
    "required": ["id", "token", "scope", "workflowId", "expireTime"],
}
_TAG: Final[Schema] = {
    "type": "object",
    "properties": {
        "key": {"type": "string"},
        "value": {"type": ["string", "number", "boolean"]},
        "type": {"type": "string"},
    },
    "required": ["key", "value"],
}
_TAG_CHANGE = Document(body={"anyOf": [_TAG, many(_TAG)]}, errors=(404,))

_KEEP = flag("keepUnknown", "Give back every key it was registered with (ours).")
_TASKS = flag("includeTasks", "Whether the tasks are part of it.")
_TASKS_TRUE = flag("includeTasks", "Whether the tasks are part of it.", True)
_CLOSED = flag("includeClosed", "Also executions that are not RUNNING.")
_REASON = text("reason", "Why, in words.")
_ARCHIVE = flag("archiveWorkflow", "Refuse executions that have not ended.", True)
_LATEST = flag("useLatestDefinitions", "Take the newest version of the definition.")
_WORKER = text("workerid", "Who works on it.")
_DOMAIN = text("domain", "Task domain; the default one if absent.")
_VERSION = number("version", "Version of the definition; the latest if absent.")
_REQUEST = text("requestId", "Comes back in the answer; drawn if absent.")
_WAIT_REFERENCES = texts("waitUntilTaskRef", "Reference names whose end is waited for.")
_WAIT_SECONDS = number("waitForSeconds", "Longest wait; 0 is 10.", 10)
_START = number("start", "How many hits to pass over.", 0, least=0)
_SIZE = number("size", "How many hits to give at most.", 100, least=0)
_FREE_TEXT = text("freeText", "Text to look for anywhere, in any case; * for none.", default="*")
_QUERY = text(
    "query",
    "Clauses like `status IN (FAILED, TIMED_OUT) AND startTime > 2026-08-01`: =, !=, <, <=, >, >=, "
    "IN, NOT IN, LIKE, STARTS_WITH, BETWEEN, IS NULL, AND, OR, NOT, parentheses; * in the value "
    "of = is any text.",
)
_SORT = text("sort", "`field:ASC` or `field:DESC`, several with `|`.")
_SORTS = texts("sort", "`field:ASC` or `field:DESC`.")
_SEARCH = (_START, _SIZE, _SORT, _FREE_TEXT, _QUERY)
_WORKFLOW_SEARCH = (
    _START,
    _SIZE._replace(most=5000),
    _SORT,
    _FREE_TEXT,
    _QUERY,
    texts("classifier", "Only executions whose definition is of these kinds."),
    flag("topLevelOnly", "Leave out sub-workflows."),
)
_STRATEGY = text(
    "returnStrategy",
    "What the answer shows.",
    default="TARGET_WORKFLOW",
    values=("TARGET_WORKFLOW", "BLOCKING_WORKFLOW", "BLOCKING_TASK", "BLOCKING_TASK_INPUT"),
)
_AFTER = number("after", "Go on behind this event; the header Last-Event-ID wins.", least=0)
_KINDS = texts("kinds", "Only these kinds of events.")
_LOCATION = (
    text("path", "Where the payload is, or a beginning of its own for a new one.", required=True),
    text("operation", "READ or WRITE.", required=True),
    text("payloadType", "Which payload.", required=True),
)

_PROOF = (
    text("signature", "As externalstoragelocation gave it.", required=True),
    text("expires", "As externalstoragelocation gave it.", required=True),
)

_PAYLOAD = "/api/external/payload/{owner}/{kind}/{holder}/{file}"
_WORKFLOWS = "/api/workflow"
_ONE = "/api/workflow/{workflowId}"
_BULK = "/api/workflow/bulk"
_TASK = "/api/tasks"
_META = "/api/metadata"
_SCHED = "/api/scheduler"
_EXEC = "/api/executions"

_ACCESS = "/api/access"
_CREDENTIALS: Final[Schema] = {
    "type": "object",
    "properties": {"keyId": {"type": "string"}, "keySecret": {"type": "string"}},
    "required": ["keyId", "keySecret"],
}

_JSON = Document(answer=_OBJECT)
_EMPTY = Document()
_STEER = Document(errors=(404, 409))
_AGAIN = Document(statuses=(204,), errors=(404, 409))
_BULK_DONE = Document(body=_IDS, answer=model("BulkResponse"))
_NAMES = Document(answer=many({"type": "string"}))
_SECRET_NAME = Document(bare_errors=(400, 404))
_SIGNAL = Document(body=_OBJECT, errors=(404,))
_EVENTS = Document(answer=TEXT_BODY, answer_type="text/event-stream")

DOCUMENTS: Final[Mapping[str, Document]] = {
    # probes
    "GET /health": _JSON._replace(errors=(503,)),
    "GET /api/health": _JSON._replace(errors=(503,)),
    "GET /actuator/health": _JSON._replace(errors=(503,)),
    "GET /api/version": Document(answer=TEXT_BODY, answer_type="text/plain"),
    # who is asking, and who may
    "POST /api/token": Document(body=_CREDENTIALS, answer=_OBJECT, errors=(404,)),
    "GET /api/token": Document(statuses=(), errors=(404,)),
    "GET /api/token/userInfo": _JSON._replace(errors=(404,)),
    f"GET {_ACCESS}/me": _JSON,
    f"GET {_ACCESS}/users": Document(answer=many(_OBJECT)),
    f"POST {_ACCESS}/users": Document(
        body=_fields(
            ("name", "role"), name=_TEXT, role=_ROLE, password=_TEXT, signOn={"type": "boolean"}
        ),
        errors=(409,),
    ),
    f"PUT {_ACCESS}/users/{{name}}": Document(
        body=_fields((), role=_ROLE, password=_TEXT), errors=(404,)
    ),
    f"DELETE {_ACCESS}/users/{{name}}": Document(errors=(404,)),
    f"GET {_ACCESS}/keys": Document(answer=many(_OBJECT)),
    f"POST {_ACCESS}/keys": Document(
        body=_fields(
            ("name", "role"), name=_TEXT, role=_ROLE, seconds={"type": "integer", "minimum": 0}
        ),
        answer=_OBJECT,
    ),
    f"DELETE {_ACCESS}/keys/{{keyId}}": Document(errors=(404,)),
    f"GET {_ACCESS}/links": Document(
        (text("workflowId", "Only those to this execution."),), answer=many(_OBJECT)
    ),
    f"POST {_ACCESS}/links": Document(
        body={"oneOf": [_EXECUTION_LINK, _BOARD_LINK]}, answer=_LINK, errors=(404,)
    ),
    f"DELETE {_ACCESS}/links/{{linkId}}": Document(errors=(404,)),
    f"GET {_ACCESS}/audit": Document(
        (
            number("before", "Only rows with smaller numbers; 0 from the newest.", 0),
            number("limit", "How many; at most 500.", 100),
            text("actor", "Only of this one: user, or user:NAME."),
            text("operation", "Only this operation."),
            text("object", "Only objects whose name begins so."),
            number("since", "Only from this moment on, epoch milliseconds.", 0),
            number("until", "Only until this moment, epoch milliseconds; 0 to the newest.", 0),
        ),
        answer=many(_OBJECT),
    ),
    # definitions
    f"POST {_META}/workflow": Document(
        (flag("overwrite", "Replace the version if it is there."),),
        model("WorkflowDef"),
        errors=(409,),
    ),
    f"PUT {_META}/workflow": Document(
        body=many(model("WorkflowDef")), answer=model("BulkResponse")
    ),
    f"GET {_META}/workflow": Document(
        (text("classifier", "Only definitions of this kind."), _KEEP),
        answer=many(model("WorkflowDef")),
    ),
    f"POST {_META}/workflow/validate": Document(body=model("WorkflowDef")),
    f"GET {_META}/workflow/names": _NAMES,
    f"GET {_META}/workflow/names-and-versions": Document(answer=by_name(many(_OBJECT))),
    f"GET {_META}/workflow/latest-versions": Document((_KEEP,), answer=many(model("WorkflowDef"))),
    f"GET {_META}/workflow/{{name}}": Document(
        (_VERSION, _KEEP), answer=model("WorkflowDef"), errors=(404,)
    ),
    f"GET {_META}/workflow/{{name}}/versions": Document(answer=many(_OBJECT)),
    f"DELETE {_META}/workflow/{{name}}/{{version}}": Document(errors=(404,)),
    f"GET {_META}/tasktypes": Document(answer=many(_OBJECT)),
    f"POST {_META}/taskdefs": Document(body=many(model("TaskDef"))),
    f"PUT {_META}/taskdefs": Document(body=model("TaskDef"), errors=(404,)),
    f"GET {_META}/taskdefs": Document((_KEEP,), answer=many(model("TaskDef"))),
    f"GET {_META}/taskdefs/{{name}}": Document((_KEEP,), answer=model("TaskDef"), errors=(404,)),
    f"DELETE {_META}/taskdefs/{{name}}": Document(errors=(404,)),
    # executions
    f"POST {_WORKFLOWS}": Document(
        body=model("StartWorkflowRequest"),
        answer=TEXT_BODY,
        answer_type="text/plain",
        errors=(404, 409),
    ),
    f"POST {_WORKFLOWS}/{{name}}": Document(
        (
            _VERSION,
            text("correlationId", "Your own id to find it by."),
            number("priority", "0 to 99; a higher one is served first.", 0, least=0, most=99),
        ),
        _OBJECT,
        answer=TEXT_BODY,
        answer_type="text/plain",
        errors=(404, 409),
    ),
    f"GET {_ONE}": Document((_TASKS_TRUE,), answer=model("Workflow"), errors=(404,)),
    f"DELETE {_ONE}": Document((_REASON,), errors=(404, 409)),
    f"GET {_ONE}/status": Document(
        (
            flag("includeOutput", "Also its output."),
            flag("includeVariables", "Also its variables."),
        ),
        answer=_OBJECT,
        errors=(404,),
    ),
    f"GET {_ONE}/tasks": Document(
        (
            _START,
            number("count", "How many tasks to give at most.", 15, least=0),
            texts("status", "Only tasks in these states."),
        ),
        answer=page_of("Task"),
        errors=(404,),
    ),
    f"GET {_WORKFLOWS}/running/{{name}}": Document(
        (
            number("version", "Only this version, with both times."),
            number("startTime", "Created after this moment (epoch ms).", 0),
            number("endTime", "Created before this moment (epoch ms).", 0),
        ),
        answer=many({"type": "string"}),
    ),
    f"GET {_WORKFLOWS}/{{name}}/correlated/{{correlationId}}": Document(
        (_CLOSED, _TASKS), answer=many(model("Workflow"))
    ),
    f"POST {_WORKFLOWS}/{{name}}/correlated": Document(
        (_CLOSED, _TASKS), many({"type": "string"}), answer=by_name(many(model("Workflow")))
    ),
    f"POST {_WORKFLOWS}/correlated/batch": Document(
        (_CLOSED, _TASKS),
        {
            "type": "object",
            "properties": {
                "workflowNames": many({"type": "string"}),
                "correlationIds": many({"type": "string"}),
            },
        },
        answer=by_name(many(model("Workflow"))),
    ),
    f"POST {_ONE}/variables": Document(body=_OBJECT, answer=model("Workflow"), errors=(404, 409)),
    f"POST {_ONE}/state": Document(
        (_REQUEST, _WAIT_REFERENCES, _WAIT_SECONDS),
        {
            "type": "object",
            "properties": {
                "taskReferenceName": {"type": "string"},
                "variables": _OBJECT,
                "taskResult": model("TaskResult"),
            },
        },
        answer=_OBJECT,
        errors=(404, 409),
    ),
    f"PUT {_WORKFLOWS}/decide/{{workflowId}}": Document(errors=(404,)),
    f"PUT {_ONE}/pause": _STEER,
    f"PUT {_ONE}/resume": Document(errors=(404, 409, 500)),
    f"DELETE {_ONE}/remove": Document((_ARCHIVE,), errors=(404,)),
    f"DELETE {_ONE}/terminate-remove": Document((_ARCHIVE, _REASON), errors=(404, 409)),
    f"POST {_ONE}/restart": _AGAIN._replace(query=(_LATEST,)),
    f"POST {_ONE}/retry": _AGAIN._replace(
        query=(flag("resumeSubworkflowTasks", "Retry inside failed sub-workflows."),),
        errors=(404, 409, 500),
    ),
    f"POST {_ONE}/rerun": Document(
        body=model("RerunWorkflowRequest"),
        answer=TEXT_BODY,
        answer_type="text/plain",
        errors=(404, 409),
    ),
    f"POST {_ONE}/resetcallbacks": _AGAIN,
    f"PUT {_ONE}/skiptask/{{taskReferenceName}}": Document(
        body=model("SkipTaskRequest"), body_required=False, errors=(404, 500)
    ),
    f"POST {_WORKFLOWS}/execute/{{name}}/{{version}}": Document(
        (_REQUEST, _WAIT_REFERENCES, _WAIT_SECONDS, _STRATEGY),
        model("StartWorkflowRequest"),
        answer=_OBJECT,
        errors=(404, 409),
    ),
    f"POST {_WORKFLOWS}/test": Document(
        body=model("StartWorkflowRequest"), answer=model("Workflow"), errors=(404, 409)
    ),
    f"POST {_ONE}/messages": Document(
        body=_OBJECT, answer=TEXT_BODY, answer_type="text/plain", plain_errors=(404, 409, 429)
    ),
    # many executions
    f"PUT {_BULK}/pause": _BULK_DONE,
    f"PUT {_BULK}/resume": _BULK_DONE,
    f"POST {_BULK}/restart": _BULK_DONE._replace(query=(_LATEST,)),
    f"POST {_BULK}/retry": _BULK_DONE,
    f"POST {_BULK}/terminate": _BULK_DONE._replace(query=(_REASON,)),
    f"DELETE {_BULK}/remove": _BULK_DONE._replace(query=(_ARCHIVE,)),
    f"POST {_BULK}/delete": _BULK_DONE._replace(query=(_ARCHIVE,)),
    f"DELETE {_BULK}/terminate-remove": _BULK_DONE._replace(query=(_ARCHIVE, _REASON)),
    f"POST {_BULK}/search": Document((_TASKS_TRUE,), _IDS, answer=_OBJECT),
    # search
    f"GET {_WORKFLOWS}/search": Document(_WORKFLOW_SEARCH, answer=page_of("WorkflowSummary")),
    f"GET {_WORKFLOWS}/search-v2": Document(_WORKFLOW_SEARCH, answer=page_of("Workflow")),
    f"GET {_WORKFLOWS}/search-by-tasks": Document(_SEARCH, answer=page_of("WorkflowSummary")),
    f"GET {_WORKFLOWS}/search-by-tasks-v2": Document(_SEARCH, answer=page_of("Workflow")),
    f"GET {_TASK}/search": Document(_SEARCH, answer=page_of("TaskSummary")),
    f"GET {_TASK}/search-v2": Document(_SEARCH, answer=page_of("Task")),
    # tasks
    f"GET {_TASK}/poll/{{taskType}}": Document(
        (_WORKER, _DOMAIN), answer=model("Task"), statuses=(200, 204)
    ),
    f"GET {_TASK}/poll/batch/{{taskType}}": Document(
        (
            _WORKER,
            _DOMAIN,
            number("count", "How many tasks to take at most.", 1),
            number("timeout", "Milliseconds to wait for the first.", 100, most=5000),
        ),
        answer=many(model("Task")),
    ),
    f"POST {_TASK}": Document(
        body=model("TaskResult"), answer=TEXT_BODY, answer_type="text/plain", errors=(404,)
    ),
    f"POST {_TASK}/update-v2": Document(
        body=model("TaskResult"), answer=model("Task"), statuses=(200, 204), errors=(404,)
    ),
    f"POST {_TASK}/{{workflowId}}/{{taskRefName}}/{{status}}": Document(
        (_WORKER,), _OBJECT, answer=TEXT_BODY, answer_type="text/plain", errors=(404,)
    ),
    f"POST {_TASK}/{{workflowId}}/{{taskRefName}}/{{status}}/sync": Document(
        (_WORKER,), _OBJECT, answer=model("Workflow"), errors=(404,)
    ),
    f"POST {_TASK}/{{workflowId}}/{{status}}/signal": _SIGNAL,
    f"POST {_TASK}/{{workflowId}}/{{status}}/signal/sync": _SIGNAL._replace(
        query=(_STRATEGY, number("timeoutMillis", "Longest wait.", 5000)), answer=_OBJECT
    ),
    f"GET {_TASK}/{{taskId}}": Document(answer=model("Task"), errors=(404,)),
    f"POST {_TASK}/{{taskId}}/log": Document(body=TEXT_BODY, body_type="text/plain"),
    f"GET {_TASK}/{{taskId}}/log": Document(answer=many(model("TaskLog")), statuses=(200, 204)),
    f"GET {_TASK}/queue/size": Document(
        (text("taskType", "Name of the queue.", required=True), _DOMAIN),
        answer={"type": "integer"},
    ),
    f"GET {_TASK}/queue/sizes": Document(
        (texts("taskType", "Names of queues.", required=True),),
        answer=by_name({"type": "integer"}),
    ),
    f"GET {_TASK}/queue/all": Document(answer=by_name({"type": "integer"})),
    f"GET {_TASK}/queue/all/verbose": Document(answer=by_name(_OBJECT)),
    f"GET {_TASK}/queue/polldata": Document(
        (text("taskType", "Task type.", required=True),), answer=many(model("PollData"))
    ),
    f"GET {_TASK}/queue/polldata/all": Document(answer=many(model("PollData"))),
    f"POST {_TASK}/queue/requeue/{{taskType}}": Document(
        answer=TEXT_BODY, answer_type="text/plain"
    ),
    # secrets and environment
    "GET /api/secrets": _NAMES,
    "POST /api/secrets": _NAMES,
    "GET /api/secrets/v2": Document(answer=many(_OBJECT)),
    "GET /api/secrets/{key}": _SECRET_NAME,
    "PUT /api/secrets/{key}": Document(body=TEXT_BODY, body_type="text/plain", plain_errors=(501,)),
    "DELETE /api/secrets/{key}": Document(errors=(404,), plain_errors=(501,)),
    "GET /api/secrets/{key}/exists": Document(answer={"type": "boolean"}, bare_errors=(400,)),
    "GET /api/environment": Document(answer=many(_OBJECT)),
    "GET /api/environment/{key}": Document(answer=TEXT_BODY, answer_type="text/plain"),
    "PUT /api/environment/{key}": Document(body=TEXT_BODY, body_type="text/plain"),
    "DELETE /api/environment/{key}": Document(errors=(404, 409)),
    # tags
    "GET /api/metadata/tags": Document(answer=many(_TAG)),
    "GET /api/scheduler/schedules/tags": Document(
        (text("tag", "`key:value`, or the key alone.", required=True),),
        answer=many(model("WorkflowSchedule")),
    ),
    **{
        f"{method} {path}": document
        for path in TAG_PLACES
        for method, document in (
            ("GET", Document(answer=many(_TAG), errors=(404,))),
            ("POST", _TAG_CHANGE),
            ("PUT", _TAG_CHANGE),
            ("DELETE", _TAG_CHANGE._replace(body_required=False)),
        )
    },
    # events
    "POST /api/event": Document(
        body={"anyOf": [model("EventHandler"), many(model("EventHandler"))]}, errors=(409,)
    ),
    "PUT /api/event": Document(
        body={"anyOf": [model("EventHandler"), many(model("EventHandler"))]}, errors=(404,)
    ),
    "GET /api/event": Document(answer=many(model("EventHandler"))),
    "GET /api/event/{event}": Document(
        (flag("activeOnly", "Leave out handlers that are switched off.", True),),
        answer=many(model("EventHandler")),
    ),
    "DELETE /api/event/{name}": Document(errors=(404,)),
    # history and branches (ours)
    f"GET {_EXEC}/{{workflowId}}/events": _EVENTS._replace(
        query=(_AFTER, _KINDS, flag("untilEnd", "End with the execution.")), errors=(404,)
    ),
    f"GET {_EXEC}/events": _EVENTS._replace(query=(_AFTER, _KINDS)),
    "GET /api/capabilities": _JSON,
    f"GET {_EXEC}/{{workflowId}}/history": Document(
        (number("after", "Events behind this one.", 0, least=0),), answer=_OBJECT, errors=(404,)
    ),
    f"GET {_EXEC}/{{workflowId}}/failure": Document(answer=_OBJECT, errors=(404,)),
    f"GET {_EXEC}/{{workflowId}}/family": Document(answer=many(_OBJECT), errors=(404,)),
    f"GET {_EXEC}/{{workflowId}}/tasks/{{taskId}}/origin": Document(
        (text("leaf", "Path of the value in the task's input.", required=True),),
        answer=many(_OBJECT),
        errors=(404,),
    ),
    f"GET {_EXEC}/{{workflowId}}/tasks/{{taskId}}/plan": Document(
        answer=_OBJECT, errors=(404, 409)
    ),
    f"POST {_EXEC}/{{workflowId}}/tasks/{{taskId}}/branch": Document(
        body=_fields((), inputEdits=_OBJECT, workflowInput=_OBJECT),
        answer=TEXT_BODY,
        answer_type="text/plain",
        errors=(404, 409),
    ),
    f"POST {_EXEC}/import": Document(
        body=_fields(("workflow",), workflow=_OBJECT, source=_TEXT),
        answer=_OBJECT,
        errors=(409,),
    ),
    f"POST {_EXEC}/query": Document(
        body=_fields(("sql",), sql=_TEXT, parameters={"type": "array"}),
        answer=_OBJECT,
    ),
    # administration
    "GET /api/admin/config": _JSON,
    "GET /api/admin/task/{taskType}": Document(
        (
            _START._replace(least=None),
            number("count", "How many tasks to give at most.", 100),
        ),
        answer=many(model("Task")),
    ),
    "POST /api/admin/sweep/requeue/{workflowId}": Document(
        answer=TEXT_BODY, answer_type="text/plain"
    ),
    "POST /api/admin/consistency/verifyAndRepair/{workflowId}": Document(
        answer=TEXT_BODY, answer_type="text/plain", errors=(404,)
    ),
    "GET /api/admin/queues": Document(
        (flag("verbose", "Sizes instead of names."),), answer=_OBJECT
    ),
    "GET /api/queue/": _JSON,
    "GET /api/queue/size": _JSON,
    "POST /api/queue/update/{workflowId}/{taskRefName}/{status}": Document(statuses=()),
    "POST /api/queue/update/{workflowId}/task/{taskId}/{status}": Document(statuses=()),
    f"GET {_WORKFLOWS}/externalstoragelocation": Document(_LOCATION, answer=_OBJECT),
    f"GET {_WORKFLOWS}/external-storage-location": Document(_LOCATION, answer=_OBJECT),
    f"GET {_TASK}/externalstoragelocation": Document(_LOCATION, answer=_OBJECT),
    f"GET {_TASK}/external-storage-location": Document(_LOCATION, answer=_OBJECT),
    f"GET {_PAYLOAD}": Document(_PROOF, answer=_OBJECT, errors=(403, 404)),
    f"PUT {_PAYLOAD}": Document(_PROOF, body=_OBJECT, errors=(403,)),
    # schedules
    f"POST {_SCHED}/schedules": Document(
        body=model("WorkflowSchedule"), answer=model("WorkflowSchedule")
    ),
    f"GET {_SCHED}/schedules": Document(
        (text("workflowName", "Only those that start it."),),
        answer=many(model("WorkflowSchedule")),
    ),
    f"GET {_SCHED}/schedules/search": Document(
        (
            _START._replace(least=None),
            _SIZE._replace(least=None),
            _SORTS,
            text("workflowName", "Only those that start it."),
            text("scheduleName", "Part of the name."),
            flag("paused", "Only paused ones, or only others.")._replace(default=None),
            _FREE_TEXT,
        ),
        answer=page_of("WorkflowSchedule"),
    ),
    f"GET {_SCHED}/schedules/{{name}}": Document(answer=model("WorkflowSchedule"), errors=(404,)),
    f"DELETE {_SCHED}/schedules/{{name}}": _EMPTY,
    f"PUT {_SCHED}/schedules/{{name}}/pause": Document((_REASON,), errors=(404,)),
    f"PUT {_SCHED}/schedules/{{name}}/resume": Document(errors=(404,)),
    f"GET {_SCHED}/nextFewSchedules": Document(
        (
            text("cronExpression", "Six fields, seconds first.", required=True),
            number("scheduleStartTime", "Not before (epoch ms).", 0),
            number("scheduleEndTime", "Not after (epoch ms); 0 for no end.", 0),
            number("limit", "How many; at most 5.", 5),
        ),
        answer=many({"type": "integer"}),
    ),
    f"GET {_SCHED}/search/executions": Document(
        (
            _START._replace(least=None),
            _SIZE._replace(least=None),
            _SORTS,
            text("query", "scheduleName, state, scheduledTime, workflowName, executionId."),
        ),
        answer=_OBJECT,
    ),
    f"GET {_SCHED}/admin/requeue": _JSON,
    f"GET {_SCHED}/admin/pause": _JSON,
    f"GET {_SCHED}/admin/resume": _JSON,
    f"PUT {_SCHED}/bulk/pause": _BULK_DONE,
    f"PUT {_SCHED}/bulk/resume": _BULK_DONE,
    # schemas
    "POST /api/schema": Document(
        (flag("newVersion", "Store each as the next version."),),
        {"anyOf": [model("SchemaDef"), many(model("SchemaDef"))]},
        errors=(409,),
    ),
    "GET /api/schema": Document(
        (flag("short", "Names and versions only."),), answer=many(model("SchemaDef"))
    ),
    "GET /api/schema/{name}": Document(answer=model("SchemaDef"), errors=(404,)),
    "GET /api/schema/{name}/{version}": Document(answer=model("SchemaDef"), errors=(404,)),
    "DELETE /api/schema/{name}": Document(errors=(404,)),
    "DELETE /api/schema/{name}/{version}": Document(errors=(404,)),
    # this document and figures
    "GET /metrics": Document(answer=TEXT_BODY, answer_type="text/plain"),
    "GET /actuator/prometheus": Document(answer=TEXT_BODY, answer_type="text/plain"),
    "GET /api-docs": _JSON,
    "GET /openapi.json": _JSON,
    "GET /swagger-ui.html": Document(answer=TEXT_BODY, answer_type="text/html"),
    "GET /swagger-ui/{file}": Document(answer=TEXT_BODY, answer_type="text/html", errors=(404,)),
}
"""Every route by ``METHOD path``."""
