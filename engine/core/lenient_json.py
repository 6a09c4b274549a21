"""JSON as json-smart reads it in its permissive mode: what Jayway takes for a literal in a path.

Single quotes, names and texts without quotes, commas too many, anything behind the first value.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from ..models.codec import whole_characters

MAX_DEPTH: Final = 50

_BLANKS: Final = " \t\r\n"
_ESCAPES: Final = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "b": "\b"}
_WORDS: Final[dict[str, Any]] = {"null": None, "true": True, "false": False, "NaN": float("nan")}
_NUMBER = re.compile(r"-?[0-9]*(\.[0-9]*)?([eE][-+]?[0-9]*)?")
_LONGEST_DOUBLE: Final = 18
"""Characters; longer numbers keep all their digits."""


def loads(text: str) -> Any:
    """The value that a text begins with.

    Raises:
        ValueError: There is none, or it nests too deeply.
    """
    return _Reader(text).value("", 0)


class _Reader:
    """A cursor over the text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0

    def value(self, stops: str, depth: int) -> Any:
        """The value here; texts without quotes go on to one of ``stops``."""
        self._blanks()
        symbol = self._peek()
        if not symbol or symbol in ":}]":
            raise ValueError(f"no value at position {self._position}")
        if depth > MAX_DEPTH:
            raise ValueError("nested too deeply")
        if symbol == "{":
            return self._object(depth)
        if symbol == "[":
            return self._array(depth)
        if symbol in "\"'":
            return self._quoted()
        if symbol in "-0123456789":
            return self._number(stops)
        word = self._bare(stops)
        return _WORDS.get(word, word)

    def _array(self, depth: int) -> list[Any]:
        self._position += 1
        found: list[Any] = []
        while True:
            self._blanks()
            symbol = self._peek()
            if symbol == "]":
                self._position += 1
                return found
            if symbol == ",":
                self._position += 1
            else:
                found.append(self.value(",]", depth + 1))

    def _object(self, depth: int) -> dict[str, Any]:
        self._position += 1
        found: dict[str, Any] = {}
        while True:
            self._blanks()
            symbol = self._peek()
            if symbol == "}":
                self._position += 1
                return found
            if symbol == ",":
                self._position += 1
                continue
            if not symbol or symbol in ":]{[":
                raise ValueError(f"no key at position {self._position}")
            key = self._quoted() if symbol in "\"'" else self._bare(":")
            self._blanks()
            if self._peek() != ":":
                raise ValueError(f"no ':' at position {self._position}")
            self._position += 1
            found[key] = self.value(",}", depth + 1)

    def _quoted(self) -> str:
        quote = self._peek()
        read: list[str] = []
        self._position += 1
        while (symbol := self._take()) != quote:
            if symbol == "\\":
                symbol = self._take()
                if symbol in _ESCAPES:
                    read.append(_ESCAPES[symbol])
                elif symbol in "\\/'\"":
                    read.append(symbol)
                elif symbol in "ux":
                    width = 4 if symbol == "u" else 2
                    read.append(chr(int("".join(self._take() for _ in range(width)), 16)))
            elif symbol >= " ":
                read.append(symbol)
        return whole_characters("".join(read))

    def _number(self, stops: str) -> Any:
        begin = self._position
        match = _NUMBER.match(self._text, begin)
        end = match.end() if match else begin
        self._position = end
        self._blanks()
        symbol = self._peek()
        if symbol and symbol not in stops:
            self._position = begin
            return self._bare(stops)
        digits = self._text[begin:end]
        if digits.lstrip("-").isdigit():
            return int(digits)
        if digits == "-":
            return 0
        if len(digits) <= _LONGEST_DOUBLE:
            return float(digits)
        try:
            return Decimal(digits)
        except InvalidOperation:
            raise ValueError(f"no number: {digits!r}") from None

    def _bare(self, stops: str) -> str:
        begin = self._position
        while (symbol := self._peek()) and symbol not in stops:
            self._position += 1
        return self._text[begin : self._position].strip(" \t\r\n")

    def _blanks(self) -> None:
        while (symbol := self._peek()) and symbol in _BLANKS:
            self._position += 1

    def _take(self) -> str:
        symbol = self._peek()
        if not symbol:
            raise ValueError("the text does not end")
        self._position += 1
        return symbol

    def _peek(self) -> str:
        return self._text[self._position : self._position + 1]
