"""Tasks: polled, updated, signalled, counted in their queues."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..describing import TEXT_BODY, Document, by_name, many, model, number, text, texts
from .terms import DOMAIN, OBJECT, SIGNAL, STRATEGY, TASK, WORKER

DOCUMENTS: Final[Mapping[str, Document]] = {
    # tasks
    f"GET {TASK}/poll/{{taskType}}": Document(
        (WORKER, DOMAIN), answer=model("Task"), statuses=(200, 204)
    ),
    f"GET {TASK}/poll/batch/{{taskType}}": Document(
        (
            WORKER,
            DOMAIN,
            number("count", "How many tasks to take at most.", 1),
            number("timeout", "Milliseconds to wait for the first.", 100, most=5000),
        ),
        answer=many(model("Task")),
    ),
    f"POST {TASK}": Document(
        body=model("TaskResult"), answer=TEXT_BODY, answer_type="text/plain", errors=(404,)
    ),
    f"POST {TASK}/update-v2": Document(
        body=model("TaskResult"), answer=model("Task"), statuses=(200, 204), errors=(404,)
    ),
    f"POST {TASK}/{{workflowId}}/{{taskRefName}}/{{status}}": Document(
        (WORKER,), OBJECT, answer=TEXT_BODY, answer_type="text/plain", errors=(404,)
    ),
    f"POST {TASK}/{{workflowId}}/{{taskRefName}}/{{status}}/sync": Document(
        (WORKER,), OBJECT, answer=model("Workflow"), errors=(404,)
    ),
    f"POST {TASK}/{{workflowId}}/{{status}}/signal": SIGNAL,
    f"POST {TASK}/{{workflowId}}/{{status}}/signal/sync": SIGNAL._replace(
        query=(STRATEGY, number("timeoutMillis", "Longest wait.", 5000)), answer=OBJECT
    ),
    f"GET {TASK}/{{taskId}}": Document(answer=model("Task"), errors=(404,)),
    f"POST {TASK}/{{taskId}}/log": Document(body=TEXT_BODY, body_type="text/plain"),
    f"GET {TASK}/{{taskId}}/log": Document(answer=many(model("TaskLog")), statuses=(200, 204)),
    f"GET {TASK}/queue/size": Document(
        (text("taskType", "Name of the queue.", required=True), DOMAIN),
        answer={"type": "integer"},
    ),
    f"GET {TASK}/queue/sizes": Document(
        (texts("taskType", "Names of queues.", required=True),),
        answer=by_name({"type": "integer"}),
    ),
    f"GET {TASK}/queue/all": Document(answer=by_name({"type": "integer"})),
    f"GET {TASK}/queue/all/verbose": Document(answer=by_name(OBJECT)),
    f"GET {TASK}/queue/polldata": Document(
        (text("taskType", "Task type.", required=True),), answer=many(model("PollData"))
    ),
    f"GET {TASK}/queue/polldata/all": Document(answer=many(model("PollData"))),
    f"POST {TASK}/queue/requeue/{{taskType}}": Document(answer=TEXT_BODY, answer_type="text/plain"),
}
"""By ``METHOD path``."""
