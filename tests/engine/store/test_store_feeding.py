"""The feeder, pruning, migrations: what happens between the two files."""

from __future__ import annotations

import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from engine.core.events import EventKind, HistoryEvent
from engine.errors import HistoryConflictError, StoreError, UnavailableError
from engine.store import feeder, journal
from engine.store.base import Commit
from engine.store.batch import Batch
from engine.store.history import History
from engine.store.history_file import connect
from engine.store.journal import Journal
from engine.store.journal_file import connect as connect_journal
from engine.store.journal_file import prepare
from engine.store.local import LocalStore
from engine.store.migrations import Step, migrate
from engine.store.migrations.history_steps import HISTORY_STEPS
from engine.store.migrations.journal_steps import JOURNAL_STEPS
from engine.testing.store_records import commit_of, event, history, rows_of


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LocalStore]:
    with closing(LocalStore(tmp_path / "x.duckdb", project=rows_of)) as store:
        yield store


def _until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def _journal_events(store: LocalStore, workflow_id: str) -> list[int]:
    return [each.number for each in store._journal.reads.events(workflow_id)]


def _numbered(store: LocalStore) -> list[str]:
    """Executions that have a number in the journal."""
    with closing(sqlite3.connect(store._journal.path)) as journal:
        query = "SELECT workflow_id FROM journalled ORDER BY workflow_id"
        return [row[0] for row in journal.execute(query)]


def test_the_journal_forgets_ended_executions_and_keeps_open_ones(store: LocalStore) -> None:
    store.commit(commit_of(history("ended"), history("open", ended=False)))
    _until(lambda: not _journal_events(store, "ended"))
    assert _journal_events(store, "open") == [1, 2, 3, 4, 5]
    assert store.events("ended") == history("ended")


def test_an_event_behind_the_end_is_forgotten_like_the_others(store: LocalStore) -> None:
    store.commit(commit_of(history("ended")))
    _until(lambda: not _numbered(store))
    late = event("ended", len(history("ended")) + 1, EventKind.TASKS_EVALUATED, {})
    store.commit(Commit(events=[late]))
    assert store.events("ended") == [*history("ended"), late]
    _until(lambda: not _numbered(store))
    assert store.events("ended") == [*history("ended"), late]


def test_a_long_execution_is_forgotten_in_small_steps(store: LocalStore) -> None:
    long = history("long", steps=400)
    store.commit(commit_of(long))
    store.catch_up()
    assert store._journal.prune(store._history.watermark)
    left = store._journal.reads.events("long")
    if left:  # the feeder's own thread may have pruned as well
        assert left[0].number > 1
    assert store.events("long") == long
    _until(lambda: not _journal_events(store, "long"))
    assert store.events("long") == long


