"""What a failure says in words: type, message, and sentences for time-outs and people."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from ..models.enums import TaskStatus
from .causes import Evidence, Found
from .definition import Node
from .events import EventKind
from .leaf_path import MISSING, parse_leaf, read_leaf
from .state import TaskState, WorkflowState

_TYPED_REASON: Final = re.compile(
    r"(?P<type>[A-Za-z_][\w.$]*(?:Error|Exception|Exit|Interrupt))(?:: |\Z)(?P<message>.*)", re.S
)
_SINGLE_EXPRESSION: Final = re.compile(r"\$\{([\w.\-\[\]'\" ]+)\}\Z")


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """The words for one cause."""

    type: str
    message: str
    label: str
    """Text of the last chip when the cause is not an exception."""
    note: str = ""
    is_exception: bool = False


def describe(evidence: Evidence, found: Found) -> Said:
    """The words for a cause: exception, time-out, person, or the recorded reason."""
    state, task = found.state, found.task
    if found.role == "terminated":
        return _by_person(evidence, state)
    if found.timed_out is not None:
        return _execution_timed_out(found.timed_out, task)
    if task is None:
        return _plain(state.reason_for_incompletion)
    if task.error is not None:
        return Said(
            type=task.error.type,
            message=task.error.message,
            label=task.error.type,
            is_exception=True,
        )
    if task.status is TaskStatus.TIMED_OUT:
        return _task_timed_out(evidence, state, task)
    if task.task_type == "TERMINATE":
        given = task.input_data.get("terminationReason") or state.reason_for_incompletion
        return _said("Terminate", _text(given), "ended by its TERMINATE task")
    return _plain(task.reason_for_incompletion)


def attempts_allowed(state: WorkflowState, task: TaskState) -> int:
    """How many attempts the definition gives a task, the first included."""
    if task.workflow_task is not None:
        return Node(task.workflow_task, None).allowed_retries + 1
    node = state.definition.nodes.get(task.node) if state.definition is not None else None
    return node.allowed_retries + 1 if node is not None else 1


def iteration_total(state: WorkflowState, loop: TaskState) -> int:
    """How many iterations a loop was to make: the length of its items, 0 when unknown."""
    items = loop.input_data.get("_items", loop.input_data.get("items"))
    if items is None:
        wire: dict[str, Any] = loop.workflow_task or (
            (state.definition.node_wire(loop.node) or {}) if state.definition is not None else {}
        )
        items = _resolved(state, wire.get("items"))
    if isinstance(items, list):
        return len(items)
    reached = loop.output_data.get("iteration")
    ended_well = loop.status.is_terminal and loop.status.is_successful
    return reached if ended_well and isinstance(reached, int) else 0


def _resolved(state: WorkflowState, items: Any) -> Any:
    """The value of a plain ``${a.b.c}``; anything cleverer is left unknown."""
    match = _SINGLE_EXPRESSION.match(items) if isinstance(items, str) else None
    if match is None:
        return items
    root, *rest = parse_leaf(match[1])
    document: Any = None
    if root == "workflow":
        document = {"input": state.input, "variables": state.variables}
    elif task_id := state.latest_by_base.get(str(root)):
        task = state.tasks[task_id]
        document = {"input": task.input_data, "output": task.output_data}
    value = read_leaf(document, tuple(rest))
    return None if value is MISSING else value


def _by_person(evidence: Evidence, state: WorkflowState) -> Said:
    ended = evidence.last(state, EventKind.WORKFLOW_ENDED)
    who = ended.actor.partition(":")[2] if ended is not None else ""
    reason = state.reason_for_incompletion or ""
    message = f"by {who or 'a person'}" + (f": {reason}" if reason else "")
    return Said(type="Terminated", message=message, label=message)


def _task_timed_out(evidence: Evidence, state: WorkflowState, task: TaskState) -> Said:
    """Which clock ran out, in a person's words."""
    ending = evidence.ending(state, task)
    until = ending.wall_ms if ending is not None else task.end_time
    reason = task.reason_for_incompletion or ""
    which = _which_timeout(str(ending.data.get("timeout", "")) if ending else "", reason)
    if which == "poll":
        waited = _ago(task.scheduled_time, until)
        return _timeout(f"no worker took it for {waited}", "")
    if which == "total":
        used = _ago(task.first_scheduled_time or task.scheduled_time, until)
        return _timeout(f"used up its {used} over all attempts", _by_worker(task.worker_id))
    signs = evidence.signs_of_life(state, task)
    if which == "task":
        begun = task.start_time or (signs[0].wall_ms if signs else task.scheduled_time)
        return _timeout(f"ran for {_ago(begun, until)}", _by_worker(task.worker_id))
    polls = [event for event in signs if event.kind is EventKind.TASK_STARTED]
    update = signs[-1].wall_ms if signs else (task.start_time or task.scheduled_time)
    poll = polls[-1].wall_ms if polls else task.start_time
    worker = (str(polls[-1].data.get("worker_id") or "") if polls else "") or task.worker_id
    note = f"last poll {_ago(poll, until)} ago {_by_worker(worker)}".rstrip() if poll else ""
    return _timeout(f"no update for {_ago(update, until)}", note)


def _which_timeout(recorded: str, reason: str) -> str:
    words = recorded.lower() or reason.lower()
    for kind in ("response", "poll", "total"):
        if kind in words:
            return kind
    return "task" if recorded or reason.startswith("Task timed out") else "response"


def _execution_timed_out(state: WorkflowState, task: TaskState | None) -> Said:
    definition = state.definition
    limit = definition.timeout_seconds if definition is not None else 0
    begun = state.last_retried_time or state.create_time
    took = f"the execution ran for {_ago(begun, state.end_time)}"
    if limit:
        took += f", its limit is {limit} s"
    if task is None:
        return _timeout(took, "")
    end = task.end_time or state.end_time
    if task.start_time:
        held = f"{task.base_reference} was in work for {_ago(task.start_time, end)}"
        note = f"{held} {_by_worker(task.worker_id)}".rstrip()
    else:
        note = f"{task.base_reference} waited for {_ago(task.scheduled_time, end)}"
    return _timeout(took, note)


def _timeout(sentence: str, note: str) -> Said:
    message = f"{sentence}, {note}" if note.startswith(("last", "by")) else sentence
    if note and message == sentence:
        message = f"{sentence}; {note}"
    short = note.replace("by worker ", "by ")
    return Said(type="Timeout", message=message, label=_capital(sentence), note=short)


def _plain(reason: str | None) -> Said:
    """Words of a failure that recorded only a reason; ``Type: text`` is taken apart."""
    text = reason or ""
    match = _TYPED_REASON.match(text)
    if match is not None:
        name = match["type"].rpartition(".")[2]
        return Said(type=name, message=match["message"], label=text, is_exception=True)
    return _said("", text, "failed without a reason")


def _said(kind: str, given: str, instead: str) -> Said:
    """What was recorded, word for word; our own sentence where nothing was."""
    return Said(type=kind, message=given or instead, label=given or _capital(instead))


def _by_worker(worker_id: str | None) -> str:
    return f"by worker {worker_id}" if worker_id else ""


def _ago(since_ms: int, until_ms: int) -> str:
    """A duration in the largest fitting unit: ``61 s``, ``0.4 s``, ``12 min``."""
    seconds = max(0, until_ms - since_ms) / 1000 if since_ms and until_ms else 0
    if seconds < 10:
        return f"{seconds:.1f}".rstrip("0").rstrip(".") + " s"
    if seconds < 600:
        return f"{seconds:.0f} s"
    if seconds < 36_000:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
