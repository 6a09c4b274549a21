"""Executions as the execution view's data: opening data, pushes, details of a task. Pure.

Works on folded states and recorded events; asks no back end. Shapes are those of
``frontend/src/protocol.ts``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from engine.core.branching import BranchPlan
from engine.core.events import HistoryEvent
from engine.core.failure import FailureReport
from engine.core.state import TaskState, WorkflowState

from ..graph.structure import DefinitionOf, blocks_of, body_of
from ..graph.task_words import task_word
from ..sensitive import is_sensitive_name, masked
from .view_events import ViewLog, iterations_by_condition

FIRST_EVENTS: Final = 20_000
"""Events sent with the opening data; a longer history follows in chunks."""
_LINE_LENGTH: Final = 34
_BRACKETS: Final = re.compile(r"\[\d+\]")


def view_data(
    workflow_id: str,
    states: Mapping[str, WorkflowState],
    histories: Mapping[str, Sequence[HistoryEvent]],
    log: ViewLog,
    *,
    failure: FailureReport | None = None,
    family: Sequence[Mapping[str, Any]] = (),
    definition_of: DefinitionOf | None = None,
    capabilities: Iterable[str] = (),
    missing: Mapping[str, str] | None = None,
    mode: str = "page",
    theme: str = "auto",
    first_events: int = FIRST_EVENTS,
) -> dict[str, Any]:
    """Return everything the view needs to open (``ViewData``).

    Args:
        workflow_id: The outermost execution; ``states`` holds it and its sub-workflows.
        states: Folded executions of the tree by id.
        histories: Their events by id, in order.
        log: Numbers the events; keep it to number later ones with ``patch``.
        failure: Why it failed, if it did.
        family: Rows of ``client.family``: the original and its branches.
        definition_of: Finds definitions of sub-workflows that have not started yet.
        capabilities: What the back end can do: ``branch``, ``retry``, ``pause``, ``terminate``,
            ``origin``, ``live``, ``logs``.
        missing: Why the back end can't do something, a sentence by capability.
        mode: ``page``, ``cell`` or ``file``.
        theme: ``light``, ``dark`` or ``auto``.
        first_events: How many events to send at once; ``all_events`` gives the rest.
    """
    root = states[workflow_id]
    events = numbered(log, histories, states)
    return {
        "workflow_id": workflow_id,
        "name": root.definition.name,
        "version": root.definition.version,
        "status": str(root.status),
        "correlation_id": root.correlation_id,
        "start_ms": root.create_time,
        "end_ms": root.end_time,
        "input_line": input_line(root.input),
        "blocks": blocks_of_execution(root, states, definition_of),
        "events": events[:first_events],
        "event_count": len(events),
        "failure": failure_json(failure, log),
        "branches": branches(family, workflow_id),
        "capabilities": sorted(capabilities),
        "missing": dict(missing or {}),
        "mode": mode,
        "theme": theme,
    }


def patch(
    seq: int,
    root: WorkflowState,
    states: Mapping[str, WorkflowState],
    histories: Mapping[str, Sequence[HistoryEvent]],
    log: ViewLog,
    *,
    failure: FailureReport | None = None,
    failure_changed: bool = False,
    started: Iterable[str] = (),
) -> dict[str, Any]:
    """Return one push to an open view (``Patch``).

    Args:
        seq: Grows with every push.
        root: The outermost execution now.
        states: Executions of the tree by id, at least those of ``started``.
        histories: New events by execution; known ones are left out.
        log: The log the view was opened with.
        failure: Why it fails; only sent with ``failure_changed``.
        failure_changed: Whether the view should take ``failure`` over.
        started: Sub-workflow executions whose inside the view may not know yet.
    """
    result: dict[str, Any] = {
        "seq": seq,
        "events": numbered(log, histories, states),
        "status": str(root.status),
        "end_ms": root.end_time,
    }
    if failure_changed:
        result["failure"] = failure_json(failure, log)
    bodies = [_body(states[child]) for child in started if child in states]
    if bodies:
        result["bodies"] = bodies
    return result


def numbered(
    log: ViewLog,
    histories: Mapping[str, Sequence[HistoryEvent]],
    states: Mapping[str, WorkflowState],
) -> list[dict[str, Any]]:
    """New events as the view wants them, with the length of loops where it can be told."""
    events = log.add(histories)
    for event in events:
        data = event.get("data")
        if data is None or data.get("task_type") != "DO_WHILE" or "iterations" in data:
            continue
        state = states.get(event["workflow_id"])
        task = state.tasks.get(event["task_id"]) if state is not None else None
        if state is None or task is None:
            continue
        wire = task.workflow_task or state.definition.node_wire(task.node) or {}
        total = iterations_by_condition(str(wire.get("loopCondition") or ""), task.input_data)
        if total:
            data["iterations"] = total
    return events


def blocks_of_execution(
    root: WorkflowState,
    states: Mapping[str, WorkflowState],
    definition_of: DefinitionOf | None = None,
) -> list[dict[str, Any]]:
    """Blocks of an execution: its own snapshots first, then what the registry knows."""
    snapshots: dict[tuple[str, int], Mapping[str, Any]] = {}
    for state in states.values():
        snapshots.setdefault(
            (state.definition.name, state.definition.version), state.definition.wire
        )

    def find(name: str, version: int | None) -> Mapping[str, Any] | None:
        if version is not None and (name, version) in snapshots:
            return snapshots[name, version]
        found = definition_of(name, version) if definition_of is not None else None
        if found is not None:
            return found
        return next((wire for (known, _), wire in snapshots.items() if known == name), None)

    blocks = blocks_of(root.definition.wire, find, root.path)
    by_place = {place_of(state.path): state for state in states.values() if state is not root}
    _fill_bodies(blocks, by_place, find)
    return blocks


def _fill_bodies(
    blocks: list[dict[str, Any]], by_place: Mapping[str, WorkflowState], find: DefinitionOf
) -> None:
    """Give sub-workflows named by an expression the inside that their execution had."""
    for block in blocks:
        for branch in block.get("branches", ()):
            _fill_bodies(branch["blocks"], by_place, find)
        child = by_place.get(block["place"]) if block["kind"] == "sub" else None
        if child is not None and not block.get("body"):
            block["body"] = body_of(child.definition.wire, block["place"], find)
            block["sub"] = _sub(child)
        _fill_bodies(block.get("body", []), by_place, find)


def _body(child: WorkflowState) -> dict[str, Any]:
    place = place_of(child.path)
    return {"place": place, "body": body_of(child.definition.wire, place), "sub": _sub(child)}


def _sub(child: WorkflowState) -> dict[str, Any]:
    return {"name": child.definition.name, "version": child.definition.version}


def place_of(path: str) -> str:
    """A run path without its iterations: one box of the drawing."""
    return _BRACKETS.sub("", path)


def failure_json(failure: FailureReport | None, log: ViewLog) -> dict[str, Any] | None:
    """Why it failed, as ``Failure``; None when nothing did."""
    if failure is None or not failure.chains:
        return None
    return failure.to_json(log.n_of)


def branches(family: Sequence[Mapping[str, Any]], workflow_id: str) -> list[dict[str, Any]]:
    """Rows of ``client.family`` as the view wants them, the original first."""
    found = []
    for row in family:
        entry: dict[str, Any] = {
            "workflow_id": row["workflow_id"],
            "status": str(row["status"]),
            "original": not row.get("branch_of"),
            "current": row["workflow_id"] == workflow_id,
        }
        if row.get("with_errors") and entry["status"] == "COMPLETED":
            entry["with_errors"] = True
        if row.get("branch_reference"):
            name, _, iteration = str(row["branch_reference"]).partition("__")
            entry["from"] = f"{name}, iteration {iteration}" if iteration else name
        edits = row.get("branch_edits")
        number = edits if isinstance(edits, int) else len(edits) if isinstance(edits, list) else 0
        if number:
            entry["edits"] = number
        found.append(entry)
    return found


def input_line(workflow_input: Mapping[str, Any]) -> str:
    """The start pill's line: one or two plain values, ``coupon = "SPRING140"``."""
    parts: list[str] = []
    for key, value in workflow_input.items():
        if is_sensitive_name(str(key)) or isinstance(value, dict | list):
            continue
        part = f"{key} = {json.dumps(value, ensure_ascii=False)}"
        if len("  ".join([*parts, part])) > _LINE_LENGTH or len(parts) == 2:
            break
        parts.append(part)
    if not parts and workflow_input:
        return f"{len(workflow_input)} value" + ("s" if len(workflow_input) > 1 else "")
    return "  ".join(parts)


