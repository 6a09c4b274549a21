"""The fold of task events: the records of an execution, their indexes, and variables.

Keys of ``event.data`` that name fields of ``TaskState`` are taken over as they are, so a new
field needs no new code here. The rules of ``apply`` hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from ..models.enums import TASK_STATUS_OF, TaskStatus
from .definition import SCRIPT_TYPES
from .events import EventKind, HistoryEvent
from .loop_output import LoopOutput
from .payloads import EXTERNAL
from .state import TaskError, TaskState, WorkflowState

_ALIASES: Final = {
    "input": "input_data",
    "output": "stored_output",
    "output_data": "stored_output",
    "reason": "reason_for_incompletion",
}
_FIELD_OF: Final = {name: name for name in TaskState.__struct_fields__} | _ALIASES
"""The field of ``TaskState`` that a key of ``event.data`` names."""
_replace = msgspec.structs.replace


def _put(state: WorkflowState, task: TaskState) -> None:
    """Store a record and keep the indexes in step with it."""
    task_id = task.task_id
    state.tasks[task_id] = task
    terminal = task.status.is_terminal
    if terminal:
        state.open_task_ids.pop(task_id, None)
    else:
        state.open_task_ids[task_id] = None
    if terminal and not task.executed and not task.retried and task.status is not _SKIPPED:
        state.unprocessed.setdefault(task_id, task.last_event)
    else:
        state.unprocessed.pop(task_id, None)
    if task.task_type in SCRIPT_TYPES:
        if task.revisit and not terminal:
            state.scripts.setdefault(task_id, task.last_event)
            state.stirred_scripts[task_id] = None
        else:
            state.scripts.pop(task_id, None)
    elif task.revisit and not terminal:
        state.revisited.setdefault(task_id, task.last_event)
    else:
        state.revisited.pop(task_id, None)


_SKIPPED = TaskStatus.SKIPPED


def _changes(event: HistoryEvent) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    external: dict[str, Any] = {}
    for key, value in event.data.items():
        name = _FIELD_OF.get(key)
        if name is None:
            if key == EXTERNAL:
                external = value
            continue
        if name == "status":
            value = TASK_STATUS_OF.get(value) or TaskStatus(value)
        elif name == "error" and value is not None and value.__class__ is dict:
            value = msgspec.convert(value, TaskError)
        changes[name] = value
    for key in external:
        changes[f"external_{key}_payload_storage_path"] = external_place(event, key)
    return changes


def external_place(event: HistoryEvent, key: str) -> str:
    """Where a payload of the event is kept; empty: in the event."""
    place = (event.data.get(EXTERNAL) or {}).get(key, "")
    return place if isinstance(place, str) else str(place[0])


def _update(state: WorkflowState, event: HistoryEvent, changes: dict[str, Any]) -> None:
    task = state.tasks.get(event.task_id)
    if task is None:
        return
    changes["last_event"] = event.number
    changes["update_time"] = event.wall_ms
    if "stored_output" in changes and task.external_output_payload_storage_path:
        changes.setdefault("external_output_payload_storage_path", "")
    if "input_data" in changes and task.external_input_payload_storage_path:
        changes.setdefault("external_input_payload_storage_path", "")
    _put(state, _replace(task, **changes))


def _mark_executed(state: WorkflowState, task_ids: Iterable[str]) -> None:
    for task_id in task_ids:
        task = state.tasks.get(task_id)
        if task is not None and not task.executed:
            _put(state, _replace(task, executed=True))
            state.executed_references.add(task.reference_task_name)


def _scheduled(state: WorkflowState, event: HistoryEvent) -> None:
    data = event.data
    changes = _changes(event)
    now = event.wall_ms
    changes.setdefault("scheduled_time", now)
    changes.setdefault("first_scheduled_time", now)
    changes["update_time"] = now
    changes["scheduled_event"] = changes["last_event"] = event.number
    changes["task_id"] = event.task_id
    changes["reference_task_name"] = event.reference
    changes["retry_count"] = event.attempt
    changes["iteration"] = event.iteration
    changes["path"] = event.path
    status = changes["status"]
    if status.is_terminal:
        changes.setdefault("start_time", now)
        changes.setdefault("end_time", now)
    elif status is TaskStatus.IN_PROGRESS:
        changes.setdefault("start_time", now)
    task = TaskState(**changes)
    replaced = task.retried_task_id
    if replaced is not None and replaced in state.tasks:
        old = state.tasks[replaced]
        executed = old.executed or bool(data.get("by_operator"))
        given = task.input_data if data.get("shares_input") else old.input_data
        _put(state, _replace(old, retried=True, executed=executed, input_data=given))
    _mark_executed(state, data.get("settles") or ())
    _put(state, task)
    _index(state, task)
    consumed = data.get("evaluation")
    if consumed:
        state.evaluations.pop(consumed, None)


def _index(state: WorkflowState, task: TaskState) -> None:
    state.latest[task.reference_task_name] = task.task_id
    state.latest_by_base[task.base_reference] = task.task_id
    if task.task_type == "DO_WHILE":
        state.latest_loops[task.node] = task.task_id
    state.last_seq = max(state.last_seq, task.seq)


def _started(state: WorkflowState, event: HistoryEvent) -> None:
    task = state.tasks.get(event.task_id)
    if task is None:
        return
    changes = _changes(event)
    changes["status"] = TaskStatus.IN_PROGRESS
    if not task.start_time:
        changes["start_time"] = event.wall_ms
    changes.setdefault("poll_count", task.poll_count + 1)
    changes["callback_after_seconds"] = 0
    changes["not_before_ms"] = 0
    _update(state, event, changes)


def _updated(state: WorkflowState, event: HistoryEvent) -> None:
    _update(state, event, _changes(event))
    consumed = event.data.get("evaluation")
    if consumed:
        state.evaluations.pop(consumed, None)


def _ended(state: WorkflowState, event: HistoryEvent) -> None:
    task = state.tasks.get(event.task_id)
    if task is None:
        return
    changes = _changes(event)
    if task.status.is_terminal:  # an optional failure that becomes COMPLETED_WITH_ERRORS
        changes.setdefault("end_time", task.end_time or event.wall_ms)
    else:
        changes.setdefault("end_time", event.wall_ms)
        if not task.start_time and event.kind is not EventKind.TASK_CANCELED:
            changes.setdefault("start_time", event.wall_ms)
    _update(state, event, changes)
    consumed = event.data.get("evaluation")
    if consumed:
        state.evaluations.pop(consumed, None)
    for message_id in event.data.get("taken") or ():
        state.messages.pop(message_id, None)


def _evaluated(state: WorkflowState, event: HistoryEvent) -> None:
    _mark_executed(state, event.data.get("task_ids") or ())


def _removed(state: WorkflowState, event: HistoryEvent) -> None:
    for task_id in event.data.get("task_ids") or ():
        task = state.tasks.pop(task_id, None)
        if task is not None and event.actor == "engine" and task.task_type == "SET_VARIABLE":
            _note_removed_variables(state, task)
        state.open_task_ids.pop(task_id, None)
        state.unprocessed.pop(task_id, None)
        state.revisited.pop(task_id, None)
        state.scripts.pop(task_id, None)
    reindex(state)


def _note_removed_variables(state: WorkflowState, task: TaskState) -> None:
    """A loop deletes the record of an old iteration; what it set holds on for branches."""
    if task.status is TaskStatus.COMPLETED:
        for name, value in task.input_data.items():
            if state.removed_variables.get(name, (0, None))[0] < task.seq:
                state.removed_variables[name] = (task.seq, value)


def reindex(state: WorkflowState) -> None:
    """Rebuild the derived tables of ``state`` from its task records."""
    state.latest.clear()
    state.latest_by_base.clear()
    state.latest_loops.clear()
    state.executed_references.clear()
    state.last_seq = 0
    for task in state.tasks.values():
        _index(state, task)
        if task.executed:
            state.executed_references.add(task.reference_task_name)
    for task in list(state.tasks.values()):
        _put(state, task)


def _loop_iterated(state: WorkflowState, event: HistoryEvent) -> None:
    task = state.tasks.get(event.task_id)
    if task is None:
        return
    changes = _changes(event)
    collected = event.data.get("collected") or {}
    forgotten = event.data.get("forget")
    if forgotten:
        gone = set(forgotten)
        kept = {key: value for key, value in task.output_data.items() if key not in gone}
        changes["stored_output"] = {**kept, **collected}
    else:
        stored = task.stored_output
        grown = stored if isinstance(stored, LoopOutput) else LoopOutput(stored)
        changes["stored_output"] = grown.with_iteration(collected)
    changes["loop_over_task"] = True
    _update(state, event, changes)


def _expression(state: WorkflowState, event: HistoryEvent) -> None:
    key = event.data["key"]
    state.evaluations[key] = event.data
    task_id = key.rpartition(":")[2]  # of the script itself, or of its check against a schema
    if task_id in state.scripts:
        state.stirred_scripts[task_id] = None


def _condition(state: WorkflowState, event: HistoryEvent) -> None:
    consumed = event.data.get("evaluation")
    if consumed:
        state.evaluations.pop(consumed, None)


def _variables_set(state: WorkflowState, event: HistoryEvent) -> None:
    _write_variables(state, event, event.data.get("variables") or {}, event.reference)


def _write_variables(
    state: WorkflowState, event: HistoryEvent, variables: dict[str, Any], reference: str
) -> None:
    state.variables = {**state.variables, **variables}
    for name in variables:
        state.variable_writers[name] = (event.task_id, event.number)


TASK_HANDLERS: Final = {
    EventKind.TASK_SCHEDULED: _scheduled,
    EventKind.TASK_REUSED: _scheduled,
    EventKind.TASK_STARTED: _started,
    EventKind.TASK_UPDATED: _updated,
    EventKind.LEASE_EXTENDED: _updated,
    EventKind.TASK_COMPLETED: _ended,
    EventKind.TASK_FAILED: _ended,
    EventKind.TASK_TIMED_OUT: _ended,
    EventKind.TASK_CANCELED: _ended,
    EventKind.TASK_RESET: _updated,
    EventKind.SUB_WORKFLOW_STARTED: _updated,
    EventKind.TASKS_EVALUATED: _evaluated,
    EventKind.TASKS_REMOVED: _removed,
    EventKind.LOOP_ITERATED: _loop_iterated,
    EventKind.LOOP_CONDITION_EVALUATED: _condition,
    EventKind.EXPRESSION_EVALUATED: _expression,
    EventKind.VARIABLES_SET: _variables_set,
}
"""What each event of a task, an expression or variables changes."""
