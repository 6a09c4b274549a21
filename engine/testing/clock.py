"""A clock that stands still until a test moves it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import count

from ..core.events import Moment

NOON_MS = 1_700_000_000_000


class FakeClock:
    """A ``runtime.clock.Clock`` moved by hand; a move wakes the engine that runs on it.

    Every reading adds a nanosecond to the monotonic clock, so that each turn of the decider has
    a moment of its own although the wall clock stands. Callable from any thread.

    Example:
        >>> clock = FakeClock()
        >>> with Engine(clock=clock) as engine:
        ...     clock.move(seconds=60)  # whatever was due by then has been committed
    """

    def __init__(self, wall_ms: int = NOON_MS) -> None:
        """A clock that shows ``wall_ms``."""
        self._lock = threading.Lock()
        self._wall_ms = wall_ms
        self._readings = count(1)
        self._listeners: list[Callable[[], None]] = []

    def now(self) -> Moment:
        """The moment the clock shows."""
        wall_ms = self._wall_ms
        return Moment(wall_ms, wall_ms * 1_000_000 + next(self._readings))

    def move(self, ms: int = 0, seconds: float = 0) -> None:
        """Move on (a negative amount: back), then let the engine do what has become due.

        Returns once that is committed. Scripts that it asked for may still run.
        """
        with self._lock:
            self._wall_ms += ms + round(seconds * 1000)
            listeners = list(self._listeners)
        for listener in listeners:
            listener()

    def on_move(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` after each move, on the thread that moves the clock."""
        with self._lock:
            self._listeners.append(listener)
