"""Asking again what is refused for a while only."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from typing import Any

import pytest

from engine.errors import ConflictError, UnavailableError
from engine.runtime import insistence
from engine.runtime.insistence import insistently


@pytest.fixture(autouse=True)
def _pauses_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insistence, "FIRST_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(insistence, "LONGEST_PAUSE_SECONDS", 0.1)


def answered(error: Exception | None) -> Future[Any]:
    future: Future[Any] = Future()
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
    return future


def test_many_that_wait_need_no_thread_each_and_all_come_through() -> None:
    is_full = True
    settled: list[BaseException | None] = []
    all_told = threading.Event()

    def came_to(error: BaseException | None) -> None:
        settled.append(error)
        if len(settled) == 500:
            all_told.set()

    before = threading.active_count()
    for _ in range(500):
        insistently(
            lambda: answered(UnavailableError("full") if is_full else None), settled=came_to
        )
    assert threading.active_count() - before <= 1
    assert settled == []
    is_full = False
    assert all_told.wait(10)
    assert settled == [None] * 500


def test_one_that_raises_when_it_is_told_keeps_no_other_from_being_told() -> None:
    told = threading.Event()
    refusals = iter([UnavailableError("full"), ConflictError("over")])

    def raises(error: BaseException | None) -> None:
        raise ZeroDivisionError

    insistently(lambda: answered(next(refusals)), settled=raises)
    later = iter([UnavailableError("full"), UnavailableError("full"), None])
    insistently(lambda: answered(next(later)), settled=lambda error: told.set())
    assert told.wait(10)


def test_what_is_over_is_told_with_its_last_error() -> None:
    found: list[BaseException | None] = []
    is_over = False
    insistently(lambda: answered(UnavailableError("full")), lambda: is_over, found.append)
    time.sleep(0.05)
    assert found == []
    is_over = True
    deadline = time.monotonic() + 10
    while not found and time.monotonic() < deadline:
        time.sleep(0.01)
    assert isinstance(found[0], UnavailableError)
