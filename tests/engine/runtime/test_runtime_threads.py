"""The engine with its threads: what is answered when, in which order, and who waits for whom."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine import Engine
from engine import task as worker_function
from engine.core.events import EventKind, HistoryEvent
from engine.errors import NotFoundError, StoreClosedError, UnavailableError
from engine.functions import FunctionRegistry
from engine.runtime import filing
from engine.runtime.desk import Desk
from engine.runtime.runtime import Runtime
from engine.service import Service
from engine.store.base import Commit
from engine.store.memory import MemoryStore
from engine.testing.clock import FakeClock
from engine.testing.definitions import fork, inline, limited, linear, sub, wait, workflow

Wire = dict[str, Any]


class GatedStore(MemoryStore):
    """Commits only while the gate is open, and remembers the groups."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.groups: list[list[HistoryEvent]] = []
        self.waiting = threading.Event()
        self.broken = False

    def commit(self, commit: Commit) -> None:
        self.waiting.set()
        assert self.gate.wait(20)
        if self.broken:
            raise OSError("no space left on device")
        super().commit(commit)
        self.groups.append(list(commit.events))

    def try_writing(self) -> None:
        if self.broken:
            raise OSError("no space left on device")

    def close_gate(self) -> None:
        self.waiting.clear()
        self.gate.clear()


class Running:
    """A runtime over a gated store, with its service."""

    def __init__(self) -> None:
        self.store = GatedStore()
        self.runtime = Runtime(self.store)
        self.runtime.start()
        self.service = Service(self.runtime)

    def register(self, *definitions: Wire) -> None:
        for definition in definitions:
            self.service.create_workflow_def(definition, True).result(10)

    def start(self, name: str) -> str:
        return self.service.start_workflow({"name": name, "input": {}}).result(10)

    def close(self) -> None:
        self.store.gate.set()
        self.service.close()
        self.runtime.close()


@pytest.fixture
def running() -> Iterator[Running]:
    running = Running()
    yield running
    running.close()


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(threads=0, http_tasks=False) as engine:
        yield engine


