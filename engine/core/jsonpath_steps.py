"""What each step of a JSONPath selects, and how a whole path is read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, ClassVar, Final

MAX_NODES: Final = 100_000
"""Most values that one step of a path may select."""

MAX_VISITS: Final = 1_000_000
"""Most values that one reading may look at, filters included."""

MISSING: Final = object()


class LimitError(Exception):
    """The reading touches more values than allowed."""


class Reading:
    """One reading of one document: its root and what may still be looked at."""

    __slots__ = ("_visits_left", "root")

    def __init__(self, root: Any) -> None:
        self.root = root
        self._visits_left = MAX_VISITS

    def collect(self, values: Iterable[Any], into: list[Any], limit: int) -> None:
        """Append values to a list, counting them.

        Raises:
            LimitError: There are too many.
        """
        before = len(into)
        room = max(0, min(limit - before, self._visits_left))
        into.extend(islice(values, room + 1))
        self.visit(len(into) - before + 1)
        if len(into) > limit:
            raise LimitError

    def visit(self, count: int = 1) -> None:
        """Count values that are looked at.

        Raises:
            LimitError: There are too many.
        """
        self._visits_left -= count
        if self._visits_left < 0:
            raise LimitError


class NotApplicableError(Exception):
    """A function was called on a value it can't work on: the whole reading fails."""


class Step:
    """One step: from one value to the values it selects there."""

    definite: ClassVar[bool] = True
    limit: ClassVar[int] = MAX_NODES

    def select(self, value: Any, reading: Reading) -> Iterable[Any]:
        """The values selected below ``value``, in document order; none if the step does not fit."""
        raise NotImplementedError


class Names(Step):
    """``.name`` or ``['a','b']`` as the last step, where several names give one smaller map."""

    def __init__(self, names: Sequence[str], end: int = 0) -> None:
        self.names = names
        self.end = end
        """Position in the parsed text behind the step."""

    def select(self, value: Any, reading: Reading) -> Iterable[Any]:
        """The value of the name, or a map of those names that exist."""
        if not isinstance(value, Mapping):
            return ()
        if len(self.names) > 1:
            return ({name: value[name] for name in self.names if name in value},)
        name = self.names[0]
        return (value[name],) if name in value else ()


class Fan(Step):
    """``['a','b']`` with more steps behind it: each of the values."""

    definite = False

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names

    def select(self, value: Any, reading: Reading) -> Iterable[Any]:
        """The values of those names that exist."""
        if not isinstance(value, Mapping):
            return ()
        return [value[name] for name in self.names if name in value]


class Index(Step):
    """``[2]`` or ``[-1]``."""

    def __init__(self, index: int) -> None:
        self.index = index

    def select(self, value: Any, reading: Reading) -> Iterable[Any]:
        """The element, counted from the end if negative."""
        if isinstance(value, list) and -len(value) <= self.index < len(value):
            return (value[self.index],)
        return ()


class Indexes(Step):
    """``[0,2]``."""

    definite = False

    def __init__(self, indexes: Sequence[int]) -> None:
        self.indexes = indexes

    def select(self, value: Any, reading: Reading) -> Iterable[Any]:
        """The elements that exist, in the order asked for."""
        if not isinstance(value, list):
            return ()
        size = len(value)
        return [value[index] for index in self.indexes if -size <= index < size]


class Slice(Step):
    """``[1:]``, ``[:-1]``, ``[0:2]``."""

    definite = False

    def __init__(self, start: int | None, stop: int | None) -> None:
        self.bounds = slice(start, stop)

    def select(self, value: Any, reading: Reading) -> Iterable[Any]:
        """The elements between the bounds."""
        return value[self.bounds] if isinstance(value, list) else ()


class Wildcard(Step):
    """``*``: every member."""

    definite = False

    def select(self, value: Any, reading: Reading) -> Iterable[Any]:
        """The values of a map or the elements of a list."""
        return _members(value)


class Descend(Step):
    """``..``: the value and everything below it, parents first."""

    definite = False
    limit = MAX_VISITS

    def select(self, value: Any, reading: Reading) -> Iterator[Any]:
        """All containers and values, depth first."""
        waiting = [iter((value,))]
        while waiting:
            for found in waiting[-1]:
                yield found
                waiting.append(iter(_members(found)))
                break
            else:
                waiting.pop()


Test = Callable[[Any, Reading], bool]


class Filter(Step):
    """``[?(…)]``: the elements that pass, or a map itself if it does."""

    definite = False

    def __init__(self, test: Test, after_descent: bool) -> None:
        self.test = test
        self.after_descent = after_descent

    def select(self, value: Any, reading: Reading) -> Iterable[Any]:
        """Elements of a list, or the map, for which the test holds."""
        if isinstance(value, list):
            # Behind '..' each map is met by itself; a list only counts if it passes as a whole.
            if self.after_descent and not self.test(value, reading):
                return ()
            return self._passing(value, reading)
        return (value,) if isinstance(value, Mapping) and self.test(value, reading) else ()

    def _passing(self, values: list[Any], reading: Reading) -> Iterator[Any]:
        for item in values:
            reading.visit()
            if self.test(item, reading):
                yield item


