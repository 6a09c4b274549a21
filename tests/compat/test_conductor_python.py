"""The official Python SDK, unchanged and in processes of its own, against this server."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from engine import Engine
from engine.functions import FunctionRegistry
from engine.http_api.server import serve_api

PROGRAM = Path(__file__).with_name("sdk_program.py")
TAGS_PROGRAM = Path(__file__).with_name("sdk_tags_program.py")

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("conductor") is None, reason="needs the package conductor-python"
)


CLIENTS_PROGRAM = Path(__file__).with_name("sdk_clients_program.py")


@pytest.fixture
def url() -> Iterator[str]:
    with Engine(threads=0) as engine, serve_api(engine.service, port=0) as server:
        yield server.url


@contextmanager
def sdk_workers(url: str, folder: Path) -> Iterator[Path]:
    """The SDK's workers, until the block ends; the file is what they say."""
    log = folder / "worker.log"
    with log.open("wb") as said:
        # A session of its own: the SDK runs each worker in a further process.
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), url, "work"],
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=folder,
        )
    try:
        yield log
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def worker(url: str, tmp_path: Path) -> Iterator[Path]:
    """The SDK's workers; the file is what they say."""
    with sdk_workers(url, tmp_path) as log:
        yield log


def ran(url: str, worker: Path, command: str) -> dict[str, Any]:
    """What the program saw of the execution that its workers worked for."""
    done = subprocess.run(
        [sys.executable, str(PROGRAM), url, command],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        cwd=worker.parent,
    )
    said = worker.read_text(errors="replace")[-4000:]
    assert done.returncode == 0, done.stderr[-4000:] + said
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert found["status"] == "COMPLETED", f"{found}\n{said}"
    assert found["output"] == {"shipped": "shipped shipped A7-1"}
    return found


def test_sdk_workers_complete_a_workflow_with_a_retry_a_fork_and_a_long_task(
    url: str, worker: Path
) -> None:
    found = ran(url, worker, "run")
    assert sorted(found["tasks"]) == sorted(
        [
            ["reserve", "FAILED", 0],
            ["reserve", "COMPLETED", 1],
            ["prices", "COMPLETED", 0],
            ["price_pen", "COMPLETED", 0],
            ["price_ink", "COMPLETED", 0],
            ["priced", "COMPLETED", 0],
            ["weigh", "COMPLETED", 0],
            ["ship", "COMPLETED", 0],
            ["ship_again", "COMPLETED", 0],
        ]
    )


@pytest.fixture
def without_update_v2(monkeypatch: pytest.MonkeyPatch) -> None:
    """The API of an older server."""
    # By its name: the package has a function of the same one.
    table = sys.modules["engine.http_api.routes"]
    older = tuple(one for one in table.ROUTES if not one.path.endswith("/update-v2"))
    monkeypatch.setattr(table, "ROUTES", older)


@pytest.mark.long
def test_sdk_workers_fall_back_where_there_is_no_update_v2(
    without_update_v2: None, url: str, worker: Path
) -> None:
    # Its async workers don't: they meet the 405 of a known path and give the update up.
    ran(url, worker, "run_sync")
    assert "does not support update-task-v2" in worker.read_text(errors="replace")


def test_sdk_clients_see_what_they_expect(tmp_path: Path) -> None:
    functions = FunctionRegistry()
    with Engine(threads=0, functions=functions) as engine, serve_api(engine.service, port=0) as api:
        done = subprocess.run(
            [sys.executable, str(CLIENTS_PROGRAM), api.url],
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
            cwd=tmp_path,
        )
    assert done.returncode == 0, done.stderr[-4000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["definitions"] == {
        "retries": 2,
        "tasks": ["cl_pay"],
        "all": ["cl_flow"],
        "gone": 404,
        "never": 404,
        "invalid": 400,
        "twice": 409,
    }
    assert told["executions"] == {
        "paused": "PAUSED",
        "waiting": 1,
        "completed": ["COMPLETED", {"receipt": 7}],
        "logs": ["half way"],
        "polled_by": ["cl-worker"],
        "found": [True],
        "terminated": "TERMINATED",
        "again": ["RUNNING", {"n": 2}],
        "by_reference": ["COMPLETED", {"result": {"receipt": 8}}],
        "related": {"cl": 1},
        "deleted": 404,
        "nothing": None,
    }
    day = 24 * 3600 * 1000
    assert told["schedules"] == {
        "cron": "0 0 6 * * *",
        "known": ["cl_daily"],
        "paused": True,
        "resumed": False,
        "times": [day, day],
        "deleted": 404,
    }
    assert told["events"] == {"known": ["cl_handler"], "heard": ["COMPLETED"], "left": 0}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Engine, str]]:
    """A server where everybody says who they are; the SDK finds its key in the environment."""
    functions = FunctionRegistry()
    with Engine(threads=0, functions=functions) as engine, serve_api(engine.service, port=0) as api:
        made = engine.service.create_api_key("sdk", "author").result(10)
        monkeypatch.setenv("CONDUCTOR_AUTH_KEY", made["keyId"])
        monkeypatch.setenv("CONDUCTOR_AUTH_SECRET", made["keySecret"])
        yield engine, api.url


def clients_program(url: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(CLIENTS_PROGRAM), url],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        cwd=folder,
    )


def test_sdk_clients_exchange_key_and_secret_for_a_token(
    account: tuple[Engine, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, url = account
    done = clients_program(url, tmp_path)
    assert done.returncode == 0, done.stderr[-4000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["executions"]["completed"] == ["COMPLETED", {"receipt": 7}]
    assert told["events"]["heard"] == ["COMPLETED"]
    actors = {row.actor for row in engine.service.audit() if row.kind == "api key"}
    assert actors == {"user:sdk"}, "whatever it changed, the audit names its key"

    monkeypatch.setenv("CONDUCTOR_AUTH_SECRET", "another")
    refused = clients_program(url, tmp_path)
    assert refused.returncode != 0
    assert "COMPLETED" not in refused.stdout


def test_sdk_workers_poll_and_report_with_a_token(
    account: tuple[Engine, str], tmp_path: Path
) -> None:
    engine, url = account
    with sdk_workers(url, tmp_path) as log:
        step = {"name": "sdk_ship", "taskReferenceName": "ship", "type": "SIMPLE",
                "inputParameters": {"reservation": "A7"}}  # fmt: skip
        engine.service.create_workflow_def({"name": "f", "version": 1, "tasks": [step]}).result(10)
        found = engine.service.execute_workflow({"name": "f"}, wait_seconds=60).result(90)
    assert found["status"] == "COMPLETED", log.read_text(errors="replace")[-3000:]


def test_sdk_sets_changes_and_reads_tags(url: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(TAGS_PROGRAM), url],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "workflow": ["owner"],
        "task": ["team"],
        "schedule": ["team"],
    }
