"""Why did it fail? The failure strip: causes, their chains and consequences (studio design §3.1).

``explain_failure`` takes the folded executions of a tree with their events and tells cause from
consequence. Works on an execution that is still running and failing. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from .causes import Evidence, Found, Role, find_causes
from .consequences import Consequence, consequences_of
from .events import HistoryEvent
from .failure_text import attempts_allowed, describe, iteration_total
from .fingerprint import fingerprint
from .state import TaskState, WorkflowState

__all__ = [
    "Cause",
    "Chip",
    "Consequence",
    "FailureChain",
    "FailureReport",
    "explain_failure",
    "place_of",
]

_BRACKETS: Final = re.compile(r"\[\d+\]")
_LOOP_SEGMENT: Final = re.compile(r"(?P<loop>.+)\[(?P<iteration>\d+)\]\Z")
_LABEL_LENGTH: Final = 240


class Chip(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One link of a chain, from the outermost execution (first) to the error (last)."""

    label: str
    path: str
    kind: str
    """``workflow``, ``task``, ``iteration`` or ``error``."""
    note: str = ""
    task_id: str = ""


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """The deepest thing that went wrong; ``task_id`` is empty when the execution itself did."""

    path: str
    task_id: str
    workflow_id: str
    attempt: int
    """From 1."""
    attempts: int
    """How many attempts the definition allows."""
    status: str
    type: str
    """Exception type, ``Timeout``, ``Terminated``, or empty when nothing is known."""
    message: str
    frames: list[dict[str, Any]]
    worker_id: str | None
    seconds: float | None
    """How long the failed attempt was in work."""
    event_number: int
    """Number of the ending event in its own execution; 0 when the history is not at hand."""


class FailureChain(msgspec.Struct, frozen=True, kw_only=True):
    """One cause with the way to it and what it led to."""

    role: Role
    chips: list[Chip]
    cause: Cause
    consequences: list[Consequence]
    fingerprint: str
    same_error_count: int = 1
    """How many causes share the fingerprint; the chain shows the first of them."""

    @property
    def line(self) -> str:
        """The error in one line: ``ValueError: amount is negative``."""
        return self.chips[-1].label

    def to_json(self, event_n: Callable[[str, int], int] | None = None) -> dict[str, Any]:
        """The chain as the view wants it (``FailureChain`` in protocol.ts).

        Args:
            event_n: Gives the number in the whole tree of an event (execution, number);
                without it ``cause.event_n`` is left out.
        """
        cause = {k: v for k, v in msgspec.to_builtins(self.cause).items() if v is not None}
        if event_n is not None and self.cause.event_number:
            cause["event_n"] = event_n(self.cause.workflow_id, self.cause.event_number)
        result: dict[str, Any] = {
            "role": self.role,
            "chips": msgspec.to_builtins(self.chips),
            "cause": cause,
            "consequences": msgspec.to_builtins(self.consequences),
            "fingerprint": self.fingerprint,
        }
        if self.same_error_count > 1:
            result["same_error_count"] = self.same_error_count
        return result


class FailureReport(msgspec.Struct, frozen=True, kw_only=True):
    """All causes of an execution tree, oldest first. Falsy when nothing failed for good."""

    workflow_id: str
    chains: list[FailureChain]
    """One per distinct error; compensation chains come last."""
    optional: list[FailureChain]
    """Optional failures: amber, never causes."""

    @property
    def independent(self) -> int:
        """Causes besides the first one."""
        return max(0, len(self.chains) - 1)

    def __bool__(self) -> bool:
        """Whether there is a cause to show."""
        return bool(self.chains)

    def to_json(self, event_n: Callable[[str, int], int] | None = None) -> dict[str, Any]:
        """The report as the view wants it (``Failure`` in protocol.ts)."""
        return {
            "chains": [chain.to_json(event_n) for chain in self.chains],
            "independent": self.independent,
            "optional": [chain.to_json(event_n) for chain in self.optional],
        }


def explain_failure(
    workflow_id: str,
    states: Mapping[str, WorkflowState],
    events: Mapping[str, Sequence[HistoryEvent]],
) -> FailureReport:
    """Return why an execution failed or is failing.

    Args:
        workflow_id: The outermost execution; must be in ``states``.
        states: The executions of the tree by id: children through ``sub_workflow_id``, and the
            failure workflow if it was started. Missing ones make the answer shallower.
        events: Their histories by id. They tell who terminated, when a worker last polled and
            what preceded what; without them the answer falls back on the records.

    Returns:
        The report; without chains when nothing failed (optional failures aside).
    """
    evidence = Evidence(states, events)
    causes, optional = find_causes(evidence, workflow_id)
    taken: set[str] = set()
    chains = _merged([_chain(evidence, found, taken) for found in causes])
    amber = _merged([_chain(evidence, found, None) for found in optional])
    return FailureReport(workflow_id=workflow_id, chains=chains, optional=amber)


