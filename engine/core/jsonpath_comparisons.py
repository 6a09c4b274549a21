"""The comparisons inside ``[?(…)]``, as Jayway makes them.

Rules of this file
  1. Operands are texts, numbers, true and false, null, JSON (a list or map, or the text of one),
     a pattern, or undefined. A path that leads nowhere is null.
  2. What an operator can't work on either makes the filter not hold, negated or not
     (RefusedError), or spoils the whole reading (BrokenError).
  3. Elements of lists are compared in Jayway's way: quotes around a text fall off, a text that
     looks like a path equals nothing, and a list or map among them spoils the reading.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from . import lenient_json
from .java_text import java_text
from .jsonpath_cursor import PathError, unescaped_text
from .jsonpath_pattern import Pattern
from .jsonpath_reading import BrokenError, Evaluation, RefusedError, whole_number
from .jsonpath_steps import Path, Test

_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,9})?")
_JAVA_BLANKS: Final = "".join(map(chr, range(33)))
_SPECIAL: Final = frozenset("$@[{")
_OPAQUE: Final = object()
"""An element of a list that equals nothing."""


class JsonText:
    """The text of a list or a map, as a filter or an element of a list has it."""

    __slots__ = ("_value", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self._value: Any = lenient_json.loads(text)
        except ValueError:
            self._value = _OPAQUE

    @property
    def is_readable(self) -> bool:
        """Whether the text is JSON."""
        return self._value is not _OPAQUE

    def parsed(self) -> Any:
        """Its value.

        Raises:
            BrokenError: It is none.
        """
        if not self.is_readable:
            raise BrokenError
        return self._value


def exists_as(path: Path, wanted: bool) -> Test:
    """A test that holds where a path leads somewhere (or, if not wanted, nowhere)."""
    return lambda value, evaluation: path.leads_somewhere(value, evaluation) is wanted


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _is_json(value: Any) -> bool:
    return isinstance(value, list | Mapping | JsonText)


def _parsed(value: Any) -> Any:
    return value.parsed() if isinstance(value, JsonText) else value


def _decimal(value: Any) -> Decimal:
    found = Decimal(java_text(value)) if isinstance(value, float) else Decimal(value)
    if not found.is_finite():  # nor has Java's BigDecimal a word for it
        raise BrokenError
    return found


def _number_text(value: Any) -> str:
    return str(value) if isinstance(value, int) else str(_decimal(value))


# -- elements of lists


def _elements(values: list[Any], evaluation: Evaluation) -> list[Any]:
    evaluation.reading.visit(len(values))
    return [_element(value, evaluation) for value in values]


def _element(value: Any, evaluation: Evaluation) -> Any:
    if isinstance(value, list | tuple | Mapping):
        raise BrokenError
    if not isinstance(value, str) or not value:
        return value
    text = value.strip(_JAVA_BLANKS)
    if text[:1] in _SPECIAL:
        evaluation.reading.visit(4 * len(text))
        if text[0] in "$@" and _is_path(text):
            return _OPAQUE
        if len(text) > 1 and text[0] + text[-1] in ("[]", "{}"):
            json = JsonText(value)
            if json.is_readable:
                return json
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        value = value[1:-1]
    try:
        return unescaped_text(value) if len(value) > 1 or "\\" in value else value
    except PathError:
        raise BrokenError from None


def _is_path(text: str) -> bool:
    from .jsonpath_parser import parse  # which needs this module to read filters

    if len(text) > _LONGEST_PATH:
        return False
    try:
        parse(text)
    except PathError:
        return False
    return True


_LONGEST_PATH: Final = 1_000


def _list_of(value: Any, evaluation: Evaluation) -> list[Any] | None:
    """The elements of a list, None if it is a map.

    Raises:
        RefusedError: It is neither.
    """
    if not _is_json(value):
        raise RefusedError
    found = _parsed(value)
    return _elements(found, evaluation) if isinstance(found, list) else None


# -- comparisons: (left, right, evaluation) -> bool


def _equal(left: Any, right: Any, evaluation: Evaluation) -> bool:
    if _is_json(left) and _is_json(right):
        if left is right:
            return True
        return not isinstance(left, JsonText) and _same(left, _parsed(right), evaluation)
    return _equal_nodes(left, right)


def _equal_nodes(left: Any, right: Any) -> bool:
    if isinstance(left, str):
        return left == (_number_text(right) if _is_number(right) else right)
    if isinstance(left, bool):
        return isinstance(right, bool) and left == right
    if _is_number(left):
        if isinstance(right, str):
            if not _NUMBER.fullmatch(right):
                return False
            right = Decimal(right)
        return _is_number(right) and _compare_numbers(left, right) == 0
    if isinstance(left, JsonText):
        return isinstance(right, JsonText) and left.text == right.text
    return left is None and right is None


def _same(left: Any, right: Any, evaluation: Evaluation) -> bool:
    """Whether two JSON values are equal and of the same types, as Java's ``equals`` says."""
    evaluation.reading.visit()
    if isinstance(left, Mapping):
        if not isinstance(right, Mapping) or len(left) != len(right):
            return False
        return all(key in right and _same(left[key], right[key], evaluation) for key in left)
    if isinstance(left, list):
        if not isinstance(right, list) or len(left) != len(right):
            return False
        return all(_same(one, other, evaluation) for one, other in zip(left, right, strict=True))
    return left.__class__ is right.__class__ and bool(left == right)


def _compare_numbers(left: Any, right: Any) -> int:
    if left.__class__ is not right.__class__:
        left, right = _decimal(left), _decimal(right)
    return int(left > right) - int(left < right)


