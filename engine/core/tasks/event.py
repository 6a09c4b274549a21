"""EVENT: publish a message to a sink (semantics reference §5.16)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from ...models.enums import TaskStatus
from ..definition import Node
from ..effects import PublishEvent
from ..events import EventKind
from ..state import TaskState
from ..turn import Draft, Placement, Turn
from .base import TaskType, complete, fail
from .queued import domain_of_trial

CONDUCTOR: Final = "conductor"


class EventTask(TaskType):
    """Publishes its input; ``conductor:`` sinks reach event handlers of this engine.

    Other sinks go to the publisher of their queue type, which works outside the decider.
    """

    name = "EVENT"
    summary = "Publish a message for event handlers or a queue."
    keys = {
        "sink": "`conductor` or `conductor:<name>` for event handlers of this engine, "
        "`<queue type>:<address>` for a publisher.",
        "asyncComplete": "Stay open after publishing; somebody else completes the task.",
    }
    output = "The message: the input, with the execution's identity and `event_produced`."

    def __init__(self, publishers: Collection[str] = ()) -> None:
        """``publishers``: queue types that somebody publishes to, besides ``conductor``."""
        self._publishers = frozenset(publishers)

    def draft(self, turn: Turn, node: Node, place: Placement) -> Draft:
        """The record's input is the message, with its sink resolved."""
        draft = super().draft(turn, node, place)
        sink = turn.resolve(node.wire.get("sink") or "").value
        draft.data["input"] = {
            **(draft.data.get("input") or {}),
            "sink": sink,
            "asyncComplete": node.async_complete,
        }
        if node.async_complete:
            draft.data["async_complete"] = True
        return draft

    def revisit(self, turn: Turn, task: TaskState) -> None:
        """Publish once, then complete or wait for somebody else to complete the task."""
        if task.output_data:
            return
        state = turn.state
        queue = _queue_name(state.definition.name, task)
        output: dict[str, Any] = {
            **task.input_data,
            "workflowInstanceId": state.workflow_id,
            "workflowType": state.definition.name,
            "workflowVersion": state.definition.version,
            "correlationId": state.correlation_id,
            "taskToDomain": state.task_to_domain,
        }
        if not queue.startswith(CONDUCTOR) or queue.startswith(f"{CONDUCTOR}:"):
            output["event_produced"] = queue
        if queue.partition(":")[0] in self._publishers and ":" in queue:
            # From here on a task like any other that does I/O: it stands in a queue.
            queued = {"status": str(TaskStatus.SCHEDULED), "revisit": False, "output": output}
            domain = domain_of_trial(turn)
            if domain:
                queued["domain"] = domain
            turn.emit(EventKind.TASK_UPDATED, queued, task)
            return
        problem = _problem(queue, task)
        if problem:
            fail(turn, task, problem, output=output)
            return
        turn.effects.append(PublishEvent(queue, task.task_id, output))
        if task.async_complete:
            turn.emit_output(task, output)
        else:
            complete(turn, task, output)


def _queue_name(workflow_type: str, task: TaskState) -> str:
    """``conductor`` stands for the task's own queue, ``conductor:x`` for one of its workflow."""
    sink = str(task.input_data.get("sink") or "")
    if sink == CONDUCTOR:
        return f"{CONDUCTOR}:{workflow_type}:{task.reference_task_name}"
    if sink.startswith(f"{CONDUCTOR}:"):
        return f"{CONDUCTOR}:{workflow_type}:{sink.split(':', 1)[1]}"
    return sink


def _problem(queue: str, task: TaskState) -> str:
    """Why a sink can't be published to; empty when it can."""
    if queue.startswith(f"{CONDUCTOR}:"):
        return ""
    if queue.startswith(CONDUCTOR):
        return f"Invalid / Unsupported sink specified: {queue}"
    kind, separator, _ = queue.partition(":")
    what = f"Unknown queue type {kind}" if separator else f"Illegal event {queue}"
    return f"Error loading queue:{queue}, for task:{task.task_id}, error: {what}"