@pytest.fixture
def half_forgotten(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> list[HistoryEvent]:
    """Events of an ended execution, of which the journal has begun to forget."""
    monkeypatch.setattr(store._feeder, "_tidy", lambda prunes: False)
    long = history("long", steps=300)
    store.commit(commit_of(long))
    store.catch_up()
    store._journal.prune(store._history.watermark)
    return long


def test_a_half_forgotten_execution_is_reopened_whole(
    store: LocalStore, half_forgotten: list[HistoryEvent]
) -> None:
    long = half_forgotten
    assert 1 < _journal_events(store, "long")[0] < len(long)
    again = event("long", len(long) + 1, EventKind.WORKFLOW_RESTARTED, {})
    store.commit(Commit(events=[again], reopened=["long"]))
    assert _journal_events(store, "long") == list(range(1, len(long) + 2))
    while store._journal.prune(store._history.watermark):
        pass
    assert store.events("long") == [*long, again]
    assert store.query("SELECT count(*) AS n FROM events") == [{"n": len(long) + 1}]


def test_an_event_that_comes_while_its_execution_is_being_forgotten_is_not_lost(
    store: LocalStore, half_forgotten: list[HistoryEvent]
) -> None:
    long = half_forgotten
    late = event("long", len(long) + 1, EventKind.TASKS_EVALUATED, {})
    store.commit(Commit(events=[late]))
    store.catch_up()  # what is planned to be forgotten does not have it, the history does
    for _ in range(10):
        store._journal.prune(store._history.watermark)
    assert store.events("long") == [*long, late]
    again = event("long", len(long) + 2, EventKind.WORKFLOW_RESTARTED, {})
    store.commit(Commit(events=[again], reopened=["long"]))
    assert store.events("long") == [*long, late, again]
    with closing(sqlite3.connect(store._journal.path)) as journal:
        query = "SELECT count(*), count(j.execution) FROM events LEFT JOIN journalled AS j "
        query += "ON j.execution = events.execution"
        assert journal.execute(query).fetchone() == (len(long) + 2, len(long) + 2)


def test_a_reopened_execution_survives_the_loss_of_the_history(tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    events = history("a")
    with closing(LocalStore(path, project=rows_of)) as store:
        store.commit(commit_of(events))
        _until(lambda: not _journal_events(store, "a"))
        again = event("a", len(events) + 1, EventKind.WORKFLOW_RESTARTED, {})
        store.commit(Commit(events=[again], reopened=["a"]))
    path.unlink()
    with closing(LocalStore(path, project=rows_of)) as store:
        assert store.events("a") == [*events, again]
        assert store.query("SELECT count(*) AS n FROM events") == [{"n": len(events) + 1}]


def test_a_burst_is_fed_when_it_is_over_or_somebody_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeder, "FEED_SECONDS", 0.01)
    monkeypatch.setattr(feeder, "BURST_SECONDS", 60.0)
    monkeypatch.setattr(feeder, "LULL_SECONDS", 1.0)
    with closing(LocalStore(tmp_path / "x.duckdb", project=rows_of)) as store:
        time.sleep(0.05)  # what the journal had at the start is fed by then
        for number in range(40):
            store.commit(commit_of(history(f"w{number}")))
            time.sleep(0.005)
        committed = store.last_position()
        assert store.health()["fed"] == 0
        assert store.query("SELECT count(*) AS n FROM events") == [{"n": committed}]
        store.commit(commit_of(history("last")))
        _until(lambda: store.health()["lag"] == 0)


def test_a_burst_without_end_is_fed_in_large_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeder, "FEED_SECONDS", 60.0)
    monkeypatch.setattr(feeder, "BURST_EVENTS", 100)
    with closing(LocalStore(tmp_path / "x.duckdb", project=rows_of)) as store:
        for number in range(30):
            store.commit(commit_of(history(f"w{number}")))
        _until(lambda: store.health()["fed"] >= 100)


def test_trouble_with_the_history_reaches_questions_but_no_commit(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: History, batch: Batch) -> None:
        raise StoreError("The disk is full.")

    with monkeypatch.context() as patched:
        patched.setattr(History, "feed", fail)
        store.commit(commit_of(history("a", ended=False)))
        with pytest.raises(StoreError, match="disk is full"):
            store.query("SELECT 1")
        health = store.health()
        assert health["ok"] is False
        assert health["error"] == "The disk is full."
        assert health["lag"] == 5
        store.commit(commit_of(history("b")))
        assert store.events("b") == history("b")
    assert store.query("SELECT count(*) AS n FROM executions") == [{"n": 2}]
    assert store.health()["ok"] is True


def test_a_backlog_too_large_for_memory_is_fed_from_the_journal(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeder, "MAX_WAITING_EVENTS", 20)
    monkeypatch.setattr(feeder, "FEED_EVENTS", 7)
    with store._feeder.not_feeding():
        for number in range(30):
            store.commit(commit_of(history(f"w{number}")))
        assert len(store._feeder._waiting) < 30
    assert store.query("SELECT count(*) AS n FROM events") == [{"n": 30 * 6}]
    statuses = "SELECT status, count(*) AS n FROM {} GROUP BY 1"
    assert store.query(statuses.format("executions")) == [{"status": "COMPLETED", "n": 30}]
    assert store.query(statuses.format("tasks")) == [{"status": "COMPLETED", "n": 60}]
    versions = store.query("SELECT count(*) AS n FROM executions_log GROUP BY workflow_id")
    assert len(versions) == 30


