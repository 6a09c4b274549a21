"""What documents of several routes say alike: parameters, bodies, answers, beginnings of paths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ...service.access import Role
from ...service.accounts import LINK_SECONDS, LONGEST_LINK_SECONDS
from ..describing import TEXT_BODY, Document, Schema, flag, many, model, number, text, texts

OBJECT: Final[Schema] = {"type": "object", "additionalProperties": True}
IDS: Final[Schema] = {
    "type": "array",
    "items": {"type": "string"},
    "minItems": 1,
    "maxItems": 1000,
}


TEXT: Final[Schema] = {"type": "string"}
ROLE: Final[Schema] = {"type": "string", "enum": list(Role)}


def fields(required: Sequence[str], **properties: Schema) -> Schema:
    """Schema of an object of ours: these fields and no others."""
    schema: dict[str, object] = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    return {**schema, "required": list(required)} if required else schema


LINK_LIFE: Final[Schema] = {
    "type": "integer",
    "minimum": 60,
    "maximum": LONGEST_LINK_SECONDS,
    "default": LINK_SECONDS,
    "description": "How long the link holds.",
}
EXECUTION_LINK = fields(("workflowId",), workflowId=TEXT, seconds=LINK_LIFE)
BOARD_LINK = fields(("board",), board={"const": True}, seconds=LINK_LIFE)
LINK: Final[Schema] = {
    "type": "object",
    "properties": {
        "id": TEXT,
        "token": {"type": "string", "description": "Told only now."},
        "scope": {"type": "string", "enum": ["execution", "board"]},
        "workflowId": {"type": "string", "description": "Empty for the board."},
        "expireTime": {"type": "integer", "description": "Epoch ms."},
        "url": {"type": "string", "description": "Where a browser opens it."},
    },
    "required": ["id", "token", "scope", "workflowId", "expireTime"],
}
TAG: Final[Schema] = {
    "type": "object",
    "properties": {
        "key": {"type": "string"},
        "value": {"type": ["string", "number", "boolean"]},
        "type": {"type": "string"},
    },
    "required": ["key", "value"],
}
TAG_CHANGE = Document(body={"anyOf": [TAG, many(TAG)]}, errors=(404,))

KEEP = flag("keepUnknown", "Give back every key it was registered with (ours).")
TASKS = flag("includeTasks", "Whether the tasks are part of it.")
TASKS_TRUE = flag("includeTasks", "Whether the tasks are part of it.", True)
CLOSED = flag("includeClosed", "Also executions that are not RUNNING.")
REASON = text("reason", "Why, in words.")
ARCHIVE = flag("archiveWorkflow", "Refuse executions that have not ended.", True)
LATEST = flag("useLatestDefinitions", "Take the newest version of the definition.")
WORKER = text("workerid", "Who works on it.")
DOMAIN = text("domain", "Task domain; the default one if absent.")
VERSION = number("version", "Version of the definition; the latest if absent.")
REQUEST = text("requestId", "Comes back in the answer; drawn if absent.")
WAIT_REFERENCES = texts("waitUntilTaskRef", "Reference names whose end is waited for.")
WAIT_SECONDS = number("waitForSeconds", "Longest wait; 0 is 10.", 10)
START = number("start", "How many hits to pass over.", 0, least=0)
SIZE = number("size", "How many hits to give at most.", 100, least=0)
FREE_TEXT = text("freeText", "Text to look for anywhere, in any case; * for none.", default="*")
QUERY = text(
    "query",
    "Clauses like `status IN (FAILED, TIMED_OUT) AND startTime > 2026-08-01`: =, !=, <, <=, >, >=, "
    "IN, NOT IN, LIKE, STARTS_WITH, BETWEEN, IS NULL, AND, OR, NOT, parentheses; * in the value "
    "of = is any text.",
)
SORT = text("sort", "`field:ASC` or `field:DESC`, several with `|`.")
SORTS = texts("sort", "`field:ASC` or `field:DESC`.")
SEARCH = (START, SIZE, SORT, FREE_TEXT, QUERY)
WORKFLOW_SEARCH = (
    START,
    SIZE._replace(most=5000),
    SORT,
    FREE_TEXT,
    QUERY,
    texts("classifier", "Only executions whose definition is of these kinds."),
    flag("topLevelOnly", "Leave out sub-workflows."),
)
STRATEGY = text(
    "returnStrategy",
    "What the answer shows.",
    default="TARGET_WORKFLOW",
    values=("TARGET_WORKFLOW", "BLOCKING_WORKFLOW", "BLOCKING_TASK", "BLOCKING_TASK_INPUT"),
)
AFTER = number("after", "Go on behind this event; the header Last-Event-ID wins.", least=0)
KINDS = texts("kinds", "Only these kinds of events.")
LOCATION = (
    text("path", "Where the payload is, or a beginning of its own for a new one.", required=True),
    text("operation", "READ or WRITE.", required=True),
    text("payloadType", "Which payload.", required=True),
)

PROOF = (
    text("signature", "As externalstoragelocation gave it.", required=True),
    text("expires", "As externalstoragelocation gave it.", required=True),
)

PAYLOAD = "/api/external/payload/{owner}/{kind}/{holder}/{file}"
WORKFLOWS = "/api/workflow"
ONE = "/api/workflow/{workflowId}"
BULK = "/api/workflow/bulk"
TASK = "/api/tasks"
META = "/api/metadata"
SCHED = "/api/scheduler"
EXEC = "/api/executions"

ACCESS = "/api/access"
CREDENTIALS: Final[Schema] = {
    "type": "object",
    "properties": {"keyId": {"type": "string"}, "keySecret": {"type": "string"}},
    "required": ["keyId", "keySecret"],
}

JSON = Document(answer=OBJECT)
EMPTY = Document()
STEER = Document(errors=(404, 409))
AGAIN = Document(statuses=(204,), errors=(404, 409))
BULK_DONE = Document(body=IDS, answer=model("BulkResponse"))
NAMES = Document(answer=many({"type": "string"}))
SECRET_NAME = Document(bare_errors=(400, 404))
SIGNAL = Document(body=OBJECT, errors=(404,))
EVENTS = Document(answer=TEXT_BODY, answer_type="text/event-stream")
