"""Data of events made from what a server shows of one task: plain readings of its wire form.

Each function reads one record of ``GET /workflow/{id}`` and answers what an event about it says;
keys that are absent or empty are left out, so that the data of observed events stays as small as
that of the engine's own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from ..models.enums import TaskStatus
from .definition import Node
from .state import TaskState

Wire = dict[str, Any]

ITERATION_SUFFIX: Final = re.compile(r"__(\d+)\Z")
"""How a reference inside a loop ends: ``task__3`` is that of the third iteration."""


def record_data(wire: Wire, node: Node | None, kind: str) -> Wire:
    """Data of ``TaskScheduled``: what the record has from its first moment."""
    workflow_task = wire.get("workflowTask") or {}
    reference = str(wire.get("referenceTaskName") or "")
    data: Wire = {
        "task_type": kind,
        "task_def_name": wire.get("taskDefName") or kind,
        "node": node.reference if node is not None else ITERATION_SUFFIX.sub("", reference),
        "seq": int(wire.get("seq") or 0),
        "input": wire.get("inputData") or {},
    }
    if (node is None or node.type == "DYNAMIC") and workflow_task:
        data["workflow_task"] = workflow_task
    flags = {
        "optional": bool(workflow_task.get("optional")),
        "permissive": bool(workflow_task.get("permissive")),
        "async_complete": bool(workflow_task.get("asyncComplete")),
        "workflow_priority": int(wire.get("workflowPriority") or 0),
        "retried_task_id": wire.get("retriedTaskId"),
        "domain": wire.get("domain"),
        "start_delay_in_seconds": int(wire.get("startDelayInSeconds") or 0),
        "callback_after_seconds": int(wire.get("callbackAfterSeconds") or 0),
        "response_timeout_seconds": int(wire.get("responseTimeoutSeconds") or 0),
        "rate_limit_per_frequency": int(wire.get("rateLimitPerFrequency") or 0),
        "loop_over_task": bool(wire.get("loopOverTask")) and kind == "DO_WHILE",
    }
    return data | {key: value for key, value in flags.items() if value}


def ended_data(wire: Wire, status: TaskStatus) -> Wire:
    data: Wire = {"status": str(status), "output": wire.get("outputData") or {}}
    given = {
        "reason": wire.get("reasonForIncompletion"),
        "worker_id": wire.get("workerId"),
        "start_time": int(wire.get("startTime") or 0),
        "end_time": int(wire.get("endTime") or 0),
        "poll_count": int(wire.get("pollCount") or 0),
    }
    return data | {key: value for key, value in given.items() if value}


_SHOWN: Final = {
    "status": ("status", "SCHEDULED"),
    "input_data": ("inputData", {}),
    "output_data": ("outputData", {}),
    "reason_for_incompletion": ("reasonForIncompletion", None),
    "worker_id": ("workerId", None),
    "domain": ("domain", None),
    "start_time": ("startTime", 0),
    "end_time": ("endTime", 0),
    "scheduled_time": ("scheduledTime", 0),
    "poll_count": ("pollCount", 0),
    "callback_after_seconds": ("callbackAfterSeconds", 0),
    "response_timeout_seconds": ("responseTimeoutSeconds", 0),
    "workflow_priority": ("workflowPriority", 0),
    "iteration": ("iteration", 0),
    "retried": ("retried", False),
    "retried_task_id": ("retriedTaskId", None),
    "subworkflow_changed": ("subworkflowChanged", False),
    "seq": ("seq", 0),
    "retry_count": ("retryCount", 0),
    "executed": ("executed", False),
}
"""Fields of a record by what the wire calls them, and what an absent key means."""


def untold_data(wire: Wire, known: TaskState) -> Wire:
    """What of a record no other event has told: values that the server changed by itself."""
    found: Wire = {}
    for name, (key, default) in _SHOWN.items():
        shown = wire.get(key)
        shown = default if shown is None else shown
        if getattr(known, name) != shown:
            found[name] = shown
    child = wire.get("subWorkflowId")
    if child and child != known.sub_workflow_id and launches(known):
        found["sub_workflow_id"] = child
    return found


def launches(task: TaskState) -> bool:
    """Whether a record has a child of its own; others may only carry such a key in their data."""
    return task.task_type in ("SUB_WORKFLOW", "START_WORKFLOW")


def chosen_case(wire: Wire) -> str | None:
    """The case that a SWITCH or DECISION took, as its output tells."""
    output = wire.get("outputData") or {}
    for key in ("selectedCase", "evaluationResult", "caseOutput"):
        value = output.get(key)
        if isinstance(value, Sequence) and not isinstance(value, str):
            value = value[0] if value else None
        if value is not None:
            return str(value)
    return None


def choice_expression(wire: Wire) -> str:
    task = wire.get("workflowTask") or {}
    found = task.get("expression") or task.get("caseExpression") or task.get("caseValueParam")
    return str(found or "")
