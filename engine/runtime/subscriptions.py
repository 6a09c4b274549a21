"""News of committed events for whoever asked, on one notifier thread."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence

from ..core.events import HistoryEvent

logger = logging.getLogger(__name__)

Listener = Callable[[list[HistoryEvent]], None]


class Subscription:
    """A listener that can be taken off again."""

    def __init__(
        self, home: Subscriptions, listener: Listener, workflow_ids: frozenset[str] | None
    ) -> None:
        self._home = home
        self.listener = listener
        self.workflow_ids = workflow_ids

    def close(self) -> None:
        """No news any more. Safe to call twice, from any thread."""
        self._home.remove(self)

    def watch(self, workflow_ids: Sequence[str]) -> None:
        """Replace the executions this subscription hears of."""
        self.workflow_ids = frozenset(workflow_ids)


class Subscriptions:
    """Hands batches of committed events to listeners, in order, away from the writer thread."""

    def __init__(self) -> None:
        """Start without listeners; the thread begins with the first."""
        self._lock = threading.Lock()
        self._listeners: tuple[Subscription, ...] = ()
        self._news: queue.SimpleQueue[list[HistoryEvent] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def add(self, listener: Listener, workflow_ids: Sequence[str] | None = None) -> Subscription:
        """Call ``listener`` with each batch of committed events.

        Args:
            listener: Called on the notifier thread; an exception is logged, not spread.
            workflow_ids: Only events of these executions; None for all.
        """
        chosen = None if workflow_ids is None else frozenset(workflow_ids)
        subscription = Subscription(self, listener, chosen)
        with self._lock:
            self._listeners = (*self._listeners, subscription)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="notifier", daemon=True)
                self._thread.start()
        return subscription

    def remove(self, subscription: Subscription) -> None:
        """Take a listener off."""
        with self._lock:
            self._listeners = tuple(s for s in self._listeners if s is not subscription)

    def publish(self, events: list[HistoryEvent]) -> None:
        """Pass committed events on. Returns at once."""
        if self._listeners:
            self._news.put(events)

    def close(self) -> None:
        """Deliver what is queued and end the thread."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._news.put(None)
            thread.join(timeout=5)

    def _run(self) -> None:
        while (events := self._news.get()) is not None:
            for subscription in self._listeners:
                chosen = subscription.workflow_ids
                wanted = (
                    events if chosen is None else [e for e in events if e.workflow_id in chosen]
                )
                if not wanted:
                    continue
                try:
                    subscription.listener(wanted)
                except Exception:
                    logger.exception("A subscriber failed.")
