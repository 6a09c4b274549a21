"""What joins and loops have gathered from the tasks they are about, before they end."""

from __future__ import annotations

from typing import Any

from .definition import Node
from .events import IN_ROUNDS
from .records import existing, node_of
from .state import TaskState, WorkflowState


def joined_references(state: WorkflowState, task: TaskState, key: str = "joinOn") -> list[str]:
    """Full references a join waits for: with the iteration suffix inside a loop.

    ``key`` names the list in the record's input; EXCLUSIVE_JOIN has a second one.
    """
    listed = list(task.input_data.get(key) or ())
    suffix = joined_suffix(state, task)
    return [f"{reference}{suffix}" for reference in listed] if suffix else listed


def joined_suffix(state: WorkflowState, task: TaskState) -> str:
    """What the references of a join end with: its iteration inside a loop, else nothing."""
    if "__" not in task.reference_task_name:
        return ""
    node = node_of(state, task)
    if node is None or node.loop() is None:
        return ""
    return "__" + task.reference_task_name.rsplit("__", 1)[1]


def joined_records(state: WorkflowState, references: list[str]) -> list[TaskState | None]:
    """The newest attempt of each full reference, None where there is no record yet."""
    nodes = state.definition.nodes
    return [
        existing(state, reference, nodes.get(reference) or nodes.get(reference.rsplit("__", 1)[0]))
        for reference in references
    ]


def body_records(state: WorkflowState, node: Node, task: TaskState) -> list[TaskState]:
    """Newest attempts of the present iteration of a DO_WHILE record, in order of definition."""
    records = []
    # A loop inside uses the same references in each round of this one: the path tells.
    inside = f"{task.path}[{task.iteration}]"
    for reference in node.body_references:
        record = state.task(f"{reference}__{task.iteration}")
        if record is not None and record.seq > task.seq and record.path.startswith(inside):
            records.append(record)
    return records


def loop_output_so_far(state: WorkflowState, task: TaskState) -> dict[str, Any]:
    """The output of an open DO_WHILE with what its present iteration has got to."""
    node = node_of(state, task)
    records = [] if node is None else body_records(state, node, task)
    if not records:
        return task.output_data
    so_far = {record.node: record.output_data for record in records}
    return {**task.output_data, str(task.iteration): so_far}


def is_open_join(task: TaskState) -> bool:
    """Whether a record is a JOIN that still waits."""
    return task.task_type == "JOIN" and not task.status.is_terminal


def _ended_since(state: WorkflowState, record: TaskState, before: int) -> bool:
    """Whether a task ended with an event or later, or as a script of the round at hand."""
    if not record.status.is_terminal:
        return False
    of_round = record.revisit and record.task_id in state.unprocessed and state.logic >= IN_ROUNDS
    return of_round or record.last_event >= before


def gathered(state: WorkflowState, task: TaskState, before: int | None = None) -> dict[str, Any]:
    """What the branches of an open JOIN have put out so far, by full reference.

    The record itself holds its output only once it has ended: writing it down with every branch
    would make wide forks quadratic.

    Args:
        state: The execution.
        task: The JOIN's record.
        before: Number of an event. What ended with it or later counts as it was before, and
            nothing more is gathered if the record itself is as young: the JOIN was not looked
            at since. None for the present.
    """
    return _gathered(state, task, before, {})


def _gathered(
    state: WorkflowState, task: TaskState, before: int | None, known: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """``known``: of joins met on the way. One that waits for itself shows what it has recorded."""
    known[task.task_id] = task.output_data
    output = dict(task.output_data)
    if before is not None and task.last_event >= before:
        return output
    references = joined_references(state, task)
    for reference, record in zip(references, joined_records(state, references), strict=True):
        if record is None:
            continue
        if before is not None and _ended_since(state, record, before):
            child = record.sub_workflow_id
            shown = {"subWorkflowId": child} if child else {}
        elif is_open_join(record):
            if record.task_id not in known:
                _gathered(state, record, before, known)
            shown = known[record.task_id]
        else:
            shown = record.output_data
        if shown:
            output[reference] = shown
    known[task.task_id] = output
    return output
