"""The output of an open DO_WHILE: what its iterations gave, kept once and shared by all versions.

A loop's record is replaced in each iteration. With a copy of all outputs each time, the n-th
iteration would cost by n.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

COUNTERS: Final = ("iteration", "loopIndex", "loopItem")
"""Keys of a loop's output that every iteration writes anew."""


class LoopOutput:
    """One version of a loop's output. It never changes, though later ones build on it.

    Iterations lie in a log that only grows, of which a version counts the first ones. Whoever
    adds to a version claims the next place of the log; if somebody was there before (the same
    state went on twice, perhaps on another thread), the outputs are copied once.
    """

    __slots__ = ("_base", "_counters", "_first", "_log", "_size")

    def __init__(
        self,
        base: dict[str, Any],
        counters: dict[str, Any] | None = None,
        log: dict[str, Any] | None = None,
        first: int = 0,
        size: int = 0,
    ) -> None:
        """A version: ``base`` with ``counters`` over it, then ``size`` iterations of ``log``.

        ``first`` is the number of the log's first iteration.
        """
        self._base = base
        self._counters = counters or {}
        self._log = {} if log is None else log
        self._first = first
        self._size = size

    def as_dict(self) -> dict[str, Any]:
        """All of it, as a dict of its own; costs by its size."""
        iterations = self._log.copy()  # in one go: another thread may be adding
        if len(iterations) != self._size:
            iterations = dict(islice(iterations.items(), self._size))
        return {**self._base, **self._counters, **iterations}

    def counters(self) -> dict[str, Any]:
        """Its ``COUNTERS`` alone, as far as they are there."""
        found: dict[str, Any] = {}
        for key in COUNTERS:
            for source in (self._counters, self._base):
                if key in source:
                    found[key] = source[key]
                    break
        return found

    def with_iteration(self, collected: Mapping[str, Any]) -> LoopOutput:
        """The version after an iteration: costs by what was collected, not by what there is."""
        base, counters, log = self._base, dict(self._counters), self._log
        first, size = self._first, self._size
        for key, value in collected.items():
            if key in base or key in counters or (key in COUNTERS and not size):
                counters[key] = value
                continue
            if not size and key.isdecimal():
                first, log = int(key), {}
            if key != str(first + size):  # out of order, as nothing but a rerun makes it
                return LoopOutput({**self.as_dict(), **collected})
            if log.setdefault(key, value) is not value:
                log = {**dict(islice(log.copy().items(), size)), key: value}
            size += 1
        return LoopOutput(base, counters, log, first, size)

    def __eq__(self, other: object) -> bool:
        """By value, also with a dict."""
        if isinstance(other, LoopOutput):
            return self.as_dict() == other.as_dict()
        return self.as_dict() == other if isinstance(other, dict) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # as a dict has none

    def __repr__(self) -> str:
        """As the dict it stands for."""
        return repr(self.as_dict())
