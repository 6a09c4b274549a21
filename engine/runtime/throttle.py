"""Slows down guessing, and callers who ask too much. Callable from any thread."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from ..errors import TooManyRequestsError

_FREE_FAILURES: Final = 5
_FREE_FAILURES_OF_A_NAME: Final = 100
_LONGEST_WAIT_SECONDS: Final = 300.0
_REMEMBERED: Final = 10_000


class LoginThrottle:
    """After five wrong tries each further one doubles the wait, up to five minutes.

    Keys that begin with ``name`` are counted over all addresses and have a hundred tries: that
    slows guessing from many places, and nobody is locked out by a few wrong tries of others.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock``: seconds that only grow."""
        self._clock = clock
        self._guard = threading.Lock()
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def check(self, *keys: str) -> None:
        """Let a try pass, or raise.

        Raises:
            TooManyRequestsError: Too many have failed; says how long to wait.
        """
        with self._guard:
            now = self._clock()
            wait = max((self._free_at(key) - now for key in keys), default=0.0)
        if wait > 0:
            raise TooManyRequestsError(
                f"Too many log-ins have failed; try again in {wait:.0f} s.", max(1.0, wait)
            )

    def failed(self, *keys: str) -> None:
        """Count a wrong try."""
        with self._guard:
            now = self._clock()
            for key in keys:
                count, _ = self._failures.pop(key, (0, 0.0))
                self._failures[key] = (count + 1, now)
            while len(self._failures) > _REMEMBERED:
                self._failures.popitem(last=False)

    def succeeded(self, *keys: str) -> None:
        """Forget the wrong tries before a right one."""
        with self._guard:
            for key in keys:
                self._failures.pop(key, None)

    def _free_at(self, key: str) -> float:
        count, last = self._failures.get(key, (0, 0.0))
        free = _FREE_FAILURES_OF_A_NAME if key.startswith("name ") else _FREE_FAILURES
        if count < free:
            return 0.0
        return last + min(2.0 ** min(count - free, 16), _LONGEST_WAIT_SECONDS)


class RateLimit:
    """So many requests per second for each key, with bursts of twice as many."""

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        """``per_second``: 0 for no limit."""
        self.per_second = per_second
        self._clock = clock
        self._guard = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> None:
        """Count one request.

        Raises:
            TooManyRequestsError: The key has used up its share; says when there is more.
        """
        if not self.per_second:
            return
        with self._guard:
            now = self._clock()
            most = max(2 * self.per_second, 1.0)
            left, at = self._buckets.pop(key, (most, now))
            left = min(most, left + (now - at) * self.per_second)
            self._buckets[key] = (left - 1 if left >= 1 else left, now)
            while len(self._buckets) > _REMEMBERED:
                self._buckets.popitem(last=False)
        if left < 1:
            raise TooManyRequestsError(
                f"More than {self.per_second:g} requests per second; slow down.",
                (1 - left) / self.per_second,
            )
