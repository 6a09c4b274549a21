"""The window of due times: those soon due are timers in memory, all others are in the store alone.

Rules of this file
  1. An execution in memory has all its timers set. One that is paged out has one due time beside
     its summary in the journal, the earliest of its deadlines.
  2. Up to the end of the window every stored due time is a timer, so nothing up to there is
     missed. Nothing behind the end rings before the window has reached it, so all ring in order.
  3. A due time leaves memory only after it is durable, and never while the window is being read.
  4. What rings is a hint, as ever: the deadlines are worked out again from the history. So the
     clock may jump: forwards, the window follows before anything rings; backwards, it shrinks.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final, NamedTuple

from ..store.base import DueTime
from .timers import Timers

if TYPE_CHECKING:
    from .desk import Desk

logger = logging.getLogger(__name__)

WINDOW_MS: Final = 3_600_000
"""So far ahead due times are in memory ..."""
MOST_DUE_TIMES: Final = 10_000
"""... but so many at most: if more are due within the hour, the window ends earlier."""
_RETRY_SECONDS: Final = 1.0
_NOT_OPENED: Final = DueTime(2**62, "")


class _Leaving(NamedTuple):
    """Timers that go once their due time is durable."""

    batch: int
    due: DueTime
    last_event: int
    task_ids: tuple[str, ...]


class DueWindow:
    """Keeps timers and stored due times in step. Decider thread only."""

    def __init__(self, timers: Timers) -> None:
        """A window without an end: whatever is in ``timers`` rings; ``open`` gives it one."""
        self.span_ms = WINDOW_MS
        self.most = MOST_DUE_TIMES
        self.end = _NOT_OPENED
        self._timers = timers
        self._loaded: set[str] = set()
        """Executions whose stored due time became a timer, and some that it no longer is of."""
        self._leaving: deque[_Leaving] = deque()
        self._is_reading = False
        self._retry_at = 0.0

    @property
    def is_reading(self) -> bool:
        """Whether more due times are being read at this moment."""
        return self._is_reading

    def open(self, desk: Desk) -> None:
        """Read the first window at once: at a start, or after a test has moved the clock."""
        if self.end is _NOT_OPENED:
            self.end = DueTime(0, "")
        now_ms = desk.clock.now().wall_ms
        while not self._is_reading and self.end.moment_ms < now_ms + self.span_ms // 2:
            until_ms = now_ms + self.span_ms
            found = desk.store.due_times(self.end, until_ms, self.most)
            self._take(found, until_ms)
            if len(found) == self.most:
                return

    def keep_up(self, desk: Desk) -> None:
        """Once a batch: read on when the end is near, and shrink after a jump of the clock back."""
        if self.end is _NOT_OPENED or self._is_reading:
            return
        now_ms = desk.clock.now().wall_ms
        if self.end.moment_ms > now_ms + 2 * self.span_ms:
            self._shrink(desk, now_ms)
        if self.end.moment_ms >= now_ms + self.span_ms // 2 or time.monotonic() < self._retry_at:
            return
        if len(self._loaded) > self.most // 2:
            self._loaded = {key for key in self._loaded if self._timers.is_set(key)}
            if len(self._loaded) > self.most // 2:
                return  # they are due before whatever else there is
        end, until_ms, most = self.end, now_ms + self.span_ms, self.most
        self._is_reading = True

        def use(_: Desk, found: Future[list[DueTime]]) -> None:
            self._is_reading = False
            error = found.exception()
            if error is not None:
                self._retry_at = time.monotonic() + _RETRY_SECONDS
                logger.error("Due times can't be read; trying again: %s", error)
                return
            self._take(found.result(), until_ms)

        desk.read_apart(lambda: desk.store.due_times(end, until_ms, most), use)

    def _take(self, found: Sequence[DueTime], until_ms: int) -> None:
        for due in found:
            self._timers.at(due.moment_ms, due.workflow_id)
            self._loaded.add(due.workflow_id)
        self.end = found[-1] if len(found) == self.most else DueTime(until_ms, "")

    def _shrink(self, desk: Desk, now_ms: int) -> None:
        self.end = DueTime(now_ms + self.span_ms, "")
        for workflow_id in self._loaded:
            due_ms = self._timers.moment_ms(workflow_id)
            if (due_ms, workflow_id) > self.end and desk.executions.page(workflow_id):
                self._timers.forget(workflow_id)
        self._loaded = {key for key in self._loaded if self._timers.is_set(key)}

    # -- leaving memory ------------------------------------------------------------------

    def stored(self, batch: int, due: DueTime, last_event: int, task_ids: tuple[str, ...]) -> None:
        """A due time is in the commit of a batch; its timers may go once that is durable."""
        self._leaving.append(_Leaving(batch, due, last_event, task_ids))

    def let_go(self, desk: Desk, committed: int) -> None:
        """Forget the timers of what is paged out and due behind the end of the window."""
        while self._leaving and self._leaving[0].batch <= committed and not self._is_reading:
            _, due, last_event, task_ids = self._leaving.popleft()
            page = desk.executions.page(due.workflow_id)
            if due > self.end and page is not None and page.last_event == last_event:
                for task_id in ("", *task_ids):
                    self._timers.forget(due.workflow_id, task_id)

    # -- ringing -------------------------------------------------------------------------

    def due(self, now_ms: int) -> dict[str, list[str]]:
        """What rings now, see ``Timers.due``; nothing from behind the end of the window."""
        rung = self._timers.due(min(now_ms, self.end.moment_ms))
        self._loaded.difference_update(rung)
        return rung

    def next_moment_ms(self) -> int:
        """When the decider has to look again, 0 for never by itself."""
        earliest = self._timers.next_moment_ms()
        if earliest <= self.end.moment_ms:
            return earliest
        # The end comes first. While it is being moved, the answer wakes the decider.
        return 0 if self._is_reading else self.end.moment_ms