def _ordered(wanted: Callable[[int], bool]) -> Callable[[Any, Any, Evaluation], bool]:
    def test(left: Any, right: Any, evaluation: Evaluation) -> bool:
        if _is_number(left) and _is_number(right):
            return wanted(_compare_numbers(left, right))
        if isinstance(left, str) and isinstance(right, str):
            one, other = _order_of(left), _order_of(right)
            return wanted(int(one > other) - int(one < other))
        return False

    return test


def _order_of(text: str) -> bytes:
    return text.encode("utf-16-be", "surrogatepass")


def _equal_of_a_kind(left: Any, right: Any, evaluation: Evaluation) -> bool:
    alike = _kind(left) == _kind(right)
    return alike and _equal(left, right, evaluation)


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    if _is_json(value):
        return "json"
    return "number" if _is_number(value) else value.__class__.__name__


def _among(left: Any, right: Any, evaluation: Evaluation) -> bool:
    candidates = _list_of(right, evaluation)
    return candidates is not None and _holds(candidates, left)


def _holds(candidates: list[Any], value: Any) -> bool:
    return any(_equal_nodes(value, candidate) for candidate in candidates)


def _contains(left: Any, right: Any, evaluation: Evaluation) -> bool:
    if isinstance(left, str):
        return isinstance(right, str) and right in left
    if not _is_json(left):
        return False
    members = _list_of(left, evaluation)
    return members is not None and _holds(members, right)


def _has_size(left: Any, right: Any, evaluation: Evaluation) -> bool:
    if not _is_number(right):
        return False
    try:
        size = whole_number(right)
    except BrokenError:  # larger than anything
        return False
    if isinstance(left, str):
        return len(_order_of(left)) // 2 == size
    if not _is_json(left):
        return False
    found = _parsed(left)
    return (len(found) if isinstance(found, list) else -1) == size


def _is_empty(left: Any, right: Any, evaluation: Evaluation) -> bool:
    if not isinstance(left, str) and not _is_json(left):
        return False
    found = _parsed(left)
    if isinstance(found, Mapping):
        raise BrokenError
    if not isinstance(right, bool):
        raise RefusedError
    return (len(found) == 0) is right


def _lists(left: Any, right: Any, evaluation: Evaluation) -> tuple[list[Any], list[Any]] | None:
    of_right = _list_of(right, evaluation)
    of_left = _list_of(left, evaluation) if of_right is not None else None
    if of_left is None or of_right is None:
        return None
    evaluation.reading.visit(len(of_left) * len(of_right))
    return of_left, of_right


def _any_of(left: Any, right: Any, evaluation: Evaluation) -> bool:
    lists = _lists(left, right, evaluation)
    return lists is not None and any(_holds(lists[1], value) for value in lists[0])


def _none_of(left: Any, right: Any, evaluation: Evaluation) -> bool:
    lists = _lists(left, right, evaluation)
    return lists is not None and not any(_holds(lists[1], value) for value in lists[0])


def _subset_of(left: Any, right: Any, evaluation: Evaluation) -> bool:
    lists = _lists(left, right, evaluation)
    return lists is not None and all(_holds(lists[1], value) for value in lists[0])


def _fits(left: Any, right: Any, evaluation: Evaluation) -> bool:
    if isinstance(left, Pattern) is isinstance(right, Pattern):
        return False
    pattern: Pattern = left if isinstance(left, Pattern) else right
    subject = right if pattern is left else left
    if _is_json(subject):
        found = _parsed(subject)
        if isinstance(found, list):
            items = _elements(found, evaluation)
            return any(_matches(pattern, item, evaluation) for item in items)
    return _matches(pattern, subject, evaluation)


def _matches(pattern: Pattern, value: Any, evaluation: Evaluation) -> bool:
    subject = _subject(value)
    evaluation.reading.visit(pattern.cost(subject))
    return pattern.matches(subject)


def _subject(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return _number_text(value) if _is_number(value) else ""


def _exists(left: Any, right: Any, evaluation: Evaluation) -> bool:
    if not isinstance(left, bool) and not isinstance(right, bool):
        raise BrokenError
    if not isinstance(left, bool) or not isinstance(right, bool):
        raise RefusedError
    return left is right


def _refused(left: Any, right: Any, evaluation: Evaluation) -> bool:
    # The server's own version never lets these hold, negated or not.
    raise RefusedError


def _not(
    test: Callable[[Any, Any, Evaluation], bool],
) -> Callable[[Any, Any, Evaluation], bool]:
    return lambda left, right, evaluation: not test(left, right, evaluation)


COMPARISONS: Final[dict[str, Callable[[Any, Any, Evaluation], bool]]] = {
    "==": _equal,
    "!=": _not(_equal),
    "===": _equal_of_a_kind,
    "!==": _not(_equal_of_a_kind),
    "<": _ordered(lambda order: order < 0),
    "<=": _ordered(lambda order: order <= 0),
    ">": _ordered(lambda order: order > 0),
    ">=": _ordered(lambda order: order >= 0),
    "=~": _fits,
    "IN": _among,
    "NIN": _not(_among),
    "CONTAINS": _contains,
    "SIZE": _has_size,
    "EMPTY": _is_empty,
    "ANYOF": _any_of,
    "NONEOF": _none_of,
    "SUBSETOF": _subset_of,
    "EXISTS": _exists,
    "ALL": _refused,
    "TYPE": _refused,
    "MATCHES": _refused,
}
"""By the operator in capitals."""
