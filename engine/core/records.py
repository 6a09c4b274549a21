"""Finding the records of an execution that count, and the workflow tasks they were made from."""

from __future__ import annotations

from .definition import Node, make_node
from .state import TaskState, WorkflowState


def node_of(state: WorkflowState, task: TaskState) -> Node | None:
    """The workflow task of a record; made from the record itself where it came at run time."""
    static = state.definition.nodes.get(task.node)
    if task.workflow_task is None:
        return static
    node = make_node(task.workflow_task)
    if static is not None:  # a DYNAMIC task: made at run time, but in its place
        node.parent, node.successor = static.parent, static.successor
    return node


def existing(state: WorkflowState, reference: str, node: Node | None) -> TaskState | None:
    """The newest attempt of a reference that counts for the loop generation at hand.

    A loop inside a loop uses its references again in each outer iteration; records from
    before the inner loop's present record belong to the past.
    """
    task = state.task(reference)
    if task is None or node is None:
        return task
    loop = node.loop()
    if loop is not None:
        loop_id = state.latest_loops.get(loop.reference)
        if loop_id is not None and task.seq < state.tasks[loop_id].seq:
            return None
    return task
