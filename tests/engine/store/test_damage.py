"""Damaged files and failing disks: an answer is what was written, or there is none."""

from __future__ import annotations

import random
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pytest
from damaged_files import harmed
from recorded_writes import Recorder
from test_power_loss import needs_cpython

from engine.errors import EngineError, StoreCorruptError, StoreError
from engine.store.base import AuditRow, Commit, LogRow, MetadataRow
from engine.store.journal import Journal
from engine.store.local import LocalStore
from engine.testing.store_records import commit_of, history, rows_of

_NAMES = [f"w{number}" for number in range(25)]
Questions = Iterator[Callable[[], Any]]


def _commits(ended: bool) -> Iterator[Commit]:
    """Something of everything that a journal answers from."""
    for number, name in enumerate(_NAMES):
        body = {"name": f"flow{number}", "description": "d" * 200}
        commit = commit_of(history(name, steps=4, ended=ended))
        commit.metadata = [
            MetadataRow(collection="flows", key=f"f{number}", version=1, body=body, wall_ms=number)
        ]
        commit.definitions = {f"hash-{number}": b'{"name":"%d","text":"%s"}' % (number, b"y" * 200)}
        line = f"line {number} " + "z" * 100
        commit.logs = [
            LogRow(workflow_id=name, task_id=f"{name}-task-1", created_time=number, log=line)
        ]
        user = {"name": f"u{number}", "hash": "h" * 64}
        commit.protected = [
            MetadataRow(collection="users", key=f"u{number}", version=0, body=user, wall_ms=number)
        ]
        what = {"operation": "op", "object": f"o{number}", "before": None, "after": user}
        commit.audit = [AuditRow(wall_ms=number, actor="a", kind="user", address="", **what)]
        yield commit


def _journal_questions(journal: Journal) -> Questions:
    reads = journal.reads
    yield reads.open_executions
    yield lambda: reads.metadata("flows")
    yield lambda: reads.protected("users")
    yield lambda: reads.audit(0, 100, "", "", "", (0, 0))
    yield lambda: reads.events_after(0, 1000)
    yield lambda: journal.last_position
    for number, name in enumerate(_NAMES):
        yield lambda name=name: reads.events(name)  # type: ignore[misc]
        yield lambda name=name: reads.logs(f"{name}-task-1")  # type: ignore[misc]
        yield lambda number=number: reads.definition(f"hash-{number}")  # type: ignore[misc]


def _answers(questions: Questions) -> Iterator[tuple[str, Any]]:
    for ask in questions:
        try:
            yield "answer", ask()
        except EngineError as error:
            yield "refused", error


def _place(folder: Path, name: str, body: bytes) -> Path:
    for old in folder.glob(f"{name}*"):
        old.unlink()
    path = folder / name
    path.write_bytes(body)
    return path


def _damage_journals(folder: Path, seeds: range) -> None:
    with closing(Journal(folder / "whole")) as journal:
        for commit in _commits(ended=False):
            journal.commit(commit)
        good = list(_answers(_journal_questions(journal)))
    content = (folder / "whole").read_bytes()
    refused = 0
    for seed in seeds:
        what, body = harmed(content, random.Random(seed))
        path = _place(folder, "harmed", body)
        try:
            journal = Journal(path)
        except StoreError:
            refused += 1
            continue
        with closing(journal):
            for expected, found in zip(good, _answers(_journal_questions(journal)), strict=True):
                assert found[0] == "refused" or found == expected, f"seed {seed}: {what}"
    assert refused > len(seeds) // 4, "most damage is seen at the start"


def test_no_damage_to_a_journal_changes_an_answer(tmp_path: Path) -> None:
    _damage_journals(tmp_path, range(300))


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_no_damage_of_five_thousand_changes_an_answer(tmp_path: Path) -> None:
    _damage_journals(tmp_path, range(1000, 6000))


_KINDS = {
    "open_executions": "workflow_id = CAST(workflow_id AS BLOB)",
    "journalled": "workflow_id = CAST(workflow_id AS BLOB)",
    "definitions": "body = CAST(body AS TEXT)",
    "metadata": "body = CAST(body AS TEXT)",
    "logs": "log = CAST(log AS BLOB)",
    "protected": "key = CAST(key AS BLOB)",
    "audit": "after = CAST(after AS TEXT)",
    "removals": "workflow_id = CAST(workflow_id AS BLOB)",
    "events": "body = CAST(body AS TEXT)",
}
"""By table: what one flipped bit makes of a row, whose content is the same."""


def _everything(journal: Journal) -> None:
    journal.reads.open_executions()
    journal.reads.events("open")
    journal.reads.unfed(0, journal.last_position, 1000)
    journal.reads.protected("users")
    journal.reads.audit(0, 10, "", "", "", (0, 0))


