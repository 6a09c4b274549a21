"""What one recorded origin points to: an input, an output, a variable, a secret, a field.

An origin entry is what the resolver recorded when it filled a leaf of a task's input:
``{path, expression, source, source_task_id, source_event, source_path, fallback}``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

import msgspec

from .leaf_path import LeafPath, format_leaf, parse_leaf, starts_with
from .state import TaskState, WorkflowState

Side = Literal["input", "output"]

Kind = Literal["workflow_input", "variable", "secret", "environment", "field", "task", "unknown"]

_WORKFLOW_KINDS: Final[dict[str, Kind]] = {
    "input": "workflow_input",
    "variables": "variable",
    "secrets": "secret",
    "env": "environment",
}


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where an expression read its value."""

    kind: Kind
    leaf: LeafPath
    """Inside the input, output or variable (whose name comes first)."""
    task: TaskState | None = None
    """The task read, or the one that wrote the variable, where that was recorded."""
    side: Side = "output"
    field: str = ""
    """What was read when it is neither input nor output: ``status``, ``workflowId``."""


def entries_for(task: TaskState, leaf: LeafPath) -> list[tuple[dict[str, Any], LeafPath]]:
    """Origins that explain a leaf of a task's input, the closest first.

    Each comes with the rest of the path: empty when the expression filled exactly this leaf (or
    part of it), longer when it filled something that contains the leaf.
    """
    exact: list[tuple[int, dict[str, Any], LeafPath]] = []
    wanted = {leaf, without_wrapper(leaf)}
    for entry in task.origins:
        path = parse_leaf(str(entry.get("path", "")))
        for want in wanted:
            if starts_with(want, path):
                exact.append((len(want) - len(path), entry, want[len(path) :]))
                break
            if starts_with(path, want):
                exact.append((1000 + len(path), entry, ()))
                break
    exact.sort(key=lambda item: item[0])
    return [(entry, rest) for _, entry, rest in exact]


def without_wrapper(leaf: LeafPath) -> LeafPath:
    """A leaf of a sub-workflow task's input as its inputParameters name it."""
    return leaf[1:] if leaf[:1] == ("workflowInput",) else leaf


def expression_of(entry: dict[str, Any]) -> str:
    """The text of the expression with its ``${}``."""
    text = str(entry.get("expression") or entry.get("source") or "")
    return text if "${" in text else f"${{{text}}}"


def source_of(state: WorkflowState, reader: TaskState | None, entry: dict[str, Any]) -> Source:
    """What an origin entry points to, as seen by the task that read it."""
    steps = _steps(entry)
    if not steps:
        return Source(kind="unknown", leaf=())
    root, rest = str(steps[0]), steps[1:]
    task = _task_read(state, reader, root, entry.get("source_task_id"))
    if task is None and root == "workflow" and rest:
        name = str(rest[0])
        kind = _WORKFLOW_KINDS.get(name, "field")
        writer = state.tasks.get(str(entry.get("source_task_id"))) if kind == "variable" else None
        return Source(kind=kind, leaf=rest[1:], task=writer, field=format_leaf(rest))
    if task is None:
        return Source(kind="unknown", leaf=rest, field=root)
    if rest and rest[0] in ("input", "output"):
        return Source(
            kind="task", leaf=rest[1:], task=task, side="input" if rest[0] == "input" else "output"
        )
    return Source(kind="field", leaf=rest, task=task, field=format_leaf(rest))


def _steps(entry: dict[str, Any]) -> LeafPath:
    """Root and path as recorded (nested expressions resolved), else read off the text."""
    root, below = entry.get("source"), entry.get("source_path")
    if root and below:
        return (str(root), *parse_leaf(str(below)))
    return parse_leaf(first_expression(expression_of(entry)))


def first_expression(text: str) -> str:
    """The path inside the first ``${…}`` of a text (the innermost when nested)."""
    start = text.find("${")
    end = text.find("}", start)
    if start < 0 or end < 0:
        return ""
    inner = text[start + 2 : end]
    nested = inner.rfind("${")
    return inner if nested < 0 else inner[nested + 2 :]


def expressions_in(value: Any) -> Iterator[tuple[LeafPath, str]]:
    """The texts with expressions inside a template, each with its leaf."""
    if isinstance(value, str):
        if "${" in value:
            yield (), value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from (((key, *path), text) for path, text in expressions_in(inner))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from (((index, *path), text) for path, text in expressions_in(inner))


def writers_of(
    state: WorkflowState, name: str, reader: TaskState | None, recorded: TaskState | None = None
) -> list[TaskState]:
    """SET_VARIABLE tasks that wrote a variable before it was read, the winner last.

    ``recorded`` is the winner as the resolver noted it; otherwise it is worked out.
    """
    before = reader.scheduled_event if reader is not None and reader.scheduled_event else None
    winner, number = state.variable_writers.get(name, ("", 0))
    writers = [
        task
        for task in state.tasks.values()
        if task.task_type == "SET_VARIABLE"
        and name in task.input_data
        and task.status.is_terminal
        and task.status.is_successful
        and (before is None or task.scheduled_event <= before)
    ]
    writers.sort(key=lambda task: (task.last_event, task.seq))
    if recorded is not None:
        writers = [task for task in writers if task.task_id != recorded.task_id] + [recorded]
    elif winner in state.tasks and (before is None or number <= before):
        writers.sort(key=lambda task: task.task_id == winner)
    return writers


def _task_read(
    state: WorkflowState, reader: TaskState | None, root: str, recorded: Any
) -> TaskState | None:
    """The attempt that an expression with this root read."""
    if recorded and (task := state.tasks.get(str(recorded))) is not None:
        return task
    base = root.split("__", 1)[0]
    limit = reader.seq if reader is not None else None
    return _newest(state.tasks.values(), base, limit)


def _newest(tasks: Any, base: str, limit: int | None) -> TaskState | None:
    found: TaskState | None = None
    candidates: Sequence[TaskState] = list(tasks)
    for task in reversed(candidates):
        if task.base_reference != base or (limit is not None and task.seq >= limit):
            continue
        if found is None or task.seq > found.seq:
            found = task
    return found
