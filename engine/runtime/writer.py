"""The writer thread: what the decider decided becomes durable, then visible.

Everything that waits goes into one commit. Answers, news and hand-outs leave only after it.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from time import perf_counter
from typing import Any

from ..errors import EngineError, StoreError
from ..store.base import Commit, Store
from ..store.faults import fault_point
from .encoded import EncodedExecutions
from .faults import ANSWERED, COMMITTING, HALF_ANSWERED, TOLD
from .measures import Histogram
from .subscriptions import Subscriptions

logger = logging.getLogger(__name__)


class Outbox:
    """What one batch of the decider wants committed, and the answers that wait for it."""

    __slots__ = ("after", "answers", "commit")

    def __init__(self) -> None:
        """An empty batch."""
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
        self.failure: EngineError | None = None
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

    def close(self) -> None:
        """Commit what waits, then end the thread."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        going_on = True
        while going_on:
            first = self._queue.get()
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
                self._store.commit(commit)
                self.committing.add(perf_counter() - begun)
                self._encoded.changed()
                self.commit_count += 1
        except Exception as error:
            self.failure = (
                error
                if isinstance(error, EngineError)
                else StoreError(
                    f"The journal can't be written: {error}. Nothing more is accepted; "
                    "free the disk and start again."
                )
            )
            self._encoded.close()
            logger.exception("The journal can't be written; the engine stops.")
            _refuse(batch, self.failure)
            return
        self.settled_count += len(batch)
        for outbox in batch:
            for future, value in outbox.answers:
                _answer(future, value)
                fault_point(HALF_ANSWERED)
            for action in outbox.after:
                action()
        fault_point(ANSWERED)
        if commit.events:
            self._subscriptions.publish(commit.events)
            fault_point(TOLD)


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


def _answer(future: Future[Any], value: Any) -> None:
    if not future.set_running_or_notify_cancel():
        give_back = getattr(future, "give_back", None)
        if give_back is not None and value:
            give_back(value)
        return
    if isinstance(value, BaseException):
        future.set_exception(value)
    else:
        future.set_result(value)


def _refuse(batch: list[Outbox], error: EngineError) -> None:
    for outbox in batch:
        for future, _ in outbox.answers:
            _answer(future, error)
