"""Publishing definitions to another server: what would change, then the change itself."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .errors import InvalidRequestError, NotFoundError
from .models.definitions import TaskDef, WorkflowDef

if TYPE_CHECKING:
    from .client.base import Client

_STAMPS: Final = ("createTime", "updateTime", "createdBy", "updatedBy")
"""Keys a server writes by itself: no difference between definitions."""


class Change(NamedTuple):
    """What publishing one definition would do."""

    definition: WorkflowDef | TaskDef
    before: WorkflowDef | TaskDef | None
    """What the server has under that name (and version); None: nothing."""
    newest: WorkflowDef | None = None
    """Of a new version: the newest one that the server has, for the difference."""

    @property
    def title(self) -> str:
        """``workflow order_flow version 7`` or ``task charge_card``."""
        if isinstance(self.definition, WorkflowDef):
            return f"workflow {self.definition.name} version {self.definition.version}"
        return f"task {self.definition.name}"

    @property
    def is_new(self) -> bool:
        """Whether the server has none of that name and version."""
        return self.before is None

    @property
    def is_empty(self) -> bool:
        """Whether the server has just this."""
        return self.before is not None and _shown(self.before) == _shown(self.definition)

    @property
    def diff(self) -> list[str]:
        """The difference as lines of a unified diff; empty when there is none.

        A new version differs from the newest one, what is wholly new from nothing.
        """
        known = self.before or self.newest
        before = [] if known is None else _lines(known)
        after = _lines(self.definition)
        return list(difflib.unified_diff(before, after, "there", "here", lineterm="", n=2))


def plan_publication(
    target: Client, workflow_defs: Iterable[WorkflowDef], task_defs: Iterable[TaskDef] = ()
) -> list[Change]:
    """What publishing would do; nothing is written. Task definitions come first."""
    changes: list[Change] = []
    for task in task_defs:
        try:
            changes.append(Change(task, target.task_def(task.name)))
        except NotFoundError:
            changes.append(Change(task, None))
    for definition in workflow_defs:
        if not definition.name:
            raise InvalidRequestError("A definition without a name can't be published.")
        try:
            before = target.workflow_def(definition.name, definition.version)
        except NotFoundError:
            changes.append(Change(definition, None, _newest(target, definition.name)))
        else:
            changes.append(Change(definition, before))
    return changes


def _newest(target: Client, name: str) -> WorkflowDef | None:
    try:
        return target.workflow_def(name)
    except NotFoundError:
        return None


def publish(target: Client, changes: Sequence[Change]) -> list[Change]:
    """Write what differs; returns what was written.

    Raises:
        InvalidDefinitionError: The server refuses a workflow definition; task definitions are
            written by then, other workflow definitions are not.
    """
    written = [change for change in changes if not change.is_empty]
    tasks = [c.definition for c in written if isinstance(c.definition, TaskDef)]
    flows = [c.definition for c in written if isinstance(c.definition, WorkflowDef)]
    if tasks:
        target.register_task_defs(tasks)
    if flows:
        refused = target.update_workflow_defs(flows).bulk_error_results
        if refused:
            words = "; ".join(f"{name}: {reason}" for name, reason in refused.items())
            raise InvalidRequestError(f"Not everything was published: {words}")
    return written


def task_names(definition: WorkflowDef) -> list[str]:
    """Names of the workers' tasks of a definition, in order of appearance."""
    names = [t.name for _, t in definition.walk() if str(t.type) == "SIMPLE" and t.name]
    return list(dict.fromkeys(names))


def _shown(definition: WorkflowDef | TaskDef) -> dict[str, Any]:
    """The definition without what servers write by themselves, and without empty values."""
    wire = definition.to_wire()
    shown: dict[str, Any] = _filled({k: v for k, v in wire.items() if k not in _STAMPS})
    return shown


def _filled(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _filled(v) for k, v in value.items() if v not in (None, "", [], {})}
    return [_filled(one) for one in value] if isinstance(value, list) else value


def _lines(definition: WorkflowDef | TaskDef) -> list[str]:
    return json.dumps(_shown(definition), indent=2, ensure_ascii=False).splitlines()
