"""Words that pages show for what the history records. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PERSON = frozenset({"HUMAN"})
_SIGNAL = frozenset({"WAIT", "WAIT_FOR_WEBHOOK", "PULL_WORKFLOW_MESSAGES", "YIELD"})
CONTROL_TYPES = (
    "DO_WHILE",
    "DYNAMIC_FORK",
    "EXCLUSIVE_JOIN",
    "FORK_JOIN",
    "FORK_JOIN_DYNAMIC",
    "JOIN",
    "SWITCH",
)
"""Task types that are open only because something inside them is."""


def short_id(workflow_id: str) -> str:
    """The first eight characters, enough to tell executions apart by eye."""
    return workflow_id[:8]


def waits_for(task: Mapping[str, Any]) -> str:
    """Say in one line what an open task waits for."""
    name, kind = task["reference_task_name"], task["task_type"]
    iteration = f", iteration {task['iteration']}" if task.get("iteration") else ""
    if kind in _PERSON:
        return f"{name}{iteration}, waiting for a person"
    if kind in _SIGNAL:
        return f"{name}{iteration}, waiting for a signal"
    if kind == "SUB_WORKFLOW":
        return f"{name}{iteration}, a sub-workflow"
    if task["status"] == "IN_PROGRESS":
        worker = f" on {task['worker_id']}" if task.get("worker_id") else ""
        return f"{name}{iteration}, running{worker}"
    return f"{name}{iteration}, waiting for a worker"


def place_words(path: str | None) -> str:
    """A run path as words: ``order_flow ▸ fulfil ▸ iteration 37`` (the last task left out)."""
    if not path:
        return ""
    words = []
    for level in path.split("/")[:-1]:
        name, _, iteration = level.partition("[")
        words.append(f"iteration {iteration.rstrip(']')}" if iteration else name)
    return " ▸ ".join(words)


def last_task(path: str | None) -> str:
    """Reference name at the end of a run path, without its iteration."""
    return (path or "").rsplit("/", 1)[-1].partition("[")[0]
