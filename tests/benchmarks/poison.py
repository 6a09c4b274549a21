"""Small executions, one at a time, beside others that go wrong for good."""

from __future__ import annotations

import time
from typing import Any

from .figures import Figure, percentile
from .stage import Stage

_SECONDS = 4.0
_REST_SECONDS = 3.0
"""Until the journal has forgotten what the benchmarks before this one left."""
_AIM = 10
"""Times as long as without them: the aim of each median."""


def measure(stage: Stage) -> list[Figure]:
    """How many times as long a small execution takes beside each kind, at the median."""
    script = {"evaluatorType": "javascript", "expression": "while (true) {}"}
    loop = {"type": "DO_WHILE", "loopCondition": "true", "inputParameters": {}}
    note = {"name": "n", "taskReferenceName": "n", "type": "SET_VARIABLE"}
    stage.define("bench_endless_script", [_only({"type": "INLINE", "inputParameters": script})])
    stage.define("bench_endless_loop", [_only({**loop, "loopOver": [note]})])
    stage.define("bench_huge_output", [_only({"type": "SIMPLE", "name": "bench_huge"})])
    stage.settle()
    time.sleep(_REST_SECONDS)
    alone = _median_ms(stage)
    figures = [Figure("a 1-step execution alone, p50", alone, "ms")]
    for name, words in (
        ("bench_endless_script", "an endless script"),
        ("bench_endless_loop", "an endless loop"),
        ("bench_huge_output", "an output of 50 MB"),
    ):
        stage.service.start_workflow({"name": name, "version": 1, "input": {}})
        beside = _median_ms(stage)
        for workflow_id in stage.service.running(name):
            stage.service.terminate(workflow_id, "measured").result(30)
        figures.append(Figure(f"beside {words}: times as long", beside / alone, "×", _AIM))
        stage.settle()
    return figures


def _median_ms(stage: Stage) -> float:
    took = []
    until = time.monotonic() + _SECONDS / 4
    while time.monotonic() < until:
        begun = time.perf_counter()
        stage.engine.run("bench_one", {"n": 1})
        took.append(1000 * (time.perf_counter() - begun))
    return percentile(took, 0.5)


def _only(task: dict[str, Any]) -> dict[str, Any]:
    return {"name": "only", "taskReferenceName": "only", "inputParameters": {}, **task}
