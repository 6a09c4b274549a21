"""What pages say while something is the matter with the engine, and who asks it how it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from engine import Engine
from engine.client.remote import RemoteClient
from engine.errors import StoreCorruptError, UnavailableError, UnsupportedError
from engine.functions import FunctionRegistry
from engine.http_api.server import serve_api
from engine.runtime import writer
from engine.testing.definitions import workflow
from studio.condition import WELL, Condition, condition_of, out_of_reach
from studio.health_watch import HealthWatch

FULL = "The disk of studio.duckdb.journal is full; nothing was written. Free some space."


def until(is_so: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.01)


def report(**details: Any) -> dict[str, Any]:
    return {"healthy": False, "healthResults": [{"details": details}]}


class Told:
    """A service whose health a test sets; counts how often it was asked, and by whom."""

    def __init__(self) -> None:
        self.report: dict[str, Any] | Exception = {"healthy": True}
        self.asked = 0
        self.threads: set[str] = set()

    def health(self) -> dict[str, Any]:
        self.asked += 1
        self.threads.add(threading.current_thread().name)
        if isinstance(self.report, Exception):
            raise self.report
        return self.report


# -- words -----------------------------------------------------------------------------------


def test_a_full_disk_is_told_with_what_to_do_and_what_is_not_lost() -> None:
    found = condition_of(report(affects="recording", reason=FULL, message="longer"))
    assert found.word == "not recording"
    assert found.headline == "The engine can't record anything at present."
    assert "Nothing that was acknowledged is lost" in found.words
    assert "Free some space: it goes on by itself, without a restart." in found.words
    assert found.reason == "The disk of studio.duckdb.journal is full; nothing was written."


def test_another_reason_gets_no_advice_to_free_space() -> None:
    found = condition_of(report(affects="recording", reason="disk I/O error"), "Server a:1")
    assert found.headline == "Server a:1 can't record anything at present."
    assert "See to the disk" in found.words
    assert "Free" not in found.words


def test_damage_is_not_said_to_go_away_by_itself() -> None:
    found = condition_of(report(affects="recording", reason="It is damaged.", isForGood=True))
    assert found.word == "stopped"
    assert "does not go on by itself" in found.headline


def test_a_history_that_lags_is_told_unless_nothing_is_recorded_either() -> None:
    lagging = {"details": {"affects": "searching", "reason": FULL}}
    alone = condition_of({"healthy": False, "healthResults": [lagging]})
    assert "history" in alone.headline
    assert "recorded and lose nothing" in alone.words
    both = [lagging, {"details": {"affects": "recording", "reason": FULL}}]
    assert condition_of({"healthy": False, "healthResults": both}).word == "not recording"


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"healthy": True, "healthResults": [{"details": {"affects": "recording"}}]},
        {"healthy": None},
    ],
)
def test_what_does_not_say_that_it_is_unwell_is_well(odd: dict[str, Any]) -> None:
    assert condition_of(odd) == WELL


@pytest.mark.parametrize("results", [None, "?", [None], [{"details": 7}], [{"details": {}}]])
def test_a_report_of_another_server_may_hold_anything(results: Any) -> None:
    found = condition_of({"healthy": False, "healthResults": results}, "Server a:1")
    assert found == Condition(
        "not well", "Server a:1 says that it is not well.", found.words, reason=""
    )


def test_reasons_are_one_line_and_not_endless() -> None:
    found = condition_of(report(message="a\n  b" + "c" * 9_000))
    assert found.reason.startswith("a b")
    assert len(found.reason) == 400


def test_who_was_sent_a_link_is_not_told_names_of_files_and_servers() -> None:
    found = condition_of(report(affects="recording", reason=FULL))
    assert "studio.duckdb" not in "".join(found.without_reason())
    assert found.without_reason().headline == found.headline


# -- who asks --------------------------------------------------------------------------------


def test_nobody_asks_while_nobody_watches() -> None:
    service = Told()
    watch = HealthWatch(service, every_seconds=0.01)
    time.sleep(0.05)
    assert service.asked == 0
    end = watch.watch(lambda: None)
    until(lambda: service.asked > 2)
    end()
    time.sleep(0.05)
    asked = service.asked
    time.sleep(0.1)
    assert service.asked == asked
    watch.close()


def test_one_thread_asks_for_all_and_no_oftener_for_many() -> None:
    service = Told()
    watch = HealthWatch(service, every_seconds=0.2)
    begun = time.monotonic()
    ends = [watch.watch(lambda: None) for _ in range(50)]
    time.sleep(0.5)
    most = 2 + (time.monotonic() - begun) / 0.2
    watch.close()
    assert 1 <= service.asked <= most
    assert service.threads == {"studio-health"}
    for end in ends:
        end()


def test_watchers_are_told_changes_only_and_one_that_fails_keeps_it_from_nobody() -> None:
    service = Told()
    watch = HealthWatch(service, every_seconds=0.01)
    heard: list[Condition] = []

    def fails() -> None:
        raise RuntimeError("gone")

    watch.watch(fails)
    watch.watch(lambda: heard.append(watch.condition))
    until(lambda: service.asked > 3)
    assert heard == []
    service.report = report(affects="recording", reason=FULL)
    until(lambda: len(heard) == 1)
    asked = service.asked
    until(lambda: service.asked > asked + 3)
    service.report = {"healthy": True}
    until(lambda: len(heard) == 2)
    assert [one.word for one in heard] == ["not recording", "running"]
    watch.close()


def test_what_was_the_matter_when_the_last_page_closed_is_not_told_to_the_next_one() -> None:
    service = Told()
    service.report = report(affects="recording", reason=FULL)
    watch = HealthWatch(service, every_seconds=0.01)
    end = watch.watch(lambda: None)
    until(lambda: not watch.condition.is_well)
    end()
    assert watch.condition == WELL
    watch.close()


@pytest.mark.parametrize("error", [UnsupportedError("no such route"), RuntimeError("broken")])
def test_a_server_that_does_not_tell_is_not_said_to_be_unwell(error: Exception) -> None:
    service = Told()
    service.report = error
    watch = HealthWatch(service, every_seconds=0.02)
    begun = time.monotonic()
    watch.watch(lambda: None)
    until(lambda: service.asked > 2)
    assert time.monotonic() - begun >= 0.4  # it is left in peace
    assert watch.condition == WELL
    watch.close()


def test_a_closed_watch_asks_and_tells_nothing() -> None:
    service = Told()
    watch = HealthWatch(service, every_seconds=0.01)
    watch.close()
    watch.watch(lambda: None)()
    watch.close()
    time.sleep(0.05)
    assert service.asked == 0


# -- a real engine, here and at the other end --------------------------------------------------


def test_an_engine_tells_here_and_over_http_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "LONGEST_PAUSE_SECONDS", 0.25)
    with (
        Engine(threads=0, functions=FunctionRegistry()) as engine,
        serve_api(engine.service, port=0) as api,
    ):
        remote = RemoteClient(api.url).service
        try:
            assert condition_of(engine.service.health()) == WELL
            assert condition_of(remote.health()) == WELL
            with monkeypatch.context() as disk:

                def full(*_: object) -> None:
                    raise UnavailableError(FULL)

                disk.setattr(engine._runtime.store, "commit", full)
                disk.setattr(engine._runtime.store, "try_writing", full)
                with pytest.raises(UnavailableError):
                    engine.client.register_workflow_def(workflow("etl", "load"))
                begun = time.monotonic()
                told = remote.health()
                assert time.monotonic() - begun < 2.0  # not asked again as a refusal is
                here = condition_of(engine.service.health())
                assert condition_of(told) == here
                assert here.word == "not recording"
                assert here.reason.startswith("The disk of studio.duckdb.journal is full")
            until(lambda: condition_of(remote.health()) == WELL)
            assert engine.service.health() == {
                "healthResults": [],
                "suppressedHealthResults": [],
                "healthy": True,
            }
        finally:
            remote.close()


def test_damage_is_reported_as_being_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    with Engine(threads=0, functions=FunctionRegistry()) as engine:

        def damaged(*_: object) -> None:
            raise StoreCorruptError("The journal is damaged.")

        with monkeypatch.context() as disk:
            disk.setattr(engine._runtime.store, "commit", damaged)
            with pytest.raises(StoreCorruptError):
                engine.client.register_workflow_def(workflow("etl", "load"))
        found = condition_of(engine.service.health())
        assert (found.word, found.reason) == ("stopped", "The journal is damaged.")


def test_a_server_that_is_gone_is_out_of_reach_until_it_is_back() -> None:
    with Engine(threads=0, functions=FunctionRegistry()) as engine:
        with serve_api(engine.service, port=0) as api:
            port = api.port
            remote = RemoteClient(api.url).service
            watch = HealthWatch(remote, "Server over there", every_seconds=0.05)
            watch.watch(lambda: None)
            assert remote.health()["healthy"] is True
        try:
            until(lambda: watch.condition.word == "out of reach")
            assert watch.condition.headline == "Server over there can't be reached."
            with serve_api(engine.service, port=port):
                until(lambda: watch.condition == WELL)
        finally:
            watch.close()
            remote.close()


def test_words_for_a_lost_connection_name_the_error() -> None:
    found = out_of_reach(UnavailableError("No server answers at http://a:1/api"))
    assert found.headline == "The engine can't be reached."
    assert found.reason == "No server answers at http://a:1/api"
