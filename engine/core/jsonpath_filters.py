"""From the text inside ``[?…]`` to a test, as Jayway's compiler understands it."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from .jsonpath_comparisons import COMPARISONS, JsonText, exists_as
from .jsonpath_cursor import Cursor, PathError, unescaped_text
from .jsonpath_pattern import FLAGS, Pattern
from .jsonpath_reading import Evaluation
from .jsonpath_steps import Path, Test

MAX_NESTING: Final = 20

_OPERATOR_SYMBOLS: Final = "<>=~!"
_NUMBER_SYMBOLS: Final = "0123456789-.Ee"
_NUMBER = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE]-?[0-9]{1,9})?")

_Operand = Callable[[Any, Evaluation], Any]
_ReadPath = Callable[[str], Path]


def parse_filter(text: str, read_path: _ReadPath) -> Test:
    """The test that a text in round brackets describes.

    Args:
        text: From the opening to the closing bracket.
        read_path: Reads the paths within it.

    Raises:
        PathError: It describes none.
    """
    reader = _FilterReader(text, read_path)
    test = reader.either()
    reader.expect_end()
    return test


class _FilterReader:
    """A cursor over a filter; each method reads one construct and leaves the cursor behind it."""

    def __init__(self, text: str, read_path: _ReadPath) -> None:
        self._cursor = Cursor(text)
        self._read_path = read_path
        self._depth = 0

    def either(self) -> Test:
        """Tests with ``||`` between them."""
        tests = [self._both()]
        while self._cursor.take_if("||"):
            tests.append(self._both())
        if len(tests) == 1:
            return tests[0]
        return lambda value, evaluation: any(test(value, evaluation) for test in tests)

    def expect_end(self) -> None:
        """Raise unless everything has been read."""
        if self._cursor.skip_blanks().inside:
            raise self._cursor.error("unexpected text")

    def _both(self) -> Test:
        tests = [self._single()]
        while self._cursor.take_if("&&"):
            tests.append(self._single())
        if len(tests) == 1:
            return tests[0]
        return lambda value, evaluation: all(test(value, evaluation) for test in tests)

    def _single(self) -> Test:
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise PathError("nested too deeply")
        test = self._negated_or_grouped()
        self._depth -= 1
        return test

    def _negated_or_grouped(self) -> Test:
        cursor = self._cursor
        begin = cursor.skip_blanks().position
        if cursor.peek() == "!":
            cursor.position += 1
            if cursor.skip_blanks().peek() not in "$@":
                negated = self._single()
                return lambda value, evaluation: not negated(value, evaluation)
            cursor.position = begin
        if cursor.skip_blanks().peek() == "(":
            cursor.position += 1
            test = self.either()
            cursor.take(")")
            return test
        return self._comparison()

    def _comparison(self) -> Test:
        cursor = self._cursor
        path, wanted, left = self._operand()
        behind = cursor.position
        try:
            compare = COMPARISONS[self._operator()]
            right = self._operand()[2]
        except (KeyError, PathError):
            cursor.position = behind
        else:
            return lambda value, evaluation: compare(
                left(value, evaluation), right(value, evaluation), evaluation
            )
        if path is None:
            raise cursor.error("a value alone is no test")
        return exists_as(path, wanted)

    def _operator(self) -> str:
        cursor = self._cursor
        begin = cursor.skip_blanks().position
        if cursor.peek() in _OPERATOR_SYMBOLS:
            while cursor.inside and cursor.peek() in _OPERATOR_SYMBOLS:
                cursor.position += 1
        else:
            while cursor.inside and cursor.peek() != " ":
                cursor.position += 1
        return cursor.text[begin : cursor.position].upper()

    def _operand(self) -> tuple[Path | None, bool, _Operand]:
        """The path of an operand (if it is one), whether it should lead somewhere, its reading."""
        cursor = self._cursor
        wanted = True
        if cursor.skip_blanks().peek() == "!":
            wanted = False
            cursor.position += 1
            if cursor.skip_blanks().peek() not in "$@":
                raise cursor.error("unexpected '!'")
        if cursor.peek() in "$@":
            path = self._read_path(self._path_text())
            return path, wanted, path.operand
        constant = self._constant()
        return None, True, lambda value, evaluation: constant

    def _path_text(self) -> str:
        cursor = self._cursor
        begin = cursor.position
        cursor.position += 1
        while cursor.inside:
            if cursor.peek() == "[":
                close = cursor.closing(cursor.position, "]", patterns=False)
                if close < 0:
                    raise cursor.error("expected ']'")
                cursor.position = close + 1
            symbol = cursor.peek()
            ends = symbol == " " or symbol in _OPERATOR_SYMBOLS
            if not cursor.inside or ends or (symbol == ")" and not self._ends_call(begin)):
                break
            cursor.position += 1
        return cursor.text[begin : cursor.position]

    def _ends_call(self, begin: int) -> bool:
        """Whether the bracket here ends the call of a function, one without arguments."""
        text = self._cursor.text
        position = self._cursor.position - 1
        while position >= 0 and text[position] == " ":
            position -= 1
        if position < 0 or text[position] != "(":
            return False
        return "." in text[begin + 1 : position]

    def _constant(self) -> Any:
        cursor = self._cursor
        symbol = cursor.peek()
        begin = cursor.position
        if symbol in "'\"":
            end = cursor.unescaped(begin, symbol)
            if end < 0:
                raise cursor.error("the text does not end")
            cursor.position = end + 1
            return unescaped_text(cursor.text[begin + 1 : end])
        if symbol in "[{":
            end = cursor.closing(begin, "]" if symbol == "[" else "}", patterns=False)
            if end < 0:
                raise cursor.error("the value does not end")
            cursor.position = end + 1
            return JsonText(cursor.text[begin : end + 1])
        if symbol == "/":
            return self._pattern()
        for word, value in (("true", True), ("false", False), ("null", None)):
            if symbol == word[0]:
                if not cursor.text.startswith(word, begin) or begin + len(word) > cursor.end:
                    raise cursor.error(f"expected {word!r}")
                cursor.position = begin + len(word)
                return value
        while cursor.inside and cursor.peek() in _NUMBER_SYMBOLS:
            cursor.position += 1
        return self._number(cursor.text[begin : cursor.position])

    def _number(self, digits: str) -> int | Decimal:
        if not _NUMBER.fullmatch(digits):
            raise self._cursor.error("not a value")
        if digits.lstrip("-").isdigit():
            return int(digits)
        try:
            return Decimal(digits)
        except InvalidOperation:
            raise self._cursor.error("not a number") from None

    def _pattern(self) -> Pattern:
        cursor = self._cursor
        begin = cursor.position
        end = cursor.unescaped(begin, "/")
        if end < 0:
            raise cursor.error("the pattern does not end")
        cursor.position = end + 1
        while cursor.inside and cursor.peek() in FLAGS:
            cursor.position += 1
        source = cursor.text[begin + 1 : end]
        try:
            return Pattern(source, cursor.text[end + 1 : cursor.position])
        except ValueError as error:
            raise cursor.error(str(error)) from None
