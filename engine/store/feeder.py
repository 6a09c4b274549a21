"""The feeder: carries committed records from the journal into the history, in bulk.

Rules of this file
  1. Exactly once: the history says how far it is (its watermark), nobody else.
  2. Normally records come from memory as they were committed; after a start, or when too many
     wait, they are read from the journal and their rows recomputed. A burst goes first: while
     nobody asks the history, it is fed when the burst is over, or has grown large.
  3. Trouble with the history never reaches a commit. It shows in ``catch_up`` and ``health``,
     and feeding is tried again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Final, NamedTuple

from ..core.events import HistoryEvent
from ..errors import EngineError, StoreClosedError, StoreError
from .base import Commit, Project, ids_in_order
from .batch import Batch, record_count
from .history import History
from .journal import Journal

logger = logging.getLogger(__name__)

FEED_SECONDS: Final = 0.5
FEED_EVENTS: Final = 5_000
MAX_WAITING_EVENTS: Final = 100_000
BURST_EVENTS: Final = 20_000
"""So many records of a burst may wait: a question that comes then waits a third of a second."""
BURST_SECONDS: Final = 2.0
LULL_SECONDS: Final = 0.1
"""A burst is over when nothing has been committed for so long."""
_BREATH_SECONDS: Final = 0.002
"""Between two batches or prunings, so that other threads get on."""
_PRUNES_BETWEEN: Final = 40
_RETRY_SECONDS: Final = 1.0


class _Waiting(NamedTuple):
    first: int
    commit: Commit


class Feeder:
    """One thread between journal and history. Every method is callable from any thread."""

    def __init__(
        self,
        journal: Journal,
        history: History,
        events_of: Callable[[str], list[HistoryEvent]],
        project: Project | None = None,
    ) -> None:
        """Start the thread; it begins with what the journal has and the history lacks.

        Args:
            journal: Where records come from.
            history: Where they go.
            events_of: All events of one execution.
            project: Rows of an execution from its events, for records of an earlier process.
        """
        self._journal = journal
        self._history = history
        self._events_of = events_of
        self._project = project
        history.breathe = journal.give_way
        self._waiting: deque[_Waiting] = deque()
        self._waiting_events = 0
        self._guard = threading.Lock()
        self._feeding = threading.Lock()
        self._pruning = threading.Lock()
        self._arrived = threading.Event()
        self._enough = threading.Event()
        self._stopping = threading.Event()
        self._committed = journal.last_position
        self.error: EngineError | None = None
        """Why the history takes no records at present."""
        self._arrived.set()
        self._thread = threading.Thread(target=self._run, name="feeder", daemon=True)
        self._thread.start()

    @property
    def lag(self) -> int:
        """How many committed records the history lacks."""
        return max(0, self._committed - self._history.watermark)

    def offer(self, commit: Commit, first: int) -> None:
        """Take note of a commit whose first record has position ``first``. Never waits long."""
        count = record_count(commit)
        if not count:
            return
        with self._guard:
            self._waiting.append(_Waiting(first, commit))
            self._waiting_events += count
            self._committed = first + count - 1
            if self._waiting_events > MAX_WAITING_EVENTS and self._project is not None:
                self._waiting.clear()  # the journal has them all
                self._waiting_events = 0
            enough = self._waiting_events >= BURST_EVENTS
        if not self._arrived.is_set():
            self._arrived.set()
        if enough and not self._enough.is_set():
            self._enough.set()

    def catch_up(self) -> None:
        """Return once the history holds everything committed before the call.

        Raises:
            StoreError: The history can't take it; the journal keeps it.
        """
        target = self._committed
        while self._history.watermark < target:
            if self._stopping.is_set():
                raise StoreClosedError("The store is closed.")
            try:
                self._feed_one()
            except EngineError as error:
                raise self._noted(error) from None

    def not_feeding(self) -> AbstractContextManager[Any]:
        """``with``: nothing is fed meanwhile."""
        return self._feeding

    def not_pruning(self) -> AbstractContextManager[Any]:
        """``with``: the journal forgets nothing meanwhile."""
        return self._pruning

    def close(self) -> None:
        """Feed and prune what is left, then end the thread. Errors are logged."""
        if self._stopping.is_set():
            return
        try:
            self.catch_up()
        except EngineError as error:
            logger.warning("The journal keeps %d records for later: %s", self.lag, error)
        self._stopping.set()
        self._arrived.set()
        self._enough.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._arrived.wait()
            self._arrived.clear()
            if not self._stopping.is_set():
                self._gather()
            try:
                self._round()
            except StoreClosedError:
                return
            except Exception as error:
                self._noted(error)
                self._arrived.set()
                self._stopping.wait(_RETRY_SECONDS)
            if self._stopping.is_set():
                return

    def _gather(self) -> None:
        """Let records gather: a large batch costs little more than a small one.

        Feeding takes processor time, and Python's lock, from whoever decides: a fork of thousands
        of branches is through a third sooner when the history has it afterwards.
        """
        deadline = time.monotonic() + BURST_SECONDS
        enough = self._enough.wait(FEED_SECONDS)
        while not enough and time.monotonic() < deadline:
            before = self._committed
            enough = self._enough.wait(LULL_SECONDS)
            if self._committed == before:
                break
        self._enough.clear()

    def _round(self) -> None:
        while (behind := self._feed_one()) and self.lag >= FEED_EVENTS:
            self._tidy(_PRUNES_BETWEEN)
            self._stopping.wait(_BREATH_SECONDS)
        if behind:
            # What came meanwhile waits for more: a small batch costs nearly as much as a large one.
            self._arrived.set()
        while self._tidy(_PRUNES_BETWEEN):
            self._stopping.wait(_BREATH_SECONDS)
        self.error = None

    def _tidy(self, prunes: int) -> bool:
        """Prune some of what is fed; returns whether there is more."""
        more = True
        while more and prunes:
            self._journal.give_way()
            more = self._prune()
            prunes -= 1
        self._journal.checkpoint()
        return more

    def _prune(self) -> bool:
        with self._pruning:
            return self._journal.prune(self._history.watermark)

    def _feed_one(self) -> bool:
        """Feed one batch; False when the history has everything."""
        with self._feeding:
            watermark = self._history.watermark
            batch, taken = self._from_memory(watermark)
            if batch is None:
                batch = self._from_journal(watermark)
            if batch is None:
                return False
            self._history.feed(batch)
            with self._guard:
                for _ in range(taken):
                    if self._waiting and self._waiting[0].first <= batch.last:
                        self._waiting_events -= record_count(self._waiting.popleft().commit)
            self.error = None
            return self._history.watermark < self._committed

    def _from_memory(self, watermark: int) -> tuple[Batch | None, int]:
        """The next batch of waiting commits and how many it holds, if they follow directly."""
        with self._guard:
            while self._waiting and self._waiting[0].first <= watermark:
                self._waiting_events -= record_count(self._waiting.popleft().commit)
            if not self._waiting or self._waiting[0].first != watermark + 1:
                return None, 0
            batch = Batch(last=watermark)
            taken = 0
            for first, commit in self._waiting:
                if taken and len(batch.events) + len(commit.events) > FEED_EVENTS:
                    break
                batch.add(commit, first)
                taken += 1
                if commit.removed:
                    break
            return batch, taken

    def _from_journal(self, watermark: int) -> Batch | None:
        with self._guard:
            upto = self._waiting[0].first - 1 if self._waiting else self._committed
        if upto <= watermark:
            return None
        batch = self._journal.reads.unfed(watermark, upto, FEED_EVENTS)
        for workflow_id in ids_in_order(event for _, event in batch.events):
            self._add_rows(batch, workflow_id)
        return batch

    def _add_rows(self, batch: Batch, workflow_id: str) -> None:
        if self._project is None:
            return
        try:
            events = self._events_of(workflow_id)
            if events:
                batch.project(*self._project(events))
        except Exception:
            # Rows can be rebuilt from events at any time; the events must get through.
            logger.exception("The rows of execution %s can't be computed.", workflow_id)

    def _noted(self, error: Exception) -> EngineError:
        """Remember what is wrong; say it once."""
        known = error if isinstance(error, EngineError) else StoreError(
            f"The history can't take new records: {type(error).__name__}: {error}"
        )  # fmt: skip
        if self.error is None or str(self.error) != str(known):
            logger.warning("The history lags behind: %s", known, exc_info=error)
        self.error = known
        return known
