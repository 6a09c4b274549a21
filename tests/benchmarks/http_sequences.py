"""Throughput over HTTP: ten-step executions, a hundred in flight, a worker in another process."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from .figures import Figure, loop_lag
from .stage import Stage

_EXECUTIONS = 400
_ROOT = Path(__file__).resolve().parents[2]


def measure(stage: Stage) -> list[Figure]:
    """Steps a second with batch poll and update, and with update-v2; lag during both."""
    stage.settle()
    poll, cpu_ms = _run(stage, "poll")
    v2, _ = _run(stage, "v2")
    lag_ms = stage.lag_p99_ms()
    return [
        Figure("HTTP: 10 steps, 100 in flight, batch poll", poll, "steps/s", 1_000, True),
        Figure("HTTP: the same with update-v2", v2, "steps/s", 1_000, True),
        Figure("HTTP: CPU a step in the engine's process", cpu_ms, "ms"),
        loop_lag("HTTP", lag_ms),
    ]


def _run(stage: Stage, mode: str) -> tuple[float, float]:
    address = urlsplit(stage.url)
    command = [sys.executable, "-m", "tests.benchmarks.http_worker", address.hostname or ""]
    command += [str(address.port), mode, str(_EXECUTIONS)]
    cpu = time.process_time()
    said = subprocess.run(command, cwd=_ROOT, check=True, capture_output=True, timeout=120)
    cpu = time.process_time() - cpu
    figures = json.loads(said.stdout)
    # The warm-up is a tenth more.
    return figures["steps"] / figures["seconds"], 1000 * cpu / (1.1 * figures["steps"])
