"""How a view's first data reaches the browser, whatever gets lost on the way.

The browser says hello once its component is drawn and listens, and again, ever more slowly, as
long as it has no data. Python answers with everything the view draws. Each answer has a version of
its own, so that one sent again is a change even where the data is the same, and one that comes
twice is known as such. ``browser/hello.js`` is the other half.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, ClassVar, Final

import param
from panel.custom import JSComponent

UNDER_WAY_SECONDS: Final = 0.5


class GreetedView(JSComponent):
    """A view that sends its data when the browser listens. Event loop only, with the lock."""

    __abstract = True

    whole: ClassVar[str] = ""
    """Parameter that carries everything the view draws first; empty: the view says no hello."""

    hello = param.Dict(
        default={},
        doc="Said by the browser: ``{seq, has}``, ``has`` the version of the data it shows, 0 for "
        "none or none it can use.",
    )

    _priority_changes: ClassVar[list[str]] = ["hello"]  # the others wait 50 ms for company

    def __init__(self, **params: Any) -> None:
        """Nothing is sent before ``show``."""
        super().__init__(**params)
        self._version, self._shown_at = 0, 0.0
        self._first: Callable[[], None] = lambda: None
        self._again: Callable[[], None] = self._show_again
        self.param.watch(self._greeted, "hello")

    @property
    def version(self) -> int:
        """Of the data shown last; 0 before the first."""
        return self._version

    def show(self, data: dict[str, Any]) -> None:
        """Have the browser draw ``data``, with the next version as its ``version``."""
        self._version += 1
        self._shown_at = time.monotonic()
        setattr(self, self.whole, {**data, "version": self._version})

    def on_hello(self, first: Callable[[], None], again: Callable[[], None] | None = None) -> None:
        """Say what answers a hello.

        Args:
            first: Called at each hello while there is nothing to show yet.
            again: Called when the browser lacks what was shown; None shows that again.
        """
        self._first = first
        if again is not None:
            self._again = again

    def _greeted(self, event: param.parameterized.Event) -> None:
        has = event.new.get("has")
        if not self._version:
            self._first()
        elif isinstance(has, int) and has < self._version and not self._is_under_way():
            self._again()

    def _is_under_way(self) -> bool:
        """Whether this hello and the data may have passed each other; a view in need says more."""
        return time.monotonic() - self._shown_at < UNDER_WAY_SECONDS

    def _show_again(self) -> None:
        self.show(getattr(self, self.whole))
