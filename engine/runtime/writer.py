"""The writer thread: what the decider decided becomes durable, then visible.

Everything that waits goes into one commit. Answers, news and hand-outs leave only after it.

When a commit fails, it and everything behind it is refused: what was decided later rests on what
was not written. The decider then makes its state from the store again (``recovery.fold_again``),
and goes on when this thread has found that the store can be written.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from copy import copy
from time import perf_counter
from typing import Any, Final

from ..errors import (
    EngineError,
    StoreClosedError,
    StoreCorruptError,
    UnavailableError,
)
from ..models.codec import with_whole_characters
from ..store.base import Commit, Store
from ..store.faults import fault_point
from .encoded import EncodedExecutions
from .faults import ANSWERED, COMMITTING, HALF_ANSWERED, TOLD
from .measures import Histogram
from .subscriptions import Subscriptions

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS: Final = 0.25
"""So long after a refused commit the store is tried for the first time; then doubling, up to ..."""
LONGEST_PAUSE_SECONDS: Final = 5.0


class Outbox:
    """What one batch of the decider wants committed, and the answers that wait for it."""

    __slots__ = ("after", "answers", "begun_ms", "commit")

    def __init__(self, begun_ms: int = 0) -> None:
        """An empty batch; ``begun_ms`` is the moment it was begun at."""
        self.begun_ms = begun_ms
        self.commit = Commit()
        self.answers: list[tuple[Future[Any], Any]] = []
        self.after: list[Callable[[], None]] = []

    def size(self) -> int:
        """How many records are to be written so far."""
        c = self.commit
        return (
            len(c.events)
            + len(c.logs)
            + len(c.metadata)
            + len(c.removed)
            + len(c.definitions)
            + len(c.protected)
            + len(c.audit)
        )

    def is_empty(self) -> bool:
        """Whether there is neither anything to write nor anybody to answer."""
        c = self.commit
        return not (
            self.answers
            or self.after
            or c.events
            or c.logs
            or c.metadata
            or c.removed
            or c.definitions
            or c.idle
            or c.protected
            or c.audit
        )


class Writer:
    """Commits outboxes in order; several that wait share one transaction."""

    settled_count = 0
    """How many outboxes are durable."""
    settled_ms = 0
    """When the newest durable outbox was begun, epoch milliseconds; 0: there was none yet."""
    failure: EngineError | None = None
    """Why nothing can be written at present."""
    reason = ""
    """The same in short: what the store said, without what callers are told to do."""
    on_writable: Callable[[], None] | None = None
    """Called by the thread when the store can be written again; then ``go_on`` has to be."""
    _pause_seconds = FIRST_PAUSE_SECONDS
    _is_told = False
    """Whether the decider knows that the store can be written again."""

    def __init__(
        self,
        store: Store,
        subscriptions: Subscriptions,
        encoded: EncodedExecutions,
        max_waiting: int = 4,
    ) -> None:
        """Start the thread.

        Args:
            store: Where batches are committed.
            subscriptions: Told of the events of each commit, after it.
            encoded: Told of the executions of each commit, before and after it.
            max_waiting: Batches that may wait; the decider pauses then.
        """
        self._store = store
        self._subscriptions = subscriptions
        self._encoded = encoded
        self._queue: queue.SimpleQueue[Outbox | None] = queue.SimpleQueue()
        self._max_waiting = max_waiting
        self._made_room = threading.Event()
        self.commit_count = 0
        self.committing = Histogram()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def submit(self, outbox: Outbox) -> None:
        """Hand a batch over. Called by the decider thread only."""
        while self._queue.qsize() >= self._max_waiting:
            self._made_room.clear()
            if self._queue.qsize() >= self._max_waiting:
                self._made_room.wait()
        self._queue.put(outbox)

    @property
    def is_ended(self) -> bool:
        """Whether the failure is for good: what is damaged is not written any further."""
        return isinstance(self.failure, StoreCorruptError | StoreClosedError)

    def refusal(self) -> EngineError | None:
        """Why nothing can be written at present, None where it can.

        A new error for each who is told: one that is raised keeps the frames that it came through.
        """
        failure = self.failure
        return None if failure is None else copy(failure)

    def drain(self) -> None:
        """Return when everything handed over is durable or refused. The decider thread only."""
        last: Future[None] = Future()
        outbox = Outbox()
        outbox.answers.append((last, None))
        self._queue.put(outbox)
        last.exception()

    def fail(self, error: Exception) -> None:
        """Refuse everything, for a reason of the decider's; then as after a refused commit."""
        self._failed(error)
        self._queue.put(Outbox())  # wakes the thread

    def try_later(self) -> None:
        """The store can be written, and not be read: look again. The decider thread only."""
        self._is_told = False

    def go_on(self) -> None:
        """Take outboxes again, made of what the store has. The decider thread only."""
        self.failure = None

    def _failed(self, error: Exception) -> None:
        self._is_told = False
        self.reason = _reason(error)
        self.failure = _as_failure(error, self.reason)

    def close(self) -> None:
        """Commit what waits, then end the thread."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        going_on = True
        while going_on:
            first = self._first()
            if first is None:
                return
            batch = [first]
            while not self._queue.empty():
                outbox = self._queue.get()
                if outbox is None:
                    going_on = False
                    break
                batch.append(outbox)
            if not self._made_room.is_set():
                self._made_room.set()
            self._commit(batch)

    def _first(self) -> Outbox | None:
        """The next outbox. While nothing can be written, that is tried again now and then."""
        while self.failure is not None and not self.is_ended:
            try:
                return self._queue.get(timeout=self._pause_seconds)
            except queue.Empty:
                self._try_again()
        return self._queue.get()

    def _try_again(self) -> None:
        if self._is_told or self.on_writable is None:
            return
        self._pause_seconds = min(2 * self._pause_seconds, LONGEST_PAUSE_SECONDS)
        try:
            self._store.try_writing()
        except Exception as error:
            logger.debug("The store still can't be written: %s", error)
            return
        self._is_told = True
        self.on_writable()

    def _commit(self, batch: list[Outbox]) -> None:
        if self.failure is not None:
            _refuse(batch, self.failure)
            return
        commit = batch[0].commit if len(batch) == 1 else _merge([o.commit for o in batch])
        try:
            if _writes(commit):
                changed = {event.workflow_id for event in commit.events}
                self._encoded.changing(changed.union(commit.removed))
                fault_point(COMMITTING)
                begun = perf_counter()
                try:
                    self._store.commit(commit)
                except UnicodeEncodeError:  # half a surrogate pair: no fault of the disk
                    commit = with_whole_characters(commit)
                    self._store.commit(commit)
                self.committing.add(perf_counter() - begun)
                self._encoded.changed()
                self.commit_count += 1
                self._pause_seconds = FIRST_PAUSE_SECONDS
        except Exception as error:
            self._encoded.changed()
            self._failed(error)
            assert self.failure is not None
            if self.is_ended:
                self._encoded.close()
            logger.exception("The store can't be written.")
            _refuse(batch, self.failure)
            return
        self.settled_count += len(batch)
        self.settled_ms = batch[-1].begun_ms
        for outbox in batch:
            for future, value in outbox.answers:
                answer(future, value)
                fault_point(HALF_ANSWERED)
            for action in outbox.after:
                action()
        fault_point(ANSWERED)
        if commit.events:
            self._subscriptions.publish(commit.events)
            fault_point(TOLD)


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, EngineError) else f"{type(error).__name__}: {error}"


def _as_failure(error: Exception, reason: str) -> EngineError:
    """What callers are told of a failed commit: it went wrong here, and may be sent again."""
    if isinstance(error, StoreCorruptError | StoreClosedError):
        return error
    return UnavailableError(
        f"Nothing can be recorded at present, and nothing of this was: {reason.rstrip('.')}. "
        "The engine tries again by itself and goes on without a restart; then send this again."
    )


def _writes(commit: Commit) -> bool:
    return bool(
        commit.events
        or commit.logs
        or commit.metadata
        or commit.removed
        or commit.definitions
        or commit.protected
        or commit.audit
        or commit.idle
    )


def _merge(commits: list[Commit]) -> Commit:
    merged = Commit()
    for commit in commits:
        merged.events += commit.events
        merged.definitions |= commit.definitions
        merged.logs += commit.logs
        merged.metadata += commit.metadata
        merged.tasks += commit.tasks
        merged.executions += commit.executions
        _last_word(merged.reopened, merged.closed, commit.reopened)
        _last_word(merged.closed, merged.reopened, commit.closed)
        merged.removed += commit.removed
        merged.idle += commit.idle
        merged.protected += commit.protected
        merged.audit += commit.audit
    return merged


def _last_word(gaining: list[str], losing: list[str], workflow_ids: list[str]) -> None:
    """Within one commit only the last change of an execution's openness counts."""
    for workflow_id in workflow_ids:
        if workflow_id in losing:
            losing.remove(workflow_id)
        if workflow_id not in gaining:
            gaining.append(workflow_id)


def answer(future: Future[Any], value: Any) -> None:
    """Resolve a future, to an error if the value is one. Who has gone gives back what they got."""
    if not future.set_running_or_notify_cancel():
        give_back = getattr(future, "give_back", None)
        if give_back is not None and value and not isinstance(value, BaseException):
            give_back(value)
        return
    if isinstance(value, BaseException):
        future.set_exception(value)
    else:
        future.set_result(value)


def _refuse(batch: list[Outbox], error: EngineError) -> None:
    for outbox in batch:
        for future, _ in outbox.answers:
            answer(future, copy(error))
