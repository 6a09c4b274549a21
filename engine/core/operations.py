"""Operator actions on one execution: pause, resume, terminate, retry, restart, rerun (§6).

Each function checks Conductor's guards and emits events; the caller decides afterwards. What
concerns parents and children leaves as effects.
"""

from __future__ import annotations

from typing import Any

from ..errors import ConflictError, IllegalStateError, InvalidRequestError, NotFoundError
from ..models.enums import TaskStatus, WorkflowStatus
from .decide import task_type_of
from .effects import EndChild, RetryChild, ReviveParent
from .ending import end_workflow
from .events import EventKind
from .mapping import lacks_successor, placement_of
from .retries import schedule_attempt
from .state import TaskState, WorkflowState
from .tasks.do_while import reopened_in
from .timeouts import LAUNCHERS
from .turn import Turn, hold_for_check

_RETRYABLE = (
    TaskStatus.FAILED,
    TaskStatus.FAILED_WITH_TERMINAL_ERROR,
    TaskStatus.TIMED_OUT,
    TaskStatus.CANCELED,
)


def name_of(state: WorkflowState) -> str:
    """How messages name an execution: ``order_flow.7/7f3a91c2-…``."""
    return f"{state.definition.name}.{state.definition.version}/{state.workflow_id}"


def pause(turn: Turn) -> None:
    """Stop scheduling; queued tasks can still be worked on.

    Raises:
        ConflictError: The execution has ended.
    """
    state = turn.state
    if state.status.is_terminal:
        raise ConflictError(f"Workflow {name_of(state)} has ended, status cannot be updated.")
    if state.status is not WorkflowStatus.PAUSED:
        turn.emit(EventKind.WORKFLOW_PAUSED)


def resume(turn: Turn) -> None:
    """Go on after a pause; the workflow time-out starts anew.

    Raises:
        IllegalStateError: The execution is not paused.
    """
    state = turn.state
    if state.status is not WorkflowStatus.PAUSED:
        raise IllegalStateError(
            f"The workflow {state.workflow_id} is not PAUSED so cannot resume. "
            f"Current status is {state.status}"
        )
    turn.emit(EventKind.WORKFLOW_RESUMED)


def reset_callbacks(turn: Turn) -> None:
    """Hand out at once what a worker asked to have again later (§6.7).

    Raises:
        ConflictError: The execution has ended.
    """
    state = turn.state
    if state.status.is_terminal:
        raise ConflictError(f"Workflow is in terminal state. Status = {state.status}")
    for task in list(state.open_tasks()):
        # The delay of a sub-workflow's next attempt is no worker's callback.
        if task.task_type in LAUNCHERS:
            continue
        if task.not_before_ms and task.callback_after_seconds:
            data = {"callback_after_seconds": 0, "not_before_ms": 0}
            turn.emit(EventKind.TASK_UPDATED, data, task)


def terminate(turn: Turn, reason: str | None) -> None:
    """End the execution as TERMINATED; it never starts a failure workflow.

    Raises:
        ConflictError: It has completed.
    """
    state = turn.state
    if state.status is WorkflowStatus.COMPLETED:
        raise ConflictError("Cannot terminate a COMPLETED workflow.")
    if state.status is not WorkflowStatus.TERMINATED:
        end_workflow(turn, WorkflowStatus.TERMINATED, reason, actor=turn.actor)


def retry(turn: Turn) -> None:
    """Attempt the last failed and cancelled tasks again, in the same execution (§6.2).

    Raises:
        NotFoundError: Still running (Conductor's status code for it).
        ConflictError: Nothing can be retried.
    """
    state = turn.state
    if not state.status.is_terminal:
        raise NotFoundError(f"Workflow is still running.  status={state.status}")
    if not state.tasks:
        raise ConflictError("Workflow has not started yet")
    retryable = _retryable(state)
    # A cancelled join or loop goes on in its own record: alone it is nothing to retry.
    alone = all(t.status is TaskStatus.CANCELED and _in_place(turn, t) for t in retryable)
    if alone and state.status is not WorkflowStatus.TIMED_OUT:
        raise ConflictError(
            "There are no retryable tasks! Use restart if you want to attempt entire workflow "
            "execution again."
        )
    turn.emit(EventKind.WORKFLOW_RETRIED)
    reopen_tasks(turn, retryable)
    turn.effects.append(ReviveParent("retried"))


def retry_child(turn: Turn) -> None:
    """Retry an ended child because its parent was reopened; nothing to retry is fine."""
    if turn.state.status.is_terminal and not turn.state.status.is_successful:
        turn.emit(EventKind.WORKFLOW_RETRIED)
        reopen_tasks(turn, _retryable(turn.state))


