"""Refreshes: coalesced, in order, none after closing."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from studio.live import Refresh


class LoopDocument:
    """A document whose callbacks run when the test says so: the event loop, by hand."""

    def __init__(self) -> None:
        self._callbacks: list = []
        self._news = threading.Condition()

    def add_next_tick_callback(self, callback) -> None:
        with self._news:
            self._callbacks.append(callback)
            self._news.notify()

    def add_timeout_callback(self, callback, milliseconds: int) -> None:
        self.add_next_tick_callback(callback)

    def turn(self) -> None:
        with self._news:
            assert self._news.wait_for(lambda: self._callbacks, 5)
            callback = self._callbacks.pop(0)
        callback()

    @property
    def idle(self) -> bool:
        return not self._callbacks


@pytest.fixture
def readers():
    with ThreadPoolExecutor(2) as executor:
        yield executor


def test_requests_during_a_refresh_are_answered_by_exactly_one_more(readers):
    document, loads, shown = LoopDocument(), [], []
    refresh = Refresh(document, readers, lambda: loads.append(1) or len(loads), shown.append)
    refresh.request()
    refresh.request()
    document.turn()  # begins the load
    refresh.request()
    refresh.request()
    document.turn()  # shows it and plans one more
    assert shown == [1]
    document.turn()  # the rest is over
    document.turn()
    assert shown == [1, 2]
    assert document.idle


def test_error_is_told_and_the_next_request_works(readers):
    document, shown, told, results = LoopDocument(), [], [], [ValueError("no"), 7]

    def load():
        result = results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    refresh = Refresh(document, readers, load, shown.append, told.append)
    refresh.request()
    while not told:
        document.turn()
    refresh.request()
    while not shown:
        document.turn()
    assert [str(error) for error in told] == ["no"]
    assert shown == [7]


def test_nothing_is_shown_after_closing(readers):
    document, shown = LoopDocument(), []
    refresh = Refresh(document, readers, lambda: 1, shown.append)
    refresh.request()
    document.turn()
    refresh.close()
    refresh.request()
    readers.shutdown(wait=True)
    while not document.idle:
        document.turn()
    assert shown == []


def test_without_a_document_a_refresh_runs_in_the_caller(readers):
    shown = []
    Refresh(None, readers, lambda: threading.current_thread().name, shown.append).request()
    assert shown == [threading.current_thread().name]
