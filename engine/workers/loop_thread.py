"""An event loop on a thread of its own, for workers that any thread may call."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class LoopThread:
    """Runs coroutines on one loop; the thread starts with the first. Callable from any thread."""

    def __init__(
        self,
        name: str,
        what: str,
        end: Callable[[], Coroutine[Any, Any, None]],
        new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop,
    ) -> None:
        """Prepare; no thread yet.

        Args:
            name: Name of the thread.
            what: What is closed, for the message: ``The HTTP worker``.
            end: Awaited on the loop when it is closed; it has to cancel what still runs.
            new_loop: Makes the loop.
        """
        self._name, self._what = name, what
        self._end, self._new_loop = end, new_loop
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(
        self, function: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        """Run a coroutine function on the loop. ``cancel()`` of the future cancels it.

        Raises:
            RuntimeError: The loop is closed.
        """
        with self._lock:
            if self._closed:
                raise RuntimeError(f"{self._what} is closed.")
            loop = self._loop or self._start()
        return asyncio.run_coroutine_threadsafe(function(*args, **kwargs), loop)

    def close(self) -> None:
        """Await ``end`` and end the thread. Closing twice is harmless."""
        with self._lock:
            self._closed = True
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    def _start(self) -> asyncio.AbstractEventLoop:
        loop = self._new_loop()
        thread = threading.Thread(target=loop.run_forever, name=self._name, daemon=True)
        self._loop, self._thread = loop, thread
        thread.start()
        return loop


async def cancel_others() -> None:
    """Cancel every task of the running loop but this one, and wait until they have ended."""
    current = asyncio.current_task()
    others = [task for task in asyncio.all_tasks() if task is not current]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
