"""The first event of an execution, and what a SUB_WORKFLOW task learns of its child."""

from __future__ import annotations

from typing import Any

from ..models.enums import TaskStatus, WorkflowStatus
from .checks import hold_output, output_schema
from .definition import CompiledDefinition
from .events import LOGIC, EventKind
from .java_text import java_text
from .projection import first_cause
from .state import TaskState, WorkflowState
from .turn import Turn

_TASK_STATUS = {
    WorkflowStatus.COMPLETED: TaskStatus.COMPLETED,
    WorkflowStatus.FAILED: TaskStatus.FAILED,
    WorkflowStatus.TIMED_OUT: TaskStatus.TIMED_OUT,
    WorkflowStatus.TERMINATED: TaskStatus.CANCELED,
}


def start(turn: Turn, data: dict[str, Any], path: str = "") -> None:
    """Record the start of an execution.

    Args:
        turn: A turn over a state without events.
        data: ``definition_hash``, ``input`` and the other keys of ``WorkflowStarted``.
        path: Run path of the SUB_WORKFLOW task that starts it; empty for a root.
    """
    turn.state.path = path or data["name"]
    key = _rate_limit_key(turn, data)
    if key is not None:
        data = {**data, "rate_limit_key": key}
    turn.emit(EventKind.WORKFLOW_STARTED, data)


def _rate_limit_key(turn: Turn, data: dict[str, Any]) -> str | None:
    """What the rate limit key of the definition comes to; None where there is no limit."""
    definition = turn.definition_of(data["definition_hash"])
    if definition.concurrent_exec_limit <= 0 or not definition.rate_limit_key:
        return None
    # The key may name anything of the new execution: it is read from one that only looks so.
    probe = Turn(
        WorkflowState(turn.state.workflow_id),
        turn.now,
        turn.types,
        turn.definition_of,
        turn.environment,
    )
    probe.emit(EventKind.WORKFLOW_STARTED, data)
    return java_text(probe.resolve(definition.rate_limit_key).value)


def start_data(
    definition: CompiledDefinition, given: dict[str, Any], check_input: bool = True, **more: Any
) -> dict[str, Any]:
    """``data`` of a ``WorkflowStarted`` event; keys without a value are left out.

    ``check_input`` False says that the input is known to fit the definition's schema.
    """
    template = definition.wire.get("inputTemplate") or {}
    data: dict[str, Any] = {
        "name": definition.name,
        "version": definition.version,
        "definition_hash": definition.hash,
        "input": merged_input(given, template),
        "logic": LOGIC,
    }
    if definition.input_schema is not None and check_input:
        data["check_input"] = True
    variables = definition.wire.get("variables")
    if variables:
        data["variables"] = variables
    data.update({key: value for key, value in more.items() if value})
    return data


def merged_input(given: dict[str, Any], template: dict[str, Any]) -> dict[str, Any]:
    """The start input with the definition's defaults for keys that are absent or null.

    An empty input gets none.
    """
    if not given or not template:
        return given
    return {**given, **{key: item for key, item in template.items() if given.get(key) is None}}


def child_started(turn: Turn, task: TaskState, child_id: str, child_input: dict[str, Any]) -> None:
    """The SUB_WORKFLOW task has its child; it shows what that was given, defaults included."""
    data: dict[str, Any] = {
        "status": str(TaskStatus.IN_PROGRESS),
        "sub_workflow_id": child_id,
        "start_time": task.start_time or turn.now.wall_ms,
        "output": {**task.output_data, "subWorkflowId": child_id},
    }
    given = task.input_data.get("workflowInput")
    if given and given != child_input:
        data["input"] = {**task.input_data, "workflowInput": child_input}
    turn.emit(EventKind.SUB_WORKFLOW_STARTED, data, task)


def child_ended(turn: Turn, task: TaskState, child: WorkflowState) -> bool:
    """Bring a SUB_WORKFLOW task in line with its ended child; False if it no longer waits."""
    if task.sub_workflow_id != child.workflow_id:
        return False
    status = _TASK_STATUS[child.status]
    revived = task.status is TaskStatus.COMPLETED_WITH_ERRORS and status is TaskStatus.COMPLETED
    if task.status.is_terminal and not revived:
        return False
    # A child that ends well with a child of its own hands that one's subWorkflowId up; what the
    # task shows is still its own (``wire.task_wire``).
    own = {"subWorkflowId": child.workflow_id}
    output = {**task.output_data, **own, **child.output}
    if not status.is_successful:
        output |= own
    data: dict[str, Any] = {
        "status": str(status),
        "output": output,
        "cause": {"workflow_id": child.workflow_id, "number": child.last_event},
    }
    if status is TaskStatus.COMPLETED and not revived:
        if task.awaiting_check:
            return False
        if output_schema(turn, task) is not None:
            hold_output(turn, task, data, f"workflow:{child.workflow_id}")
            return True
    kind = EventKind.TASK_COMPLETED
    if not status.is_successful:
        kind = EventKind.TASK_TIMED_OUT if status is TaskStatus.TIMED_OUT else EventKind.TASK_FAILED
        definition = child.definition
        data["reason"] = (
            f"Sub workflow {definition.name}.{definition.version}/{child.workflow_id} "
            f"failure reason: {child.reason_for_incompletion}"
        )
        path, kind_of_error, message = first_cause(child)
        data["child_cause"] = {"path": path, "type": kind_of_error, "message": message}
    turn.emit(kind, data, task, actor=f"workflow:{child.workflow_id}")
    return True


def child_failed_to_start(turn: Turn, task: TaskState, reason: str) -> None:
    """The child can't be started: unknown definition and the like."""
    data: dict[str, Any] = {"status": str(TaskStatus.FAILED), "reason": reason}
    if task.sub_workflow_id:
        data["sub_workflow_id"] = None
    turn.emit(EventKind.TASK_FAILED, data, task)
