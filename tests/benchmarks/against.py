"""Two revisions measured in turns, on the same machine and in the same minutes.

The other revision is checked out beside this one for the while; both run the benchmarks of this
one, so that only the engine differs. Of each figure the best round counts: what else the machine
does can only make a round worse. A figure that has an aim is behind when its ratio is below
``ENOUGH`` by more than its grain; a run that fails, or a figure that one side lacks, is a failure
by itself.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from .figures import number_text

ENOUGH: Final = 0.95
"""A ratio below is a step back."""
NAMES: Final = ("sequences", "http", "one", "fork", "loop")
"""What is measured when nothing is named."""
LONGEST_RUN_SECONDS: Final = 300.0
"""A run that takes longer has failed."""
_ROOT: Final = Path(__file__).resolve().parents[2]
_BENCHMARKS: Final = Path("tests") / "benchmarks"

Wire = Mapping[str, Any]


class Run(NamedTuple):
    """One run of the benchmarks: its figures by name, or why there are none."""

    figures: Mapping[str, Wire]
    fault: str = ""


class Verdict(NamedTuple):
    """What a comparison came to."""

    lines: list[str]
    """A Markdown table."""
    faults: list[str]
    """What is behind, missing or failed, each in a sentence. Empty: no step back."""


def compare(revision: str, names: Sequence[str], rounds: int) -> int:
    """Print both sides and their ratios; returns 1 for any fault, each of them named."""
    here: list[Run] = []
    there: list[Run] = []
    with _checked_out(revision) as other:
        for number in range(rounds):
            # Alternating, and not always the same side first: a machine that warms up or gets
            # busy must not favour one.
            sides = [(_ROOT, here), (other, there)]
            for tree, runs in sides if number % 2 == 0 else reversed(sides):
                runs.append(_run(tree, names or NAMES))
            print(f"round {number + 1} of {rounds} done", flush=True)
    lines, faults = judge(here, there, revision)
    print("\n".join(["", *lines, ""]))
    print("\n".join(faults) or f"No figure is below {ENOUGH} of {revision}.")
    return 1 if faults else 0


def judge(here: Sequence[Run], there: Sequence[Run], revision: str) -> Verdict:
    """Hold the rounds of this side against those of the other.

    Args:
        here: Runs of this side, one a round.
        there: Runs of the other side.
        revision: What the other side is called.
    """
    lines = [f"| figure | unit | here | {revision} | × |", "|---|---|--:|--:|--:|"]
    faults = []
    for side, runs in (("here", here), (revision, there)):
        faults += [
            f"Round {number} of {side} failed: {run.fault}"
            for number, run in enumerate(runs, 1)
            if run.fault
        ]
    names = dict.fromkeys(name for run in (*here, *there) for name in run.figures)
    if not names:
        faults.append("Nothing was measured.")
    for name in names:
        mine, other = _values(here, name), _values(there, name)
        for side, values, runs in (("here", mine, here), (revision, other, there)):
            if len(values) < sum(not run.fault for run in runs):
                faults.append(f"'{name}' is missing {side}.")
        if not mine or not other:
            continue
        figure = next(run.figures[name] for run in (*here, *there) if name in run.figures)
        ratio = _ratio(figure, _best(figure, mine), _best(figure, other))
        lines.append(
            f"| {name} | {figure['unit']} | {number_text(_best(figure, mine))} "
            f"| {number_text(_best(figure, other))} | {ratio:.2f} |"
        )
        difference = abs(_best(figure, mine) - _best(figure, other))
        if figure["aim"] is not None and ratio < ENOUGH and difference > figure["grain"]:
            faults.append(f"'{name}' is behind: {ratio:.2f} of {revision}.")
    return Verdict(lines, faults)


def _values(runs: Sequence[Run], name: str) -> list[float]:
    return [run.figures[name]["value"] for run in runs if name in run.figures]


def _is_rate(figure: Wire) -> bool:
    return bool(figure["more_is_better"]) or figure["unit"].endswith("/s")


def _best(figure: Wire, values: Sequence[float]) -> float:
    return max(values) if _is_rate(figure) else min(values)


def _ratio(figure: Wire, mine: float, other: float) -> float:
    """How many times as good this side is; of two zeros 1."""
    above, below = (mine, other) if _is_rate(figure) else (other, mine)
    if not below:
        return 1.0 if not above else float("inf")
    return above / below


def _run(tree: Path, names: Sequence[str]) -> Run:
    """One run of a tree's engine."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figures.json"
        command = [sys.executable, "-m", "tests.benchmarks", *names, "--json", str(file)]
        environment = {**os.environ, "PYTHONPATH": str(tree)}
        try:
            ended = subprocess.run(
                command,
                cwd=tree,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=LONGEST_RUN_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return Run({}, f"not done after {LONGEST_RUN_SECONDS:.0f} s.")
        if ended.returncode:
            return Run({}, f"status {ended.returncode}.\n{ended.stderr[-2000:]}")
        told = json.loads(file.read_text(encoding="utf-8"))
    if Path(told["machine"]["engine"]) != tree / "engine":
        return Run({}, f"it measured {told['machine']['engine']} instead of its own engine.")
    return Run({figure["name"]: figure for figure in told["figures"]})


@contextmanager
def _checked_out(revision: str) -> Iterator[Path]:
    """A temporary working tree of a revision, with the benchmarks of this one."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        tree = Path(folder).resolve() / "other"
        _git("worktree", "add", "--detach", "--quiet", str(tree), revision)
        try:
            shutil.rmtree(tree / _BENCHMARKS, ignore_errors=True)
            shutil.copytree(_ROOT / _BENCHMARKS, tree / _BENCHMARKS)
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


def _git(*arguments: str) -> None:
    subprocess.run(["git", "-C", str(_ROOT), *arguments], check=True)
