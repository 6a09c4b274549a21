"""Forks of a thousand and of five thousand branches, each one tiny function of this process."""

from __future__ import annotations

from typing import Any

from .figures import Figure
from .stage import InFlight, Stage

_WIDTH = 1_000
_WIDER = 5_000
_ROUNDS = 3


def measure(stage: Stage) -> list[Figure]:
    """Seconds from start to end (median of three), and the lag of the loop meanwhile."""
    stage.define("bench_fork", fork(_WIDTH))
    InFlight(stage, "bench_fork", 1, 1).run()
    seconds = []
    lag_ms: list[float] = []
    for _ in range(_ROUNDS):
        stage.settle()
        seconds.append(InFlight(stage, "bench_fork", 1, 1).run())
        lag_ms.append(stage.lag_p99_ms())
    thousand = sorted(seconds)[1]
    stage.define("bench_wider_fork", fork(_WIDER))
    wider = []
    for _ in range(_ROUNDS):
        stage.settle()
        wider.append(InFlight(stage, "bench_wider_fork", 1, 1).run())
    ratio = sorted(wider)[1] / _WIDER / (thousand / _WIDTH)
    return [
        Figure("fork of 1,000 tiny tasks", thousand, "s", 0.7),
        Figure("fork of 5,000: a branch against one of 1,000", ratio, "×", 1.5),
        Figure("fork: event-loop lag p99", sorted(lag_ms)[1], "ms", 20),
    ]


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
