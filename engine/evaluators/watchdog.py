"""One thread that ends evaluator processes whose time is up."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .evaluator_process import EvaluatorProcess


class Watchdog:
    """Kills processes at their deadline. Callable from any thread.

    Arming usually wakes nobody: the thread sleeps until the earliest deadline it has seen and
    looks again then, so a script that ends in time costs two dictionary operations.
    """

    def __init__(self) -> None:
        """A watchdog whose thread starts with the first deadline."""
        self._changed = threading.Condition()
        self._deadlines: dict[EvaluatorProcess, float] = {}
        self._wakes_at = 0.0
        self._thread: threading.Thread | None = None
        self._closed = False

    def arm(self, process: EvaluatorProcess, seconds: float) -> None:
        """Give a process so many seconds from now, instead of what it had."""
        deadline = time.monotonic() + seconds
        with self._changed:
            self._deadlines[process] = deadline
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._watch, name="evaluator-watchdog", daemon=True
                )
                self._thread.start()
            elif deadline < self._wakes_at:
                self._changed.notify()

    def disarm(self, process: EvaluatorProcess) -> None:
        """Let a process live; it can't be killed any more once this returns."""
        with self._changed:
            self._deadlines.pop(process, None)

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _watch(self) -> None:
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                for process in [p for p, deadline in self._deadlines.items() if deadline <= now]:
                    del self._deadlines[process]
                    process.expired = True
                    process.kill()
                earliest = min(self._deadlines.values(), default=None)
                self._wakes_at = float("inf") if earliest is None else earliest
                self._changed.wait(None if earliest is None else earliest - now)
