"""Field types that take what a Conductor server takes (HTTP reference §1.2).

Texts of digits become numbers, decimals lose their fraction, null is 0, false or an empty
container, and an enumeration may be given by its position. What no server takes is refused
with a sentence that names what was expected and what was found.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any, Final, TypeVar

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from .problems import did_you_mean, found

T = TypeVar("T")

_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
_WORDS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


def _refuse(expected: str, value: Any, suggestion: str = "") -> PydanticCustomError:
    return PydanticCustomError(
        "wire",
        "expected {expected}, found {found}",
        {"expected": expected, "found": found(value), "suggestion": suggestion},
    )


_LONGEST: Final = 2**63 - 1
"""Conductor's long; a larger number would not fit the tables either."""


def _integer(value: Any) -> Any:
    number = _whole(value)
    if not -_LONGEST - 1 <= number <= _LONGEST:
        raise _refuse("a whole number of at most 64 bits", value)
    return number


def _integer32(value: Any) -> Any:
    number = _whole(value)
    if not -(2**31) <= number < 2**31:  # Conductor's int, and a column of ours
        raise _refuse("a whole number of at most 32 bits", value)
    return number


def _whole(value: Any) -> int:
    kind = value.__class__
    if kind is int:
        return int(value)
    if value is None:
        return 0
    if kind is float and math.isfinite(value):
        return int(value)
    if kind is str:
        text = value.strip()
        if not text:
            return 0
        if _WHOLE.fullmatch(text):
            return int(text)
    raise _refuse("a whole number", value)


def _positive(value: Any) -> Any:
    return 1 if value is None else _integer(value)


def _boolean(value: Any) -> Any:
    kind = value.__class__
    if kind is bool:
        return value
    if value is None:
        return False
    if kind is int:
        return value != 0
    if kind is str:
        text = value.strip()
        if not text:
            return False
        if text in _WORDS:
            return _WORDS[text]
    raise _refuse("true or false", value)


def _text(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise _refuse("a text", value)


def _optional(convert: Callable[[Any], Any], blank_is_none: bool = True) -> Callable[[Any], Any]:
    def convert_optional(value: Any) -> Any:
        if value is None or (blank_is_none and value == ""):
            return None
        return convert(value)

    return convert_optional


def _list(value: Any) -> Any:
    if value.__class__ is list:
        return value
    if value is None:
        return []
    if isinstance(value, tuple | set | frozenset):
        return list(value)
    raise _refuse("a list", value)


def _map(value: Any) -> Any:
    if value.__class__ is dict:
        return value
    if value is None:
        return {}
    if isinstance(value, dict):
        return dict(value)
    raise _refuse("an object", value)


def enum_of(enum: type[StrEnum], default: StrEnum | None) -> BeforeValidator:
    """Return the validator of an enumeration field: its text or its position; null is default."""
    members = list(enum)
    by_text = {member.value: member for member in members}

    def convert(value: Any) -> Any:
        if value is None or value.__class__ is enum:
            return default if value is None else value
        if value.__class__ is str and value in by_text:
            return by_text[value]
        if value.__class__ is int and 0 <= value < len(members):
            return members[value]
        suggestion = did_you_mean(str(value).upper(), by_text)
        raise _refuse("one of " + ", ".join(by_text), value, suggestion)

    return BeforeValidator(convert)


Integer = Annotated[int, BeforeValidator(_integer)]
Integer32 = Annotated[int, BeforeValidator(_integer32)]
PositiveInteger = Annotated[int, BeforeValidator(_positive)]
"""A whole number whose default is 1; null is the default, not 0."""
OptionalInteger = Annotated[int | None, BeforeValidator(_optional(_integer))]
Boolean = Annotated[bool, BeforeValidator(_boolean)]
OptionalBoolean = Annotated[bool | None, BeforeValidator(_optional(_boolean))]
Text = Annotated[str, BeforeValidator(_text)]
OptionalText = Annotated[str | None, BeforeValidator(_optional(_text, blank_is_none=False))]
ListOf = Annotated[list[T], BeforeValidator(_list)]
MapOf = Annotated[dict[str, T], BeforeValidator(_map)]
Document = Annotated[dict[str, Any], BeforeValidator(_map)]
"""A free-form JSON object; nulls inside it are kept."""
