"""The command: what it refuses, how it says so, what it loads."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from studio.command import main
from studio.port_owner import check_port


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    for name in ("HOST", "PORT", "DB", "WORKERS", "OPEN", "CONNECT"):
        monkeypatch.delenv(f"CONDUCTOR_STUDIO_{name}", raising=False)


def refused(capsys, *arguments: str) -> str:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_busy_port_is_refused_in_one_line_that_names_the_owner_and_a_way_on(capsys):
    with socket.socket() as owner:
        owner.bind(("127.0.0.1", 0))
        owner.listen()
        port = owner.getsockname()[1]
        error = refused(capsys, "--port", str(port), "--db", ":memory:", "--no-open")
    assert f"Port {port} is taken" in error
    assert f"--port {port + 1}" in error
    if sys.platform == "linux":
        assert "process" in error


def test_free_port_passes_the_check():
    check_port("127.0.0.1", 0)


def test_connect_is_refused_with_a_way_on(capsys):
    assert "not in this version" in refused(capsys, "--connect", "http://conductor:8080")


def test_run_refuses_what_is_no_definition(capsys, tmp_path):
    file = tmp_path / "flow.json"
    assert "no such file" in refused(capsys, "run", str(file))
    file.write_text("[1, 2")
    assert "not valid JSON" in refused(capsys, "run", str(file))
    file.write_text('{"tasks": []}')
    assert "no workflow definition" in refused(capsys, "run", str(file))
    file.write_text('{"name": "flow", "tasks": []}')
    assert "--input" in refused(capsys, "run", str(file), "--input", "[1]")


def test_rebuild_refuses_a_database_that_is_not_there(capsys, tmp_path):
    assert "no database" in refused(capsys, "rebuild", "--db", str(tmp_path / "none.duckdb"))


def test_file_of_workers_that_does_not_import_is_named(capsys, tmp_path):
    workers = tmp_path / "broken_workers.py"
    workers.write_text("import nothing_of_that_name\n")
    error = refused(capsys, "--workers", str(workers), "--db", ":memory:", "--port", "0")
    assert "broken_workers.py" in error
    assert "nothing_of_that_name" in error


def test_options_before_a_subcommand_are_kept(capsys, tmp_path):
    missing = str(tmp_path / "none.duckdb")
    assert missing in refused(capsys, "--db", missing, "rebuild")


def test_help_and_version_load_neither_panel_nor_duckdb():
    code = (
        "import sys, studio.command as c\n"
        "try: c.main(['--version'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('panel', 'bokeh', 'tornado', 'duckdb', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert done.stdout.startswith("conductor-studio ")
