"""Replay from a task as a branch: a new execution that shares the past of another one.

Rules of this file
  1. The original is only read.
  2. What ended well before the chosen task is taken over as it is (``TaskReused``); the chosen
     task, what follows it, and what had not ended well beside it run again.
  3. Inside a sub-workflow the whole chain of parents is branched, so that the result flows up.
  4. Loops around the chosen task stay in its iteration: earlier ones are taken over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from ..errors import InvalidRequestError
from ..models.enums import TaskStatus
from .definition import Node
from .events import EventKind
from .mapping import lacks_successor
from .records import node_of
from .state import TaskState, WorkflowState
from .tasks.do_while import reopened_in
from .turn import Turn

_SEGMENT: Final = re.compile(r"^(.*?)(?:\[(\d+)\])?$")
_COPIED: Final = (
    "task_type",
    "task_def_name",
    "node",
    "input_data",
    "output_data",
    "iteration",
    "loop_over_task",
    "poll_count",
    "scheduled_time",
    "first_scheduled_time",
    "start_time",
    "end_time",
    "worker_id",
    "domain",
    "workflow_priority",
    "sub_workflow_id",
    "optional",
    "permissive",
    "revisit",
    "async_complete",
    "response_timeout_seconds",
    "callback_after_seconds",
    "wait_until_ms",
    "origins",
    "workflow_task",
)
_ENDED_WELL: Final = (
    TaskStatus.COMPLETED,
    TaskStatus.COMPLETED_WITH_ERRORS,
    TaskStatus.SKIPPED,
)
_NAMES: Final = {"input_data": "input", "output_data": "output"}


class BranchLevel(msgspec.Struct, frozen=True):
    """What one execution of the chain gives to its branch."""

    workflow_id: str
    target_task_id: str
    kept: list[str]
    """Task ids taken over as they are, in order of ``seq``."""
    reopened: list[str]
    """Loops around the target, taken over in its iteration, and unfinished ones beside it."""
    will_run: list[str]
    """Places that run: the target, what follows it, what had not ended well beside it."""


class BranchPlan(msgspec.Struct, frozen=True):
    """What replaying from a task would take over and run. Nothing has happened yet."""

    workflow_id: str
    """The outermost execution, which is branched."""
    target_workflow_id: str
    task_id: str
    path: str
    levels: list[BranchLevel]
    """Outermost first; the last one holds the target."""
    reused: list[str]
    will_run: list[str]
    not_affected: list[str]
    side_effects: list[str]
    input: dict[str, Any]
    sentence: str


def plan_branch(states: Mapping[str, WorkflowState], workflow_id: str, task_id: str) -> BranchPlan:
    """Work out a replay from one task.

    Args:
        states: The target's execution and all its parents.
        workflow_id: The execution that holds the task.
        task_id: Any attempt of the task; its first attempt is what runs again.

    Raises:
        InvalidRequestError: No such task, or it is a part of the flow that can't start by itself.
    """
    chain = _chain(states, workflow_id, task_id)
    levels = [_level(state, task) for state, task in chain]
    reused = [states[lv.workflow_id].tasks[t].path for lv in levels for t in lv.kept]
    will_run = [place for level in reversed(levels) for place in level.will_run]
    target_state, target = chain[-1]
    root = chain[0][0]
    side_effects = [p for p in will_run if _is_worker_place(chain, p)]
    return BranchPlan(
        workflow_id=root.workflow_id,
        target_workflow_id=target_state.workflow_id,
        task_id=task_id,
        path=target.path,
        levels=levels,
        reused=list(dict.fromkeys(reused)),
        will_run=list(dict.fromkeys(will_run)),
        not_affected=[],
        side_effects=side_effects,
        input=dict(target.input_data),
        sentence=_sentence(
            len(set(reused)), len(set(will_run)), _unforeseen(chain), root.workflow_id
        ),
    )


def _unforeseen(chain: list[tuple[WorkflowState, TaskState]]) -> list[str]:
    """What runs besides the tasks that can be counted: later iterations, whole sub-workflows."""
    found = []
    for position, (state, task) in enumerate(chain):
        node = state.definition.nodes[task.node]
        loops = [p.reference for p in _parents(node) if p.type == "DO_WHILE"]
        found += [f"the iterations of {reference} that follow" for reference in loops]
        own = node.reference if position < len(chain) - 1 else ""
        for reference in sorted(_again(state, node)):
            inner = state.definition.nodes[reference]
            if inner.type == "SUB_WORKFLOW" and reference != own:
                found.append(f"everything inside {reference}")
    return found


def _sentence(reused: int, runs: int, unforeseen: list[str], workflow_id: str) -> str:
    outputs = "1 output" if reused == 1 else f"{reused} outputs"
    tasks = "1 task" if runs == 1 else f"{runs} tasks"
    what = " and ".join([tasks, *unforeseen])
    return f"Reuse {outputs} of {workflow_id[:8]}, run {what}, in a new execution."


def _is_worker_place(chain: list[tuple[WorkflowState, TaskState]], place: str) -> bool:
    reference = place.rsplit("/", 1)[-1]
    for state, _ in chain:
        node = state.definition.nodes.get(reference)
        if node is not None and (node.wire.get("metadata") or {}).get("sideEffect"):
            return True
    return False


def _chain(
    states: Mapping[str, WorkflowState], workflow_id: str, task_id: str
) -> list[tuple[WorkflowState, TaskState]]:
    """(execution, task) from the root to the target."""
    chain: list[tuple[WorkflowState, TaskState]] = []
    current: str | None = workflow_id
    wanted: str | None = task_id
    while current is not None and wanted is not None:
        state = states.get(current)
        task = None if state is None else state.tasks.get(wanted)
        if state is None or task is None:
            raise InvalidRequestError(f"Task {wanted} not found in execution {current}.")
        chain.insert(0, (state, task))
        current, wanted = state.parent_workflow_id, state.parent_workflow_task_id
    target_state, target = chain[-1]
    if target_state.definition.nodes.get(target.node) is None:
        raise InvalidRequestError(
            f"Task {target.reference_task_name} was made at run time; replay from the fork "
            "that made it."
        )
    return chain


def _level(state: WorkflowState, target: TaskState) -> BranchLevel:
    node = state.definition.nodes[target.node]
    again = _again(state, node)
    around = {parent.reference for parent in _parents(node)}
    made_by = _dynamic_forks(state)
    kept, reopened, beside = [], [], []
    for task in sorted(state.tasks.values(), key=lambda t: t.seq):
        order = _compare_iterations(task.path, target.path)
        if order > 0 or (order == 0 and made_by.get(task.node, task.node) in again):
            continue
        if order == 0 and task.node in around and task.task_type == "DO_WHILE":
            if not task.retried:
                reopened.append(task.task_id)
        elif task.task_type != "TERMINATE" and _is_past(task):
            kept.append(task.task_id)
        elif task.task_type == "DO_WHILE" and task.loop_over_task:
            reopened.append(task.task_id)  # beside the target: goes on where it had got to
        else:
            # A TERMINATE too: it ended the original, but not before the target had begun.
            beside.append(re.sub(r"\[\d+\]", "", task.path))
    kept = _without_orphans(state, kept)
    return BranchLevel(
        workflow_id=state.workflow_id,
        target_task_id=target.task_id,
        kept=kept,
        reopened=reopened,
        will_run=list(dict.fromkeys([*_places(state, node, target, around), *beside])),
    )


def _dynamic_forks(state: WorkflowState) -> dict[str, str]:
    """References made at run time, and the dynamic fork of the definition that made each."""
    return {
        reference: task.node
        for task in state.tasks.values()
        for reference in task.input_data.get("forkedTasks") or ()
        if task.task_type == "FORK"
    }


def _is_past(task: TaskState) -> bool:
    """Whether the flow has gone on from a task, so that running it again would change the past."""
    went_on = task.permissive and task.executed and task.status.is_terminal
    return task.retried or went_on or task.status in _ENDED_WELL


def _without_orphans(state: WorkflowState, kept: list[str]) -> list[str]:
    """Earlier attempts only make sense with the attempt that succeeded them."""
    good = {state.tasks[t].reference_task_name for t in kept if not state.tasks[t].retried}
    return [t for t in kept if state.tasks[t].reference_task_name in good]


def _parents(node: Node) -> Iterator[Node]:
    parent = node.parent
    while parent is not None:
        yield parent
        parent = parent.parent


def _siblings(state: WorkflowState, node: Node) -> list[Node]:
    if node.parent is None:
        return state.definition.tasks
    return next(tasks for tasks in node.parent.lists() if node in tasks)


def _again(state: WorkflowState, node: Node) -> set[str]:
    """References that run again: the node, what is in it, and what follows it at each level."""
    again: set[str] = set()
    current: Node | None = node
    first = True
    while current is not None:
        siblings = _siblings(state, current)
        start = siblings.index(current) + (0 if first else 1)
        for sibling in siblings[start:]:
            again.add(sibling.reference)
            again.update(inner.reference for inner in sibling.inside())
        first = False
        current = current.parent
    return again


def _places(state: WorkflowState, node: Node, target: TaskState, around: set[str]) -> list[str]:
    """Places that run, in order: the target, then what follows at each level outwards."""
    base = re.sub(r"\[\d+\]", "", target.path).rsplit("/", 1)[0]
    places = [f"{base}/{node.reference}"]
    current: Node | None = node
    while current is not None:
        siblings = _siblings(state, current)
        for sibling in siblings[siblings.index(current) + 1 :]:
            places.append(f"{base}/{sibling.reference}")
            below = f"{base}/{sibling.reference}" if sibling.type == "DO_WHILE" else base
            places += [f"{below}/{inner.reference}" for inner in sibling.inside()]
        if current.parent is not None and current.parent.type == "DO_WHILE":
            base = base.rsplit("/", 1)[0]
        current = current.parent
    return places


def _compare_iterations(path: str, target: str) -> int:
    """-1, 0, 1: in an earlier, the same (or no common), a later iteration of a shared loop."""
    for mine, theirs in zip(path.split("/"), target.split("/"), strict=False):
        if mine == theirs:
            continue
        a, b = _SEGMENT.match(mine), _SEGMENT.match(theirs)
        if a and b and a[1] == b[1] and a[2] and b[2]:
            return -1 if int(a[2]) < int(b[2]) else 1
        return 0
    return 0


# -- carrying it out -------------------------------------------------------------------------


def variables_before(state: WorkflowState, level: BranchLevel) -> dict[str, Any]:
    """Workflow variables as the taken-over SET_VARIABLE tasks leave them."""
    variables = dict(state.definition.wire.get("variables") or {})
    before = state.tasks[level.target_task_id].seq
    variables |= {
        name: value for name, (seq, value) in state.removed_variables.items() if seq < before
    }
    for task_id in level.kept:
        task = state.tasks[task_id]
        if task.task_type == "SET_VARIABLE" and task.status is TaskStatus.COMPLETED:
            variables.update(task.input_data)
    return variables


def reuse_tasks(
    turn: Turn, source: WorkflowState, level: BranchLevel, child_id: str | None
) -> None:
    """Record the taken-over tasks in a branch that has just started.

    Args:
        turn: A turn over the new execution, its ``WorkflowStarted`` already emitted.
        source: The execution that is branched.
        level: Its part of the plan.
        child_id: The branch of the sub-workflow that holds the target; None at the last level.
    """
    target = source.tasks[level.target_task_id]
    kept, reopened = set(level.kept), set(level.reopened)
    ids: dict[str, str] = {}
    settled: list[str] = []
    for task in sorted(source.tasks.values(), key=lambda t: t.seq):
        if task.task_id in kept:
            settled.append(_reuse(turn, source, task, ids, {}))
        elif task.task_id in reopened:
            node = source.definition.nodes[task.node]
            _reuse(turn, source, task, ids, reopened_in(turn, node, task, target.path))
        elif child_id is not None and task.task_id == target.task_id:
            changes = {
                "status": str(TaskStatus.IN_PROGRESS),
                "sub_workflow_id": child_id,
                "output": {"subWorkflowId": child_id},
                "end_time": 0,
            }
            _reuse(turn, source, task, ids, changes)
    _look_again(turn, settled)


def _reuse(
    turn: Turn, source: WorkflowState, task: TaskState, ids: dict[str, str], changes: dict[str, Any]
) -> str:
    """Record one taken-over task; returns its id in the branch."""
    data: dict[str, Any] = {"status": str(task.status)}
    for name in _COPIED:
        value = getattr(task, name)
        if value:
            data[_NAMES.get(name, name)] = value
    if task.reason_for_incompletion is not None:
        data["reason"] = task.reason_for_incompletion
    if task.error is not None:
        data["error"] = msgspec.to_builtins(task.error)
    data.update(changes)
    data["seq"] = turn.state.last_seq + 1
    data["reused_from"] = {"workflow_id": source.workflow_id, "task_id": task.task_id}
    if task.retried_task_id in ids:
        data["retried_task_id"] = ids[task.retried_task_id]
    ids[task.task_id] = turn.new_id()
    turn.record_task(
        EventKind.TASK_REUSED,
        ids[task.task_id],
        (task.reference_task_name, task.retry_count, data.pop("iteration", task.iteration)),
        turn.state.path + task.path[len(source.path) :],
        data,
    )
    case = task.input_data.get("case")
    if node_of(source, task) is not None and "selectedCase" in task.output_data:
        chosen = {"case": case, "has_children": "hasChildren" in task.input_data}
        turn.emit(EventKind.BRANCH_CHOSEN, chosen, turn.state.tasks[ids[task.task_id]])
    return ids[task.task_id]


def _look_again(turn: Turn, task_ids: list[str]) -> None:
    """Mark what needs no second look; what lacks a successor is left to the decider."""
    settled = []
    for task_id in task_ids:
        task = turn.state.tasks[task_id]
        node = turn.node_of(task)
        if node is None or task.retried or not lacks_successor(turn, task, node):
            settled.append(task_id)
    if settled:
        turn.emit(EventKind.TASKS_EVALUATED, {"task_ids": settled})
