"""Task queues in memory: heaps of what is ready and of what is delayed, one pair for each queue.

Only the decider thread changes them.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from .queues import Entry, PollWaiter

_NEVER: Final = 2**62


class _Queue:
    __slots__ = ("delayed", "earliest_ms", "ready", "waiters")

    def __init__(self) -> None:
        self.ready: list[tuple[int, int, int, Entry]] = []
        self.delayed: list[tuple[int, int, Entry]] = []
        self.waiters: deque[PollWaiter] = deque()
        self.earliest_ms = 0
        """No waiter's time is up before; where one has been served, a little early."""


class EmbeddedQueues:
    """All queues by name, in this process's memory. A ``TaskQueues``."""

    def __init__(self) -> None:
        """No queue yet; they come into being by use."""
        self._queues: dict[str, _Queue] = {}
        self._entries: dict[str, Entry] = {}
        self._sizes: dict[str, int] = {}
        self._pushed = 0
        self._held: dict[str, list[Entry]] = {}
        self._dirty: dict[str, None] = {}
        self._waited: dict[str, _Queue] = {}
        """Queues that somebody waits at, and some that nobody does any more."""
        self._soonest_ms = _NEVER
        """Nothing is due for a waiting poll before; perhaps not even then."""

    def push(self, entry: Entry, now_ms: int) -> None:
        """Add a task, or move it: a task is in at most one queue, once."""
        self.remove(entry.task_id)
        queue = self._queues.get(entry.queue)
        if queue is None:
            queue = self._queues[entry.queue] = _Queue()
        self._entries[entry.task_id] = entry
        self._sizes[entry.queue] = self._sizes.get(entry.queue, 0) + 1
        self._pushed += 1
        if entry.visible_ms > now_ms:
            heapq.heappush(queue.delayed, (entry.visible_ms, self._pushed, entry))
            if queue.waiters:
                self._soonest_ms = min(self._soonest_ms, entry.visible_ms)
        else:
            item = (-entry.priority, entry.visible_ms, self._pushed, entry)
            heapq.heappush(queue.ready, item)
            if queue.waiters:
                self._dirty[entry.queue] = None

    def remove(self, task_id: str) -> None:
        """Take a task out, wherever it is; unknown ids are fine."""
        entry = self._entries.pop(task_id, None)
        if entry is not None:
            self._sizes[entry.queue] -= 1

    def hold(self, entry: Entry, reason: str) -> None:
        """Set a task aside that must not be handed out for now; it still counts."""
        self._entries[entry.task_id] = entry
        self._sizes[entry.queue] = self._sizes.get(entry.queue, 0) + 1
        self._held.setdefault(reason, []).append(entry)

    def release(self, reason: str, now_ms: int) -> None:
        """Put the tasks that were held for a reason into their queues, oldest first."""
        for entry in self._held.pop(reason, ()):
            if self._entries.get(entry.task_id) is entry:
                self.push(entry, now_ms)

    def take(self, name: str, count: int, now_ms: int) -> list[Entry]:
        """Take up to ``count`` tasks that may be handed out now."""
        queue = self._queues.get(name)
        if queue is None:
            return []
        self._ripen(name, queue, now_ms)
        taken: list[Entry] = []
        while queue.ready and len(taken) < count:
            entry = heapq.heappop(queue.ready)[3]
            if self._entries.get(entry.task_id) is entry:
                self.remove(entry.task_id)
                taken.append(entry)
        return taken

    def ahead(self, name: str, count: int, now_ms: int) -> list[Entry]:
        """What ``take`` would give now; everything stays where it is."""
        queue = self._queues.get(name)
        if queue is None or count <= 0:
            return []
        self._ripen(name, queue, now_ms)
        found: list[Entry] = []
        heap = queue.ready
        # The smallest of a heap in order, without sorting it: below each that is found lie the
        # next ones.
        edge = [(heap[0][:3], 0)] if heap else []
        while edge and len(found) < count:
            _, place = heapq.heappop(edge)
            entry = heap[place][3]
            if self._entries.get(entry.task_id) is entry:
                found.append(entry)
            for below in (2 * place + 1, 2 * place + 2):
                if below < len(heap):
                    heapq.heappush(edge, (heap[below][:3], below))
        return found

    def _ripen(self, name: str, queue: _Queue, now_ms: int) -> None:
        while queue.delayed and queue.delayed[0][0] <= now_ms:
            visible_ms, order, entry = heapq.heappop(queue.delayed)
            if self._entries.get(entry.task_id) is entry:
                heapq.heappush(queue.ready, (-entry.priority, visible_ms, order, entry))
                if queue.waiters:
                    self._dirty[name] = None

    # -- waiting workers -----------------------------------------------------------------

    def wait(self, waiter: PollWaiter) -> None:
        """Park a poll until a task comes or its time is up."""
        queue = self._queues.setdefault(waiter.queue, _Queue())
        if not queue.waiters or waiter.deadline_ms < queue.earliest_ms:
            queue.earliest_ms = waiter.deadline_ms
        queue.waiters.append(waiter)
        self._waited[waiter.queue] = queue
        self._soonest_ms = min(self._soonest_ms, _due_ms(queue))

    def expired(self, now_ms: int) -> Iterator[PollWaiter]:
        """Take out the polls whose time is up, and with them those whose caller has gone."""
        if now_ms < self._soonest_ms:
            return
        for name, queue in list(self._waited.items()):
            if queue.waiters and queue.earliest_ms > now_ms:
                continue
            kept: deque[PollWaiter] = deque()
            for waiter in queue.waiters:
                if waiter.deadline_ms <= now_ms or waiter.future.is_given_up:
                    yield waiter
                else:
                    kept.append(waiter)
            queue.waiters = kept
            queue.earliest_ms = min((waiter.deadline_ms for waiter in kept), default=0)
            if not kept:
                del self._waited[name]
        self._soonest_ms = min(map(_due_ms, self._waited.values()), default=_NEVER)

    def match(self, now_ms: int) -> Iterator[tuple[PollWaiter, list[Entry]]]:
        """Pair tasks that can be handed out with the polls that wait for them, oldest first."""
        if now_ms >= self._soonest_ms:
            for name, queue in self._waited.items():
                self._ripen(name, queue, now_ms)
        while self._dirty:
            name = next(iter(self._dirty))
            del self._dirty[name]
            queue = self._queues[name]
            while queue.waiters:
                waiter = queue.waiters[0]
                if waiter.future.is_given_up:
                    queue.waiters.popleft()
                    continue
                taken = self.take(name, waiter.count, now_ms)
                if not taken:
                    break
                queue.waiters.popleft()
                yield waiter, taken

    def next_moment_ms(self) -> int:
        """When a parked poll ends or a delayed task becomes ready for one; 0: never."""
        return 0 if self._soonest_ms == _NEVER else self._soonest_ms

    # -- questions -----------------------------------------------------------------------

    def size(self, name: str) -> int:
        """Tasks in a queue, delayed ones included."""
        return self._sizes.get(name, 0)

    def sizes(self) -> dict[str, int]:
        """Tasks by queue, sorted by name."""
        return {name: self._sizes.get(name, 0) for name in sorted(self._queues)}

    def oldest(self) -> dict[str, int]:
        """When the task that waits longest became visible (epoch ms), by queue. Any thread."""
        found: dict[str, int] = {}
        for entry in list(self._entries.values()):
            known = found.get(entry.queue)
            if known is None or entry.visible_ms < known:
                found[entry.queue] = entry.visible_ms
        return found

    def waiting_polls(self) -> int:
        """Long polls that wait for a task. Any thread."""
        return sum(len(queue.waiters) for queue in list(self._queues.values()))

    def entries(self, condition: Callable[[Entry], bool]) -> list[Entry]:
        """Waiting tasks that meet a condition."""
        return [entry for entry in list(self._entries.values()) if condition(entry)]

    def entry(self, task_id: str) -> Entry | None:
        """Where a task waits, None if nowhere."""
        return self._entries.get(task_id)

    def contains(self, task_id: str) -> bool:
        """Whether a task waits in some queue."""
        return task_id in self._entries


def _due_ms(queue: _Queue) -> int:
    """When a poll that waits at a queue ends, or the next delayed task is ready for one."""
    if not queue.waiters:
        return _NEVER
    return min(queue.earliest_ms, queue.delayed[0][0]) if queue.delayed else queue.earliest_ms
