"""State of one browser tab: where it is and how it looks. No widgets, no queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import param

from .board_data import SPANS
from .execution_filter import ExecutionFilter


class Session(param.Parameterized):
    """What a page is opened with and what the tab has chosen since.

    Pages read the address once, on opening; after that the browser keeps the address in step
    by itself, so that the back button and a copied link work without a round trip.
    """

    theme = param.Selector(default="light", objects=["light", "dark"], doc="Look of the page.")
    workflow_id = param.String(default="", doc="Execution that is looked at, empty on lists.")
    here = param.Boolean(
        default=False, doc="Look at the copy in the engine here, where another server is looked at."
    )
    task_path = param.String(default="", doc="Run path of the selected task.")
    event_number = param.Integer(default=0, bounds=(0, None), doc="Time cursor; 0: the newest.")
    span = param.Selector(default="24h", objects=list(SPANS), doc="How far the Board looks back.")
    filter = param.ClassSelector(
        default=ExecutionFilter(), class_=ExecutionFilter, doc="Search of the Executions page."
    )
    start = param.Integer(default=0, bounds=(0, None), doc="First row of the Executions page.")

    @classmethod
    def from_address(cls, arguments: Mapping[str, Sequence[bytes]]) -> Session:
        """Return the state an address asks for; what it gets wrong is left at its default.

        Args:
            arguments: Query arguments as Tornado gives them, by name.
        """

        def first(name: str) -> str:
            values = arguments.get(name) or [b""]
            return values[0].decode("utf-8", "replace")

        span = first("span")
        return cls(
            workflow_id=first("id")[:200],
            here=first("here") == "1",
            task_path=first("task")[:2000],
            event_number=_number(first("event")),
            span=span if span in SPANS else "24h",
            filter=ExecutionFilter.parse(arguments),
            start=_number(first("start")),
        )

    def apply_request(self, request: Mapping[str, Any]) -> None:
        """Take over a search the browser asks for."""
        wanted, start = request.get("filter"), request.get("start")
        self.param.update(
            filter=ExecutionFilter.parse(wanted if isinstance(wanted, Mapping) else {}),
            start=start if isinstance(start, int) and 0 <= start < 10**9 else 0,
        )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
