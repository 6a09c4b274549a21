"""The engine's own workers for task types that do I/O: they poll like anybody else."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, Protocol

from ..models.codec import whole_characters
from ..workers.outcome import TaskOutcome
from .insistence import insistently
from .polling import IN_PROCESS_PREFIX

logger = logging.getLogger(__name__)

Wire = dict[str, Any]

_REASON_LENGTH: Final = 500
_POLL_TIMEOUT_MS: Final = 5000
_PAUSE_SECONDS: Final = 1.0


class WorkSource(Protocol):
    """Where tasks come from and results go."""

    def poll(
        self, task_type: str, worker_id: str | None, domain: str | None, count: int, timeout_ms: int
    ) -> Future[list[Wire]]:
        """Up to ``count`` tasks."""
        ...

    def update_task(
        self, result: Wire, error: Wire | None = None, fields: Wire | None = None
    ) -> Future[str]:
        """Report a result."""
        ...


class SystemWorker(Protocol):
    """Runs the tasks of one type. Callable from any thread."""

    task_type: str

    def execute(self, task: Wire) -> Future[TaskOutcome]:
        """Begin a task, in wire form with its secrets filled in; resolves to what came of it."""
        ...

    def close(self) -> None:
        """Cut off what runs and end its threads."""
        ...


class SystemWorkers:
    """Keeps one poll for the tasks of a type open and runs what comes, many at once."""

    def __init__(self, source: WorkSource, worker: SystemWorker, at_once: int = 100) -> None:
        """Begin with ``start``.

        Args:
            source: Where tasks come from and results go.
            worker: Runs them.
            at_once: Most tasks that are at work at the same time.
        """
        self._source = source
        self._worker = worker
        self._worker_id = f"{IN_PROCESS_PREFIX}{worker.task_type.lower()}"
        self._lock = threading.Lock()
        self._free = at_once
        self._asking = False
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
        with self._lock:
            if self._closed or self._asking or not self._free:
                return
            self._asking = True
            room = self._free
        kind = self._worker.task_type
        self._poll = self._source.poll(kind, self._worker_id, None, room, _POLL_TIMEOUT_MS)
        self._poll.add_done_callback(self._got)

    def _got(self, finished: Future[list[Wire]]) -> None:
        self._asking = False
        if finished.cancelled() or self._closed:
            return
        error = finished.exception()
        if error is not None:
            logger.warning("No %s task can be fetched: %s", self._worker.task_type, error)
            again = threading.Timer(_PAUSE_SECONDS, self._ask)
            again.daemon = True
            again.start()
            return
        for task in finished.result():
            self._run(task)
        self._ask()

    def _run(self, task: Wire) -> None:
        with self._lock:
            self._free -= 1
        try:
            future = self._worker.execute(task)
        except RuntimeError:  # closed meanwhile: the next start queues the task again
            self._freed()
            return
        future.add_done_callback(self._reporter(task))

    def _freed(self) -> None:
        with self._lock:
            self._free += 1
        self._ask()

    def _reporter(self, task: Wire) -> Callable[[Future[TaskOutcome]], None]:
        def report(finished: Future[TaskOutcome]) -> None:
            if not (self._closed or finished.cancelled()):
                self._report(task, finished)
            self._freed()

        return report

    def _report(self, task: Wire, finished: Future[TaskOutcome]) -> None:
        error = finished.exception()
        if error is None:
            outcome = finished.result()
        else:
            what = f"The {self._worker.task_type} worker failed"
            logger.error("%s.", what, exc_info=error)
            outcome = TaskOutcome(status="FAILED", output={}, reason=f"{what}: {error}")
        result: Wire = {
            "workflowInstanceId": task["workflowInstanceId"],
            "taskId": task["taskId"],
            "workerId": self._worker_id,
            "status": str(outcome.status),
            "outputData": outcome.output or {},
            "reasonForIncompletion": _reason(outcome),
            "callbackAfterSeconds": outcome.callback_after_seconds,
        }
        if outcome.logs:
            result["logs"] = outcome.logs
        insistently(
            lambda: self._source.update_task(result, outcome.error, outcome.fields or None),
            lambda: self._closed,
        )


def _reason(outcome: TaskOutcome) -> str | None:
    return whole_characters((outcome.reason or "")[:_REASON_LENGTH]) or None
