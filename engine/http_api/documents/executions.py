"""Executions: one, many, found, and (ours) their histories and branches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..describing import (
    TEXT_BODY,
    Document,
    by_name,
    flag,
    many,
    model,
    number,
    page_of,
    text,
    texts,
)
from .terms import (
    AFTER,
    AGAIN,
    ARCHIVE,
    BULK,
    BULK_DONE,
    CLOSED,
    EVENTS,
    EXEC,
    IDS,
    JSON,
    KINDS,
    LATEST,
    OBJECT,
    ONE,
    REASON,
    REQUEST,
    SEARCH,
    START,
    STEER,
    STRATEGY,
    TASK,
    TASKS,
    TASKS_TRUE,
    TEXT,
    VERSION,
    WAIT_REFERENCES,
    WAIT_SECONDS,
    WORKFLOW_SEARCH,
    WORKFLOWS,
    fields,
)

DOCUMENTS: Final[Mapping[str, Document]] = {
    # executions
    f"POST {WORKFLOWS}": Document(
        body=model("StartWorkflowRequest"),
        answer=TEXT_BODY,
        answer_type="text/plain",
        errors=(404, 409),
    ),
    f"POST {WORKFLOWS}/{{name}}": Document(
        (
            VERSION,
            text("correlationId", "Your own id to find it by."),
            number("priority", "0 to 99; a higher one is served first.", 0, least=0, most=99),
        ),
        OBJECT,
        answer=TEXT_BODY,
        answer_type="text/plain",
        errors=(404, 409),
    ),
    f"GET {ONE}": Document((TASKS_TRUE,), answer=model("Workflow"), errors=(404,)),
    f"DELETE {ONE}": Document((REASON,), errors=(404, 409)),
    f"GET {ONE}/status": Document(
        (
            flag("includeOutput", "Also its output."),
            flag("includeVariables", "Also its variables."),
        ),
        answer=OBJECT,
        errors=(404,),
    ),
    f"GET {ONE}/tasks": Document(
        (
            START,
            number("count", "How many tasks to give at most.", 15, least=0),
            texts("status", "Only tasks in these states."),
        ),
        answer=page_of("Task"),
        errors=(404,),
    ),
    f"GET {WORKFLOWS}/running/{{name}}": Document(
        (
            number("version", "Only this version, with both times."),
            number("startTime", "Created after this moment (epoch ms).", 0),
            number("endTime", "Created before this moment (epoch ms).", 0),
        ),
        answer=many({"type": "string"}),
    ),
    f"GET {WORKFLOWS}/{{name}}/correlated/{{correlationId}}": Document(
        (CLOSED, TASKS), answer=many(model("Workflow"))
    ),
    f"POST {WORKFLOWS}/{{name}}/correlated": Document(
        (CLOSED, TASKS), many({"type": "string"}), answer=by_name(many(model("Workflow")))
    ),
    f"POST {WORKFLOWS}/correlated/batch": Document(
        (CLOSED, TASKS),
        {
            "type": "object",
            "properties": {
                "workflowNames": many({"type": "string"}),
                "correlationIds": many({"type": "string"}),
            },
        },
        answer=by_name(many(model("Workflow"))),
    ),
    f"POST {ONE}/variables": Document(body=OBJECT, answer=model("Workflow"), errors=(404, 409)),
    f"POST {ONE}/state": Document(
        (REQUEST, WAIT_REFERENCES, WAIT_SECONDS),
        {
            "type": "object",
            "properties": {
                "taskReferenceName": {"type": "string"},
                "variables": OBJECT,
                "taskResult": model("TaskResult"),
            },
        },
        answer=OBJECT,
        errors=(404, 409),
    ),
    f"PUT {WORKFLOWS}/decide/{{workflowId}}": Document(errors=(404,)),
    f"PUT {ONE}/pause": STEER,
    f"PUT {ONE}/resume": Document(errors=(404, 409, 500)),
    f"DELETE {ONE}/remove": Document((ARCHIVE,), errors=(404,)),
    f"DELETE {ONE}/terminate-remove": Document((ARCHIVE, REASON), errors=(404, 409)),
    f"POST {ONE}/restart": AGAIN._replace(query=(LATEST,)),
    f"POST {ONE}/retry": AGAIN._replace(
        query=(flag("resumeSubworkflowTasks", "Retry inside failed sub-workflows."),),
        errors=(404, 409, 500),
    ),
    f"POST {ONE}/rerun": Document(
        body=model("RerunWorkflowRequest"),
        answer=TEXT_BODY,
        answer_type="text/plain",
        errors=(404, 409),
    ),
    f"POST {ONE}/resetcallbacks": AGAIN,
    f"PUT {ONE}/skiptask/{{taskReferenceName}}": Document(
        body=model("SkipTaskRequest"), body_required=False, errors=(404, 500)
    ),
    f"POST {WORKFLOWS}/execute/{{name}}/{{version}}": Document(
        (REQUEST, WAIT_REFERENCES, WAIT_SECONDS, STRATEGY),
        model("StartWorkflowRequest"),
        answer=OBJECT,
        errors=(404, 409),
    ),
    f"POST {WORKFLOWS}/test": Document(
        body=model("StartWorkflowRequest"), answer=model("Workflow"), errors=(404, 409)
    ),
    f"POST {ONE}/messages": Document(
        body=OBJECT, answer=TEXT_BODY, answer_type="text/plain", plain_errors=(404, 409, 429)
    ),
    # many executions
    f"PUT {BULK}/pause": BULK_DONE,
    f"PUT {BULK}/resume": BULK_DONE,
    f"POST {BULK}/restart": BULK_DONE._replace(query=(LATEST,)),
    f"POST {BULK}/retry": BULK_DONE,
    f"POST {BULK}/terminate": BULK_DONE._replace(query=(REASON,)),
    f"DELETE {BULK}/remove": BULK_DONE._replace(query=(ARCHIVE,)),
    f"POST {BULK}/delete": BULK_DONE._replace(query=(ARCHIVE,)),
    f"DELETE {BULK}/terminate-remove": BULK_DONE._replace(query=(ARCHIVE, REASON)),
    f"POST {BULK}/search": Document((TASKS_TRUE,), IDS, answer=OBJECT),
    # search
    f"GET {WORKFLOWS}/search": Document(WORKFLOW_SEARCH, answer=page_of("WorkflowSummary")),
    f"GET {WORKFLOWS}/search-v2": Document(WORKFLOW_SEARCH, answer=page_of("Workflow")),
    f"GET {WORKFLOWS}/search-by-tasks": Document(SEARCH, answer=page_of("WorkflowSummary")),
    f"GET {WORKFLOWS}/search-by-tasks-v2": Document(SEARCH, answer=page_of("Workflow")),
    f"GET {TASK}/search": Document(SEARCH, answer=page_of("TaskSummary")),
    f"GET {TASK}/search-v2": Document(SEARCH, answer=page_of("Task")),
    # history and branches (ours)
    f"GET {EXEC}/{{workflowId}}/events": EVENTS._replace(
        query=(AFTER, KINDS, flag("untilEnd", "End with the execution.")), errors=(404,)
    ),
    f"GET {EXEC}/events": EVENTS._replace(query=(AFTER, KINDS)),
    "GET /api/capabilities": JSON,
    f"GET {EXEC}/{{workflowId}}/history": Document(
        (number("after", "Events behind this one.", 0, least=0),), answer=OBJECT, errors=(404,)
    ),
    f"GET {EXEC}/{{workflowId}}/failure": Document(answer=OBJECT, errors=(404,)),
    f"GET {EXEC}/{{workflowId}}/family": Document(answer=many(OBJECT), errors=(404,)),
    f"GET {EXEC}/{{workflowId}}/tasks/{{taskId}}/origin": Document(
        (text("leaf", "Path of the value in the task's input.", required=True),),
        answer=many(OBJECT),
        errors=(404,),
    ),
    f"GET {EXEC}/{{workflowId}}/tasks/{{taskId}}/plan": Document(answer=OBJECT, errors=(404, 409)),
    f"POST {EXEC}/{{workflowId}}/tasks/{{taskId}}/branch": Document(
        body=fields((), inputEdits=OBJECT, workflowInput=OBJECT),
        answer=TEXT_BODY,
        answer_type="text/plain",
        errors=(404, 409),
    ),
    f"POST {EXEC}/import": Document(
        body=fields(("workflow",), workflow=OBJECT, source=TEXT),
        answer=OBJECT,
        errors=(409,),
    ),
    f"POST {EXEC}/query": Document(
        body=fields(("sql",), sql=TEXT, parameters={"type": "array"}),
        answer=OBJECT,
    ),
}
"""By ``METHOD path``."""
