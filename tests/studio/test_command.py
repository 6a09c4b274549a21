"""The command: what it refuses, how it says so, what it loads."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading

import pytest

from engine import Engine
from engine.http_api import ApiServer
from studio.command import main
from studio.port_owner import check_port
from studio.serve_command import check_exposure
from studio.settings import Settings


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    for name in ("HOST", "PORT", "DB", "WORKERS", "OPEN", "CONNECT", "PAYLOADS"):
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


@pytest.mark.parametrize("option", [("--host", "0.0.0.0"), ("--names", "a.example"), ("--proxy",)])
def test_serving_others_without_users_is_refused_before_a_file_or_a_thread_is_made(
    capsys, tmp_path, option
):
    threads = threading.active_count()
    database = tmp_path / "folder" / "a.duckdb"
    said = refused(capsys, *option, "--port", "0", "--db", str(database), "--no-open")
    assert "conductor-studio user add NAME --role admin" in said
    assert list(tmp_path.iterdir()) == []
    assert threading.active_count() == threads


def test_a_database_without_users_is_not_started_for_others(capsys, tmp_path):
    database = str(tmp_path / "a.duckdb")
    assert main(["user", "list", "--db", database]) == 0
    threads = threading.active_count()
    said = refused(capsys, "--host", "0.0.0.0", "--port", "0", "--db", database)
    assert "nobody is configured" in said
    assert threading.active_count() == threads
    assert main(["token", "create", "ci", "--role", "viewer", "--db", database]) == 0
    check_exposure(Settings(host="0.0.0.0", db=database))


def test_a_port_taken_by_a_studio_is_said_to_be_a_studios(capsys):
    with ApiServer(Engine(threads=0).service, port=0) as server:
        error = refused(capsys, "--port", str(server.port), "--db", ":memory:", "--no-open")
    assert f"Port {server.port} is taken by a Conductor Studio that is already running" in error


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--prot", "1"), "Unknown option --prot. Did you mean --port?"),
        (("--prot=1",), "Unknown option --prot. Did you mean --port?"),
        (("--db", "--x", "pubish", "a"), "Unknown command pubish. Did you mean publish?"),
        (("run", "flow.json", "--imput", "{}"), "Unknown option --imput. Did you mean --input?"),
        (("user", "ad", "ann"), "Unknown command ad. Did you mean add?"),
        (("--zzzzz",), "Unknown option --zzzzz. See conductor-studio --help."),
        (("--port", "abc"), "Argument --port: invalid int value: 'abc'."),
        (("run",), "the following arguments are required: DEFINITION.json"),
    ],
)
def test_a_slip_on_the_command_line_is_named_with_what_was_meant(capsys, arguments, said):
    assert said.lower() in refused(capsys, *arguments).lower()


def test_free_port_passes_the_check():
    check_port("127.0.0.1", 0)


def test_server_that_does_not_answer_is_named(capsys):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        said = refused(capsys, "--connect", address, "--port", "0")
    assert f"No server answers at {address}/api" in said
    assert "is no address" in refused(capsys, "--connect", "conductor:8080")


def test_run_refuses_what_is_no_definition(capsys, tmp_path):
    file = tmp_path / "flow.json"
    assert "no such file" in refused(capsys, "run", str(file))
    file.write_text("[1, 2")
    assert "not valid JSON" in refused(capsys, "run", str(file))
    file.write_text('{\n  "name": "flow",\n  tasks: []\n}')
    assert "line 3, column 3" in refused(capsys, "run", str(file))
    file.write_text('{"name": "flow",\n "tasks": [')
    assert "line 2, column 12" in refused(capsys, "publish", str(file), "--connect", "http://x")
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


WORKERS = """
import engine

@engine.task(retry_count=0)
def price(sku: str) -> dict:
    if sku == "none":
        raise ValueError("no such sku")
    return {"total": 12.5}
