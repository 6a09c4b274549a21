"""The message queue of an execution: first in, first out, part of its state.

Rules of this file
  1. A message is an event of its execution, and so is its taking: nothing is lost by a crash, and
     a message goes into the output of exactly one task.
  2. The limits are Conductor's: ``MAX_QUEUE_SIZE`` messages, and the queue is forgotten
     ``TTL_MS`` after its newest one came. An execution that ends forgets its messages.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from ..errors import ConflictError, InvalidRequestError, QueueFullError
from ..models.codec import dumps
from ..models.enums import WorkflowStatus
from .events import EventKind
from .limits import SIZE_LIMITS
from .state import WorkflowState
from .turn import Turn

MAX_QUEUE_SIZE: Final = 1000
TTL_MS: Final = 86_400_000
MAX_BATCH_SIZE: Final = 100

Wire = dict[str, Any]


def receive(turn: Turn, payload: Wire) -> str:
    """Record a message for an execution; returns its id.

    Raises:
        ConflictError: The execution is not RUNNING.
        QueueFullError: As many messages wait as may.
        InvalidRequestError: The message is too large.
    """
    state = turn.state
    if state.status is not WorkflowStatus.RUNNING:
        raise ConflictError(
            f"Workflow {state.workflow_id} is not in RUNNING state (current: {state.status})"
        )
    waiting = waiting_messages(state, turn.now.wall_ms)
    if len(waiting) >= MAX_QUEUE_SIZE:
        raise QueueFullError(
            f"Workflow message queue for workflowId={state.workflow_id} "
            f"has reached the maximum size of {MAX_QUEUE_SIZE}"
        )
    size = len(dumps(payload))
    if size > SIZE_LIMITS.message_bytes:
        raise InvalidRequestError(
            f"The message has {size} bytes; the limit is {SIZE_LIMITS.message_bytes}."
        )
    message = {
        "id": turn.new_id(),
        "workflowId": state.workflow_id,
        "payload": payload,
        "receivedAt": _instant(turn.now.wall_ms),
    }
    data: Wire = {"message": message}
    if state.messages and not waiting:
        data["forgets"] = True
    turn.emit(EventKind.MESSAGE_RECEIVED, data)
    return str(message["id"])


def waiting_messages(state: WorkflowState, now_ms: int) -> list[Wire]:
    """The messages that wait, oldest first."""
    if not state.messages:
        return []
    newest_ms = next(reversed(state.messages.values()))[0]
    if now_ms >= newest_ms + TTL_MS:
        return []
    return [message for _, message in state.messages.values()]


def next_messages(state: WorkflowState, now_ms: int, batch_size: int) -> list[Wire]:
    """The oldest messages, as many as asked for and as fit into one task's output."""
    batch: list[Wire] = []
    room = SIZE_LIMITS.task_output_bytes - 1024  # for what stands around them
    for message in waiting_messages(state, now_ms)[:batch_size]:
        room -= len(dumps(message)) + 1
        if room < 0:
            break
        batch.append(message)
    return batch


def _instant(wall_ms: int) -> str:
    moment = datetime.fromtimestamp(wall_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
