"""A commit returns after the disk has it: looked at from outside, system call by system call."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from msgspec import structs

from engine.core.payloads import EXTERNAL
from engine.store.journal import Journal
from engine.store.local import LocalStore
from engine.store.opening import with_payloads
from engine.testing.store_records import commit_of, history

_COMMITS = 5
_PROGRAM = f"""
import os, sys
from engine.store.local import LocalStore
from engine.testing.store_records import commit_of, history
store = LocalStore(sys.argv[1])
os.write(1, b"opened\\n")
for number in range({_COMMITS}):
    store.commit(commit_of(history(f"w{{number}}", ended=False)))
    os.write(1, b"acknowledged\\n")
os._exit(0)
"""


def test_the_connection_that_commits_waits_for_the_disk(tmp_path: Path) -> None:
    with closing(Journal(tmp_path / "j")) as journal:
        assert journal._writer.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
        assert journal._writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_every_commit_is_synced_before_it_is_acknowledged(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    calls = "trace=write,fsync,fdatasync"
    command = ["strace", "-f", "-y", "-e", calls, "-o", str(trace), sys.executable]
    database = str(tmp_path / "a.duckdb")
    done = subprocess.run([*command, "-c", _PROGRAM, database], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"strace is not allowed here: {done.stderr[-200:]}")
    after_opening = trace.read_text().split("opened", 1)[1]
    rounds = after_opening.split("acknowledged")[:-1]
    assert len(rounds) == _COMMITS
    for text in rounds:
        assert re.search(r"f(data)?sync\(\d+<[^>]*\.journal-wal>", text), text


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_the_history_is_synced_before_the_journal_may_forget_what_it_took(tmp_path: Path) -> None:
    program = _PROGRAM.replace("os._exit", "store.catch_up()\nos.write(1, b'fed\\n')\nos._exit")
    trace = tmp_path / "trace"
    command = ["strace", "-f", "-y", "-e", "trace=write,fsync,fdatasync", "-o", str(trace)]
    command += [sys.executable, "-c", program, str(tmp_path / "a.duckdb")]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"strace is not allowed here: {done.stderr[-200:]}")
    feeding = trace.read_text().split("acknowledged")[-1].split('"fed')[0]
    assert re.search(r"f(data)?sync\(\d+<[^>]*\.duckdb\.wal>", feeding), feeding


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs names of open files")
def test_a_large_payload_is_on_the_disk_before_the_event_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    sync = os.fsync

    def noted(handle: int) -> None:
        sync(handle)
        said.append(Path(os.readlink(f"/proc/self/fd/{handle}")).name)

    database = tmp_path / "a.duckdb"
    name = "task/output/w0/3.json"
    with closing(LocalStore(database)) as inner:
        store = with_payloads(inner, database, None)
        events = history("w0", ended=False)
        data = {"status": "COMPLETED", "output": {"big": "x" * 9000}, EXTERNAL: {"output": name}}
        events[2] = structs.replace(events[2], data=data)
        commit = inner._journal.commit

        def noted_commit(*records: object) -> int:
            said.append("journal")
            return commit(*records)  # type: ignore[arg-type]

        monkeypatch.setattr(os, "fsync", noted)
        monkeypatch.setattr(inner._journal, "commit", noted_commit)
        store.commit(commit_of(events))
        assert said[0].startswith(".3.json."), "the payload, under the name it is written by"
        assert said[1:] == ["w0", "journal"], "then its folder, then the event"
        assert store.events("w0") == events


def test_what_was_committed_is_there_after_the_process_is_gone(tmp_path: Path) -> None:
    database = tmp_path / "a.duckdb"
    subprocess.run([sys.executable, "-c", _PROGRAM, str(database)], check=True, capture_output=True)
    with closing(LocalStore(database)) as store:
        assert len(store.open_executions()) == _COMMITS
        expected = commit_of(history("w0", ended=False)).events
        assert store.events("w0") == expected
