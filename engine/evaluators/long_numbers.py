"""Whole numbers beyond what a double holds exactly, such as ids: scripts hand them on unharmed.

JavaScript and jq count in doubles, Conductor's server in 64-bit integers where a script only
passes one on. A number in a result that is what one of the input's numbers became as a double is
that number again. Arithmetic so far out is inexact on either side.
"""

from __future__ import annotations

import re
from typing import Any, Final

from ..models import codec

_LONG: Final = re.compile(rb"[0-9]{16}")
_EXACT: Final = 2**53


def long_numbers(given: bytes) -> dict[int, int]:
    """What a script makes of each large number of its input, by its value as a double.

    Numbers that become the same double are left out: nobody could tell which one is meant.

    Args:
        given: The input as JSON. One without 16 digits in a row costs a glance.
    """
    if _LONG.search(given) is None:
        return {}
    found: dict[int, set[int]] = {}
    _collect(codec.loads(given), found)
    return {seen: meant.pop() for seen, meant in found.items() if len(meant) == 1}


def _collect(value: Any, found: dict[int, set[int]]) -> None:
    if isinstance(value, int) and not isinstance(value, bool):
        if _EXACT <= abs(value) < 2**63:
            found.setdefault(int(float(value)), set()).add(value)
    elif isinstance(value, dict):
        for item in value.values():
            _collect(item, found)
    elif isinstance(value, list):
        for item in value:
            _collect(item, found)


def with_long_numbers(value: Any, meant: dict[int, int]) -> Any:
    """A result with the input's large numbers as they were; the same object if there are none."""
    if not meant:
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        if abs(value) < _EXACT or value != value or value in (float("inf"), float("-inf")):
            return value
        return meant.get(int(value), value)
    if isinstance(value, dict):
        return {key: with_long_numbers(item, meant) for key, item in value.items()}
    if isinstance(value, list):
        return [with_long_numbers(item, meant) for item in value]
    return value
