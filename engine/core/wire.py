"""Executions and tasks in Conductor's JSON shape (camelCase), as every door sends them.

Rules of this file
  1. What is built is *shared*: definitions, inputs and outputs are the very objects of the state.
     A wire dict is for encoding or reading, never for changing.
  2. Presence follows the API reference: a key without a value is left out, ``taskDefinition``
     alone may be a literal null, and what the server computes is computed here.
  3. Nothing reads a clock: what depends on the present moment takes ``now_ms``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ..models.codec import loads
from .gathering import gathered, is_open_join
from .java_text import java_text
from .state import TaskState, WorkflowState

Wire = dict[str, Any]
"""A JSON-ready dict with Conductor's camelCase keys."""

REASON_LIMIT: Final = 500
"""Longest ``reasonForIncompletion`` of a task that leaves the server, in characters."""

_METADATA: Final[Wire] = {"additionalContext": {}, "empty": True, "additionalContextMap": {}}
_SUMMARY_CLASSIFIER: Final = "workflow"
_NEVER_MS: Final = 10 * 365 * 86_400_000


def task_wire(state: WorkflowState, task: TaskState, now_ms: int = 0, whole: bool = True) -> Wire:
    """One attempt of a task as ``GET /tasks/{id}`` and the poll answers show it.

    Args:
        state: The execution the attempt belongs to.
        task: The attempt.
        now_ms: Present moment, epoch milliseconds; only the queue wait of a task with a pending
            callback depends on it.
        whole: Also payloads that are kept outside the history; False names only where they are.
    """
    node = task.workflow_task
    if node is None:
        node = state.definition.node_wire(task.node)
        if node is None:
            node = {"name": task.task_def_name, "taskReferenceName": task.reference_task_name}
    definition = node.get("taskDefinition")
    frequency = task.rate_limit_frequency_in_seconds
    if not frequency and definition is not None and node.get("type") == "SIMPLE":
        # Records hold the period of a limit that is set; Conductor shows the default one as well.
        frequency = definition.get("rateLimitFrequencyInSeconds", 1)
    output = gathered(state, task) if is_open_join(task) else task.output_data
    own_child = task.sub_workflow_id
    if own_child and output.get("subWorkflowId", own_child) != own_child:
        output = {**output, "subWorkflowId": own_child}
    wire: Wire = {
        "taskType": task.task_type,
        "status": task.status,
        "inputData": task.input_data,
        "referenceTaskName": task.reference_task_name,
        "retryCount": task.retry_count,
        "seq": task.seq,
        "pollCount": task.poll_count,
        "taskDefName": task.task_def_name or task.task_type,
        "scheduledTime": task.scheduled_time,
        "startTime": task.start_time,
        "endTime": task.end_time,
        "updateTime": task.update_time,
        "startDelayInSeconds": task.start_delay_in_seconds,
        "retried": task.retried,
        "executed": task.executed,
        "callbackFromWorker": True,
        "responseTimeoutSeconds": task.response_timeout_seconds,
        "workflowInstanceId": state.workflow_id,
        "workflowType": state.definition.name,
        "taskId": task.task_id,
        "callbackAfterSeconds": task.callback_after_seconds,
        "outputData": output,
        "workflowTask": node,
        "rateLimitPerFrequency": task.rate_limit_per_frequency,
        "rateLimitFrequencyInSeconds": frequency,
        "workflowPriority": task.workflow_priority,
        "iteration": task.iteration,
        "subworkflowChanged": task.subworkflow_changed,
        "firstStartTime": 0,
        "executionMetadata": _METADATA,
        "queueWaitTime": _queue_wait(task, now_ms),
        "taskDefinition": definition,
        "loopOverTask": task.iteration > 0,
    }
    if not whole:
        _name_external(wire, task, "inputData", "outputData")
    if state.correlation_id is not None:
        wire["correlationId"] = state.correlation_id
    if task.retried_task_id is not None:
        wire["retriedTaskId"] = task.retried_task_id
    if task.reason_for_incompletion is not None:
        wire["reasonForIncompletion"] = task.reason_for_incompletion[:REASON_LIMIT]
    if task.worker_id is not None:
        wire["workerId"] = task.worker_id
    if task.domain is not None:
        wire["domain"] = task.domain
    child = (
        task.sub_workflow_id
        or task.output_data.get("subWorkflowId")
        or task.input_data.get("subWorkflowId")
    )
    if isinstance(child, str):
        wire["subWorkflowId"] = child
    return wire


