"""Values that need no engine: constant scripts, and what counts as true in a condition."""

from __future__ import annotations

import re
from typing import Any, Final

NOT_CONSTANT: Final = object()

_WORDS: Final[dict[str, Any]] = {"true": True, "false": False, "null": None}
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?", re.ASCII)


def constant_value(source: str) -> Any:
    """Return the value of a script that is a constant, else ``NOT_CONSTANT``."""
    text = source.strip().removesuffix(";").rstrip()
    if text in _WORDS:
        return _WORDS[text]
    if _NUMBER.fullmatch(text) is None:
        return NOT_CONSTANT
    number = float(text)
    return int(number) if number.is_integer() else number


def wants_truth(value: Any) -> bool:
    """Whether a condition's result counts as true: only ``true`` and numbers above zero do.

    Texts never do, not even ``"true"``; neither do lists and maps.
    """
    if isinstance(value, bool):
        return value
    return isinstance(value, int | float) and value > 0
