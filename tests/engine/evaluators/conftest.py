"""A pool shared by a module's tests, and programs run in an interpreter of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.evaluators import EvaluatorPool

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def pool() -> Iterator[EvaluatorPool]:
    pool = EvaluatorPool()
    yield pool
    pool.close()


@pytest.fixture
def run_program() -> Callable[[str], str]:
    """Runs a program text with warnings as errors; gives what it printed."""

    def run(text: str) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", text],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        assert done.stderr == ""
        return done.stdout

    return run