def test_rows_that_cannot_be_computed_do_not_hold_events_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "x.duckdb"

    def refuse(self: History, batch: Batch) -> None:
        raise StoreError("not now")

    with monkeypatch.context() as patched:
        patched.setattr(History, "feed", refuse)
        with closing(LocalStore(path)) as store:
            store.commit(commit_of(history("bad"), history("good")))

    def project(events: list[HistoryEvent]) -> object:
        if events[0].workflow_id == "bad":
            raise LookupError("no definition")
        return rows_of(events)

    with closing(LocalStore(path, project=project)) as store:  # type: ignore[arg-type]
        assert store.query("SELECT workflow_id AS id FROM executions") == [{"id": "good"}]
        assert store.query("SELECT count(*) AS n FROM events") == [{"n": 12}]
        assert "execution bad can't be computed" in caplog.text
        assert store.rebuild(rows_of) == 2
        assert store.query("SELECT count(*) AS n FROM executions") == [{"n": 2}]


def test_a_full_disk_refuses_the_commit_and_later_takes_it(store: LocalStore) -> None:
    store.commit(commit_of(history("a")))
    writer = store._journal._writer
    pages = writer.execute("PRAGMA page_count").fetchone()[0]
    writer.execute(f"PRAGMA max_page_count = {pages}")
    big = history("big", payload={"text": "x" * 300_000})
    with pytest.raises(UnavailableError, match="disk of x.duckdb.journal is full"):
        store.commit(commit_of(big))
    assert store.events("big") == []
    writer.execute("PRAGMA max_page_count = 1000000")
    store.commit(commit_of(big))
    assert store.events("big") == big


def test_equal_payloads_are_stored_once(store: LocalStore) -> None:
    payload = {"large": "y" * 10_000}
    store.commit(commit_of(*(history(f"w{number}", payload=payload) for number in range(5))))
    store.catch_up()
    store._history._recent.clear()
    store.commit(commit_of(*(history(f"v{number}", payload=payload) for number in range(5))))
    query = "SELECT count(*) AS n FROM payloads WHERE size > 9999"
    assert store.query(query) == [{"n": 1}]
    assert store.query("SELECT count(*) AS n FROM tasks WHERE length(input_data) > 9999") == [
        {"n": 20}
    ]


def test_a_busy_time_leaves_no_large_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "_SHRINK_BYTES", 1 << 20)
    path = tmp_path / "x.duckdb"
    with closing(LocalStore(path, project=rows_of)) as store:
        payload = {"text": "z" * 2_000}
        store.commit(commit_of(*(history(f"w{n}", payload=payload) for n in range(200))))
        store.commit(commit_of(history("open", ended=False)))
        assert store.health()["journal_bytes"] > 1 << 20
    assert path.with_name("x.duckdb.journal").stat().st_size < 200_000
    with closing(LocalStore(path, project=rows_of)) as store:
        assert store.events("open") == history("open", ended=False)


# -- migrations ----------------------------------------------------------------------------


def test_a_history_of_version_1_is_brought_to_the_newest(tmp_path: Path) -> None:
    path = str(tmp_path / "x.duckdb")
    batch = Batch(last=0)
    batch.add(commit_of(history("a"), history("b", ended=False)), 1)
    with closing(History(connect(path, HISTORY_STEPS[:1]), path)) as old:
        old.feed(batch)
        assert old.info("schema_version") == "1"
    with closing(History(connect(path), path)) as new:
        assert new.info("schema_version") == str(HISTORY_STEPS[-1].number)
        assert new.watermark == batch.last
        found = new.query("SELECT workflow_id AS id, status FROM executions ORDER BY 1")
        assert found == [{"id": "a", "status": "COMPLETED"}, {"id": "b", "status": "RUNNING"}]
        assert [each for _, each in new.numbered_events("a")] == history("a")


