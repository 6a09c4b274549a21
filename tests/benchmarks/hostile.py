"""Two dozen hostile scripts in every language: when each ends, and who notices meanwhile."""

from __future__ import annotations

import http.client
import importlib.util
import time
from typing import Final

from engine.evaluators import EvaluatorPool
from tests.engine.evaluators.hostile_scripts import ENDLESS, HOSTILE, NEXT, PACKAGES

from .figures import Figure, percentile
from .stage import Stage

_WALL_SECONDS: Final = 1.0
_REQUESTS: Final = 1_000
_ENDLESS_ONES: Final = 12


def measure(stage: Stage) -> list[Figure]:
    """By how much the slowest script overran its limit, and requests beside endless ones."""
    figures = []
    for language, sources in HOSTILE.items():
        if importlib.util.find_spec(PACKAGES[language]) is not None:
            late = max(_seconds(language, sources)) - _WALL_SECONDS
            name = f"{len(sources)} hostile {language} scripts: the slowest, behind its limit"
            figures.append(Figure(name, max(late, 0.0), "s", 0.5))
    figures += _beside_endless_ones(stage)
    return figures


def _seconds(language: str, sources: list[str]) -> list[float]:
    """How long each took from when it was handed in, its process being ready."""
    pool = EvaluatorPool(size=1, wall_seconds=_WALL_SECONDS)
    harmless, answer = NEXT[language]
    took = []
    for source in sources:
        assert pool.submit(language, harmless, {"n": 1}).result(30) == answer
        begun = time.perf_counter()
        pool.submit(language, source, {"n": 1}).exception(60)
        took.append(time.perf_counter() - begun)
    pool.close()
    return took


def _beside_endless_ones(stage: Stage) -> list[Figure]:
    def inline(evaluator: str) -> dict[str, object]:
        given = {"evaluatorType": evaluator, "expression": ENDLESS[evaluator]}
        return {"name": "h", "taskReferenceName": "h", "type": "INLINE", "inputParameters": given}

    jq = {"queryExpression": ENDLESS["jq"]}
    stage.define("bench_javascript", [inline("javascript")])
    stage.define(
        "bench_jq",
        [
            {
                "name": "h",
                "taskReferenceName": "h",
                "type": "JSON_JQ_TRANSFORM",
                "inputParameters": jq,
            }
        ],
    )
    stage.define("bench_python", [inline("python")])
    stage.define("bench_quiet", [{"name": "bench_nobody", "taskReferenceName": "a"}])
    other = stage.service.start_workflow({"name": "bench_quiet", "input": {}}).result(30)
    stage.settle()
    calm = _request_ms(stage, other)
    for number in range(_ENDLESS_ONES):
        name = ("bench_javascript", "bench_jq", "bench_python")[number % 3]
        stage.service.start_workflow({"name": name, "input": {}})
    time.sleep(0.1)
    beside = _request_ms(stage, other)
    return [
        Figure("GET of an execution over HTTP, p99", percentile(calm, 0.99), "ms", 50),
        Figure("beside 12 endless scripts, p99", percentile(beside, 0.99), "ms", 50),
        Figure("beside 12 endless scripts, slowest", max(beside), "ms"),
    ]


def _request_ms(stage: Stage, workflow_id: str) -> list[float]:
    address = stage.url.removeprefix("http://").partition("/")[0]
    connection = http.client.HTTPConnection(address, timeout=30)
    took = []
    for _ in range(_REQUESTS):
        begun = time.perf_counter()
        connection.request("GET", f"/api/workflow/{workflow_id}")
        response = connection.getresponse()
        response.read()
        took.append(1000 * (time.perf_counter() - begun))
        assert response.status == 200
        time.sleep(0.002)
    connection.close()
    return took
