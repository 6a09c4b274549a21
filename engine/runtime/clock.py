"""The only place where the engine reads a clock."""

from __future__ import annotations

import time
from typing import Protocol

from ..core.events import Moment


class Clock(Protocol):
    """Gives the moment; tests hand in one that they move by hand."""

    def now(self) -> Moment:
        """The present moment on both clocks. Callable from any thread."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> Moment:
        """Wall clock in epoch milliseconds and the monotonic clock in nanoseconds."""
        return Moment(time.time_ns() // 1_000_000, time.monotonic_ns())
