"""What the figures were measured on, and two yardsticks to read them by."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sqlite3
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import engine

from .figures import percentile

_PACKAGES = ("duckdb", "msgspec", "tornado", "panel", "bokeh", "quickjs-ng", "pydantic")
_LOOPS = 2_000_000
_COMMITS = 300


def facts() -> dict[str, Any]:
    """Cores, system, versions, load before the run, and the two yardsticks."""
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0,
        "cpu": _cpu_name(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "switch_interval_ms": sys.getswitchinterval() * 1000,
        "sqlite": sqlite3.sqlite_version,
        **{name: _version(name) for name in _PACKAGES},
        "engine": str(Path(engine.__file__).resolve().parent),
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "python_loops_per_us": round(_python_speed(), 1),
        "sqlite_commit_ms": round(_commit_ms(), 3),
    }


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def _python_speed() -> float:
    """Rounds of an empty counting loop in a microsecond of CPU time."""
    begun = time.process_time()
    for _ in range(_LOOPS):
        pass
    return _LOOPS / (time.process_time() - begun) / 1e6


def _commit_ms() -> float:
    """Median of a SQLite commit of one small row as the journal makes them."""
    took = []
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "yardstick", isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, body BLOB)")
            for number in range(_COMMITS):
                begun = time.perf_counter()
                connection.execute("INSERT INTO t VALUES (?, ?)", (number, b"x" * 400))
                took.append(time.perf_counter() - begun)
        finally:
            connection.close()
    return 1000 * percentile(took, 0.5)


class Others:
    """How busy other processes keep the machine; Linux only."""

    def __init__(self) -> None:
        """Begin to look."""
        self._begun = time.perf_counter()
        self._all, self._own = _busy_seconds(), _own_seconds()

    def cores(self) -> float | None:
        """Cores that others have used on average since the beginning; None where unknown."""
        busy = _busy_seconds()
        if busy is None or self._all is None:
            return None
        others = busy - self._all - (_own_seconds() - self._own)
        return max(0.0, others / (time.perf_counter() - self._begun))


def _busy_seconds() -> float | None:
    try:
        words = Path("/proc/stat").read_text(encoding="utf-8").splitlines()[0].split()
    except OSError:
        return None
    user, nice, system, _, _, irq, soft_irq, steal = map(int, words[1:9])
    return (user + nice + system + irq + soft_irq + steal) / os.sysconf("SC_CLK_TCK")


def _own_seconds() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system
