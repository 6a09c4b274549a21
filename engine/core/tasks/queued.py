"""What the engine's own task types with I/O share: they stand in a queue like a worker's task.

The I/O is done by a worker of this process (``engine/workers``), so no decision waits for it, and
what holds for workers holds for them: the task goes back to its queue when the process dies.
"""

from __future__ import annotations

from ...models.enums import TaskStatus
from ..definition import Node
from ..turn import Draft, Placement, Turn
from .base import TaskType, delay_start


class QueuedTask(TaskType):
    """A task of the engine's own that is handed to a worker of this process."""

    kind = "queued"
    initial_status = TaskStatus.SCHEDULED
    revisits = False
    acts_aside = True
    uses_input_template = True

    def draft(self, turn: Turn, node: Node, place: Placement) -> Draft:
        """A queued record that knows whether somebody else will complete it."""
        draft = super().draft(turn, node, place)
        if node.async_complete:
            draft.data["async_complete"] = True
        domain = trial_domain(turn)
        if domain:
            draft.data["domain"] = domain
        delay_start(turn, draft)
        return draft


def trial_domain(turn: Turn) -> str:
    """The domain that keeps tasks of a workflow test from the real workers; empty outside one.

    The test answers them with mocks (engine/service/trial.py).
    """
    domain = turn.state.task_to_domain.get("*", "")
    return domain if domain.startswith("trial-") else ""
