"""Large payloads: which leave the history, under what name, and how events speak of them.

An event whose payload is above the threshold names in ``data["external"]`` where that payload is
kept: ``{"output": "task/output/<execution>/<event>.json"}``. The store takes the payload itself
out before it writes the event and puts it back when it reads it, so the fold always sees it. The
name is made of what the event is, never of what somebody sent.
"""

from __future__ import annotations

from typing import Any, Final

from ..models.codec import dumps
from .events import EventKind, HistoryEvent
from .limits import SIZE_LIMITS, SizeLimits

EXTERNAL: Final = "external"

_WORKFLOW, _TASK, _SCRIPT = "workflow", "task", "script"
_PAYLOADS: Final[dict[EventKind, tuple[str, tuple[str, ...]]]] = {
    EventKind.WORKFLOW_STARTED: (_WORKFLOW, ("input",)),
    EventKind.WORKFLOW_RERUN: (_WORKFLOW, ("input",)),
    EventKind.WORKFLOW_ENDED: (_WORKFLOW, ("output",)),
    EventKind.OUTPUT_SET: (_WORKFLOW, ("output",)),
    EventKind.TASK_SCHEDULED: (_TASK, ("input", "output")),
    EventKind.TASK_REUSED: (_TASK, ("input", "output")),
    EventKind.TASK_RESET: (_TASK, ("input", "output")),
    EventKind.TASK_UPDATED: (_TASK, ("output",)),
    EventKind.TASK_COMPLETED: (_TASK, ("output",)),
    EventKind.TASK_FAILED: (_TASK, ("output",)),
    EventKind.SUB_WORKFLOW_STARTED: (_TASK, ("input", "output")),
    EventKind.EXPRESSION_EVALUATED: (_SCRIPT, ("result",)),
}


def external_names(
    kind: EventKind,
    data: dict[str, Any],
    workflow_id: str,
    number: int,
    limits: SizeLimits = SIZE_LIMITS,
) -> dict[str, str] | None:
    """Names of the payloads of an event that are to be kept outside; None: there is none."""
    about = _PAYLOADS.get(kind)
    if about is None:
        return None
    owner, keys = about
    most = limits.workflow_threshold_bytes if owner == _WORKFLOW else limits.task_threshold_bytes
    names = {}
    for key in keys:
        value = data.get(key)
        if value and len(dumps(value)) > most:
            names[key] = f"{owner}/{key}/{workflow_id}/{number}.json"
    return names or None


def taken_out(event: HistoryEvent, digests: dict[str, str]) -> HistoryEvent:
    """The event as it is written: without its large payloads, with their digests by key."""
    names = event.data[EXTERNAL]
    data = {key: value for key, value in event.data.items() if key not in names}
    data[EXTERNAL] = {key: [names[key], digests[key]] for key in names}
    return _with_data(event, data)


def places(event: HistoryEvent) -> dict[str, tuple[str, str]]:
    """Name and digest, by key, of the payloads that a written event lacks."""
    return {
        key: (place[0], place[1])
        for key, place in (event.data.get(EXTERNAL) or {}).items()
        if isinstance(place, list)
    }


def put_back(event: HistoryEvent, payloads: dict[str, Any]) -> HistoryEvent:
    """A written event as it was made, with its payloads by key."""
    data = {**event.data, **payloads}
    data[EXTERNAL] = {
        key: place[0] if isinstance(place, list) else place
        for key, place in event.data[EXTERNAL].items()
    }
    return _with_data(event, data)


def _with_data(event: HistoryEvent, data: dict[str, Any]) -> HistoryEvent:
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    return HistoryEvent(**{**fields, "data": data})
