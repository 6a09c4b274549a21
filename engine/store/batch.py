"""Committed records on their way into the history, numbered in the journal's order.

Rules of this file
  1. Every record of a commit takes one position: events first, then definitions, logs, metadata
     and removals, as ``Commit`` lists them. Journal and feeder count alike.
  2. Versions of the same task or execution within a batch are folded into the newest.
  3. A removal ends its batch: what is committed after it belongs to the next.
"""

from __future__ import annotations

import msgspec

from ..core.events import HistoryEvent
from ..core.rows import ExecutionRow, TaskRow
from .base import Commit, LogRow, MetadataRow


class Batch(msgspec.Struct):
    """Records that enter the history in one transaction."""

    last: int
    """Position of the newest record: the watermark once the batch is in."""
    events: list[tuple[int, HistoryEvent]] = []
    definitions: dict[str, tuple[int, bytes]] = {}
    logs: list[tuple[int, LogRow]] = []
    metadata: list[tuple[int, MetadataRow]] = []
    removed: list[str] = []
    tasks: dict[tuple[str, str], TaskRow] = {}
    executions: dict[str, ExecutionRow] = {}

    def add(self, commit: Commit, first: int) -> None:
        """Append a commit whose first record has position ``first``."""
        position = first
        for event in commit.events:
            self.events.append((position, event))
            position += 1
        for definition_hash, body in commit.definitions.items():
            self.definitions.setdefault(definition_hash, (position, body))
            position += 1
        for log in commit.logs:
            self.logs.append((position, log))
            position += 1
        for row in commit.metadata:
            self.metadata.append((position, row))
            position += 1
        self.removed += commit.removed
        self.last = position + len(commit.removed) - 1
        self.project(commit.tasks, commit.executions)

    def project(self, tasks: list[TaskRow], executions: list[ExecutionRow]) -> None:
        """Take up newer versions of rows."""
        for task in tasks:
            self.tasks[task.workflow_id, task.task_id] = task
        for execution in executions:
            self.executions[execution.workflow_id] = execution


def record_count(commit: Commit) -> int:
    """How many positions a commit takes."""
    return (
        len(commit.events)
        + len(commit.definitions)
        + len(commit.logs)
        + len(commit.metadata)
        + len(commit.removed)
    )
