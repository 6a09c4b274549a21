"""The threads behind a pool, each with a process of its own."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque

from ..errors import UnavailableError
from .errors import EvaluatorCrashed, ExpressionTimeout
from .evaluator_process import EvaluatorProcess
from .job import Job, Limits
from .nursery import Nursery
from .watchdog import Watchdog

GRACE_SECONDS = 0.2
"""A script that does not stop by itself at its limit is killed so much later. Being noticed, told
and cleared away takes a while too: half a second behind its limit every script has ended."""
_MAX_ATTEMPTS = 2
_SLOW_SECONDS = 0.25
_HELPERS = 3
"""Further processes for each of the crew's, while those are at long scripts."""
_CLOSED = "The evaluator pool was closed."
_CRASHED = "The evaluator process died while it ran the script."

_NOT_BUSY = float("inf")

Batch = list[Job]


class Crew:
    """Hands batches to threads, the one that worked last first: its process is warm."""

    def __init__(self, limits: Limits) -> None:
        """A crew without members; they join when there is work for them."""
        self._limits = limits
        self._watchdog = Watchdog()
        # Reentrant: a collection of garbage inside it may run the finalizer, which is ``close``.
        self._lock = threading.RLock()
        self._idle: list[_Member] = []
        self._members: list[_Member] = []
        self._pending: deque[Batch] = deque()
        self._nursery = Nursery(limits, self._watchdog)
        self._closed = False
        self._call: threading.Timer | None = None
        """When somebody is looked for who helps out."""

    def dispatch(self, batch: Batch) -> None:
        """Have a batch run.

        Raises:
            UnavailableError: The pool is closed.
        """
        with self._lock:
            self._refuse_if_closed()
            if self._idle:
                self._idle.pop().inbox.put(batch)
            elif self._has_room():
                self._hire().inbox.put(batch)
            else:
                self._pending.append(batch)
                self._call_for_help()

    def prewarm(self) -> None:
        """Have the first member start its process, unless there is one already.

        It counts as idle meanwhile: the first batch waits for it instead of starting another.

        Raises:
            UnavailableError: The pool is closed.
        """
        with self._lock:
            self._refuse_if_closed()
            if not self._members:
                member = self._hire()
                member.inbox.put([])
                self._idle.append(member)

    def next_batch(self, member: _Member) -> Batch | None:
        """What a member does next: a batch that waits, or rest until one comes; None: go."""
        with self._lock:
            if self._pending:
                return self._pending.popleft()
            if self._quick_count() > self._limits.size and not self._closed:
                self._members.remove(member)  # helped out, and is not needed any more
                return None
            if not self._closed:
                self._idle.append(member)
        return member.inbox.get()

    def _has_room(self) -> bool:
        """Whether another process may be started: one at a long script does not count."""
        size = self._limits.size
        return self._quick_count() < size and len(self._members) < size * (1 + _HELPERS)

    def _quick_count(self) -> int:
        """How many members are free, or will be soon."""
        return sum(1 for member in self._members if not self._is_slow(member))

    @staticmethod
    def _is_slow(member: _Member) -> bool:
        return member.busy_since < time.monotonic() - _SLOW_SECONDS

    def _call_for_help(self) -> None:
        """Look again soon whether what waits needs another process."""
        if self._call is None and not self._closed:
            self._call = threading.Timer(_SLOW_SECONDS, self._help_out)
            self._call.daemon = True
            self._call.start()

    def _help_out(self) -> None:
        with self._lock:
            self._call = None
            for member in self._members:
                process = member.process
                if process is not None and self._is_slow(member):
                    process.stand_back()
            while self._pending and not self._closed and self._has_room():
                self._hire().inbox.put(self._pending.popleft())
            if self._pending:
                self._call_for_help()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise UnavailableError("The evaluator pool is closed.")

    def _hire(self) -> _Member:
        member = _Member(self, self._limits, self._watchdog, self._nursery)
        self._members.append(member)
        member.thread.start()
        return member

    def close(self) -> None:
        """End all processes and threads. Batches under way or waiting fail. Repeatable."""
        with self._lock:
            self._closed = True
            pending, self._pending = self._pending, deque()
            members = list(self._members)
            call, self._call = self._call, None
        if call is not None:
            call.cancel()
        for batch in pending:
            for job in batch:
                if job.start():
                    job.future.set_exception(EvaluatorCrashed(_CLOSED))
        for member in members:
            member.dismiss()
        for member in members:
            if member.thread is not threading.current_thread():
                member.thread.join()
        self._nursery.close()
        self._watchdog.close()

    def disown(self) -> None:
        """Forget everything without ending it: in a forked child it belongs to the parent."""
        for member in self._members:
            if member.process is not None:
                member.process.disown()
        self._nursery.disown()


