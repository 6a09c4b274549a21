"""Runs users' system tasks (engine/system_tasks.py) on threads of their own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from ..binding import output_of
from ..errors import NonRetryableError
from ..models.codec import recorded
from ..system_tasks import Elsewhere, InProgress, SystemTask, SystemTaskContext
from ..workers.outcome import TaskOutcome
from .daemon_threads import DaemonThreads
from .user_frames import describe_exception

logger = logging.getLogger(__name__)

Wire = dict[str, Any]
_REASON_LENGTH = 4000


class SystemTaskRunner:
    """Calls one system task for the tasks of its type. Callable from any thread."""

    def __init__(
        self,
        system_task: SystemTask,
        threads: DaemonThreads,
        send_heartbeat: Callable[[Wire], None] | None = None,
    ) -> None:
        """Serve ``system_task`` on ``threads``, which others may share.

        Args:
            system_task: Whose methods are called.
            threads: Where.
            send_heartbeat: Extends the lease of a task.
        """
        self.task_type = system_task.task_type
        self._system_task = system_task
        self._threads = threads
        self._send_heartbeat = send_heartbeat
        self._lock = threading.Lock()
        self._at_work: set[str] = set()
        self._cancelled: set[str] = set()

    def execute(self, task: Wire) -> Future[TaskOutcome]:
        """Call ``start``, or ``execute`` once ``start`` has returned; resolves to the outcome."""
        with self._lock:
            self._at_work.add(task["taskId"])
        return self._threads.submit(self._call, task)

    def cancel(self, task: Wire) -> None:
        """Call ``cancel`` for a task that was cancelled. Returns at once."""
        with self._lock:
            if task["taskId"] in self._at_work:
                self._cancelled.add(task["taskId"])
        try:
            self._threads.submit(self._call_cancel, task)
        except RuntimeError:  # closed just now
            logger.warning("%s is not told that %s was cancelled.", self.task_type, task["taskId"])

    def close(self) -> None:
        """Nothing of its own: the threads are its maker's."""

    def _call(self, task: Wire) -> TaskOutcome:
        task_id = task["taskId"]
        begun = bool(task.get("begun"))
        context: SystemTaskContext | None = None
        try:
            context = self._context(task)
            one = self._system_task
            returned = one.execute(context) if begun else one.start(context)
            return _outcome(returned, context)
        except BaseException as error:
            return _failure(error, context)
        finally:
            with self._lock:
                self._at_work.discard(task_id)
                self._cancelled.discard(task_id)

    def _call_cancel(self, task: Wire) -> None:
        try:
            self._system_task.cancel(self._context(task))
        except BaseException:
            logger.exception("%s could not cancel task %s.", self.task_type, task["taskId"])

    def _context(self, task: Wire) -> SystemTaskContext:
        send = self._send_heartbeat
        task = recorded(task)  # whatever is done to it, the engine's own stays as it is
        return SystemTaskContext(
            task,
            self._system_task.checked_input(task.get("inputData") or {}),
            None if send is None else lambda: send(task),
            lambda: task["taskId"] in self._cancelled,
        )


def _outcome(returned: Any, context: SystemTaskContext) -> TaskOutcome:
    logs = context.take_logs()
    if isinstance(returned, InProgress):
        return TaskOutcome(
            status="IN_PROGRESS",
            output=output_of(returned.output),
            callback_after_seconds=max(0, int(returned.again_after_seconds)),
            fields={"begun": True},
            logs=logs,
        )
    if isinstance(returned, Elsewhere):
        fields = {"begun": True, "async_complete": True}
        output = output_of(returned.output)
        return TaskOutcome(status="IN_PROGRESS", output=output, fields=fields, logs=logs)
    return TaskOutcome(status="COMPLETED", output=output_of(returned), logs=logs)


def _failure(error: BaseException, context: SystemTaskContext | None) -> TaskOutcome:
    final = isinstance(error, NonRetryableError)
    told = describe_exception(error)
    return TaskOutcome(
        status="FAILED_WITH_TERMINAL_ERROR" if final else "FAILED",
        output={} if context is None else context.output,
        reason=f"{told['type']}: {told['message']}"[:_REASON_LENGTH],
        error=told,
        logs=[] if context is None else context.take_logs(),
    )
