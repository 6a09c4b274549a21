"""Status notices: what a listener is told of an event of an execution, if anything.

Pure. The names are Conductor's listener callbacks, the data its summaries without input and
output (which may hold secrets). Whether there is a notice, the definition decides, as in
Conductor: ``workflowStatusListenerEnabled`` of a workflow (off by default) and
``taskStatusListenerEnabled`` of a task definition (on by default; being polled is never silent).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from ..models.enums import TaskStatus, WorkflowStatus
from .events import EventKind, HistoryEvent
from .records import node_of
from .state import TaskState, WorkflowState
from .wire import REASON_LIMIT, time_text

Wire = dict[str, Any]

WORKFLOW_TYPES: Final = (
    "workflow.started",
    "workflow.rerun",
    "workflow.retried",
    "workflow.paused",
    "workflow.resumed",
    "workflow.restarted",
    "workflow.completed",
    "workflow.terminated",
    "workflow.finalized",
)
"""Every unsuccessful end is ``workflow.terminated``, whatever its status; ``workflow.finalized``
comes with every end."""
TASK_TYPES: Final = (
    "task.scheduled",
    "task.in_progress",
    "task.completed",
    "task.completed_with_errors",
    "task.failed",
    "task.failed_with_terminal_error",
    "task.timed_out",
    "task.canceled",
    "task.skipped",
)
NOTICE_TYPES: Final = (*WORKFLOW_TYPES, *TASK_TYPES)

_WORKFLOW: Final = {
    EventKind.WORKFLOW_STARTED: ("workflow.started",),
    EventKind.WORKFLOW_RERUN: ("workflow.rerun",),
    EventKind.WORKFLOW_RETRIED: ("workflow.retried",),
    EventKind.WORKFLOW_PAUSED: ("workflow.paused",),
    EventKind.WORKFLOW_RESUMED: ("workflow.resumed",),
    EventKind.WORKFLOW_RESTARTED: ("workflow.restarted",),
}
_STATUS_AFTER: Final = {"workflow.paused": str(WorkflowStatus.PAUSED)}
_TASK: Final = {
    EventKind.TASK_SCHEDULED: "",
    EventKind.TASK_STARTED: str(TaskStatus.IN_PROGRESS),
    EventKind.TASK_COMPLETED: str(TaskStatus.COMPLETED),
    EventKind.TASK_FAILED: str(TaskStatus.FAILED),
    EventKind.TASK_TIMED_OUT: str(TaskStatus.TIMED_OUT),
    EventKind.TASK_CANCELED: str(TaskStatus.CANCELED),
}


class StatusNotice(NamedTuple):
    """One thing that a listener is told."""

    id: str
    """The same each time it is told: ``<workflow id>:<event number>:<type>``."""
    type: str
    """``workflow.completed``, ``task.failed``, …: one of ``NOTICE_TYPES``."""
    workflow_id: str
    wall_ms: int
    """When it happened, epoch milliseconds."""
    data: Wire
    """Summary of the workflow or task as it was then."""
    sink: str | None = None
    """``workflowStatusListenerSink``: the one receiver that is told; None: all."""

    def wire(self) -> Wire:
        """What goes out: ``{id, type, timestamp, data}``."""
        return {
            "id": self.id,
            "type": self.type,
            "timestamp": time_text(self.wall_ms),
            "data": self.data,
        }


Wants = Callable[[str, bool], bool]
"""Whether anybody wants a notice of a type: ``wants(type, whether the definition enables it)``."""


def notices(
    state: WorkflowState, event: HistoryEvent, wants: Wants
) -> Iterator[tuple[StatusNotice, bool]]:
    """The notices of one event that somebody wants, each with whether its definition enables it.

    ``state`` has folded the event and perhaps a few that came with it.
    """
    kind = event.kind
    if kind in _TASK:
        task = state.tasks.get(event.task_id)
        if task is not None:
            yield from _task_notices(state, task, event, wants)
        return
    types = _ending_types(event) if kind is EventKind.WORKFLOW_ENDED else _WORKFLOW.get(kind, ())
    wire = state.definition.wire
    is_enabled = bool(wire.get("workflowStatusListenerEnabled"))
    for notice_type in types:
        if not wants(notice_type, is_enabled):
            continue
        notice = StatusNotice(
            id=f"{event.workflow_id}:{event.number}:{notice_type}",
            type=notice_type,
            workflow_id=event.workflow_id,
            wall_ms=event.wall_ms,
            data=_workflow_data(state, event, notice_type),
            sink=wire.get("workflowStatusListenerSink") or None,
        )
        yield notice, is_enabled


def _ending_types(event: HistoryEvent) -> tuple[str, ...]:
    if event.data["status"] == WorkflowStatus.COMPLETED:
        return ("workflow.completed", "workflow.finalized")
    return ("workflow.finalized", "workflow.terminated")


def _task_notices(
    state: WorkflowState, task: TaskState, event: HistoryEvent, wants: Wants
) -> Iterator[tuple[StatusNotice, bool]]:
    status = event.data.get("status") or _TASK[event.kind]
    if event.kind is EventKind.TASK_SCHEDULED and status not in ("SCHEDULED", "SKIPPED"):
        return  # moved on by the engine itself: nothing is queued
    notice_type = f"task.{status.lower()}"
    if not wants(notice_type, True):
        return
    node = node_of(state, task)
    definition = {} if node is None else node.wire.get("taskDefinition") or {}
    is_enabled = definition.get("taskStatusListenerEnabled") is not False
    is_enabled = is_enabled or event.kind is EventKind.TASK_STARTED
    if not wants(notice_type, is_enabled):
        return
    notice = StatusNotice(
        id=f"{event.workflow_id}:{event.number}:{notice_type}",
        type=notice_type,
        workflow_id=event.workflow_id,
        wall_ms=event.wall_ms,
        data=_task_data(state, task, event, status),
    )
    yield notice, is_enabled


def _workflow_data(state: WorkflowState, event: HistoryEvent, notice_type: str) -> Wire:
    """Conductor's WorkflowSummary without input and output."""
    ended = event.kind is EventKind.WORKFLOW_ENDED
    status = event.data["status"] if ended else _STATUS_AFTER.get(notice_type, "RUNNING")
    data: Wire = {
        "workflowType": state.definition.name,
        "version": state.definition.version,
        "workflowId": state.workflow_id,
        "status": status,
        "startTime": time_text(state.create_time),
        "updateTime": time_text(event.wall_ms),
        "executionTime": event.wall_ms - state.create_time if ended else 0,
        "priority": state.priority,
        "parentWorkflowId": state.parent_workflow_id or "",
    }
    if ended:
        data["endTime"] = time_text(event.wall_ms)
        data["failedReferenceTaskNames"] = ",".join(state.failed_reference_task_names)
        data["failedTaskNames"] = list(state.failed_task_names)
        if event.data.get("reason") is not None:
            data["reasonForIncompletion"] = event.data["reason"]
    _add(data, correlationId=state.correlation_id, event=state.event)
    return data


