"""What a share link shows: one execution with everything below it, or the board, only to read.

Classes of their own instead of a filter over the service: what is not written here does not exist
for a link. No SQL, no secrets, no definitions by name, no other execution.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..errors import ForbiddenError, NotFoundError, UnauthorizedError
from .access import Caller

if TYPE_CHECKING:
    from ..core.events import HistoryEvent
    from ..core.failure import FailureReport
    from ..core.state import WorkflowState
    from ..runtime.subscriptions import Subscription
    from .base import Wire
    from .synchronous import Service

    LoadBoard = Callable[[Callable[..., list[Wire]], str, int], Wire]

_TREE_SECONDS = 60.0


class _Shared:
    """What is common to all that links show: who looks, and that there is nothing else."""

    capabilities: frozenset[str] = frozenset()
    """Nothing beyond looking."""

    def __init__(self, service: Service, caller: Caller) -> None:
        """``caller``: of ``Service.caller_of_link``."""
        assert caller.scope is not None
        self._service = service
        self._caller = caller

    @property
    def caller(self) -> Caller:
        """Who looks.

        Raises:
            UnauthorizedError: The link has run out or was revoked meanwhile.
        """
        link = self._service._runtime.accounts.share_links.get(self._caller.key_id)
        now_ms = self._service._runtime.clock.now().wall_ms
        if link is None or link["expireTime"] <= now_ms:
            raise UnauthorizedError("This link has run out or was revoked.")
        return self._caller

    def __getattr__(self, name: str) -> Any:
        """Refuse everything else."""
        if name.startswith("_"):
            raise AttributeError(name)

        def refused(*args: Any, **kwargs: Any) -> Any:
            words = name.replace("_", " ")
            raise ForbiddenError(f"A share link only shows what it was made for, no {words}.")

        return refused


class SharedExecution(_Shared):
    """One execution as a link shows it. Every question may block; not for an event loop."""

    def __init__(self, service: Service, caller: Caller) -> None:
        """``caller``: with the execution in its scope."""
        super().__init__(service, caller)
        assert caller.scope is not None
        self._root = caller.scope.workflow_id
        self._inside: set[str] = {self._root}

    # -- what the execution's view asks ---------------------------------------------------

    def tree(self, workflow_id: str) -> Future[dict[str, WorkflowState]]:
        """Snapshots of the execution and of its sub-workflows."""
        self._check(workflow_id)
        answer = self._service.tree(workflow_id)
        self._inside.update(answer.result(_TREE_SECONDS))
        return answer

    def tree_events(self, workflow_ids: Sequence[str]) -> Future[dict[str, list[HistoryEvent]]]:
        """Committed events of several of them."""
        for workflow_id in workflow_ids:
            self._check(workflow_id)
        return self._service.tree_events(workflow_ids)

    def events(self, workflow_id: str, after: int = 0) -> Future[list[HistoryEvent]]:
        """Committed events of one of them."""
        self._check(workflow_id)
        return self._service.events(workflow_id, after)

    def state(self, workflow_id: str) -> Future[WorkflowState]:
        """A snapshot of one of them."""
        self._check(workflow_id)
        return self._service.state(workflow_id)

    def workflow(self, workflow_id: str, include_tasks: bool = True) -> Future[Wire]:
        """One of them on the wire."""
        self._check(workflow_id)
        return self._service.workflow(workflow_id, include_tasks)

    def failure(self, workflow_id: str) -> Future[FailureReport]:
        """Why it failed."""
        self._check(workflow_id)
        return self._service.failure(workflow_id)

    def logs(self, task_id: str) -> list[Wire]:
        """Log lines of one of its tasks."""
        states = self.tree(self._root).result(_TREE_SECONDS)
        if not any(task_id in state.tasks for state in states.values()):
            raise NotFoundError(f"There is no task {task_id} in what was shared.")
        return self._service.logs(task_id)

    def family(self, workflow_id: str) -> list[dict[str, Any]]:
        """Itself alone: its branches were not shared."""
        self._check(workflow_id)
        return [
            row for row in self._service.family(workflow_id) if row["workflow_id"] == self._root
        ]

    def workflow_def(self, name: str, version: int | None = None) -> Mapping[str, Any]:
        """Definitions are not shared beyond what the execution has of its own."""
        raise NotFoundError("Definitions are not shared.")

    def subscribe(
        self,
        callback: Callable[[list[HistoryEvent]], None],
        workflow_id: str | Sequence[str] | None = None,
    ) -> Subscription:
        """Hear of events of the execution; of nothing else, whatever is asked for."""
        chosen = [self._root] if workflow_id is None else workflow_id
        for one in [chosen] if isinstance(chosen, str) else chosen:
            self._check(one)

        def tell(events: list[HistoryEvent]) -> None:
            with suppress(UnauthorizedError):  # a page may stay open longer than its link
                assert self.caller
                callback(events)

        return self._service.subscribe(tell, chosen)

    def _check(self, workflow_id: str) -> None:
        """Let a question about an execution pass if it lies in what was shared."""
        assert self.caller
        if workflow_id in self._inside:
            return
        states = self._service.tree(self._root).result(_TREE_SECONDS)
        self._inside.update(states)
        if workflow_id not in self._inside:
            raise ForbiddenError("This link shows another execution.")


class SharedBoard(_Shared):
    """The board as a link shows it: its figures and lists, and no way to any other."""

    def __init__(self, service: Service, caller: Caller, load: LoadBoard) -> None:
        """``load``: makes the board of a span from SQL; whoever looks does not get at that."""
        super().__init__(service, caller)
        self._load = load

    def board(self, span: str) -> Wire:
        """Everything the board shows of a span. Blocking."""
        assert self.caller
        now_ms = self._service._runtime.clock.now().wall_ms
        return self._load(self._service.query, span, now_ms)

    def subscribe(
        self,
        callback: Callable[[list[HistoryEvent]], None],
        workflow_id: str | Sequence[str] | None = None,
    ) -> Subscription:
        """Hear that something happened; not what."""
        if workflow_id is not None:
            raise ForbiddenError("This link shows the board and no execution.")

        def tell(events: list[HistoryEvent]) -> None:
            with suppress(UnauthorizedError):
                assert self.caller
                callback([])

        return self._service.subscribe(tell, None)
