"""What the engine asks of its task queues; ``embedded_queues`` has those in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import msgspec

from .answers import Answer


class Entry(msgspec.Struct, frozen=True, order=False, gc=False):
    """One waiting task."""

    workflow_id: str
    task_id: str
    queue: str
    priority: int
    visible_ms: int


class PollWaiter:
    """A worker's long poll that found nothing yet."""

    __slots__ = ("count", "deadline_ms", "future", "queue", "worker_id")

    def __init__(
        self, queue: str, worker_id: str | None, count: int, deadline_ms: int, future: Answer[Any]
    ) -> None:
        self.queue = queue
        self.worker_id = worker_id
        self.count = count
        self.deadline_ms = deadline_ms
        self.future = future


class TaskQueues(Protocol):
    """Tasks that wait for a worker, by queue name (``[domain:]taskType``), and workers that wait.

    Nothing here is truth: at a start the queues are filled again from the open executions. Order
    within a queue: higher priority first, then what could be handed out first (semantics
    reference §8.1). Moments are epoch milliseconds. Changed by the decider thread alone; what is
    said to be for any thread may be a moment old there.
    """

    # -- tasks ---------------------------------------------------------------------------

    def push(self, entry: Entry, now_ms: int) -> None:
        """Add a task, or move it: a task is in at most one queue, once.

        It can be taken from ``entry.visible_ms`` on (a delay), and before others by
        ``entry.priority``.
        """
        ...

    def take(self, name: str, count: int, now_ms: int) -> list[Entry]:
        """Take up to ``count`` tasks that may be handed out now. Giving one back is ``push``."""
        ...

    def ahead(self, name: str, count: int, now_ms: int) -> list[Entry]:
        """What ``take`` would give now; everything stays where it is."""
        ...

    def remove(self, task_id: str) -> None:
        """Take a task out, wherever it is; unknown ids are fine."""
        ...

    def hold(self, entry: Entry, reason: str) -> None:
        """Set a task aside that must not be handed out for now; it still counts."""
        ...

    def release(self, reason: str, now_ms: int) -> None:
        """Put the tasks that were held for a reason into their queues, oldest first."""
        ...

    # -- workers -------------------------------------------------------------------------

    def wait(self, waiter: PollWaiter) -> None:
        """Park a poll until a task comes or its time is up."""
        ...

    def match(self, now_ms: int) -> Iterator[tuple[PollWaiter, list[Entry]]]:
        """Pair tasks that can be handed out with the polls that wait for them, oldest first."""
        ...

    def expired(self, now_ms: int) -> Iterator[PollWaiter]:
        """Take out the polls whose time is up, and with them those whose caller has gone."""
        ...

    def next_moment_ms(self) -> int:
        """When a parked poll ends or a delayed task becomes ready for one; 0: never."""
        ...

    # -- questions -----------------------------------------------------------------------

    def size(self, name: str) -> int:
        """Tasks in a queue, delayed and held ones included. Any thread."""
        ...

    def sizes(self) -> dict[str, int]:
        """Tasks by queue, sorted by name. Any thread."""
        ...

    def oldest(self) -> dict[str, int]:
        """When the task that waits longest became visible, by queue. Any thread."""
        ...

    def waiting_polls(self) -> int:
        """Long polls that wait for a task. Any thread."""
        ...

    def entries(self, condition: Callable[[Entry], bool]) -> list[Entry]:
        """Waiting tasks that meet a condition."""
        ...

    def entry(self, task_id: str) -> Entry | None:
        """Where a task waits, None if nowhere."""
        ...

    def contains(self, task_id: str) -> bool:
        """Whether a task waits in some queue."""
        ...


def queue_name(task_type: str, domain: str | None) -> str:
    """Conductor's name of a queue."""
    return f"{domain}:{task_type}" if domain else task_type
