"""Answers made of other answers, many at once, over executions that only the history has."""

from __future__ import annotations

from concurrent.futures import wait
from pathlib import Path
from typing import Any

from engine import Engine
from engine.functions import FunctionRegistry

MANY = 24


def test_many_composed_questions_about_ended_executions_do_not_wait_for_each_other(
    tmp_path: Path,
) -> None:
    tasks = [{"name": "n", "taskReferenceName": "n", "type": "NOOP"}]
    path = tmp_path / "composed.duckdb"

    def opened() -> Engine:
        return Engine(path, functions=FunctionRegistry(), threads=0, http_tasks=False)

    with opened() as engine:
        engine.service.create_workflow_def({"name": "w", "version": 1, "tasks": tasks}).result()
        ids = [
            engine.service.start_workflow(
                {"name": "w", "input": {}, "correlationId": f"c{number % 3}"}
            ).result()
            for number in range(MANY)
        ]
    with opened() as engine:  # nothing is in memory now
        service = engine.service
        asked: list[Any] = [service.failure(key) for key in ids]
        asked += [service.correlated("w", [f"c{n % 3}", "nobody"], True) for n in range(MANY)]
        done, late = wait(asked, timeout=30)
        assert not late
        correlated = [answer.result() for answer in asked[MANY:]]
    assert [len(found[f"c{n % 3}"]) for n, found in enumerate(correlated)] == [MANY // 3] * MANY
    assert all(found["nobody"] == [] for found in correlated)
    assert [e["workflowId"] for e in correlated[0]["c0"]] == ids[::3]


def test_batch_of_correlation_ids_over_several_definitions(tmp_path: Path) -> None:
    tasks = [{"name": "h", "taskReferenceName": "h", "type": "HUMAN"}]
    with Engine(functions=FunctionRegistry(), threads=0, http_tasks=False) as engine:
        service = engine.service
        for name in ("one", "two", "three"):
            service.create_workflow_def({"name": name, "version": 1, "tasks": tasks}).result()
            for key in ("a", "b"):
                request = {"name": name, "input": {}, "correlationId": key}
                started = service.start_workflow(request).result()
        service.terminate(started).result()  # the one of 'three' with 'b'
        found = service.correlated_batch(["one", "three"], ["b", "a", "c"]).result()
        assert {k: [e["workflowName"] for e in v] for k, v in found.items()} == {
            "b": ["one"],
            "a": ["one", "three"],
            "c": [],
        }
        closed = service.correlated_batch(["three"], ["b"], include_closed=True).result()
        assert [e["status"] for e in closed["b"]] == ["TERMINATED"]
        assert service.correlated_batch([], ["a"]).result() == {"a": []}
