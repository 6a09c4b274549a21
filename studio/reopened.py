"""How long executions stood ended before somebody opened them again. Blocking SQL.

Nothing worked in them then, so lists and figures leave that time out, as the execution page does
(``frontend/src/panels/rounds.ts``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from .execution_filter import marks

Query = Callable[[str, Sequence[Any]], list[dict[str, Any]]]

_WORDS: Final = {
    "WorkflowRetried": "retried",
    "WorkflowRestarted": "restarted",
    "WorkflowRerun": "rerun",
    # A retry inside a sub-workflow opened it: the operator's deed was that retry.
    "WorkflowRevived": "retried",
}
_REOPENS: Final = ", ".join(f"'{kind}'" for kind in _WORDS)

_STOOD: Final = """
    SELECT workflow_id, kind, from_ms, to_ms FROM (
        SELECT workflow_id, kind, wall_ms AS to_ms,
            lag(kind) OVER turns AS kind_before, lag(wall_ms) OVER turns AS from_ms
        FROM events WHERE kind IN ('WorkflowEnded', {reopens}) AND workflow_id IN ({those})
        WINDOW turns AS (PARTITION BY workflow_id ORDER BY number)
    ) WHERE kind <> 'WorkflowEnded' AND kind_before = 'WorkflowEnded'"""

STOOD_ENDED: Final = _STOOD.format(
    reopens=_REOPENS, those=f"SELECT workflow_id FROM events WHERE kind IN ({_REOPENS})"
)
"""Of every execution that was ever opened again: ``workflow_id``, ``kind``, ``from_ms``,
``to_ms`` of each time."""


def reopened(query: Query, rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Which of some executions were opened again, by id; one query for all.

    Args:
        query: Read-only SQL over the history.
        rows: With ``workflow_id`` and ``create_time``.

    Returns:
        ``idle_ms``, in which they stood ended since their start (a restart begins them anew), and
        of the last time ``word``, ``at_ms`` and ``stood_ms``, the time that is not counted.
    """
    if not rows:
        return {}
    begun = {row["workflow_id"]: row["create_time"] or 0 for row in rows}
    sql = _STOOD.format(reopens=_REOPENS, those=marks(list(begun)))
    found: dict[str, dict[str, Any]] = {}
    for span in query(f"{sql} ORDER BY to_ms", list(begun)):
        one = found.setdefault(span["workflow_id"], {"idle_ms": 0})
        since = max(span["from_ms"], begun[span["workflow_id"]])
        one["idle_ms"] += max(0, span["to_ms"] - since)
        one["word"], one["at_ms"] = _WORDS[span["kind"]], span["to_ms"]
        one["stood_ms"] = span["to_ms"] - span["from_ms"]
    return found
