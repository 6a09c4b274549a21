"""Executions on their way back into memory: read on another thread, folded by the decider.

A history may hold payloads of megabytes, some of them in a bucket far away. Whoever needs such an
execution is put aside until it has been read; everybody else goes on meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from ..core.events import HistoryEvent

if TYPE_CHECKING:
    from .desk import Desk

logger = logging.getLogger(__name__)

Use = Callable[["Desk", "Future[Any]"], None]
ReadApart = Callable[[Callable[[], Any], Use], None]
"""Runs a function on another thread; what came of it is used on the decider's."""
Then = Callable[[Exception | None], None]
"""Told that an execution is in memory, or why it can't be."""


class Retrieval:
    """Which executions are being read, and who waits for each. Decider thread only."""

    def __init__(self) -> None:
        """Nothing is being read."""
        self._waiting: dict[str, list[Then]] = {}

    @property
    def is_busy(self) -> bool:
        """Whether something is being read."""
        return bool(self._waiting)

    def fetch(self, desk: Desk, workflow_id: str, then: Then | None = None) -> None:
        """Bring an execution into memory; several who want the same wait for one reading.

        ``then`` is called on the decider thread, at once if the execution is not paged out.
        """
        waiting = self._waiting.get(workflow_id)
        if waiting is None:
            page = desk.executions.page(workflow_id)
            if page is None:
                if then is not None:
                    then(None)
                return
            waiting = self._waiting[workflow_id] = []

            def use(later: Desk, found: Future[list[HistoryEvent]]) -> None:
                self._arrived(later, workflow_id, found)

            desk.read_apart(lambda: desk.store.events(workflow_id), use)
        if then is not None:
            waiting.append(then)

    def _arrived(self, desk: Desk, workflow_id: str, found: Future[list[HistoryEvent]]) -> None:
        waiting = self._waiting.pop(workflow_id)
        error = found.exception()
        if error is None:
            try:
                desk.recall(workflow_id, found.result())
            except Exception as failure:
                error = failure
        if error is not None:
            logger.error("Execution %s can't be read: %s", workflow_id, error)
        for then in waiting:
            then(error if isinstance(error, Exception) or error is None else RuntimeError(error))
