"""A position in the text of a path, and what can be found from there."""

from __future__ import annotations

import re
from typing import Final

from ..models.codec import whole_characters

_ESCAPES: Final = {"r": "\r", "f": "\f", "t": "\t", "n": "\n", "b": "\b"}
_HEX = re.compile(r"[0-9a-fA-F]{4}|[-+][0-9a-fA-F]{3}")
"""With a sign, as Java reads numbers."""


class PathError(ValueError):
    """The text is not a path."""


class Cursor:
    """A position in a text; only blanks (no tabs, no line ends) may be left out between symbols."""

    __slots__ = ("end", "position", "text")

    def __init__(self, text: str, end: int | None = None) -> None:
        self.text = text
        self.position = 0
        self.end = len(text) if end is None else end
        """Position behind the last character that belongs to what is read."""

    @property
    def inside(self) -> bool:
        """Whether there is a character here."""
        return self.position < self.end

    @property
    def at_tail(self) -> bool:
        """Whether this is the last character, or behind it."""
        return self.position >= self.end - 1

    def peek(self) -> str:
        """The character here.

        Raises:
            PathError: There is none.
        """
        return self.at(self.position)

    def at(self, position: int) -> str:
        """The character at a position.

        Raises:
            PathError: There is none.
        """
        if 0 <= position < len(self.text):
            return self.text[position]
        raise PathError(f"unexpected end of {self.text!r}")

    def trim(self) -> None:
        """Leave out blanks at both ends."""
        self.skip_blanks()
        while self.position < self.end - 1 and self.text[self.end - 1] == " ":
            self.end -= 1

    def skip_blanks(self) -> Cursor:
        """Go on to what is not blank, or to the last character."""
        while self.position < self.end - 1 and self.text[self.position] == " ":
            self.position += 1
        return self

    def next_significant(self, position: int) -> int:
        """Where the next character behind a position that is not blank stands, else ``end``."""
        position += 1
        while position < self.end and self.text[position] == " ":
            position += 1
        return position

    def is_next(self, position: int, symbol: str) -> bool:
        """Whether the next character that is not blank is a certain one."""
        found = self.next_significant(position)
        return found < self.end and self.text[found] == symbol

    def take(self, symbol: str) -> None:
        """Read a certain character, blanks before it.

        Raises:
            PathError: It isn't there.
        """
        if self.skip_blanks().peek() != symbol:
            raise self.error(f"expected {symbol!r}")
        self.position += 1

    def take_if(self, symbols: str) -> bool:
        """Read certain characters, blanks before them, if they are there."""
        before = self.position
        self.skip_blanks()
        end = self.position + len(symbols)
        if end <= self.end and self.text.startswith(symbols, self.position):
            self.position = end
            return True
        self.position = before
        return False

    def unescaped(self, position: int, symbol: str) -> int:
        """Where a character stands next behind a position without a backslash before it, or -1."""
        position += 1
        while position < self.end:
            if self.text[position] == "\\":
                position += 1
            elif self.text[position] == symbol:
                return position
            position += 1
        return -1

    def closing(self, position: int, close: str, patterns: bool) -> int:
        """Where the bracket at a position is closed, or -1; quoted texts don't count.

        Args:
            position: Of the opening bracket.
            close: The closing one.
            patterns: Whether what stands between slashes doesn't count either.

        Raises:
            PathError: A quoted text does not end.
        """
        opening = self.text[position]
        depth = 1
        position += 1
        while position < self.end:
            for quotes in ("'\"", "/" if patterns else ""):
                quote = self.at(position)
                if quote in quotes:
                    position = self.unescaped(position, quote)
                    if position < 0:
                        raise self.error(f"no closing {quote}")
                    position += 1
            symbol = self.at(position)
            if symbol == opening:
                depth += 1
            elif symbol == close:
                depth -= 1
                if depth == 0:
                    return position
            position += 1
        return -1

    def error(self, message: str) -> PathError:
        """What to raise here."""
        return PathError(f"{message} at position {self.position} of {self.text!r}")


def unescaped_text(text: str) -> str:
    """A quoted text without its backslashes.

    Raises:
        PathError: Four hexadecimal digits are missing.
    """
    if "\\" not in text:
        return text
    read: list[str] = []
    position = 0
    while position < len(text):
        symbol = text[position]
        position += 1
        if symbol != "\\" or position == len(text):
            read.append(symbol)
            continue
        symbol = text[position]
        position += 1
        if symbol != "u":
            read.append(_ESCAPES.get(symbol, symbol))
            continue
        digits = text[position : position + 4]
        if len(digits) == 4:
            if not _HEX.fullmatch(digits):
                raise PathError(f"no hexadecimal number: {digits!r}")
            read.append(chr(int(digits, 16) & 0xFFFF))
        position += 4
    return whole_characters("".join(read))
