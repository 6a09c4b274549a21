"""``Engine`` and ``connect``: the only place that wires the parts together."""

from __future__ import annotations

import atexit
import os
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from .functions import DEFAULT_REGISTRY, FunctionRegistry, TaskFunction

if TYPE_CHECKING:
    from pandas import DataFrame

    from .accounts import OfflineAccounts
    from .client.base import Client
    from .client.local import LocalClient
    from .client.remote import RemoteClient
    from .errors import StoreLockedError
    from .execution import Execution
    from .listeners import Listener
    from .models.execution import Workflow
    from .publishers import EventPublisher
    from .runtime.clock import Clock
    from .runtime.registry import Registry
    from .runtime.runtime import Runtime
    from .runtime.system_workers import SystemWorker
    from .service import Service
    from .system_tasks import SystemTask


class Engine:
    """A workflow engine in this process, over one database file.

    Use it as a context manager, or call ``close``. All methods may be called from any thread;
    those of ``client`` block until what they did is durable.

    Example:
        >>> with Engine() as engine:
        ...     engine.client.register_workflow_def(definition)
        ...     workflow = engine.run("order_flow", {"order": 17})
    """

    def __init__(
        self,
        db: str | Path = ":memory:",
        *,
        functions: FunctionRegistry | None = None,
        threads: int = 8,
        clock: Clock | None = None,
        environment: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        secrets_key: bytes | None = None,
        http_tasks: bool = True,
        allow_private_addresses: bool | Sequence[str] = True,
        system_tasks: Sequence[SystemTask] = (),
        event_publishers: Mapping[str, EventPublisher] | None = None,
        listeners: Sequence[Listener] = (),
        attach: bool = True,
        payloads: str | Path | None = None,
    ) -> None:
        """Open the store, take up what is open, and start working.

        A file that belongs to a running studio is not opened: this engine then attaches to that
        studio over HTTP. ``client`` and the everyday calls work on its history, functions of
        this process work for it, and ``attached_to`` names it.

        Args:
            db: A ``.duckdb`` file (its journal lies beside it), or ``:memory:``.
            functions: Whose functions run as workers here; by default all made with
                ``@engine.task``.
            threads: How many sync functions run at once; 0 runs no functions.
            clock: The machine's by default; tests hand in their own.
            environment: ``${workflow.env.NAME}``; by default variables ``CONDUCTOR_ENV_NAME``.
            secrets: ``${workflow.secrets.NAME}``; by default variables ``CONDUCTOR_SECRET_NAME``.
            secrets_key: 32 bytes that stored secrets are encrypted with; by default what
                ``CONDUCTOR_STUDIO_SECRETS_KEY`` says (base64), or the file ``DB.secrets-key``.
                Without any the environment alone provides secrets.
            http_tasks: Whether HTTP and KAFKA_PUBLISH tasks run here.
            allow_private_addresses: Whether those may reach this machine and its network; or the
                networks that they may, as ``10.1.0.0/16``.
            system_tasks: Task types of your own that run in this process, besides those that
                installed packages bring.
            event_publishers: Where EVENT tasks publish to, by queue type; the same.
            listeners: Who is told when executions and tasks change their status: objects of
                ``StatusListener`` and ``Webhook``; the same.
            attach: Whether to attach to the studio that owns the file. An engine with a clock,
                an environment, secrets, system tasks, publishers or listeners of its own
                never does.
            payloads: Where inputs and outputs are kept that are too large for the history: a
                folder, or ``s3://bucket/prefix`` (extra ``s3``). By default
                ``NAME.duckdb.payloads`` beside the database.

        Raises:
            InvalidRequestError: A system task, publisher or listener can't be used.
            StoreLockedError: Another process owns the file, and there is no attaching to it.
            StoreCorruptError: The journal is damaged.
        """
        from .client.local import LocalClient
        from .core.projection import projector
        from .core.tasks.event import EventTask
        from .core.tasks.registry import TASK_TYPES
        from .core.tasks.user_system import UserSystemTask
        from .errors import StoreLockedError
        from .listeners import all_listeners
        from .publishers import event_publishers as find_publishers
        from .runtime.polling import IN_PROCESS_PREFIX
        from .runtime.receivers import receivers_of
        from .runtime.runtime import Runtime
        from .runtime.vault import find_key
        from .service import Service
        from .store import open_store
        from .store.opening import with_payloads
        from .system_tasks import check_system_tasks, installed_system_tasks
        from .workers.address_guard import AddressGuard

        publishers = find_publishers(event_publishers or {})
        told = all_listeners(listeners)
        guard = AddressGuard(allow_private=allow_private_addresses)
        own_tasks = check_system_tasks([*installed_system_tasks(), *system_tasks], TASK_TYPES)
        self.functions = DEFAULT_REGISTRY if functions is None else functions
        self._closed = False
        # Whoever forgets to close it still ends with everything fed and no thread at work.
        atexit.register(_close_if_alive, weakref.ref(self))
        self._at_close: list[Callable[[], None]] = []
        self._workers: list[Any] = []
        self._runtime: Runtime | None = None
        self.attached_to = ""
        """Root of the API of the studio that this engine is attached to; empty: it owns its
        store."""
        # The store asks for definitions (to rebuild rows) that only the runtime can compile.
        registry: Future[Registry] = Future()
        try:
            store = with_payloads(
                open_store(db, projector(lambda key: registry.result(60).definition_of(key))),
                db,
                payloads,
            )
        except StoreLockedError as error:
            given = (clock, environment, secrets, event_publishers)
            is_special = any(one is not None for one in given) or system_tasks or listeners
            if is_special or not (attach and error.address):
                raise
            self._attach(error, threads)
            return
        try:
            task_types = TASK_TYPES.extended(
                UserSystemTask(t.task_type, t.summary, t.input_schema(), t.problems)
                for t in own_tasks
            ).extended([EventTask(publishers)])
            key = find_key(db) if secrets_key is None and str(db) != ":memory:" else secrets_key
            self._runtime = Runtime(
                store,
                clock,
                environment,
                secrets,
                key,
                task_types=task_types,
                receivers=receivers_of(told, publishers, guard),
            )
            registry.set_result(self._runtime.registry)
            self.open_at_start = self._runtime.start()
        except BaseException:
            store.close()
            raise
        self.service: Service = Service(self._runtime)
        self.client: LocalClient | RemoteClient = LocalClient(self.service)
        if threads > 0:
            self._serve_functions(threads, f"{IN_PROCESS_PREFIX}{os.getpid()}")
        if http_tasks:
            from .workers.http import HttpTaskWorker, HttpWorker
            from .workers.kafka import KafkaProducers, KafkaTaskWorker

            self._serve(HttpTaskWorker(HttpWorker(guard)), 1000)
            self._serve(KafkaTaskWorker(KafkaProducers(guard)), 100)
        if publishers:
            from .runtime.event_publishing import EventWorker

            self._serve(EventWorker(publishers), 100)
        if own_tasks:
            self._serve_system_tasks(own_tasks, threads or 8)

    def _attach(self, locked: StoreLockedError, threads: int) -> None:
        """Work through the studio that owns the store.

        Only on this machine: whoever may write to the folder could have left the address of
        another, to which the credentials of this environment and all data would go.

        Raises:
            StoreLockedError: It is elsewhere, does not answer, or can't give its history.
        """
        from .client.remote import RemoteClient
        from .errors import EngineError
        from .http_api.exposure import is_loopback_url
        from .models.capability import Capability

        if not is_loopback_url(locked.address):
            raise locked
        client = RemoteClient(locked.address)
        try:
            knows_events = Capability.EVENTS in client.capabilities
        except EngineError as error:
            client.close()
            raise locked from error
        if not knows_events:
            client.close()
            raise locked
        self.attached_to = locked.address
        self.client = client
        # The same methods, asked over HTTP.
        self.service = cast("Service", client.service)
        self.open_at_start = 0
        if threads > 0:
            self._serve_functions(threads, None)

    def _serve_functions(self, threads: int, worker_id: str | None) -> None:
        """Run the functions of this process for the tasks of the engine."""
        from .runtime.workers import FunctionWorkers

        self._register_functions()
        workers = FunctionWorkers(
            self.service.poll,
            self.service.update_task,
            self.functions,
            threads=threads,
            worker_id=worker_id,
        )
        self._workers.append(workers.start())

    def publish_address(self, url: str | None) -> None:
        """Tell processes that find the database locked where this engine's API is served.

        Args:
            url: Root of the API: ``http://localhost:8080/api``; None: nowhere any more.
        """
        if self._runtime is not None:
            self._runtime.store.publish_address(url)

    def _serve(self, worker: SystemWorker, at_once: int) -> None:
        """Run tasks of the engine's own types with ``worker``."""
        from .runtime.system_workers import SystemWorkers

        workers = SystemWorkers(self.service, worker, at_once)
        workers.start()
        self._workers.append(workers)

    def _serve_system_tasks(self, system_tasks: Sequence[SystemTask], threads: int) -> None:
        """Run tasks of the user's own system types on threads they share."""
        from .runtime.daemon_threads import DaemonThreads
        from .runtime.system_tasks import SystemTaskRunner

        pool = DaemonThreads(threads, "system-task")
        self.call_at_close(pool.close)
        runners = {
            one.task_type: SystemTaskRunner(one, pool, self._extend_lease) for one in system_tasks
        }

        def cancelled(task: dict[str, Any]) -> None:
            runner = runners.get(task["taskType"])
            if runner is not None:
                runner.cancel(task)

        assert self._runtime is not None, "system tasks run where the engine is"
        self._runtime.desk.system_task_cancelled = cancelled
        for runner in runners.values():
            self._serve(runner, threads)

    def _extend_lease(self, task: Mapping[str, Any]) -> None:
        ids = {key: task[key] for key in ("workflowInstanceId", "taskId")}
        self.service.update_task({**ids, "status": "IN_PROGRESS", "extendLease": True})

    def _register_functions(self) -> None:
        """Register task definitions of the functions, now and as they come."""
        self.call_at_close(self.functions.subscribe(self._register_function))
        for function in self.functions:
            self._register_function(function)

    def _register_function(self, function: TaskFunction) -> None:
        self.service.create_task_defs([function.definition]).result(timeout=60)

    # -- the everyday calls --------------------------------------------------------------

    def start(self, name: str, input: Mapping[str, Any] | None = None, **more: Any) -> str:
        """Start an execution of a registered definition; returns its id."""
        return self.client.start_workflow(name, dict(input or {}), **more)

    def run(
        self,
        name: str,
        input: Mapping[str, Any] | None = None,
        timeout_seconds: float = 60.0,
        **more: Any,
    ) -> Workflow:
        """Start an execution and wait for its end.

        Raises:
            TimeoutError: It has not ended in time; it goes on.
        """
        return self.wait(self.start(name, input, **more), timeout_seconds)

    def wait(self, workflow_id: str, timeout_seconds: float = 60.0) -> Workflow:
        """Wait until an execution has ended; returns it with its tasks.

        Raises:
            TimeoutError: It has not ended in time; it goes on.
        """
        return self.execution(workflow_id).wait(timeout_seconds).workflow()

    def execution(self, workflow_id: str) -> Execution:
        """A handle of one execution: wait for it, look inside, ask why it failed, replay it."""
        from .execution import Execution

        return Execution(self.client, workflow_id)

    def sql(self, sql: str, parameters: Sequence[Any] = ()) -> DataFrame:
        """Rows of one read-only SELECT over the history as a pandas DataFrame.

        The views ``executions`` and ``tasks`` have a row per execution and per attempt of a
        task, with ``input`` and ``output`` (``input_data``, ``output_data``) as JSON. An attempt
        has its row once it has ended, those of HUMAN and WAIT from their start; what waits for a
        worker, or is with one, is to be found among the events:

        Example:
            >>> engine.sql('''
            ...     SELECT workflow_type, reference, count(*) AS open
            ...     FROM executions JOIN (
            ...       SELECT workflow_id, any_value(reference) AS reference,
            ...         arg_max(kind, number) AS newest
            ...       FROM events WHERE kind LIKE 'Task%' GROUP BY workflow_id, task_id
            ...     ) USING (workflow_id)
            ...     WHERE status IN ('RUNNING', 'PAUSED')
            ...       AND newest IN ('TaskScheduled', 'TaskStarted', 'TaskUpdated', 'TaskReset')
            ...     GROUP BY ALL ORDER BY ALL
            ... ''')
        """
        return self.client.query_frame(sql, parameters)

    def call_at_close(self, callback: Callable[[], None]) -> None:
        """Call something once, when this engine is closed and before its workers stop."""
        self._at_close.append(callback)

    def close(self) -> None:
        """Stop the workers, finish what was accepted, close the files. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        for callback in self._at_close:
            callback()
        for workers in self._workers:
            workers.close()
        self.service.close()
        if self._runtime is not None:
            self._runtime.close()

    def __enter__(self) -> Engine:
        """The engine itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()


