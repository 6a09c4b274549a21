"""Carrying out a branch plan: one new execution for each of the chain, outermost first."""

from __future__ import annotations

import uuid
from typing import Any

from ..core import starting
from ..core.branching import BranchPlan, reuse_tasks, variables_before
from ..core.state import WorkflowState
from ..core.turn import Turn
from ..store.faults import fault_point
from .desk import Desk
from .faults import BRANCHED


def with_parents(desk: Desk, workflow_id: str) -> dict[str, WorkflowState]:
    """An execution and all its parents by id."""
    states: dict[str, WorkflowState] = {}
    current: str | None = workflow_id
    while current:
        state = states[current] = desk.state(current)
        current = state.parent_workflow_id
    return states


def begin_branch(
    desk: Desk,
    plan: BranchPlan,
    states: dict[str, WorkflowState],
    edits: dict[str, Any],
    workflow_input: dict[str, Any] | None,
    actor: str,
) -> str:
    """Start the branch; returns the id of its outermost execution.

    Args:
        desk: The decider's desk.
        plan: What to take over and what to run.
        states: The executions of the chain; they are only read.
        edits: Keys of the target's input to replace.
        workflow_input: Another input for the outermost execution, None for the same.
        actor: Who asked for it.
    """
    ids = [str(uuid.uuid4()) for _ in plan.levels]
    target = states[plan.target_workflow_id].tasks[plan.task_id]
    outermost = states[plan.workflow_id].branch or {}
    root_id = outermost.get("root_id") or plan.workflow_id
    parent: WorkflowState | None = None
    for position, level in enumerate(plan.levels):
        source = states[level.workflow_id]
        is_target = position == len(plan.levels) - 1
        branch: dict[str, Any] = {
            "workflow_id": source.workflow_id,
            "event_number": source.last_event,
            "task_id": level.target_task_id,
            "reference": target.reference_task_name,
            "path": plan.path,
            "root_id": root_id,
            "edit_count": len(edits) + (workflow_input is not None),
        }
        if is_target and edits:
            branch["edits"] = {target.reference_task_name: edits}
        data = starting.start_data(
            source.definition,
            {},
            variables=variables_before(source, level),
            correlation_id=source.correlation_id,
            priority=source.priority,
            task_to_domain=source.task_to_domain,
            branch=branch,
        )
        data["input"] = (
            workflow_input if parent is None and workflow_input is not None else source.input
        )
        if parent is not None:
            data["parent_workflow_id"] = parent.workflow_id
            data["parent_workflow_task_id"] = _holder(parent, ids[position])
        child_id = None if is_target else ids[position + 1]
        path = source.path if parent is not None else ""

        def begin(turn: Turn) -> None:
            starting.start(turn, data, path)  # noqa: B023  (called before the next round)
            reuse_tasks(turn, source, level, child_id)  # noqa: B023

        parent = desk.begin(ids[position], begin, actor)
    fault_point(BRANCHED)
    return ids[0]


def _holder(parent: WorkflowState, child_id: str) -> str:
    return next(t.task_id for t in parent.tasks.values() if t.sub_workflow_id == child_id)
