"""How many executions of a definition may run at once: the workflow rate limit.

Derived from the open executions: those that were admitted hold a slot until they end, the others
wait in order of their start. Only the decider thread touches it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..core.state import WorkflowState

Scope = tuple[str, str]
"""Name of the workflow, and what its rate limit key came to."""


class StartSlots:
    """Who holds a slot of which scope, and who waits for one."""

    def __init__(self) -> None:
        """Nobody holds or waits."""
        self._holders: dict[Scope, dict[str, None]] = {}
        self._waiting: dict[Scope, dict[str, None]] = {}

    def opened(self, state: WorkflowState) -> None:
        """An execution is open: it holds a slot, or waits behind those that came before."""
        scope = scope_of(state)
        if scope is None:
            return
        table = self._waiting if state.rate_limited else self._holders
        table.setdefault(scope, {})[state.workflow_id] = None

    def admits(self, state: WorkflowState, may_go: Callable[[str], bool]) -> bool:
        """Whether a waiting execution gets a slot now; if so, it holds it.

        ``may_go`` tells which of those that came before could use the slot themselves.
        """
        scope = scope_of(state)
        if scope is None:
            return True
        waiting = self._waiting.setdefault(scope, {})
        waiting.setdefault(state.workflow_id, None)
        limit = state.definition.concurrent_exec_limit
        first = next(self._able(scope, may_go), state.workflow_id)
        if first != state.workflow_id or len(self._holders.get(scope, ())) >= limit:
            return False
        self._drop(self._waiting, scope, state.workflow_id)
        self._holders.setdefault(scope, {})[state.workflow_id] = None
        return True

    def next_in(self, state: WorkflowState, may_go: Callable[[str], bool]) -> str | None:
        """Id of the execution that gets the slot which is free in this one's scope, if one is."""
        scope = scope_of(state)
        if scope is None or scope not in self._waiting or self.is_full(state):
            return None
        return next(self._able(scope, may_go), None)

    def is_full(self, state: WorkflowState) -> bool:
        """Whether no slot is free in the scope of an execution."""
        scope = scope_of(state)
        holders = () if scope is None else self._holders.get(scope, ())
        return scope is not None and len(holders) >= state.definition.concurrent_exec_limit

    def holds(self, workflow_id: str, scope: Scope) -> bool:
        """Whether an execution holds a slot of a scope."""
        return workflow_id in self._holders.get(scope, ())

    def closed(self, state: WorkflowState) -> None:
        """An execution has ended, or stands back."""
        scope = scope_of(state)
        if scope is not None:
            self._drop(self._holders, scope, state.workflow_id)
            self._drop(self._waiting, scope, state.workflow_id)

    def _able(self, scope: Scope, may_go: Callable[[str], bool]) -> Iterator[str]:
        return (key for key in self._waiting.get(scope, ()) if may_go(key))

    @staticmethod
    def _drop(table: dict[Scope, dict[str, None]], scope: Scope, workflow_id: str) -> None:
        members = table.get(scope)
        if members is not None:
            members.pop(workflow_id, None)
            if not members:
                del table[scope]


def scope_of(state: WorkflowState) -> Scope | None:
    """The scope of an execution; None where its definition has no limit."""
    key = state.rate_limit_key
    return None if key is None or state.definition is None else (state.definition.name, key)
