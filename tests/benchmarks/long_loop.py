"""A loop of ten thousand iterations: does an iteration get dearer as the history grows?"""

from __future__ import annotations

from itertools import pairwise

from engine.core.events import EventKind, HistoryEvent

from .figures import Figure, loop_lag, percentile
from .stage import InFlight, Stage

_ITERATIONS = 10_000
_PART = 100


def measure(stage: Stage) -> list[Figure]:
    """Milliseconds an iteration in the first and in the last hundred, and their ratio."""
    body = {
        "name": "bench_step",
        "taskReferenceName": "body",
        "type": "SIMPLE",
        "inputParameters": {"n": "${workflow.input.n}"},
    }
    loop = {
        "name": "loop",
        "taskReferenceName": "loop",
        "type": "DO_WHILE",
        "inputParameters": {},
        "loopCondition": f"$.loop['iteration'] < {_ITERATIONS}",
        "loopOver": [body],
    }
    stage.define("bench_loop", [loop])
    stage.settle()
    moments: list[int] = []

    def heard(events: list[HistoryEvent]) -> None:
        moments.extend(e.monotonic_ns for e in events if e.kind is EventKind.LOOP_ITERATED)

    subscription = stage.service.subscribe(heard)
    try:
        InFlight(stage, "bench_loop", 1, 1).run()
    finally:
        subscription.close()
    took_ms = [(after - before) / 1e6 for before, after in pairwise(moments)]
    first, last = percentile(took_ms[:_PART], 0.5), percentile(took_ms[-_PART:], 0.5)
    return [
        Figure("loop of 10,000: an iteration, p50 of the first hundred", first, "ms"),
        Figure("loop of 10,000: an iteration, p50 of the last hundred", last, "ms"),
        Figure("loop of 10,000: last against first hundred", last / first, "×", 1.5),
        loop_lag("loop", stage.lag_p99_ms()),
    ]
