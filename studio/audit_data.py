"""What the Audit page shows: a page of rows, and what a change of a definition changed.

Blocking: call it off the event loop.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Any, Final

from engine.service.access import OPERATIONS, CallerKind, is_audited

PAGE_ROWS: Final = 50
MOST_LINES: Final = 2_000
"""Lines of a difference that are shown; texts ten times as long are not compared line by line."""
_LOG_INS: Final = ("log_in", "log_in_failed", "sign_on", "sign_on_failed")
AUDITED: Final = sorted(
    [name for name in OPERATIONS if is_audited(name, CallerKind.USER) and OPERATIONS[name]]
    + list(_LOG_INS)
)
"""Operations that leave rows."""


def audit_filter(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What a browser asks for, in the form of this module; what makes no sense is left out."""

    def text(name: str) -> str:
        value = wanted.get(name)
        return value.strip()[:500] if isinstance(value, str) else ""

    def number(name: str) -> int:
        value = wanted.get(name)
        is_number = isinstance(value, int) and not isinstance(value, bool)
        return value if is_number and 0 <= value < 2**53 else 0  # type: ignore[operator,return-value]

    return {
        "who": text("who"),
        "what": text("what"),
        "object": text("object"),
        "since_ms": number("since_ms"),
        "until_ms": number("until_ms"),
        "before": number("before"),
    }


def load_audit(service: Any, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """A page of the audit, newest first.

    Args:
        service: Whose audit.
        wanted: Of ``audit_filter``.

    Raises:
        ForbiddenError: Only admins may read it.
    """
    who = wanted["who"]
    actor = who if not who or who == "user" or ":" in who else f"user:{who}"
    rows = service.audit(
        wanted["before"],
        PAGE_ROWS + 1,
        actor,
        wanted["what"],
        wanted["object"],
        wanted["since_ms"],
        wanted["until_ms"],
    )
    return {
        "filter": dict(wanted),
        "operations": AUDITED,
        "has_older": len(rows) > PAGE_ROWS,
        "rows": [
            {
                "number": row.number,
                "wall_ms": row.wall_ms,
                "actor": row.actor,
                "kind": row.kind,
                "address": row.address,
                "operation": row.operation,
                "object": row.object,
                "has_difference": row.before is not None or row.after is not None,
            }
            for row in rows[:PAGE_ROWS]
        ],
    }


def load_difference(service: Any, number: int) -> dict[str, Any]:
    """What one row changed: lines with ``+``, ``-`` or a space before them.

    Raises:
        ForbiddenError: Only admins may read it.
    """
    row = next(iter(service.audit(number + 1, 1)), None)
    if row is None or row.number != number:
        return {"number": number, "lines": [], "left_out": 0}
    before, after = _lines(row.before), _lines(row.after)
    if max(len(before), len(after)) > 10 * MOST_LINES:
        lines = [f"-{line}" for line in before] + [f"+{line}" for line in after]
    else:
        lines = [
            line for line in difflib.unified_diff(before, after, lineterm="", n=3)
            if not line.startswith(("---", "+++"))
        ]  # fmt: skip
    return {
        "number": number,
        "lines": lines[:MOST_LINES],
        "left_out": max(0, len(lines) - MOST_LINES),
    }


def _lines(value: Any) -> list[str]:
    if value is None:
        return []
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False).splitlines()
