"""Which later inputs used a value: the origins read the other way round."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from .leaf_path import MISSING, LeafPath, parse_leaf, read_leaf, starts_with
from .state import TaskState, WorkflowState
from .value_source import (
    Side,
    Source,
    expression_of,
    expressions_in,
    source_of,
    without_wrapper,
    writers_of,
)


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """One place that used the value. Without a task: the output of the execution."""

    state: WorkflowState
    task: TaskState | None
    side: Side
    leaf: LeafPath
    expression: str
    note: str = ""


class _Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where the value sits while its uses are looked for."""

    state: WorkflowState
    task: TaskState | None
    side: Side
    leaf: LeafPath
    variable: bool = False
    output: bool = False
    """The execution's output (``task`` is None)."""

    @property
    def key(self) -> tuple[Any, ...]:
        return (
            self.state.workflow_id,
            self.task.task_id if self.task is not None else "",
            self.side,
            self.leaf,
            self.variable,
            self.output,
        )


def uses_of(
    states: Mapping[str, WorkflowState],
    state: WorkflowState,
    task: TaskState | None,
    side: Side,
    leaf: LeafPath,
) -> list[Use]:
    """The uses of a value, nearest first, each once."""
    readers = _Readers()
    queue = [_Place(state=state, task=task, side=side, leaf=leaf)]
    seen = {queue[0].key}
    uses: list[Use] = []
    for place in queue:
        direct = list(readers.of(place))
        uses += direct
        for further in _handed_on(states, place, direct):
            if further.key not in seen:
                seen.add(further.key)
                queue.append(further)
    unique: dict[tuple[Any, ...], Use] = {}
    for use in uses:
        task_id = use.task.task_id if use.task is not None else ""
        unique.setdefault((use.state.workflow_id, task_id, use.leaf), use)
    return list(unique.values())


class _Readers:
    """Every recorded expression of an execution with what it read, worked out once."""

    def __init__(self) -> None:
        self._known: dict[str, list[tuple[TaskState, dict[str, Any], Source]]] = {}

    def of(self, place: _Place) -> Iterator[Use]:
        """The inputs of tasks (and the execution output) that read a place."""
        if place.output:
            return
        for task, entry, source in self._sources(place.state):
            if _reads(place, source, task):
                path = parse_leaf(str(entry.get("path", "")))
                yield Use(
                    state=place.state,
                    task=task,
                    side="input",
                    leaf=_deepened(path, source, place),
                    expression=expression_of(entry),
                )
        if not place.state.status.is_terminal:
            return
        for path, text in expressions_in(place.state.definition.output_parameters):
            source = source_of(place.state, None, {"expression": text})
            if _reads(place, source, None):
                yield Use(
                    state=place.state,
                    task=None,
                    side="output",
                    leaf=_deepened(path, source, place),
                    expression=text,
                )

    def _sources(self, state: WorkflowState) -> list[tuple[TaskState, dict[str, Any], Source]]:
        known = self._known.get(state.workflow_id)
        if known is None:
            known = self._known[state.workflow_id] = [
                (task, entry, source_of(state, task, entry))
                for task in state.tasks.values()
                for entry in task.origins
            ]
        return known


def _reads(place: _Place, source: Source, reader: TaskState | None) -> bool:
    if place.variable:
        if source.kind != "variable" or not _overlaps(source.leaf, place.leaf):
            return False
        writers = writers_of(place.state, str(place.leaf[0]), reader, source.task)
        return bool(writers) and writers[-1] is place.task
    if place.task is None:
        return source.kind == "workflow_input" and _overlaps(source.leaf, place.leaf)
    return (
        source.kind == "task"
        and source.task is not None
        and source.task.task_id == place.task.task_id
        and source.side == place.side
        and _overlaps(source.leaf, place.leaf)
    )


def _deepened(path: LeafPath, source: Source, place: _Place) -> LeafPath:
    """The leaf of the reader that holds exactly the value, when it took more than that."""
    if starts_with(place.leaf, source.leaf):
        return path + place.leaf[len(source.leaf) :]
    return path


def _handed_on(
    states: Mapping[str, WorkflowState], place: _Place, uses: list[Use]
) -> Iterator[_Place]:
    """Places that hold the same value because the engine carried it there."""
    for use in uses:
        if use.task is None:
            yield _Place(state=use.state, task=None, side="output", leaf=use.leaf, output=True)
        elif use.task.task_type == "SET_VARIABLE" and use.leaf:
            yield _Place(state=use.state, task=use.task, side="input", leaf=use.leaf, variable=True)
        elif child := states.get(use.task.sub_workflow_id or ""):
            yield _Place(state=child, task=None, side="input", leaf=without_wrapper(use.leaf))
    if place.output or place.task is None:
        if place.output:
            yield from _into_parent(states, place)
        return
    if place.side == "output":
        yield from _collected(place, place.task)
        last = max(place.state.tasks.values(), key=lambda task: task.seq)
        if last is place.task and not place.state.definition.output_parameters:
            yield _Place(state=place.state, task=None, side="output", leaf=place.leaf, output=True)
    elif place.task.task_type == "SET_VARIABLE":
        yield _Place(
            state=place.state, task=place.task, side="input", leaf=place.leaf, variable=True
        )
    elif child := states.get(place.task.sub_workflow_id or ""):
        yield _Place(state=child, task=None, side="input", leaf=without_wrapper(place.leaf))


def _collected(place: _Place, task: TaskState) -> Iterator[_Place]:
    """Outputs of joins and loops that repeat the output of a task."""
    reference = task.reference_task_name
    for other in place.state.tasks.values():
        if other.task_type == "JOIN" and reference in other.output_data:
            leaf: LeafPath = (reference, *place.leaf)
        elif other.task_type == "DO_WHILE" and "__" in reference:
            leaf = (str(task.iteration), task.base_reference, *place.leaf)
        else:
            continue
        if read_leaf(other.output_data, leaf) is not MISSING:
            yield _Place(state=place.state, task=other, side="output", leaf=leaf)


def _into_parent(states: Mapping[str, WorkflowState], place: _Place) -> Iterator[_Place]:
    parent = states.get(place.state.parent_workflow_id or "")
    task = parent.tasks.get(place.state.parent_workflow_task_id or "") if parent else None
    if parent is not None and task is not None:
        yield _Place(state=parent, task=task, side="output", leaf=place.leaf)


def _overlaps(one: LeafPath, other: LeafPath) -> bool:
    return starts_with(one, other) or starts_with(other, one)