def place_of(path: str) -> str:
    """The run path without iteration numbers: one box of the drawing."""
    return _BRACKETS.sub("", path)


def _merged(chains: list[FailureChain]) -> list[FailureChain]:
    """One chain per error: the first keeps the place, the others are counted."""
    merged: dict[tuple[str, str], FailureChain] = {}
    for chain in chains:
        key = (chain.role, chain.fingerprint)
        first = merged.get(key)
        if first is None:
            merged[key] = chain
            continue
        merged[key] = msgspec.structs.replace(
            first,
            same_error_count=first.same_error_count + 1,
            consequences=first.consequences + chain.consequences,
        )
    return list(merged.values())


def _chain(evidence: Evidence, found: Found, taken: set[str] | None) -> FailureChain:
    """Assemble one chain; ``taken`` holds the consequences earlier causes account for."""
    state, task = found.state, found.task
    said = describe(evidence, found)
    path = task.path if task is not None and task.path else _own_path(state)
    attempt = task.retry_count + 1 if task is not None else 1
    allowed = attempts_allowed(state, task) if task is not None else 1
    ending = evidence.ending(state, task) if task is not None else None
    first_line = f"{said.type}: {said.message}" if said.is_exception else said.label
    error = Chip(
        label=(first_line.splitlines() or [""])[0][:_LABEL_LENGTH],
        note=said.note,
        path=path,
        task_id=task.task_id if task is not None else "",
        kind="error",
    )
    cause = Cause(
        path=path,
        task_id=task.task_id if task is not None else "",
        workflow_id=state.workflow_id,
        attempt=attempt,
        attempts=max(allowed, attempt),
        status=str(task.status if task is not None else state.status),
        type=said.type,
        message=said.message,
        frames=list(task.error.frames) if task is not None and task.error else [],
        worker_id=task.worker_id if task is not None else None,
        seconds=_seconds(task),
        event_number=ending.number if ending is not None else 0,
    )
    following = consequences_of(evidence, found, taken) if taken is not None else []
    return FailureChain(
        role=found.role,
        chips=[*_chips(found, cause), error],
        cause=cause,
        consequences=following,
        fingerprint=fingerprint(said.type, place_of(path), said.message),
    )


def _chips(found: Found, cause: Cause) -> list[Chip]:
    outermost = found.trail[0][0] if found.trail else found.state
    chips = []
    if found.compensates is not None:
        chips.append(_workflow_chip(found.compensates, ""))
        chips.append(_workflow_chip(outermost, "failure workflow"))
    else:
        chips.append(_workflow_chip(outermost, ""))
    for state, sub_task in found.trail:
        chips += [*_iteration_chips(state, sub_task), _task_chip(sub_task, "sub-workflow")]
    task = found.task
    if task is not None:
        note = f"attempt {cause.attempt} of {cause.attempts}"
        if found.role == "terminated":
            note = "running" if task.start_time else "waiting"
        chips += [*_iteration_chips(found.state, task), _task_chip(task, note)]
    return chips


def _task_chip(task: TaskState, note: str) -> Chip:
    return Chip(
        label=task.base_reference, note=note, path=task.path, task_id=task.task_id, kind="task"
    )


def _workflow_chip(state: WorkflowState, note: str) -> Chip:
    return Chip(label=_name(state), note=note, path=_own_path(state), kind="workflow")


def _iteration_chips(state: WorkflowState, task: TaskState) -> list[Chip]:
    """One chip per loop around a task, outermost first, read off its run path."""
    chips = []
    segments = task.path.split("/")
    depth = len(_own_path(state).split("/"))
    for position in range(depth, len(segments) - 1):
        match = _LOOP_SEGMENT.match(segments[position])
        if match is None:
            continue
        loop = _loop_record(state, match["loop"])
        total = iteration_total(state, loop) if loop is not None else 0
        chips.append(
            Chip(
                label=f"iteration {match['iteration']}",
                note=f"of {total}" if total else "",
                path="/".join(segments[: position + 1]),
                task_id=loop.task_id if loop is not None else "",
                kind="iteration",
            )
        )
    return chips


def _loop_record(state: WorkflowState, reference: str) -> TaskState | None:
    task_id = state.latest.get(reference) or state.latest_by_base.get(reference)
    return state.tasks.get(task_id) if task_id else None


def _seconds(task: TaskState | None) -> float | None:
    if task is None or not task.start_time or not task.end_time:
        return None
    return max(0, task.end_time - task.start_time) / 1000


def _name(state: WorkflowState) -> str:
    return state.definition.name if state.definition is not None else state.workflow_id


def _own_path(state: WorkflowState) -> str:
    return state.path or _name(state)