class _Member:
    """One thread and the process it talks to."""

    def __init__(self, crew: Crew, limits: Limits, watchdog: Watchdog, nursery: Nursery) -> None:
        self.thread = threading.Thread(target=self._serve, name="evaluator", daemon=True)
        self.inbox: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        self.process: EvaluatorProcess | None = None
        self._crew = crew
        self._limits = limits
        self._watchdog = watchdog
        self._nursery = nursery
        self._dismissed = False
        self.busy_since = _NOT_BUSY
        """When the script at hand began, by the monotonic clock."""

    def dismiss(self) -> None:
        """End the thread soon; called from another one."""
        self._dismissed = True
        process = self.process
        if process is not None:
            process.kill()
        self.inbox.put(None)

    def _serve(self) -> None:
        batch = self.inbox.get()
        while batch is not None:
            waiting = deque(job for job in batch if job.start())
            try:
                self._work(waiting)
            except Exception as error:
                # Whatever went wrong here, nobody may be left waiting for it, and no answer may
                # be left in the pipe for the next job to read.
                self._replace()
                for job in waiting:
                    job.future.set_exception(error)
            batch = self._crew.next_batch(self) if batch else self.inbox.get()
        self._replace()

    def _work(self, waiting: deque[Job]) -> None:
        while True:
            try:
                process = self._started()
                self._run(process, waiting)
            except (EOFError, EvaluatorCrashed) as error:
                self.busy_since = _NOT_BUSY
                process_expired = self.process is not None and self.process.expired
                # Who waits is told first: to clear a large process away takes a while.
                if waiting:
                    self._blame(waiting, process_expired, error)
                self._replace()
                if not waiting and not self._dismissed:
                    self._nursery.breed()
            if not waiting:
                return

    def _started(self) -> EvaluatorProcess:
        process = self.process
        if process is not None and process.is_alive:
            is_fresh = process.uses < self._limits.max_uses and not process.stands_back
            if is_fresh:
                return process
        stood_back = process is not None and process.stands_back
        self._replace()
        if self._dismissed:
            raise EvaluatorCrashed(_CLOSED)
        grown = self._nursery.take()
        process = grown or self._nursery.started()
        self.process = process
        if self._dismissed:  # by now whoever dismisses sees the process, or this sees that
            raise EvaluatorCrashed(_CLOSED)
        if grown is None:
            self._nursery.rear(process)
        if grown is not None or stood_back:
            self._nursery.breed()
        return process

    def _run(self, process: EvaluatorProcess, waiting: deque[Job]) -> None:
        """Send all jobs, take each off as its answer comes."""
        if not waiting:
            return
        limits = self._limits
        # An endless loop stops by itself at the limit; the kill is for what does not. A second
        # attempt has what the first one left.
        patience = limits.wall_seconds + GRACE_SECONDS
        process.uses += len(waiting)
        self._watchdog.arm(process, patience - waiting[0].begin())
        jobs = [(job.lane, job.source, job.given) for job in waiting]
        process.ask(jobs, limits.wall_seconds, limits.heap_bytes)
        while waiting:
            self.busy_since = time.monotonic()
            letter, body = process.receive()
            self.busy_since = _NOT_BUSY
            if len(waiting) > 1:
                self._watchdog.arm(process, patience - waiting[1].begin())
            else:
                self._watchdog.disarm(process)
            waiting[0].conclude(letter, body, limits)
            waiting.popleft()

    def _blame(self, waiting: deque[Job], expired: bool, error: Exception) -> None:
        """Settle who was running when the process ended."""
        job = waiting[0]
        job.broken_off()
        if self._dismissed:
            error = EvaluatorCrashed(_CLOSED)
        elif expired:
            error = ExpressionTimeout(self._limits.wall_seconds)
        elif job.attempts < _MAX_ATTEMPTS and job.worked_seconds < self._limits.wall_seconds:
            return
        elif isinstance(error, EOFError):
            error = EvaluatorCrashed(_CRASHED)
        waiting.popleft().future.set_exception(error)

    def _replace(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            self._watchdog.disarm(process)
            process.close()
