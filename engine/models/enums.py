"""Conductor's status words, with the flags that its engine derives from them."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class WorkflowStatus(StrEnum):
    """Status of an execution (semantics reference §2.1)."""

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    TERMINATED = "TERMINATED"

    is_terminal: bool
    """Whether the execution has ended (an operator action may reopen it)."""
    is_successful: bool
    """Whether Conductor counts the status as a success (PAUSED does)."""


class TaskStatus(StrEnum):
    """Status of one attempt of a task (semantics reference §2.2)."""

    SCHEDULED = "SCHEDULED"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    COMPLETED_WITH_ERRORS = "COMPLETED_WITH_ERRORS"
    SKIPPED = "SKIPPED"
    CANCELED = "CANCELED"
    FAILED = "FAILED"
    FAILED_WITH_TERMINAL_ERROR = "FAILED_WITH_TERMINAL_ERROR"
    TIMED_OUT = "TIMED_OUT"

    is_terminal: bool
    """Whether nothing more is expected of this attempt."""
    is_successful: bool
    """Whether the flow may go on after it (open ones count as successful, as in Conductor)."""
    is_retriable: bool
    """Whether a new attempt may follow."""


_OPEN_WORKFLOW = frozenset({WorkflowStatus.RUNNING, WorkflowStatus.PAUSED})
_GOOD_WORKFLOW = frozenset({WorkflowStatus.PAUSED, WorkflowStatus.COMPLETED})
_OPEN_TASK = frozenset({TaskStatus.SCHEDULED, TaskStatus.IN_PROGRESS})
_BAD_TASK = frozenset(
    {
        TaskStatus.CANCELED,
        TaskStatus.FAILED,
        TaskStatus.FAILED_WITH_TERMINAL_ERROR,
        TaskStatus.TIMED_OUT,
    }
)
_FINAL_TASK = frozenset(
    {TaskStatus.SKIPPED, TaskStatus.CANCELED, TaskStatus.FAILED_WITH_TERMINAL_ERROR}
)

# Worked out once: every event asks for some of them.
for _execution in WorkflowStatus:
    _execution.is_terminal = _execution not in _OPEN_WORKFLOW
    _execution.is_successful = _execution in _GOOD_WORKFLOW
for _attempt in TaskStatus:
    _attempt.is_terminal = _attempt not in _OPEN_TASK
    _attempt.is_successful = _attempt not in _BAD_TASK
    _attempt.is_retriable = _attempt not in _FINAL_TASK
TASK_STATUS_OF: Final = {str(status): status for status in TaskStatus}
"""Task statuses by their words: a look-up costs a fraction of ``TaskStatus(word)``."""


class RetryLogic(StrEnum):
    """How the delay before the next attempt grows (semantics reference §6.1)."""

    FIXED = "FIXED"
    EXPONENTIAL_BACKOFF = "EXPONENTIAL_BACKOFF"
    LINEAR_BACKOFF = "LINEAR_BACKOFF"


class TaskTimeoutPolicy(StrEnum):
    """What a task, poll or total time-out does."""

    RETRY = "RETRY"
    TIME_OUT_WF = "TIME_OUT_WF"
    ALERT_ONLY = "ALERT_ONLY"


class WorkflowTimeoutPolicy(StrEnum):
    """What a workflow time-out does."""

    TIME_OUT_WF = "TIME_OUT_WF"
    ALERT_ONLY = "ALERT_ONLY"