def _name_external(wire: Wire, of: TaskState | WorkflowState, given: str, gave: str) -> None:
    """Put the paths of external payloads in the place of the payloads."""
    if of.external_input_payload_storage_path:
        wire[given] = {}
        wire["externalInputPayloadStoragePath"] = of.external_input_payload_storage_path
    if of.external_output_payload_storage_path:
        wire[gave] = {}
        wire["externalOutputPayloadStoragePath"] = of.external_output_payload_storage_path


def workflow_wire(
    state: WorkflowState, include_tasks: bool = True, now_ms: int = 0, whole: bool = True
) -> Wire:
    """One execution as ``GET /workflow/{id}`` shows it, attempts in order of ``seq``.

    ``whole``: see ``task_wire``.
    """
    tasks: list[Wire] = []
    if include_tasks:
        ordered = sorted(state.tasks.values(), key=_seq)
        tasks = [task_wire(state, task, now_ms, whole) for task in ordered]
    definition = state.definition
    wire: Wire = {
        "ownerApp": "",
        "createTime": state.create_time,
        "updateTime": state.update_time,
        "status": state.status,
        "endTime": state.end_time,
        "workflowId": state.workflow_id,
        "tasks": tasks,
        "input": state.input,
        "output": state.output,
        "taskToDomain": state.task_to_domain,
        "failedReferenceTaskNames": list(state.failed_reference_task_names),
        "failedTaskNames": list(state.failed_task_names),
        "workflowDefinition": definition.wire,
        "priority": state.priority,
        "variables": state.variables,
        "lastRetriedTime": state.last_retried_time,
        "history": [],
        "rateLimited": state.rate_limited,
        "startTime": state.create_time,
        "workflowName": definition.name,
        "workflowVersion": definition.version,
    }
    if not whole:
        _name_external(wire, state, "input", "output")
    for key, value in (
        ("parentWorkflowId", state.parent_workflow_id),
        ("parentWorkflowTaskId", state.parent_workflow_task_id),
        ("correlationId", state.correlation_id),
        ("reasonForIncompletion", state.reason_for_incompletion),
        ("event", state.event),
        ("createdBy", state.created_by),
        ("idempotencyKey", state.idempotency_key),
        ("rateLimitKey", state.rate_limit_key),
    ):
        if value is not None:
            wire[key] = value
    return wire


def workflow_status_wire(
    state: WorkflowState, include_output: bool = False, include_variables: bool = False
) -> Wire:
    """The short form of an execution: id, status and what was asked for."""
    wire: Wire = {"workflowId": state.workflow_id, "status": state.status}
    if state.correlation_id:
        wire["correlationId"] = state.correlation_id
    if include_output:
        wire["output"] = state.output
    if include_variables:
        wire["variables"] = state.variables
    return wire


def workflow_run_wire(
    state: WorkflowState, target: WorkflowState, strategy: str, request_id: str, timed_out: bool
) -> Wire:
    """The answer of a synchronous call as an execution (HTTP API reference §3.8)."""
    wire = workflow_wire(state, whole=False)
    return {
        **_run(state, target, strategy, request_id, timed_out),
        "input": wire["input"],
        "output": wire["output"],
        "priority": state.priority,
        "variables": wire["variables"],
        "tasks": wire["tasks"],
        "createTime": state.create_time,
        "updateTime": state.update_time,
        "status": str(state.status),
    }


def task_run_wire(
    state: WorkflowState, task: TaskState, target: WorkflowState, strategy: str, request_id: str
) -> Wire:
    """The answer of a synchronous call as the task that blocks (HTTP API reference §3.8)."""
    wire: Wire = {
        **_run(state, target, strategy, request_id, False),
        "input": task.input_data,
        "output": task.output_data,
        "taskType": task.task_type,
        "taskId": task.task_id,
        "referenceTaskName": task.reference_task_name,
        "retryCount": task.retry_count,
        "taskDefName": task.task_def_name,
        "workflowType": state.definition.name,
        "priority": task.workflow_priority,
        "createTime": task.start_time,
        "updateTime": task.update_time,
        "status": str(task.status),
    }
    for key, value in (
        ("retriedTaskId", task.retried_task_id),
        ("reasonForIncompletion", task.reason_for_incompletion),
        ("createdBy", task.worker_id),
    ):
        if value is not None:
            wire[key] = value
    return wire


def _run(
    state: WorkflowState, target: WorkflowState, strategy: str, request_id: str, timed_out: bool
) -> Wire:
    wire: Wire = {
        "responseType": strategy,
        "targetWorkflowId": target.workflow_id,
        "targetWorkflowStatus": str(target.status),
        "requestId": request_id,
        "workflowId": state.workflow_id,
        "signalTimeout": timed_out,
    }
    if state.correlation_id:
        wire["correlationId"] = state.correlation_id
    return wire


