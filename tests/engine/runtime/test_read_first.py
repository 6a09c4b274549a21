"""Executions that are paged out are read apart: the decider answers everybody else meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from engine.core.events import HistoryEvent
from engine.errors import StoreCorruptError
from engine.runtime.polling import READ_AHEAD
from engine.runtime.runtime import Runtime
from engine.service import Service
from engine.store.external import ExternalPayloads
from engine.store.memory import MemoryStore
from engine.store.payload_storage import MemoryStorage
from engine.testing.clock import FakeClock
from engine.testing.definitions import node, simple, workflow

Wire = dict[str, Any]

LARGE: Wire = {"text": "x" * (6 * 1024 * 1024)}
WORKS = workflow("works", simple("job", {"n": "${workflow.input.n}"}), "then")
WAITS = workflow("waits", node("pause", "WAIT", inputParameters={"duration": "30 minutes"}))
PARENT = workflow(
    "parent", node("sub", "SUB_WORKFLOW", subWorkflowParam={"name": "quiet", "version": 1})
)
QUIET = workflow("quiet", "calm")


class GatedStorage(MemoryStorage):
    """Gives payloads only while the gate is open, as a bucket far away may."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.asked = threading.Event()
        self.is_away = False

    def get(self, name: str) -> bytes:
        self.asked.set()
        if self.is_away:
            raise ConnectionError("the bucket can't be reached")
        assert self.gate.wait(20)
        return super().get(name)


class Running:
    """A runtime that keeps nothing idle in memory, over a storage that can be held up."""

    def __init__(self) -> None:
        self.storage = GatedStorage()
        self.clock = FakeClock()
        self.runtime = Runtime(ExternalPayloads(MemoryStore(), self.storage), self.clock)
        self.runtime.start()
        self.runtime.desk.executions.resident_limit = 0
        self.service = Service(self.runtime)
        for definition in (WORKS, WAITS, PARENT, QUIET):
            self.service.create_workflow_def(definition).result(10)

    def start(self, name: str, given: Wire | None = None) -> str:
        return self.service.start_workflow({"name": name, "input": given or {}}).result(10)

    def page_out(self) -> None:
        """Batches of something else until nothing is in memory; then nothing can be read."""
        executions = self.runtime.desk.executions
        until(lambda: self.touch() and executions.paged_count == len(executions))
        self.storage.asked.clear()
        self.storage.gate.clear()

    def touch(self) -> bool:
        self.runtime.decider.submit(lambda desk: None).result(10)
        return True

    def goes_on(self) -> bool:
        """Whether somebody else's execution is started, worked on and shown."""
        assert self.storage.asked.wait(10), "nobody reads the large payload"
        other = self.start("quiet")
        (task,) = self.service.poll("calm", "w", None, 1, 0).result(10)
        self.service.update_task({**task, "status": "COMPLETED", "outputData": {}}).result(10)
        return bool(self.service.workflow(other).result(10)["status"] == "COMPLETED")

    def close(self) -> None:
        self.storage.gate.set()
        self.service.close()
        self.runtime.close()


@pytest.fixture
def running() -> Iterator[Running]:
    running = Running()
    yield running
    running.close()


def until(happened: Callable[[], Any]) -> None:
    give_up = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < give_up
        time.sleep(0.005)


def test_who_looks_at_a_large_one_waits_and_nobody_else(running: Running) -> None:
    large = running.start("works", LARGE)
    running.page_out()
    shown = [running.service.workflow(large) for _ in range(2)]
    changed = running.service.pause(large)
    assert running.goes_on()
    assert not any(answer.done() for answer in (*shown, changed))
    running.storage.gate.set()
    assert [answer.result(10)["input"] for answer in shown] == [LARGE] * 2
    changed.result(10)
    assert running.service.workflow(large).result(10)["status"] == "PAUSED"


@pytest.mark.parametrize("timeout_ms", [0, 3000])
def test_a_poll_that_finds_a_large_one_waits_for_it(running: Running, timeout_ms: int) -> None:
    running.start("works", {**LARGE, "n": 7})
    running.page_out()
    polled = running.service.poll("job", "w", None, 1, timeout_ms)
    assert running.goes_on()
    assert not polled.done()
    assert running.service.queue_sizes(["job"]) == {"job": 1}
    running.storage.gate.set()
    (task,) = polled.result(10)
    assert task["inputData"] == {"n": 7}
    result = {**task, "status": "COMPLETED", "outputData": {}}
    assert running.service.update_task(result).result(10) == task["taskId"]


