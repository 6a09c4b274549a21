"""How Java writes a value into a text: what a person reads where an expression is embedded."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final


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


_ESCAPED = re.compile(r'["\\/\x00-\x1f\x7f-\x9f\u2000-\u20ff]')
_SHORT_ESCAPES: Final = {"\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def path_list_text(value: Any) -> str:
    """Return the JSON that the list of an indefinite path is written as inside a longer text.

    It is json-smart's: slashes and some punctuation escaped, numbers as Java writes them.
    """
    if isinstance(value, Mapping):
        members = (f"{_quoted(str(key))}:{path_list_text(item)}" for key, item in value.items())
        return "{" + ",".join(members) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(path_list_text(item) for item in value) + "]"
    return _quoted(value) if isinstance(value, str) else java_text(value)


def _quoted(text: str) -> str:
    return '"' + _ESCAPED.sub(_escape, text) + '"'


def _escape(match: re.Match[str]) -> str:
    symbol = match.group()
    if symbol in '"\\/':
        return "\\" + symbol
    return _SHORT_ESCAPES.get(symbol) or f"\\u{ord(symbol):04X}"


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
