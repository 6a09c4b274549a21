"""How a task looks in a picture: colours and words of its status, shape of its type, labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

Theme = Literal["light", "dark"]

_LABEL_LENGTH: Final = 28


class Colours(NamedTuple):
    """Tokens of one theme; status colours stay apart in colour-blind vision."""

    canvas: str
    face: str
    text: str
    line: str
    on_fill: str
    waiting: str
    running: str
    success: str
    warning: str
    failure: str
    stopped: str


THEMES: Final[dict[Theme, Colours]] = {
    "light": Colours(
        "#F7F8FA", "#FFFFFF", "#1A2027", "#6B7785", "#FFFFFF",
        "#82919E", "#0341B1", "#077E69", "#986906", "#911927", "#2C333B",
    ),
    "dark": Colours(
        "#12161B", "#1B2128", "#E8EAED", "#7C8796", "#0F1419",
        "#8B93A3", "#4E8EF6", "#2BFCA6", "#F7AA20", "#FC4B6B", "#E8E9E9",
    ),
}  # fmt: skip

FAMILY: Final = {
    "SCHEDULED": "waiting",
    "IN_PROGRESS": "running",
    "COMPLETED": "success",
    "COMPLETED_WITH_ERRORS": "warning",
    "FAILED": "failure",
    "FAILED_WITH_TERMINAL_ERROR": "failure",
    "TIMED_OUT": "failure",
    "CANCELED": "stopped",
    "SKIPPED": "stopped",
}
_WORDS: Final = {
    "SCHEDULED": "scheduled",
    "IN_PROGRESS": "running",
    "COMPLETED": "completed",
    "COMPLETED_WITH_ERRORS": "completed with errors",
    "FAILED": "failed",
    "FAILED_WITH_TERMINAL_ERROR": "failed",
    "TIMED_OUT": "timed out",
    "CANCELED": "canceled",
    "SKIPPED": "skipped",
}
_WORST_FIRST: Final = (
    "FAILED_WITH_TERMINAL_ERROR",
    "FAILED",
    "TIMED_OUT",
    "IN_PROGRESS",
    "SCHEDULED",
    "COMPLETED_WITH_ERRORS",
    "CANCELED",
    "COMPLETED",
    "SKIPPED",
)
SHAPES: Final = {
    "SWITCH": "diamond",
    "DECISION": "diamond",
    "TERMINATE": "octagon",
    "WAIT": "hexagon",
    "HUMAN": "hexagon",
}
BARS: Final = frozenset({"FORK_JOIN", "FORK_JOIN_DYNAMIC", "JOIN", "EXCLUSIVE_JOIN"})


def summary(records: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Worst status of a task's records and the words for them."""
    if not records:
        return "", "not reached"
    counts: dict[str, int] = {}
    for record in records:
        status = str(record.get("status"))
        counts[status] = counts.get(status, 0) + 1
    worst = next((status for status in _WORST_FIRST if status in counts), next(iter(counts)))
    word = _WORDS.get(worst, worst.lower())
    if len(records) > 1:
        return worst, f"{counts[worst]} of {len(records)} {word}"
    attempt = int(records[0].get("retryCount") or 0) + 1
    return worst, f"{word}, attempt {attempt}" if attempt > 1 else word


def short(text: str) -> str:
    """At most 28 characters, cut in the middle: the ends of a name carry meaning."""
    text = " ".join(text.split())
    if len(text) <= _LABEL_LENGTH:
        return text
    half = (_LABEL_LENGTH - 1) // 2
    return f"{text[:half]}…{text[-half:]}"


def escaped(text: str) -> str:
    """Text that Graphviz shows as it is: no escapes, no HTML-like labels."""
    text = "".join(character if character >= " " else " " for character in text)
    text = text.replace("\\", "\\\\")
    return f"\u200b{text}" if text.startswith("<") and text.endswith(">") else text
