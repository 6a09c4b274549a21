"""FORK_JOIN: starts several branches at once, and the JOIN that will gather them."""

from __future__ import annotations

from ...models.enums import TaskStatus
from ..definition import Node
from ..mapping import map_first, map_node
from ..turn import Draft, Placement, Terminate, Turn
from .base import TaskType


class ForkTask(TaskType):
    """Static fork. Its record is complete as soon as it exists."""

    name = "FORK_JOIN"
    summary = "Run several branches in parallel; a JOIN gathers them."
    keys = {"forkTasks": "The branches: a list of lists of tasks. A JOIN has to follow."}
    auto_retry = False
    knows_task_id = False
    initial_status = TaskStatus.COMPLETED
    revisits = False
    reopens_in_place = True

    def record_type(self, node: Node) -> str:
        """Both kinds of fork appear as FORK at run time."""
        return "FORK"

    def definition_name(self, node: Node) -> str:
        """Conductor shows FORK here, not the node's name."""
        return "FORK"

    def schedule(self, turn: Turn, node: Node, place: Placement) -> list[Draft]:
        """Draft the fork, the first task of each branch, and the JOIN."""
        join = node.successor
        if join is None or join.type not in ("JOIN", "EXCLUSIVE_JOIN"):
            raise Terminate(
                "Fork task definition is not followed by a join task.  Check the blueprint"
            )
        drafts = [self.draft(turn, node, place)]
        for branch in node.branches:
            drafts += map_first(turn, branch, place)
        return drafts + map_node(turn, join, place)
