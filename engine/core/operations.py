"""Operator actions on one execution: pause, resume, terminate, retry, skip, restart (§6).

Each function checks Conductor's guards and emits events; the caller decides afterwards. What
concerns parents and children leaves as effects. Reruns and revivals: ``reopening``.
"""

from __future__ import annotations

from typing import Any

from ..errors import ConflictError, IllegalStateError, NotFoundError
from ..models.enums import TaskStatus, WorkflowStatus
from .effects import ReviveParent
from .ending import end_workflow
from .events import EventKind
from .retries import schedule_attempt
from .state import TaskState, WorkflowState
from .tasks.base import task_type_of
from .timeouts import LAUNCHERS
from .turn import Turn

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
