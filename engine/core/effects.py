"""Effects: what a turn over one execution asks of others.

The runtime carries them out in the same batch and commit (engine/runtime/effects.py), so they
are never lost between two commits, nor done twice.
"""

from __future__ import annotations

from typing import Any

import msgspec


class StartChild(msgspec.Struct, frozen=True):
    """Start the sub-workflow of a SUB_WORKFLOW task."""

    task_id: str


class EndChild(msgspec.Struct, frozen=True):
    """Terminate a running sub-workflow."""

    workflow_id: str
    reason: str


class TellParent(msgspec.Struct, frozen=True):
    """This execution ended: bring its parent's SUB_WORKFLOW task up to date."""


class StartFailureWorkflow(msgspec.Struct, frozen=True):
    """Start the failure workflow of this execution."""

    name: str
    version: int | None
    input: dict[str, Any]


class StartWorkflow(msgspec.Struct, frozen=True):
    """Start an unlinked execution for a START_WORKFLOW task, and complete it."""

    task_id: str
    request: dict[str, Any]


class RetryChild(msgspec.Struct, frozen=True):
    """Retry an ended child in place, since its parent goes on."""

    workflow_id: str


class ReviveParent(msgspec.Struct, frozen=True):
    """This execution was reopened by an operator: reopen its parents (semantics §6.8)."""

    operation: str


class CancelSystemTask(msgspec.Struct, frozen=True):
    """Tell a user's system task, once the cancellation is durable, that its task is cancelled."""

    task_id: str


class PublishEvent(msgspec.Struct, frozen=True):
    """Hand a message to the event handlers of a queue, once per message id."""

    queue: str
    message_id: str
    payload: dict[str, Any]


Effect = (
    StartChild
    | EndChild
    | TellParent
    | StartFailureWorkflow
    | StartWorkflow
    | RetryChild
    | ReviveParent
    | CancelSystemTask
    | PublishEvent
)