class Call(Step):
    """``.length()``, ``.max()`` and the other functions."""

    def __init__(self, name: str, arguments: Sequence[Argument]) -> None:
        self.name = name
        self.arguments = arguments

    def select(self, value: Any, reading: Reading) -> Iterable[Any]:
        """The result, which may be null.

        Raises:
            NotApplicableError: The value is not what the function works on.
        """
        arguments = [argument(value, reading) for argument in self.arguments]
        return (_FUNCTIONS[self.name](value, arguments),)


Argument = Callable[[Any, Reading], Any]


class Path:
    """A parsed path."""

    __slots__ = ("definite", "shift", "steps")

    def __init__(self, steps: Sequence[Step], shift: int = 0) -> None:
        # As in Jayway, whatever stands behind a function is not read.
        end = next((n + 1 for n, step in enumerate(steps) if isinstance(step, Call)), len(steps))
        self.steps = steps = steps[:end]
        self.definite = all(step.definite for step in steps)
        self.shift = shift
        """Number of characters the parser put in front of the text."""

    def read(self, document: Any, default: Any) -> Any:
        """What the path names in a document; ``default`` if nothing, or beyond a limit."""
        try:
            return self.within(document, Reading(document), default)
        except (LimitError, NotApplicableError, RecursionError):
            return default

    def within(self, value: Any, reading: Reading, default: Any) -> Any:
        """The same below some value of a document that is being read."""
        steps = self.steps
        if len(steps) > 1 and isinstance(steps[0], Descend) and isinstance(steps[-1], Call):
            # As Jayway answers for a path that begins with '$..': it counts what it has not kept.
            return 0 if steps[-1].name in ("length", "size") else None
        nodes = self._select(steps, value, reading)
        if not self.definite:
            return nodes
        return nodes[0] if nodes else default

    @staticmethod
    def _select(steps: Sequence[Step], value: Any, reading: Reading) -> list[Any]:
        nodes = [value]
        for step in steps:
            found: list[Any] = []
            for node in nodes:
                reading.collect(step.select(node, reading), found, step.limit)
            if not found:
                return found
            nodes = found
        return nodes


def is_number(value: Any) -> bool:
    """Whether a JSON value is a number (true and false are not)."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _members(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list) else ()


# -- functions: (value the function was called on, arguments) -> result. Sizes and keys of what has
#    none are null; the others refuse what they can't work on.


def _length(value: Any, arguments: list[Any]) -> int | None:
    subject = arguments[0] if arguments else value
    return len(subject) if isinstance(subject, list | Mapping) else None


def _keys(value: Any, arguments: list[Any]) -> list[str] | None:
    return list(value) if isinstance(value, Mapping) else None


def _concat(value: Any, arguments: list[Any]) -> str:
    parts = [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
    for argument in arguments:
        parts.extend(argument if isinstance(argument, list) else [argument])
    return "".join(str(part) for part in parts)


def _append(value: Any, arguments: list[Any]) -> list[Any] | None:
    # Jayway's own append changes the document it reads; ours gives a new list.
    return [*value, *arguments] if isinstance(value, list) else None


def _element(value: Any, position: Any) -> Any:
    if not isinstance(value, list) or not isinstance(position, int):
        raise NotApplicableError
    if not -len(value) <= position < len(value):
        raise NotApplicableError
    return value[position]


def _first(value: Any, arguments: list[Any]) -> Any:
    return _element(value, 0)


def _last(value: Any, arguments: list[Any]) -> Any:
    return _element(value, -1)


def _index(value: Any, arguments: list[Any]) -> Any:
    return _element(value, arguments[0] if arguments else None)


def _mean(numbers: list[float]) -> float:
    return math.fsum(numbers) / len(numbers)


def _deviation(numbers: list[float]) -> float:
    # Jayway's formula, to the last digit.
    count, total = len(numbers), sum(numbers)
    squares = sum(number * number for number in numbers)
    return math.sqrt(max(0.0, squares / count - total * total / count / count))


def _over_numbers(compute: Callable[[list[float]], float]) -> Callable[[Any, list[Any]], Any]:
    def call(value: Any, arguments: list[Any]) -> float:
        candidates = list(value) if isinstance(value, list) else []
        for argument in arguments:
            candidates.extend(argument if isinstance(argument, list) else [argument])
        try:
            numbers = [float(number) for number in candidates if is_number(number)]
        except OverflowError:
            raise NotApplicableError from None
        if not numbers:
            raise NotApplicableError
        return compute(numbers)

    return call


_FUNCTIONS: Final[dict[str, Callable[[Any, list[Any]], Any]]] = {
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
    "sum": _over_numbers(math.fsum),
    "avg": _over_numbers(_mean),
    "stddev": _over_numbers(_deviation),
}

FUNCTION_NAMES: Final = frozenset(_FUNCTIONS)