def _close_if_alive(reference: weakref.ref[Engine]) -> None:
    engine = reference()
    if engine is not None:
        engine.close()


def is_database(db: str | Path) -> bool:
    """Whether there is a database at a path, or the journal of one; nothing is opened or made."""
    from .store.opening import is_store

    return is_store(db)


@contextmanager
def open_accounts(db: str | Path) -> Iterator[OfflineAccounts]:
    """Users and keys of a database that no engine has open. Nothing in it starts to run.

    Raises:
        StoreLockedError: A running engine owns the file.
    """
    from .accounts import OfflineAccounts
    from .store import open_store

    store = open_store(db)
    try:
        yield OfflineAccounts(store)
    finally:
        store.close()


def rebuild_history(db: str | Path) -> int:
    """Recompute the tables of a database from its events; returns how many executions.

    Raises:
        StoreLockedError: A running engine owns the file.
    """
    from .core.definition import compile_definition
    from .core.projection import projector
    from .models.codec import loads
    from .store import open_store

    store = open_store(db)
    try:
        return store.rebuild(
            projector(lambda key: compile_definition(loads(store.definition(key)), key))
        )
    finally:
        store.close()


def connect(target: str | Path | None = None, **settings: Any) -> Client:
    """A client of an engine in this process, or of a server.

    A file that a running studio owns gives a client of that studio. A database that is not there
    is an error and not made; ``Engine(path)`` makes one.

    Args:
        target: A database file that exists, None for one in memory, or the address of a server:
            ``http://host:8080/api`` of a Conductor cluster or of a Conductor Studio.
        settings: As for ``Engine``; for an address ``key`` and ``secret``, or ``token``.

    Raises:
        InvalidRequestError: The address is none, or a setting does not fit it.
        NotFoundError: There is no such database.
    """
    from .client.remote import RemoteClient

    if target is not None and str(target).startswith(("http://", "https://")):
        from .errors import InvalidRequestError

        unknown = settings.keys() - {"key", "secret", "token", "answer_seconds"}
        if unknown:
            raise InvalidRequestError(
                f"{', '.join(sorted(unknown))}: settings of an engine, which {target} is not."
            )
        return RemoteClient(str(target), **settings)
    if target is not None and str(target) != ":memory:" and not is_database(target):
        from .errors import NotFoundError

        raise NotFoundError(
            f"There is no database {target}. Engine({str(target)!r}) makes a new one; for a server "
            "write its address, as http://host:8080/api."
        )
    from .client.local import LocalClient

    engine = Engine(target or ":memory:", **settings)
    if engine.attached_to:
        return RemoteClient.over(engine.service, on_close=engine.close)
    return LocalClient(engine.service, on_close=engine.close)
