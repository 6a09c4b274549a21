"""The engine's own workers for task types that do I/O: they poll like anybody else."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol

from ..workers.http import HttpWorker, TaskOutcome
from .polling import IN_PROCESS_PREFIX

logger = logging.getLogger(__name__)

Wire = dict[str, Any]


class WorkSource(Protocol):
    """Where tasks come from and results go."""

    def poll(
        self, task_type: str, worker_id: str | None, domain: str | None, count: int, timeout_ms: int
    ) -> Future[list[Wire]]:
        """Up to ``count`` tasks."""
        ...

    def update_task(self, result: Wire, error: Wire | None = None) -> Future[str]:
        """Report a result."""
        ...


class HttpTaskWorkers:
    """Keeps one poll for HTTP tasks open and runs what comes, many at once."""

    def __init__(self, source: WorkSource, worker: HttpWorker, at_once: int = 100) -> None:
        """Begin with ``start``."""
        self._source = source
        self._worker = worker
        self._at_once = at_once
        self._closed = False
        self._poll: Future[list[Wire]] | None = None

    def start(self) -> None:
        """Ask for work."""
        self._ask()

    def close(self) -> None:
        """Take no more work; what runs is cut off and queued again at the next start."""
        self._closed = True
        if self._poll is not None:
            self._poll.cancel()
        self._worker.close()

    def _ask(self) -> None:
        if self._closed:
            return
        worker_id = f"{IN_PROCESS_PREFIX}http"
        self._poll = self._source.poll("HTTP", worker_id, None, self._at_once, 5000)
        self._poll.add_done_callback(self._got)

    def _got(self, finished: Future[list[Wire]]) -> None:
        if finished.cancelled() or self._closed:
            return
        error = finished.exception()
        if error is not None:
            logger.warning("No HTTP task can be fetched: %s", error)
            again = threading.Timer(1.0, self._ask)
            again.daemon = True
            again.start()
            return
        for task in finished.result():
            self._run(task)
        self._ask()

    def _run(self, task: Wire) -> None:
        given = task["inputData"]
        waits = bool(given.get("asyncComplete"))
        future = self._worker.execute(given, waits)
        future.add_done_callback(self._reporter(task))

    def _reporter(self, task: Wire) -> Callable[[Future[TaskOutcome]], None]:
        def report(finished: Future[TaskOutcome]) -> None:
            if self._closed or finished.cancelled():
                return
            error = finished.exception()
            reason: str | None
            if error is not None:
                logger.error("The HTTP worker failed.", exc_info=error)
                status, output, reason = "FAILED", {}, f"The HTTP worker failed: {error}"
            else:
                outcome = finished.result()
                status, output, reason = str(outcome.status), outcome.output, outcome.reason
            self._source.update_task(
                {
                    "workflowInstanceId": task["workflowInstanceId"],
                    "taskId": task["taskId"],
                    "workerId": f"{IN_PROCESS_PREFIX}http",
                    "status": status,
                    "outputData": output or {},
                    "reasonForIncompletion": (reason or "")[:500] or None,
                }
            )

        return report
