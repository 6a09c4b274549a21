"""The in-process worker pool: runs registered functions as tasks.

::

    poll ─┬─────────────────► work queue ──► threads (sync functions) ─┐
          └─► dispatcher ──► event loop thread (async functions) ──────┴─► update

Rules of this file
  1. One thread, the dispatcher, polls and counts free slots. Nothing polls in circles: it waits
     on its inbox, and every poll is a long one that ends when there is work.
  2. A slot is taken when a task arrives and given back when its result is accepted, so no more
     results wait to be stored than there are slots.
  3. Tasks that take under ``_TINY_SECONDS`` are fetched ahead of the threads, longer ones never.
  4. What a function raises, whatever it is, becomes a result. The pool itself never stops of it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, Final, Protocol

from ..binding import output_of
from ..functions import FunctionRegistry, TaskContext, TaskFunction
from .reporting import Reporter, Update

_logger = logging.getLogger(__name__)

_TINY_SECONDS: Final = 0.005
_FETCH_AHEAD: Final = 16
_FIRST_PAUSE_SECONDS: Final = 0.5
_LONGEST_PAUSE_SECONDS: Final = 30.0

Wire = dict[str, Any]


class Poll(Protocol):
    """How tasks are fetched: ``Service.poll``."""

    def __call__(
        self, task_type: str, worker_id: str, domain: str | None, count: int, timeout_ms: int
    ) -> Future[list[Wire]]:
        """Up to ``count`` tasks as soon as there is one; ``cancel()`` gives the wait up."""
        ...


class _Lane:
    """Slots of one kind of function. Counted by the lock of the pool."""

    def __init__(self, slots: int, fetch_ahead: int) -> None:
        self.slots = slots
        self.fetch_ahead = fetch_ahead
        self.busy = 0
        self.mean_seconds = 1.0

    @property
    def free(self) -> int:
        ahead = self.fetch_ahead if self.mean_seconds < _TINY_SECONDS else 0
        return self.slots + ahead - self.busy


class FunctionWorkers:
    """Runs the functions of a registry for the tasks of one back end, until closed.

    A function registered later is served from then on. Use as a context manager, or call
    ``start`` and ``close``.
    """

    def __init__(
        self,
        poll: Poll,
        update: Update,
        registry: FunctionRegistry,
        *,
        threads: int = 8,
        async_slots: int = 100,
        worker_id: str | None = None,
        domain: str | None = None,
        poll_timeout_ms: int = 5000,
    ) -> None:
        """Make a pool; nothing runs before ``start``.

        Args:
            poll: Fetches tasks; callable from any thread.
            update: Reports results; callable from any thread.
            registry: The functions to serve.
            threads: How many sync functions run at once.
            async_slots: How many async functions run at once, all on one loop.
            worker_id: Name in the record; host and process by default.
            domain: Only tasks of this domain.
            poll_timeout_ms: How long one poll may wait.
        """
        self.worker_id = worker_id or f"{socket.gethostname()}-{os.getpid()}"
        self._poll = poll
        self._reporter = Reporter(update, self.worker_id, lambda: self._stopping)
        self._registry = registry
        self._domain = domain
        self._poll_timeout_ms = poll_timeout_ms
        self._lock = threading.Lock()
        self._sync = _Lane(threads, threads * _FETCH_AHEAD)
        self._async = _Lane(async_slots, 0)
        self._inbox: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._work: SimpleQueue[tuple[TaskFunction, Wire] | None] = SimpleQueue()
        self._polls: dict[str, Future[list[Wire]]] = {}
        self._not_before: dict[str, float] = {}
        self._pauses: dict[str, float] = {}
        self._starved = False
        self._stopping = False
        self._dispatched = False
        self._idle = threading.Condition(self._lock)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._threads: list[threading.Thread] = []
        self._unsubscribe: Callable[[], None] | None = None

    # -- life ------------------------------------------------------------------------------

    def start(self) -> FunctionWorkers:
        """Start polling; returns the pool itself."""
        if self._threads:
            raise RuntimeError("These workers were started before.")
        names = [("dispatch", self._dispatch)]
        names += [(f"{number}", self._run_sync) for number in range(self._sync.slots)]
        for name, target in names:
            # Daemons: a function that never ends must not keep the interpreter from exiting.
            thread = threading.Thread(target=target, name=f"worker-{name}", daemon=True)
            self._threads.append(thread)
        for thread in self._threads:
            thread.start()
        self._unsubscribe = self._registry.subscribe(lambda _: self._inbox.put(_wake))
        return self

    def close(self, timeout_seconds: float = 5.0) -> bool:
        """Stop polling, let running functions end, hand back what was not begun.

        Args:
            timeout_seconds: How long to wait for running functions. Async ones are cancelled
                after half of it; sync ones can't be.

        Returns:
            Whether everything ended in time. Closing twice is harmless.
        """
        if self._stopping:
            return True
        deadline = time.monotonic() + timeout_seconds
        with self._lock:
            self._stopping = True
        if self._unsubscribe is not None:
            self._unsubscribe()
        self._inbox.put(None)
        if self._threads:
            self._threads[0].join(timeout_seconds)
        ended = self._wait_idle(time.monotonic() + max(0.0, deadline - time.monotonic()) / 2)
        loop = self._loop
        if loop is not None:
            loop.call_soon_threadsafe(self._cancel_running)
            ended = self._wait_idle(deadline)
            loop.call_soon_threadsafe(loop.stop)
        elif not ended:
            ended = self._wait_idle(deadline)
        for _ in range(self._sync.slots):
            self._work.put(None)
        for thread in self._threads[1:]:
            thread.join(max(0.0, deadline - time.monotonic()) if ended else 0.0)
        return ended and not any(thread.is_alive() for thread in self._threads)

    def __enter__(self) -> FunctionWorkers:
        """Start and return the pool."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Close the pool."""
        self.close()

    @property
    def running(self) -> int:
        """Tasks that were fetched and are not reported yet."""
        with self._lock:
            return self._sync.busy + self._async.busy

    def _wait_idle(self, deadline: float) -> bool:
        with self._idle:
            return self._idle.wait_for(
                lambda: not self._sync.busy and not self._async.busy,
                max(0.0, deadline - time.monotonic()),
            )

    # -- dispatcher ------------------------------------------------------------------------

    def _dispatch(self) -> None:
        while True:
            pause = self._start_polls()
            try:
                action = self._inbox.get(timeout=pause)
            except Empty:
                continue
            if action is None:
                break
            action()
        for poll in list(self._polls.values()):
            poll.cancel()
        with self._lock:
            self._dispatched = True
        while not self._inbox.empty():
            action = self._inbox.get_nowait()
            if action is not None:
                action()

    def _tell(self, action: Callable[[], None]) -> None:
        """Leave something to do for the dispatcher; do it at once when it has gone."""
        with self._lock:
            gone = self._dispatched
            if not gone:
                self._inbox.put(action)
        if gone:
            action()

    def _start_polls(self) -> float | None:
        """Poll every task type that is not polled yet; how long to wait for news (None: any)."""
        now = time.monotonic()
        pause: float | None = None
        for task_type in self._registry.names():
            if task_type in self._polls:
                continue
            wait = self._not_before.get(task_type, 0.0) - now
            if wait > 0:
                pause = wait if pause is None else min(pause, wait)
                continue
            function = self._registry.get(task_type)
            if function is None:
                continue
            with self._lock:
                free = self._lane(function).free
                if free <= 0:
                    self._starved = True
                    continue
            self._start_poll(task_type, free)
        return pause

    def _start_poll(self, task_type: str, count: int) -> None:
        try:
            future = self._poll(
                task_type, self.worker_id, self._domain, count, self._poll_timeout_ms
            )
        except Exception as error:
            self._pause_after(task_type, error)
            self._inbox.put(_wake)
            return
        self._polls[task_type] = future

        def arrived(done: Future[list[Wire]]) -> None:
            # Work for the threads goes straight to them; the dispatcher only polls again.
            function = self._registry.get(task_type)
            at_once = function is not None and not function.is_async
            if at_once:
                self._distribute(task_type, done)
            self._tell(lambda: self._polled(task_type, done, at_once))

        future.add_done_callback(arrived)

    def _distribute(self, task_type: str, poll: Future[list[Wire]]) -> None:
        """Begin what a poll brought. Any thread for sync functions, the dispatcher's for others."""
        if poll.cancelled() or poll.exception() is not None:
            return
        function = self._registry.get(task_type)
        for task in poll.result():
            if function is None or not self._begin(function, task):
                self._reporter.handed_back(task)

    def _polled(self, task_type: str, future: Future[list[Wire]], is_distributed: bool) -> None:
        """Take note of the end of a poll, on the dispatcher's thread."""
        self._polls.pop(task_type, None)
        if not is_distributed:
            self._distribute(task_type, future)
        if future.cancelled():
            return
        error = future.exception()
        if error is None:
            self._pauses.pop(task_type, None)
        elif isinstance(error, Exception):
            self._pause_after(task_type, error)

    def _pause_after(self, task_type: str, error: Exception) -> None:
        pause = 2 * self._pauses.get(task_type, _FIRST_PAUSE_SECONDS / 2)
        pause = self._pauses[task_type] = min(pause, _LONGEST_PAUSE_SECONDS)
        self._not_before[task_type] = time.monotonic() + pause
        if not self._stopping:
            _logger.warning(
                "Polling for %s failed, next try in %.1f s: %s", task_type, pause, error
            )

    def _begin(self, function: TaskFunction, task: Wire) -> bool:
        """Have a task worked on; False when the pool is closing."""
        lane = self._lane(function)
        with self._lock:
            if self._stopping:
                return False
            lane.busy += 1
        if not function.is_async:
            self._work.put((function, task))
        else:
            loop = self._loop or self._start_loop()
            loop.call_soon_threadsafe(self._spawn, function, task)
        return True

    def _lane(self, function: TaskFunction) -> _Lane:
        return self._async if function.is_async else self._sync

    def _release(self, lane: _Lane) -> None:
        with self._idle:
            lane.busy -= 1
            starved, self._starved = self._starved, False
            if not self._sync.busy and not self._async.busy:
                self._idle.notify_all()
        if starved:
            self._inbox.put(_wake)

    # -- running ---------------------------------------------------------------------------

    def _run_sync(self) -> None:
        lane = self._sync

        def release() -> None:
            self._release(lane)

        while True:
            item = self._work.get()
            if item is None:
                return
            function, task = item
            if self._stopping:
                self._reporter.handed_back(task, release)
                continue
            begun = time.perf_counter()
            context = self._context(function, task)
            try:
                output = output_of(function.function(**self._arguments(function, task, context)))
            except BaseException as raised:  # sys.exit() in a function ends the task only
                self._reporter.failed(task, context, raised, release)
            else:
                self._reporter.completed(task, context, output, release)
            took = time.perf_counter() - begun
            # The mean follows slow tasks at once and quick ones after some.
            lane.mean_seconds += (took - lane.mean_seconds) * (0.5 if took > 0.01 else 0.1)

    async def _run_async(self, function: TaskFunction, task: Wire) -> None:
        context = self._context(function, task)

        def release() -> None:
            self._release(self._async)

        try:
            arguments = self._arguments(function, task, context)
            output = output_of(await function.function(**arguments))
        except asyncio.CancelledError as cancelled:
            if self._stopping:
                self._reporter.handed_back(task, release)
            else:
                self._reporter.failed(task, context, cancelled, release)
        except BaseException as raised:
            self._reporter.failed(task, context, raised, release)
        else:
            self._reporter.completed(task, context, output, release)

    def _context(self, function: TaskFunction, task: Wire) -> TaskContext | None:
        if function.binder.context_name is None:
            return None
        return TaskContext(task, lambda: self._reporter.heartbeat(task))

    def _arguments(
        self, function: TaskFunction, task: Wire, context: TaskContext | None
    ) -> dict[str, Any]:
        binder = function.binder
        arguments = binder.arguments(task.get("inputData") or {})
        if binder.context_name is not None:
            arguments[binder.context_name] = context
        return arguments

    # -- the loop of async functions ---------------------------------------------------------

    def _start_loop(self) -> asyncio.AbstractEventLoop:
        ready: Future[asyncio.AbstractEventLoop] = Future()

        def run() -> None:
            loop = asyncio.new_event_loop()
            asyncio.set_event_loop(loop)
            ready.set_result(loop)
            try:
                loop.run_forever()
            finally:
                loop.run_until_complete(loop.shutdown_asyncgens())
                loop.close()

        thread = threading.Thread(target=run, name="worker-async", daemon=True)
        self._threads.append(thread)
        thread.start()
        self._loop = ready.result()
        return self._loop

    def _spawn(self, function: TaskFunction, task: Wire) -> None:
        assert self._loop is not None
        running = self._loop.create_task(self._run_async(function, task))
        self._running.add(running)
        running.add_done_callback(self._running.discard)

    def _cancel_running(self) -> None:
        for running in self._running:
            running.cancel()


def _wake() -> None:
    """Nothing to do but to look for free slots again."""
