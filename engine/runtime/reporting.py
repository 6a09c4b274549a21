"""What a worker reports about a task: its result, that it is alive, that it gives it back."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, Protocol

from ..errors import NonRetryableError
from ..functions import TaskContext
from .insistence import insistently
from .user_frames import describe_exception

_logger = logging.getLogger(__name__)

_REASON_LENGTH: Final = 4000

Wire = dict[str, Any]
Settled = Callable[[], None]
"""Called once the report was accepted or refused, on any thread."""


class Update(Protocol):
    """How results are reported."""

    def __call__(self, result: Wire, error: Wire | None) -> Future[Any]:
        """Accept a TaskResult; ``error`` is ``{type, message, frames}`` of what was raised."""
        ...


class Reporter:
    """Builds TaskResults and sends them off. Callable from any thread; never raises."""

    def __init__(
        self, update: Update, worker_id: str, is_over: Callable[[], bool] | None = None
    ) -> None:
        """Report through ``update`` in the name of a worker.

        ``is_over``: whether what can't be accepted at present is not to be sent again any more.
        """
        self._update = update
        self._worker_id = worker_id
        self._is_over = is_over

    def completed(
        self, task: Wire, context: TaskContext | None, output: Wire, settled: Settled
    ) -> None:
        """The function returned."""
        result = self._result(task, "COMPLETED", context)
        result["outputData"] = output
        self._send(result, None, settled)

    def failed(
        self, task: Wire, context: TaskContext | None, raised: BaseException, settled: Settled
    ) -> None:
        """The function raised."""
        error = describe_exception(raised)
        final = isinstance(raised, NonRetryableError)
        status = "FAILED_WITH_TERMINAL_ERROR" if final else "FAILED"
        result = self._result(task, status, context)
        result["outputData"] = {}
        result["reasonForIncompletion"] = f"{error['type']}: {error['message']}"[:_REASON_LENGTH]
        self._send(result, error, settled)

    def handed_back(self, task: Wire, settled: Settled | None = None) -> None:
        """The task was not begun: IN_PROGRESS puts it back into its queue."""
        result = self._result(task, "IN_PROGRESS", None)
        result["outputData"] = task.get("outputData") or {}
        result["callbackAfterSeconds"] = 0
        self._send(result, None, settled)

    def heartbeat(self, task: Wire) -> None:
        """The function is still at work."""
        result = self._result(task, "IN_PROGRESS", None)
        result["extendLease"] = True
        self._send(result, None, None, insists=False)

    def _result(self, task: Wire, status: str, context: TaskContext | None) -> Wire:
        result: Wire = {
            "workflowInstanceId": task["workflowInstanceId"],
            "taskId": task["taskId"],
            "workerId": self._worker_id,
            "status": status,
        }
        if context is not None and (logs := context.take_logs()):
            result["logs"] = logs
        return result

    def _send(
        self, result: Wire, error: Wire | None, settled: Settled | None, insists: bool = True
    ) -> None:
        def came_to(refused: BaseException | None) -> None:
            if refused is not None:
                self._refused(result, refused)
            if settled is not None:
                settled()

        is_over = self._is_over if insists else _once
        insistently(lambda: self._update(result, error), is_over, came_to)

    def _refused(self, result: Wire, refused: BaseException) -> None:
        # The task stays IN_PROGRESS; its response time-out brings it back.
        _logger.warning(
            "The result of task %s was not accepted: %s",
            result["taskId"],
            refused,
            extra={"task_id": result["taskId"], "workflow_id": result["workflowInstanceId"]},
        )


def _once() -> bool:
    """That what is refused is over: the next report follows soon."""
    return True
