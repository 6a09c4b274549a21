"""Functions as tasks: registering, binding, running, failing, shutting down."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pydantic
import pytest

from engine.binding import InvalidInputError, output_of
from engine.errors import InvalidRequestError, NonRetryableError
from engine.functions import DEFAULT_REGISTRY, FunctionRegistry, TaskContext, task
from engine.runtime.workers import FunctionWorkers


class Backend:
    """Queues and results as the service has them: polls wait, cancelled polls take nothing."""

    def __init__(self) -> None:
        self.lock = threading.Condition()
        self.queues: dict[str, deque[dict[str, Any]]] = {}
        self.waiting: list[tuple[str, int, Future[Any]]] = []
        self.results: list[tuple[dict[str, Any], dict[str, Any] | None]] = []
        self.polls = 0
        self.counts: list[int] = []
        self.number = 0

    def add(self, task_type: str, **input_data: Any) -> None:
        self.add_many(task_type, [input_data])

    def add_many(self, task_type: str, inputs: list[dict[str, Any]]) -> None:
        with self.lock:
            for input_data in inputs:
                self.number += 1
                self.queues.setdefault(task_type, deque()).append(
                    {
                        "taskId": f"t{self.number}",
                        "workflowInstanceId": "w1",
                        "taskType": task_type,
                        "referenceTaskName": f"{task_type}_ref",
                        "retryCount": 1,
                        "inputData": input_data,
                    }
                )
        self.serve()

    def poll(
        self, task_type: str, worker_id: str, domain: str | None, count: int, timeout_ms: int
    ) -> Future[Any]:
        future: Future[Any] = Future()
        with self.lock:
            self.polls += 1
            self.counts.append(count)
            self.waiting.append((task_type, count, future))
        self.serve()
        return future

    def serve(self) -> None:
        while True:
            with self.lock:
                for entry in self.waiting:
                    if self.queues.get(entry[0]):
                        break
                else:
                    return
                self.waiting.remove(entry)
                task_type, count, future = entry
                if not future.set_running_or_notify_cancel():
                    continue
                queue = self.queues[task_type]
                tasks = [queue.popleft() for _ in range(min(count, len(queue)))]
            future.set_result(tasks)

    def update(self, result: dict[str, Any], error: dict[str, Any] | None) -> Future[Any]:
        future: Future[Any] = Future()
        with self.lock:
            self.results.append((result, error))
            self.lock.notify_all()
        future.set_result(result["taskId"])
        return future

    def wait(self, count: int, seconds: float = 10) -> list[tuple[dict[str, Any], Any]]:
        with self.lock:
            assert self.lock.wait_for(lambda: len(self.results) >= count, seconds), self.results
            return list(self.results)


@pytest.fixture
def backend() -> Backend:
    return Backend()


@pytest.fixture
def registry() -> FunctionRegistry:
    return FunctionRegistry()


@pytest.fixture
def workers(backend: Backend, registry: FunctionRegistry) -> Iterator[FunctionWorkers]:
    pool = FunctionWorkers(backend.poll, backend.update, registry, threads=4, worker_id="w-3")
    with pool:
        yield pool


def test_a_decorated_function_is_still_an_ordinary_function(registry: FunctionRegistry) -> None:
    @task(registry=registry, retry_count=2, timeout_seconds=30)
    def price(amount: float, rate: float = 0.5) -> float:
        """Price after discount."""
        return amount * rate

    assert price(10.0) == 5.0
    definition = registry.definitions()[0]
    assert definition["name"] == "price"
    assert definition["description"] == "Price after discount."
    assert definition["retryCount"] == 2
    assert definition["timeoutSeconds"] == 30
    assert definition["responseTimeoutSeconds"] == 30
    assert definition["inputKeys"] == ["amount", "rate"]
    assert definition["inputSchema"]["data"]["required"] == ["amount"]
    assert definition["inputSchema"]["data"]["properties"]["rate"]["default"] == 0.5
    assert len(definition["sourceHash"]) == 32


def test_the_bare_decorator_registers_in_the_default_registry() -> None:
    @task
    def bare_decorated_function(a: int) -> int:
        return a

    try:
        assert "bare_decorated_function" in DEFAULT_REGISTRY
        assert bare_decorated_function(3) == 3
    finally:
        DEFAULT_REGISTRY.remove("bare_decorated_function")


def test_contradicting_timeouts_are_refused(registry: FunctionRegistry) -> None:
    with pytest.raises(InvalidRequestError, match="response_timeout_seconds"):
        task("x", timeout_seconds=5, response_timeout_seconds=10, registry=registry)


def test_star_arguments_are_refused_when_registering(registry: FunctionRegistry) -> None:
    def bad(*parts: str) -> None: ...

    with pytest.raises(TypeError, match="parts"):
        task(registry=registry)(bad)


def test_the_model_reads_the_definition(registry: FunctionRegistry) -> None:
    models = pytest.importorskip("engine.models.definitions")

    @task(registry=registry)
    def score(x: list[int]) -> int:
        return sum(x)

    definition = models.TaskDef.model_validate(registry.definitions()[0])
    assert definition.name == "score"
    assert definition.to_wire()["sourceHash"]


@dataclasses.dataclass
class Point:
    x: int
    y: int


class Order(pydantic.BaseModel):
    id: str
    lines: list[int] = []


@pytest.mark.parametrize(
    ("function", "given", "expected"),
    [
        (lambda: None, {}, {}),
        (lambda a: {"a": a}, {"a": [1]}, {"a": [1]}),
        (lambda a: a, {"a": 3}, {"result": 3}),
        (lambda input_data: input_data, {"k": {"v": 1}}, {"k": {"v": 1}}),
        (lambda: Point(1, 2), {}, {"x": 1, "y": 2}),
        (lambda: Order(id="o"), {}, {"id": "o", "lines": []}),
        (lambda: [Order(id="o")], {}, {"result": [{"id": "o", "lines": []}]}),
        (lambda **rest: rest, {"a": 1, "b": 2}, {"a": 1, "b": 2}),
    ],
)
def test_results_become_outputs(
    registry: FunctionRegistry, function: Any, given: dict[str, Any], expected: dict[str, Any]
) -> None:
    task("f", registry=registry)(function)
    entry = registry.get("f")
    assert entry is not None
    assert output_of(function(**entry.binder.arguments(given))) == expected


def test_arguments_are_converted_by_their_annotations(registry: FunctionRegistry) -> None:
    @task(registry=registry)
    def f(n: int, point: Point, order: Order, note: str | None = None) -> None: ...

    entry = registry.get("f")
    assert entry is not None
    arguments = entry.binder.arguments(
        {"n": "3", "point": {"x": 1, "y": "2"}, "order": {"id": "o"}, "note": None, "extra": 1}
    )
    assert arguments == {"n": 3, "point": Point(1, 2), "order": Order(id="o"), "note": None}


@pytest.mark.parametrize("annotation", [dict, dict[str, Any], Order])
def test_a_single_object_parameter_takes_the_whole_input_or_its_own_key(
    registry: FunctionRegistry, annotation: Any
) -> None:
    def f(order: Any) -> None: ...

    f.__annotations__["order"] = annotation
    task(registry=registry)(f)
    entry = registry.get("f")
    assert entry is not None
    whole = entry.binder.arguments({"id": "o"})["order"]
    named = entry.binder.arguments({"order": {"id": "o"}})["order"]
    assert whole == named
    assert (whole if isinstance(whole, dict) else whole.model_dump())["id"] == "o"


def test_wrong_and_missing_inputs_are_named_together(registry: FunctionRegistry) -> None:
    @task(registry=registry)
    def charge(order_id: str, amount: float, items: list[int]) -> None: ...

    entry = registry.get("charge")
    assert entry is not None
    with pytest.raises(InvalidInputError) as caught:
        entry.binder.arguments({"amount": "much", "items": [1, "x"]})
    message = str(caught.value)
    assert "input 'order_id' is missing" in message
    assert "input 'amount': " in message
    assert "'much'" in message
    assert "input 'items'[1]: " in message


def test_a_function_can_not_change_the_recorded_input(registry: FunctionRegistry) -> None:
    @task(registry=registry)
    def f(items: list, input_map: dict) -> None:  # type: ignore[type-arg]
        items.append(1)
        input_map["k"]["deep"] = 1

    entry = registry.get("f")
    assert entry is not None
    given: dict[str, Any] = {"items": [], "input_map": {"k": {}}}
    f(**entry.binder.arguments(given))
    assert given == {"items": [], "input_map": {"k": {}}}


def test_sync_and_async_functions_run_as_tasks(
    backend: Backend, registry: FunctionRegistry, workers: FunctionWorkers
) -> None:
    @task(registry=registry)
    def double(n: int, context: TaskContext) -> int:
        context.log(f"doubling {n} in attempt {context.attempt}")
        return 2 * n

    @task(registry=registry)
    async def later(n: int) -> dict[str, int]:
        await asyncio.sleep(0.01)
        return {"n": n}

    backend.add("double", n=4)
    backend.add("later", n=5)
    results = {result["taskId"]: result for result, _ in backend.wait(2)}
    assert results["t1"]["outputData"] == {"result": 8}
    assert results["t1"]["status"] == "COMPLETED"
    assert results["t1"]["workerId"] == "w-3"
    assert results["t1"]["logs"][0]["log"] == "doubling 4 in attempt 2"
    assert results["t2"]["outputData"] == {"n": 5}


def test_an_exception_keeps_type_message_cause_and_the_users_frames(
    backend: Backend, registry: FunctionRegistry, workers: FunctionWorkers
) -> None:
    def inner(amount: float) -> None:
        try:
            {}["rate"]
        except KeyError as error:
            raise ValueError("amount is negative") from error

    @task(registry=registry)
    def charge_card(amount: float) -> None:
        inner(amount)

    backend.add("charge_card", amount=-12.5)
    result, error = backend.wait(1)[0]
    assert result["status"] == "FAILED"
    assert result["reasonForIncompletion"].startswith("ValueError: amount is negative")
    assert error["type"] == "ValueError"
    assert error["message"] == "amount is negative\ncaused by KeyError: 'rate'"
    assert [frame["function"].rpartition(".")[2] for frame in error["frames"]] == [
        "charge_card",
        "inner",
    ]
    last = error["frames"][-1]
    assert last["file"].endswith("test_function_workers.py")
    assert not last["file"].startswith("/")
    assert 'raise ValueError("amount is negative") from error' in last["source"][1][1]
    assert last["source"][1][0] == last["line"]


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        (NonRetryableError("no"), "FAILED_WITH_TERMINAL_ERROR"),
        (SystemExit(1), "FAILED"),
        (KeyError("k"), "FAILED"),
    ],
)
@pytest.mark.parametrize("is_async", [False, True])
def test_whatever_is_raised_becomes_a_result(
    backend: Backend,
    registry: FunctionRegistry,
    workers: FunctionWorkers,
    raised: BaseException,
    status: str,
    is_async: bool,
) -> None:
    if is_async:

        @task("f", registry=registry)
        async def f() -> None:
            raise raised
    else:

        @task("f", registry=registry)
        def g() -> None:
            raise raised

    backend.add("f")
    backend.add("f")
    for result, error in backend.wait(2):
        assert result["status"] == status
        assert error["type"] == type(raised).__name__


def test_missing_input_is_not_tried_again(
    backend: Backend, registry: FunctionRegistry, workers: FunctionWorkers
) -> None:
    @task(registry=registry)
    def f(a: int) -> None: ...

    backend.add("f")
    result, error = backend.wait(1)[0]
    assert result["status"] == "FAILED_WITH_TERMINAL_ERROR"
    assert error["message"] == "f: input 'a' is missing."


def test_output_that_json_can_not_hold_fails_the_task(
    backend: Backend, registry: FunctionRegistry, workers: FunctionWorkers
) -> None:
    task("f", registry=registry)(lambda: {"thing": object()})
    backend.add("f")
    result, error = backend.wait(1)[0]
    assert result["status"] == "FAILED"
    assert "can't be stored as JSON" in error["message"]


def test_a_function_registered_again_is_the_one_that_runs(
    backend: Backend, registry: FunctionRegistry, workers: FunctionWorkers
) -> None:
    task("f", registry=registry)(lambda: 1)
    backend.add("f")
    backend.wait(1)
    task("f", registry=registry)(lambda: 2)
    backend.add("f")
    assert backend.wait(2)[1][0]["outputData"] == {"result": 2}


def test_polls_ask_for_free_slots_only_and_wait_for_one(
    backend: Backend, registry: FunctionRegistry, workers: FunctionWorkers
) -> None:
    release = threading.Event()
    task("slow", registry=registry)(lambda: release.wait(5) and None)
    backend.add_many("slow", [{} for _ in range(10)])
    deadline = time.monotonic() + 5
    while workers.running < 4 and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(0.05)
    assert workers.running == 4
    assert backend.counts[0] == 4
    polls = backend.polls
    time.sleep(0.1)
    assert backend.polls == polls, "no polls while every slot is taken"
    release.set()
    assert len(backend.wait(10)) == 10


def test_heartbeat_extends_the_lease(
    backend: Backend, registry: FunctionRegistry, workers: FunctionWorkers
) -> None:
    @task(registry=registry)
    def long(context: TaskContext) -> None:
        context.heartbeat()

    backend.add("long")
    results = backend.wait(2)
    assert results[0][0]["extendLease"] is True
    assert results[1][0]["status"] == "COMPLETED"


def test_a_failing_poll_is_tried_again_after_a_pause(registry: FunctionRegistry) -> None:
    backend = Backend()
    tries: list[float] = []

    def poll(*arguments: Any) -> Future[Any]:
        tries.append(time.monotonic())
        if len(tries) == 1:
            raise OSError("not yet")
        return backend.poll(*arguments)

    task("f", registry=registry)(lambda: None)
    backend.add("f")
    with FunctionWorkers(poll, backend.update, registry, threads=1):
        backend.wait(1)
    assert tries[1] - tries[0] > 0.4


def test_a_refused_result_gives_its_slot_back(registry: FunctionRegistry) -> None:
    backend = Backend()
    refused = threading.Event()

    def update(result: dict[str, Any], error: dict[str, Any] | None) -> Future[Any]:
        if not refused.is_set():
            refused.set()
            raise OSError("the store is full")
        return backend.update(result, error)

    task("f", registry=registry)(lambda: None)
    backend.add_many("f", [{}, {}])
    with FunctionWorkers(backend.poll, update, registry, threads=1) as pool:
        backend.wait(1)
        assert pool.close() is True
        assert pool.running == 0


def test_closing_is_prompt_and_hands_back_what_was_not_begun(
    backend: Backend, registry: FunctionRegistry
) -> None:
    began, release = threading.Event(), threading.Event()

    def slow() -> None:
        began.set()
        release.wait(5)

    task("slow", registry=registry)(slow)
    pool = FunctionWorkers(backend.poll, backend.update, registry, threads=1)
    pool._sync.mean_seconds = 0  # as after many quick ones: tasks are fetched ahead
    pool.start()
    backend.add_many("slow", [{}, {}, {}])
    assert began.wait(5)
    threading.Timer(0.1, release.set).start()
    begun = time.monotonic()
    assert pool.close(5) is True
    assert time.monotonic() - begun < 2
    statuses = sorted(result["status"] for result, _ in backend.results)
    assert statuses[-1] == "IN_PROGRESS"
    assert "COMPLETED" in statuses
    left = len(backend.queues["slow"])
    assert len(statuses) + left == 3


def test_closing_cancels_async_functions_and_hands_them_back(
    backend: Backend, registry: FunctionRegistry
) -> None:
    @task(registry=registry)
    async def forever() -> None:
        await asyncio.Event().wait()

    pool = FunctionWorkers(backend.poll, backend.update, registry, threads=1).start()
    backend.add("forever")
    deadline = time.monotonic() + 5
    while not pool.running and time.monotonic() < deadline:
        time.sleep(0.005)
    assert pool.close(0.4) is True
    assert backend.results[0][0]["status"] == "IN_PROGRESS"


def test_an_idle_pool_closes_at_once(backend: Backend, registry: FunctionRegistry) -> None:
    task("f", registry=registry)(lambda: None)
    pool = FunctionWorkers(backend.poll, backend.update, registry).start()
    time.sleep(0.05)
    begun = time.monotonic()
    assert pool.close() is True
    assert time.monotonic() - begun < 0.5
    assert backend.polls == 1


def test_tiny_tasks_run_by_the_thousand(
    backend: Backend, registry: FunctionRegistry, workers: FunctionWorkers
) -> None:
    @task(registry=registry)
    def tiny(n: int) -> int:
        return n + 1

    begun = time.perf_counter()
    backend.add_many("tiny", [{"n": n} for n in range(5000)])
    backend.wait(5000)
    rate = 5000 / (time.perf_counter() - begun)
    print(f"{rate:.0f} tiny tasks a second")
    assert rate > 1000, "far below the 3,000 a second it does on a quiet machine"
