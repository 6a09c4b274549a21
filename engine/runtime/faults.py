"""Names of the runtime's own fault points; see ``store.faults`` for what they are for."""

from __future__ import annotations

from typing import Final

DECIDED: Final = "decider.before_commit"
"""A batch has been decided and nothing of it written."""
HANDED_OUT: Final = "polling.handed_out"
"""A worker's task is recorded as begun, and the worker has not got it."""
COMMITTING: Final = "writer.before_commit"
"""Batches have been gathered and nothing of them written."""
HALF_ANSWERED: Final = "writer.half_answered"
"""A commit is durable, the first of those who wait for it has been answered."""
ANSWERED: Final = "writer.after_answers"
"""Everybody was answered, subscribers know nothing yet."""
TOLD: Final = "writer.after_news"
"""Subscribers have been told."""
FOLDED: Final = "recovery.folded"
"""After a start: the open executions are folded, nothing has been set going again."""
TAKEN_UP: Final = "recovery.before_end"
"""After a start: the open executions are folded, what is to follow is not written."""

RUNTIME_FAULT_POINTS: Final = (
    DECIDED,
    HANDED_OUT,
    COMMITTING,
    HALF_ANSWERED,
    ANSWERED,
    TOLD,
    FOLDED,
    TAKEN_UP,
)
