"""What follows an unsuccessful attempt: another one, going on all the same, or the end.

Conductor's rules (semantics reference §6.1, §3.5). The delay of a new attempt is held in
``not_before_ms``; ``start_delay_in_seconds`` and ``callback_after_seconds`` repeat it in whole
seconds for the wire.
"""

from __future__ import annotations

import hashlib
from typing import Any, NoReturn

from ..models.enums import RetryLogic, TaskStatus, WorkflowStatus
from .definition import Node, TaskSettings
from .events import IN_ROUNDS, EventKind
from .state import TaskState
from .tasks.base import TaskType
from .turn import Placement, Terminate, Turn

MAX_DELAY_SECONDS = 2147483647


def is_retried(task: TaskState, node: Node | None, task_type: TaskType) -> bool:
    """Whether another attempt takes the place of an ended task."""
    if task.status.is_successful or not task.status.is_retriable:
        return False
    allowed = node.allowed_retries if node is not None else 0
    return task_type.auto_retry and task.retry_count < allowed


def check_goes_on(turn: Turn, task: TaskState, node: Node | None, task_type: TaskType) -> None:
    """Nothing where the flow goes on after an unsuccessful task: by another attempt, or without it.

    Raises:
        Terminate: The execution ends with this failure.
    """
    if is_retried(task, node, task_type):
        _check_total_budget(turn, task, _settings(node))
    elif not task.optional and not task.permissive:
        _terminate(task)


def go_on(turn: Turn, task: TaskState) -> TaskState:
    """The record of a task that the flow goes on behind: a failed optional one counts as done."""
    if task.status.is_successful or not task.optional:
        return task
    turn.emit(EventKind.TASK_COMPLETED, {"status": str(TaskStatus.COMPLETED_WITH_ERRORS)}, task)
    return turn.state.tasks[task.task_id]


def schedule_retry(turn: Turn, task: TaskState, node: Node | None, task_type: TaskType) -> None:
    """Record the next attempt after the delay that the task definition asks for."""
    settings = _settings(node)
    delay = retry_delay_seconds(settings, task.retry_count)
    jitter_ms = _jitter_ms(task, settings.backoff_jitter_ms)
    schedule_attempt(turn, task, node, task_type, delay, jitter_ms)


def _settings(node: Node | None) -> TaskSettings:
    return (node.settings if node is not None else None) or TaskSettings()


def schedule_attempt(
    turn: Turn,
    task: TaskState,
    node: Node | None,
    task_type: TaskType,
    delay_seconds: int = 0,
    jitter_ms: int = 0,
    by_operator: bool = False,
) -> TaskState:
    """Record the next attempt of a task: a copy with fresh input over the old one."""
    if node is None:
        raise Terminate(f"The workflow task of {task.reference_task_name} is not known any more.")
    draft = task_type.draft(turn, node, Placement(0, task.path.rsplit("/", 1)[0]))
    draft.reference = task.reference_task_name
    draft.retry_count = task.retry_count + 1
    draft.iteration = task.iteration
    draft.path = task.path
    data = draft.data
    for name in ("callback_after_seconds", "start_delay_in_seconds", "not_before_ms"):
        data.pop(name, None)  # the node's startDelay is for the first attempt only
    data.update(_carried_over(task))
    data["status"] = str(task_type.initial_status)
    if task_type.revisits:
        data["revisit"] = True
    merged = {**task.input_data, **task_type.input_again(data.get("input") or {})}
    if merged:
        data["input"] = merged
    data["retried_task_id"] = task.task_id
    data["first_scheduled_time"] = task.first_scheduled_time
    if delay_seconds or jitter_ms:
        data["start_delay_in_seconds"] = delay_seconds
        data["callback_after_seconds"] = delay_seconds
        data["not_before_ms"] = turn.now.wall_ms + delay_seconds * 1000 + jitter_ms
    if by_operator:
        data["by_operator"] = True
        if turn.state.logic >= IN_ROUNDS:
            # Conductor resolves it into the map that both attempts hold.
            data["shares_input"] = True
    elif task.reason_for_incompletion is not None:
        data["reason"] = task.reason_for_incompletion
    record = turn.emit_scheduled(draft, task.last_event, None)
    task_type.begin(turn, record)
    return record


def _carried_over(task: TaskState) -> dict[str, Any]:
    data: dict[str, Any] = {"task_type": task.task_type, "task_def_name": task.task_def_name}
    for name in (
        "workflow_priority",
        "response_timeout_seconds",
        "rate_limit_per_frequency",
        "rate_limit_frequency_in_seconds",
        "workflow_task",
        "wait_until_ms",
        "loop_over_task",
    ):
        value = getattr(task, name)
        if value:
            data[name] = value
    return data


def retry_delay_seconds(settings: TaskSettings, attempt: int) -> int:
    """Whole seconds before the attempt that follows ``attempt`` (0 for the first)."""
    delay = settings.retry_delay_seconds
    if settings.retry_logic == RetryLogic.LINEAR_BACKOFF:
        delay = delay * settings.backoff_scale_factor * (attempt + 1)
    elif settings.retry_logic == RetryLogic.EXPONENTIAL_BACKOFF:
        delay = delay * 2 ** min(attempt, 62)
    if settings.max_retry_delay_seconds > 0:
        delay = min(delay, settings.max_retry_delay_seconds)
    return min(delay, MAX_DELAY_SECONDS)


def _jitter_ms(task: TaskState, limit_ms: int) -> int:
    """A delay between 0 and the limit, different for each attempt but the same on replay."""
    if limit_ms <= 0:
        return 0
    digest = hashlib.sha1(task.task_id.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[:4], "big") % (limit_ms + 1)


def _check_total_budget(turn: Turn, task: TaskState, settings: TaskSettings) -> None:
    total = settings.total_timeout_seconds
    elapsed = (turn.now.wall_ms - task.first_scheduled_time) // 1000
    if total <= 0 or elapsed < total:
        return
    timed_out = task.status is TaskStatus.TIMED_OUT
    raise Terminate(
        f"Task {task.task_id}/{task.task_def_name} exceeded total timeout of {total} seconds "
        f"(elapsed {elapsed} seconds across all attempts). No further retries will be attempted.",
        WorkflowStatus.TIMED_OUT if timed_out else WorkflowStatus.FAILED,
        task.task_id,
    )


def _terminate(task: TaskState) -> NoReturn:
    """End the execution: nothing lets the flow go on."""
    status = {
        TaskStatus.CANCELED: WorkflowStatus.TERMINATED,
        TaskStatus.TIMED_OUT: WorkflowStatus.TIMED_OUT,
    }.get(task.status, WorkflowStatus.FAILED)
    reason = task.reason_for_incompletion
    raise Terminate(
        f"Task {task.task_id} failed with status: {status} and reason: "
        f"'{'null' if reason is None else reason}'",
        status,
        task.task_id,
    )
