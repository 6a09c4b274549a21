"""The functions at the end of a path: ``.length()``, ``.max()`` and the others."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar, Final

from . import lenient_json
from .java_text import java_text
from .jsonpath_reading import (
    BrokenError,
    Evaluation,
    Keys,
    OutOfBoundsError,
    RefusedError,
    whole_number,
)
from .jsonpath_steps import Path, Step


class Constant:
    """JSON between the brackets of a function."""

    __slots__ = ("_value",)

    def __init__(self, text: str) -> None:
        try:
            self._value: Any = lenient_json.loads(text)
        except ValueError:
            self._value = _UNREADABLE

    def get(self) -> Any:
        """Its value.

        Raises:
            BrokenError: The text is no JSON.
        """
        if self._value is _UNREADABLE:
            raise BrokenError
        return self._value


_UNREADABLE: Final = object()


def _given(value: Any) -> Any:
    return value


Argument = Constant | Path


class Call(Step):
    """One function with its arguments. What it gives is a result, whatever follows."""

    is_call: ClassVar[bool] = True

    def __init__(self, name: str, arguments: Sequence[Argument]) -> None:
        self._name = name
        self._arguments = arguments

    def of(self, path: Path) -> Step:
        """The function of what a path finds."""
        return Call(self._name, [path])

    def evaluate(self, value: Any, evaluation: Evaluation) -> None:
        """Add the result, which may be null, and hand it on.

        Raises:
            RefusedError: There is no such function.
            BrokenError: The value is not what the function works on.
        """
        function = _FUNCTIONS.get(self._name)
        if function is None:
            raise RefusedError
        root, strict, reading = evaluation.root, evaluation.strict, evaluation.reading
        reading.visit(len(value) if isinstance(value, list) else 1)
        arguments: list[Callable[[], Any]] = []
        for argument in self._arguments:
            if isinstance(argument, Constant):
                arguments.append(argument.get)
            else:
                found = argument.value(root, root, strict, reading)
                first = reading.argument_values.setdefault(argument, found)
                arguments.append(partial(_given, first))
        if function is _length:
            result = self._length(value, evaluation)
        else:
            result = function(value, arguments)
        evaluation.add(result)
        if self.next is not None:
            self.next.evaluate(result, evaluation)

    def _length(self, value: Any, evaluation: Evaluation) -> int | None:
        if self._arguments:
            path = self._arguments[0]
            if isinstance(path, Constant) or value is None:
                raise BrokenError
            strict, reading = evaluation.strict, evaluation.reading
            is_call = bool(path.steps) and path.steps[-1].is_call
            read = path.value(value, value, strict, reading) if is_call else None
            found = read if is_call else path.members(value, strict, reading)
            if isinstance(found, list):
                return len(found)
        return _length(value, [])


# -- (value the function was called on, arguments) -> result. Sizes and keys of what has none are
#    null; the others refuse what they can't work on.

_Arguments = Sequence[Callable[[], Any]]


def _length(value: Any, arguments: _Arguments) -> int | None:
    return len(value) if isinstance(value, list | Mapping) else None


def _keys(value: Any, arguments: _Arguments) -> Keys | None:
    return Keys(value) if isinstance(value, Mapping) else None


def _concat(value: Any, arguments: _Arguments) -> str:
    parts = [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
    for argument in _flat(arguments):
        parts.append(java_text(argument))
    return "".join(parts)


def _append(value: Any, arguments: _Arguments) -> Any:
    # Jayway's own append changes the document it reads; ours gives a new list.
    if not isinstance(value, list):
        return value
    return [*value, *(_recordable(argument()) for argument in arguments)]


def _recordable(value: Any) -> Any:
    """What is appended as a restart reads it from the record: JSON has neither NaN nor decimals."""
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | Keys):
        return [_recordable(item) for item in value]
    if isinstance(value, dict):
        return {key: _recordable(item) for key, item in value.items()}
    return value


def _element(value: Any, position: Callable[[], int]) -> Any:
    if not isinstance(value, list):
        raise BrokenError
    number = position()
    if number >= len(value):
        raise OutOfBoundsError
    if number < -len(value):
        raise BrokenError
    return value[number]


def _first(value: Any, arguments: _Arguments) -> Any:
    return _element(value, lambda: 0)


def _last(value: Any, arguments: _Arguments) -> Any:
    return _element(value, lambda: -1)


def _index(value: Any, arguments: _Arguments) -> Any:
    def position() -> int:
        numbers = [number for number in _flat(arguments) if _is_number(number)]
        if not numbers:
            raise OutOfBoundsError
        return whole_number(numbers[0])

    return _element(value, position)


def _total(numbers: list[float]) -> float:
    # One after the other, as Jayway adds: neither sum() nor fsum() rounds so.
    total = 0.0
    for number in numbers:
        total += number
    return total


def _mean(numbers: list[float]) -> float:
    return _total(numbers) / len(numbers)


def _deviation(numbers: list[float]) -> float:
    # Jayway's formula, to the last digit.
    count, total = len(numbers), _total(numbers)
    squares = _total([number * number for number in numbers])
    variance = squares / count - total * total / count / count
    return math.nan if math.isnan(variance) else math.sqrt(max(0.0, variance))


def _over_numbers(compute: Callable[[list[float]], float]) -> Callable[[Any, _Arguments], float]:
    def call(value: Any, arguments: _Arguments) -> float:
        candidates = [*(value if isinstance(value, list) else ()), *_flat(arguments)]
        try:
            numbers = [float(number) for number in candidates if _is_number(number)]
        except OverflowError:
            raise BrokenError from None
        if not numbers:
            raise BrokenError
        result = compute(numbers)
        if not math.isfinite(result):
            raise BrokenError
        return result

    return call


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _flat(arguments: _Arguments) -> list[Any]:
    """The arguments that are not null, lists as their elements."""
    found: list[Any] = []
    for argument in arguments:
        value = argument()
        found.extend(value if isinstance(value, list) else [value])
    return [value for value in found if value is not None]


_FUNCTIONS: Final[dict[str, Callable[[Any, _Arguments], Any]]] = {
    "length": _length,
    "size": _length,
    "keys": _keys,
    "concat": _concat,
    "append": _append,
    "first": _first,
    "last": _last,
    "index": _index,
    "min": _over_numbers(min),
    "max": _over_numbers(max),
    "sum": _over_numbers(_total),
    "avg": _over_numbers(_mean),
    "stddev": _over_numbers(_deviation),
}
