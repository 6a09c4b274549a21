"""Probes, figures, handlers of events, schedules, upkeep, payloads kept outside, this document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..describing import TEXT_BODY, Document, flag, many, model, number, page_of, text
from .terms import (
    BULK_DONE,
    EMPTY,
    FREE_TEXT,
    JSON,
    LOCATION,
    OBJECT,
    PAYLOAD,
    PROOF,
    REASON,
    SCHED,
    SIZE,
    SORTS,
    START,
    TASK,
    WORKFLOWS,
)

DOCUMENTS: Final[Mapping[str, Document]] = {
    # probes
    "GET /health": JSON._replace(errors=(503,)),
    "GET /api/health": JSON._replace(errors=(503,)),
    "GET /actuator/health": JSON._replace(errors=(503,)),
    "GET /api/version": Document(answer=TEXT_BODY, answer_type="text/plain"),
    # administration
    "GET /api/admin/config": JSON,
    "GET /api/admin/task/{taskType}": Document(
        (
            START._replace(least=None),
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
    "GET /api/admin/queues": Document((flag("verbose", "Sizes instead of names."),), answer=OBJECT),
    "GET /api/queue/": JSON,
    "GET /api/queue/size": JSON,
    "POST /api/queue/update/{workflowId}/{taskRefName}/{status}": Document(statuses=()),
    "POST /api/queue/update/{workflowId}/task/{taskId}/{status}": Document(statuses=()),
    f"GET {WORKFLOWS}/externalstoragelocation": Document(LOCATION, answer=OBJECT),
    f"GET {WORKFLOWS}/external-storage-location": Document(LOCATION, answer=OBJECT),
    f"GET {TASK}/externalstoragelocation": Document(LOCATION, answer=OBJECT),
    f"GET {TASK}/external-storage-location": Document(LOCATION, answer=OBJECT),
    f"GET {PAYLOAD}": Document(PROOF, answer=OBJECT, errors=(403, 404)),
    f"PUT {PAYLOAD}": Document(PROOF, body=OBJECT, errors=(403,)),
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
    # schedules
    f"POST {SCHED}/schedules": Document(
        body=model("WorkflowSchedule"), answer=model("WorkflowSchedule")
    ),
    f"GET {SCHED}/schedules": Document(
        (text("workflowName", "Only those that start it."),),
        answer=many(model("WorkflowSchedule")),
    ),
    f"GET {SCHED}/schedules/search": Document(
        (
            START._replace(least=None),
            SIZE._replace(least=None),
            SORTS,
            text("workflowName", "Only those that start it."),
            text("scheduleName", "Part of the name."),
            flag("paused", "Only paused ones, or only others.")._replace(default=None),
            FREE_TEXT,
        ),
        answer=page_of("WorkflowSchedule"),
    ),
    f"GET {SCHED}/schedules/{{name}}": Document(answer=model("WorkflowSchedule"), errors=(404,)),
    f"DELETE {SCHED}/schedules/{{name}}": EMPTY,
    f"PUT {SCHED}/schedules/{{name}}/pause": Document((REASON,), errors=(404,)),
    f"PUT {SCHED}/schedules/{{name}}/resume": Document(errors=(404,)),
    f"GET {SCHED}/nextFewSchedules": Document(
        (
            text("cronExpression", "Six fields, seconds first.", required=True),
            number("scheduleStartTime", "Not before (epoch ms).", 0),
            number("scheduleEndTime", "Not after (epoch ms); 0 for no end.", 0),
            number("limit", "How many; at most 5.", 5),
        ),
        answer=many({"type": "integer"}),
    ),
    f"GET {SCHED}/search/executions": Document(
        (
            START._replace(least=None),
            SIZE._replace(least=None),
            SORTS,
            text("query", "scheduleName, state, scheduledTime, workflowName, executionId."),
        ),
        answer=OBJECT,
    ),
    f"GET {SCHED}/admin/requeue": JSON,
    f"GET {SCHED}/admin/pause": JSON,
    f"GET {SCHED}/admin/resume": JSON,
    f"PUT {SCHED}/bulk/pause": BULK_DONE,
    f"PUT {SCHED}/bulk/resume": BULK_DONE,
    # this document and figures
    "GET /metrics": Document(answer=TEXT_BODY, answer_type="text/plain"),
    "GET /actuator/prometheus": Document(answer=TEXT_BODY, answer_type="text/plain"),
    "GET /api-docs": JSON,
    "GET /openapi.json": JSON,
    "GET /swagger-ui.html": Document(answer=TEXT_BODY, answer_type="text/html"),
    "GET /swagger-ui/{file}": Document(answer=TEXT_BODY, answer_type="text/html", errors=(404,)),
}
"""By ``METHOD path``."""
