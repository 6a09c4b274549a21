"""Asking again what is refused for a while only: the disk is full, a studio is being restarted.

What a worker of this process has done must not be lost because the result could not be recorded
at once.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final

from ..errors import UnavailableError

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS: Final = 0.25
LONGEST_PAUSE_SECONDS: Final = 10.0


def insistently(
    ask: Callable[[], Future[Any]],
    is_over: Callable[[], bool] | None = None,
    settled: Callable[[BaseException | None], None] | None = None,
) -> None:
    """Have something done, asked for again with growing pauses while it is ``UnavailableError``.

    Never raises.

    Args:
        ask: Called once at once on this thread, then on the one that all who insist share; it
            does not wait for what it asks for.
        is_over: Whether nobody cares any more: the error is then the last one.
        settled: Called once, on any thread: with whatever else ``ask`` raised or resolved to, or
            None when it has been done (or given up by whoever held its future).
    """

    def attempt(pause_seconds: float) -> None:
        try:
            asked = ask()
        except Exception as error:
            came_to(error, pause_seconds)
        else:
            asked.add_done_callback(lambda finished: came_to(_error_of(finished), pause_seconds))

    def came_to(error: BaseException | None, pause_seconds: float) -> None:
        if isinstance(error, UnavailableError) and not (is_over is not None and is_over()):
            following = min(2 * pause_seconds, LONGEST_PAUSE_SECONDS)
            _alarm.after(pause_seconds, lambda: attempt(following))
        elif settled is not None:
            settled(error)

    attempt(FIRST_PAUSE_SECONDS)


def _error_of(finished: Future[Any]) -> BaseException | None:
    return None if finished.cancelled() else finished.exception()


class _Alarm:
    """Calls functions after a while. One thread for all, however many wait: a disk that is full
    for an hour may keep thousands of results waiting."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._waiting: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._thread: threading.Thread | None = None

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        """Have something called. Any thread."""
        with self._condition:
            moment = time.monotonic() + seconds
            heapq.heappush(self._waiting, (moment, next(self._order), call))
            if self._thread is not None and self._thread.is_alive():  # not so after a fork
                self._condition.notify()
            else:
                self._thread = threading.Thread(target=self._run, name="insistence", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while (call := self._next()) is not None:
            try:
                call()
            except Exception:
                logger.exception("What somebody insists on failed.")

    def _next(self) -> Callable[[], None] | None:
        """What is due, once it is; None when nothing waits any more."""
        with self._condition:
            while self._waiting:
                pause = self._waiting[0][0] - time.monotonic()
                if pause <= 0:
                    return heapq.heappop(self._waiting)[2]
                self._condition.wait(pause)
            self._thread = None
            return None


_alarm: Final = _Alarm()
