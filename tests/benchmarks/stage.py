"""The product as it runs: an engine over real files, its workers, the studio, one process."""

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any

from engine.core.events import EventKind, HistoryEvent
from engine.facade import Engine
from engine.functions import FunctionRegistry, task
from engine.runtime.interpreter import tune_for_serving
from studio.server import StudioServer

from .figures import percentile

_TICK_SECONDS = 0.005
STEPS = 10


class LoopLag:
    """How late the server's event loop runs what is due, sampled every 5 ms."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to sample on ``loop``."""
        self._loop = loop
        self._late_ms: list[float] = []
        self._ended: Future[None] = asyncio.run_coroutine_threadsafe(self._sample(), loop)

    async def _sample(self) -> None:
        while True:
            due = self._loop.time() + _TICK_SECONDS
            await asyncio.sleep(_TICK_SECONDS)
            self._late_ms.append(1000 * (self._loop.time() - due))

    def take(self) -> list[float]:
        """The samples since the last call, in milliseconds."""
        taken, self._late_ms = self._late_ms, []
        return taken

    def close(self) -> None:
        """Stop sampling."""
        self._ended.cancel()


class Stage:
    """Everything a benchmark needs. Use as a context manager."""

    def __init__(self) -> None:
        """A new engine over a file in a temporary folder, with its studio on a free port."""
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.functions = FunctionRegistry()
        task("bench_step", registry=self.functions)(_step)
        task("bench_huge", registry=self.functions, retry_count=0)(_huge)
        self.db = Path(self._folder.name) / "bench.duckdb"
        self.engine = Engine(self.db, functions=self.functions)
        self.service = self.engine.service
        self._server = StudioServer(self.service, port=0)
        self._thread = threading.Thread(target=self._serve, name="studio-server", daemon=True)
        self._ready: Future[asyncio.AbstractEventLoop] = Future()
        self._thread.start()
        self.lag = LoopLag(self._ready.result(60))
        self.url = self._server.url
        self._register()
        tune_for_serving()  # as the command does once the port is open

    def _serve(self) -> None:
        try:
            self._server.run(ready=lambda: self._ready.set_result(asyncio.get_event_loop()))
        except BaseException as error:
            if not self._ready.done():
                self._ready.set_exception(error)
            raise

    def _register(self) -> None:
        self.define("bench_sequence", sequence(STEPS, "bench_step"))
        self.define("bench_remote", sequence(STEPS, "bench_remote_step"))
        self.define("bench_one", sequence(1, "bench_step"))

    def define(self, name: str, tasks: list[dict[str, Any]]) -> None:
        """Register a workflow definition."""
        body = {"name": name, "version": 1, "schemaVersion": 2, "tasks": tasks}
        self.service.create_workflow_def(body, overwrite=True).result(30)

    def settle(self) -> None:
        """Let the history take in what the last benchmark left, so that the next begins alike."""
        self.engine.service.query("SELECT 1")
        time.sleep(0.3)
        self.lag.take()

    def lag_p99_ms(self) -> float:
        """99th percentile of the loop's lag since ``settle``."""
        return percentile(self.lag.take(), 0.99)

    def __enter__(self) -> Stage:
        """The stage itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop everything and delete the files."""
        self.lag.close()
        self._server.stop()
        self._thread.join(10)
        self.engine.close()
        self._folder.cleanup()


class InFlight:
    """Keeps a number of executions running until a total has ended."""

    def __init__(self, stage: Stage, name: str, total: int, at_once: int) -> None:
        """Prepare to run ``total`` executions of ``name``, ``at_once`` at a time."""
        self._service = stage.service
        self._request = {"name": name, "version": 1, "input": {"n": 1}}
        self._total, self._at_once = total, at_once
        self._started = self._ended = 0
        self._done = threading.Event()

    def run(self, timeout_seconds: float = 120.0) -> float:
        """Run them all; returns the seconds it took."""
        subscription = self._service.subscribe(self._heard)
        begun = time.perf_counter()
        try:
            for _ in range(min(self._at_once, self._total)):
                self._start()
            if not self._done.wait(timeout_seconds):
                raise TimeoutError(f"{self._ended} of {self._total} executions ended in time.")
            return time.perf_counter() - begun
        finally:
            subscription.close()

    def _start(self) -> None:
        self._started += 1
        self._service.start_workflow(self._request)

    def _heard(self, events: list[HistoryEvent]) -> None:
        for event in events:
            if event.kind is EventKind.WORKFLOW_ENDED:
                self._ended += 1
                if self._started < self._total:
                    self._start()
        if self._ended >= self._total:
            self._done.set()


def sequence(steps: int, task_type: str) -> list[dict[str, Any]]:
    """A chain of worker tasks, each of which reads what the one before gave."""
    return [
        {
            "name": task_type,
            "taskReferenceName": f"s{number}",
            "type": "SIMPLE",
            "inputParameters": {
                "n": f"${{s{number - 1}.output.n}}" if number > 1 else "${workflow.input.n}"
            },
        }
        for number in range(1, steps + 1)
    ]


def _huge() -> dict[str, Any]:
    return {"text": "x" * 50_000_000}


def _step(n: int) -> dict[str, Any]:
    return {"n": n + 1}