def _task_data(state: WorkflowState, task: TaskState, event: HistoryEvent, status: str) -> Wire:
    """Conductor's TaskNotification without input and output."""
    node = node_of(state, task)
    wire = {} if node is None else node.wire
    over = TaskStatus(status).is_terminal
    end = task.end_time if over else 0
    data: Wire = {
        "taskId": task.task_id,
        "taskDefName": task.task_def_name,
        "taskType": task.task_type,
        "referenceTaskName": task.reference_task_name,
        "workflowTaskType": wire.get("type") or "SIMPLE",
        "workflowId": state.workflow_id,
        "workflowType": state.definition.name,
        "workflowPriority": task.workflow_priority,
        "status": status,
        "retryCount": task.retry_count,
        "scheduledTime": time_text(task.scheduled_time),
        "startTime": time_text(task.start_time),
        "updateTime": time_text(event.wall_ms),
        "endTime": time_text(end),
        "executionTime": end - task.start_time if end and task.start_time else 0,
        "queueWaitTime": task.start_time - task.scheduled_time if task.start_time else 0,
    }
    reason = event.data.get("reason")
    _add(
        data,
        correlationId=state.correlation_id,
        domain=task.domain,
        taskDescription=wire.get("description"),
        reasonForIncompletion=None if reason is None else str(reason)[:REASON_LIMIT],
    )
    return data


def _add(data: Wire, **optional: Any) -> None:
    data.update((key, value) for key, value in optional.items() if value is not None)
