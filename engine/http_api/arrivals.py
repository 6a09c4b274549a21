"""From the engine's threads to the event loop: one wake-up for all that one commit answers.

``asyncio.wrap_future`` wakes the loop once for every future: a write to a pipe each, at which the
writing thread also gives Python's lock up. A commit answers dozens of requests at a time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final
from weakref import WeakKeyDictionary, ref


class _Arrivals:
    """Futures of one loop that have their value, on their way to whoever awaits them."""

    __slots__ = ("_arrived", "_is_woken", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = ref(loop)
        self._arrived: deque[asyncio.Future[None]] = deque()
        self._is_woken = False

    def expect(self, future: Future[Any]) -> asyncio.Future[None]:
        waiter = asyncio.get_running_loop().create_future()
        future.add_done_callback(lambda _: self._note(waiter))
        return waiter

    def _note(self, waiter: asyncio.Future[None]) -> None:
        """Any thread. Appends first and looks second: ``_hand_over`` does it the other way round,
        so that one of the two sees what the other did."""
        self._arrived.append(waiter)
        if self._is_woken:
            return
        self._is_woken = True
        loop = self._loop()
        if loop is not None:
            with suppress(RuntimeError):  # closed: nobody awaits anything there
                loop.call_soon_threadsafe(self._hand_over)

    def _hand_over(self) -> None:
        self._is_woken = False
        while self._arrived:
            waiter = self._arrived.popleft()
            if not waiter.done():
                waiter.set_result(None)


_OF_LOOP: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, _Arrivals]] = WeakKeyDictionary()


def arrival(future: Future[Any]) -> asyncio.Future[None]:
    """Resolves on the running loop once ``future`` is done or cancelled; its value is not told."""
    loop = asyncio.get_running_loop()
    arrivals = _OF_LOOP.get(loop)
    if arrivals is None:
        arrivals = _OF_LOOP[loop] = _Arrivals(loop)
    return arrivals.expect(future)
