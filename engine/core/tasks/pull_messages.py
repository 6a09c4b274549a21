"""PULL_WORKFLOW_MESSAGES: take messages out of the execution's queue (semantics §5.19, §10.6)."""

from __future__ import annotations

from ..messages import MAX_BATCH_SIZE, next_messages
from ..state import TaskState
from ..turn import Turn
from .base import TaskType, complete


class PullWorkflowMessagesTask(TaskType):
    """Messages come over `POST /api/workflow/{id}/messages`; the oldest are taken first."""

    name = "PULL_WORKFLOW_MESSAGES"
    summary = "Take messages that were sent to this execution."
    stays_open = True
    acts_aside = True
    output = "`messages`: objects `{id, workflowId, payload, receivedAt}`; `count`."
    input_schema = {
        "type": "object",
        "properties": {
            "batchSize": {
                "type": "integer",
                "minimum": 1,
                "maximum": MAX_BATCH_SIZE,
                "description": "Most messages to take; 1 by default.",
            },
            "blocking": {
                "type": "boolean",
                "description": "Wait for the first message (default), or complete without any.",
            },
        },
    }

    def revisit(self, turn: Turn, task: TaskState) -> None:
        """Complete with what waits; wait on where nothing does and the task is blocking."""
        given = task.input_data
        batch = next_messages(turn.state, turn.now.wall_ms, _batch_size(given.get("batchSize")))
        blocking = given.get("blocking")
        if not batch and blocking is not False:
            return
        taken = [message["id"] for message in batch]
        output = {"messages": batch, "count": len(batch)}
        if taken:
            complete(turn, task, output, taken=taken)
        else:
            complete(turn, task, output)


def _batch_size(value: object) -> int:
    """Numbers count, whatever else is given does not: Conductor's reading."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return 1
    return max(1, min(int(value), MAX_BATCH_SIZE))
