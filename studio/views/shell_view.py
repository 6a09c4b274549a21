"""What changes in the frame around a page: the rail's numbers, the theme, what is the matter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import param

from ..condition import WELL, Condition
from .browser_view import BrowserView, module


class ShellView(BrowserView):
    """Draws nothing itself: writes into the rail and the notice strip, reads the theme."""

    whole: ClassVar = "frame"

    frame = param.Dict(
        default={},
        doc="counts: known, parts, live, failing; empty: not known yet; None: the rail has none. "
        "condition: word, headline, words, reason.",
    )
    theme = param.String(default="light", doc="light or dark, as the page shows it now.")

    _bundle = module("shell_view.js")

    def __init__(self, counts: Mapping[str, int] | None, **params: Any) -> None:
        """``counts``: what the rail was rendered with; None: it has none."""
        super().__init__(**params)
        self._counts, self._condition = counts, WELL
        self.on_hello(self._show_both)

    @property
    def condition(self) -> Condition:
        """What the strip says."""
        return self._condition

    def show_counts(self, counts: Mapping[str, int]) -> None:
        """Bring the rail's numbers up to date."""
        self._counts = counts
        self._show_both()

    def show_condition(self, condition: Condition) -> None:
        """Say what is the matter, or no longer."""
        self._condition = condition
        self._show_both()

    def _show_both(self) -> None:
        counts = None if self._counts is None else dict(self._counts)
        self.show({"counts": counts, "condition": self._condition._asdict()})