"""
FLOW = {
    "name": "flow",
    "version": 1,
    "schemaVersion": 2,
    "tasks": [
        {
            "name": "price",
            "taskReferenceName": "price",
            "type": "SIMPLE",
            "inputParameters": {"sku": "${workflow.input.sku}"},
        }
    ],
    "outputParameters": {"total": "${price.output.total}"},
}


@pytest.fixture
def flow(tmp_path):
    (tmp_path / "workers.py").write_text(WORKERS)
    (tmp_path / "flow.json").write_text(json.dumps(FLOW))
    return tmp_path


def run_flow(folder, sku: str):
    return subprocess.run(
        [sys.executable, "-m", "studio.command", "run", str(folder / "flow.json")]
        + ["--workers", str(folder / "workers.py"), "--input", json.dumps({"sku": sku})],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_run_prints_the_output_as_json(flow):
    done = run_flow(flow, "tea")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"total": 12.5})


def test_run_names_the_cause_of_a_failure_and_exits_with_1(flow):
    done = run_flow(flow, "none")
    assert (done.returncode, done.stdout) == (1, "")
    assert "ValueError: no such sku" in done.stderr
    assert "in flow/price, attempt 1 of 1" in done.stderr
    assert "Traceback" not in done.stderr


def test_run_hints_at_what_looks_mistyped_and_runs_it(flow):
    slip = {**FLOW, "outputParameters": {"total": "${prise.output.total}"}}
    (flow / "flow.json").write_text(json.dumps(slip))
    done = run_flow(flow, "tea")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"total": None})
    assert done.stderr.startswith("hint: outputParameters.total: '${prise…}' names no task")
    assert "Did you mean 'price'?" in done.stderr


def test_run_says_which_task_waits_for_a_worker_that_nobody_is(flow):
    command = [sys.executable, "-m", "studio.command", "run", str(flow / "flow.json")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        said = run.stderr.readline()
        run.kill()
    assert said.startswith("price: waits for a worker, and none has asked.")


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_studio_says_where_it_is_locks_its_database_and_stops_on_interrupt(capsys, tmp_path):
    database = str(tmp_path / "history.duckdb")
    command = [sys.executable, "-m", "studio.command", "--db", database, "--port", "0", "--no-open"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as studio:
        assert studio.stdout is not None
        assert studio.stdout.readline().startswith(b"Conductor Studio is ready: http://localhost:")
        error = refused(capsys, "--db", database, "--port", "0", "--no-open")
        assert str(studio.pid) in error
        studio.send_signal(signal.SIGINT)
        output, errors = studio.communicate(timeout=30)
    assert (studio.returncode, output, errors) == (0, b"", b"")


@pytest.mark.parametrize(
    "options",
    [
        ("--oauth-provider", "google"),
        ("--names", "studio.example"),
        ("--prefix", "/studio"),
        ("--proxy",),
        ("--tls-cert", "a.pem", "--tls-key", "b.pem"),
    ],
)
def test_what_pages_over_another_server_would_not_heed_is_refused(capsys, options):
    said = refused(capsys, "--connect", "http://localhost:9/api", *options, "--no-open")
    assert f"{options[0]}" in said
    assert "can't go with --connect" in said


def test_a_provider_in_the_environment_is_not_ignored_over_another_server(capsys, monkeypatch):
    monkeypatch.setenv("CONDUCTOR_STUDIO_OAUTH_PROVIDER", "google")
    said = refused(capsys, "--connect", "http://localhost:9/api", "--no-open")
    assert "--oauth-provider can't go with --connect" in said


@pytest.mark.parametrize(
    ("options", "needed"),
    [
        (("--oauth-key", "k"), "--oauth-provider"),
        (("--oauth-roles", "a=viewer"), "--oauth-provider"),
        (("--webhook-events", "workflow.*"), "--webhook-url"),
    ],
)
def test_half_of_what_belongs_together_is_refused(capsys, tmp_path, options, needed):
    said = refused(capsys, *options, "--db", str(tmp_path / "a.duckdb"), "--no-open")
    assert f"{options[0]} needs {needed}" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("before", "command"),
    [
        (("--port", "9"), ("run", "x.json")),
        (("--connect", "http://localhost:9"), ("run", "x.json")),
        (("--workers", "w.py"), ("import", "x.json")),
        (("--host", "0.0.0.0"), ("rebuild",)),
        (("--oauth-provider", "google"), ("user", "list")),
        (("--port", "9"), ("publish", "x")),
    ],
)
def test_an_option_that_a_command_does_not_heed_is_refused(capsys, before, command):
    said = refused(capsys, *before, *command)
    assert f"{before[0]} means nothing to `conductor-studio {command[0]}`" in said
    assert "--db" in said


def test_an_option_before_its_command_counts_as_behind_it(capsys, tmp_path):
    database = str(tmp_path / "a.duckdb")
    assert main(["--db", database, "user", "list"]) == 0
