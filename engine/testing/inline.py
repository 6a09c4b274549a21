"""An engine without threads: the real decider, desk, queues and service, driven by hand.

Nothing happens but inside a call, everything happens in the same order every time, and the clock
stands until it is moved. Only the evaluator processes and the writer thread are replaced.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, TypeVar, cast

from ..core.apply import fold
from ..core.events import HistoryEvent
from ..core.schemas import EVALUATOR
from ..core.state import TaskState, WorkflowState
from ..core.tasks.event import EventTask
from ..core.tasks.registry import TASK_TYPES, TaskTypes
from ..core.turn import EvaluationRequest
from ..runtime.decider import Command, Decider
from ..runtime.desk import Desk
from ..runtime.effects import carry_out
from ..runtime.encoded import EncodedExecutions
from ..runtime.measures import Histogram
from ..runtime.polling import Polling
from ..runtime.recovery import recover
from ..runtime.registry import Registry
from ..runtime.retrieval import Use
from ..runtime.runtime import Runtime
from ..runtime.subscriptions import Subscriptions
from ..runtime.writer import Outbox, Writer
from ..service import Service
from ..store.base import Store
from .clock import FakeClock
from .scripts import Evaluator, evaluate, outcome_of

Wire = dict[str, Any]
T = TypeVar("T")

_MOST_BATCHES = 20
"""A batch that leaves something over has done thousands of events."""


class _InlineWriter(Writer):
    """Commits at once, on the calling thread."""

    def __init__(
        self, store: Store, subscriptions: Subscriptions, encoded: EncodedExecutions
    ) -> None:
        self._store = store
        self._subscriptions = subscriptions
        self._encoded = encoded
        self.failure = None
        self.commit_count = 0
        self.committing = Histogram()

    def submit(self, outbox: Outbox) -> None:
        self._commit([outbox])

    def drain(self) -> None:
        """Nothing waits."""

    def fail(self, error: Exception) -> None:
        """Refuse everything from now on."""
        self._failed(error)

    def close(self) -> None:
        """Nothing waits."""


class _InlineDecider(Decider):
    """Runs a command within ``submit``."""

    after: Callable[[], None]

    def submit(self, command: Command, may_wait: bool = False, reads: bool = False) -> Future[Any]:
        future = super().submit(command, may_wait, reads)
        self.after()
        return future


class _AtOnce(Executor):
    """Reads on the calling thread, so that a world is the same every time; never amid a turn."""

    def __init__(self, engine: InlineEngine) -> None:
        self._engine = engine

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Run a function now, or as soon as the batch that is being decided is over."""
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)

        if self._engine.is_deciding:
            self._engine.put_off.append(run)
        else:
            run()
        return future