@pytest.mark.parametrize("table", _KINDS)
def test_a_text_that_became_bytes_on_disk_is_never_answered(tmp_path: Path, table: str) -> None:
    path = tmp_path / "x.journal"
    user = MetadataRow(collection="users", key="ada", version=0, wall_ms=1, body={"role": "admin"})
    entry = AuditRow(
        number=0, wall_ms=1, actor="ada", kind="user", address="", operation="put",
        object="flow", before=None, after={"name": "flow"},
    )  # fmt: skip
    with closing(Journal(path)) as journal:
        journal.commit(Commit(events=history("gone")))
        journal.commit(
            Commit(
                events=history("open", ended=False),
                definitions={"hash": b"{}"},
                logs=[LogRow(workflow_id="open", task_id="t", created_time=1, log="line")],
                metadata=[msgspec.structs.replace(user, collection="workflow_defs")],
                removed=["gone"],
                protected=[user],
                audit=[entry],
            )
        )
        _everything(journal)
    with closing(sqlite3.connect(path)) as changed, changed:
        changed.execute("DROP TRIGGER audit_is_not_changed")
        assert changed.execute(f"UPDATE {table} SET {_KINDS[table]}").rowcount
    with pytest.raises(StoreCorruptError), closing(Journal(path)) as journal:
        _everything(journal)


_EMPTY_LEAF = {"protected": 0x0A, "audit": 0x0D, "metadata": 0x0D, "logs": 0x0D, "events": 0x0D}
"""By table: what its root begins with when it has no rows."""


@pytest.mark.parametrize("table", _EMPTY_LEAF)
def test_rows_lost_with_their_page_are_noticed_at_the_start(tmp_path: Path, table: str) -> None:
    path = tmp_path / "x.journal"
    with closing(Journal(path)) as journal:
        for commit in islice(_commits(ended=False), 2):
            journal.commit(commit)
    with closing(sqlite3.connect(path)) as looked:
        where = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        [page] = looked.execute(where, (table,)).fetchone()
        [size] = looked.execute("PRAGMA page_size").fetchone()
    content = bytearray(path.read_bytes())
    head = struct.pack(">BHHHB", _EMPTY_LEAF[table], 0, 0, size, 0)
    content[(page - 1) * size : page * size] = head.ljust(size, b"\0")
    path.write_bytes(content)
    with pytest.raises(StoreCorruptError):
        Journal(path)


def _store_questions(store: LocalStore) -> Questions:
    yield lambda: store.query("SELECT * FROM executions ORDER BY workflow_id")
    yield lambda: store.query("SELECT * FROM tasks ORDER BY task_id")
    yield lambda: store.query("SELECT * FROM logs ORDER BY ALL")
    for number, name in enumerate(_NAMES):
        yield lambda name=name: store.events(name)  # type: ignore[misc]
        yield lambda number=number: store.definition(f"hash-{number}")  # type: ignore[misc]


@pytest.mark.slow
def test_no_damage_to_a_history_changes_an_answer(tmp_path: Path) -> None:
    """It is refused, or set aside for all to see; what then is not there is not made up."""
    whole = tmp_path / "whole.duckdb"
    with closing(LocalStore(whole, project=rows_of)) as store:
        for commit in _commits(ended=True):
            store.commit(commit)
        good = list(_answers(_store_questions(store)))
    contents = {suffix: Path(f"{whole}{suffix}").read_bytes() for suffix in ("", ".journal")}
    for seed in range(25):
        what, body = harmed(contents[""], random.Random(seed))
        _place(tmp_path, "harmed.duckdb", body)
        (tmp_path / "harmed.duckdb.journal").write_bytes(contents[".journal"])
        try:
            store = LocalStore(tmp_path / "harmed.duckdb", project=rows_of)
        except StoreError:
            continue
        with closing(store):
            found = list(_answers(_store_questions(store)))
        is_aside = bool(list(tmp_path.glob("harmed.duckdb.damaged-*")))
        for expected, (how, answer) in zip(good, found, strict=True):
            is_absent = is_aside and not answer
            assert how == "refused" or is_absent or answer == expected[1], f"seed {seed}: {what}"


@needs_cpython
@pytest.mark.parametrize("what", ["write", "sync"])
def test_a_commit_that_the_disk_refuses_is_refused_and_nothing_of_it_is_there(
    tmp_path: Path, what: str
) -> None:
    """Disk full and input/output errors, at each call of a commit in turn."""
    full, io_error = 13, 10
    with closing(Journal(tmp_path / "j")) as journal:
        journal.prune(0)
        recorder = Recorder(tmp_path / "j")
        recorder.attach(journal._writer)
        acknowledged: list[str] = []
        refused = 0
        for number in range(120):
            recorder.fail(what, after=number % 9, status=(full, io_error)[number % 2])
            name = f"w{number}"
            try:
                journal.commit(commit_of(history(name, steps=2, ended=False)))
            except EngineError:
                refused += 1
                assert journal.reads.events(name) == []
            else:
                acknowledged.append(name)
        recorder.fail(what, after=-1, status=0)
        assert refused > 5
        assert journal.reads.open_executions() == acknowledged
    with closing(Journal(tmp_path / "j", suspicious=True)) as journal:
        assert journal.reads.open_executions() == acknowledged
        for name in acknowledged:
            assert journal.reads.events(name) == history(name, steps=2, ended=False)
