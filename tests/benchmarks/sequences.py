"""Throughput: ten-step executions, a hundred in flight, functions of this process as workers."""

from __future__ import annotations

import time

from .figures import Figure, loop_lag
from .stage import STEPS, InFlight, Stage

_WARM_UP, _EXECUTIONS, _AT_ONCE = 100, 1_000, 100
_ROUNDS = 3


def measure(stage: Stage) -> list[Figure]:
    """Steps a second (median of three rounds), CPU time a step, lag of the server's loop."""
    InFlight(stage, "bench_sequence", _WARM_UP, _AT_ONCE).run()
    stage.settle()
    rates, cpu_ms = [], []
    for _ in range(_ROUNDS):
        cpu = time.process_time()
        seconds = InFlight(stage, "bench_sequence", _EXECUTIONS, _AT_ONCE).run()
        rates.append(_EXECUTIONS * STEPS / seconds)
        cpu_ms.append(1000 * (time.process_time() - cpu) / (_EXECUTIONS * STEPS))
    return [
        Figure("in-process: 10 steps, 100 in flight", sorted(rates)[1], "steps/s", 3_000, True),
        Figure("in-process: CPU a step", sorted(cpu_ms)[1], "ms"),
        loop_lag("in-process", stage.lag_p99_ms()),
    ]
