"""The official Python SDK, unchanged and in processes of its own, against this server."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import Engine
from engine.http_api.server import serve_api

PROGRAM = Path(__file__).with_name("sdk_program.py")

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("conductor") is None, reason="needs the package conductor-python"
)


@pytest.fixture
def url() -> Iterator[str]:
    with Engine(threads=0) as engine, serve_api(engine.service, port=0) as server:
        yield server.url


@pytest.fixture
def worker(url: str, tmp_path: Path) -> Iterator[Path]:
    """The SDK's workers; the file is what they say."""
    log = tmp_path / "worker.log"
    with log.open("wb") as said:
        # A session of its own: the SDK runs each worker in a further process.
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), url, "work"],
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=tmp_path,
        )
        yield log
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_sdk_workers_complete_a_workflow_with_a_retry_and_a_fork(url: str, worker: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), url, "run"],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        cwd=worker.parent,
    )
    said = worker.read_text(errors="replace")[-4000:]
    assert done.returncode == 0, done.stderr[-4000:] + said
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["status"] == "COMPLETED", f"{found}\n{said}"
    assert found["output"] == {"shipped": "shipped shipped A7-1"}
    assert sorted(found["tasks"]) == sorted(
        [
            ["reserve", "FAILED", 0],
            ["reserve", "COMPLETED", 1],
            ["prices", "COMPLETED", 0],
            ["price_pen", "COMPLETED", 0],
            ["price_ink", "COMPLETED", 0],
            ["priced", "COMPLETED", 0],
            ["ship", "COMPLETED", 0],
            ["ship_again", "COMPLETED", 0],
        ]
    )
