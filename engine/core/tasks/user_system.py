"""Task types that a user's own ``SystemTask`` classes bring (engine/workers/system_tasks.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from ...errors import Problem
from ..definition import Node
from ..effects import CancelSystemTask
from ..state import TaskState
from ..turn import Draft, Placement, Turn
from .base import JsonSchema
from .queued import QueuedTask

if TYPE_CHECKING:
    from ...models.definitions import WorkflowTask


class UserSystemTask(QueuedTask):
    """One of them as the decider sees it: queued, offered again until it ends, told of its cancel.

    The core knows the class by these four things only; an execution recorded with it replays
    without it.
    """

    is_offered_again = True

    def __init__(
        self,
        name: str,
        summary: str = "",
        input_schema: JsonSchema | None = None,
        check: Callable[[WorkflowTask], Iterable[Problem]] | None = None,
    ) -> None:
        """The type ``name``.

        Args:
            name: What definitions write as ``type``.
            summary: One sentence for the palette.
            input_schema: JSON schema of the input; any object by default.
            check: What is wrong with a workflow task of this type; nothing by default.
        """
        self.name = name
        self.summary = summary
        self.input_schema = {"type": "object"} if input_schema is None else input_schema
        self._check = check

    def problems(self, task: WorkflowTask) -> Iterable[Problem]:
        """What the class says is wrong with a workflow task."""
        return () if self._check is None else self._check(task)

    def draft(self, turn: Turn, node: Node, place: Placement) -> Draft:
        """A queued record with the response time-out and rate limit of its task definition."""
        draft = super().draft(turn, node, place)
        settings = node.settings
        if settings is not None and settings.response_timeout_seconds:
            draft.data["response_timeout_seconds"] = settings.response_timeout_seconds
        return draft

    def cancel(self, turn: Turn, task: TaskState, reason: str) -> dict[str, Any]:
        """Tell the class, if it has ever been given the task."""
        if task.poll_count:
            turn.effects.append(CancelSystemTask(task.task_id))
        return {}
