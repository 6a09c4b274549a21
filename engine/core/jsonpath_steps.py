"""What each step of a JSONPath selects, and how a whole path is read.

Rules of this file
  1. Steps are read depth first: each hands what it selects to the next one, the last one adds it
     to the results. So the results of a function in the middle stand before what follows it.
  2. A compiled path is never changed by a reading. What Jayway's paths remember of one (how far
     a scan was in a list) is remembered here until the reading ends, so each answers as the first.
  3. A reading counts the values it looks at and gives up beyond a limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from typing import Any, ClassVar

from .jsonpath_reading import (
    UNDEFINED,
    BrokenError,
    Evaluation,
    Keys,
    LimitError,
    NotFoundError,
    OutOfBoundsError,
    Reading,
    RefusedError,
)

Test = Callable[[Any, Evaluation], bool]


class Step:
    """One step: from one value to the values it selects there."""

    definite: bool = True
    """Whether it selects one value at most."""
    is_call: ClassVar[bool] = False
    next: Step | None = None
    upstream_definite: bool = True
    """Whether all steps before it are definite."""

    def evaluate(self, value: Any, evaluation: Evaluation) -> None:
        """Select values below ``value`` and hand them on."""
        raise NotImplementedError

    def is_met(self, value: Any, evaluation: Evaluation) -> bool:
        """Whether a scan that comes by a value applies this step to it."""
        return False

    def of(self, path: Path) -> Step:
        """A function that works on what a path finds instead of on its arguments."""
        raise NotImplementedError

    def hand_on(self, value: Any, evaluation: Evaluation) -> None:
        """Give a selected value to the next step, or to the results."""
        evaluation.reading.visit()
        if self.next is None:
            evaluation.add(value)
        else:
            self.next.evaluate(value, evaluation)

    def hand_on_element(self, value: Any, evaluation: Evaluation) -> None:
        """The same for an element of a list; a function behind it may find nothing there."""
        try:
            self.hand_on(value, evaluation)
        except OutOfBoundsError:
            return

    def hand_on_member(self, value: Any, evaluation: Evaluation) -> None:
        """The same for a member of a map.

        At the end of a path that scanned a list before, only the element counts that an index
        right before this step names; this is Jayway's rule.
        """
        if self.next is None:
            position = evaluation.reading.list_positions.get(self, -1)
            before = evaluation.before_last
            if position >= 0 and not (isinstance(before, Index) and before.index == position):
                return
        self.hand_on(value, evaluation)


class Names(Step):
    """``.name`` or ``['a','b']``; several names give one smaller map at the end of a path."""

    def __init__(self, names: Sequence[str], end: int = 0) -> None:
        self.names = names
        self.end = end
        """Position in the parsed text behind the step."""

    def evaluate(self, value: Any, evaluation: Evaluation) -> None:
        """Select the value of each name, or the map of those that exist."""
        if not isinstance(value, Mapping):
            if evaluation.strict and self.upstream_definite:
                raise NotFoundError
            return
        if len(self.names) == 1 or self.next is not None:
            for name in self.names:
                if name in value:
                    self.hand_on_member(value[name], evaluation)
                elif evaluation.strict:
                    raise NotFoundError
            return
        if evaluation.strict and not all(name in value for name in self.names):
            raise NotFoundError
        self.hand_on({name: value[name] for name in self.names if name in value}, evaluation)

    def is_met(self, value: Any, evaluation: Evaluation) -> bool:
        """Whether it is a map with all names; with any, if each is followed on its own."""
        if not isinstance(value, Mapping):
            return False
        return not self.definite or all(name in value for name in self.names)


class _ListStep(Step):
    """A step that only lists have."""

    def evaluate(self, value: Any, evaluation: Evaluation) -> None:
        """Select elements of a list."""
        if isinstance(value, list):
            for element in self.elements(value):
                self.hand_on_element(element, evaluation)
        elif evaluation.strict and self.upstream_definite:
            raise NotFoundError

    def elements(self, values: list[Any]) -> Iterable[Any]:
        """The elements it selects."""
        raise NotImplementedError

    def is_met(self, value: Any, evaluation: Evaluation) -> bool:
        """Whether it is a list."""
        return isinstance(value, list)


class Index(_ListStep):
    """``[2]`` or ``[-1]``."""

    def __init__(self, index: int) -> None:
        self.index = index

    def elements(self, values: list[Any]) -> Iterable[Any]:
        """The element, counted from the end if negative."""
        return (values[self.index],) if -len(values) <= self.index < len(values) else ()


class Indexes(_ListStep):
    """``[0,2]``."""

    definite = False

    def __init__(self, indexes: Sequence[int]) -> None:
        self.indexes = indexes

    def elements(self, values: list[Any]) -> Iterable[Any]:
        """The elements that exist, in the order asked for."""
        size = len(values)
        return [values[index] for index in self.indexes if -size <= index < size]


class Slice(_ListStep):
    """``[1:]``, ``[:-1]``, ``[0:2]``; between two bounds negative positions count from the end."""

    definite = False

    def __init__(self, start: int | None, stop: int | None) -> None:
        self.start = start
        self.stop = stop

    def elements(self, values: list[Any]) -> Iterable[Any]:
        """The elements between the bounds."""
        if self.start is None or self.stop is None:
            return values[self.start : self.stop]
        first = max(self.start, -len(values))
        return [values[position] for position in range(first, min(self.stop, len(values)))]


class Wildcard(Step):
    """``*``: every member."""

    definite = False

    def evaluate(self, value: Any, evaluation: Evaluation) -> None:
        """Select the values of a map or the elements of a list."""
        if isinstance(value, Mapping):
            for member in value.values():
                self.hand_on_member(member, evaluation)
        elif isinstance(value, list):
            for element in value:
                self.hand_on_element(element, evaluation)

    def is_met(self, value: Any, evaluation: Evaluation) -> bool:
        """Always."""
        return True


class Descend(Step):
    """``..``: the next step, applied to everything below that it fits, parents first."""

    definite = False

    def evaluate(self, value: Any, evaluation: Evaluation) -> None:
        """Walk over a value and hand what the next step fits to it.

        Raises:
            BrokenError: There is no next step.
        """
        following = self.next
        if following is None:
            raise BrokenError
        waiting = [iter((value,))]
        while waiting:
            for found in waiting[-1]:
                members = found.values() if isinstance(found, Mapping) else found
                if members is found and not isinstance(found, list):
                    continue
                evaluation.reading.visit()
                if following.is_met(found, evaluation):
                    _apply(following, found, evaluation)
                waiting.append(iter(members))
                break
            else:
                waiting.pop()


def _apply(step: Step, value: Any, evaluation: Evaluation) -> None:
    behind = step.next
    if behind is None or isinstance(value, Mapping):
        step.evaluate(value, evaluation)
        return
    # Of a list that the step fits every element goes on, whichever the step would select.
    for position, element in enumerate(value):
        evaluation.reading.visit()
        evaluation.reading.list_positions[behind] = position
        behind.evaluate(element, evaluation)


class Filter(Step):
    """``[?(…)]``: the elements that pass, or a map itself if it does."""

    definite = False

    def __init__(self, test: Test) -> None:
        self._test = test

    def evaluate(self, value: Any, evaluation: Evaluation) -> None:
        """Select elements of a list, or the map, for which the test holds."""
        if isinstance(value, Mapping):
            if self.is_met(value, evaluation):
                self.hand_on(value, evaluation)
        elif isinstance(value, list):
            for element in value:
                if self.is_met(element, evaluation):
                    self.hand_on_element(element, evaluation)
        elif self.upstream_definite:
            raise RefusedError

    def is_met(self, value: Any, evaluation: Evaluation) -> bool:
        """Whether the test holds for a value."""
        evaluation.reading.visit()
        try:
            return self._test(value, evaluation)
        except RefusedError:
            return False


class Path:
    """A parsed path."""

    __slots__ = ("before_last", "definite", "from_root", "shift", "steps")

    def __init__(self, steps: Sequence[Step], *, from_root: bool, shift: int = 0) -> None:
        if len(steps) > 1 and isinstance(steps[0], Descend) and steps[-1].is_call:
            steps = _of_all_found(steps)
        self.steps = steps
        self.from_root = from_root
        """Whether it begins with ``$``; ``@`` is the value that a filter looks at."""
        self.shift = shift
        """Number of characters the parser put in front of the text."""
        self.before_last = steps[-2] if len(steps) > 1 else None
        _link(steps)
        self.definite = all(step.definite for step in steps)

    def read(self, document: Any, default: Any) -> Any:
        """What the path names in a document; ``default`` if nothing, or beyond a limit."""
        try:
            results = self._results(document, document, False, Reading())
        except (LimitError, BrokenError, RefusedError, RecursionError):
            return default
        if not self.definite:
            return [_as_list(result) for result in results]
        return _as_list(results[-1]) if results else default

    def value(self, start: Any, root: Any, strict: bool, reading: Reading) -> Any:
        """What it names below a value of a document that is being read.

        Raises:
            NotFoundError: Nothing, and ``strict``.
        """
        return self._value(self._results(start, root, strict, reading), strict)

    def operand(self, value: Any, evaluation: Evaluation) -> Any:
        """What it names, as an operand of a filter that looks at ``value``."""
        reading, root, strict = evaluation.reading, evaluation.root, evaluation.strict
        try:
            if not self.from_root:
                found = self.value(value, root, strict, reading)
            elif self in reading.values_from_root:
                found = reading.values_from_root[self]
            else:
                found = self.value(root, root, strict, reading)
                reading.values_from_root[self] = found
        except NotFoundError:
            return UNDEFINED
        if isinstance(found, Keys):
            raise BrokenError
        return found

    def leads_somewhere(self, value: Any, evaluation: Evaluation) -> bool:
        """Whether it names anything below a value, even where it begins with ``$``."""
        try:
            self.value(value, evaluation.root, True, evaluation.reading)
        except NotFoundError:
            return False
        return True

    def members(self, start: Any, strict: bool, reading: Reading) -> Any:
        """What ``.*`` behind it would name; for a definite path the last of it."""
        if not self.steps:
            return self.value(start, start, strict, reading)
        longer = Path([*map(copy, self.steps), Wildcard()], from_root=self.from_root)
        return self._value(longer._results(start, start, strict, reading), strict)

    def _value(self, results: list[Any], strict: bool) -> Any:
        if not self.definite:
            return results
        if results:
            return results[-1]
        if strict:
            raise NotFoundError
        return None

    def _results(self, start: Any, root: Any, strict: bool, reading: Reading) -> list[Any]:
        evaluation = Evaluation(self, root, strict, reading)
        if self.steps:
            reading.visit()
            self.steps[0].evaluate(start, evaluation)
        else:
            evaluation.add(start)
        return evaluation.results


def _link(steps: Sequence[Step]) -> None:
    definite = True
    for number, step in enumerate(steps):
        step.next = steps[number + 1] if number + 1 < len(steps) else None
        step.upstream_definite = definite
        if isinstance(step, Names):
            step.definite = len(step.names) == 1 or step.next is None
        definite = definite and step.definite


def _of_all_found(steps: Sequence[Step]) -> Sequence[Step]:
    """``..x.sum()`` at the start of a path as ``sum(..x)``: of all that is found, not of each."""
    number = next(number for number, step in enumerate(steps) if step.is_call)
    found = Path(steps[:number], from_root=True)
    return [steps[number].of(found), *steps[number + 1 :]]


def _as_list(value: Any) -> Any:
    return list(value) if isinstance(value, Keys) else value
