"""Executions on their way back into memory: read on another thread, folded by the decider.

A history may hold payloads of megabytes, some of them in a bucket far away. Whoever needs such an
execution is put aside until it has been read; everybody else goes on meanwhile.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final

from ..core.events import HistoryEvent
from ..errors import StoreClosedError, StoreCorruptError

if TYPE_CHECKING:
    from .desk import Desk

logger = logging.getLogger(__name__)

Use = Callable[["Desk", "Future[Any]"], None]
ReadApart = Callable[[Callable[[], Any], Use], None]
"""Runs a function on another thread; what came of it is used on the decider's."""
Then = Callable[[Exception | None], None]
"""Told that an execution is in memory, or why it can't be."""

RETRY_MS: Final = 5_000
_FOR_GOOD: Final = (StoreCorruptError, StoreClosedError)
"""Why reading again would not help; else a bucket may be out of reach for a while."""


class Retrieval:
    """Which executions are being read, and who waits for each. Decider thread only."""

    def __init__(self) -> None:
        """Nothing is being read."""
        self._waiting: dict[str, list[Then]] = {}
        self._later: deque[tuple[int, str, Then | None]] = deque()
        """(when to read again, execution, who is told)."""

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

    def insist(self, desk: Desk, workflow_id: str, then: Then | None = None) -> None:
        """The same for what nobody would ask for again: a timer, a parent that has to be told.

        It is read again until that succeeds; ``then`` is told so, or that the store is damaged.
        """

        def came(error: Exception | None) -> None:
            if error is not None and not isinstance(error, _FOR_GOOD):
                at = desk.clock.now().wall_ms + RETRY_MS
                self._later.append((at, workflow_id, then))
            elif then is not None:
                then(error)

        self.fetch(desk, workflow_id, came)

    def look_again(self, desk: Desk) -> None:
        """Read again what could not be read some time ago. Once a batch."""
        if self._later:
            now_ms = desk.clock.now().wall_ms
            # Also where the clock has jumped back since.
            while self._later and not now_ms < self._later[0][0] <= now_ms + RETRY_MS:
                _, workflow_id, then = self._later.popleft()
                self.insist(desk, workflow_id, then)

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
