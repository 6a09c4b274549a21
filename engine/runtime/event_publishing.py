"""Runs EVENT tasks whose sink belongs to a publisher (engine/publishers.py)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from ..errors import NonRetryableError
from ..models.codec import recorded
from ..publishers import EventMessage, EventPublisher
from ..workers.outcome import TaskOutcome
from .daemon_threads import DaemonThreads

logger = logging.getLogger(__name__)

Wire = dict[str, Any]


class EventWorker:
    """The engine's worker for published events. Callable from any thread."""

    task_type = "EVENT"

    def __init__(self, publishers: Mapping[str, EventPublisher], threads: int = 8) -> None:
        """Publish with ``publishers``, by queue type, on ``threads`` threads."""
        self._publishers = publishers
        self._threads = DaemonThreads(threads, "event-publisher")

    def execute(self, task: Wire) -> Future[TaskOutcome]:
        """Publish what stands in a task's output; resolves to the outcome."""
        return self._threads.submit(self._publish, task)

    def close(self) -> None:
        """Begin nothing more, and close the publishers that can be closed."""
        self._threads.close()
        for kind, publisher in self._publishers.items():
            close = getattr(publisher, "close", None)
            if close is None:
                continue
            try:
                close()
            except Exception:
                logger.exception("The publisher of %s did not close.", kind)

    def _publish(self, task: Wire) -> TaskOutcome:
        output = task["outputData"]
        sink = str(output.get("event_produced") or "")
        kind, _, address = sink.partition(":")
        try:
            publisher = self._publishers[kind]
            publisher.publish(EventMessage(task["taskId"], sink, address, recorded(output)))
        except BaseException as error:
            final = isinstance(error, NonRetryableError)
            return TaskOutcome(
                status="FAILED_WITH_TERMINAL_ERROR" if final else "FAILED",
                output=output,
                reason=str(error) or type(error).__name__,
            )
        if task["inputData"].get("asyncComplete"):
            return TaskOutcome(status="IN_PROGRESS", output=output, fields={"begun": True})
        return TaskOutcome(status="COMPLETED", output=output)
