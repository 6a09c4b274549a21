"""Limits of task definitions at hand-off: at once, and within a time (semantics §8.5, §8.6).

Only the decider thread touches them. Slots are derived from the open tasks, so nothing is lost
with the process: a task that runs again after a restart takes its slot again.
"""

from __future__ import annotations

from collections import deque

from ..core.definition import TaskSettings
from ..core.state import TaskState


class HandOffLimits:
    """Says whether a task may be handed out now."""

    def __init__(self) -> None:
        """No slot is taken."""
        self._holders: dict[str, dict[str, None]] = {}
        self._handed_out: dict[str, deque[int]] = {}

    def without_holders(self) -> HandOffLimits:
        """Limits of which nobody holds a slot; what was handed out lately still counts."""
        cleared = HandOffLimits()
        cleared._handed_out = self._handed_out
        return cleared

    def admits(self, task: TaskState, settings: TaskSettings | None) -> bool:
        """Whether the task has, or now gets, a slot of its definition's concurrency limit.

        A slot is kept until the task ends, also while it waits for a callback.
        """
        limit = settings.concurrent_exec_limit if settings is not None else 0
        if limit <= 0:
            return True
        holders = self._holders.setdefault(task.task_def_name, {})
        if task.task_id not in holders:
            if len(holders) >= limit:
                return False
            holders[task.task_id] = None
        return True

    def has_slot(self, task: TaskState) -> bool:
        """Whether the task holds a slot."""
        return task.task_id in self._holders.get(task.task_def_name, ())

    def keep(self, name: str, task_id: str) -> None:
        """After a start: give a task the slot of a definition that it held before."""
        self._holders.setdefault(name, {})[task_id] = None

    def free(self, task: TaskState) -> bool:
        """Give a slot back when its task has ended; True when others may get it."""
        holders = self._holders.get(task.task_def_name)
        if holders is None or task.task_id not in holders:
            return False
        del holders[task.task_id]
        return True

    def forget(self, task_id: str) -> list[str]:
        """Give the slot of a deleted task back; names of the definitions it held one of."""
        freed = [name for name, holders in self._holders.items() if task_id in holders]
        for name in freed:
            del self._holders[name][task_id]
        return freed

    def wait_ms(self, task: TaskState, settings: TaskSettings | None, now_ms: int) -> int:
        """Milliseconds until the rate limit lets the task pass; 0 counts it as handed out."""
        if settings is None or settings.rate_limit_per_frequency <= 0:
            return 0
        window_ms = max(settings.rate_limit_frequency_in_seconds, 1) * 1000
        times = self._handed_out.setdefault(task.task_def_name, deque())
        while times and not now_ms - window_ms < times[0] <= now_ms:
            times.popleft()  # long ago, or noted before the clock was set back
        if len(times) < settings.rate_limit_per_frequency:
            times.append(now_ms)
            return 0
        return times[0] + window_ms - now_ms
