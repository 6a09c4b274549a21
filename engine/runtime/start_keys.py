"""Which executions were started with which idempotency key.

Only the decider thread changes it. It knows all open executions (derived from their histories
at start) and those that ended lately; of older ones the history knows.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from ..core.state import WorkflowState

_Key = tuple[str, str]
REMEMBERED_ENDED: Final = 10_000


class StartKeys:
    """Executions by workflow name and idempotency key, in order of their start."""

    def __init__(self) -> None:
        """No execution is known."""
        self._by_key: dict[_Key, dict[str, None]] = {}
        self._ended: OrderedDict[str, _Key] = OrderedDict()

    def opened(self, state: WorkflowState) -> None:
        """An execution was started, taken up after a restart of the process, or reopened."""
        key = _key_of(state)
        if key is not None:
            self._ended.pop(state.workflow_id, None)
            self._by_key.setdefault(key, {})[state.workflow_id] = None

    def noted(self, workflow_id: str, name: str, key: str) -> None:
        """After a start: an open execution of a workflow has a key."""
        self._by_key.setdefault((name, key), {})[workflow_id] = None

    def ended(self, state: WorkflowState) -> None:
        """An open execution ended: it is remembered until the history surely has it."""
        key = _key_of(state)
        if key is not None:
            self._ended[state.workflow_id] = key
            while len(self._ended) > REMEMBERED_ENDED:
                self._drop(*self._ended.popitem(last=False))

    def forget(self, state: WorkflowState) -> None:
        """An execution was removed: its key may be used again."""
        key = _key_of(state)
        if key is not None:
            self._ended.pop(state.workflow_id, None)
            self._drop(state.workflow_id, key)

    def workflow_ids(self, name: str, key: str) -> list[str]:
        """Ids of the known executions of a key. Callable from any thread."""
        return list(self._by_key.get((name, key), ()))

    def _drop(self, workflow_id: str, key: _Key) -> None:
        known = self._by_key.get(key, {})
        known.pop(workflow_id, None)
        if not known:
            self._by_key.pop(key, None)


def _key_of(state: WorkflowState) -> _Key | None:
    key = state.idempotency_key
    return (state.definition.name, key) if key and state.definition is not None else None
