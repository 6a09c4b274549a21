"""Forks of a thousand and of five thousand branches, each one tiny function of this process."""

from __future__ import annotations

import time
from typing import Any

from .figures import Figure, loop_lag
from .stage import InFlight, Stage

_WIDTH = 1_000
_WIDER = 5_000
_ROUNDS = 3


def measure(stage: Stage) -> list[Figure]:
    """Seconds from start to end (median of three), and the lag of the loop meanwhile."""
    thousand, thousand_cpu, lag_ms = _median(stage, "bench_fork", _WIDTH)
    wider, wider_cpu, _ = _median(stage, "bench_wider_fork", _WIDER)
    times_wider = _WIDER / _WIDTH
    return [
        Figure("fork of 1,000 tiny tasks", thousand, "s", 0.7),
        Figure(
            "fork of 5,000: a branch against one of 1,000", wider / thousand / times_wider, "×", 1.5
        ),
        Figure(
            "the same in CPU, history included", wider_cpu / thousand_cpu / times_wider, "×", 1.5
        ),
        loop_lag("fork", lag_ms),
    ]


def _median(stage: Stage, name: str, width: int) -> tuple[float, float, float]:
    """Seconds, CPU seconds until the history has it, and lag in ms: each the median of three."""
    stage.define(name, fork(width))
    InFlight(stage, name, 1, 1).run()
    rounds = []
    for _ in range(_ROUNDS):
        stage.settle()
        begun = time.process_time()
        seconds = InFlight(stage, name, 1, 1).run()
        lag_ms = stage.lag_p99_ms()
        stage.engine.service.query("SELECT 1")
        rounds.append((seconds, time.process_time() - begun, lag_ms))
    seconds, cpu_seconds, lag_ms = (sorted(values)[1] for values in zip(*rounds, strict=True))
    return seconds, cpu_seconds, lag_ms


def fork(width: int) -> list[dict[str, Any]]:
    """A fork of ``width`` branches of one worker task each, and its join."""
    names = [f"b{number}" for number in range(width)]
    branches = [
        [
            {
                "name": "bench_step",
                "taskReferenceName": name,
                "type": "SIMPLE",
                "inputParameters": {"n": "${workflow.input.n}"},
            }
        ]
        for name in names
    ]
    return [
        {"name": "fork", "taskReferenceName": "fork", "type": "FORK_JOIN", "forkTasks": branches},
        {"name": "join", "taskReferenceName": "join", "type": "JOIN", "joinOn": names},
    ]
