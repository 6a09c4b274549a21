"""The comparisons inside ``[?(…)]``, and which regular expressions may run there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from .jsonpath_steps import MISSING, Argument, Reading, Test, is_number

MAX_SUBJECT_LENGTH: Final = 10_000
_SUBJECT_LENGTH_BY_REPEATS: Final = (MAX_SUBJECT_LENGTH, MAX_SUBJECT_LENGTH, 5_000, 600, 150, 60)


def exists(operand: Argument) -> Test:
    """A test that holds where the operand leads somewhere."""
    return lambda value, reading: operand(value, reading) is not MISSING


def negated(test: Test) -> Test:
    """A test that holds where another does not."""
    return lambda value, reading: not test(value, reading)


def both(left: Test, right: Test) -> Test:
    """A test that holds where two do."""
    return lambda value, reading: left(value, reading) and right(value, reading)


def either(left: Test, right: Test) -> Test:
    """A test that holds where one of two does."""
    return lambda value, reading: left(value, reading) or right(value, reading)


def comparison(operator: str, left: Argument, right: Argument) -> Test:
    """A test that compares two operands."""
    compare = _COMPARISONS[operator]

    def test(value: Any, reading: Reading) -> bool:
        return compare(left(value, reading), right(value, reading))

    return test


class Pattern:
    """A regular expression of a filter, with the longest text it is let loose on."""

    __slots__ = ("_expression", "_longest")

    def __init__(self, source: str, flags: int) -> None:
        """Compile it.

        Raises:
            ValueError: It is not valid, or could take exponential time.
        """
        repeats = _unbounded_repeats(source)
        if repeats >= len(_SUBJECT_LENGTH_BY_REPEATS):
            raise ValueError("too many repetitions")
        self._longest = _SUBJECT_LENGTH_BY_REPEATS[repeats]
        try:
            self._expression = re.compile(source, flags)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(str(error)) from None

    def matches(self, text: Any) -> bool:
        """Whether it fits a whole text; False for texts over the limit and for other values."""
        if not isinstance(text, str) or len(text) > self._longest:
            return False
        return self._expression.fullmatch(text) is not None


def _unbounded_repeats(source: str) -> int:
    """How many repetitions a pattern has; time grows with text length to that power.

    Raises:
        ValueError: A repeated group holds a repetition or a choice, which can take time
            exponential in the text.
    """
    repeats = 0
    groups: list[bool] = []
    risky_group = False
    previous = ""
    position = 0
    while position < len(source):
        symbol = source[position]
        width = 1
        if symbol == "\\":
            width = 2
        elif symbol == "[":
            width = _class_width(source, position)
        elif symbol == "(":
            groups.append(False)
        elif symbol == ")":
            risky_group = groups.pop() if groups else False
            if risky_group and groups:
                groups[-1] = True
        elif symbol == "|" and groups:
            groups[-1] = True
        elif symbol in "*+{" or (symbol == "?" and previous not in "(*+?}"):
            if previous == ")" and risky_group and symbol != "?":
                raise ValueError("a repeated group holds a repetition or a choice")
            repeats += symbol != "?"
            if groups:
                groups[-1] = True
        previous = symbol if width == 1 else "a"
        position += width
    return repeats


def _class_width(source: str, start: int) -> int:
    position = start + 1
    if source.startswith("^", position):
        position += 1
    if source.startswith("]", position):
        position += 1
    while position < len(source) and source[position] != "]":
        position += 2 if source[position] == "\\" else 1
    return position + 1 - start


# -- comparisons: (left, right) -> bool, where either may be MISSING


def _equal(left: Any, right: Any) -> bool:
    if left is MISSING or isinstance(left, bool) != isinstance(right, bool):
        return False
    return bool(left == right)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def test(left: Any, right: Any) -> bool:
        texts = isinstance(left, str) and isinstance(right, str)
        if texts or (is_number(left) and is_number(right)):
            return compare(left, right)
        return False

    return test


def _among(value: Any, candidates: Any) -> bool:
    return isinstance(candidates, list) and any(_equal(value, other) for other in candidates)


def _not_among(value: Any, candidates: Any) -> bool:
    return value is MISSING or not _among(value, candidates)


def _contains(container: Any, value: Any) -> bool:
    if isinstance(container, str):
        return isinstance(value, str) and value in container
    return _among(value, container)


def _has_size(value: Any, size: Any) -> bool:
    if not isinstance(value, list | Mapping | str):
        return False
    if isinstance(size, list | Mapping | str):
        return len(value) == len(size)
    return is_number(size) and len(value) == size


def _is_empty(value: Any, expected: Any) -> bool:
    return isinstance(value, list | Mapping | str) and (len(value) == 0) == expected


def _any_of(left: Any, right: Any) -> bool:
    return isinstance(left, list) and any(_among(item, right) for item in left)


def _none_of(left: Any, right: Any) -> bool:
    if left is MISSING:
        return True
    return isinstance(left, list) and not _any_of(left, right)


def _subset_of(left: Any, right: Any) -> bool:
    return isinstance(left, list) and all(_among(item, right) for item in left)


def _all_of(left: Any, right: Any) -> bool:
    return isinstance(right, list) and all(_among(item, left) for item in right)


def _fits(left: Any, right: Any) -> bool:
    return isinstance(right, Pattern) and right.matches(left)


_COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": _equal,
    "===": _equal,
    "!=": lambda left, right: not _equal(left, right),
    "<": _ordered(lambda left, right: bool(left < right)),
    "<=": _ordered(lambda left, right: bool(left <= right)),
    ">": _ordered(lambda left, right: bool(left > right)),
    ">=": _ordered(lambda left, right: bool(left >= right)),
    "=~": _fits,
    "in": _among,
    "nin": _not_among,
    "contains": _contains,
    "size": _has_size,
    "empty": _is_empty,
    "anyof": _any_of,
    "noneof": _none_of,
    "subsetof": _subset_of,
    "all": _all_of,
}
OPERATORS: Final = tuple(sorted(_COMPARISONS, key=lambda name: (-len(name), name)))
"""Longest first, so that ``<=`` is not read as ``<``."""