def search_result(total_hits: int, results: Iterable[Wire]) -> Wire:
    """A page of results; ``total_hits`` counts all of them, not the page."""
    return {"totalHits": total_hits, "results": list(results)}


def workflow_summary(row: Mapping[str, Any]) -> Wire:
    """One line of a search for executions, from a row of the history table ``executions``.

    Times are texts in UTC; input and output are Java's map text, as Conductor's index stores
    them. ``row`` may carry a ``classifier`` beside the columns of ``ExecutionRow``.
    """
    input_text = java_text(_json(row["input"]))
    output_text = java_text(_json(row["output"]))
    start, end = row["create_time"], row["end_time"]
    wire: Wire = {
        "workflowType": row["workflow_type"],
        "version": row["workflow_version"],
        "workflowId": row["workflow_id"],
        "startTime": time_text(start),
        "updateTime": time_text(row["update_time"]),
        "status": row["status"],
        "input": input_text,
        "output": output_text,
        "inputSize": len(input_text),
        "outputSize": len(output_text),
        "executionTime": end - start if end else 0,
        "failedReferenceTaskNames": ",".join(_json(row["failed_reference_task_names"]) or ()),
        "failedTaskNames": _json(row["failed_task_names"]) or [],
        "priority": row["priority"],
        "taskToDomain": _json(row["task_to_domain"]) or {},
        "parentWorkflowId": row["parent_workflow_id"] or "",
        "classifier": row.get("classifier") or _SUMMARY_CLASSIFIER,
    }
    if end:
        wire["endTime"] = time_text(end)
    _optional(
        wire,
        row,
        ("correlationId", "correlation_id"),
        ("reasonForIncompletion", "reason_for_incompletion"),
        ("event", "event"),
        ("createdBy", "created_by"),
        ("idempotencyKey", "idempotency_key"),
    )
    return wire


def task_summary(row: Mapping[str, Any]) -> Wire:
    """One line of a search for tasks, from a row of the history table ``tasks``.

    ``row`` may carry ``correlation_id`` and ``workflow_priority`` of the execution beside the
    columns of ``TaskRow``.
    """
    scheduled, start, end = row["scheduled_time"], row["start_time"], row["end_time"]
    wire: Wire = {
        "workflowId": row["workflow_id"],
        "workflowType": row["workflow_type"],
        "scheduledTime": time_text(scheduled),
        "startTime": time_text(start),
        "updateTime": time_text(row["update_time"]),
        "endTime": time_text(end),
        "status": row["status"],
        "executionTime": end - start if end and start else 0,
        "queueWaitTime": start - scheduled if start and scheduled else 0,
        "taskDefName": row["task_def_name"],
        "taskType": row["task_type"],
        "input": java_text(_json(row["input_data"])),
        "output": java_text(_json(row["output_data"])),
        "taskId": row["task_id"],
        "workflowPriority": row.get("workflow_priority") or 0,
    }
    reason = row["reason_for_incompletion"]
    if reason is not None:
        wire["reasonForIncompletion"] = reason[:REASON_LIMIT]
    _optional(wire, row, ("correlationId", "correlation_id"), ("domain", "domain"))
    return wire


def time_text(epoch_ms: int) -> str:
    """A moment as summaries write it: ``2026-08-01T12:00:00.000Z``; 0 is the epoch itself."""
    seconds, rest = divmod(epoch_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"


def _seq(task: TaskState) -> int:
    return task.seq


def _queue_wait(task: TaskState, now_ms: int) -> int:
    """Milliseconds in the queue: until the start, or since a pending callback fell due."""
    if task.start_time <= 0 or task.scheduled_time <= 0:
        return 0
    if task.update_time > 0 and task.callback_after_seconds > 0:
        return max(0, now_ms - (task.update_time + task.callback_after_seconds * 1000))
    return task.start_time - task.scheduled_time


def shows_passing_time(state: WorkflowState, now_ms: int) -> bool:
    """Whether ``workflow_wire`` shows something that changes without an event.

    The queue wait of a task grows once its callback is due; that of a WAIT for a signal is due
    in 68 years, which is never.
    """
    return any(
        task.callback_after_seconds > 0
        and task.update_time > 0
        and task.start_time > 0
        and task.update_time + task.callback_after_seconds * 1000 < now_ms + _NEVER_MS
        for task in state.tasks.values()
    )


def _optional(wire: Wire, row: Mapping[str, Any], *keys: tuple[str, str]) -> None:
    for key, column in keys:
        value = row.get(column)
        if value is not None:
            wire[key] = value


def _json(value: Any) -> Any:
    """A JSON column: its value, whether the driver gave the value or its text."""
    return loads(value) if isinstance(value, str | bytes) else value
