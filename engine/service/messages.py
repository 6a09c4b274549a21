"""Messages for running executions."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from ..core.messages import receive
from ..core.turn import Turn
from ..runtime.decider import Settled
from ..runtime.desk import Desk
from .base import Wire
from .work import WorkerService


class MessageService(WorkerService):
    """What comes in for PULL_WORKFLOW_MESSAGES tasks."""

    def push_message(self, workflow_id: str, payload: Wire) -> Future[str]:
        """Put a message into the queue of an execution; wakes a task that waits for one.

        Args:
            workflow_id: A running execution.
            payload: Any JSON object.

        Returns:
            Resolves, once durable, to the message's id.

        Raises:
            NotFoundError: (from the future) no such execution.
            ConflictError: (from the future) it is not RUNNING.
            QueueFullError: (from the future) a thousand messages wait already.
            InvalidRequestError: (from the future) the message is too large.
        """
        actor = self._actor

        def push(desk: Desk) -> Any:
            def received(turn: Turn) -> str:
                return receive(turn, payload)

            return Settled(workflow_id, desk.act(workflow_id, received, actor))

        return self._with_execution(workflow_id, push)
