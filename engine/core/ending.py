"""How an execution ends: its output, the tasks it cancels, whom it tells (§3.6 to §3.9)."""

from __future__ import annotations

from typing import Any

from ..models.enums import TaskStatus, WorkflowStatus
from .checks import check_workflow_output
from .effects import StartFailureWorkflow, TellParent
from .events import IN_ROUNDS, EventKind
from .limits import workflow_output_refusal
from .state import TaskState, WorkflowState
from .turn import Terminate, Turn

_FAILED = (TaskStatus.FAILED, TaskStatus.FAILED_WITH_TERMINAL_ERROR)


def ends_execution(task: TaskState) -> bool:
    """Whether the task is a TERMINATE that has done its work."""
    return task.task_type == "TERMINATE" and task.status is TaskStatus.COMPLETED


def successful_terminate(state: WorkflowState) -> TaskState | None:
    """The TERMINATE task that has completed, if any; it is never marked as evaluated.

    Of several in one round the last counts, as in Conductor.
    """
    if not state.unprocessed:
        return None
    found = [task for i in state.unprocessed if ends_execution(task := state.tasks[i])]
    if not found:
        return None
    return max(found, key=lambda task: task.seq) if state.logic >= IN_ROUNDS else found[0]


def complete_workflow(turn: Turn, terminate: TaskState | None) -> None:
    """End an execution whose work is done, or as its TERMINATE task says.

    Raises:
        NeedsEvaluation: Its output has to be checked first; nothing was emitted.
        Terminate: Its output does not fit its schema.
    """
    if terminate is None:
        _check_output(turn, None)
        end_workflow(turn, WorkflowStatus.COMPLETED, None)
        return
    given = terminate.input_data
    status = WorkflowStatus(str(given.get("terminationStatus")))
    if status is WorkflowStatus.COMPLETED:
        _check_output(turn, terminate)
    reason = given.get("terminationReason")
    if reason is None:
        reason = f"Workflow is {status} by TERMINATE task: {terminate.task_id}"
    end_workflow(
        turn,
        status,
        str(reason),
        terminate.task_id if status is not WorkflowStatus.COMPLETED else "",
        by_failure=status is not WorkflowStatus.COMPLETED,
        terminate=terminate,
    )


def _check_output(turn: Turn, terminate: TaskState | None) -> None:
    if turn.state.definition.output_schema is not None:
        check_workflow_output(turn, _output(turn, WorkflowStatus.COMPLETED, terminate, {}))


def permissive_failure(turn: Turn) -> Terminate | None:
    """Why an execution whose tasks have all ended fails after all (§3.3, rule 7)."""
    state = turn.state
    failed = [
        state.tasks[task_id]
        for task_id in state.latest.values()
        if not state.tasks[task_id].status.is_successful
        and state.tasks[task_id].permissive
        and not state.tasks[task_id].optional
    ]
    if not failed:
        return None
    failed.sort(key=lambda task: task.seq)
    reason = ". ".join(
        f"Task {t.task_id} failed with status: {t.status} and reason: "
        f"'{'null' if t.reason_for_incompletion is None else t.reason_for_incompletion}'"
        for t in failed
    )
    return Terminate(reason, WorkflowStatus.FAILED, failed[0].task_id)


def end_workflow(
    turn: Turn,
    status: WorkflowStatus,
    reason: str | None,
    task_id: str = "",
    by_failure: bool = False,
    terminate: TaskState | None = None,
    actor: str | None = None,
) -> None:
    """Record the end: output first, then cancellations, then the status.

    Args:
        turn: The turn of the execution.
        status: COMPLETED, FAILED, TIMED_OUT or TERMINATED.
        reason: Text for people; None on a plain completion.
        task_id: The task that brought it about.
        by_failure: Whether a failure workflow is due.
        terminate: The TERMINATE task that ends it, whose output becomes the execution's.
        actor: Who ended it, if not the engine.
    """
    state = turn.state
    leaving = _leaving(turn, reason, status)
    output = _output(turn, status, terminate, leaving)
    too_large = workflow_output_refusal(state.workflow_id, output)
    if too_large is not None:
        output = {}
        if status is WorkflowStatus.COMPLETED:
            status, reason, by_failure = WorkflowStatus.FAILED, too_large, True
    failed = [t for t in state.tasks.values() if t.status in _FAILED]
    data: dict[str, Any] = {"status": str(status), "output": output}
    if reason is not None:
        data["reason"] = reason
    if task_id and status is not WorkflowStatus.COMPLETED:
        data["failed_task_id"] = task_id
    if failed or status is not WorkflowStatus.COMPLETED or state.failed_reference_task_names:
        references = [*state.failed_reference_task_names, *(t.reference_task_name for t in failed)]
        names = [*state.failed_task_names, *(t.task_def_name for t in failed)]
        data["failed_reference_task_names"] = list(dict.fromkeys(references))
        data["failed_task_names"] = list(dict.fromkeys(names))
    for open_id, taken in leaving.items():
        canceled = {"status": str(TaskStatus.CANCELED), **taken}
        turn.emit(EventKind.TASK_CANCELED, canceled, state.tasks[open_id])
    cause = state.tasks.get(task_id)
    parent = cause.last_event if cause is not None else (turn.state.last_event)
    turn.emit(EventKind.WORKFLOW_ENDED, data, parent=parent, actor=actor)
    if by_failure and state.definition.failure_workflow:
        _ask_for_failure_workflow(turn, reason, status)
    if state.parent_workflow_id:
        turn.effects.append(TellParent())


def _leaving(turn: Turn, reason: str | None, status: WorkflowStatus) -> dict[str, dict[str, Any]]:
    """The open tasks in order of scheduling, with what each takes with it when cancelled."""
    if reason:
        message = f"Parent workflow has been terminated with reason: {reason}"
    else:
        message = f"Parent workflow has been terminated with status {status}"
    taken = {}
    for task in turn.state.open_tasks():
        node = turn.node_of(task)
        cancel = None if node is None else turn.types[node.type].cancel
        taken[task.task_id] = {} if cancel is None else cancel(turn, task, message)
    return taken


def _output(
    turn: Turn,
    status: WorkflowStatus,
    terminate: TaskState | None,
    leaving: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    state = turn.state
    if terminate is not None:
        return dict(terminate.output_data)
    template = state.definition.output_parameters
    if template:
        shown = "RUNNING" if status is WorkflowStatus.COMPLETED else str(status)
        value = turn.resolve(template, None, shown).value
        return value if isinstance(value, dict) else {}
    last = max(state.tasks.values(), key=lambda task: task.seq, default=None)
    if last is None:
        return state.output
    return dict(leaving.get(last.task_id, {}).get("output", last.output_data))


def _ask_for_failure_workflow(turn: Turn, reason: str | None, status: WorkflowStatus) -> None:
    state = turn.state
    name = state.definition.failure_workflow or ""
    if name.startswith("$"):
        # Conductor reads "$workflow.input.key": the third part names a key of the input.
        parts = name.split(".")
        name = str(state.input.get(parts[2], "")) if len(parts) > 2 else ""
        if not name:
            return
    given: dict[str, Any] = {
        **state.input,
        "workflowId": state.workflow_id,
        "reason": reason,
        "failureStatus": str(status),
    }
    if state.failed_task_id:
        given["failureTaskId"] = state.failed_task_id
    version = state.definition.failure_workflow_version
    turn.effects.append(StartFailureWorkflow(name, version, given))
