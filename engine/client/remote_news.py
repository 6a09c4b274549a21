"""News of executions behind HTTP, on one thread per connection.

Our own server streams every committed event; one stream serves all subscribers. A cluster has to
be asked: each watched execution and the list of all are looked at once per round for everybody,
more seldom the longer nothing happens.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from ..core.events import HistoryEvent
from ..errors import EngineError, NotFoundError
from .connection import Connection
from .remote_history import RemoteHistories

logger = logging.getLogger(__name__)

SHORTEST_REST_SECONDS: Final = 1.0
LONGEST_REST_SECONDS: Final = 10.0
ENDED_REST_SECONDS: Final = 30.0
"""An execution that has ended may still be retried by somebody."""
LOOKS_PER_ROUND: Final = 8
"""Requests of one round: a tree of many open sub-workflows takes its turns."""
_ROUND_SECONDS: Final = 0.5
_GROWTH: Final = 1.5
_OPENING_SECONDS: Final = 10.0
_ALL: Final = ""
"""Stands for the list of all executions among the watched ids."""

Listener = Callable[[list[HistoryEvent]], None]


class RemoteSubscription:
    """A listener that can be taken off again."""

    def __init__(self, home: RemoteNews, listener: Listener, ids: frozenset[str] | None) -> None:
        self._home = home
        self.listener = listener
        self.workflow_ids = ids

    def close(self) -> None:
        """No news any more. Safe to call twice, from any thread."""
        self._home.remove(self)

    def watch(self, workflow_ids: Sequence[str]) -> None:
        """Replace the executions this subscription hears of."""
        self.workflow_ids = frozenset(workflow_ids)
        self._home.wake()


class RemoteNews:
    """Hands news to listeners while there are any. Listeners are called on its own thread."""

    def __init__(self, connection: Connection) -> None:
        """Nothing is asked before the first subscription."""
        self._connection = connection
        self._found: queue.SimpleQueue[list[HistoryEvent]] = queue.SimpleQueue()
        self._guard = threading.Lock()
        self._wake = threading.Event()
        self._subscriptions: tuple[RemoteSubscription, ...] = ()
        self._thread: threading.Thread | None = None
        self._closed = False

    def add(
        self,
        listener: Listener,
        workflow_ids: Sequence[str] | None,
        histories: RemoteHistories | None,
    ) -> RemoteSubscription:
        """Call ``listener`` with news; returns once none can be missed any more.

        Args:
            listener: Given new events of the executions; an empty list says that something
                happened among all of them.
            workflow_ids: The executions; None for all.
            histories: What looks at executions of a cluster; None: the server streams.
        """
        ids = None if workflow_ids is None else frozenset(workflow_ids)
        subscription = RemoteSubscription(self, listener, ids)
        opened = threading.Event()
        with self._guard:
            self._subscriptions = (*self._subscriptions, subscription)
            if self._thread is None and not self._closed:
                work: _Stream | _Rounds = (
                    _Stream(self, self._connection, opened)
                    if histories is None
                    else _Rounds(self, self._connection, histories)
                )
                self._thread = threading.Thread(target=work.run, name="remote-news", daemon=True)
                self._thread.start()
            else:
                opened.set()
        if histories is None:
            opened.wait(_OPENING_SECONDS)
        self.wake()
        return subscription

    def remove(self, subscription: RemoteSubscription) -> None:
        """Take a listener off; the thread ends with the last one."""
        with self._guard:
            self._subscriptions = tuple(s for s in self._subscriptions if s is not subscription)
        self.wake()

    def close(self) -> None:
        """Ask and tell nothing more."""
        with self._guard:
            self._closed = True
            self._subscriptions = ()
        self.wake()

    def wake(self) -> None:
        """Look at the subscriptions again soon."""
        self._wake.set()

    def found(self, events: list[HistoryEvent]) -> None:
        """Somebody looked at an execution and found these: for those who watch it."""
        if self._subscriptions:
            self._found.put(events)
            self.wake()

    @property
    def is_closed(self) -> bool:
        """Whether nobody is to hear anything any more."""
        return self._closed

    # -- for the thread ------------------------------------------------------------------

    def tell_found(self) -> None:
        """Pass on what looking has found."""
        while not self._found.empty():
            self.tell(self._found.get())

    def watched(self) -> set[str]:
        """Ids that somebody watches; ``_ALL`` for the list of all."""
        found: set[str] = set()
        for subscription in self._subscriptions:
            found |= {_ALL} if subscription.workflow_ids is None else subscription.workflow_ids
        return found

    def rest(self, seconds: float) -> bool:
        """Wait until there is a reason to look; False when nobody listens any more."""
        self._wake.wait(max(0.0, seconds))
        self._wake.clear()
        with self._guard:
            if self._subscriptions:
                return True
            self._thread = None
            return False

    def tell(self, events: list[HistoryEvent]) -> None:
        """Pass events on to those who want them; none at all: the list has changed."""
        for subscription in self._subscriptions:
            ids = subscription.workflow_ids
            wanted = events if ids is None else [e for e in events if e.workflow_id in ids]
            if ids is not None and not wanted:
                continue
            try:
                subscription.listener(wanted)
            except Exception:
                logger.exception("A subscriber failed.")


class _Stream:
    """News of our own server: one stream of everything, taken up where it broke."""

    def __init__(self, home: RemoteNews, connection: Connection, opened: threading.Event) -> None:
        self._home, self._connection, self._opened = home, connection, opened
        self._last: int | None = None

    def run(self) -> None:
        rest = 0.0
        while self._home.rest(rest):
            try:
                self._read()
                rest = 0.0
            except EngineError as error:
                if self._home.is_closed:
                    continue
                rest = min(max(rest * 2, SHORTEST_REST_SECONDS), LONGEST_REST_SECONDS)
                logger.warning("News stopped for now: %s", error)
            except Exception:
                if not self._home.is_closed:  # a closed connection breaks off in many ways
                    raise
            finally:
                self._opened.set()

    def _read(self) -> None:
        with self._connection.stream("executions", "events", after=self._last) as lines:
            number = self._last
            for line in lines:
                self._opened.set()
                if line.startswith("id:"):
                    number = int(line[3:])
                elif line.startswith("data:"):
                    event = msgspec.json.decode(line[5:], type=HistoryEvent)
                    self._home.tell([event])
                if number is not None and not line:
                    self._last = number
                if not self._home.watched():
                    return


class _Rounds:
    """News of a cluster: looks at what is watched, each thing at a pace of its own."""

    def __init__(
        self, home: RemoteNews, connection: Connection, histories: RemoteHistories
    ) -> None:
        self._home, self._connection, self._histories = home, connection, histories
        self._next: dict[str, float] = {}
        self._rests: dict[str, float] = {}
        self._newest: tuple[object, ...] = ()

    def run(self) -> None:
        rest = 0.0
        while self._home.rest(rest):
            self._home.tell_found()
            watched = self._home.watched()
            for key in [key for key in self._next if key not in watched]:
                del self._next[key], self._rests[key]
            due = sorted(watched, key=lambda key: self._next.get(key, 0.0))
            for key in due[:LOOKS_PER_ROUND]:
                if self._next.get(key, 0.0) <= time.monotonic():
                    self._look_at(key)
                    self._home.tell_found()
            soonest = min((self._next.get(key, 0.0) for key in watched), default=0.0)
            rest = max(_ROUND_SECONDS, soonest - time.monotonic())

    def _look_at(self, key: str) -> None:
        rest = self._rests.get(key, SHORTEST_REST_SECONDS / _GROWTH) * _GROWTH
        longest = LONGEST_REST_SECONDS
        try:
            if key == _ALL:
                happened = self._list_changed()
                if happened:
                    self._home.tell([])
            else:
                happened = bool(self._histories.refresh(key))
                if self._histories.is_over(key):
                    longest = rest = ENDED_REST_SECONDS
        except NotFoundError:
            happened, longest, rest = False, ENDED_REST_SECONDS, ENDED_REST_SECONDS
        except EngineError as error:
            happened, longest = False, ENDED_REST_SECONDS
            if self._home.is_closed:
                return
            logger.warning("News stopped for now: %s", error)
        except RuntimeError:
            if not self._home.is_closed:  # the connection was closed meanwhile
                raise
            return
        if happened and not self._over(key):
            rest = SHORTEST_REST_SECONDS
        self._rests[key] = min(rest, longest)
        self._next[key] = time.monotonic() + self._rests[key]

    def _over(self, key: str) -> bool:
        return key != _ALL and self._histories.is_over(key)

    def _list_changed(self) -> bool:
        """Whether the newest change among all executions is another one than last time."""
        found = self._connection.get(
            "workflow", "search", start=0, size=1, sort="updateTime:DESC", freeText="*"
        )
        first = (found.get("results") or [{}])[0]
        newest = (found.get("totalHits"), first.get("workflowId"), first.get("updateTime"))
        before, self._newest = self._newest, newest
        return bool(before) and before != newest
