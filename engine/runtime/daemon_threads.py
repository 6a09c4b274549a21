"""A pool of threads for users' code: none of them keeps the process from ending.

The standard pool joins its threads when the interpreter ends; one call that never returns would
hold it for ever.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class DaemonThreads:
    """Runs calls on daemon threads, which are started as they are needed. Any thread."""

    def __init__(self, most: int, name: str) -> None:
        """At most ``most`` calls run at once; ``name`` begins the threads' names."""
        self._most = most
        self._name = name
        self._lock = threading.Lock()
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._started = 0
        self._open = 0
        self._closed = False

    def submit(self, function: Callable[..., T], *arguments: Any) -> Future[T]:
        """Run a call as soon as a thread is free; resolves to what it returns or raises.

        Raises:
            RuntimeError: The pool is closed.
        """
        future: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError(f"The {self._name} threads are closed.")
            self._open += 1
            if self._open > self._started and self._started < self._most:
                name = f"{self._name}-{self._started}"
                self._started += 1
                threading.Thread(target=self._run, name=name, daemon=True).start()
            self._calls.put((future, lambda: function(*arguments)))
        return future

    def close(self) -> None:
        """Begin no more calls; those at work go on, nobody waits for them."""
        with self._lock:
            self._closed = True
            for _ in range(self._started):
                self._calls.put(None)

    def _run(self) -> None:
        while (item := self._calls.get()) is not None:
            future, call = item
            if not self._closed and future.set_running_or_notify_cancel():
                try:
                    future.set_result(call())
                except BaseException as error:
                    future.set_exception(error)
            else:
                future.cancel()
            with self._lock:
                self._open -= 1
