"""Two revisions measured in turns, on the same machine and in the same minutes.

The other revision is checked out beside this one for the while; both run the benchmarks of this
one, so that only the engine differs.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from .figures import number_text

ENOUGH: Final = 0.95
"""A ratio below is a step back."""
_ROOT: Final = Path(__file__).resolve().parents[2]
_BENCHMARKS: Final = Path("tests") / "benchmarks"

Runs = list[dict[str, dict[str, Any]]]


def compare(revision: str, names: Sequence[str], rounds: int) -> int:
    """Print the medians of both sides and their ratios; returns 1 if one is below ``ENOUGH``."""
    here: Runs = []
    there: Runs = []
    with _checked_out(revision) as other:
        for number in range(rounds):
            # Alternating, and not always the same side first: a machine that warms up or gets
            # busy must not favour one.
            sides = [(_ROOT, here), (other, there)]
            for tree, runs in sides if number % 2 == 0 else reversed(sides):
                runs.append(_run(tree, names))
            print(f"round {number + 1} of {rounds} done", flush=True)
    lines, behind = _table(here, there, revision)
    print("\n".join(["", *lines]))
    if behind:
        print(f"\nBelow {ENOUGH} of {revision}: {', '.join(behind)}.")
    return 1 if behind else 0


def _table(here: Runs, there: Runs, revision: str) -> tuple[list[str], list[str]]:
    lines = [f"| figure | unit | here | {revision} | × |", "|---|---|--:|--:|--:|"]
    behind = []
    for name, figure in here[0].items():
        ours = [run[name]["value"] for run in here if name in run]
        theirs = [run[name]["value"] for run in there if name in run]
        if not theirs or not all((*ours, *theirs)):
            continue
        mine, other = _median(ours), _median(theirs)
        is_rate = figure["more_is_better"] or figure["unit"].endswith("/s")
        ratio = mine / other if is_rate else other / mine
        lines.append(
            f"| {name} | {figure['unit']} | {number_text(mine)} | {number_text(other)} "
            f"| {ratio:.2f} |"
        )
        if figure["aim"] is not None and ratio < ENOUGH:
            behind.append(f"{name} ({ratio:.2f})")
    return lines, behind


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return (ordered[middle] + ordered[-1 - middle]) / 2


def _run(tree: Path, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The figures of one run by name; empty if that side can't run them."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figures.json"
        command = [sys.executable, "-m", "tests.benchmarks", *names, "--json", str(file)]
        environment = {**os.environ, "PYTHONPATH": str(tree)}
        ended = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, check=False
        )
        if ended.returncode:
            print(f"{tree.name} failed:\n{ended.stderr[-2000:]}", file=sys.stderr)
            return {}
        figures = json.loads(file.read_text(encoding="utf-8"))["figures"]
    return {figure["name"]: figure for figure in figures}


@contextmanager
def _checked_out(revision: str) -> Iterator[Path]:
    """A temporary working tree of a revision, with the benchmarks of this one."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        tree = Path(folder) / "other"
        _git("worktree", "add", "--detach", "--quiet", str(tree), revision)
        try:
            shutil.rmtree(tree / _BENCHMARKS, ignore_errors=True)
            shutil.copytree(_ROOT / _BENCHMARKS, tree / _BENCHMARKS)
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


def _git(*arguments: str) -> None:
    subprocess.run(["git", "-C", str(_ROOT), *arguments], check=True)
