"""SIMPLE and every unknown type: work for a worker outside."""

from __future__ import annotations

from ..definition import Node
from .base import WorkerTaskType


class SimpleTask(WorkerTaskType):
    """A task that a worker polls by the task definition's name."""

    name = "SIMPLE"
    summary = "Worker task: a worker polls for it and answers with a result."

    def record_type(self, node: Node) -> str:
        """The queue workers poll: the task's own name."""
        return node.name


class UserDefinedTask(WorkerTaskType):
    """A type the engine does not know: workers poll by the type itself."""

    name = "USER_DEFINED"
    summary = "Worker task of a type of its own: workers poll by the type."
