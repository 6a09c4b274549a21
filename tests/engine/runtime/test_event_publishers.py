"""EVENT tasks with a publisher: what it is given, what its errors do, how it is installed."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from engine import Engine, EventMessage
from engine.errors import InvalidRequestError, NonRetryableError
from engine.testing.definitions import node, task_def, workflow

Wire = dict[str, Any]


class Pigeon:
    """Fails as often as it is told, then keeps what it is given."""

    def __init__(self, failures: int = 0, final: bool = False) -> None:
        self.failures = failures
        self.final = final
        self.sent: list[EventMessage] = []
        self.threads: set[str] = set()
        self.closed = False

    def publish(self, message: EventMessage) -> None:
        self.threads.add(threading.current_thread().name)
        if self.final:
            raise NonRetryableError("shot")
        if self.failures:
            self.failures -= 1
            raise OSError("fog over the channel")
        self.sent.append(message)

    def close(self) -> None:
        self.closed = True


def event(**keys: Any) -> Wire:
    return node("e", "EVENT", sink="pigeon:home:loft", inputParameters={"n": 1}, **keys)


def test_a_message_is_published_outside_the_engines_threads() -> None:
    pigeon = Pigeon()
    with Engine(event_publishers={"pigeon": pigeon}) as engine:
        engine.client.register_workflow_def(workflow("w", event()))
        done = engine.run("w")

    (message,) = pigeon.sent
    assert str(done.status) == "COMPLETED"
    assert (message.sink, message.address) == ("pigeon:home:loft", "home:loft")
    assert message.id == done.tasks[0].task_id
    assert message.payload == done.output
    assert all(name.startswith("event-publisher") for name in pigeon.threads)
    assert pigeon.closed


def test_errors_fail_the_attempt_and_the_task_definition_retries_it() -> None:
    pigeon = Pigeon(failures=2)
    with Engine(event_publishers={"pigeon": pigeon}) as engine:
        engine.service.create_task_defs([task_def("e", retryCount=2)]).result(10)
        engine.client.register_workflow_def(workflow("w", event()))
        done = engine.run("w")

    assert [str(t.status) for t in done.tasks] == ["FAILED", "FAILED", "COMPLETED"]
    assert done.tasks[0].reason_for_incompletion == "fog over the channel"
    assert len(pigeon.sent) == 1


def test_a_final_error_is_not_tried_again() -> None:
    with Engine(event_publishers={"pigeon": Pigeon(final=True)}) as engine:
        engine.client.register_workflow_def(workflow("w", event(retryCount=5)))
        done = engine.run("w")

    assert [str(t.status) for t in done.tasks] == ["FAILED_WITH_TERMINAL_ERROR"]


def test_async_complete_waits_for_somebody_else(tmp_path: Path) -> None:
    pigeon = Pigeon()
    with Engine(tmp_path / "h.duckdb", event_publishers={"pigeon": pigeon}) as engine:
        engine.client.register_workflow_def(workflow("w", event(asyncComplete=True), "after"))
        workflow_id = engine.start("w")
        published = threading.Event()
        engine.client.subscribe(lambda _: published.set() if pigeon.sent else None)
        assert published.wait(10)

    with Engine(tmp_path / "h.duckdb", event_publishers={"pigeon": pigeon}) as engine:
        told = engine.service.update_task_by_reference(workflow_id, "e", "COMPLETED", {"back": 1})
        assert told.result(10)
        first = engine.client.workflow(workflow_id).tasks[0]

    assert str(first.status) == "COMPLETED"
    assert first.output_data["back"] == 1
    assert len(pigeon.sent) == 1


@pytest.mark.parametrize("kind", ["conductor", "", "a:b"])
def test_a_queue_type_that_can_have_no_publisher_is_refused(kind: str) -> None:
    with pytest.raises(InvalidRequestError, match="is no queue type"):
        Engine(event_publishers={kind: Pigeon()})


def test_an_object_that_can_not_publish_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="publisher of 'x' has no method publish: dict"):
        Engine(event_publishers={"x": {}})  # type: ignore[dict-item]


def test_an_installed_package_brings_publishers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "raven-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: raven\nVersion: 1.0\n")
    points = "[conductor_studio.event_publishers]\nraven = raven_publisher:Raven\n"
    (info / "entry_points.txt").write_text(points)
    (tmp_path / "raven_publisher.py").write_text(
        "sent = []\n"
        "class Raven:\n"
        "    def publish(self, message):\n"
        "        sent.append(message.address)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with Engine() as engine:
        engine.client.register_workflow_def(workflow("w", node("e", "EVENT", sink="raven:north")))
        assert str(engine.run("w").status) == "COMPLETED"
    import raven_publisher  # type: ignore[import-not-found]

    assert raven_publisher.sent == ["north"]


def test_a_workflow_test_publishes_nothing() -> None:
    pigeon = Pigeon()
    with Engine(event_publishers={"pigeon": pigeon}) as engine:
        mocks = {"e": [{"status": "COMPLETED", "output": {"mocked": True}}]}
        request = {"name": "w", "workflowDef": workflow("w", event()), "taskRefToMockOutput": mocks}
        done = engine.service.test_workflow({**request, "input": {}}).result(20)

    assert (done["status"], done["output"]) == ("COMPLETED", {"mocked": True})
    assert pigeon.sent == []
