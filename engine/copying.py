"""Copying executions from one client to another: with sub-workflows and definitions.

::

    cluster, shop = engine.connect("http://host:8080/api"), engine.connect("shop.duckdb")
    copy_execution(cluster, shop, workflow_id)
    run = Execution(shop, workflow_id).replay_from("charge_card", set={"amount": 12.5}).go()
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import ConflictError, EngineError, InvalidRequestError, NotFoundError
from .models.execution import Workflow

if TYPE_CHECKING:
    from .client.base import Client

TREE_LIMIT = 200
"""Executions of one tree that are copied."""
_COMPENSATION = "conductor.failure_workflow"


class Copied(NamedTuple):
    """What became of one execution."""

    workflow_id: str
    name: str
    outcome: str
    """``imported``, ``updated``, ``unchanged`` or ``skipped``."""
    note: str = ""
    """Why it was skipped."""


def copy_execution(source: Client, target: Client, workflow_id: str) -> list[Copied]:
    """Copy an execution with its sub-workflows; what became of each, the outermost first.

    Copying again takes over what has happened since. Definitions of sub-workflows that have not
    started are registered too, where the target has none.

    Raises:
        NotFoundError: The source has no such execution.
        UnsupportedError: The target takes none.
    """
    workflows = list(tree_of(source, workflow_id))
    for workflow in workflows:
        _copy_sub_definitions(source, target, workflow)
    return list(import_all(target, workflows, _place_of(source)))


def import_all(target: Client, workflows: Sequence[Workflow], source: str = "") -> Iterator[Copied]:
    """Import executions that are at hand, parents before their sub-workflows; one at a time.

    An execution that can't be imported is skipped and says why.
    """
    for workflow in parents_first(workflows):
        try:
            outcome, note = target.import_execution(workflow, source), ""
        except (ConflictError, InvalidRequestError) as error:
            outcome, note = "skipped", str(error)
        yield Copied(workflow.workflow_id, workflow.workflow_name, outcome, note)


def tree_of(source: Client, workflow_id: str) -> Iterator[Workflow]:
    """An execution and all that it started, the outermost first.

    Raises:
        NotFoundError: There is no such execution; missing sub-workflows are left out.
    """
    seen: set[str] = set()
    waiting = [workflow_id]
    while waiting and len(seen) < TREE_LIMIT:
        current = waiting.pop(0)
        if current in seen:
            continue
        seen.add(current)
        try:
            workflow = source.workflow(current)
        except NotFoundError:
            if current == workflow_id:
                raise
            continue
        yield workflow
        waiting += [task.sub_workflow_id for task in workflow.tasks if task.sub_workflow_id]
        compensation = workflow.output.get(_COMPENSATION)
        if isinstance(compensation, str):
            waiting.append(compensation)


def outermost(source: Client, workflow_id: str) -> str:
    """The execution that an execution is part of: the parent of its parents, or itself."""
    found, parent = workflow_id, source.workflow(workflow_id, False).parent_workflow_id
    for _ in range(TREE_LIMIT):
        if not parent:
            break
        try:
            above = source.workflow(parent, False).parent_workflow_id
        except NotFoundError:  # removed, or archived elsewhere
            break
        found, parent = parent, above
    return found


def parents_first(workflows: Iterable[Workflow]) -> list[Workflow]:
    """The executions in an order that has every parent before its sub-workflows."""
    by_id = {workflow.workflow_id: workflow for workflow in workflows}

    def depth(workflow: Workflow) -> int:
        found, steps = workflow, 0
        while found.parent_workflow_id in by_id and steps <= len(by_id):
            found, steps = by_id[found.parent_workflow_id], steps + 1
        return steps

    return sorted(by_id.values(), key=depth)


def _copy_sub_definitions(source: Client, target: Client, workflow: Workflow) -> None:
    """Register definitions that a definition names, as far as the target lacks them."""
    wire = workflow.workflow_definition.to_wire() if workflow.workflow_definition else {}
    for name, version in sub_workflows(wire):
        try:
            target.workflow_def(name, version)
            continue
        except NotFoundError:
            pass
        try:
            definition = source.workflow_def(name, version)
            target.register_workflow_def(definition)
        except EngineError:
            continue  # a replay that gets there will say what is missing
        inner = Workflow(workflow_definition=definition)
        _copy_sub_definitions(source, target, inner)


def sub_workflows(definition: Mapping[str, Any]) -> list[tuple[str, int | None]]:
    """Names and versions of the registered sub-workflows a definition names."""
    found: dict[tuple[str, int | None], None] = {}
    waiting: list[Any] = list(definition.get("tasks") or ())
    while waiting:
        task = waiting.pop()
        if isinstance(task, list):
            waiting += task
            continue
        if not isinstance(task, Mapping):
            continue
        parameter = task.get("subWorkflowParam") or {}
        name, version = parameter.get("name"), parameter.get("version")
        if isinstance(name, str) and name and "${" not in name:
            found[name, version if isinstance(version, int) else None] = None
        waiting += [*(task.get("decisionCases") or {}).values(), *(task.get("forkTasks") or ())]
        waiting += [*(task.get("defaultCase") or ()), *(task.get("loopOver") or ())]
    return list(found)


def _place_of(source: Client) -> str:
    return str(getattr(source, "url", ""))
