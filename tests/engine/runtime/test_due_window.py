"""Due times in windows: few in memory, all of them exact, whatever clock and process do."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from engine.core.events import EventKind
from engine.errors import StoreCorruptError
from engine.runtime.due_window import WINDOW_MS
from engine.store import open_store
from engine.store.base import Store
from engine.store.memory import MemoryStore
from engine.testing.clock import FakeClock
from engine.testing.definitions import node, workflow
from engine.testing.inline import InlineEngine

HOUR = 3600
WAITS = workflow(
    "waits", node("pause", "WAIT", inputParameters={"duration": "${workflow.input.d}"})
)
UNTIL = workflow("until", node("pause", "WAIT", inputParameters={"until": "${workflow.input.at}"}))
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    is_file = request.param == "file"
    store: Store = open_store(tmp_path / "due.duckdb") if is_file else MemoryStore()
    yield store
    store.close()


@pytest.fixture
def engine(store: Store) -> Iterator[InlineEngine]:
    with InlineEngine(WAITS, UNTIL, store=store) as engine:
        engine.desk.executions.resident_limit = 0
        yield engine


def start(engine: InlineEngine, seconds: int) -> str:
    return engine.start("waits", {"d": f"{seconds} seconds"})


def settle(engine: InlineEngine) -> None:
    """Batches of something else: what is idle is marked, let go, and its timers after it."""
    for _ in range(4):
        engine.register()


def reopen(engine: InlineEngine) -> None:
    settle(engine)
    engine.reopen()
    engine.desk.executions.resident_limit = 0


def ended(engine: InlineEngine, ids: list[str]) -> list[str]:
    return [key for key in ids if key not in engine.desk.executions]


def moments(engine: InlineEngine, ids: list[str]) -> list[int]:
    """When each execution ended, in seconds since the clock's beginning."""
    return [engine.state(key).end_time // 1000 for key in ids]


def test_what_is_due_later_than_the_window_is_not_in_memory(engine: InlineEngine) -> None:
    near = [start(engine, 60 * n) for n in range(1, 4)]
    far = [start(engine, HOUR * 24 * n) for n in range(1, 30)]
    settle(engine)
    assert engine.desk.timers.count == len(near)
    assert all(engine.desk.executions.page(key) for key in near + far)
    engine.clock.move(seconds=HOUR * 24 - WINDOW_MS // 1000)
    assert ended(engine, near + far) == near
    assert engine.desk.timers.count == 1
    engine.clock.move(ms=WINDOW_MS - 1)
    assert ended(engine, far) == []
    engine.clock.move(ms=1)
    assert ended(engine, far) == far[:1]


def test_each_rings_on_its_second_across_windows_and_restarts(engine: InlineEngine) -> None:
    begun = engine.clock.now().wall_ms // 1000
    seconds = [1, 1799, 1800, 1801, 3599, 3600, 3601, 5400, 7200, 7201, 9000, 86400, 86401]
    ids = [start(engine, each) for each in reversed(seconds)]
    settle(engine)
    last = 0
    for n, due in enumerate(seconds):
        engine.clock.move(ms=1000 * (due - last) - 1)
        assert len(ended(engine, ids)) == n, f"too early: {due}"
        if n % 3 == 0:
            store_survives = not isinstance(engine.store, MemoryStore)
            reopen(engine) if store_survives else settle(engine)
        engine.clock.move(ms=1)
        assert len(ended(engine, ids)) == n + 1, f"too late: {due}"
        last = due
    assert [moment - begun for moment in moments(engine, ids)] == seconds[::-1]


def test_many_of_one_moment_are_read_a_few_at_a_time(engine: InlineEngine) -> None:
    window = engine.desk.due_window
    window.most = 8
    ids = [start(engine, 2 * HOUR) for _ in range(30)]
    late = start(engine, 2 * HOUR + 1)
    settle(engine)
    engine.clock.move(seconds=HOUR + HOUR // 2)
    assert engine.desk.timers.count == 8
    engine.clock.move(seconds=HOUR // 2)
    assert sorted(ended(engine, ids)) == sorted(ids)
    assert late in engine.desk.executions
    engine.clock.move(seconds=1)
    assert late not in engine.desk.executions


def test_cancelled_waits_do_not_keep_the_window_from_moving(engine: InlineEngine) -> None:
    engine.desk.due_window.most = 8
    early = [start(engine, 2 * HOUR) for _ in range(8)]
    late = [start(engine, 2 * HOUR + n) for n in range(1, 9)]
    settle(engine)
    engine.clock.move(seconds=HOUR + HOUR // 2)
    for key in early:
        engine.service.terminate(key, "no more").result()
    engine.clock.move(seconds=HOUR // 2 + 8)
    assert sorted(ended(engine, late)) == sorted(late)


def test_after_a_jump_forward_all_ring_in_order(engine: InlineEngine) -> None:
    engine.desk.due_window.most = 4
    ids = {n: start(engine, HOUR * n) for n in (9, 3, 7, 1, 5, 2, 8, 4, 6)}
    settle(engine)
    before = engine.store.last_position()
    engine.clock.move(seconds=HOUR * 24 * 365)
    news = [event for _, event in engine.store.events_after(before, 1_000)]
    heard = [event.workflow_id for event in news if event.kind is EventKind.WORKFLOW_ENDED]
    assert heard == [ids[n] for n in range(1, 10)]


def test_what_is_in_memory_does_not_ring_before_the_window_has_come(engine: InlineEngine) -> None:
    engine.desk.executions.resident_limit = 10
    resident = start(engine, 5 * HOUR)
    engine.desk.read_apart = lambda read, use: None  # the store is slow
    engine.clock.move(seconds=5 * HOUR)
    assert resident in engine.desk.executions
    assert engine.desk.due_window.next_moment_ms() == 0  # the answer wakes the decider


def test_after_a_jump_back_nothing_is_lost_and_memory_shrinks(engine: InlineEngine) -> None:
    ids = [start(engine, HOUR * 24 + n) for n in range(5)]
    settle(engine)
    engine.clock.move(seconds=HOUR * 23 + HOUR // 2)
    assert engine.desk.timers.count == 5
    engine.clock.move(seconds=-HOUR * 20)
    settle(engine)
    assert engine.desk.timers.count == 0
    engine.clock.move(seconds=HOUR * 20 + HOUR // 2 - 1)
    assert ended(engine, ids) == []
    engine.clock.move(seconds=5)
    assert ended(engine, ids) == ids


def test_waits_until_a_wall_clock_time_are_exact_on_both_days_of_the_year(
    store: Store,
) -> None:
    begin = datetime(2027, 3, 27, 12, tzinfo=UTC)  # the night to the 28th is an hour short
    clock = FakeClock(int(begin.timestamp() * 1000))
    with InlineEngine(UNTIL, store=store, clock=clock) as engine:
        engine.desk.executions.resident_limit = 0
        due = {
            f"{day} {hour:02}:30 Europe/Berlin": datetime.fromisoformat(f"{day}T{hour:02}:30")
            .replace(tzinfo=BERLIN)
            .timestamp()
            for day in ("2027-03-28", "2027-10-31")
            for hour in (0, 1, 3, 4)
        }
        ids = {text: engine.start("until", {"at": text}) for text in due}
        settle(engine)
        assert engine.desk.timers.count == 0
        for text, moment in sorted(due.items(), key=lambda item: item[1]):
            clock.move(ms=int(moment * 1000) - clock.now().wall_ms - 1)
            assert ids[text] in engine.desk.executions, f"too early: {text}"
            clock.move(ms=1)
            assert ids[text] not in engine.desk.executions, f"too late: {text}"


def test_an_execution_looked_at_between_windows_still_rings(engine: InlineEngine) -> None:
    execution = start(engine, 5 * HOUR)
    for _ in range(4):
        settle(engine)
        assert engine.service.workflow(execution).result()["status"] == "RUNNING"
        engine.clock.move(seconds=HOUR)
    settle(engine)
    engine.clock.move(seconds=HOUR)
    assert execution not in engine.desk.executions


def test_due_times_that_cannot_be_read_are_read_again(
    engine: InlineEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = start(engine, 2 * HOUR)
    settle(engine)
    window = engine.desk.due_window
    monkeypatch.setattr("engine.runtime.due_window._RETRY_SECONDS", 0.0)
    read = engine.store.due_times
    monkeypatch.setattr(engine.store, "due_times", lambda *_: 1 / 0)
    with pytest.raises(RuntimeError, match="still busy"):
        engine.clock.move(seconds=2 * HOUR)
    assert execution in engine.desk.executions
    monkeypatch.setattr(engine.store, "due_times", read)
    engine.register()
    assert execution not in engine.desk.executions
    assert not window.is_reading


def test_summaries_of_the_version_before_keep_their_timers(tmp_path: Path) -> None:
    db = tmp_path / "old.duckdb"
    with (
        closing(open_store(db)) as store,
        InlineEngine(WAITS, store=store) as engine,
    ):
        engine.desk.executions.resident_limit = 0
        execution = start(engine, 5 * HOUR)
        settle(engine)
        with closing(sqlite3.connect(f"{db}.journal")) as connection:
            (body,) = connection.execute("SELECT idle_body FROM open_executions").fetchone()
            old = body.replace(b"[2,", b"[1,", 1)
            assert old != body
            connection.execute(
                "UPDATE open_executions SET due_ms = NULL, due_seal = NULL, idle_body = ?, "
                "idle_crc = ?",
                (old, zlib.crc32(old)),
            )
            connection.commit()
        engine.reopen()
        assert engine.desk.executions.paged_count == 1
        assert engine.desk.timers.count == 1
        engine.clock.move(seconds=5 * HOUR)
        assert execution not in engine.desk.executions


def test_a_due_time_that_changed_on_the_disk_is_noticed(tmp_path: Path) -> None:
    db = tmp_path / "damaged.duckdb"
    with closing(open_store(db)) as store, InlineEngine(WAITS, store=store) as engine:
        engine.desk.executions.resident_limit = 0
        start(engine, 5 * HOUR)
        settle(engine)
        with closing(sqlite3.connect(f"{db}.journal")) as connection:
            connection.execute("UPDATE open_executions SET due_ms = due_ms + 1000000000")
            connection.commit()
        with pytest.raises(StoreCorruptError, match="a due time"):
            engine.reopen()
