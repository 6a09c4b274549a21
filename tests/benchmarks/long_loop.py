"""A loop of a thousand iterations: does an iteration get dearer as the history grows?"""

from __future__ import annotations

from engine.core.events import EventKind, HistoryEvent

from .figures import Figure
from .stage import InFlight, Stage

_ITERATIONS = 1_000
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
    first = (moments[_PART] - moments[0]) / _PART / 1e6
    last = (moments[-1] - moments[-1 - _PART]) / _PART / 1e6
    return [
        Figure("loop of 1,000: an iteration, first hundred", first, "ms"),
        Figure("loop of 1,000: an iteration, last hundred", last, "ms"),
        Figure("loop of 1,000: last against first hundred", last / first, "×", 2),
        Figure("loop: event-loop lag p99", stage.lag_p99_ms(), "ms", 20),
    ]