def task_detail(state: WorkflowState, task_id: str, retry_note: str = "") -> dict[str, Any]:
    """Everything about one attempt (``TaskDetail``).

    Args:
        state: The execution that holds the task.
        task_id: The attempt.
        retry_note: How it is retried, in words; ``retry_words`` gives them.

    Raises:
        KeyError: The execution has no such task.
    """
    task = state.tasks[task_id]
    attempts = [t for t in state.tasks.values() if t.path == task.path]
    detail: dict[str, Any] = {
        "task_id": task_id,
        "workflow_id": state.workflow_id,
        "path": task.path,
        "ref": task.reference_task_name,
        "name": task.task_def_name,
        "type": task.task_type,
        "word": task_word(task.task_type),
        "status": str(task.status),
        "attempt": task.retry_count + 1,
        "worker_id": task.worker_id,
        "reason": task.reason_for_incompletion,
        "scheduled_ms": task.scheduled_time,
        "start_ms": task.start_time,
        "end_ms": task.end_time,
        "input": masked(task.input_data),
        "output": masked(task.output_data),
        "input_bytes": _size(task.input_data),
        "output_bytes": _size(task.output_data),
        "origins": [_origin(origin) for origin in task.origins],
        "attempts": [_attempt(attempt) for attempt in attempts],
        "workflow_task": task.workflow_task or state.definition.node_wire(task.node),
    }
    error = task.error
    if error is not None:
        detail["error"] = {"type": error.type, "message": error.message, "frames": error.frames}
    note = retry_note or retry_words(state, task)
    if note:
        detail["retry_note"] = note
    return detail


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, default=str).encode())


