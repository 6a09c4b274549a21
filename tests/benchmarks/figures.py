"""One measured figure, and how figures are printed and kept."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


@dataclasses.dataclass(frozen=True)
class Figure:
    """A value with its unit and, where there is one, the aim it is held against."""

    name: str
    value: float
    unit: str
    aim: float | None = None
    more_is_better: bool = False
    grain: float = 0.0
    """Two values nearer to each other than this are the same, whatever their ratio."""

    @property
    def ratio(self) -> float | None:
        """How the value compares with its aim: 1 or more means reached. None without an aim."""
        if self.aim is None or not self.value:
            return None
        return self.value / self.aim if self.more_is_better else self.aim / self.value

    def aim_text(self) -> str:
        """``≥ 3,000`` or ``≤ 2``; empty without an aim."""
        if self.aim is None:
            return ""
        return f"{'≥' if self.more_is_better else '≤'} {number_text(self.aim)}"


def loop_lag(what: str, p99_ms: float) -> Figure:
    """How late the event loop was in a part; the sampling itself is good for two milliseconds."""
    return Figure(f"{what}: event-loop lag p99", p99_ms, "ms", 20, grain=2)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` (0 to 1) of the values do not exceed; 0 for none."""
    ordered = sorted(values)
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def number_text(value: float) -> str:
    """Three significant digits, thousands set apart."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def table(figures: Sequence[Figure]) -> str:
    """The figures as a Markdown table; ``×`` is how many times the aim is reached."""
    lines = ["| figure | value | unit | aim | × |", "|---|--:|---|--:|--:|"]
    for figure in figures:
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        value = number_text(figure.value)
        lines.append(f"| {figure.name} | {value} | {figure.unit} | {figure.aim_text()} | {ratio} |")
    return "\n".join(lines)


def write_json(path: Path, facts: dict[str, Any], figures: Sequence[Figure]) -> None:
    """Keep a run: the machine's facts and every figure with its aim and ratio."""
    rows = [{**dataclasses.asdict(figure), "ratio": figure.ratio} for figure in figures]
    path.write_text(json.dumps({"machine": facts, "figures": rows}, indent=1), encoding="utf-8")
