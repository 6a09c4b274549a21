"""Latency: one execution of one step, from the start to the news of its end, then the next."""

from __future__ import annotations

import queue
import time

from engine.core.events import EventKind, HistoryEvent

from .figures import Figure, loop_lag, percentile
from .stage import Stage

_WARM_UP, _EXECUTIONS = 100, 500


def measure(stage: Stage, commit_ms: float) -> list[Figure]:
    """Median and 99th percentile in milliseconds; and how many bare commits the median is worth."""
    took_ms: list[float] = []
    ended: queue.SimpleQueue[str] = queue.SimpleQueue()

    def heard(events: list[HistoryEvent]) -> None:
        for event in events:
            if event.kind is EventKind.WORKFLOW_ENDED:
                ended.put(event.workflow_id)

    request = {"name": "bench_one", "version": 1, "input": {"n": 1}}
    stage.settle()
    subscription = stage.service.subscribe(heard)
    cpu = time.process_time()
    try:
        for _ in range(_WARM_UP + _EXECUTIONS):
            begun = time.perf_counter()
            started = stage.service.start_workflow(request)
            ended.get(timeout=10)
            took_ms.append(1000 * (time.perf_counter() - begun))
            started.result(10)
    finally:
        subscription.close()
    cpu_ms = 1000 * (time.process_time() - cpu) / (_WARM_UP + _EXECUTIONS)
    median = percentile(took_ms[_WARM_UP:], 0.5)
    return [
        Figure("one 1-step execution at a time, p50", median, "ms", 2),
        Figure("one 1-step execution at a time, p99", percentile(took_ms[_WARM_UP:], 0.99), "ms"),
        Figure("one at a time: CPU an execution", cpu_ms, "ms"),
        Figure("one at a time: p50 in bare SQLite commits", median / commit_ms, "commits"),
        loop_lag("one at a time", stage.lag_p99_ms()),
    ]
