"""The files of a store are for their owner alone: they hold payloads and the signing key."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

import pytest

from engine import Engine
from engine.functions import FunctionRegistry
from engine.store import private_files

pytestmark = pytest.mark.skipif(os.name != "posix", reason="only POSIX files have modes")

STEP = {"name": "step", "taskReferenceName": "step", "type": "SIMPLE"}


def use(path: Path) -> dict[str, int]:
    """Run something in a store; the modes of its files while it is open."""
    with Engine(str(path), functions=FunctionRegistry(), http_tasks=False) as engine:
        service = engine.service
        definition = {"name": "flow", "version": 1, "tasks": [STEP]}
        service.create_workflow_def(definition, True).result(10)
        service.start_workflow({"name": "flow"}).result(10)
        assert service._signing_key()  # what must not be read
        assert service.query("SELECT count(*) AS n FROM executions", ())[0]["n"] >= 1
        return modes(path.parent)


def modes(folder: Path) -> dict[str, int]:
    return {
        file.name: stat.S_IMODE(file.stat().st_mode)
        for file in folder.iterdir()
        if file.is_file() and not file.name.endswith(".lock")
    }


def test_files_of_a_new_store_are_for_their_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        found = use(tmp_path / "orders.duckdb")
    finally:
        os.umask(before)
    assert {"orders.duckdb", "orders.duckdb.journal", "orders.duckdb.journal-wal"} <= set(found)
    assert {name: oct(mode) for name, mode in found.items() if mode & 0o077} == {}


def test_files_that_others_could_read_are_closed_when_they_are_opened(tmp_path: Path) -> None:
    path = tmp_path / "orders.duckdb"
    use(path)
    for file in tmp_path.iterdir():
        file.chmod(0o664)
    found = use(path)
    assert {name: oct(mode) for name, mode in found.items() if mode & 0o077} == {}


def test_file_system_without_modes_is_warned_of_and_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "x.journal"
    file.write_text("x")
    file.chmod(0o644)
    monkeypatch.setattr(Path, "chmod", lambda self, mode: None)  # what such a mount does
    with caplog.at_level(logging.WARNING):
        private_files.make_private(file)
        private_files.make_private(file)
    assert [record.getMessage() for record in caplog.records] == [
        f"Others on this machine may read {file}: the file system keeps no modes."
    ]
