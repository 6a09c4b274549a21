"""Opening again what has ended: reruns of an execution (§6.4), revivals of its parents (§6.8).

A rerun forgets what came after the task it goes on from; a revival keeps every record.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..errors import ConflictError, InvalidRequestError
from ..models.enums import TaskStatus
from .effects import EndChild, RetryChild, ReviveParent
from .events import EventKind
from .mapping import lacks_successor, placement_of
from .operations import name_of
from .state import TaskState, WorkflowState
from .tasks.base import task_type_of
from .tasks.do_while import reopened_in
from .turn import Turn, hold_for_check

_ITERATION: Final = re.compile(r"\[(\d+)\](?=/)")
"""What a run path has behind each loop, in front of what lies in it."""


def rerun_from_start(turn: Turn, given: dict[str, Any] | None, correlation_id: str | None) -> None:
    """Run the whole execution again, optionally with another input (§6.4)."""
    check_rerun(turn.state)
    data: dict[str, Any] = {"from_start": True}
    _rerun_data(turn, data, given, correlation_id)
    turn.emit(EventKind.WORKFLOW_RERUN, data)
    turn.effects.append(ReviveParent("reran"))


def check_rerun(state: WorkflowState) -> None:
    """Refuse the rerun of an execution that has not ended."""
    if not state.status.is_terminal:
        raise ConflictError(
            f"Workflow: {name_of(state)}.{state.status} is not in terminal state, unable to rerun."
        )


def _rerun_data(
    turn: Turn, data: dict[str, Any], given: dict[str, Any] | None, corr: str | None
) -> None:
    if given is not None:
        data["input"] = given
        if turn.state.definition.input_schema is not None:
            data["check_input"] = True
    if corr:
        data["correlation_id"] = corr


def rerun_from_task(
    turn: Turn,
    task: TaskState,
    task_input: dict[str, Any] | None,
    workflow_input: dict[str, Any] | None = None,
    correlation_id: str | None = None,
) -> None:
    """Run one task again and forget everything scheduled after it (§6.4).

    A sibling branch whose records go with them is scheduled again by the next decision: the
    fork above it looks for missing branches. A dynamic fork is mapped anew, with a new record.

    Raises:
        InvalidRequestError: The task is a fork (rerun from a task of one of its branches), or was
            skipped.
    """
    check_rerun(turn.state)
    node = turn.node_of(task)
    is_fork = task.task_type == "FORK"
    if is_fork and (node is None or node.type != "FORK_JOIN_DYNAMIC"):
        raise InvalidRequestError(
            f"Task {task.task_id} is a fork, which has no run of its own; rerun from a task in it."
        )
    if task.status is TaskStatus.SKIPPED and not task.seq:
        raise InvalidRequestError(
            f"Task {task.task_id} was skipped and has never run; rerun from another task."
        )
    data: dict[str, Any] = {}
    _rerun_data(turn, data, workflow_input, correlation_id)
    turn.emit(EventKind.WORKFLOW_RERUN, data)
    later = [t for t in turn.state.tasks.values() if t.seq > task.seq or (is_fork and t is task)]
    for doomed in later:
        if doomed.sub_workflow_id and not doomed.status.is_terminal:
            turn.effects.append(EndChild(doomed.sub_workflow_id, "Parent workflow reran"))
    if later:
        turn.emit(EventKind.TASKS_REMOVED, {"task_ids": [t.task_id for t in later]})
    if not is_fork:
        _reset(turn, turn.state.tasks[task.task_id], task_input)
    _reopen_loops(turn, task)
    _reopen_others(turn, task.task_id)
    _look_again(turn)
    turn.effects.append(ReviveParent("reran"))


def _reset(turn: Turn, task: TaskState, task_input: dict[str, Any] | None) -> None:
    """The same record as if it had just been scheduled."""
    task_type = task_type_of(turn, task)
    data: dict[str, Any] = {
        "status": str(task_type.rerun_status),
        "output": {},
        "retried": False,
        "executed": False,
        "poll_count": 0,
        "scheduled_time": turn.now.wall_ms,
        "start_time": 0,
        "end_time": 0,
        "worker_id": None,
        "error": None,
        "not_before_ms": 0,
        "sub_workflow_id": None,
    }
    if task.sub_workflow_id:
        data["reason"] = None
    if task.begun:  # a user's system task starts over
        node = turn.node_of(task)
        data["begun"], data["async_complete"] = False, node is not None and node.async_complete
    if task.task_type == "DO_WHILE":  # it begins anew, not in the iteration it had got to
        node = turn.node_of(task)
        data["iteration"] = 0 if node is None else placement_of(turn, task, node).iteration
        data["loop_over_task"] = False
    if task_input is not None:
        data["input"] = task_input
    data |= task_type.rerun_changes(turn, data.get("input", task.input_data))
    _check_again(turn, task, data)
    turn.emit(EventKind.TASK_RESET, data, task)
    task_type.begin(turn, turn.state.tasks[task.task_id])


def _check_again(turn: Turn, task: TaskState, data: dict[str, Any]) -> None:
    """A record that begins anew has its input checked anew."""
    node = turn.node_of(task)
    if node is not None and node.settings is not None and node.settings.input_schema is not None:
        hold_for_check(data)
        return
    revisits = task_type_of(turn, task).revisits
    if task.awaiting_check or task.revisit != revisits:
        data |= {"awaiting_check": "", "revisit": revisits}


def _reopen_loops(turn: Turn, target: TaskState) -> None:
    """The loops around a task go on in the iteration that it lies in, the innermost first."""
    loops = _loops_by_path(turn.state)
    for path, _ in reversed(_iterations_around(target.path)):
        loop = loops.get(path)
        node = None if loop is None else turn.node_of(loop)
        if loop is not None and node is not None and loop.status.is_terminal:
            data = reopened_in(turn, node, loop, target.path)
            turn.emit(EventKind.TASK_RESET, {**data, "executed": False}, loop)


def _loops_by_path(state: WorkflowState) -> dict[str, TaskState]:
    """The newest record of every loop, by its run path."""
    return {task.path: task for task in state.tasks.values() if task.task_type == "DO_WHILE"}


def _iterations_around(path: str) -> list[tuple[str, int]]:
    """Run path and iteration of each loop around a task, the outermost first.

    By the path, since the branch of a dynamic fork has no place in the definition.
    """
    return [(path[: found.start()], int(found[1])) for found in _ITERATION.finditer(path)]


def _reopen_others(turn: Turn, task_id: str) -> None:
    """Other references that ended badly before the target (cancelled siblings) run again too.

    So does an earlier attempt whose next one has just been deleted.
    """
    state = turn.state
    for other in list(state.tasks.values()):
        if other.task_id == task_id or other.status.is_successful:
            continue
        if state.latest.get(other.reference_task_name) != other.task_id:
            continue
        if other.task_type == "DO_WHILE":
            data = {
                "status": str(TaskStatus.IN_PROGRESS),
                "reason": None,
                "end_time": 0,
                "executed": False,
            }
            turn.emit(EventKind.TASK_RESET, data, other)
        else:
            _reset(turn, other, None)


def _look_again(turn: Turn) -> None:
    """What lost its successor is looked at again, so that missing branches come back."""
    loops = _loops_by_path(turn.state)
    for task in list(turn.state.tasks.values()):
        node = turn.node_of(task)
        if node is None or not task.executed or task.retried:
            continue
        if _is_past(loops, _iterations_around(task.path)):
            continue  # what followed it may be gone (`keepLastN`)
        if lacks_successor(turn, task, node):
            turn.emit(EventKind.TASK_RESET, {"executed": False}, task)


def _is_past(loops: Mapping[str, TaskState], around: Sequence[tuple[str, int]]) -> bool:
    """Whether one of these loops has gone on to another iteration."""
    return any(path in loops and loops[path].iteration != number for path, number in around)


def revive(turn: Turn, task: TaskState, operation: str) -> bool:
    """Reopen an ended parent whose child was reopened (§6.8); False where revival stops.

    The SUB_WORKFLOW task goes on with the same child; cancelled siblings get their records back,
    failed joins wait again.
    """
    if task.optional or task.retried or _is_given_up(turn, task):
        return False
    state = turn.state
    if state.status.is_terminal:
        turn.emit(EventKind.WORKFLOW_REVIVED, {"reason": operation})
    if task.status.is_terminal:
        data = {
            "status": str(TaskStatus.IN_PROGRESS),
            "reason": None,
            "end_time": 0,
            "executed": False,
            "subworkflow_changed": True,
        }
        turn.emit(EventKind.TASK_RESET, data, task)
    for other in list(state.tasks.values()):
        if other.task_id == task.task_id or other.retried or other.status.is_successful:
            continue
        _revive_sibling(turn, other)
    return True


def _is_given_up(turn: Turn, task: TaskState) -> bool:
    """Whether a loop around a task's loop has gone on, where its reference is another's now."""
    return _is_past(_loops_by_path(turn.state), _iterations_around(task.path)[:-1])


def _revive_sibling(turn: Turn, task: TaskState) -> None:
    task_type = task_type_of(turn, task)
    if task_type.reopens_in_place:
        data = {"status": str(TaskStatus.IN_PROGRESS), "end_time": 0, "executed": False}
        turn.emit(EventKind.TASK_RESET, data, task)
    elif task.sub_workflow_id:
        # The same child goes on: what failed or was cancelled in it is attempted again.
        data = {
            "status": str(TaskStatus.IN_PROGRESS),
            "reason": None,
            "end_time": 0,
            "executed": False,
        }
        turn.emit(EventKind.TASK_RESET, data, task)
        turn.effects.append(RetryChild(task.sub_workflow_id))
    elif task.status is TaskStatus.CANCELED:
        data = {
            "status": str(task_type.initial_status),
            "retry_count": task.retry_count + 1,
            "end_time": 0,
            "start_time": 0,
            "executed": False,
        }
        _check_again(turn, task, data)
        turn.emit(EventKind.TASK_RESET, data, task)
        task_type.begin(turn, turn.state.tasks[task.task_id])
