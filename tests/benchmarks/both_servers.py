"""Our server and a real Conductor server, each started in a process of its own and ended again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

_ROOT: Final = Path(__file__).resolve().parents[2]
_START_SECONDS: Final = 240.0
_END_SECONDS: Final = 20.0
ORACLE: Final = "CONDUCTOR_ORACLE"
"""Variable that names the script which starts a real server: ``SCRIPT PORT FOLDER``."""


class NotHereError(Exception):
    """The real server can't be started here; the text says what is missing."""


class Ours:
    """Our server, and what its process tells of itself."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        """Of ``ours``."""
        self._process = process
        self.url = url

    def look(self) -> dict[str, Any]:
        """``late_ms``, the samples of the loop's lag since the last look, and ``cpu_seconds``."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("look\n")
        self._process.stdin.flush()
        told: dict[str, Any] = json.loads(self._process.stdout.readline())
        return told


@contextmanager
def ours() -> Iterator[Ours]:
    """Our server on a free port, over a file in a temporary folder."""
    command = [sys.executable, "-m", "tests.benchmarks.served"]
    with subprocess.Popen(
        command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            raise RuntimeError("Our server did not start; its errors stand above.")
        try:
            yield Ours(process, url)
        finally:
            process.stdin.close()
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def theirs() -> Iterator[str]:
    """A real server on a free port, over a temporary folder; its address.

    Raises:
        NotHereError: Its script is not here, or it did not start.
    """
    script = oracle()
    port = _free_port()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(
            [str(script), str(port), folder], start_new_session=True, stderr=subprocess.DEVNULL
        )
        try:
            url = f"http://127.0.0.1:{port}/api"
            _wait_for(f"{url}/metadata/taskdefs", process, Path(folder) / "server.log")
            yield url
        finally:
            _end(process)


def oracle() -> Path:
    """The script that starts a real server.

    Raises:
        NotHereError: There is none.
    """
    named = os.environ.get(ORACLE)
    script = Path(named or _ROOT.parent / "shared" / "conformance" / "oracle.sh")
    if not script.is_file():
        raise NotHereError(
            f"There is no {script}; name a script in {ORACLE} that starts a Conductor server as "
            "SCRIPT PORT FOLDER, or give the address of one that runs with --theirs."
        )
    return script


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise NotHereError(f"The real server ended at once: {_end_of(log)}")
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise NotHereError(f"The real server did not answer in {_START_SECONDS:.0f} s.")


def _end_of(log: Path) -> str:
    try:
        return log.read_text(encoding="utf-8", errors="replace")[-500:]
    except OSError:
        return "it left no log (a JDK of version 21 or newer and its jar are needed)."


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the script with what it has started: it leads a session of its own."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, how)
        except ProcessLookupError:
            return
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        return


def _free_port() -> int:
    """A port that is free together with the one a thousand above, which the script takes too."""
    while True:
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            if port + 1000 > 65535:
                continue
            with socket.socket() as second:
                try:
                    second.bind(("127.0.0.1", port + 1000))
                except OSError:
                    continue
                return port
