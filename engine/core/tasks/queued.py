"""What the engine's own task types with I/O share: they stand in a queue like a worker's task.

The I/O is done by a worker of this process (``engine/workers``), so no decision waits for it, and
what holds for workers holds for them: the task goes back to its queue when the process dies.
"""

from __future__ import annotations

import re
from typing import Final

from ...models.enums import TaskStatus
from ..definition import Node
from ..turn import Draft, Placement, Turn
from .base import TaskType, delay_start

_TRIAL: Final = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}")


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
        domain = domain_of_trial(turn)
        if domain:
            draft.data["domain"] = domain
        delay_start(turn, draft)
        return draft


def trial_domain(digits: str) -> str:
    """The domain of one workflow test from 32 hexadecimal digits.

    A UUID as on Conductor; its version, 8, which nobody draws by chance, marks it as a test's.
    """
    return f"{digits[:8]}-{digits[8:12]}-8{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"


def domain_of_trial(turn: Turn) -> str:
    """The domain that keeps tasks of a workflow test from the real workers; empty outside one.

    The test answers them with mocks (engine/service/trial.py).
    """
    domain = turn.state.task_to_domain.get("*", "")
    # Older histories name it by a prefix.
    return domain if domain.startswith("trial-") or _TRIAL.fullmatch(domain) else ""
