"""WAIT and HUMAN: open until a moment has come or somebody completes them."""

from __future__ import annotations

from typing import Any

from ...errors import InvalidRequestError
from ...models.enums import TaskStatus
from ..definition import Node
from ..durations import parse_duration_seconds, parse_until_ms
from ..state import TaskState
from ..turn import Draft, Placement, Turn
from .base import TaskType, complete

INDEFINITE_CALLBACK_SECONDS = 2147483647


class WaitTask(TaskType):
    """Waits for a duration, until a moment, or for a signal."""

    name = "WAIT"
    summary = "Wait for a time or for a signal."
    acts_aside = True
    stays_open = True
    output = "What the signal or the update brings; empty after a time."
    input_schema = {
        "type": "object",
        "properties": {
            "duration": {
                "type": "string",
                "description": "`2 days 3 hours 4 minutes 5 seconds`, any of them.",
            },
            "until": {
                "type": "string",
                "description": "`yyyy-MM-dd`, with ` HH:mm` and a zone if needed.",
            },
        },
    }

    @property
    def rerun_status(self) -> TaskStatus:
        """As measured: rerun leaves it SCHEDULED, and it goes on from there."""
        return TaskStatus.SCHEDULED

    def rerun_changes(self, turn: Turn, given: dict[str, Any]) -> dict[str, Any]:
        """A duration begins anew; a moment stays what it is (semantics §6.4)."""
        data: dict[str, Any] = {"wait_until_ms": 0, "callback_after_seconds": 0}
        try:
            self._fix_deadline(turn, data, given)
        except InvalidRequestError as error:
            self._refuse(data, str(error))
        return data

    def draft(self, turn: Turn, node: Node, place: Placement) -> Draft:
        """Fix the deadline now: it does not move, whatever happens to the clock's owner."""
        draft = super().draft(turn, node, place)
        self._fix_deadline(turn, draft.data, draft.data.get("input") or {})
        return draft

    def _fix_deadline(self, turn: Turn, data: dict[str, Any], given: dict[str, Any]) -> None:
        duration, until = _text(given.get("duration")), _text(given.get("until"))
        if duration and until:
            self._refuse(
                data, "Both 'duration' and 'until' specified. Please provide only one input"
            )
        elif duration:
            seconds = parse_duration_seconds(duration)
            data["wait_until_ms"] = turn.now.wall_ms + int(seconds * 1000)
            data["callback_after_seconds"] = int(seconds)
        elif until:
            moment = parse_until_ms(until)
            if moment is None:
                self._refuse(data, f"Invalid/Unsupported Wait Until format.  Provided: {until}")
            else:
                data["wait_until_ms"] = max(moment, 1)
                data["callback_after_seconds"] = max(0, (moment - turn.now.wall_ms) // 1000)
        else:
            data["callback_after_seconds"] = INDEFINITE_CALLBACK_SECONDS

    def revisit(self, turn: Turn, task: TaskState) -> None:
        """Complete once the deadline has passed."""
        if task.wait_until_ms and turn.now.wall_ms >= task.wait_until_ms:
            complete(turn, task)

    def _refuse(self, data: dict[str, Any], reason: str) -> None:
        data["status"] = str(TaskStatus.FAILED_WITH_TERMINAL_ERROR)
        data["reason"] = reason


class HumanTask(TaskType):
    """Open until a person completes it."""

    name = "HUMAN"
    summary = "Wait for a person."
    stays_open = True
    output = "What the person answers."
    revisits = False

    @property
    def rerun_status(self) -> TaskStatus:
        """As measured: rerun leaves it SCHEDULED, and it goes on from there."""
        return TaskStatus.SCHEDULED


class NoopTask(TaskType):
    """Completes at once."""

    name = "NOOP"
    summary = "Do nothing."

    def bind_input(self, turn: Turn, draft: Draft) -> None:
        """The record has no input: nothing would read it."""

    def revisit(self, turn: Turn, task: TaskState) -> None:
        """Complete."""
        complete(turn, task)


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()
