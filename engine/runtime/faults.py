"""Names of the runtime's own fault points; see ``store.faults`` for what they are for."""

from __future__ import annotations

from typing import Final

DECIDED: Final = "decider.before_commit"
"""A batch has been decided and nothing of it written."""
HALF_ANSWERED: Final = "writer.half_answered"
"""A commit is durable, the first of those who wait for it has been answered."""
ANSWERED: Final = "writer.after_answers"
"""Everybody was answered, subscribers know nothing yet."""
TAKEN_UP: Final = "recovery.before_end"
"""After a start: the open executions are folded, what is to follow is not written."""

RUNTIME_FAULT_POINTS: Final = (DECIDED, HALF_ANSWERED, ANSWERED, TAKEN_UP)
