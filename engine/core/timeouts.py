"""Deadlines: when a task or an execution has to be looked at, and what happens then (§7).

``task_deadline_ms`` and ``workflow_deadline_ms`` tell the runtime when to ring;
``check_task_timeouts`` and ``check_workflow_timeout`` decide by the same figures. All read only the
state. Nothing rings for a time-out while an execution is paused: those of its tasks are looked at
when it goes on, and a result that comes meanwhile is in time; its own begins anew then, and is
looked at before only when a result comes.
"""

from __future__ import annotations

from ..models.enums import TaskStatus, TaskTimeoutPolicy, WorkflowStatus, WorkflowTimeoutPolicy
from .checks import OUTPUT
from .definition import Node, TaskSettings
from .events import PAUSED_AS_CONDUCTOR, EventKind
from .records import node_of
from .state import TaskState, WorkflowState
from .turn import Terminate, Turn


def workflow_deadline_ms(state: WorkflowState) -> int:
    """Moment to look whether the execution has timed out, 0 for never."""
    return 0 if _holds_timeouts(state) else _end_of_time_ms(state)


def _end_of_time_ms(state: WorkflowState) -> int:
    definition = state.definition
    if definition.timeout_seconds <= 0 or state.status.is_terminal:
        return 0
    if definition.timeout_policy != WorkflowTimeoutPolicy.TIME_OUT_WF:
        return 0
    return (state.last_retried_time or state.create_time) + definition.timeout_seconds * 1000


LAUNCHERS = frozenset({"SUB_WORKFLOW", "START_WORKFLOW"})
"""Task types that start an execution once their delay is over, instead of waiting in a queue."""

TOTAL_GRACE_MS = 30_000
"""A used-up total budget is noticed when an attempt ends or somebody asks for a decision; by
itself only this much later, so that the attempt at work can still report (Conductor's sweep)."""


def task_deadline_ms(state: WorkflowState, task: TaskState) -> int:
    """Earliest moment something is due for an open task, 0 for never."""
    if task.status.is_terminal:
        return 0
    node = node_of(state, task)
    settings = node.settings if node is not None else None
    due = [task.wait_until_ms] if task.wait_until_ms else []
    if task.not_before_ms and task.task_type in LAUNCHERS and not task.sub_workflow_id:
        due.append(task.not_before_ms)
    if settings is not None and settings.has_timeout and not _holds_timeouts(state):
        for moment, which, _, _ in _timers(task, settings):
            if _acts(settings, which):
                due.append(moment + TOTAL_GRACE_MS if which == "total" else moment)
    return min(due) if due else 0


def _holds_timeouts(state: WorkflowState) -> bool:
    """Whether time-outs wait until the execution goes on."""
    return state.status is WorkflowStatus.PAUSED and state.logic >= PAUSED_AS_CONDUCTOR


def _acts(settings: TaskSettings, which: str) -> bool:
    """Whether a timer that has run down does anything; a late response always does."""
    return which == "response" or settings.timeout_policy != TaskTimeoutPolicy.ALERT_ONLY


def _timers(task: TaskState, settings: TaskSettings) -> list[tuple[int, str, int, int]]:
    """Running timers of an open task: (moment, which, limit in seconds, begun at)."""
    timers = []
    if settings.total_timeout_seconds > 0 and task.first_scheduled_time:
        begun = task.first_scheduled_time
        limit = settings.total_timeout_seconds
        timers.append((begun + limit * 1000, "total", limit, begun))
    if settings.timeout_seconds > 0 and task.start_time:
        begun = task.start_time + task.start_delay_in_seconds * 1000
        limit = settings.timeout_seconds
        timers.append((begun + limit * 1000, "task", limit, begun))
    if settings.poll_timeout_seconds > 0 and task.status is TaskStatus.SCHEDULED:
        begun = task.scheduled_time + task.start_delay_in_seconds * 1000
        limit = settings.poll_timeout_seconds
        moment = begun + (limit + task.callback_after_seconds) * 1000
        timers.append((moment, "poll", limit, begun))
    response = task.response_timeout_seconds or settings.response_timeout_seconds
    exempt = task.async_complete or task.task_type == "SUB_WORKFLOW"
    if response > 0 and task.status is TaskStatus.IN_PROGRESS and not exempt:
        begun = task.update_time
        moment = begun + (response + task.callback_after_seconds) * 1000
        timers.append((moment, "response", response, begun))
    return timers


def check_workflow_timeout(turn: Turn) -> None:
    """End the execution when its time is up.

    Raises:
        Terminate: With status TIMED_OUT.
    """
    if _holds_timeouts(turn.state) and turn.state.last_event == turn.began_after:
        return  # nothing has come
    deadline = _end_of_time_ms(turn.state)
    if not deadline or turn.now.wall_ms < deadline:
        return
    state = turn.state
    elapsed = (turn.now.wall_ms - (state.last_retried_time or state.create_time)) // 1000
    definition = state.definition
    raise Terminate(
        f"Workflow timed out after {elapsed} seconds. Timeout configured as "
        f"{definition.timeout_seconds} seconds. Timeout policy configured to "
        f"{definition.timeout_policy}",
        WorkflowStatus.TIMED_OUT,
    )


def check_task_timeouts(turn: Turn, task: TaskState, node: Node | None) -> None:
    """Time a task out when one of its four timers has run down.

    Raises:
        Terminate: The policy is TIME_OUT_WF.
    """
    settings = node.settings if node is not None else None
    if settings is None or task.awaiting_check == OUTPUT:  # the worker's part is done
        return
    if _holds_timeouts(turn.state):
        return
    for moment, which, limit, begun in _timers(task, settings):
        if turn.now.wall_ms >= moment and _acts(settings, which):
            elapsed = (turn.now.wall_ms - begun) // 1000
            _time_out(turn, task, settings, which, limit, elapsed)
            return


def _time_out(
    turn: Turn, task: TaskState, settings: TaskSettings, which: str, limit: int, elapsed: int
) -> None:
    policy = settings.timeout_policy
    if which == "response":
        reason = (
            f"responseTimeout: {limit} exceeded for the taskId: {task.task_id} "
            f"with Task Definition: {task.task_def_name}"
        )
        _emit(turn, task, reason, which)
        return
    if which == "total":
        reason = (
            f"Task {task.task_def_name}/{task.task_id} exceeded total timeout of {limit} seconds "
            f"(elapsed {elapsed} seconds across all attempts including retry delays). "
            f"Timeout policy: {policy}"
        )
    else:
        word, setting = ("Task poll", "Poll timeout") if which == "poll" else ("Task", "Timeout")
        reason = (
            f"{word} timed out after {elapsed} seconds. {setting} configured as {limit} seconds. "
            f"Timeout policy configured to {policy}"
        )
    _emit(turn, task, reason, which)
    if policy == TaskTimeoutPolicy.TIME_OUT_WF:
        raise Terminate(reason, WorkflowStatus.TIMED_OUT, task.task_id)


def _emit(turn: Turn, task: TaskState, reason: str, which: str) -> None:
    data = {"status": str(TaskStatus.TIMED_OUT), "reason": reason, "timeout": which}
    turn.emit(EventKind.TASK_TIMED_OUT, data, task)
