"""How Java writes a value into a text: what a person reads where an expression is embedded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any


def java_text(value: Any) -> str:
    """Return the text form of a JSON value, as ``String.valueOf`` gives it on the server.

    ``null``, ``true``, ``7``, ``10.0``, ``1.0E21``, ``{a=1, b=[x, y]}``; texts as they are.
    """
    kind = value.__class__
    if kind is str:
        return str(value)
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return str(value)
    if kind is float:
        return _double_text(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}={java_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(java_text(item) for item in value) + "]"
    return str(value)


def _double_text(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        # Both languages write the shortest digits that read back as the same number; within
        # these bounds neither uses an exponent.
        return repr(value)
    number = Decimal(repr(value))
    digits = "".join(str(digit) for digit in number.as_tuple().digits).rstrip("0")
    sign = "-" if value < 0 else ""
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E{number.adjusted()}"
