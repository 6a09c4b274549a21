"""SUB_WORKFLOW and START_WORKFLOW: executions that this one starts (semantics §5.13, §5.14)."""

from __future__ import annotations

import hashlib
from typing import Any

from ...errors import InvalidRequestError
from ...models.enums import TaskStatus
from ...models.requests import StartWorkflowRequest
from ..definition import Node
from ..effects import StartChild, StartWorkflow
from ..events import IN_ROUNDS
from ..java_text import java_text
from ..state import TaskState
from ..turn import Draft, Placement, Terminate, Turn
from .base import TaskType, complete, delay_start, end_child, fail

_OWN_KEYS = frozenset(
    {
        "subWorkflowName",
        "subWorkflowVersion",
        "subWorkflowDefinition",
        "subWorkflowTaskToDomain",
        "priority",
        "workflowInput",
    }
)
"""Keys of the record's input besides the child's input itself."""


class SubWorkflowTask(TaskType):
    """Runs another definition as a child and takes over its status and output."""

    name = "SUB_WORKFLOW"
    summary = "Run another workflow as a step of this one."
    stays_open = True
    keys = {
        "subWorkflowParam": "`name`, `version` (the latest by default), or a whole "
        "`workflowDefinition`; `taskToDomain`, `priority`, `idempotencyKey`.",
    }
    output = "The child's output and `subWorkflowId`."
    initial_status = TaskStatus.SCHEDULED
    revisits = False
    acts_aside = True
    knows_task_id = False

    def draft(self, turn: Turn, node: Node, place: Placement) -> Draft:
        """A record that knows what to start, with what input."""
        param = node.wire.get("subWorkflowParam")
        if not param:
            raise Terminate(
                f"Task {node.name} is defined as sub-workflow and is missing subWorkflowParams. "
                "Please check the workflow definition"
            )
        draft = super().draft(turn, node, place)
        resolution = turn.resolve(
            {k: v for k, v in param.items() if k != "workflowDefinition" or isinstance(v, str)},
            None,
        )
        resolved = resolution.value
        definition = param.get("workflowDefinition")
        if isinstance(definition, str):
            definition = resolved.get("workflowDefinition")
        if isinstance(definition, dict):
            resolved["name"] = definition.get("name")
            resolved.pop("version", None)
        # Leaves of the child's input lie below workflowInput in this record's input.
        for origin in draft.data.get("origins") or ():
            origin["path"] = f"workflowInput.{origin['path']}"
        name = resolved.get("name")
        version = _version(resolved.get("version"))
        if version is None and not isinstance(definition, dict):
            version = _latest_version(turn, java_text(name))
        data: dict[str, Any] = {
            "subWorkflowName": name if name is None else java_text(name),
            "subWorkflowVersion": version,
            "subWorkflowDefinition": definition if isinstance(definition, dict) else None,
            "subWorkflowTaskToDomain": resolved.get("taskToDomain"),
            "priority": resolved.get("priority"),
            "workflowInput": draft.data.get("input") or {},
        }
        for key in ("idempotencyKey", "idempotencyStrategy"):
            if resolved.get(key) is not None:
                data[key] = resolved[key]
        edits = super().edits(turn, draft)
        for key in _OWN_KEYS & edits.keys():
            data[key] = edits[key]
        if edits:
            draft.data["edited"] = sorted(edits)
        draft.data["input"] = {k: v for k, v in data.items() if v is not None}
        priority = param.get("priority")  # only a literal one shows on the task itself
        if isinstance(priority, int) and not isinstance(priority, bool):
            draft.data["workflow_priority"] = priority
        delay_start(turn, draft)
        return draft

    def edits(self, turn: Turn, draft: Draft) -> dict[str, Any]:
        """Edits of the child's input; those of the record's own keys are laid over it later."""
        edits = super().edits(turn, draft)
        return {key: value for key, value in edits.items() if key not in _OWN_KEYS}

    def input_again(self, given: dict[str, Any]) -> dict[str, Any]:
        """As in Conductor, a later attempt also shows the child's input at its own top level."""
        return {**given.get("workflowInput", {}), **given}

    def on_scheduled(self, turn: Turn, task: TaskState) -> None:
        """Start the child at once, unless a retry delay holds it back."""
        if task.not_before_ms <= turn.now.wall_ms:
            turn.effects.append(StartChild(task.task_id))

    def cancel(self, turn: Turn, task: TaskState, reason: str) -> dict[str, Any]:
        """Cancelling the task ends the child."""
        end_child(turn, task, reason)
        return {}


class StartWorkflowTask(TaskType):
    """Starts an execution that lives on its own."""

    name = "START_WORKFLOW"
    summary = "Start another workflow without waiting for it."
    output = "`workflowId` of what was started."
    input_schema = {
        "type": "object",
        "required": ["startWorkflow"],
        "properties": {
            "startWorkflow": {
                "type": "object",
                "required": ["name"],
                "description": "What is to be started, as in `POST /api/workflow`.",
                "properties": {
                    "name": {"type": "string"},
                    "version": {"type": "integer"},
                    "input": {"type": "object"},
                    "correlationId": {"type": "string"},
                    "priority": {"type": "integer"},
                    "taskToDomain": {"type": "object"},
                    "workflowDef": {"type": "object"},
                },
            }
        },
    }
    initial_status = TaskStatus.SCHEDULED
    revisits = False
    acts_aside = True
    knows_task_id = False

    def on_scheduled(self, turn: Turn, task: TaskState) -> None:
        """Start it within the same commit."""
        given = task.input_data.get("startWorkflow")
        if given is None:
            fail(turn, task, "Missing 'startWorkflow' in input data.")
            return
        try:
            request = StartWorkflowRequest.from_wire(given)
        except InvalidRequestError as error:
            fail(turn, task, f"Error reading StartWorkflowRequest. {error}")
            return
        try:
            request.validate_request()
        except InvalidRequestError as error:
            fail(turn, task, _refusal(error))
            return
        if task.not_before_ms <= turn.now.wall_ms:
            turn.effects.append(StartWorkflow(task.task_id, {**given, **request.to_wire()}))


def _latest_version(turn: Turn, name: str) -> int | None:
    """The version that a child made at run time is started in, found when it is scheduled.

    Raises:
        Terminate: It has no definition.
    """
    if turn.latest_version_of is None or turn.state.logic < IN_ROUNDS:
        return None
    version = turn.latest_version_of(name)
    if version is None:
        raise Terminate(
            f"The Task {name} defined as a sub-workflow has no workflow definition available "
        )
    return version


def _refusal(error: InvalidRequestError) -> str:
    """Why a request to start can't be carried out, in Conductor's words."""
    if not error.problems:
        return str(error)
    said = "".join(f"'{problem.path}' -> {problem.message}. " for problem in error.problems)
    return f"startWorkflow validation failed. {said}"


def child_workflow_id(parent_workflow_id: str, task: TaskState) -> str:
    """Conductor's name-based child id: launching twice is launching once."""
    seed = f"subworkflow:{parent_workflow_id}:{task.task_id}:{task.retry_count}"
    digest = bytearray(hashlib.md5(seed.encode(), usedforsecurity=False).digest())
    digest[6] = (digest[6] & 0x0F) | 0x30
    digest[8] = (digest[8] & 0x3F) | 0x80
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def start_workflow_done(turn: Turn, task: TaskState, workflow_id: str) -> None:
    """Complete a START_WORKFLOW task with the id of what it started."""
    complete(turn, task, {**task.output_data, "workflowId": workflow_id})


def _version(value: Any) -> int | None:
    try:
        return None if value is None else int(value)
    except (TypeError, ValueError):
        return None
