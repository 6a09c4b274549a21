"""The fold: events in, state out.

Rules of this file
  1. The fold trusts the record: no expression, clock or registry is consulted. The only thing
     looked up is the definition snapshot an event names by its hash.
  2. ``apply`` changes the state it is given; its owner is one thread. Readers get snapshots.
  3. Events of tasks, expressions and variables: ``task_records``. Those of the execution: here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from ..models.enums import WorkflowStatus
from .definition import CompiledDefinition
from .events import EventKind, HistoryEvent
from .payloads import EXTERNAL
from .state import WorkflowState
from .task_records import TASK_HANDLERS, external_place

DefinitionOf = Callable[[str], CompiledDefinition]
"""The compiled definition of a snapshot hash."""

_REST_MS: Final = 1000


def fold(
    events: Iterable[HistoryEvent], definition_of: DefinitionOf, state: WorkflowState | None = None
) -> WorkflowState:
    """Return the state that a history leads to.

    Args:
        events: All events of one execution in order, or those after ``state``.
        definition_of: Finds the definition snapshots that the events name.
        state: Where to go on from; it is changed. None starts with nothing.

    Raises:
        ValueError: There is no event and no state, or a number is missing.
    """
    for event in events:
        if state is None:
            state = WorkflowState(event.workflow_id)
        if event.number != state.last_event + 1:
            raise ValueError(
                f"History of {event.workflow_id}: event {event.number} follows {state.last_event}."
            )
        apply(state, event, definition_of)
    if state is None:
        raise ValueError("A history without events has no state.")
    return state


def apply(state: WorkflowState, event: HistoryEvent, definition_of: DefinitionOf) -> None:
    """Change ``state`` by one event."""
    of_tasks = TASK_HANDLERS.get(event.kind)
    if of_tasks is not None:
        of_tasks(state, event)
    else:
        handler = _HANDLERS.get(event.kind)
        if handler is not None:
            handler(state, event, definition_of)
    state.last_event = event.number
    if event.actor == "engine" and event.wall_ms - state.update_time < _REST_MS:
        state.unattended_events += 1
    else:
        state.unattended_events = 0
    state.update_time = event.wall_ms


def _workflow_started(
    state: WorkflowState, event: HistoryEvent, definition_of: DefinitionOf
) -> None:
    data = event.data
    state.definition_hash = data["definition_hash"]
    state.definition = definition_of(state.definition_hash)
    state.status = WorkflowStatus.RUNNING
    state.path = event.path
    state.input = data.get("input") or {}
    state.external_input_payload_storage_path = external_place(event, "input")
    state.variables = dict(data.get("variables") or {})
    state.correlation_id = data.get("correlation_id")
    state.priority = data.get("priority") or 0
    state.parent_workflow_id = data.get("parent_workflow_id")
    state.parent_workflow_task_id = data.get("parent_workflow_task_id")
    state.task_to_domain = data.get("task_to_domain") or {}
    state.event = data.get("event")
    state.created_by = data.get("created_by")
    state.idempotency_key = data.get("idempotency_key")
    state.branch = data.get("branch")
    state.unchecked_input = bool(data.get("check_input"))
    state.logic = data.get("logic") or 1
    state.rate_limit_key = data.get("rate_limit_key")
    state.rate_limited = state.rate_limit_key is not None
    state.create_time = event.wall_ms


def _admitted(state: WorkflowState, event: HistoryEvent, definition_of: DefinitionOf) -> None:
    state.rate_limited = False
    if event.data.get("with_parent"):
        state.rate_limit_key = None


def _paused(state: WorkflowState, event: HistoryEvent, definition_of: DefinitionOf) -> None:
    state.status = WorkflowStatus.PAUSED


def _resumed(state: WorkflowState, event: HistoryEvent, definition_of: DefinitionOf) -> None:
    state.status = WorkflowStatus.RUNNING
    state.last_retried_time = event.wall_ms
    state.resumed_event = event.number


def _retried(state: WorkflowState, event: HistoryEvent, definition_of: DefinitionOf) -> None:
    state.status = WorkflowStatus.RUNNING
    state.last_retried_time = event.wall_ms
    state.reason_for_incompletion = None


def _revived(state: WorkflowState, event: HistoryEvent, definition_of: DefinitionOf) -> None:
    _retried(state, event, definition_of)
    _forget_failure(state)


def _forget_failure(state: WorkflowState) -> None:
    state.failed_task_id = None
    state.failed_reference_task_names = ()
    state.failed_task_names = ()


def _restarted(state: WorkflowState, event: HistoryEvent, definition_of: DefinitionOf) -> None:
    _clear_tasks(state)
    state.definition_hash = event.data["definition_hash"]
    state.definition = definition_of(state.definition_hash)
    state.status = WorkflowStatus.RUNNING
    state.unchecked_input = bool(event.data.get("check_input"))
    state.rate_limited = state.rate_limit_key is not None
    state.create_time = event.wall_ms
    state.end_time = 0
    state.last_retried_time = 0
    state.output = {}
    state.external_output_payload_storage_path = ""
    state.reason_for_incompletion = None


def _rerun(state: WorkflowState, event: HistoryEvent, definition_of: DefinitionOf) -> None:
    state.status = WorkflowStatus.RUNNING
    state.reason_for_incompletion = None
    _forget_failure(state)
    if event.data.get("check_input"):
        state.unchecked_input = True
    if event.data.get("from_start"):
        _clear_tasks(state)
        state.rate_limited = state.rate_limit_key is not None
    if event.data.get("input") is not None:
        state.input = event.data["input"]
    if event.data.get("input") is not None or EXTERNAL in event.data:
        state.external_input_payload_storage_path = external_place(event, "input")
    if event.data.get("correlation_id"):
        state.correlation_id = event.data["correlation_id"]


def _clear_tasks(state: WorkflowState) -> None:
    for table in (state.tasks, state.latest, state.latest_by_base, state.latest_loops):
        table.clear()
    state.unprocessed.clear()
    state.open_task_ids.clear()
    state.revisited.clear()
    state.scripts.clear()
    state.stirred_scripts.clear()
    state.evaluations.clear()
    state.executed_references.clear()
    state.removed_variables.clear()
    state.last_seq = 0


def _message_received(
    state: WorkflowState, event: HistoryEvent, definition_of: DefinitionOf
) -> None:
    if event.data.get("forgets"):
        state.messages.clear()
    message = event.data["message"]
    state.messages[message["id"]] = (event.wall_ms, message)


def _output_set(state: WorkflowState, event: HistoryEvent, definition_of: DefinitionOf) -> None:
    state.output = event.data.get("output") or {}
    state.external_output_payload_storage_path = external_place(event, "output")


def _workflow_ended(state: WorkflowState, event: HistoryEvent, definition_of: DefinitionOf) -> None:
    data = event.data
    state.status = WorkflowStatus(data["status"])
    if "output" in data:
        state.output = data["output"] or {}
    state.external_output_payload_storage_path = external_place(event, "output")
    state.reason_for_incompletion = data.get("reason")
    state.end_time = event.wall_ms
    if data.get("failed_task_id"):
        state.failed_task_id = data["failed_task_id"]
    names = data.get("failed_reference_task_names")
    if names is not None:
        state.failed_reference_task_names = tuple(names)
        state.failed_task_names = tuple(data.get("failed_task_names") or ())
    state.evaluations.clear()
    state.messages.clear()


_HANDLERS: Final = {
    EventKind.WORKFLOW_STARTED: _workflow_started,
    EventKind.WORKFLOW_ADMITTED: _admitted,
    EventKind.WORKFLOW_PAUSED: _paused,
    EventKind.WORKFLOW_RESUMED: _resumed,
    EventKind.WORKFLOW_RETRIED: _retried,
    EventKind.WORKFLOW_REVIVED: _revived,
    EventKind.WORKFLOW_RESTARTED: _restarted,
    EventKind.WORKFLOW_RERUN: _rerun,
    EventKind.WORKFLOW_ENDED: _workflow_ended,
    EventKind.OUTPUT_SET: _output_set,
    EventKind.MESSAGE_RECEIVED: _message_received,
}
