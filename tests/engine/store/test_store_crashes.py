"""A process killed at any point loses nothing it acknowledged, and nothing is fed twice."""

from __future__ import annotations

import random
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.store.base import Store
from engine.store.faults import STORE_FAULT_POINTS
from engine.store.local import LocalStore
from engine.store.memory import MemoryStore
from engine.testing.store_records import rows_of

SCRIPT = Path(__file__).with_name("crash_script.py")
sys.path[:0] = [str(SCRIPT.parent), str(SCRIPT.parents[1] / "faults")]
from crash_script import applied, commits  # noqa: E402  (lies beside this file)
from fork_server import ForkedProcess, ForkServer  # noqa: E402

QUESTIONS = (
    "SELECT * EXCLUDE (position, payload_hash) FROM events ORDER BY workflow_id, number",
    "SELECT * FROM executions ORDER BY workflow_id",
    "SELECT * FROM tasks ORDER BY workflow_id, task_id",
    "SELECT * EXCLUDE (position) FROM logs ORDER BY ALL",
    "SELECT body FROM payloads ORDER BY body",
)


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    with ForkServer(SCRIPT) as server:
        yield server


def _run(server: ForkServer, path: Path, fault: str = "") -> ForkedProcess:
    return server.run({"path": str(path)}, path.with_suffix(".log"), fault)


def _facts(store: Store) -> dict[str, Any]:
    names = [f"w{number}" for number in range(12)]
    return {
        "open": sorted(store.open_executions()),
        "events": {name: store.events(name) for name in names},
        "rows": [store.query(question) for question in QUESTIONS],
    }


def _expected(count: int) -> dict[str, Any]:
    with closing(MemoryStore()) as store:
        for commit in commits()[:count]:
            store.commit(commit)
        return _facts(store)


def _audit(path: Path, acknowledged: int) -> None:
    """The store holds what was acknowledged, at most one commit more, and goes on."""
    with closing(LocalStore(path, project=rows_of)) as store:
        count = applied(store)
        assert acknowledged <= count <= acknowledged + 1
        assert _facts(store) == _expected(count)
        for commit in commits()[count:]:
            store.commit(commit)
        assert _facts(store) == _expected(len(commits()))


@pytest.mark.parametrize("nth", [1, 9])
@pytest.mark.parametrize("point", STORE_FAULT_POINTS)
def test_a_crash_at_a_fault_point_loses_nothing(
    server: ForkServer, tmp_path: Path, point: str, nth: int
) -> None:
    child = _run(server, tmp_path / "x.duckdb", f"{point}:{nth}")
    assert child.wait(110) == -signal.SIGKILL, "the point was not passed"
    _audit(tmp_path / "x.duckdb", len(child.lines))


@pytest.mark.slow
def test_random_kills_lose_nothing(server: ForkServer, tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    for cycle in range(8):
        path = tmp_path / f"x{cycle}.duckdb"
        acknowledged = 0
        for _ in range(3):
            child = _run(server, path)
            child.said(30)
            time.sleep(chance.random() * 0.4)
            child.kill()
            acknowledged += len(child.lines)
            if applied_in(path) == len(commits()):
                break
        _audit(path, applied_in(path, at_least=acknowledged, seed=seed))


def applied_in(path: Path, at_least: int = 0, seed: int = 0) -> int:
    """How many commits a closed store holds."""
    with closing(LocalStore(path, project=rows_of)) as store:
        count = applied(store)
    assert count >= at_least, f"seed {seed}"
    return count
