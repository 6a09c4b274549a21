"""A disk that is full: callers are told, reads go on, and so does all else once there is space."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from engine import Engine, task
from engine.errors import NotFoundError, UnavailableError
from engine.functions import FunctionRegistry
from engine.runtime import writer
from engine.testing.definitions import simple, workflow

Wire = dict[str, Any]

TWO_STEPS = workflow("two_steps", "first", "second")
ROOM_BYTES = 12 << 20


def _mount(folder: Path, size: int) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    if not _mount(folder, ROOM_BYTES):
        pytest.skip("mounting a small file system takes root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _fill(path: Path) -> None:
    """Leave not a byte, as somebody else's files do."""
    with path.open("wb", buffering=0) as file:
        size = 1 << 20
        while size:
            try:
                file.write(b"x" * size)
            except OSError:
                size //= 2


def _eventually(is_so: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.02)


def _refused(ask: Callable[[], Any], most: int = 500) -> UnavailableError:
    """Ask until it is refused: what is written may still fit into room that is there already."""
    for _ in range(most):
        try:
            ask()
        except UnavailableError as error:
            return error
    raise AssertionError("a full disk took everything")


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "LONGEST_PAUSE_SECONDS", 0.25)


def test_a_full_disk_refuses_and_goes_on_without_a_restart(tmp_path: Path) -> None:
    with _small_disk(tmp_path / "disk") as disk, Engine(disk / "e.duckdb", threads=0) as engine:
        client, service = engine.client, engine.service
        client.register_workflow_def(TWO_STEPS)
        kept = [client.start_workflow("two_steps", {"n": n}) for n in range(20)]
        (taken,) = service.poll("first", "w1", None, 1, 0).result(10)
        _fill(disk / "other")

        large = {"text": "x" * 200_000}
        error = _refused(lambda: kept.append(client.start_workflow("two_steps", large)))
        assert error.retryable
        assert error.status == 503
        assert "full" in str(error)
        assert "without a restart" in str(error)

        # The write-ahead file has grown for what was refused: until not even a page fits any more.
        _refused(lambda: kept.append(client.start_workflow("two_steps", {"text": "x" * 20_000})))
        _refused(engine._runtime.store.try_writing, most=5_000)

        # Everything that changes something is told the same; whatever reads is answered.
        for ask in (
            lambda: service.poll("first", "w1", None, 1, 0).result(10),
            lambda: service.poll("first", "w1", None, 1, 5000).result(10),
            lambda: client.start_workflow("two_steps"),
            lambda: client.register_workflow_def(workflow("more", "a")),
        ):
            with pytest.raises(UnavailableError):
                ask()
        health = service.health()
        assert not health["healthy"]
        assert "full" in health["healthResults"][0]["details"]["message"]
        for workflow_id in kept:
            assert client.workflow(workflow_id).status == "RUNNING"
        assert service.state(kept[0]).result(10).last_event
        assert service.queue_sizes(["first"]) == {"first": len(kept) - 1}
        with pytest.raises(NotFoundError):
            client.workflow_def("more")

        (disk / "other").unlink()
        _eventually(lambda: service.health()["healthy"])
        ids = {key: taken[key] for key in ("workflowInstanceId", "taskId")}
        service.update_task({**ids, "status": "COMPLETED"}).result(10)
        kept.append(client.start_workflow("two_steps"))
        assert service.queue_sizes(["first", "second"]) == {"first": len(kept) - 1, "second": 1}
        for workflow_id in kept:
            assert client.workflow(workflow_id).status == "RUNNING"
        found = engine.sql("SELECT count(*) AS n FROM executions WHERE status = 'RUNNING'")
        assert int(found["n"][0]) == len(kept)


def test_what_a_function_returned_while_the_disk_was_full_is_recorded_later(
    tmp_path: Path,
) -> None:
    functions, begun, may_end = FunctionRegistry(), threading.Event(), threading.Event()
    calls: list[int] = []

    @task(name="slow", registry=functions)
    def slow(n: int) -> dict[str, int]:
        calls.append(n)
        begun.set()
        assert may_end.wait(30)
        return {"n": n}

    definition = workflow("slowly", simple("slow", {"n": "${workflow.input.n}"}))
    with (
        _small_disk(tmp_path / "disk") as disk,
        Engine(disk / "e.duckdb", functions=functions) as engine,
    ):
        engine.client.register_workflow_def(definition)
        execution = engine.start("slowly", {"n": 7})
        assert begun.wait(20)
        _fill(disk / "other")
        large = {"text": "x" * 200_000}
        _refused(lambda: engine.start("slowly", large))
        may_end.set()
        time.sleep(0.5)  # its result is refused by now
        assert engine.client.workflow(execution).status == "RUNNING"
        (disk / "other").unlink()
        assert engine.wait(execution, 30).output == {"n": 7}
        assert calls.count(7) == 1