def until(condition: Callable[[], Any], seconds: float = 10) -> Any:
    """Wait for a condition without a signal of its own; its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.002)
    return value


# -- commits ---------------------------------------------------------------------------------


def test_an_answer_comes_after_the_commit_and_not_before(running: Running) -> None:
    running.register(linear("a"))
    running.store.close_gate()
    answer = running.service.start_workflow({"name": "linear", "input": {}})
    assert running.store.waiting.wait(10)
    assert not answer.done()
    assert running.store.groups[-1:] in ([], [[]])
    running.store.gate.set()
    workflow_id = answer.result(10)
    assert running.store.events(workflow_id)


def test_a_worker_gets_its_task_only_once_that_is_durable(running: Running) -> None:
    running.register(linear("a"))
    workflow_id = running.start("linear")
    running.store.close_gate()
    poll = running.service.poll("a", "w1", None, 1, 0)
    assert running.store.waiting.wait(10)
    assert not poll.done()
    running.store.gate.set()
    (task,) = poll.result(10)
    kinds = [e.kind for e in running.store.events(workflow_id)]
    assert (task["status"], kinds[-1]) == ("IN_PROGRESS", EventKind.TASK_STARTED)


def test_what_waits_for_the_disk_shares_the_next_commit_in_order(running: Running) -> None:
    running.register(linear("a"))
    running.store.close_gate()
    before = len(running.store.groups)
    answers = [
        running.service.start_workflow({"name": "linear", "input": {"n": n}}) for n in range(200)
    ]
    running.store.gate.set()
    ids = [answer.result(20) for answer in answers]
    groups = running.store.groups[before:]
    assert len(groups) < 20
    started = [e for group in groups for e in group if e.kind is EventKind.WORKFLOW_STARTED]
    assert [e.workflow_id for e in started] == ids
    for workflow_id in ids:
        numbers = [e.number for group in groups for e in group if e.workflow_id == workflow_id]
        assert numbers == sorted(numbers) == list(range(1, len(numbers) + 1))


def test_while_the_disk_is_full_nothing_is_acknowledged_and_what_reads_is_answered(
    running: Running,
) -> None:
    running.register(linear("a"))
    workflow_id = running.start("linear")
    polls = [running.service.poll("nothing", "w", None, 1, 5000) for _ in range(2)]
    running.store.broken = True
    for _ in range(2):
        with pytest.raises(UnavailableError, match="no space left"):
            running.service.pause(workflow_id).result(10)
    for poll in polls:  # they have waited since before
        with pytest.raises(UnavailableError):
            poll.result(10)
    assert running.service.health()["healthy"] is False
    assert running.service.state(workflow_id).result(10).status == "RUNNING"
    assert running.service.pending_tasks("a").result(10)

    running.store.broken = False
    until(lambda: running.service.health()["healthy"])
    assert running.service.state(workflow_id).result(10).status == "RUNNING"
    running.service.pause(workflow_id).result(10)
    assert running.service.state(workflow_id).result(10).status == "PAUSED"
    kinds = [event.kind for event in running.store.events(workflow_id)]
    assert kinds.count(EventKind.WORKFLOW_PAUSED) == 1


def test_what_a_registry_took_and_the_disk_refused_is_forgotten(running: Running) -> None:
    running.register(linear("a"))
    running.store.broken = True
    with pytest.raises(UnavailableError):
        running.service.update_workflow_defs([{**linear("a"), "name": "other"}]).result(10)
    with pytest.raises(UnavailableError):
        running.service.set_environment_variable("PLACE", "here").result(10)
    until(lambda: "other" not in {d["name"] for d in running.service.workflow_defs()})
    assert "PLACE" not in running.service.environment()


def test_everybody_refused_gets_an_error_of_their_own(running: Running) -> None:
    # One that is raised again and again would keep the frames of all who were told.
    running.register(linear("a"))
    running.store.broken = True
    asked = [running.service.start_workflow({"name": "linear", "input": {}}) for _ in range(20)]
    errors = [answer.exception(10) for answer in asked]
    assert all(isinstance(error, UnavailableError) for error in errors)
    assert len({id(error) for error in errors}) == 20
    assert max(len(traceback.extract_tb(e.__traceback__)) for e in errors if e is not None) < 5
    running.store.broken = False


def test_a_fault_of_the_decider_is_forgotten_with_what_it_left_half_done(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.register(linear("a"))
    before = running.start("linear")
    decider = running.runtime.decider
    hand_out = decider._hand_out

    def fails(desk: Desk) -> None:
        monkeypatch.setattr(decider, "_hand_out", hand_out)
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr(decider, "_hand_out", fails)
    refused = running.service.start_workflow({"name": "linear", "input": {}})
    with pytest.raises(UnavailableError, match="ZeroDivisionError: a fault"):
        refused.result(10)
    until(lambda: running.runtime.writer.failure is None)
    (task,) = running.service.poll("a", "w1", None, 1, 1000).result(10)
    assert task["workflowInstanceId"] == before
    assert running.service.running("linear") == [before]


def test_who_comes_late_to_an_execution_whose_end_is_being_written_finds_it_ended(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filing, "RECENTLY_ENDED", 1)
    running.register(linear("a", "b"))
    ids = [running.start("linear") for _ in range(3)]
    tasks = running.service.poll("a", "w1", None, 3, 1000).result(10)
    running.store.close_gate()
    ended = [running.service.terminate(workflow_id, "all of them") for workflow_id in ids]
    assert running.store.waiting.wait(10)
    updates = [
        running.service.update_task(
            {
                "workflowInstanceId": t["workflowInstanceId"],
                "taskId": t["taskId"],
                "status": "COMPLETED",
            }
        )
        for t in tasks
    ]
    time.sleep(0.2)
    running.store.gate.set()
    for answer in (*ended, *updates):
        answer.result(10)
    for workflow_id in ids:
        assert running.store.events(workflow_id)[-1].kind is EventKind.WORKFLOW_ENDED
    until(lambda: running.service.pause(running.start("linear")).result(10) is None)
    assert len(running.runtime.desk.ended) == 1


def test_what_is_removed_stays_so_while_its_removal_is_being_written(running: Running) -> None:
    running.register(linear("a", "b"))
    removed = running.start("linear")
    (task,) = running.service.poll("a", "w1", None, 1, 1000).result(10)
    running.store.close_gate()
    removal = running.service.remove(removed, archive=False)
    assert running.store.waiting.wait(10)
    result = {"workflowInstanceId": removed, "taskId": task["taskId"], "status": "COMPLETED"}
    update = running.service.update_task(result)
    variables = running.service.set_variables(removed, {"x": 1})
    time.sleep(0.2)  # both have read by now what the store still has
    running.store.gate.set()
    removal.result(10)
    for refused in (update, variables):
        with pytest.raises(NotFoundError):
            refused.result(10)
    assert running.store.events(removed) == []
    assert not running.runtime.desk.knows(removed)


def test_what_is_removed_right_after_it_was_changed_is_not_read_again(running: Running) -> None:
    running.register(linear("a"))
    removed = running.start("linear")
    gate = threading.Event()
    running.runtime.decider.submit(lambda desk: gate.wait(10))
    variables = running.service.set_variables(removed, {"x": 1})
    removal = running.service.remove(removed, archive=False)
    gate.set()
    removal.result(10)
    with pytest.raises(NotFoundError):
        variables.result(10)
    assert not running.runtime.desk.knows(removed)


def test_a_closed_engine_says_so() -> None:
    running = Running()
    running.close()
    with pytest.raises(StoreClosedError):
        running.service.start_workflow({"name": "linear", "input": {}}).result(10)


# -- who waits for whom ------------------------------------------------------------------------


def test_a_script_without_end_holds_nobody_else_up(engine: Engine) -> None:
    client = engine.client
    client.register_workflow_def(workflow("poisoned", inline("i", "while (true) {}")))
    client.register_workflow_def(workflow("healthy", inline("i", "1 + 1")))
    endless = engine.service.start_workflow({"name": "poisoned", "input": {}})
    for _ in range(10):
        assert engine.run("healthy", timeout_seconds=10).output == {"result": 2}
    assert not endless.done()
    state = engine.service.state(endless.result(20)).result(10)
    assert state.status == "FAILED"
    assert "not evaluated within" in str(state.reason_for_incompletion)


def test_a_definition_that_trips_the_engine_fails_alone(engine: Engine) -> None:
    odd = sub("s", "any")
    odd["subWorkflowParam"] = {"name": "any", "workflowDefinition": "${workflow.input.d}"}
    engine.client.register_workflow_def(workflow("odd", odd))
    engine.client.register_workflow_def(linear("a"))
    nonsense = {"name": "x", "tasks": [{"taskReferenceName": "t", "startDelay": "soon"}]}
    failed = engine.run("odd", {"d": nonsense}, timeout_seconds=10)
    assert failed.status == "FAILED"
    assert engine.start("linear")


def test_executions_run_beside_each_other() -> None:
    functions = FunctionRegistry()
    both = threading.Barrier(2, timeout=10)

    @worker_function(registry=functions)
    def meet() -> None:
        both.wait()

    with Engine(functions=functions, threads=2, http_tasks=False) as engine:
        engine.client.register_workflow_def(linear("meet"))
        ids = [engine.start("linear") for _ in range(2)]
        assert {engine.wait(i, 10).status for i in ids} == {"COMPLETED"}


# -- polls ---------------------------------------------------------------------------------------


def test_a_poll_that_waits_is_answered_as_soon_as_a_task_comes(engine: Engine) -> None:
    engine.client.register_workflow_def(linear("a"))
    poll = engine.service.poll("a", "w1", None, 1, 5000)
    time.sleep(0.05)
    assert not poll.done()
    begun = time.monotonic()
    engine.start("linear")
    assert len(poll.result(10)) == 1
    assert time.monotonic() - begun < 2


def test_a_poll_that_waited_in_vain_is_answered_empty(engine: Engine) -> None:
    begun = time.monotonic()
    assert engine.service.poll("nothing", "w1", None, 1, 100).result(10) == []
    assert 0.09 < time.monotonic() - begun < 3


def test_polls_that_wait_are_served_in_their_order(engine: Engine) -> None:
    engine.client.register_workflow_def(workflow("w", *fork("f", ["a"], [limited("b")])))
    first, second = (engine.service.poll("a", w, None, 1, 5000) for w in ("w1", "w2"))
    ids = [engine.start("w") for _ in range(2)]
    handed = [poll.result(10)[0] for poll in (first, second)]
    assert [task["workflowInstanceId"] for task in handed] == ids
    assert [task["workerId"] for task in handed] == ["w1", "w2"]


@pytest.mark.parametrize("task_type", ["a", "HTTP"])
def test_a_poll_cancelled_at_the_last_moment_gives_its_task_back(
    running: Running, task_type: str
) -> None:
    task = {**linear("a")["tasks"][0]}
    if task_type == "HTTP":
        task |= {"type": "HTTP", "inputParameters": {"http_request": {"uri": "x", "method": "GET"}}}
    running.register(workflow("w", task))
    poll = running.service.poll(task_type, "gone", None, 1, 5000)
    running.service.queue_sizes([task_type])
    running.store.close_gate()
    started = running.service.start_workflow({"name": "w", "input": {}})
    assert running.store.waiting.wait(10)
    assert poll.cancel()
    running.store.gate.set()
    started.result(10)
    (again,) = until(lambda: running.service.poll(task_type, "w2", None, 1, 0).result(10))
    assert again["workerId"] == "w2"


# -- news ----------------------------------------------------------------------------------------


def test_subscribers_hear_every_committed_event_once_and_in_order(engine: Engine) -> None:
    heard: list[HistoryEvent] = []
    engine.client.register_workflow_def(linear("a", "b"))
    subscription = engine.service.subscribe(heard.extend)
    ids = [engine.start("linear") for _ in range(20)]
    for _ in range(2):
        for name in ("a", "b"):
            for task in engine.service.poll(name, "w1", None, 50, 0).result(10):
                result = {key: task[key] for key in ("workflowInstanceId", "taskId")}
                engine.service.update_task({**result, "status": "COMPLETED"}).result(10)
    ended = EventKind.WORKFLOW_ENDED
    until(lambda: sum(e.kind is ended for e in heard) == len(ids))
    for workflow_id in ids:
        mine = [e for e in heard if e.workflow_id == workflow_id]
        assert mine == engine.service.events(workflow_id).result(10)
    subscription.close()
    count = len(heard)
    engine.start("linear")
    time.sleep(0.05)
    assert len(heard) == count


def test_a_subscriber_that_raises_does_not_take_the_news_from_others(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    def raises(events: list[HistoryEvent]) -> None:
        raise RuntimeError("no")

    heard: list[HistoryEvent] = []
    engine.client.register_workflow_def(linear("a"))
    subscriptions = [engine.service.subscribe(raises), engine.service.subscribe(heard.extend)]
    engine.start("linear")
    until(lambda: heard)
    assert "A subscriber failed" in caplog.text
    for subscription in subscriptions:
        subscription.close()


# -- clock and recovery -----------------------------------------------------------------------


def test_a_clock_moved_by_hand_wakes_the_engine() -> None:
    clock = FakeClock()
    with Engine(threads=0, http_tasks=False, clock=clock) as engine:
        engine.client.register_workflow_def(workflow("w", wait("p", duration="1 hours")))
        workflow_id = engine.start("w")
        clock.move(seconds=3599)
        assert engine.client.workflow(workflow_id).status == "RUNNING"
        clock.move(seconds=1)
        assert engine.client.workflow(workflow_id).status == "COMPLETED"


def test_a_reopened_engine_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    db = tmp_path / "engine.duckdb"
    definition = workflow("w", *fork("f", ["a"], [sub("s", workflow("c", "b"))]), inline("i", "7"))
    with Engine(db, threads=0, http_tasks=False) as engine:
        engine.client.register_workflow_def(definition)
        workflow_id = engine.start("w", {"k": 1})
        (held,) = engine.service.poll("a", "w1", None, 1, 0).result(10)
        before = engine.service.events(workflow_id).result(10)
    with Engine(db, threads=0, http_tasks=False) as engine:
        assert engine.open_at_start == 2
        assert engine.service.events(workflow_id).result(10) == before
        # The worker of another process still holds its task; the other waits in its queue.
        assert engine.service.queue_sizes(["a", "b"]) == {"a": 0, "b": 1}
        (task,) = engine.service.poll("b", "w1", None, 1, 0).result(10)
        for done in (held, task):
            result = {key: done[key] for key in ("workflowInstanceId", "taskId")}
            engine.service.update_task({**result, "status": "COMPLETED"}).result(10)
        assert engine.wait(workflow_id, 10).output == {"result": 7}
    with Engine(db, threads=0, http_tasks=False) as engine:
        assert engine.open_at_start == 0
        assert engine.client.workflow(workflow_id).status == "COMPLETED"


def test_a_task_of_this_processes_own_worker_is_queued_again_after_the_end(tmp_path: Path) -> None:
    db = tmp_path / "engine.duckdb"
    with Engine(db, threads=0, http_tasks=False) as engine:
        engine.client.register_workflow_def(linear("a"))
        engine.start("linear")
        engine.service.poll("a", "in-process/1", None, 1, 0).result(10)
    with Engine(db, threads=0, http_tasks=False) as engine:
        (task,) = engine.service.poll("a", "w1", None, 1, 0).result(10)
        assert task["pollCount"] == 2
