"""News for open pages: at most one refresh in flight per view, and a rest after each."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, Generic, TypeVar

from bokeh.document import Document

from .turns import next_turn

logger = logging.getLogger(__name__)
Found = TypeVar("Found")

REST_SECONDS = 0.1
"""Shortest time between two refreshes of one view."""
REST_PER_WORK = 4
"""A refresh that took t seconds is followed by a rest of at least 4 t: a slow query on a big
history then takes a fifth of one core at most, however fast the news comes."""


class Refresh(Generic[Found]):
    """Runs ``load`` off the event loop when asked and hands the result to ``show``.

    ``request`` may be called from any thread and any number of times; calls that come while a
    refresh is waiting or running are answered by one more. ``show`` runs on the event loop with
    the document's lock. Without a document everything happens in the caller: tests, notebooks.
    """

    def __init__(
        self,
        document: Document | None,
        executor: Executor,
        load: Callable[[], Found],
        show: Callable[[Found], None],
        failed: Callable[[Exception], None] | None = None,
        rest_seconds: float = REST_SECONDS,
    ) -> None:
        """Prepare; nothing runs before the first ``request``."""
        self._document, self._executor = document, executor
        self._load, self._show, self._failed = load, show, failed
        self._rest_seconds = rest_seconds
        self._lock = threading.Lock()
        self._busy = self._again = self._closed = False
        self._next = 0.0

    def request(self) -> None:
        """Ask for a refresh soon."""
        with self._lock:
            if self._closed:
                return
            if self._busy:
                self._again = True
                return
            self._busy = True
        if self._document is None:
            self._run_here()
        else:
            next_turn(self._document, self._begin)

    def close(self) -> None:
        """Show nothing any more. Safe to call twice, from any thread."""
        with self._lock:
            self._closed = True

    def _run_here(self) -> None:
        again = True
        while again:
            try:
                found = self._load()
            except Exception as error:
                if self._failed is None:
                    raise
                self._failed(error)
            else:
                self._deliver(found)
            with self._lock:
                again, self._again = self._again, False
                self._busy = again

    def _begin(self) -> None:
        wait = self._next - time.monotonic()
        assert self._document is not None
        if wait > 0:
            self._document.add_timeout_callback(self._start, max(1, round(wait * 1000)))
        else:
            self._start()

    def _start(self) -> None:
        if self._closed:
            return
        began = time.monotonic()
        future = self._executor.submit(self._load)
        future.add_done_callback(lambda done: self._loaded(done, began))

    def _loaded(self, done: Future[Found], began: float) -> None:
        if self._closed or self._document is None:
            return
        now = time.monotonic()
        self._next = now + max(self._rest_seconds, (now - began) * REST_PER_WORK)
        next_turn(self._document, lambda: self._finish(done))

    def _finish(self, done: Future[Found]) -> None:
        error = done.exception()
        try:
            if error is None:
                self._deliver(done.result())
            elif isinstance(error, Exception):
                logger.warning("A page could not be refreshed: %s", error)
                if self._failed is not None and not self._closed:
                    self._failed(error)
        finally:  # a view that can't show one answer still gets the next
            with self._lock:
                again, self._again = self._again and not self._closed, False
                self._busy = again
            if again:
                self._begin()

    def _deliver(self, found: Any) -> None:
        if not self._closed:
            self._show(found)