def test_a_poll_that_waits_is_given_a_delayed_task_once_it_has_been_read(running: Running) -> None:
    running.start("works", {**LARGE, "n": 7})
    (task,) = running.service.poll("job", "w", None, 1, 0).result(10)
    later = {**task, "status": "IN_PROGRESS", "callbackAfterSeconds": 4, "outputData": {}}
    running.service.update_task(later).result(10)
    running.page_out()
    polled = running.service.poll("job", "w", None, 1, 5000)
    running.clock.move(seconds=1)
    threading.Thread(target=running.clock.move, args=(0, 3.5), daemon=True).start()
    assert running.goes_on()
    assert not polled.done()
    running.storage.gate.set()
    assert polled.result(10)[0]["taskId"] == task["taskId"]


def test_a_timer_of_a_large_one_holds_nobody_up(running: Running) -> None:
    large = running.start("waits", LARGE)
    running.page_out()
    moved = threading.Thread(target=running.clock.move, args=(0, 1800), daemon=True)
    moved.start()
    assert running.goes_on()
    assert moved.is_alive(), "what is due by then has not been committed yet"
    running.storage.gate.set()
    moved.join(10)
    assert running.service.workflow(large).result(10)["status"] == "COMPLETED"


def test_a_large_parent_hears_of_its_child_once_it_has_been_read(running: Running) -> None:
    parent = running.start("parent", LARGE)
    (sub,) = running.service.workflow(parent).result(10)["tasks"]
    child = sub["subWorkflowId"]
    running.page_out()
    running.service.terminate(child, "enough").result(10)
    assert running.goes_on()
    assert running.service.workflow(child).result(10)["status"] == "TERMINATED"
    running.storage.gate.set()
    assert running.service.workflow(parent).result(10)["status"] == "TERMINATED"


def test_what_cannot_be_read_is_told_to_who_asked(running: Running) -> None:
    large = running.start("works", LARGE)
    running.page_out()
    running.storage.gate.set()
    running.storage._bodies.clear()
    with pytest.raises(StoreCorruptError, match="is missing"):
        running.service.workflow(large).result(10)
    assert running.service.poll("job", "w", None, 1, 0).result(10) == []
    assert running.goes_on()


def test_what_could_not_be_read_for_a_while_goes_on_afterwards(running: Running) -> None:
    parent = running.start("parent", LARGE)
    waits = running.start("waits", LARGE)
    works = running.start("works", {**LARGE, "n": 7})
    (sub,) = running.service.workflow(parent).result(10)["tasks"]
    running.page_out()
    running.storage.gate.set()
    running.storage.is_away = True
    polled = running.service.poll("job", "w", None, 1, 5000)
    running.service.terminate(sub["subWorkflowId"], "enough").result(10)
    running.clock.move(seconds=1800)
    assert running.goes_on()
    running.storage.is_away = False
    running.clock.move(seconds=6)
    until(lambda: running.service.workflow(parent).result(10)["status"] == "TERMINATED")
    until(lambda: running.service.workflow(waits).result(10)["status"] == "COMPLETED")
    found = polled.result(10) or running.service.poll("job", "w", None, 1, 0).result(10)
    assert [task["workflowInstanceId"] for task in found] == [works]


def test_what_waits_when_the_engine_closes_is_answered(running: Running) -> None:
    large = running.start("works", LARGE)
    running.page_out()
    shown: Future[Wire] = running.service.workflow(large)
    assert running.storage.asked.wait(10)
    closing = threading.Thread(target=running.runtime.decider.close, daemon=True)
    closing.start()
    running.storage.gate.set()
    closing.join(10)
    running.runtime.writer.close()
    assert shown.result(10)["input"] == LARGE


def test_polls_find_what_they_are_about_to_hand_out_in_memory(running: Running) -> None:
    store = running.runtime.store
    for n in range(3 * READ_AHEAD):
        running.start("works", {"n": n})
    running.page_out()
    running.storage.gate.set()
    readers: list[str] = []
    read = store.events

    def noted(workflow_id: str, after: int = 0) -> list[HistoryEvent]:
        readers.append(threading.current_thread().name)
        return read(workflow_id, after)

    store.events = noted  # type: ignore[method-assign]
    running.runtime.desk.executions.resident_limit = 4 * READ_AHEAD
    given = [running.service.poll("job", "w", None, 1, 0).result(10) for _ in range(READ_AHEAD)]
    assert [task["inputData"]["n"] for (task,) in given] == list(range(READ_AHEAD))
    assert len(readers) > READ_AHEAD
    assert not any(name == "decider" for name in readers)
