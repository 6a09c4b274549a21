"""Payloads held up until their schema has been applied to them.

A record with an enforced input schema is created as usual but waits (``awaiting_check`` is
``input``): it enters no queue and starts nothing. One whose work is done and whose output has a
schema waits likewise (``output``). Each decision asks for what is still unknown, all at once; a
record that fails its check ends with FAILED_WITH_TERMINAL_ERROR, since another attempt would give
the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ..models.codec import payload_hash
from ..models.enums import TaskStatus
from .events import EventKind
from .schemas import EVALUATOR, SchemaCheck, refusal, unusable
from .state import TaskState
from .turn import NeedsEvaluation, Terminate, Turn

if TYPE_CHECKING:
    from .tasks.base import TaskType

INPUT: Final = "input"
OUTPUT: Final = "output"


def output_schema(turn: Turn, task: TaskState) -> SchemaCheck | None:
    """The schema that a task's output has still to be checked against."""
    if task.awaiting_check == OUTPUT:
        return None
    node = turn.node_of(task)
    return None if node is None or node.settings is None else node.settings.output_schema


def hold_output(
    turn: Turn, task: TaskState, data: Mapping[str, Any], actor: str | None = None
) -> None:
    """Record what a task has put out; its completion waits for the check."""
    held = {
        **data,
        "status": str(TaskStatus.IN_PROGRESS),
        "awaiting_check": OUTPUT,
        "revisit": True,
    }
    if not task.start_time:
        held["start_time"] = turn.now.wall_ms
    turn.emit(EventKind.TASK_UPDATED, held, task, actor=actor)


def revisit(turn: Turn, task: TaskState, task_type: TaskType) -> None:
    """Let a record that waits for its check go on, or fail."""
    node = turn.node_of(task)
    settings = None if node is None else node.settings
    of_input = task.awaiting_check == INPUT
    check = None
    if settings is not None:
        check = settings.input_schema if of_input else settings.output_schema
    key = f"{task.awaiting_check}-schema:{task.task_id}"
    reason = None
    if check is not None:
        value = task.input_data if of_input else task.output_data
        what = f"{'Input' if of_input else 'Output'} of task '{task.reference_task_name}'"
        try:
            reason = _verdict(turn, key, what, check, value, task.path)
        except NeedsEvaluation as need:
            turn.needs_evaluation(need.request)
            return
    data: dict[str, Any] = {"awaiting_check": "", "evaluation": key}
    if reason is not None:
        data |= {"status": str(TaskStatus.FAILED_WITH_TERMINAL_ERROR), "reason": reason}
        turn.emit(EventKind.TASK_FAILED, data, task)
    elif of_input:
        data["revisit"] = task_type.revisits
        turn.emit(EventKind.TASK_UPDATED, data, task)
        task_type.on_scheduled(turn, turn.state.tasks[task.task_id])
    else:
        data["status"] = str(TaskStatus.COMPLETED)
        turn.emit(EventKind.TASK_COMPLETED, data, task)


def check_workflow_input(turn: Turn) -> None:
    """Nothing where the input of the execution fits, or was checked before it began.

    Raises:
        NeedsEvaluation: It has not been looked at yet.
        Terminate: It does not fit.
    """
    check = turn.state.definition.input_schema
    if check is None or not turn.state.unchecked_input:
        return
    what = f"Input of workflow '{turn.state.definition.name}'"
    _refuse(_verdict(turn, "workflow-input", what, check, turn.state.input, turn.state.path))


def check_workflow_output(turn: Turn, output: dict[str, Any]) -> None:
    """Nothing where the output that an execution is about to complete with fits.

    Raises:
        NeedsEvaluation: It has not been looked at yet.
        Terminate: It does not fit.
    """
    check = turn.state.definition.output_schema
    if check is None:
        return
    what = f"Output of workflow '{turn.state.definition.name}'"
    key = f"workflow-output:{payload_hash(output)[:12]}"
    _refuse(_verdict(turn, key, what, check, output, turn.state.path))


def _refuse(reason: str | None) -> None:
    if reason is not None:
        raise Terminate(reason)


def _verdict(
    turn: Turn, key: str, what: str, check: SchemaCheck, value: Any, path: str
) -> str | None:
    if check.fault:
        return unusable(what, check)
    return refusal(what, check, value, turn.evaluation(key, EVALUATOR, check.text, value, path))
