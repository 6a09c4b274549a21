"""History events of an execution tree as the view's events: one order, no payloads. Pure.

Rules of this file
  1. The view gets what it draws; inputs, outputs and variables stay behind until asked for.
  2. Numbers ``n`` are given once and never change while a view is open: what comes later gets
     later numbers, whatever its clock says.
  3. Attempts count from 1, as people do (the engine's first attempt is 0).
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from engine.core.events import EventKind, HistoryEvent

_KEPT: Final = (
    "by_operator",
    "case",
    "expression",
    "from_start",
    "iteration",
    "loop_index",
    "name",
    "node",
    "not_before_ms",
    "optional",
    "parent_workflow_id",
    "retried",
    "retried_task_id",
    "seq",
    "status",
    "sub_workflow_id",
    "task_ids",
    "task_type",
    "timeout",
    "value",
    "version",
    "worker_id",
)
_TEXT_LENGTH: Final = 500
_VALUE_LENGTH: Final = 200
_LIMIT_IN_CONDITION: Final = re.compile(
    r"""\[?["']?iteration["']?\]?\s*(?P<compare><=?)\s*(?P<limit>\d+|\$\.[\w.]+)"""
)


class ViewLog:
    """Numbers the events of an execution tree for one open view.

    Not thread-safe: one view, one caller at a time.
    """

    def __init__(self) -> None:
        """Start at event 1."""
        self._count = 0
        self._numbers: dict[tuple[str, int], int] = {}
        self._seen: dict[str, int] = {}
        self._kinds: dict[str, EventKind] = {}

    @property
    def count(self) -> int:
        """How many events have been numbered."""
        return self._count

    def last(self, workflow_id: str) -> int:
        """Number of the newest event of one execution that the view has, 0 for none."""
        return self._seen.get(workflow_id, 0)

    def n_of(self, workflow_id: str, number: int) -> int:
        """Place in the whole tree of one execution's event, 0 if it is unknown."""
        return self._numbers.get((workflow_id, number), 0)

    def add(self, histories: Mapping[str, Sequence[HistoryEvent]]) -> list[dict[str, Any]]:
        """Return new events in order of time, as ``ViewEvent`` of protocol.ts.

        Args:
            histories: Events by execution, each in order. Those that were given before are
                left out, so whole histories and overlapping news are fine.
        """
        fresh = {
            workflow_id: [e for e in events if e.number > self._seen.get(workflow_id, 0)]
            for workflow_id, events in histories.items()
        }
        return [self._view(event) for event in merged(fresh)]

    def _view(self, event: HistoryEvent) -> dict[str, Any]:
        self._count += 1
        self._numbers[event.workflow_id, event.number] = self._count
        self._seen[event.workflow_id] = event.number
        view: dict[str, Any] = {
            "n": self._count,
            "workflow_id": event.workflow_id,
            "number": event.number,
            "kind": str(event.kind),
            "wall_ms": event.wall_ms,
            "actor": event.actor,
        }
        if event.task_id:
            view |= {"task_id": event.task_id, "ref": event.reference, "attempt": event.attempt + 1}
        if event.iteration:
            view["iteration"] = event.iteration
        if event.path:
            view["path"] = event.path
        if event.parent:
            view["parent"] = event.parent
        data = stripped(event)
        before = self._kinds.get(event.workflow_id)
        if event.kind is EventKind.TASKS_REMOVED and before is not EventKind.WORKFLOW_RERUN:
            # A rerun removes what is to run again; otherwise it is keepLastN, whose iterations
            # did happen and stay in the picture.
            data["keep_last_n"] = True
        self._kinds[event.workflow_id] = event.kind
        if data:
            view["data"] = data
        return view


def merged(histories: Mapping[str, Sequence[HistoryEvent]]) -> Iterator[HistoryEvent]:
    """Events of several executions in order of ``(wall_ms, monotonic_ns)``.

    The order within an execution is that of its numbers even where a clock went back. What a
    branch took over from another execution comes when it was taken over, not when it happened.
    """
    floors: dict[str, tuple[int, int]] = {}
    for events in histories.values():
        for event in events:
            child = event.data.get("sub_workflow_id")
            if event.kind is EventKind.TASK_REUSED and isinstance(child, str):
                floors[child] = (event.wall_ms, event.monotonic_ns)
    streams = [
        _keyed(events, floors.get(workflow_id, (0, 0)), rank)
        for rank, (workflow_id, events) in enumerate(histories.items())
    ]
    for _, _, event in heapq.merge(*streams, key=lambda entry: entry[:2]):
        yield event


def _keyed(
    events: Iterable[HistoryEvent], floor: tuple[int, int], rank: int
) -> Iterator[tuple[tuple[int, int], int, HistoryEvent]]:
    latest = floor
    for event in events:
        latest = max(latest, (event.wall_ms, event.monotonic_ns))
        yield latest, rank, event


def stripped(event: HistoryEvent) -> dict[str, Any]:
    """What the view draws of an event's ``data``: no payloads, long texts cut."""
    data = event.data
    kept = {key: data[key] for key in _KEPT if data.get(key) is not None}
    for key in ("expression", "case", "value"):
        if key in kept:
            kept[key] = _short(kept[key])
    if data.get("reason"):
        kept["reason"] = str(data["reason"])[:_TEXT_LENGTH]
    error = data.get("error")
    if isinstance(error, Mapping):
        kept["error"] = {
            "type": str(error.get("type") or ""),
            "message": str(error.get("message") or "")[:_TEXT_LENGTH],
        }
    if event.kind is EventKind.VARIABLES_SET and isinstance(data.get("variables"), Mapping):
        kept["variables"] = dict.fromkeys(list(data["variables"])[:20], True)
    if event.kind is EventKind.TASK_REUSED:
        kept["reused"] = True
        for name, source in (("start_ms", "start_time"), ("end_ms", "end_time")):
            if data.get(source):
                kept[name] = data[source]
    total = _iterations(event)
    if total:
        kept["iterations"] = total
    return kept


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return value[:_VALUE_LENGTH]
    return value if isinstance(value, bool | int | float) else str(value)[:_VALUE_LENGTH]


def _iterations(event: HistoryEvent) -> int:
    """How many iterations a loop will make, where its record tells: 0 when unknown."""
    data = event.data
    if event.kind is not EventKind.TASK_SCHEDULED or data.get("task_type") != "DO_WHILE":
        return 0
    task_input = data.get("input")
    task_input = task_input if isinstance(task_input, Mapping) else {}
    items = task_input.get("_items", task_input.get("items"))
    return len(items) if isinstance(items, list) else 0


def iterations_by_condition(condition: str, task_input: Mapping[str, Any]) -> int:
    """Number of iterations of a loop whose condition compares ``iteration`` with a limit.

    ``$.items['iteration'] < $.count`` with input ``{"count": 120}`` gives 120. Anything
    cleverer gives 0: unknown.
    """
    found = list(_LIMIT_IN_CONDITION.finditer(condition))
    if len(found) != 1 or "||" in condition or "&&" in condition:
        return 0
    limit: Any = found[0]["limit"]
    if limit.startswith("$."):
        limit = task_input
        for part in found[0]["limit"][2:].split("."):
            limit = limit.get(part) if isinstance(limit, Mapping) else None
    try:
        number = int(limit)
    except (TypeError, ValueError):
        return 0
    # The condition is asked after an iteration, with its number: `< 3` runs three times.
    return max(0, min(number + (found[0]["compare"] == "<="), 1_000_000))
