"""A hundred thousand open executions that wait, half for a moment, half for a worker.

The numbers of memory are those of a process of its own: one that opens a store with all of them,
less one that opens an empty store.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Final

from engine.facade import Engine
from engine.functions import FunctionRegistry, task

from .figures import Figure, percentile

EXECUTIONS: Final = 100_000
_IN_FLIGHT: Final = 200
_POLLS: Final = 300
_WATCHED_SECONDS: Final = 5.0
_ROOT: Final = Path(__file__).resolve().parents[2]


def measure(executions: int = EXECUTIONS) -> list[Figure]:
    """Bytes for an idle execution, seconds of a start, polls and steps beside them."""
    with tempfile.TemporaryDirectory() as folder:
        empty = _child(Path(folder) / "empty.duckdb", "open")
        db = Path(folder) / "idle.duckdb"
        filled = _child(db, f"fill {executions}")
        opened = _child(db, "open")
    name = f"{executions:,} idle"
    kilobytes = (opened["rss_kb"] - empty["rss_kb"]) / executions
    lived = (filled["rss_kb"] - empty["rss_kb"]) / executions
    return [
        Figure(f"{name}: starts", executions / filled["seconds"], "starts/s"),
        Figure(f"{name}: memory for one, in the process that started them", lived, "KB", 3),
        Figure(f"{name}: memory for one, after a restart", kilobytes, "KB", 3),
        Figure(f"{name}: start of the process", opened["open_seconds"], "s", 10),
        Figure(f"{name}: CPU while nothing is due", 100 * opened["cpu_share"], "% of a core"),
        Figure("none idle: poll that finds a task, p50", empty["poll_ms"], "ms"),
        Figure(f"{name}: poll that finds a task, p50", opened["poll_ms"], "ms"),
        Figure("none idle: one 1-step execution, p50", empty["step_ms"], "ms"),
        Figure(f"{name}: one 1-step execution, p50", opened["step_ms"], "ms"),
    ]


def _child(db: Path, what: str) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.idle", str(db), *what.split()]
    said = subprocess.run(command, cwd=_ROOT, check=True, capture_output=True, timeout=900)
    figures: dict[str, float] = json.loads(said.stdout.splitlines()[-1])
    return figures


def _fill(engine: Engine, executions: int) -> dict[str, float]:
    room = threading.Semaphore(_IN_FLIGHT)
    begun = time.perf_counter()
    for number in range(executions):
        room.acquire()
        name = "bench_waits" if number % 2 else "bench_works"
        request = {"name": name, "version": 1, "input": {"n": number}}
        engine.service.start_workflow(request).add_done_callback(lambda _: room.release())
    for _ in range(_IN_FLIGHT):
        room.acquire()
    seconds = time.perf_counter() - begun
    engine.service.query("SELECT 1")
    return {"seconds": seconds}


def _latencies(engine: Engine) -> dict[str, float]:
    """Milliseconds of a poll that finds an idle task, and of a whole execution of one step."""
    polls, steps = [], []
    for number in range(_POLLS):
        wanted = "bench_idle_step"
        if not engine.service.queue_sizes([wanted])[wanted]:  # the empty store
            engine.service.start_workflow({"name": "bench_works", "input": {"n": number}}).result()
        begun = time.perf_counter()
        found = engine.service.poll(wanted, "bench", None, 1, 0).result()
        polls.append(1000 * (time.perf_counter() - begun))
        assert len(found) == 1
    for number in range(_POLLS):
        begun = time.perf_counter()
        engine.run("bench_one", {"n": number})
        steps.append(1000 * (time.perf_counter() - begun))
    return {"poll_ms": percentile(polls, 0.5), "step_ms": percentile(steps, 0.5)}


def _define(engine: Engine) -> None:
    wait: dict[str, Any] = {"type": "WAIT", "inputParameters": {"duration": "9 hours"}}
    works = {"type": "SIMPLE", "inputParameters": {"n": "${workflow.input.n}"}}
    for name, kind, task_name in (
        ("bench_waits", wait, "pause"),
        ("bench_works", works, "bench_idle_step"),
        ("bench_one", works, "bench_step"),
    ):
        only = {"name": task_name, "taskReferenceName": "only", **kind}
        body = {"name": name, "version": 1, "schemaVersion": 2, "tasks": [only]}
        engine.service.create_workflow_def(body, overwrite=True).result(30)


def rss_kb() -> int:
    """Resident memory of this process."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def main(db: str, what: str, executions: int = 0) -> None:
    """Run in a process of its own: fill a store, or open one and look around."""
    functions = FunctionRegistry()
    task("bench_step", registry=functions)(_step)
    begun = time.perf_counter()
    with Engine(db, functions=functions) as engine:
        figures = {"open_seconds": time.perf_counter() - begun}
        if what == "fill":
            _define(engine)
            figures |= _fill(engine, executions)
            figures["rss_kb"] = rss_kb()
        else:
            engine.service.query("SELECT 1")
            figures["rss_kb"] = rss_kb()
            cpu = time.process_time()
            time.sleep(_WATCHED_SECONDS)
            figures["cpu_share"] = (time.process_time() - cpu) / _WATCHED_SECONDS
            _define(engine)
            figures |= _latencies(engine)
        print(json.dumps(figures))


def _step(n: int) -> dict[str, Any]:
    return {"n": n + 1}


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
