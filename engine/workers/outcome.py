"""What a worker of the engine says about a task it ran."""

from __future__ import annotations

from typing import Any

import msgspec


class TaskOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How one run of a system task ended: its new status, output and reason."""

    status: str
    """COMPLETED, FAILED, FAILED_WITH_TERMINAL_ERROR, or IN_PROGRESS when it isn't over."""
    output: dict[str, Any]
    reason: str | None = None
    callback_after_seconds: int = 0
    """With IN_PROGRESS: when the task is offered again, if its type is one that is."""
    fields: dict[str, Any] = {}
    """Further fields of the record that change (``engine.core.state.TaskState``)."""
    error: dict[str, Any] | None = None
    """What the user's code raised: ``{type, message, frames}``."""
    logs: list[dict[str, Any]] = []
