"""The decider thread: one mailbox, one thread that changes executions.

It takes whatever waits in the mailbox as one batch, runs the commands, rings the timers that are
due, pairs tasks with waiting polls, and hands the whole to the writer. Answers leave the writer
after the commit; a command whose execution still waits for a script is answered when that script
has run.

While the store can't be written (the disk is full) the decider decides nothing: what it had decided
is forgotten, its state is made from the store again, and only commands that read are run.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from time import perf_counter
from typing import Any, Final

from ..errors import EngineError, StoreClosedError
from ..store.faults import fault_point
from .answers import Answer
from .desk import Desk
from .faults import COMMANDED, DECIDED, RUNG
from .filing import due_task_ids
from .idling import page_out
from .paging import NotInMemory
from .recovery import Idle, fold_again, go_on_again
from .scheduler import TIMER_PREFIX
from .writer import Outbox, Writer, answer

logger = logging.getLogger(__name__)

Command = Callable[[Desk], Any]
MAX_BATCH: Final = 256
SETTLE_SECONDS: Final = 5.0
"""So long at the most an answer waits for its execution to settle: longer than any one script."""
MOST_READINGS: Final = 3
"""So often a command is put aside until executions have been read; then it reads them itself."""
MAX_SLEEP_SECONDS: Final = 1.0
"""Sleeping goes by the monotonic clock, due times by the wall clock: so soon is a jump noticed."""


class _Letter:
    __slots__ = ("command", "future", "may_wait", "readings", "reads")

    def __init__(
        self, command: Command, future: Answer[Any], may_wait: bool, reads: bool = False
    ) -> None:
        self.command = command
        self.future = future
        self.may_wait = may_wait
        self.reads = reads
        self.readings = 0


class Settled:
    """A command's value that is answered once an execution has settled, or after a while."""

    __slots__ = ("value", "workflow_id")

    def __init__(self, workflow_id: str, value: Any) -> None:
        self.workflow_id = workflow_id
        self.value = value


class Parked:
    """A command that will be answered by somebody else (a poll that waits)."""


PARKED: Final = Parked()


