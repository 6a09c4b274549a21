"""``import engine`` is quick: what is heavy comes with its first use."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    *("aiohttp", "bokeh", "duckdb", "graphviz", "ipykernel", "jq", "networkx", "numpy"),
    *("pandas", "panel", "pydantic", "quickjs", "rich", "sqlite3", "studio", "tornado"),
)
MOST_SECONDS = 0.3


def run(program: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.strip()


def test_importing_the_engine_loads_nothing_heavy() -> None:
    loaded = run("import sys, engine; print(*{m.partition('.')[0] for m in sys.modules})")
    assert set(HEAVY).isdisjoint(loaded.split())


def test_importing_the_engine_is_quick() -> None:
    program = (
        "import time; begun = time.perf_counter(); import engine; "
        "print(time.perf_counter() - begun)"
    )
    # The best of some: other work on the machine is no fault of the import.
    best = min(float(run(program)) for _ in range(5))
    assert best < MOST_SECONDS, f"import engine took {best:.3f} s"


def test_the_core_needs_neither_store_nor_server() -> None:
    loaded = run("import sys, engine.core.decide; print(*sys.modules)").split()
    outside = ("engine.store", "engine.runtime", "engine.service", "engine.http_api")
    assert not [name for name in loaded if name.startswith(outside)]


@pytest.mark.parametrize("name", ["task", "errors", "TaskContext"])
def test_what_workers_need_comes_without_the_engine(name: str) -> None:
    loaded = run(f"import sys; from engine import {name}; print(*sys.modules)").split()
    assert "engine.facade" not in loaded
