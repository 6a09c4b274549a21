"""Couriers: threads that bring status notices to one receiver, again and again if need be.

Notices of one execution go one after the other; different executions don't wait for each other,
so that one notice a receiver chokes on holds up its own execution's only.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import random
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from ..core.notices import StatusNotice
from ..store.faults import fault_point
from .faults import NOTICE_DELIVERED, NOTICE_LEAVES

logger = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 300.0
_CLOSING_SECONDS: Final = 5.0
_STALE_ENTRIES: Final = 1000
"""Due moments of dropped notices that may pile up before they are swept out."""


class Receiver(Protocol):
    """Whom a courier brings notices to."""

    name: str
    heard_types: frozenset[str]
    hears_all: bool
    """Whether it is told also of what definitions have not enabled."""
    threads: int
    """How many notices may be under way at once."""
    give_up_after_seconds: float
    max_waiting: int

    def deliver(self, notice: StatusNotice) -> None:
        """Bring one notice; raises when it has to be tried again."""
        ...

    def close(self) -> None:
        """Cut off what is under way."""
        ...


class CourierFigures(NamedTuple):
    """What became of the notices for one receiver since the start."""

    waiting: int
    """Not delivered yet, now."""
    delivered: int
    failed: int
    """Tries that failed; one notice may have many."""
    given_up: int


class Courier:
    """Brings notices to one receiver. ``offer`` and ``close``: any thread."""

    def __init__(
        self,
        receiver: Receiver,
        done: Callable[[str], None],
        pause_seconds: Callable[[int], float] | None = None,
    ) -> None:
        """Its threads begin with the first notice.

        Args:
            receiver: Whom to tell.
            done: Called with the id of each notice that is dealt with: delivered, or given up.
            pause_seconds: Pause before the try after the n-th failed one; doubling by default.
        """
        self.receiver = receiver
        self._delivered_count = self._failed_count = self._given_up_count = 0
        self._done = done
        self._pause_seconds = pause_seconds or _pause_seconds
        self._condition = threading.Condition()
        self._waiting: OrderedDict[str, StatusNotice] = OrderedDict()
        self._lines: dict[str, deque[StatusNotice]] = {}
        self._due: list[tuple[float, int, str]] = []
        self._order = itertools.count()
        self._taken: set[str] = set()
        """Executions whose oldest notice is under way."""
        self._tries: dict[str, tuple[int, float]] = {}
        self._threads: list[threading.Thread] = []
        self._closed = False

    def figures(self) -> CourierFigures:
        """Counts since the start."""
        with self._condition:
            return CourierFigures(
                len(self._waiting),
                self._delivered_count,
                self._failed_count,
                self._given_up_count,
            )

    def offer(self, notice: StatusNotice) -> None:
        """Take a notice to be delivered. Returns at once."""
        gone = None
        with self._condition:
            if self._closed:
                return
            if len(self._waiting) >= self.receiver.max_waiting:
                gone = self._drop_oldest()
            self._waiting[notice.id] = notice
            line = self._lines.get(notice.workflow_id)
            if line is None:
                self._lines[notice.workflow_id] = deque([notice])
                self._make_due(notice.workflow_id, 0.0)
            else:
                line.append(notice)
            if not self._threads:
                self._start()
        if gone is not None:
            self._give_up(gone, "more wait than may")

    def close(self) -> None:
        """Begin no more deliveries; what is not delivered stays recorded."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
        self.receiver.close()
        for thread in self._threads:
            thread.join(_CLOSING_SECONDS)

    # -- inside --------------------------------------------------------------------------

    def _start(self) -> None:
        for number in range(self.receiver.threads):
            name = f"courier-{self.receiver.name}-{number}"
            thread = threading.Thread(target=self._run, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _make_due(self, workflow_id: str, pause: float) -> None:
        moment = time.monotonic() + pause
        heapq.heappush(self._due, (moment, next(self._order), workflow_id))
        self._condition.notify()

    def _drop_oldest(self) -> StatusNotice:
        _, oldest = self._waiting.popitem(last=False)
        self._tries.pop(oldest.id, None)
        workflow_id = oldest.workflow_id
        if workflow_id not in self._taken:  # else whoever brings it takes it out
            line = self._lines[workflow_id]
            line.remove(oldest)
            if not line:
                del self._lines[workflow_id]
        if len(self._due) > 2 * len(self._lines) + _STALE_ENTRIES:
            self._due = [entry for entry in self._due if entry[2] in self._lines]
            heapq.heapify(self._due)
        return oldest

    def _run(self) -> None:
        while (notice := self._next()) is not None:
            fault_point(NOTICE_LEAVES)
            try:
                self.receiver.deliver(notice)
            except Exception as error:
                self._failed(notice, error)
            else:
                fault_point(NOTICE_DELIVERED)
                self._delivered(notice)

    def _next(self) -> StatusNotice | None:
        """The next notice to bring, its line taken meanwhile; None after the end."""
        with self._condition:
            while not self._closed:
                if not self._due:
                    self._condition.wait()
                    continue
                pause = self._due[0][0] - time.monotonic()
                if pause > 0:
                    self._condition.wait(pause)
                    continue
                workflow_id = heapq.heappop(self._due)[2]
                line = self._lines.get(workflow_id)
                if line is not None and workflow_id not in self._taken:
                    self._taken.add(workflow_id)
                    return line[0]
            return None

    def _delivered(self, notice: StatusNotice) -> None:
        with self._condition:
            self._delivered_count += 1
            known = self._finish(notice)
        if known:
            self._done(notice.id)

    def _finish(self, notice: StatusNotice) -> bool:
        """Go on with the line behind a notice; whether it had not been dropped meanwhile."""
        self._tries.pop(notice.id, None)
        self._taken.discard(notice.workflow_id)
        line = self._lines[notice.workflow_id]
        line.popleft()
        if line:
            self._make_due(notice.workflow_id, 0.0)
        else:
            del self._lines[notice.workflow_id]
        return self._waiting.pop(notice.id, None) is not None

    def _failed(self, notice: StatusNotice, error: Exception) -> None:
        with self._condition:
            if self._closed:
                return
            self._failed_count += 1
            tries, since = self._tries.get(notice.id, (0, time.monotonic()))
            tries += 1
            over = time.monotonic() - since >= self.receiver.give_up_after_seconds
            if not over and notice.id in self._waiting:
                self._tries[notice.id] = (tries, since)
                self._taken.discard(notice.workflow_id)
                self._make_due(notice.workflow_id, self._pause_seconds(tries))
            else:
                over = self._finish(notice)
        if over:
            self._give_up(notice, str(error))
        elif tries == 1:
            logger.warning("%s does not take notices: %s", self.receiver.name, error)

    def _give_up(self, notice: StatusNotice, why: str) -> None:
        with self._condition:
            self._given_up_count += 1
        logger.warning("%s was not told of %s: %s", self.receiver.name, notice.id, why)
        self._done(notice.id)


def _pause_seconds(tries: int) -> float:
    """Doubling, with a fifth of chance, so that many don't come at once."""
    pause = min(_FIRST_PAUSE_SECONDS * 2.0 ** (tries - 1), _LONGEST_PAUSE_SECONDS)
    return pause * random.uniform(0.8, 1.2)
