"""What a second start with the same idempotency key of the same workflow does.

Decided on the decider thread, so that of two starts at once only one wins. Keys belong to a
workflow's name, whatever its version; a removed execution frees its key.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ..errors import ConflictError
from ..models.definitions import IdempotencyStrategy
from ..models.requests import StartWorkflowRequest
from ..runtime.desk import Desk
from ..store.base import Store

_LATEST: Final = (
    "SELECT workflow_id FROM executions WHERE workflow_type = ? AND idempotency_key = ? "
    "ORDER BY create_time DESC LIMIT 1"
)


class StartKey(NamedTuple):
    """The idempotency key of a start request."""

    name: str
    key: str
    strategy: IdempotencyStrategy

    @classmethod
    def of(cls, asked: StartWorkflowRequest) -> StartKey | None:
        """The key of a request, None without one. No strategy means FAIL."""
        if not asked.idempotency_key:
            return None
        inline = asked.workflow_def
        name = asked.name if inline is None else inline.name
        return cls(name, asked.idempotency_key, asked.idempotency_strategy or _FAIL)

    def asks_history(self, desk: Desk) -> bool:
        """Whether memory can't tell. Callable from any thread."""
        if self.strategy is IdempotencyStrategy.FAIL_ON_RUNNING:
            return False
        return not desk.start_keys.workflow_ids(self.name, self.key)

    def look_up(self, store: Store) -> str:
        """The latest execution of the key that the history has, or "". Blocks."""
        rows = store.query(_LATEST, [self.name, self.key])
        return str(rows[0]["workflow_id"]) if rows else ""

    def existing(self, desk: Desk, recorded: str | None) -> str | None:
        """The execution to answer with instead of starting one; None: start.

        Args:
            desk: The desk, on its thread.
            recorded: What ``look_up`` gave before this command was queued; None: not asked.

        Raises:
            ConflictError: The strategy allows no further start.
        """
        known = desk.start_keys.workflow_ids(self.name, self.key)
        if self.strategy is IdempotencyStrategy.FAIL_ON_RUNNING:
            running = [workflow_id for workflow_id in known if workflow_id in desk.executions]
            if running:
                raise ConflictError(f"{self._used_by(running[-1])} It is still running.")
            return None
        if not known and recorded is None:  # forgotten between the question and this command
            recorded = self.look_up(desk.store)
        latest = known[-1] if known else recorded
        if not latest:
            return None
        if self.strategy is IdempotencyStrategy.RETURN_EXISTING:
            return latest
        raise ConflictError(self._used_by(latest))

    def _used_by(self, workflow_id: str) -> str:
        return (
            f"Workflow '{self.name}' has been started with the idempotency key '{self.key}' "
            f"before: {workflow_id}."
        )


_FAIL: Final = IdempotencyStrategy.FAIL
