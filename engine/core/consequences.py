"""What a cause led to: tasks that failed with it, were cancelled, or were never scheduled."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from ..models.enums import TaskStatus
from .causes import Evidence, Found
from .definition import SWITCH_TYPES, Node
from .state import TaskState, WorkflowState


class Consequence(msgspec.Struct, frozen=True, kw_only=True):
    """One task that ended or never began because of a cause."""

    path: str
    what: str
    """``failed because of it``, ``canceled`` or ``never scheduled``."""


def consequences_of(evidence: Evidence, found: Found, taken: set[str]) -> list[Consequence]:
    """The consequences of a cause that no earlier cause accounts for, innermost first.

    Args:
        evidence: The execution tree.
        found: The cause.
        taken: Paths that are accounted for; causes themselves and new consequences are added.
    """
    result: list[Consequence] = []
    if found.task is not None:
        taken.add(found.task.path)
    if found.role != "failing":
        levels = [(found.state, found.task), *reversed(found.trail)]
        for state, task in levels:
            for consequence in _in_execution(state, task, task is found.task):
                if consequence.path not in taken:
                    taken.add(consequence.path)
                    result.append(consequence)
            _add_canceled_children(evidence, state, taken, result)
    return result


def _in_execution(
    state: WorkflowState, task: TaskState | None, is_cause: bool
) -> Iterator[Consequence]:
    """Consequences within one execution, in order of scheduling, the unscheduled last."""
    if not state.status.is_terminal:
        if task is not None and not is_cause and _is_bad(task):
            yield Consequence(path=task.path, what="failed because of it")
        return
    ended_badly = [
        record
        for task_id in state.latest.values()
        if _is_bad(record := state.tasks[task_id]) or record.status is TaskStatus.CANCELED
    ]
    for record in ended_badly:
        if record is task and is_cause:
            continue
        if record.status is TaskStatus.CANCELED and record is not task:
            yield Consequence(path=record.path, what="canceled")
        elif record is task or record.task_type in ("JOIN", "EXCLUSIVE_JOIN", "DO_WHILE"):
            yield Consequence(path=record.path, what="failed because of it")
    for path in _never_scheduled(state, ended_badly if task is None else [task, *ended_badly]):
        yield Consequence(path=path, what="never scheduled")


def _add_canceled_children(
    evidence: Evidence, state: WorkflowState, taken: set[str], result: list[Consequence]
) -> None:
    """Cancelled tasks inside children that were cancelled along."""
    for task_id in state.latest.values():
        task = state.tasks[task_id]
        child = evidence.states.get(task.sub_workflow_id or "")
        if child is None or task.status is not TaskStatus.CANCELED:
            continue
        for consequence in _in_execution(child, None, False):
            if consequence.path not in taken:
                taken.add(consequence.path)
                result.append(consequence)
        _add_canceled_children(evidence, child, taken, result)


def _never_scheduled(state: WorkflowState, roots: list[TaskState]) -> list[str]:
    """Paths of static successors that have no record, in order of the definition."""
    found: dict[str, None] = {}
    if state.definition is None:
        return []
    for root in roots:
        node = state.definition.nodes.get(root.node)
        if node is not None and not root.optional:
            _follow(state, node, root, found)
    return list(found)


def _follow(state: WorkflowState, node: Node, record: TaskState, found: dict[str, None]) -> None:
    """Walk the successors of a task that did not end well, through what has no record."""
    prefix = record.path.rpartition("/")[0]
    suffix = _suffix(record)
    following = node.successor
    walked: set[str] = set()
    while following is not None and following.reference not in walked:
        walked.add(following.reference)
        if following is node.loop():
            # Out of the body: the loop's own record tells the surroundings from here on.
            loop = _record(state, following.reference, "")
            if loop is not None and not loop.status.is_successful:
                _follow(state, following, loop, found)
            return
        reached = _record(state, following.reference, suffix)
        if reached is None or reached.path.rpartition("/")[0] != prefix:
            # A record elsewhere is one of an earlier round of an outer loop.
            _add_with_inside(following, prefix, found)
        elif reached.status.is_successful and reached.status.is_terminal:
            return
        following = following.successor


def _add_with_inside(node: Node, prefix: str, found: dict[str, None]) -> None:
    """Add a box and, for forks and switches (no level of the path), the boxes inside."""
    found[f"{prefix}/{node.reference}"] = None
    if node.type in SWITCH_TYPES or node.branches:
        for tasks in node.lists():
            for inner in tasks:
                _add_with_inside(inner, prefix, found)


def _record(state: WorkflowState, reference: str, suffix: str) -> TaskState | None:
    task = state.task(reference + suffix)
    if task is None and not suffix:
        task_id = state.latest_by_base.get(reference)
        task = state.tasks.get(task_id) if task_id else None
    return task


def _suffix(task: TaskState) -> str:
    """The loop suffix of a record: ``__37``, or nothing outside loops."""
    return task.reference_task_name[len(task.node) :] if task.loop_over_task else ""


def _is_bad(task: TaskState) -> bool:
    return task.status in (
        TaskStatus.FAILED,
        TaskStatus.FAILED_WITH_TERMINAL_ERROR,
        TaskStatus.TIMED_OUT,
    )
