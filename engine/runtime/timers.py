"""Moments at which an execution has to be looked at. Only the decider thread touches them.

An entry is a hint: when it rings, the deadline is worked out again from the state, so entries
are never taken back. A deadline that moved later rings once for nothing and is set again.
"""

from __future__ import annotations

import heapq
from typing import Final

_SPARE_ENTRIES: Final = 1_000
_RINGS_AT_ONCE: Final = 200
"""Timers of one batch: each is a turn, and may fold an execution that was paged out."""


class Timers:
    """A heap of (moment, execution, task)."""

    def __init__(self) -> None:
        """No timer is set."""
        self._heap: list[tuple[int, str, str]] = []
        self._set: dict[tuple[str, str], int] = {}

    def at(self, moment_ms: int, workflow_id: str, task_id: str = "") -> None:
        """Ring for a task (or, without one, for the execution) at a moment."""
        key = (workflow_id, task_id)
        known = self._set.get(key)
        if known is not None and known <= moment_ms:
            return
        self._set[key] = moment_ms
        heapq.heappush(self._heap, (moment_ms, workflow_id, task_id))

    def due(self, now_ms: int, limit: int = _RINGS_AT_ONCE) -> dict[str, list[str]]:
        """Take out what has rung: task ids by execution ("" for the execution itself)."""
        rung: dict[str, list[str]] = {}
        taken = 0
        while self._heap and self._heap[0][0] <= now_ms and taken < limit:
            moment_ms, workflow_id, task_id = heapq.heappop(self._heap)
            if self._set.get((workflow_id, task_id)) != moment_ms:
                continue
            del self._set[(workflow_id, task_id)]
            rung.setdefault(workflow_id, []).append(task_id)
            taken += 1
        return rung

    def is_set(self, workflow_id: str, task_id: str = "") -> bool:
        """Whether a timer is set."""
        return (workflow_id, task_id) in self._set

    def moment_ms(self, workflow_id: str, task_id: str = "") -> int:
        """When a timer rings, 0 if none is set."""
        return self._set.get((workflow_id, task_id), 0)

    @property
    def count(self) -> int:
        """How many timers are set."""
        return len(self._set)

    def next_moment_ms(self) -> int:
        """The earliest moment set, 0 for none."""
        return self._heap[0][0] if self._heap else 0

    def forget(self, workflow_id: str, task_id: str = "") -> None:
        """A task or execution has ended: its entry will be passed over."""
        self._set.pop((workflow_id, task_id), None)
        if len(self._heap) > 2 * len(self._set) + _SPARE_ENTRIES:
            # Most tasks end long before their time-outs: without this, all of an hour's would wait.
            self._heap = [(moment, *key) for key, moment in self._set.items()]
            heapq.heapify(self._heap)