def test_a_journal_of_version_1_is_brought_to_the_newest(tmp_path: Path) -> None:
    path = tmp_path / "x.journal"
    newest = len(JOURNAL_STEPS)
    statement = "ALTER TABLE removals ADD COLUMN note TEXT"
    later = (*JOURNAL_STEPS, Step(newest + 1, "a note", (statement,)))
    with closing(connect_journal(path, "FULL")) as old:
        identity = prepare(path, old, JOURNAL_STEPS[:1])["store_id"]
        for position, made in enumerate(history("a", ended=False), 1):
            body = msgspec.json.encode(made)
            row = (position, "a", made.number, zlib.crc32(body), body)
            old.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?)", row)
        old.execute("INSERT INTO open_executions VALUES ('a', 1)")
        old.execute("""INSERT INTO metadata VALUES ('flows', 'f', 1, 9, 1, '{"name":"f"}')""")
    with closing(Journal(path, later)) as new:
        assert new.schema_version == newest + 1
        assert new.store_id == identity
        assert new.reads.events("a") == history("a", ended=False)
        assert new.reads.open_executions() == ["a"]
        assert [row.body for row in new.reads.metadata("flows")] == [{"name": "f"}]
    refusal = f"has schema {newest + 1}; this version knows schemas up to {newest}"
    with pytest.raises(StoreError, match=refusal):
        Journal(path, JOURNAL_STEPS)


def test_events_of_a_journal_of_version_5_are_found_by_their_executions_numbers(
    tmp_path: Path,
) -> None:
    path = tmp_path / "x.journal"
    names = ("b", "a", "c")
    together = zip(*(history(name, ended=False) for name in names), strict=True)
    with closing(connect_journal(path, "FULL")) as old:
        prepare(path, old, JOURNAL_STEPS[:5])
        for position, made in enumerate((each for row in together for each in row), 1):
            body = msgspec.json.encode(made)
            row = (position, made.workflow_id, made.number, zlib.crc32(body), body)
            old.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?)", row)
        for position, name in enumerate(names, 1):
            opened = "INSERT INTO open_executions (workflow_id, position) VALUES (?, ?)"
            old.execute(opened, (name, position))
        old.execute("UPDATE info SET value = 15 WHERE key = 'last_position'")
    with closing(Journal(path)) as new:
        for name in names:
            assert new.reads.events(name) == history(name, ended=False)
        taken = Commit(events=[history("a")[4]])
        with pytest.raises(HistoryConflictError):
            new.commit(taken)
        new.commit(Commit(events=history("a")[5:], closed=["a"]))
        assert new.reads.events("a") == history("a")
    with closing(Journal(path)) as again:
        assert again.reads.open_executions() == ["b", "c"]
        assert again.reads.events("a") == history("a")


def test_a_step_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "x.journal"
    with closing(Journal(path)) as old:
        old.commit(commit_of(history("a", ended=False)))
    number = len(JOURNAL_STEPS) + 1
    broken = (*JOURNAL_STEPS, Step(number, "broken", ("CREATE TABLE fresh (x)", "NONSENSE")))
    with pytest.raises(StoreError, match="NONSENSE"):
        Journal(path, broken)
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute(
            "SELECT count(*) FROM sqlite_master WHERE name = 'fresh'"
        ).fetchone() == (0,)
    with closing(Journal(path)) as same:
        assert same.reads.events("a") == history("a", ended=False)


def test_only_the_steps_that_are_missing_are_applied() -> None:
    steps = [Step(number, "", ()) for number in (1, 2, 3, 4)]
    done: list[int] = []
    assert migrate("x", 2, steps, lambda step: done.append(step.number)) == 4
    assert done == [3, 4]


def test_steps_are_numbered_without_a_gap() -> None:
    for steps in (HISTORY_STEPS, JOURNAL_STEPS):
        assert [step.number for step in steps] == list(range(1, len(steps) + 1))
