"""What workers and people say about a task (semantics reference §8.2, §8.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ConflictError, InvalidRequestError
from ..models.codec import dumps
from ..models.enums import TASK_STATUS_OF, TaskStatus
from .checks import OUTPUT, hold_output, output_schema
from .events import EventKind
from .limits import SIZE_LIMITS, output_refusal
from .state import TaskState
from .tasks.base import task_type_of
from .turn import Turn

_KIND = {
    TaskStatus.COMPLETED: EventKind.TASK_COMPLETED,
    TaskStatus.COMPLETED_WITH_ERRORS: EventKind.TASK_COMPLETED,
    TaskStatus.FAILED: EventKind.TASK_FAILED,
    TaskStatus.FAILED_WITH_TERMINAL_ERROR: EventKind.TASK_FAILED,
    TaskStatus.TIMED_OUT: EventKind.TASK_TIMED_OUT,
    TaskStatus.CANCELED: EventKind.TASK_CANCELED,
}


def start_task(turn: Turn, task: TaskState, worker_id: str | None) -> TaskState:
    """Hand a queued task to a worker."""
    actor = f"worker:{worker_id}" if worker_id else "engine"
    data = {"worker_id": worker_id} if worker_id else {}
    turn.emit(EventKind.TASK_STARTED, data, task, actor=actor)
    return turn.state.tasks[task.task_id]


def update_task(
    turn: Turn,
    task: TaskState,
    result: Mapping[str, Any],
    error: Mapping[str, Any] | None = None,
    merge: bool = False,
    fields: Mapping[str, Any] | None = None,
    is_measured: bool = False,
) -> bool:
    """Apply a worker's result to an open task; False when it comes too late and is ignored.

    Args:
        turn: The turn of the execution.
        task: The task the result is for.
        result: A TaskResult in wire form, its status already checked.
        error: What the function raised: ``{type, message, frames}``.
        merge: An update by reference name: output is merged, reason and callback are kept.
        fields: Further fields of ``TaskState`` that change, from a worker of the engine itself.
        is_measured: Whether the size of the output is known to be allowed.
    """
    if task.status.is_terminal or turn.is_over or task.awaiting_check == OUTPUT:
        return False
    actor = turn.actor
    if result.get("extendLease"):
        turn.emit(EventKind.LEASE_EXTENDED, {}, task, actor=actor)
        return True
    status = TASK_STATUS_OF[result["status"]]
    data = _changes(task, result, merge)
    too_large = None
    if merge or not is_measured:
        too_large = output_refusal(turn.state.workflow_id, task.task_id, data.get("output"))
    if too_large is not None:
        status = TaskStatus.FAILED_WITH_TERMINAL_ERROR
        data |= {"output": {}, "reason": too_large}
    if error is not None:
        data["error"] = dict(error)
    if fields:
        data.update(fields)
    if status is TaskStatus.COMPLETED and output_schema(turn, task) is not None:
        hold_output(turn, task, data, actor)
    elif status is TaskStatus.IN_PROGRESS:
        _put_back(turn, task, data, actor)
    else:
        data["status"] = str(status)
        turn.emit(_KIND[status], data, task, actor=actor)
    return True


def _changes(task: TaskState, result: Mapping[str, Any], merge: bool) -> dict[str, Any]:
    output = result.get("outputData") or {}
    data: dict[str, Any] = {}
    if result.get("workerId"):
        data["worker_id"] = result["workerId"]
    if merge:
        merged = {**task.output_data, **output}
        if merged:
            data["output"] = merged
        return data
    if output or task.output_data:
        data["output"] = output
    reason = result.get("reasonForIncompletion")
    if reason is not None or task.reason_for_incompletion is not None:
        data["reason"] = reason
    callback = int(result.get("callbackAfterSeconds") or 0)
    if callback or task.callback_after_seconds:
        data["callback_after_seconds"] = callback
    if result.get("subWorkflowId"):
        data["sub_workflow_id"] = result["subWorkflowId"]
    return data


def _put_back(turn: Turn, task: TaskState, data: dict[str, Any], actor: str) -> None:
    """IN_PROGRESS: a worker's task goes back to its queue, an engine's own task stays."""
    callback = data.get("callback_after_seconds", task.callback_after_seconds)
    task_type = task_type_of(turn, task)
    stays = task_type.is_system and not task_type.is_offered_again
    if stays or data.get("async_complete") or task.async_complete:
        data["status"] = str(TaskStatus.IN_PROGRESS)
    else:
        data["status"] = str(TaskStatus.SCHEDULED)
        data["not_before_ms"] = turn.now.wall_ms + callback * 1000 if callback else 0
    turn.emit(EventKind.TASK_UPDATED, data, task, actor=actor)


def write_variables(turn: Turn, variables: Mapping[str, Any]) -> None:
    """Merge workflow variables on somebody's behalf, with SET_VARIABLE's limit.

    Raises:
        ConflictError: The execution has ended.
        InvalidRequestError: The variables would be too large.
    """
    state = turn.state
    if state.status.is_terminal:
        raise ConflictError(f"Workflow is in terminal state. Status = {state.status}")
    size = len(dumps({**state.variables, **variables}))
    limit = SIZE_LIMITS.variables_kilobytes
    if size > limit * 1024:
        raise InvalidRequestError(f"The variables would have {size} bytes; {limit} KB are allowed.")
    if variables:
        turn.emit(EventKind.VARIABLES_SET, {"variables": dict(variables)})
