"""The audit: one row per change, written in the commit that makes the change.

A definition's row has the definition before and after. What fails changes nothing and leaves no
row. Reading is not audited, nor what workers do: the histories tell that, task by task.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..runtime.decider import Command, Settled
from ..runtime.desk import Desk
from ..store.base import AuditRow, MetadataRow
from .access import Caller

_BODIES: Final = frozenset({"workflow_defs", "task_defs", "event_handlers", "schedules"})
"""Collections whose objects are shown before and after."""


class Note:
    """Who asked for one call; becomes audit rows with the first command the call submits."""

    __slots__ = ("caller", "object", "operation", "used")

    def __init__(self, caller: Caller, operation: str, about: str) -> None:
        """``about``: what the call names first, for operations that change no registered object."""
        self.caller = caller
        self.operation = operation
        self.object = about
        self.used = False

    def around(self, command: Command) -> Command:
        """The command, followed by its rows in the same commit; later commands are left alone."""
        if self.used:  # a call may submit more: looks at what became of the first
            return command
        self.used = True

        def audited(desk: Desk) -> Any:
            known = _known(desk)
            rows = desk.outbox.commit
            first, first_protected = len(rows.metadata), len(rows.protected)
            value = command(desk)
            changes = [row for row in rows.metadata[first:] if row.collection in _BODIES]
            for row in changes:
                before = known[row.collection].get(row.key)
                if row.collection == "workflow_defs":
                    before = (before or {}).get(row.version)
                self._file(desk, _place(row), before, row.body)
            for row in rows.protected[first_protected:]:
                self._file(desk, f"{row.collection}/{row.key}")
                changes.append(row)
            if not changes:
                self._file(desk, value.workflow_id if isinstance(value, Settled) else self.object)
            return value

        return audited

    def _file(self, desk: Desk, about: str, before: Any = None, after: Any = None) -> None:
        desk.outbox.commit.audit.append(self.row(desk.clock.now().wall_ms, about, before, after))

    def row(self, wall_ms: int, about: str, before: Any = None, after: Any = None) -> AuditRow:
        """The row of a change to one object."""
        return AuditRow(
            wall_ms=wall_ms,
            actor=self.caller.actor,
            kind=str(self.caller.kind),
            address=self.caller.address,
            operation=self.operation,
            object=about,
            before=before,
            after=after,
        )


def about(arguments: tuple[Any, ...]) -> str:
    """What a call is about, from its first argument: an id, a name, a request with a name."""
    first = arguments[0] if arguments else ""
    if isinstance(first, Mapping):
        first = first.get("name", "")
    return first[:500] if isinstance(first, str) else ""


def _known(desk: Desk) -> dict[str, dict[str, Any]]:
    """Registered objects as they are now. Entries are replaced, never changed, so this holds."""
    registry = desk.registry
    return {
        "workflow_defs": dict(registry.workflow_defs),
        "task_defs": dict(registry.task_defs),
        "event_handlers": dict(registry.event_handlers),
        "schedules": {name: plan.wire() for name, plan in desk.scheduler.plans.items()},
    }


def _place(row: MetadataRow) -> str:
    place = f"{row.collection}/{row.key}"
    return f"{place}/{row.version}" if row.collection == "workflow_defs" else place
