"""From the text of a JSONPath to its steps: a recursive descent over one string."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

from .jsonpath_filters import OPERATORS, Pattern, both, comparison, either, exists, negated
from .jsonpath_steps import (
    FUNCTION_NAMES,
    MISSING,
    Argument,
    Call,
    Descend,
    Fan,
    Filter,
    Index,
    Indexes,
    Names,
    Path,
    Slice,
    Step,
    Test,
    Wildcard,
)

T = TypeVar("T")

MAX_FILTER_NESTING: Final = 20

_OPERAND_END: Final = " )=<>!&|,]~"
_INTEGER = re.compile(r"-?\d{1,9}\Z")
_INTEGERS = re.compile(r"-?\d{1,9}(\s*,\s*-?\d{1,9})+\Z")
_SLICE = re.compile(r"(-?\d{1,9})?:(-?\d{1,9})?(?::(?:-?\d{1,9})?)?\Z")
"""A step behind a second colon is accepted and ignored, as Jayway does."""
_LITERAL = re.compile(r"true\b|false\b|null\b|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_WORDS: Final[dict[str, Any]] = {"true": True, "false": False, "null": None}
_FLAGS: Final = {"i": re.I, "m": re.M, "s": re.S, "x": re.X, "u": 0, "d": 0}


class PathError(ValueError):
    """The text is not a path."""


def parse(text: str) -> Path:
    """The path a text describes.

    Raises:
        PathError: It describes none.
    """
    prefix = "" if text.startswith(("$", "@")) else "$."
    parser = _Parser(prefix + text.rstrip())
    parser.position = 1
    steps = parser.steps("")
    parser.expect_end()
    return Path(steps, shift=len(prefix))


class _Parser:
    """A cursor over the text; each method reads one construct and leaves the cursor behind it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self._nesting = 0

    def steps(self, stop: str) -> list[Step]:
        """The steps up to a character of ``stop``, or as far as steps go."""
        steps: list[Step] = []
        while (symbol := self._peek()) and symbol not in stop:
            if symbol == ".":
                self._dotted(steps, stop)
            elif symbol == "[":
                self._bracketed(steps)
            else:
                break
        # Several names give one map at the end of a path, but fan out on the way.
        for number, step in enumerate(steps[:-1]):
            behind = steps[number + 1]
            if isinstance(step, Names) and len(step.names) > 1 and not isinstance(behind, Call):
                steps[number] = Fan(step.names)
        return steps

    def expect_end(self) -> None:
        if self.position != len(self.text):
            raise self._error("unexpected text")

    # -- steps

    def _dotted(self, steps: list[Step], stop: str) -> None:
        self.position += 1
        if self._peek() == ".":
            self.position += 1
            steps.append(Descend())
        symbol = self._peek()
        if not symbol:
            raise self._error("the path ends with a dot")
        if symbol == "[":
            return
        if symbol == "*":
            self.position += 1
            steps.append(Wildcard())
            return
        name = self._until(".[(" + stop)
        if not name or " " in name:
            raise self._error("not a name")
        if self._peek() == "(":
            steps.append(self._call(name))
        else:
            steps.append(Names([name], end=self.position))

    def _call(self, name: str) -> Step:
        if name not in FUNCTION_NAMES:
            raise self._error("unknown function")
        self.position += 1
        arguments: list[Argument] = []
        self._blanks()
        while self._peek() != ")":
            arguments.append(self._nested(self._operand))
            self._blanks()
            if self._peek() == ",":
                self.position += 1
                self._blanks()
            elif self._peek() != ")":
                raise self._error("expected ')'")
        self.position += 1
        return Call(name, [_none_if_missing(argument) for argument in arguments])

    def _bracketed(self, steps: list[Step]) -> None:
        self.position += 1
        self._blanks()
        symbol = self._peek()
        if symbol in ("'", '"'):
            names = self._list_of(self._quoted)
            self._take("]")
            steps.append(Names(names, end=self.position))
        elif symbol == "?":
            self._take("?(")
            test = self._nested(self._either)
            self._take(")]")
            steps.append(Filter(test, bool(steps) and isinstance(steps[-1], Descend)))
        else:
            inside = self._until("]").strip()
            self._take("]")
            steps.append(self._subscript(inside))

    def _subscript(self, inside: str) -> Step:
        if inside == "*":
            return Wildcard()
        if _INTEGER.match(inside):
            return Index(int(inside))
        if _INTEGERS.match(inside):
            return Indexes([int(part) for part in inside.split(",")])
        bounds = _SLICE.match(inside)
        start, stop = bounds.groups() if bounds else (None, None)
        if not start and not stop:
            raise self._error("not a subscript")
        return Slice(int(start) if start else None, int(stop) if stop else None)

    # -- filters

    def _either(self) -> Test:
        test = self._both()
        while self._skip("||"):
            test = either(test, self._both())
        return test

    def _both(self) -> Test:
        test = self._single()
        while self._skip("&&"):
            test = both(test, self._single())
        return test

    def _single(self) -> Test:
        self._blanks()
        if self._peek() == "!":
            self.position += 1
            return negated(self._nested(self._single))
        if self._peek() == "(":
            self.position += 1
            test = self._nested(self._either)
            self._take(")")
            return test
        left = self._operand()
        self._blanks()
        operator = self._operator()
        if operator is None:
            return exists(left)
        self._blanks()
        return comparison(operator, left, self._operand())

    def _operator(self) -> str | None:
        for operator in OPERATORS:
            end = self.position + len(operator)
            if self.text.startswith(operator, self.position):
                if operator.isalpha() and self.text[end : end + 1].isalnum():
                    continue
                self.position = end
                return operator
        return None

    def _operand(self) -> Argument:
        symbol = self._peek()
        if symbol in ("$", "@"):
            self.position += 1
            path = Path(self._nested(lambda: self.steps(_OPERAND_END)))
            if symbol == "$":
                return lambda value, reading: path.within(reading.root, reading, MISSING)
            return lambda value, reading: path.within(value, reading, MISSING)
        constant = self._constant()
        return lambda value, reading: constant

    def _constant(self) -> Any:
        symbol = self._peek()
        if symbol in ("'", '"'):
            return self._quoted()
        if symbol == "/":
            return self._pattern()
        if symbol == "[":
            self.position += 1
            self._blanks()
            if self._peek() == "]":
                self.position += 1
                return []
            values = self._nested(lambda: self._list_of(self._constant))
            self._take("]")
            return values
        literal = _LITERAL.match(self.text, self.position)
        if literal is None:
            raise self._error("not a value")
        self.position = literal.end()
        word = literal.group()
        if word in _WORDS:
            return _WORDS[word]
        return int(word) if word.lstrip("-").isdecimal() else float(word)

    def _pattern(self) -> Pattern:
        end = self.position + 1
        while self.text[end : end + 1] not in ("/", ""):
            end += 2 if self.text[end] == "\\" else 1
        source = self.text[self.position + 1 : end]
        self.position = end
        self._take("/")
        flags = 0
        while (flag := _FLAGS.get(self._peek())) is not None:
            flags |= flag
            self.position += 1
        try:
            return Pattern(source, flags)
        except ValueError as error:
            raise self._error(str(error)) from None

    # -- text

    def _quoted(self) -> str:
        quote = self._peek()
        if quote not in ("'", '"') or not quote:
            raise self._error("expected a quoted text")
        read: list[str] = []
        self.position += 1
        while (symbol := self._peek()) != quote:
            if symbol == "\\":
                self.position += 1
                symbol = self._peek()
            if not symbol:
                raise self._error("the text does not end")
            read.append(symbol)
            self.position += 1
        self.position += 1
        return "".join(read)

    def _list_of(self, item: Callable[[], T]) -> list[T]:
        items = [item()]
        self._blanks()
        while self._peek() == ",":
            self.position += 1
            self._blanks()
            items.append(item())
            self._blanks()
        return items

    def _until(self, stop: str) -> str:
        start = self.position
        while self._peek() and self._peek() not in stop:
            self.position += 1
        return self.text[start : self.position]

    def _peek(self) -> str:
        return self.text[self.position : self.position + 1]

    def _blanks(self) -> None:
        while self._peek() == " ":
            self.position += 1

    def _skip(self, token: str) -> bool:
        self._blanks()
        if not self.text.startswith(token, self.position):
            return False
        self.position += len(token)
        return True

    def _take(self, token: str) -> None:
        self._blanks()
        if not self.text.startswith(token, self.position):
            raise self._error(f"expected {token!r}")
        self.position += len(token)

    def _nested(self, construct: Callable[[], T]) -> T:
        self._nesting += 1
        if self._nesting > MAX_FILTER_NESTING:
            raise self._error("nested too deeply")
        result = construct()
        self._nesting -= 1
        return result

    def _error(self, message: str) -> PathError:
        return PathError(f"{message} at position {self.position} of {self.text!r}")


def _none_if_missing(argument: Argument) -> Argument:
    def call(value: Any, reading: Any) -> Any:
        result = argument(value, reading)
        return None if result is MISSING else result

    return call
