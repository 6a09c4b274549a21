"""What the parts of the service share."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ClassVar, Final, Self, TypeVar, cast

from ..core.apply import fold
from ..core.state import WorkflowState
from ..errors import NotFoundError, StoreClosedError, UnavailableError
from ..models.capability import EVERY_CAPABILITY
from ..runtime.decider import Command
from ..runtime.desk import Desk
from ..runtime.filing import RECENTLY_ENDED, NotAtHandError
from ..runtime.runtime import Runtime
from .access import LOCAL_CALLER, Caller, CallerKind
from .acting import ActingService
from .auditing import Note

T = TypeVar("T")

_MOST_READS: Final = RECENTLY_ENDED // 2
"""Executions that are read for one command: more would push each other out of memory."""

Wire = dict[str, Any]
"""A JSON-ready object in Conductor's camelCase shape."""


class ServiceBase:
    """The runtime, and how a command reaches an execution that may have ended long ago."""

    capabilities: ClassVar[frozenset[str]] = EVERY_CAPABILITY
    """Names of ``Capability``: all, since the history is at hand."""

    def __init__(self, runtime: Runtime) -> None:
        """A service over a running engine."""
        self._runtime = runtime
        self._registry = runtime.registry
        self._readers = ThreadPoolExecutor(4, "history-reader")
        self._composers = ThreadPoolExecutor(4, "history-composer")
        self._encoders = ThreadPoolExecutor(2, "encoder")
        self._caller = LOCAL_CALLER
        self._note: Note | None = None

    def acting_as(self, caller: Caller) -> Self:
        """The same service as one caller has it: calls are checked, changes carry their name.

        What every door and every page is given. Cheap; keep it as long as the caller stays.
        """
        return cast("Self", ActingService(self, caller))

    def _for_caller(self, caller: Caller, note: Note | None = None) -> Self:
        """A twin that shares everything and acts in the caller's name, unchecked.

        ``note``: what the audit is to say of the one call the twin is made for.
        """
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__, _caller=caller, _note=note)
        return twin

    @property
    def caller(self) -> Caller:
        """For whom this view acts; of the service itself: the local person."""
        return self._caller

    @property
    def _actor(self) -> str:
        return self._caller.actor

    def _by(self, actor: str | None) -> str:
        """Whom a history names: what a caller in this process says, else who they are."""
        is_local = self._caller.kind is CallerKind.LOCAL
        return actor if actor and is_local else self._actor

    @property
    def _desk(self) -> Desk:
        """What the decider has in memory, for looks from other threads.

        Raises:
            UnavailableError: It is being made from the store again.
        """
        desk = self._runtime.desk
        if desk.is_incomplete:
            raise UnavailableError(
                "The executions are being read again after the store could not be written."
            )
        return desk

    def _submit(self, command: Command, reads: bool = False) -> Future[Any]:
        """Have the decider run a command; ``reads``: it changes nothing, see ``Decider.submit``."""
        if self._note is not None:
            command, reads = self._note.around(command), False
        return self._runtime.decider.submit(command, may_wait=True, reads=reads)

    def _with_execution(
        self, workflow_id: str, command: Command, reads: bool = False
    ) -> Future[Any]:
        """Run a command on an execution; an ended one is read from the history first.

        Reading happens on a reader thread, so that the decider never waits for the history.
        """
        if workflow_id in self._desk.executions or workflow_id in self._desk.ended:
            return self._submit(command, reads)
        answer: Future[Any] = Future()

        def adopt_and_run(state: WorkflowState | None) -> None:
            def adopted(desk: Desk) -> Any:
                if state is not None:
                    desk.adopt(state)
                if not desk.knows(workflow_id):
                    raise NotFoundError(f"No such workflow found by id: {workflow_id}")
                return command(desk)

            chain(self._submit(adopted, reads), answer)

        self._read(lambda: self._folded(workflow_id), adopt_and_run, answer)
        return answer

    def _with_others(self, command: Command, reads: bool = False) -> Future[Any]:
        """Run a command that looks at several executions before it changes anything.

        Those that ended long ago are read on a reader thread, and the command is tried again: a
        chain of parents or a fork of sub-workflows must not keep the decider reading.
        """
        if self._note is not None:
            command, reads = self._note.around(command), False
        answer: Future[Any] = Future()

        def attempt(missing: WorkflowState | None, reads_left: int) -> None:
            def run(desk: Desk) -> Any:
                if missing is not None:
                    desk.adopt(missing)
                if not reads_left:
                    return command(desk)
                with desk.without_reading():
                    return command(desk)

            def done(finished: Future[Any]) -> None:
                error = None if finished.cancelled() else finished.exception()
                if not isinstance(error, NotAtHandError):
                    chain(finished, answer)
                    return
                workflow_id = error.workflow_id

                def again(state: WorkflowState | None) -> None:
                    attempt(state, reads_left - 1 if state is not None else 0)

                self._read(lambda: self._folded(workflow_id), again, answer)

            submitted = self._runtime.decider.submit(run, may_wait=True, reads=reads)
            submitted.add_done_callback(done)

        attempt(None, _MOST_READS)
        return answer

    def _folded(self, workflow_id: str) -> WorkflowState | None:
        """An execution as it is in the store, None if it is not there. Blocks."""
        events = self._runtime.store.events(workflow_id)
        return fold(events, self._registry.definition_of) if events else None

    def _read(
        self, read: Callable[[], Any], use: Callable[[Any], None], answer: Future[Any]
    ) -> None:
        def work() -> None:
            try:
                use(read())
            except BaseException as error:
                if not answer.done():  # a caller may have given up meanwhile
                    answer.set_exception(error)

        def ended(_: Any) -> None:
            if not answer.done():
                answer.set_exception(StoreClosedError("The engine is closed."))

        try:
            reading = self._readers.submit(work)
        except RuntimeError:  # its threads have ended
            ended(None)
            return
        reading.add_done_callback(lambda finished: ended(None) if finished.cancelled() else None)

    def _compose(self, work: Callable[[], Any]) -> Future[Any]:
        """The value of a function that waits for other answers of this service.

        It runs on threads of its own: on the readers', as many of them as there are threads would
        wait for reads that nobody is left to do.
        """
        return self._composers.submit(work)

    def _aside(self, work: Callable[[], T]) -> Future[T]:
        """The value of a function that takes milliseconds at the most, but not the caller's.

        Neither the decider nor a door's event loop has the time to put a large execution together.
        """
        try:
            return self._encoders.submit(work)
        except RuntimeError:  # its threads have ended
            closed: Future[T] = Future()
            closed.set_exception(StoreClosedError("The engine is closed."))
            return closed

    def _made_of(self, source: Future[Any], make: Callable[[Any], T]) -> Future[T]:
        """``make(result)`` of another future, worked out as ``_aside`` does."""
        answer: Future[T] = Future()

        def use(finished: Future[Any]) -> None:
            chain(self._aside(lambda: make(finished.result())), answer)

        source.add_done_callback(use)
        return answer

    def close(self) -> None:
        """End the reader threads."""
        self._composers.shutdown(wait=False, cancel_futures=True)
        self._encoders.shutdown(wait=True, cancel_futures=True)
        self._readers.shutdown(wait=True, cancel_futures=True)


def chain(source: Future[Any], target: Future[Any]) -> None:
    """Answer ``target`` as ``source`` is answered, unless somebody has done so already."""

    def done(finished: Future[Any]) -> None:
        if target.done():
            return
        if finished.cancelled():  # the engine closes
            target.cancel()
            return
        error = finished.exception()
        if error is not None:
            target.set_exception(error)
        else:
            target.set_result(finished.result())

    source.add_done_callback(done)


def mapped(source: Future[Any], function: Callable[[Any], Any]) -> Future[Any]:
    """A future of ``function(result)``; the function runs on the thread that answers."""
    target: Future[Any] = Future()

    def done(finished: Future[Any]) -> None:
        if not target.set_running_or_notify_cancel():
            return
        error = finished.exception()
        if error is not None:
            target.set_exception(error)
            return
        try:
            target.set_result(function(finished.result()))
        except BaseException as failure:
            target.set_exception(failure)

    source.add_done_callback(done)
    return target


def resolved(value: Any) -> Future[Any]:
    """A future that already has its value."""
    future: Future[Any] = Future()
    future.set_result(value)
    return future
