"""Rounds of start, work, kill over one store; the parent is a worker over HTTP meanwhile."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import IO, Any

from crash_flows import FLOWS_VARIABLE, REMOTE_TASK
from side_file import SideFile

from engine.store.faults import STORE_CLOSING_POINTS, VARIABLE

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[2]
_START_SECONDS = 30.0
_DIE_SECONDS = 20.0
_FINISH_SECONDS = 90.0
_STARTS_PER_ROUND = 40


@dataclasses.dataclass
class Rounds:
    """What happened in all rounds."""

    named: list[str] = dataclasses.field(default_factory=list)
    """Fault points at which the process died by itself."""
    random_kills: int = 0
    journalled: dict[tuple[str, int], bytes] = dataclasses.field(default_factory=dict)
    """Every event that a journal held when its process was dead."""
    events_unfed: int = 0
    """Events that were only in the journal, summed over all kills."""


class CrashRounds:
    """One store, many processes one after the other. Use as a context manager."""

    def __init__(
        self,
        folder: Path,
        seed: int,
        child: Path = _HERE / "crash_child.py",
        flows: tuple[str, ...] = (),
    ) -> None:
        """Prepare to run ``child`` over files in ``folder``; ``seed`` chooses the moments.

        ``flows`` are the workflows it starts, all without any.
        """
        self._flows = flows
        self.folder = folder
        self.seen = Rounds()
        self._child = child
        self._random = random.Random(seed)
        self._next_number = 0
        self._worker = RemoteWorker(folder, SideFile(folder / "parent.jsonl"), seed)

    def __enter__(self) -> CrashRounds:
        """Start the worker over HTTP."""
        self._worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the worker."""
        self._worker.close()

    def die_at(self, point: str, passes: int) -> None:
        """Run a process until it passes a fault point for the given time, where it dies."""
        more = ["finish"] if point in STORE_CLOSING_POINTS else []
        process = self._run({VARIABLE: f"{point}:{passes}"}, *more)
        try:
            process.wait(_FINISH_SECONDS if more else _DIE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"{point} was not passed {passes} times.") from None
        finally:
            self._buried(process)
        assert process.returncode == -signal.SIGKILL, f"{point}: exit {process.returncode}"
        self.seen.named.append(point)

    def kill(self) -> None:
        """Run a process and kill it at a random moment, mostly at work, at times at its start."""
        process = self._run({})
        if self._random.random() < 0.85:
            said = _first_line(process)
            assert said == "ready", f"It died at its start; see {self.folder}/child.log"
            time.sleep(self._random.uniform(0.0, 0.7))
        else:
            time.sleep(self._random.uniform(0.2, 1.2))
        process.kill()
        self._buried(process)
        self.seen.random_kills += 1

    def finish(self) -> None:
        """Run a last process until every execution has ended and the store is closed."""
        process = self._run({}, "finish")
        try:
            said, _ = process.communicate(timeout=_FINISH_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise AssertionError("The last process did not come to an end.") from None
        assert process.returncode == 0, f"exit {process.returncode}: {said!r}"

    def _run(self, environment: dict[str, str], *more: str) -> subprocess.Popen[bytes]:
        (self.folder / "url").unlink(missing_ok=True)
        first, self._next_number = self._next_number, self._next_number + _STARTS_PER_ROUND
        command = [sys.executable, str(self._child), str(self.folder), str(first)]
        command += [str(_STARTS_PER_ROUND), *more]
        log: IO[bytes]
        with (self.folder / "child.log").open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=_ROOT,
                env={**os.environ, "PYTHONPATH": os.pathsep.join((str(_HERE), str(_ROOT))),
                     FLOWS_VARIABLE: ",".join(self._flows), **environment},
                stdout=subprocess.PIPE,
                stderr=log,
            )  # fmt: skip

    def _buried(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for a killed process and look at the journal it left."""
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()
        events, fed = _journal_events(self.folder / "crash.duckdb.journal")
        self.seen.journalled.update({key: body for key, (_, body) in events.items()})
        self.seen.events_unfed += sum(1 for position, _ in events.values() if position > fed)


def _first_line(process: subprocess.Popen[bytes]) -> str:
    """The first line the process says; an empty text if it ended without one."""
    assert process.stdout is not None
    timer = threading.Timer(_START_SECONDS, process.kill)
    timer.start()
    try:
        return process.stdout.readline().decode().strip()
    finally:
        timer.cancel()
        timer.join()


def _journal_events(path: Path) -> tuple[dict[tuple[str, int], tuple[int, bytes]], int]:
    """Events of a dead process's journal, read from a copy: the next start recovers the file."""
    if not path.exists():
        return {}, 0
    with tempfile.TemporaryDirectory() as folder:
        for suffix in ("", "-wal"):
            source = path.with_name(path.name + suffix)
            if source.exists():
                shutil.copy(source, Path(folder) / f"copy{suffix}")
        connection = sqlite3.connect(Path(folder) / "copy")
        try:
            rows = connection.execute("SELECT workflow_id, number, position, body FROM events")
            events = {(row[0], row[1]): (row[2], row[3]) for row in rows}
            fed = connection.execute("SELECT value FROM info WHERE key = 'fed_position'").fetchone()
        except sqlite3.OperationalError:  # killed before the first schema was written
            return {}, 0
        finally:
            connection.close()
    return events, int(fed[0]) if fed else 0


class RemoteWorker:
    """A worker in another process than the engine: polls, updates, at times twice."""

    def __init__(self, folder: Path, side: SideFile, seed: int) -> None:
        """Works for whatever engine is at the address in ``folder``."""
        self._folder = folder
        self._side = side
        self._random = random.Random(seed + 1)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="remote-worker", daemon=True)

    def start(self) -> None:
        """Begin to poll."""
        self._thread.start()

    def close(self) -> None:
        """Stop and wait for the thread."""
        self._closing.set()
        self._thread.join(15)
        self._side.close()

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                url = (self._folder / "url").read_text(encoding="utf-8")
                tasks = _get(f"{url}/tasks/poll/batch/{REMOTE_TASK}?count=10&timeout=100")
                for task in tasks:
                    self._complete(url, task)
            except (OSError, ValueError):  # nobody there, or killed in the midst of an answer
                self._closing.wait(0.02)

    def _complete(self, url: str, task: dict[str, Any]) -> None:
        self._update(url, task)
        if self._random.random() < 0.3:  # says it again, with another result
            self._update(url, task)

    def _update(self, url: str, task: dict[str, Any]) -> None:
        facts = {
            "workflow_id": task["workflowInstanceId"],
            "task_id": task["taskId"],
            "status": "COMPLETED",
            "proof": str(uuid.uuid4()),
        }
        body = {
            "workflowInstanceId": facts["workflow_id"],
            "taskId": facts["task_id"],
            "status": "COMPLETED",
            "workerId": "remote",
            "outputData": {"proof": facts["proof"]},
        }
        self._side.note("sent", **facts)
        _post(f"{url}/tasks", body)
        self._side.note("updated", **facts)


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.loads(answer.read())


def _post(url: str, body: dict[str, Any]) -> bytes:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=5) as answer:
        taken: bytes = answer.read()
        return taken
