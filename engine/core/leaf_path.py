"""Paths of single values inside JSON: ``line.items[2]['unit price']``.

A leaf path is a tuple of keys and indexes here and text everywhere else. Parsing is lenient (a
leading ``$`` or ``$.`` is dropped) because paths come from definitions and from people.
"""

from __future__ import annotations

import re
from typing import Any, Final

LeafPath = tuple[str | int, ...]

MISSING: Final = object()
"""What ``read_leaf`` gives for a path that leads nowhere (None is a value)."""

_TOKEN = re.compile(
    r"""\.?(?P<name>[^.\[\]]+)|\[(?P<index>-?\d+)\]|\['(?P<single>[^']*)'\]|\["(?P<double>[^"]*)"\]"""
)
_LONGEST_INDEX = 19
"""Longer ones are no place in any list; Python refuses to read very long ones at all."""
_PLAIN = re.compile(r"[^.\[\]'\"]+\Z")


def parse_leaf(text: str) -> LeafPath:
    """The steps of a path in text form; ``""`` is the whole value."""
    text = text.strip()
    if text.startswith("$"):
        text = text[1:]
    steps: list[str | int] = []
    for match in _TOKEN.finditer(text):
        index = match["index"]
        if index is not None:
            steps.append(int(index) if len(index) < _LONGEST_INDEX else index)
        else:
            steps.append(next(g for g in match.group("name", "single", "double") if g is not None))
    return tuple(steps)


def format_leaf(path: LeafPath) -> str:
    """The text form that ``parse_leaf`` reads back."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN.match(step):
            text += f".{step}" if text else step
        else:
            quote = '"' if "'" in step else "'"
            text += f"[{quote}{step}{quote}]"
    return text


def read_leaf(value: Any, path: LeafPath) -> Any:
    """The value at a path, or ``MISSING``."""
    for step in path:
        if isinstance(value, dict):
            key = step if isinstance(step, str) else str(step)
            if key not in value:
                return MISSING
            value = value[key]
        elif isinstance(value, list):
            index = step if isinstance(step, int) else _as_index(step)
            if index is None or not -len(value) <= index < len(value):
                return MISSING
            value = value[index]
        else:
            return MISSING
    return value


def starts_with(path: LeafPath, prefix: LeafPath) -> bool:
    """Whether ``prefix`` names the same value or one that contains it."""
    return path[: len(prefix)] == prefix


def _as_index(step: str) -> int | None:
    return int(step) if step.isdecimal() else None