def _retryable(state: WorkflowState) -> list[TaskState]:
    """The newest attempt of each reference, where that failed or was cancelled."""
    newest = [state.tasks[task_id] for task_id in state.latest.values()]
    return sorted((t for t in newest if t.status in _RETRYABLE), key=lambda t: t.seq)


def _in_place(turn: Turn, task: TaskState) -> bool:
    return task_type_of(turn, task).reopens_in_place


def reopen_tasks(turn: Turn, tasks: list[TaskState]) -> None:
    """Open tasks again: joins and loops in their own record, others as a new attempt."""
    for task in tasks:
        task_type = task_type_of(turn, task)
        if task_type.reopens_in_place:
            data: dict[str, Any] = {"status": str(TaskStatus.IN_PROGRESS), "executed": False}
            data["end_time"] = 0
            if task_type.counts_reopening and task.status is not TaskStatus.CANCELED:
                data["retry_count"] = task.retry_count + 1
            turn.emit(EventKind.TASK_RESET, data, task)
        else:
            schedule_attempt(turn, task, turn.node_of(task), task_type, by_operator=True)


def skip(
    turn: Turn, reference: str, given: dict[str, Any] | None, output: dict[str, Any] | None
) -> None:
    """Let the flow pass over a task that has not been created yet (§6.6).

    Raises:
        IllegalStateError: Not running, no such task, or the task exists already.
    """
    state = turn.state
    if state.status is not WorkflowStatus.RUNNING:
        raise IllegalStateError(
            f"The workflow {state.workflow_id} is not running so the task referenced by "
            f"{reference} cannot be skipped"
        )
    node = state.definition.nodes.get(reference)
    if node is None:
        raise IllegalStateError(
            f"The task referenced by {reference} does not exist in the WorkflowDefinition "
            f"{state.definition.name}"
        )
    if state.task(reference) is not None:
        raise IllegalStateError(
            f"The task referenced {reference} has already been processed, cannot be skipped"
        )
    data: dict[str, Any] = {
        "status": str(TaskStatus.SKIPPED),
        "task_type": node.name,
        "task_def_name": node.name,
        "node": node.reference,
        "seq": 0,
        "start_time": 0,
    }
    if given:
        data["input"] = given
    if output:
        data["output"] = output
    path = f"{state.path}/{reference}"
    turn.record_task(EventKind.TASK_SCHEDULED, turn.new_id(), (reference, 0, 0), path, data)


def restart(turn: Turn, definition_hash: str) -> None:
    """Start over in the same execution with a given definition snapshot (§6.3).

    Raises:
        ConflictError: Not ended.
        NotFoundError: Completed and marked as not restartable.
    """
    state = turn.state
    if not state.status.is_terminal:
        raise ConflictError(
            f"Workflow: {name_of(state)}.{state.status} is not in terminal state, "
            "unable to restart."
        )
    if state.status is WorkflowStatus.COMPLETED and not state.definition.restartable:
        raise NotFoundError(f"Workflow: {name_of(state)} is non-restartable")
    data: dict[str, Any] = {"definition_hash": definition_hash}
    if turn.definition_of(definition_hash).input_schema is not None:
        data["check_input"] = True
    turn.emit(EventKind.WORKFLOW_RESTARTED, data)
    turn.effects.append(ReviveParent("restarted"))


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
    """The loops around a task go on in the iteration that it lies in."""
    node = turn.node_of(target)
    parent = None if node is None else node.parent
    while parent is not None:
        if parent.type == "DO_WHILE":
            around = [
                t
                for t in turn.state.tasks.values()
                if t.node == parent.reference and target.path.startswith(f"{t.path}[")
            ]
            loop = max(around, key=lambda t: t.seq, default=None)
            if loop is not None and loop.status.is_terminal:
                data = reopened_in(turn, parent, loop, target.path)
                turn.emit(EventKind.TASK_RESET, {**data, "executed": False}, loop)
        parent = parent.parent


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
    for task in list(turn.state.tasks.values()):
        node = turn.node_of(task)
        if node is None or not task.executed or task.retried:
            continue
        if lacks_successor(turn, task, node):
            turn.emit(EventKind.TASK_RESET, {"executed": False}, task)


def revive(turn: Turn, task: TaskState, operation: str) -> bool:
    """Reopen an ended parent whose child was reopened (§6.8); False where revival stops.

    The SUB_WORKFLOW task goes on with the same child; cancelled siblings get their records back,
    failed joins wait again.
    """
    if task.optional or task.retried:
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
