"""Writes of the journal that fail one after the other, under a running engine."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from recorded_writes import Recorder
from test_power_loss import needs_cpython

from engine import Engine
from engine.core.apply import fold
from engine.errors import UnavailableError
from engine.runtime import writer
from engine.testing.definitions import node, workflow

FULL, IO_ERROR = 13, 10

CHILD = workflow("child", "inner")
PARENT = workflow(
    "parent",
    "first",
    node("sub", "SUB_WORKFLOW", subWorkflowParam={"name": "child", "version": 1}),
    node("pause", "WAIT", inputParameters={"duration": "1 seconds"}),
    "last",
)


def _insist(ask: Callable[[], Any]) -> Any:
    """Ask as an SDK's worker does: again, until it is taken."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return ask()
        except UnavailableError:
            assert time.monotonic() < deadline, "it is refused for ever"
            time.sleep(0.01)


def _work(engine: Engine, task_type: str) -> None:
    """Do one task of a type; its result is told until it is taken."""

    def poll() -> list[dict[str, Any]]:
        return engine.service.poll(task_type, "w", None, 1, 1000).result(20)

    deadline = time.monotonic() + 30
    while not (tasks := _insist(poll)):
        assert time.monotonic() < deadline, f"no {task_type} comes"
    ids = {key: tasks[0][key] for key in ("workflowInstanceId", "taskId")}
    _insist(lambda: engine.service.update_task({**ids, "status": "COMPLETED"}).result(20))


@needs_cpython
@pytest.mark.parametrize("what", ["write", "sync"])
@pytest.mark.parametrize("status", [FULL, IO_ERROR])
def test_whichever_write_fails_the_engine_goes_on_from_what_is_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, status: int
) -> None:
    monkeypatch.setattr(writer, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(writer, "LONGEST_PAUSE_SECONDS", 0.01)
    with Engine(tmp_path / "e.duckdb", threads=0, http_tasks=False) as engine:
        engine.client.register_workflow_def(CHILD)
        engine.client.register_workflow_def(PARENT)
        journal = engine._runtime.store._journal  # type: ignore[union-attr]
        recorder = Recorder(journal.path)
        recorder.attach(journal._writer)
        recorder.fail("", -1, 0)
        commits = engine._runtime.writer.commit_count  # type: ignore[union-attr]
        ids = []
        for number in range(5):
            recorder.fail(what, after=number % 6, status=status)
            ids.append(_insist(lambda: engine.start("parent")))
            for task_type in ("first", "inner"):
                recorder.fail(what, after=(number + len(task_type)) % 5, status=status)
                _work(engine, task_type)
        for number in range(5):
            recorder.fail(what, after=number % 5, status=status)
            _work(engine, "last")
        recorder.fail("", -1, 0)
        assert engine._runtime.writer.commit_count > commits  # type: ignore[union-attr]
        assert len(set(ids)) == 5
        found = engine.sql("SELECT count(*) AS n FROM executions")  # none of a refused start
        assert int(found["n"][0]) == 10
        for workflow_id in ids:
            assert engine.wait(workflow_id, 30).status == "COMPLETED"
            events = engine.service.committed_events(workflow_id)
            assert [event.number for event in events] == list(range(1, len(events) + 1))
            state = fold(events, engine.service._registry.definition_of)
            assert [str(task.status) for task in state.tasks.values()] == ["COMPLETED"] * 4
