"""Names of the runtime's own fault points; see ``store.faults`` for what they are for."""

from __future__ import annotations

from typing import Final

COMMANDED: Final = "decider.command_done"
"""One command of a batch has been decided, others may follow."""
RUNG: Final = "decider.timer_rung"
"""What a timer brings about has been decided."""
DECIDED: Final = "decider.before_commit"
"""A batch has been decided and nothing of it written."""
HANDED_OUT: Final = "polling.handed_out"
"""A worker's task is recorded as begun, and the worker has not got it."""
RESULT_TAKEN: Final = "polling.result_taken"
"""A worker's result has been decided on, and the worker has no answer."""
CHILD_NAMED: Final = "effects.child_named"
"""A task knows the id of its sub-workflow, which has not begun."""
CHILD_BEGUN: Final = "effects.child_begun"
"""Both have been decided."""
PARENT_TOLD: Final = "effects.parent_told"
"""A task has taken over how its sub-workflow ended."""
LAUNCHED: Final = "effects.launched"
"""A START_WORKFLOW has begun another execution and has not ended itself."""
SCRIPT_BEGUN: Final = "evaluations.begun"
"""A script is under way."""
SCRIPT_ENDED: Final = "evaluations.ended"
"""A script has an outcome and nobody has heard of it."""
MESSAGE_KEPT: Final = "events.message_kept"
"""A message has been written down, waiting or dealt with."""
MESSAGE_HANDLED: Final = "events.message_handled"
"""Its handlers have acted, and it still waits."""
FIRED: Final = "scheduler.fired"
"""A schedule has begun an execution, and its run is not recorded."""
BRANCHED: Final = "branches.begun"
"""A branch has been decided."""
IMPORT_OBSERVED: Final = "importing.observed"
"""The events of an import are made up."""
IMPORT_FILED: Final = "importing.filed"
"""An import has been decided."""
FORGOTTEN: Final = "filing.forgotten"
"""An execution has been removed from memory."""
PAGED_OUT: Final = "paging.paged_out"
"""An idle execution has left the memory, its summary is not written."""
FOLDED_AGAIN: Final = "paging.folded_again"
"""It is back."""
NOTICE_LEAVES: Final = "couriers.before_delivery"
"""A receiver is about to be told."""
NOTICE_DELIVERED: Final = "couriers.delivered"
"""A receiver has been told, the notice is not struck out."""
STRUCK_OUT: Final = "notices.struck_out"
"""That it is not to be told again has been decided."""
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
ONE_TAKEN_UP: Final = "recovery.one_taken_up"
"""After a start: one open execution goes on, others do not yet."""
TAKEN_UP: Final = "recovery.before_end"
"""After a start: the open executions are folded, what is to follow is not written."""

RUNTIME_FAULT_POINTS: Final = (
    COMMANDED,
    RUNG,
    DECIDED,
    HANDED_OUT,
    RESULT_TAKEN,
    CHILD_NAMED,
    CHILD_BEGUN,
    PARENT_TOLD,
    LAUNCHED,
    SCRIPT_BEGUN,
    SCRIPT_ENDED,
    MESSAGE_KEPT,
    MESSAGE_HANDLED,
    FIRED,
    BRANCHED,
    IMPORT_OBSERVED,
    IMPORT_FILED,
    FORGOTTEN,
    PAGED_OUT,
    FOLDED_AGAIN,
    NOTICE_LEAVES,
    NOTICE_DELIVERED,
    STRUCK_OUT,
    COMMITTING,
    HALF_ANSWERED,
    ANSWERED,
    TOLD,
    FOLDED,
    ONE_TAKEN_UP,
    TAKEN_UP,
)
