"""Figures the engine keeps about itself while it works.

Each is written by one thread and read by any: a reader may miss the newest addition, never more.
Nothing here takes a lock, and an addition costs well under a microsecond.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

MOST_NAMES: Final = 1_000
"""Names counted one by one; what comes later is counted together, whatever clients make up."""
OTHERS: Final = "(others)"

_SECONDS: Final = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)


class Histogram:
    """How often a duration fell into each of a row of ranges."""

    __slots__ = ("bounds", "counts", "total_seconds")

    def __init__(self, bounds: tuple[float, ...] = _SECONDS) -> None:
        """``bounds``: upper ends in seconds, ascending; the last range has none."""
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total_seconds = 0.0

    def add(self, seconds: float) -> None:
        """Take a duration in."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total_seconds += seconds


class Counter:
    """How often something happened, by name."""

    __slots__ = ("by_name",)

    def __init__(self) -> None:
        """Nothing has happened."""
        self.by_name: dict[str, int] = {}

    def add(self, name: str, times: int = 1) -> None:
        """Count something."""
        counts = self.by_name
        known = counts.get(name)
        if known is None and len(counts) >= MOST_NAMES:
            name, known = OTHERS, counts.get(OTHERS)
        counts[name] = (known or 0) + times


class Measures:
    """What the decider thread counts."""

    def __init__(self) -> None:
        """All zero."""
        self.polls = Counter()
        """By task type."""
        self.handed_out = Counter()
        """Tasks given to workers, by task type."""
        self.ended = Counter()
        """Executions by the status they ended in; one that is retried may end again."""
        self.started = 0
        self.deciding = Histogram()
        """Seconds for one batch of commands."""
