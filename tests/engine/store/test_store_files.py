"""Damaged, missing, foreign, newer and locked files: what a store does about each."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from engine.core.events import EventKind
from engine.errors import StoreCorruptError, StoreError, StoreLockedError
from engine.store.base import Commit, MetadataRow
from engine.store.faults import STORE_RECOVERY_POINTS, VARIABLE
from engine.store.local import LocalStore
from engine.testing.store_records import commit_of, event, history, rows_of

ROOT = Path(__file__).resolve().parents[3]
OWNER = """
import sys
from engine.store import open_store
store = open_store(sys.argv[1])
store.publish_address("http://127.0.0.1:8123")
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed store: one execution open, two ended, a registered definition."""
    path = tmp_path / "x.duckdb"
    with closing(LocalStore(path, project=rows_of)) as store:
        store.commit(commit_of(history("open", ended=False), history("b"), history("c")))
        body = {"name": "order_flow"}
        row = MetadataRow(
            collection="workflow_defs", key="order_flow", version=1, body=body, wall_ms=1
        )
        store.commit(Commit(metadata=[row], definitions={"hash-1": b"{}"}))
    return path


def _journal(path: Path) -> Path:
    return path.with_name(path.name + ".journal")


def _goes_on(store: LocalStore) -> None:
    """The open execution is whole and takes another event."""
    assert store.open_executions() == ["open"]
    events = store.events("open")
    assert events == history("open", ended=False)
    more = event("open", len(events) + 1, EventKind.WORKFLOW_PAUSED, {})
    store.commit(Commit(events=[more]))
    count = "SELECT count(*) AS n FROM events WHERE workflow_id = 'open'"
    assert store.query(count) == [{"n": len(events) + 1}]
    assert store.health()["ok"] is True


# -- the lock ------------------------------------------------------------------------------


def test_a_second_store_in_the_same_process_is_refused(path: Path) -> None:
    with (
        closing(LocalStore(path)),
        pytest.raises(StoreLockedError, match=rf"open in this process already \(pid {os.getpid()}"),
    ):
        LocalStore(path)
    LocalStore(path).close()


def test_another_process_is_named_and_its_death_frees_the_store(path: Path) -> None:
    command = [sys.executable, "-c", OWNER, str(path)]
    with subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        try:
            assert owner.stdout is not None
            assert owner.stdout.readline() == "ready\n"
            with pytest.raises(StoreLockedError) as refusal:
                LocalStore(path)
            message = str(refusal.value)
            assert f"process {owner.pid}" in message
            assert "connect to http://127.0.0.1:8123, or stop that process" in message
            assert "\n" not in message
        finally:
            owner.send_signal(signal.SIGKILL)
    assert path.with_name("x.duckdb.lock").exists(), "a killed owner leaves its file"
    with closing(LocalStore(path, project=rows_of)) as store:
        _goes_on(store)
    assert not path.with_name("x.duckdb.lock").exists()


def test_a_history_opened_by_another_program_is_a_clear_error(path: Path) -> None:
    script = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('ready', flush=True); "
    command = [sys.executable, "-c", script + "sys.stdin.read()", str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "ready\n"
            with pytest.raises(StoreLockedError, match=f"process {other.pid}") as refusal:
                LocalStore(path)
            assert "\n" not in str(refusal.value)
        finally:
            other.kill()
    LocalStore(path).close()


# -- the journal ---------------------------------------------------------------------------


def test_a_damaged_journal_is_refused_with_an_instruction(path: Path) -> None:
    _journal(path).write_bytes(b"no journal at all " * 500)
    with pytest.raises(StoreCorruptError, match=r"one backup.*recover=True"):
        LocalStore(path)
    _journal(path).rename(path.with_name("away"))
    with closing(LocalStore(path, project=rows_of, recover=True)) as store:
        _goes_on(store)
        assert store.metadata("workflow_defs")[0].body == {"name": "order_flow"}


def test_an_event_that_changed_on_disk_is_never_answered(path: Path) -> None:
    with closing(sqlite3.connect(_journal(path))) as journal, journal:
        journal.execute("UPDATE events SET body = CAST(replace(body, 'step', 'stop') AS BLOB)")
    with (
        closing(LocalStore(path)) as store,
        pytest.raises(StoreCorruptError, match="checksum"),
    ):
        store.events("open")


def test_a_missing_event_is_never_passed_over(path: Path) -> None:
    with closing(sqlite3.connect(_journal(path))) as journal, journal:
        journal.execute("DELETE FROM events WHERE number = 3")
    with (
        closing(LocalStore(path)) as store,
        pytest.raises(StoreCorruptError, match="Event 3 of execution open"),
    ):
        store.events("open")


def test_an_open_execution_whose_events_are_gone_is_not_taken_for_an_empty_one(path: Path) -> None:
    with closing(sqlite3.connect(_journal(path))) as journal, journal:
        journal.execute(
            "DELETE FROM events WHERE execution = "
            "(SELECT execution FROM journalled WHERE workflow_id = 'open')"
        )
    with (
        closing(LocalStore(path)) as store,
        pytest.raises(StoreCorruptError, match="no event of open is to be found"),
    ):
        store.events("open")


def test_events_of_another_execution_are_never_answered(path: Path) -> None:
    with closing(sqlite3.connect(_journal(path))) as journal, journal:
        journal.execute("UPDATE journalled SET workflow_id = 'other', seal = NULL")
        journal.execute("UPDATE open_executions SET workflow_id = 'other', seal = NULL")
    with (
        closing(LocalStore(path)) as store,
        pytest.raises(StoreCorruptError, match="events of others"),
    ):
        store.events("other")


def test_executions_that_are_lost_are_not_taken_for_ended_ones(path: Path) -> None:
    with closing(sqlite3.connect(_journal(path))) as journal, journal:
        journal.execute("DELETE FROM open_executions")
    with pytest.raises(StoreCorruptError, match="executions are missing"):
        LocalStore(path)


def test_a_row_that_changed_on_disk_is_never_answered(path: Path) -> None:
    with closing(sqlite3.connect(_journal(path))) as journal, journal:
        journal.execute("UPDATE metadata SET body = replace(CAST(body AS TEXT), 'flow', 'slow')")
    with (
        closing(LocalStore(path)) as store,
        pytest.raises(StoreCorruptError, match="'order_flow' does not match its checksum"),
    ):
        store.metadata("workflow_defs")


def test_a_missing_journal_is_refused_while_executions_are_open(path: Path) -> None:
    _journal(path).unlink()
    with pytest.raises(StoreCorruptError, match=r"knows 1 open executions.*is missing"):
        LocalStore(path)
    assert not _journal(path).exists()
    with closing(LocalStore(path, project=rows_of, recover=True)) as store:
        _goes_on(store)


@pytest.mark.parametrize("point", STORE_RECOVERY_POINTS)
def test_a_crash_while_a_lost_journal_is_made_anew_costs_nothing(path: Path, point: str) -> None:
    _journal(path).unlink()
    script = "import sys; from engine.store.local import LocalStore; "
    died = subprocess.run(
        [sys.executable, "-c", script + "LocalStore(sys.argv[1], recover=True)", str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT), VARIABLE: point},
    )
    assert died.returncode == -signal.SIGKILL
    with pytest.raises(StoreCorruptError, match="is missing"):
        LocalStore(path)
    with closing(LocalStore(path, project=rows_of, recover=True)) as store:
        _goes_on(store)
    assert list(path.parent.glob("*.new*")) == []


def test_what_a_lost_journal_left_behind_is_not_taken_for_the_new_ones(path: Path) -> None:
    with closing(LocalStore(path, project=rows_of)) as store:
        more = event("open", len(history("open", ended=False)) + 1, EventKind.WORKFLOW_PAUSED, {})
        store.commit(Commit(events=[more]))
        wal = path.with_name(f"{path.name}.journal-wal")
        left = wal.read_bytes()
        store.commit(Commit(removed=["open"]))
        store.commit(commit_of(history("open", ended=False)))
    _journal(path).unlink()
    wal.write_bytes(left)
    with closing(LocalStore(path, project=rows_of, recover=True)) as store:
        _goes_on(store)


def test_a_history_alone_is_enough_when_nothing_is_open(path: Path) -> None:
    with closing(LocalStore(path, project=rows_of)) as store:
        store.commit(Commit(removed=["open"]))
    _journal(path).unlink()
    with closing(LocalStore(path, project=rows_of)) as store:
        assert store.events("b") == history("b")
        assert [row.key for row in store.metadata("workflow_defs")] == ["order_flow"]
        store.commit(commit_of(history("d")))
        assert store.query("SELECT count(*) AS n FROM executions") == [{"n": 3}]
    with closing(LocalStore(path, project=rows_of)) as store:
        assert store.events("d") == history("d")


def test_files_of_different_stores_are_not_mixed(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "y.duckdb"
    LocalStore(other).close()
    _journal(other).replace(_journal(path))
    with pytest.raises(StoreCorruptError, match="different stores"):
        LocalStore(path)


def test_a_journal_older_than_the_history_is_refused(path: Path) -> None:
    old = _journal(path).read_bytes()
    with closing(LocalStore(path, project=rows_of)) as store:
        store.commit(commit_of(history("later")))
    _journal(path).write_bytes(old)
    with pytest.raises(StoreCorruptError, match="older than x.duckdb"):
        LocalStore(path)


# -- the history ---------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["header", "catalog", "cut", "empty"])
def test_a_damaged_history_is_set_aside_and_executions_go_on(
    path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    content = bytearray(path.read_bytes())
    if damage == "header":
        content[:64] = b"x" * 64
    elif damage == "catalog":
        for place in range(4096, len(content), 1024):
            content[place] ^= 0xFF
    path.write_bytes(content[:9000] if damage == "cut" else b"" if damage == "empty" else content)
    with closing(LocalStore(path, project=rows_of)) as store:
        _goes_on(store)
        assert store.query("SELECT workflow_id AS id FROM executions") == [{"id": "open"}]
        assert store.query("SELECT name FROM workflow_defs") == [{"name": "order_flow"}]
        assert store.events("b") == []
    aside = [file.name for file in path.parent.glob("x.duckdb.damaged-*")]
    assert len(aside) == 1
    assert aside[0] in caplog.text
    LocalStore(path).close()


def test_damage_in_what_was_written_last_spares_the_rest(path: Path, tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    with closing(LocalStore(path, project=rows_of)) as store:
        store.commit(commit_of(history("later")))
        store.catch_up()
        for file in (path, _journal(path), path.with_name("x.duckdb.wal")):
            shutil.copy(file, copies)
        for suffix in ("-wal", "-shm"):
            shutil.copy(f"{_journal(path)}{suffix}", copies)
    wal = copies / "x.duckdb.wal"
    content = bytearray(wal.read_bytes())
    content[len(content) // 2] ^= 0xFF
    wal.write_bytes(content)
    with closing(LocalStore(copies / "x.duckdb", project=rows_of)) as store:
        _goes_on(store)
        assert store.events("b") == history("b")
    assert len(list(copies.glob("x.duckdb.wal.damaged-*"))) == 1
    assert list(copies.glob("x.duckdb.damaged-*")) == []


def test_a_missing_history_stops_no_execution(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.unlink()
    with closing(LocalStore(path, project=rows_of)) as store:
        _goes_on(store)
        assert store.query("SELECT status FROM executions") == [{"status": "RUNNING"}]
    assert "x.duckdb is missing" in caplog.text


# -- files of others -----------------------------------------------------------------------


def test_a_file_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    foreign = tmp_path / "theirs.duckdb"
    with duckdb.connect(str(foreign)) as connection:
        connection.execute("CREATE TABLE sales (amount INT)")
    notes = tmp_path / "notes.txt"
    notes.write_text("my notes\n" * 1000)
    for file, said in ((foreign, "another program"), (notes, "not a valid DuckDB")):
        before = file.read_bytes()
        with pytest.raises(StoreError, match=said):
            LocalStore(file)
        assert file.read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["notes.txt", "theirs.duckdb"]


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="does not exist; create it first"):
        LocalStore(tmp_path / "missing" / "x.duckdb")


# -- versions ------------------------------------------------------------------------------


def test_a_history_of_a_later_version_is_refused_and_left_alone(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE store_info SET value = '99' WHERE key = 'schema_version'")
    with pytest.raises(StoreError, match=r"x\.duckdb has schema 99.*knows schemas up to"):
        LocalStore(path)
    assert list(path.parent.glob("*.damaged-*")) == []


def test_a_journal_of_a_later_version_is_refused(path: Path) -> None:
    with closing(sqlite3.connect(_journal(path))) as journal, journal:
        journal.execute("UPDATE info SET value = 99 WHERE key = 'schema_version'")
    with pytest.raises(StoreError, match=r"x\.duckdb\.journal has schema 99"):
        LocalStore(path)
