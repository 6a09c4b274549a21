"""What an event handler's action does: start, end or fill an execution, complete or fail a task.

Conductor declares ``terminate_workflow`` and ``update_workflow_variables`` without carrying them
out; here they are.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ..core import operations, starting
from ..core.expressions import resolve
from ..core.state import TaskState, WorkflowState
from ..core.turn import Terminate
from ..core.updates import update_task, write_variables
from ..errors import EngineError, InvalidRequestError, NotFoundError
from ..models.event_handlers import ActionType, EventAction

if TYPE_CHECKING:
    from .desk import Desk

logger = logging.getLogger(__name__)

Wire = dict[str, Any]


class Occasion(msgspec.Struct, frozen=True, kw_only=True):
    """Why an action runs: whose it is, and the message it answers."""

    handler: str
    queue: str
    message_id: str
    payload: Any
    cause: Wire | None = None

    @property
    def marks(self) -> Wire:
        """What inputs and outputs tell about the message."""
        return {
            "conductor.event.messageId": self.message_id,
            "conductor.event.name": self.queue,
        }


class _PayloadScope:
    """Expressions of an action read the payload as their root."""

    def __init__(self, payload: Any) -> None:
        self.document: Mapping[str, Any] = payload if isinstance(payload, Mapping) else {}
        self.environment: Mapping[str, str] = {}
        self.task_id: str | None = None

    def source_of(self, root: str) -> tuple[str | None, int]:
        """The payload comes from outside every execution."""
        return None, 0


def run_action(desk: Desk, action: EventAction, occasion: Occasion) -> tuple[str, Wire]:
    """Do it within the commit at hand; returns COMPLETED or FAILED, and what is to be told."""
    try:
        run = _ACTIONS.get(action.action) if action.action is not None else None
        if run is None:
            return "FAILED", {"error": f"Action not supported: {action.action}"}
        given = resolve(action.parameters(), _PayloadScope(occasion.payload)).value
        return "COMPLETED", run(desk, given, occasion)
    except (EngineError, Terminate) as error:
        return "FAILED", {"error": str(getattr(error, "reason", "") or error)}
    except Exception as error:  # a fault of ours must not bring the message back for ever
        logger.exception("An action of event handler %s failed.", occasion.handler)
        return "FAILED", {"error": f"{type(error).__name__}: {error}"}


def _start_workflow(desk: Desk, given: Wire, occasion: Occasion) -> Wire:
    workflow_id = str(uuid.uuid4())
    version = given.get("version")
    definition = desk.registry.snapshot(
        str(given.get("name") or ""), None if version in (None, "") else _whole(version)
    )
    domains, start_input = given.get("taskToDomain"), given.get("input") or {}
    if not isinstance(start_input, dict):
        raise InvalidRequestError("The input of start_workflow must be an object.")
    data = starting.start_data(
        definition,
        {**start_input, **occasion.marks},
        correlation_id=_text(given.get("correlationId")),
        task_to_domain=domains if isinstance(domains, dict) else None,
        event=occasion.queue,
        cause=occasion.cause,
    )
    desk.begin(workflow_id, lambda turn: starting.start(turn, data), _actor(occasion))
    return {"workflowId": workflow_id}


def _complete_task(desk: Desk, given: Wire, occasion: Occasion) -> Wire:
    return _update_task(desk, given, occasion, "COMPLETED")


def _fail_task(desk: Desk, given: Wire, occasion: Occasion) -> Wire:
    return _update_task(desk, given, occasion, "FAILED")


def _update_task(desk: Desk, given: Wire, occasion: Occasion, status: str) -> Wire:
    found = _find(desk, _text(given.get("workflowId")), given)
    if found is None:
        # The task may not exist yet or any more; Conductor counts the action as done.
        return {"error": f"No task found for {given.get('taskRefName') or given.get('taskId')}"}
    state, task = found
    told = {key: value for key, value in given.items() if key != "output" and value is not None}
    output = given.get("output")
    result = {
        "workflowInstanceId": state.workflow_id,
        "taskId": task.task_id,
        "status": status,
        "outputData": {**told, **(output if isinstance(output, dict) else {}), **occasion.marks},
        "reasonForIncompletion": _text(given.get("reasonForIncompletion")),
        "callbackAfterSeconds": task.callback_after_seconds,
    }
    desk.act(state.workflow_id, lambda turn: update_task(turn, task, result))
    return {"workflowId": state.workflow_id, "taskId": task.task_id}


def _terminate_workflow(desk: Desk, given: Wire, occasion: Occasion) -> Wire:
    workflow_id = _owner(given)
    reason = _text(given.get("terminationReason"))
    desk.act(workflow_id, lambda turn: operations.terminate(turn, reason), _actor(occasion))
    return {"workflowId": workflow_id}


def _update_workflow_variables(desk: Desk, given: Wire, occasion: Occasion) -> Wire:
    """Merge variables; with ``appendArray`` lists grow by what is given instead."""
    workflow_id = _owner(given)
    variables = given.get("variables") or {}
    if not isinstance(variables, dict):
        raise InvalidRequestError("The variables of update_workflow_variables must be an object.")
    if given.get("appendArray"):
        known = desk.state(workflow_id).variables
        variables = {name: _appended(known.get(name), value) for name, value in variables.items()}
    desk.act(workflow_id, lambda turn: write_variables(turn, variables), _actor(occasion))
    return {"workflowId": workflow_id}


def _appended(known: Any, value: Any) -> Any:
    if not isinstance(known, list):
        return value
    return [*known, *value] if isinstance(value, list) else [*known, value]


def _owner(given: Wire) -> str:
    workflow_id = _text(given.get("workflowId"))
    if not workflow_id:
        raise InvalidRequestError("The action says no workflowId.")
    return workflow_id


def _actor(occasion: Occasion) -> str:
    return f"event:{occasion.handler}"


def _find(
    desk: Desk, workflow_id: str | None, given: Wire
) -> tuple[WorkflowState, TaskState] | None:
    task_id = _text(given.get("taskId"))
    if task_id:
        workflow_id = desk.task_home.get(task_id)
    try:
        state = desk.state(workflow_id or "")
    except NotFoundError:
        return None
    if not task_id:
        reference = _text(given.get("taskRefName")) or ""
        task_id = state.latest_by_base.get(reference) or state.latest.get(reference)
    task = state.tasks.get(task_id or "")
    return None if task is None else (state, task)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _whole(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise NotFoundError(f"'{value}' is no version of a workflow.") from None


_ACTIONS: Final = {
    ActionType.START_WORKFLOW: _start_workflow,
    ActionType.COMPLETE_TASK: _complete_task,
    ActionType.FAIL_TASK: _fail_task,
    ActionType.TERMINATE_WORKFLOW: _terminate_workflow,
    ActionType.UPDATE_WORKFLOW_VARIABLES: _update_workflow_variables,
}