def _origin(origin: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: origin[key] for key in ("path", "expression", "source") if origin.get(key)}
    if origin.get("fallback"):
        kept["fallback"] = True
    return {"path": "", "expression": "", "source": "", **kept}


def _attempt(task: TaskState) -> dict[str, Any]:
    error = task.error
    return {
        "task_id": task.task_id,
        "attempt": task.retry_count + 1,
        "status": str(task.status),
        "start_ms": task.start_time,
        "end_ms": task.end_time,
        "worker_id": task.worker_id,
        "error": error.message if error is not None else task.reason_for_incompletion,
    }


def retry_words(state: WorkflowState, task: TaskState) -> str:
    """How a task is retried: ``retry limit 2, fixed back-off 5 s``; empty when it is not."""
    node = state.definition.nodes.get(task.node)
    if node is None or node.allowed_retries <= 0 or node.settings is None:
        return ""
    logic = str(node.settings.retry_logic).split("_")[0].lower()
    delay = node.settings.retry_delay_seconds
    return f"retry limit {node.allowed_retries}, {logic} back-off {delay} s"


def plan_json(plan: BranchPlan) -> dict[str, Any]:
    """A replay plan as the view wants it (``Plan``); names the execution that holds the task."""
    return {
        "workflow_id": plan.target_workflow_id,
        "task_id": plan.task_id,
        "path": plan.path,
        "reused": list(plan.reused),
        "will_run": list(plan.will_run),
        "not_affected": list(plan.not_affected),
        "side_effects": list(plan.side_effects),
        "sentence": plan.sentence,
        "input": masked(plan.input),
    }