class Decider:
    """Runs commands one after the other and commits what they bring about."""

    def __init__(
        self,
        desk: Desk,
        writer: Writer,
        hand_out: Callable[[Desk], None],
        reload: Callable[[], None] | None = None,
    ) -> None:
        """Start the thread.

        Args:
            desk: The executions; from now on only this thread touches it.
            writer: Makes batches durable.
            hand_out: Pairs waiting polls with tasks at the end of each batch.
            reload: Has whatever else is kept in memory of the store read again.
        """
        self._desk = desk
        self._writer = writer
        self._hand_out = hand_out
        self._mail: queue.SimpleQueue[_Letter | None] = queue.SimpleQueue()
        self._entrance = threading.Lock()
        """Held while a letter is put in, so that none comes after the last one."""
        self._reload = reload
        self._waiting: dict[str, list[tuple[Future[Any], Any, float, int]]] = {}
        """(future, value, until when it waits, number of the outbox of what was done)."""
        self._put_aside: set[_Letter] = set()
        """Commands that wait until executions have been read."""
        self._come_again: list[_Letter] = []
        self._closing = False
        self._submitted = 0
        """Outboxes handed to the writer so far."""
        self._all_durable_ms = desk.clock.now().wall_ms
        """Everything decided before this moment was durable when it was looked at last."""
        self._is_suspended = False
        """Whether nothing is decided, since the store can't be written."""
        self._unwritten: Idle | None = None
        """While nothing is decided: what was read to go on with. None: it could not be read."""
        self._may_write = False
        """The writer has found that the store can be written again."""
        self._thread = threading.Thread(target=self._run, name="decider", daemon=True)

    def start(self) -> None:
        """Begin to take commands."""
        self._thread.start()

    def submit(self, command: Command, may_wait: bool = False, reads: bool = False) -> Future[Any]:
        """Queue a command; its future resolves after what it did is durable.

        Callable from any thread. The command runs on the decider thread with the desk. If it
        returns ``Settled`` the answer waits until the execution has no script running.

        Args:
            command: What to do.
            may_wait: It may be broken off and run again, as long as it has opened no turn and
                left nothing in the outbox: so that executions it needs are read on another thread.
            reads: It changes nothing, so that it is run also while nothing can be written.

        Raises:
            StoreClosedError: (from the future) the engine is closed.
            UnavailableError: (from the future) nothing can be written at present; nothing was.
        """
        future: Answer[Any] = Answer()
        with self._entrance:
            if self._closing:
                future.set_exception(StoreClosedError("The engine is closed."))
                return future
            self._mail.put(_Letter(command, future, may_wait, reads))
        return future

    def post(self, command: Command, reads: bool = False) -> None:
        """Queue a command nobody waits for."""
        self.submit(command, reads=reads)

    def writable(self) -> None:
        """The store can be written again: go on. Any thread; the writer's calls it."""
        self._may_write = True
        self.post(_look_around, reads=True)

    def step(self) -> bool:
        """Take one batch at once, on the calling thread; whether more waits.

        For an engine that is driven without the thread (``engine.testing``).
        """
        letters, _ = self._take(0.0)
        return self._batch(letters) or not self._mail.empty()

    def close(self) -> None:
        """Finish what is in the mailbox, then end the thread."""
        with self._entrance:
            if not self._closing:
                self._closing = True
                self._mail.put(None)
        if self._thread.is_alive():
            self._thread.join()

    # -- the thread ----------------------------------------------------------------------

    def _run(self) -> None:
        left_over, goes_on = False, True
        while goes_on:
            letters, goes_on = self._take(0.0 if left_over else self._sleep_seconds())
            if letters or goes_on:
                left_over = self._batch(letters)
        self._batch(self._last_letters())
        self._refuse_waiting()

    def _take(self, timeout: float) -> tuple[list[_Letter], bool]:
        """What waits in the mailbox, and whether more may come."""
        letters: list[_Letter] = []
        mail = self._mail
        try:
            letter = mail.get(timeout=timeout) if timeout > 0 else mail.get_nowait()
            while letter is not None:
                letters.append(letter)
                if len(letters) == MAX_BATCH:
                    return letters, True
                letter = mail.get_nowait()
        except queue.Empty:
            return letters, True
        return letters, False

    def _sleep_seconds(self) -> float:
        desk = self._desk
        if self._is_suspended:
            return MAX_SLEEP_SECONDS
        moments = [desk.due_window.next_moment_ms(), desk.queues.next_moment_ms()]
        due = min((m for m in moments if m), default=0)
        if not due:
            return MAX_SLEEP_SECONDS
        wait = (due - desk.clock.now().wall_ms) / 1000
        return min(max(wait, 0.0), MAX_SLEEP_SECONDS)

    def _batch(self, letters: list[_Letter]) -> bool:
        desk = self._desk
        if self._writer.failure is not None:
            letters = self._without_writing(letters)
            if self._is_suspended:
                return False
        begun = perf_counter()
        outbox = desk.outbox = Outbox(desk.clock.now().wall_ms)
        try:
            left_over = self._decide(letters, outbox)
        except Exception as error:
            # What memory has may be half done. It is forgotten and made from the store again.
            logger.exception("A batch failed.")
            self._writer.fail(error)
            left_over = False
        desk.measures.deciding.add(perf_counter() - begun)
        if not outbox.is_empty():
            self._submitted += 1
            fault_point(DECIDED)
            self._writer.submit(outbox)
        elif self._submitted == self._writer.settled_count:
            self._all_durable_ms = outbox.begun_ms
        return left_over

    def _decide(self, letters: list[_Letter], outbox: Outbox) -> bool:
        """Everything that one batch does; whether something is left for the next one."""
        desk = self._desk
        for letter in letters:
            self._execute(letter, outbox)
            while self._come_again:
                self._execute(self._come_again.pop(0), outbox)
        desk.retrieval.look_again(desk)
        desk.due_window.keep_up(desk)
        self._ring()
        left_over = desk.carry_out_effects()
        if desk.unfinished:
            desk.go_on_unfinished()
            left_over = True
        self._hand_out(desk)
        self._answer_settled(outbox)
        page_out(desk, self._submitted + 1, self._writer.settled_count)
        return left_over

    def _execute(self, letter: _Letter, outbox: Outbox) -> None:
        if letter.future.is_given_up:
            return
        try:
            refusal = self._writer.refusal()
            if refusal is not None and not (letter.reads and self._unwritten is not None):
                raise refusal
            value = self._value(letter, outbox)
            self._desk.carry_out_effects()
            fault_point(COMMANDED)
        except NotInMemory as missing:
            self._read_for(letter, missing.workflow_ids)
            return
        except EngineError as error:
            outbox.answers.append((letter.future, error))
            return
        except Exception as error:
            logger.exception("A command failed.")
            outbox.answers.append((letter.future, EngineError(f"{type(error).__name__}: {error}")))
            return
        if value is PARKED:
            return
        if isinstance(value, Settled):
            waiting = self._waiting.setdefault(value.workflow_id, [])
            patience = time.monotonic() + SETTLE_SECONDS
            waiting.append((letter.future, value.value, patience, self._submitted + 1))
            return
        outbox.answers.append((letter.future, value))

    def _value(self, letter: _Letter, outbox: Outbox) -> Any:
        desk = self._desk
        # Where nothing is paged out, nothing has to be read.
        if letter.may_wait and letter.readings < MOST_READINGS and desk.executions.paged_count:
            desk.untouched_at = outbox.size()
        try:
            return letter.command(desk)
        finally:
            desk.untouched_at = -1

    def _read_for(self, letter: _Letter, workflow_ids: list[str]) -> None:
        """Put a command aside until executions are in memory; then it runs again."""
        letter.readings += 1
        self._put_aside.add(letter)
        left = len(workflow_ids)

        def then(error: Exception | None) -> None:
            nonlocal left
            left -= 1
            if error is not None:
                letter.readings = MOST_READINGS  # its own reading will tell what is wrong
            if not left and letter in self._put_aside:
                self._put_aside.discard(letter)
                self._come_again.append(letter)

        for workflow_id in workflow_ids:
            self._desk.retrieval.fetch(self._desk, workflow_id, then)

    def _last_letters(self) -> list[_Letter]:
        """Commands that were put aside when the last letter came: they read for themselves."""
        letters = list(self._put_aside)
        self._put_aside.clear()
        for letter in letters:
            letter.readings = MOST_READINGS
        return letters

    def _answer_settled(self, outbox: Outbox) -> None:
        for workflow_id in list(self._waiting):
            is_settled = self._desk.is_settled(workflow_id)
            # One that never comes to rest must not keep its callers waiting for ever.
            if is_settled or self._waiting[workflow_id][0][2] < time.monotonic():
                for future, value, *_ in self._waiting.pop(workflow_id):
                    outbox.answers.append((future, self._told(value)))

    def _told(self, value: Any) -> Any:
        try:
            return value(self._desk) if callable(value) else value
        except EngineError as error:  # the execution has been removed meanwhile
            return error

    def _ring(self) -> None:
        desk = self._desk
        now_ms = desk.clock.now().wall_ms
        for workflow_id, task_ids in desk.due_window.due(now_ms).items():
            is_schedule = workflow_id.startswith(TIMER_PREFIX)
            if not is_schedule and workflow_id not in desk.executions:
                continue
            try:
                if is_schedule:
                    desk.scheduler.ring(desk, workflow_id, task_ids)
                    continue
                if desk.executions.page(workflow_id) is not None:
                    desk.retrieval.insist(desk, workflow_id)  # its timers ring when it is back
                    continue
                due = [task_id for task_id in task_ids if task_id]
                if len(due) < len(task_ids):  # one for the execution may be for any of its tasks
                    found = due_task_ids(desk.state(workflow_id), now_ms)
                    due = list(dict.fromkeys([*due, *found]))
                desk.act(workflow_id, due=due)
                fault_point(RUNG)
                self._set_again(workflow_id, task_ids)
            except Exception:
                logger.exception("A timer of %s failed.", workflow_id)

    def _set_again(self, workflow_id: str, task_ids: list[str]) -> None:
        """A deadline that moved is set anew."""
        desk = self._desk
        state = desk.executions.get(workflow_id)
        if state is not None:
            desk.set_timers(state, task_ids)

    # -- while nothing can be written ------------------------------------------------------

    def _without_writing(self, letters: list[_Letter]) -> list[_Letter]:
        """Run what only reads, refuse the rest; a letter to go on with when it is over."""
        if not self._is_suspended:
            self._suspend()
        outbox = self._desk.outbox = Outbox()
        for letter in letters:
            self._execute(letter, outbox)
            while self._come_again:
                self._execute(self._come_again.pop(0), outbox)
        if self._unwritten is not None:
            self._answer_settled(outbox)
        for future, value in outbox.answers:
            answer(future, value)
        return self._resume() if self._may_write else []

    def _suspend(self) -> None:
        """Forget what was decided and not written."""
        self._writer.drain()
        self._is_suspended = True
        self._submitted = self._writer.settled_count
        for waiter in self._desk.queues.expired(2**62):
            answer(waiter.future, self._writer.refusal())
        for workflow_id, waiting in list(self._waiting.items()):
            durable = [one for one in waiting if one[3] <= self._submitted]
            for future, *_ in waiting[len(durable) :]:  # they are in order
                answer(future, self._writer.refusal())
            self._waiting[workflow_id] = durable
            if not durable:
                del self._waiting[workflow_id]
        if not self._writer.is_ended:
            self._fold_again()

    def _fold_again(self) -> None:
        since_ms = max(self._writer.settled_ms, self._all_durable_ms)
        try:
            if self._reload is not None:
                self._reload()
            self._unwritten = fold_again(self._desk, since_ms)
        except Exception:
            logger.exception("The store can't be written, nor read.")

    def _resume(self) -> list[_Letter]:
        self._may_write = False
        if self._unwritten is None:
            self._fold_again()
        idle = self._unwritten
        if idle is None:
            self._writer.try_later()
            return []

        def go_on(desk: Desk) -> None:
            try:
                go_on_again(desk, idle)
            except Exception as error:
                self._writer.fail(error)
                raise

        logger.warning("The store can be written again; the engine goes on.")
        self._is_suspended, self._unwritten = False, None
        self._writer.go_on()
        return [_Letter(go_on, Answer(), may_wait=False)]

    def _refuse_waiting(self) -> None:
        for waiting in self._waiting.values():
            for future, *_ in waiting:
                if future.set_running_or_notify_cancel():
                    future.set_exception(StoreClosedError("The engine is closed."))
        for waiter in self._desk.queues.expired(2**62):
            if waiter.future.set_running_or_notify_cancel():
                waiter.future.set_result([])


def _look_around(_: Desk) -> None:
    """Nothing to do but to take a batch."""
