"""One reading of one document: what the steps of its paths share while it lasts."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .jsonpath_steps import Path, Step

MAX_NODES: Final = 100_000
"""Most values that a path may select."""

MAX_VISITS: Final = 1_000_000
"""Most values that one reading may look at, filters included."""

UNDEFINED: Final = object()
"""What a path leads to that leads nowhere, where that is told from null."""


class LimitError(Exception):
    """The reading touches more values than allowed."""


class BrokenError(Exception):
    """Something was asked of a value that it can't do: the whole reading fails."""


class OutOfBoundsError(BrokenError):
    """An element was asked for that a list lacks; behind an element of another list it is none."""


class RefusedError(Exception):
    """A path does not fit a value: a filter around it does not hold, else the reading fails."""


class NotFoundError(RefusedError):
    """A path leads nowhere, where it was asked whether it does."""


_MOST_DIGITS: Final = 18


def whole_number(number: int | float | Decimal) -> int:
    """A number without its fraction.

    Raises:
        BrokenError: It is larger than any list, or none at all.
    """
    if isinstance(number, int):
        return number
    # Before it is an int: one of a billion digits would take minutes.
    if not math.isfinite(number) or Decimal(number).adjusted() > _MOST_DIGITS:
        raise BrokenError
    return int(number)


class Keys(tuple[str, ...]):
    """The keys of a map as ``keys()`` gives them, which are no list to other functions."""


class Reading:
    """One reading of one document: what may still be looked at, and what is known already."""

    __slots__ = ("_visits_left", "argument_values", "list_positions", "values_from_root")

    def __init__(self) -> None:
        self._visits_left = MAX_VISITS
        self.values_from_root: dict[Path, Any] = {}
        """Values of paths that begin at the root and stand in filters."""
        self.argument_values: dict[Path, Any] = {}
        """Values of paths between the brackets of a function, which are read once."""
        self.list_positions: dict[Step, int] = {}
        """Steps behind the first one after ``..``: position in a list that they were last given."""

    def visit(self, count: int = 1) -> None:
        """Count values that are looked at.

        Raises:
            LimitError: There are too many.
        """
        self._visits_left -= count
        if self._visits_left < 0:
            raise LimitError


class Evaluation:
    """One path on its way below one value."""

    __slots__ = ("before_last", "reading", "results", "root", "strict")

    def __init__(self, path: Path, root: Any, strict: bool, reading: Reading) -> None:
        self.root = root
        self.strict = strict
        """Whether a missing property ends it with NotFoundError, as when existence is asked."""
        self.reading = reading
        self.results: list[Any] = []
        self.before_last = path.before_last

    def add(self, value: Any) -> None:
        """Note one result.

        Raises:
            LimitError: There are too many.
        """
        if len(self.results) >= MAX_NODES:
            raise LimitError
        self.results.append(value)
