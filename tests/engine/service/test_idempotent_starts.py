"""Starts with an idempotency key: who wins, what the others are told, and how long it lasts."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from engine import Engine
from engine.errors import ConflictError, InvalidRequestError
from engine.functions import FunctionRegistry
from engine.runtime import start_keys
from engine.service import Service

WAIT = {"name": "w", "taskReferenceName": "w", "type": "WAIT", "inputParameters": {}}
FLOWS = ("flow", "other")


def opened(path: str | Path) -> Engine:
    engine = Engine(path, functions=FunctionRegistry(), http_tasks=False)
    for name in FLOWS:
        body = {"name": name, "version": 1, "tasks": [WAIT]}
        engine.service.create_workflow_def(body, overwrite=True).result(20)
    return engine


@pytest.fixture
def engine() -> Iterator[Engine]:
    with opened(":memory:") as engine:
        yield engine


def asked(
    service: Service, strategy: str | None = None, key: str = "k", **more: Any
) -> Future[str]:
    request = {"name": "flow", "input": {}, "idempotencyKey": key, **more}
    if strategy is not None:
        request["idempotencyStrategy"] = strategy
    return service.start_workflow(request)


def start(service: Service, strategy: str | None = None, key: str = "k", **more: Any) -> str:
    return asked(service, strategy, key, **more).result(20)


def refusal(service: Service, strategy: str | None = None) -> str:
    error = asked(service, strategy).exception(20)
    assert isinstance(error, ConflictError)
    assert error.status == 409
    return str(error)


@pytest.mark.parametrize("strategy", [None, "FAIL", "FAIL_ON_RUNNING"])
def test_second_start_with_a_running_key_is_refused_by_name(
    engine: Engine, strategy: str | None
) -> None:
    first = start(engine.service, strategy)
    text = refusal(engine.service, strategy)
    assert first in text
    assert "'k'" in text
    assert engine.service.running("flow") == [first]


def test_return_existing_gives_the_first_execution(engine: Engine) -> None:
    first = start(engine.service, "RETURN_EXISTING")
    assert start(engine.service, "RETURN_EXISTING", input={"n": 2}) == first
    engine.service.terminate(first).result(20)
    assert start(engine.service, "RETURN_EXISTING") == first
    assert engine.service.workflow(first).result(20)["idempotencyKey"] == "k"


def test_keys_belong_to_a_workflow_name_whatever_its_version(engine: Engine) -> None:
    body = {"name": "flow", "version": 2, "tasks": [WAIT]}
    first = start(engine.service, version=1)
    engine.service.create_workflow_def(body).result(20)
    assert start(engine.service, "RETURN_EXISTING", version=2) == first
    inline = start(engine.service, "RETURN_EXISTING", workflowDef=body)
    assert inline == first
    others = [start(engine.service, name="other"), start(engine.service, key="k2")]
    assert len({first, *others}) == 3


def test_ended_executions_keep_their_key_except_for_fail_on_running(engine: Engine) -> None:
    first = start(engine.service)
    engine.service.terminate(first).result(20)
    assert first in refusal(engine.service)
    second = start(engine.service, "FAIL_ON_RUNNING")
    assert second != first
    assert second in refusal(engine.service, "FAIL_ON_RUNNING")
    assert start(engine.service, "RETURN_EXISTING") == second


def test_reopened_execution_holds_its_key_again(engine: Engine) -> None:
    first = start(engine.service)
    engine.service.terminate(first).result(20)
    engine.service.restart(first).result(20)
    assert first in refusal(engine.service, "FAIL_ON_RUNNING")


def test_removed_execution_frees_its_key(engine: Engine) -> None:
    first = start(engine.service)
    engine.service.remove(first, archive=False).result(20)
    assert start(engine.service) != first


def test_of_many_starts_at_once_one_wins(engine: Engine) -> None:
    futures = [asked(engine.service, "FAIL") for _ in range(40)]
    errors = [future.exception(20) for future in futures]
    assert sum(error is None for error in errors) == 1
    assert all(error is None or isinstance(error, ConflictError) for error in errors)
    same = [asked(engine.service, "RETURN_EXISTING", "k2") for _ in range(40)]
    assert len({future.result(20) for future in same}) == 1
    assert len(engine.service.running("flow")) == 2


def test_a_refused_start_uses_no_key_up(engine: Engine) -> None:
    bad = {**WAIT, "inputParameters": {"duration": "${workflow.input.soon}"}}
    body = {"name": "flow", "version": 3, "tasks": [bad]}
    future = asked(engine.service, workflowDef=body, input={"soon": "x"})
    assert isinstance(future.exception(20), InvalidRequestError)
    start(engine.service)


def test_keys_outlive_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_keys, "REMEMBERED_ENDED", 0)
    path = tmp_path / "keys.duckdb"
    with opened(path) as engine:
        running, ended = start(engine.service), start(engine.service, key="ended")
        engine.service.terminate(ended).result(20)
        assert start(engine.service, "RETURN_EXISTING", "ended") == ended
    with opened(path) as engine:
        assert start(engine.service, "RETURN_EXISTING") == running
        assert running in refusal(engine.service, "FAIL_ON_RUNNING")
        assert start(engine.service, "RETURN_EXISTING", "ended") == ended
        assert start(engine.service, "FAIL_ON_RUNNING", "ended") != ended