class InlineEngine:
    """Runs executions within the calls of a test.

    Example:
        >>> engine = InlineEngine(linear("a", "b"))
        >>> execution = engine.start("linear")
        >>> engine.complete("a", {"answer": 42})
        >>> [task.reference_task_name for task in engine.state(execution).open_tasks()]
        ['b']
    """

    def __init__(
        self,
        *definitions: Wire,
        task_defs: Iterable[Wire] = (),
        store: Store | None = None,
        clock: FakeClock | None = None,
        evaluator: Evaluator = evaluate,
        hold_scripts: bool = False,
        environment: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        task_types: TaskTypes = TASK_TYPES,
        event_publishers: Collection[str] = (),
        goes_on_after_refusals: bool = False,
    ) -> None:
        """An engine with registered definitions.

        Args:
            definitions: Workflow definitions in wire form; they are not validated.
            task_defs: Task definitions in wire form.
            store: A fresh memory store by default.
            clock: Shared with the test; a new one by default.
            evaluator: Gives the value of a script or raises its error.
            hold_scripts: Scripts wait for ``run_script`` instead of running at once.
            environment: ``${workflow.env.NAME}``.
            secrets: ``${workflow.secrets.NAME}``.
            task_types: What each task type does.
            event_publishers: Queue types that somebody publishes EVENT tasks to.
            goes_on_after_refusals: A commit that the store refuses is forgotten and the engine goes
                on, as one with threads does once there is space; else the refusal is raised.
        """
        from ..store.memory import MemoryStore

        self.store: Store = store if store is not None else MemoryStore()
        self.clock = clock or FakeClock()
        self.hold_scripts = hold_scripts
        self.goes_on_after_refusals = goes_on_after_refusals
        self.waiting_scripts: deque[tuple[str, EvaluationRequest]] = deque()
        self.subscriptions = Subscriptions()
        self._evaluator = evaluator
        self._environment = dict(environment or {})
        self._secrets = dict(secrets or {})
        self.event_publishers = frozenset(event_publishers)
        self._task_types = task_types.extended([EventTask(event_publishers)])
        self._started = 0
        self._stepping = threading.RLock()
        """A thread of the service decides what it asks for: never beside another's turn."""
        self.is_deciding = False
        self.put_off: deque[Callable[[], None]] = deque()
        """What the batch that is being decided wants to read afterwards."""
        self._open()
        self.clock.on_move(self.run_until_idle)
        self.register(*definitions, task_defs=task_defs)

    def _open(self) -> None:
        self.registry = Registry(self.store)
        self.encoded = EncodedExecutions()
        self.writer = _InlineWriter(self.store, self.subscriptions, self.encoded)
        self.polling = Polling(self._secrets)
        self.desk = Desk(
            self.store,
            self.registry,
            self.clock,
            self._environment,
            lambda workflow_id, request: self.waiting_scripts.append((workflow_id, request)),
            carry_out,
            self._read_apart,
            self._task_types,
        )
        self.decider = _InlineDecider(self.desk, self.writer, self.polling.hand_out)
        self.decider.after = self.run_until_idle
        # The service asks nothing of a runtime but what stands above.
        self.service = Service(cast(Runtime, self))
        self.service._readers = cast(ThreadPoolExecutor, _AtOnce(self))
        self.decider.submit(recover).result(0)

    def _read_apart(self, read: Callable[[], Any], use: Use) -> None:
        """Read at once; what came of it is used in the next batch."""
        found: Future[Any] = Future()
        try:
            found.set_result(read())
        except Exception as error:
            found.set_exception(error)
        Decider.submit(self.decider, lambda desk: use(desk, found))

    def reopen(self) -> None:
        """Lose everything but the store, as after a crash, and take up what is open."""
        self.waiting_scripts.clear()
        self.service.close()
        self._open()

    def close(self) -> None:
        """End the few threads that reading the history may have started; close the store."""
        self.service.close()
        self.subscriptions.close()
        self.store.close()

    def __enter__(self) -> InlineEngine:
        """The engine itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    # -- driving -------------------------------------------------------------------------

    def run_until_idle(self) -> None:
        """Go on until only workers, people or the clock can move anything.

        Raises:
            EngineError: The store could not be written.
            RuntimeError: It never comes to rest: a loop without end.
        """
        with self._stepping:
            while True:
                for _ in range(_MOST_BATCHES):
                    if not self._step():
                        break
                else:
                    raise RuntimeError(f"The engine is still busy after {_MOST_BATCHES} batches.")
                if self.writer.failure is not None:
                    if not self.goes_on_after_refusals or self.writer.is_ended:
                        raise self.writer.failure
                    self.decider.writable()
                    continue
                if self.hold_scripts or not self.waiting_scripts:
                    return
                self._next_script()

    def _step(self) -> bool:
        """Take one batch, then read what it has put off; whether more waits."""
        self.is_deciding = True
        try:
            goes_on = self.decider.step()
        finally:
            self.is_deciding = False
        goes_on = goes_on or bool(self.put_off)
        while self.put_off:
            self.put_off.popleft()()
        return goes_on

    def run_script(self) -> bool:
        """Run the script that waits longest, then go on; False when none waits."""
        if not self.waiting_scripts:
            return False
        self._next_script()
        self.run_until_idle()
        return True

    def _next_script(self) -> None:
        workflow_id, request = self.waiting_scripts.popleft()
        outcome = outcome_of(self._evaluator, request.evaluator, request.source, request.input)
        Decider.submit(self.decider, lambda desk: desk.evaluated(workflow_id, request, outcome))

    def check(self, schema: str, value: Any) -> Future[Any]:
        """Apply a JSON Schema at once; see ``Runtime.check``."""
        answer: Future[Any] = Future()
        try:
            answer.set_result(self._evaluator(EVALUATOR, schema, value))
        except Exception as error:
            answer.set_exception(error)
        return answer

    # -- definitions and executions --------------------------------------------------------

    def register(self, *definitions: Wire, task_defs: Iterable[Wire] = ()) -> None:
        """Register definitions as they are, without validation."""

        def put(desk: Desk) -> None:
            now = desk.clock.now().wall_ms
            rows = [desk.registry.put_task_def(body, now) for body in task_defs]
            rows += [desk.registry.put_workflow_def(body, now) for body in definitions]
            desk.outbox.commit.metadata += rows

        self.decider.submit(put).result(0)

    def start(self, name: str, input: Mapping[str, Any] | None = None, **request: Any) -> str:
        """Start an execution; returns its id. ``request`` is in wire form."""
        wire = {"name": name, "input": dict(input or {}), **request}
        before = set(self.desk.executions)
        answer = self._answer(self.service.start_workflow(wire))
        return answer or next(key for key in self.desk.executions if key not in before)

    def state(self, workflow_id: str) -> WorkflowState:
        """A snapshot of an execution."""
        return self.service.state(workflow_id).result(5)

    def events(self, workflow_id: str) -> list[HistoryEvent]:
        """The committed history of an execution."""
        return self.store.events(workflow_id)

    def folded(self, workflow_id: str) -> WorkflowState:
        """The state that the committed history leads to."""
        return fold(self.events(workflow_id), self.registry.definition_of)

    def children(self, workflow_id: str) -> list[str]:
        """Ids of the sub-workflows of an execution, in order of their tasks."""
        tasks = self.state(workflow_id).tasks.values()
        return [task.sub_workflow_id for task in tasks if task.sub_workflow_id]

    def _answer(self, future: Future[Any]) -> Any:
        """What a command gives; None while a script that is held back keeps it waiting."""
        return None if self.hold_scripts and not future.done() else future.result(5)

    # -- working -------------------------------------------------------------------------

    def poll(self, task_type: str, worker_id: str = "w1", count: int = 1) -> list[Wire]:
        """Tasks of a type, IN_PROGRESS from now on."""
        return self.service.poll(task_type, worker_id, None, count, 0).result(0)

    def take(self, task_type: str, worker_id: str = "w1") -> Wire:
        """The next task of a type.

        Raises:
            LookupError: None can be handed out now.
        """
        tasks = self.poll(task_type, worker_id)
        if not tasks:
            raise LookupError(f"No task of type {task_type} waits; queues: {self._sizes()}")
        return tasks[0]

    def _sizes(self) -> dict[str, int]:
        return {name: size for name, size in self.desk.queues.sizes().items() if size}

    def complete(self, task_type: str, output: Mapping[str, Any] | None = None) -> Wire:
        """Poll one task of a type and complete it; returns it as the worker saw it."""
        task = self.take(task_type)
        self.report(task, "COMPLETED", outputData=dict(output or {}))
        return task

    def fail(self, task_type: str, reason: str | None = "no", terminal: bool = False) -> Wire:
        """Poll one task of a type and fail it; returns it as the worker saw it."""
        task = self.take(task_type)
        status = "FAILED_WITH_TERMINAL_ERROR" if terminal else "FAILED"
        self.report(task, status, reasonForIncompletion=reason)
        return task

    def report(self, task: Wire | TaskState, status: str, **result: Any) -> None:
        """Send a result for a task, whatever its state is. ``result`` is in wire form."""
        if isinstance(task, TaskState):
            home = self.service.task(task.task_id).result(5)["workflowInstanceId"]
            ids = {"workflowInstanceId": home, "taskId": task.task_id}
        else:
            ids = {key: task[key] for key in ("workflowInstanceId", "taskId")}
        wire = {**ids, "workerId": "w1", "status": status, **result}
        self._answer(self.service.update_task(wire))

    def drive(
        self,
        workflow_id: str,
        outputs: Mapping[str, Mapping[str, Any]] | None = None,
        fail: Iterable[str] = (),
        limit: int = 200,
    ) -> WorkflowState:
        """Work an execution and its children until nothing of a worker is left; its state.

        Args:
            workflow_id: The outermost execution.
            outputs: Output by base reference name.
            fail: Base reference names whose tasks fail.
            limit: Most tasks to work on.
        """
        failing = set(fail)
        for _ in range(limit):
            task = self._next_open(workflow_id)
            if task is None:
                return self.state(workflow_id)
            output = dict((outputs or {}).get(task.base_reference) or {})
            self.poll(task.task_type)
            if task.base_reference in failing:
                self.report(task, "FAILED", reasonForIncompletion=f"{task.base_reference} failed")
            else:
                self.report(task, "COMPLETED", outputData=output)
        raise AssertionError(f"Execution {workflow_id} was not done after {limit} tasks.")

    def _next_open(self, workflow_id: str) -> TaskState | None:
        state = self.state(workflow_id)
        for task in state.open_tasks():
            if self.desk.queues.contains(task.task_id) or task.worker_id:
                if task.not_before_ms <= self.clock.now().wall_ms:
                    return task
            elif task.sub_workflow_id and task.sub_workflow_id in self.desk.executions:
                found = self._next_open(task.sub_workflow_id)
                if found is not None:
                    return found
        return None
