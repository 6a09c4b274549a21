"""From the text of a JSONPath to its steps, as Jayway's compiler understands it.

Rules of this file
  1. What Jayway accepts is accepted, oddities included: ``a[0]b`` is ``a[0].b``, ``a.*b`` is
     ``a.*.b``, and behind the brackets of a function without arguments stands a name ``)``.
  2. A path is read from left to right without ever going back.
  3. Filters are read by ``jsonpath_filters``; it calls back for the paths within them.
"""

from __future__ import annotations

import re
from typing import Final

from .jsonpath_cursor import Cursor, PathError, unescaped_text
from .jsonpath_filters import parse_filter
from .jsonpath_functions import Argument, Call, Constant
from .jsonpath_steps import (
    Descend,
    Filter,
    Index,
    Indexes,
    Names,
    Path,
    Slice,
    Step,
    Wildcard,
)

MAX_FILTER_NESTING: Final = 20
MAX_STEPS: Final = 200
"""Most steps of a path, those of the paths within it included."""

_INTEGER = re.compile(r"-?\d{1,10}")
_COMMA = re.compile(r"\s*,\s*")
_MAX_INDEX: Final = 2**31 - 1


def parse(text: str) -> Path:
    """The path a text describes.

    Raises:
        PathError: It describes none, or is too long or too deep.
    """
    return _PathReader().read(text)


class _PathReader:
    """What the paths of one text have in common: how much may still be read."""

    def __init__(self) -> None:
        self._steps_left = MAX_STEPS
        self._depth = 0

    def read(self, text: str) -> Path:
        """A path, with or without ``$.``, blanks around it."""
        shift = 0
        if not text.startswith(("$", "@")):
            text, shift = "$." + text, 2
        cursor = Cursor(text)
        cursor.trim()
        if text[cursor.end - 1] == ".":
            raise PathError("a path can't end with a dot")
        return self._path(cursor, shift)

    def _path(self, cursor: Cursor, shift: int = 0) -> Path:
        self._depth += 1
        if self._depth > MAX_FILTER_NESTING:
            raise PathError("nested too deeply")
        while cursor.inside and cursor.peek() in " \t\r\n":
            cursor.position += 1
        root = cursor.peek()
        if root not in ("$", "@"):
            raise cursor.error("expected '$' or '@'")
        steps: list[Step] = []
        if not cursor.at_tail:
            cursor.position += 1
            if cursor.peek() not in ".[":
                raise cursor.error("expected '.' or '['")
            self._steps(cursor, steps)
        self._depth -= 1
        return Path(steps, from_root=root == "$", shift=shift)

    def _steps(self, cursor: Cursor, steps: list[Step]) -> None:
        while True:
            symbol = cursor.peek()
            if symbol == ".":
                self._dot(cursor, steps)
                continue
            if symbol == "[":
                steps.append(self._bracket(cursor))
            elif symbol == "*":
                cursor.position += 1
                steps.append(Wildcard())
            else:
                steps.append(self._name(cursor))
            self._steps_left -= 1
            if self._steps_left < 0:
                raise PathError("too many steps")
            if cursor.at_tail:
                return

    def _dot(self, cursor: Cursor, steps: list[Step]) -> None:
        if cursor.text.startswith("..", cursor.position) and cursor.position + 1 < cursor.end:
            cursor.position += 2
            steps.append(Descend())
        elif cursor.position + 1 >= cursor.end:
            raise cursor.error("a path can't end with a dot")
        else:
            cursor.position += 1
        if cursor.peek() == ".":
            raise cursor.error("too many dots")

    # -- names and functions

    def _name(self, cursor: Cursor) -> Step:
        if cursor.peek() == " ":
            raise cursor.error("a blank in a name; write it as ['…']")
        begin = end = cursor.position
        while end < cursor.end and cursor.text[end] not in ".[( ":
            end += 1
        symbol = cursor.text[end] if end < cursor.end else ""
        if symbol == " ":
            raise cursor.error("a blank in a name; write it as ['…']")
        name = cursor.text[begin:end]
        if symbol != "(":
            cursor.position = end
            return Names([name], end=end)
        self._expect_closed(cursor, end)
        if cursor.at(end + 1) == ")":
            # The bracket stays: what follows begins with it, unless nothing does.
            cursor.position = end + 1
            return Call(name, [])
        cursor.position = end + 1
        return Call(name, self._arguments(cursor))

    @staticmethod
    def _expect_closed(cursor: Cursor, opening: int) -> None:
        depth = 0
        for symbol in cursor.text[opening : cursor.end]:
            depth += (symbol == "(") - (symbol == ")")
            if depth == 0:
                return
        raise cursor.error("expected ')'")

    def _arguments(self, cursor: Cursor) -> list[Argument]:
        """Arguments up to the closing bracket: JSON, or paths; anything else is passed over."""
        arguments: list[Argument] = []
        kind = ""
        read: list[str] = []
        depth = {"(": 1, "[": 0, "{": 0}
        quotes = 0
        before = ""
        ended = False
        while cursor.inside and not ended:
            symbol = cursor.peek()
            cursor.position += 1
            if not kind:
                if symbol in " \t\r\n":
                    continue
                if symbol in '{"-' or symbol.isdigit():
                    kind = "json"
                elif symbol in "$@":
                    kind = "path"
            if symbol == '"':
                quotes += -1 if before != "\\" and quotes > 0 else 1
            elif symbol in "([{":
                depth[symbol] += 1
            elif symbol in "]}":
                opening = "[" if symbol == "]" else "{"
                if depth[opening] == 0:
                    raise cursor.error(f"unexpected {symbol!r}")
                depth[opening] -= 1
            elif symbol in "),":
                if symbol == ")":
                    depth["("] -= 1
                    if before == "(":
                        read.append(symbol)
                if quotes == depth["{"] == depth["["] == 0 and depth["("] in (0, 1):
                    ended = depth["("] == 0
                    if kind:
                        arguments.append(self._argument(kind, "".join(read)))
                        read.clear()
                        kind = ""
            if kind and not (symbol == "," and depth == {"(": 1, "[": 0, "{": 0}):
                read.append(symbol)
            before = symbol
        if any(depth.values()):
            raise cursor.error("expected ')'")
        return arguments

    def _argument(self, kind: str, text: str) -> Argument:
        return Constant(text) if kind == "json" else self._path(Cursor(text))

    # -- brackets

    def _bracket(self, cursor: Cursor) -> Step:
        first = cursor.next_significant(cursor.position)
        symbol = cursor.text[first] if first < cursor.end else " "
        if symbol in ("'", '"'):
            return self._quoted_names(cursor, symbol)
        if symbol.isdigit() or symbol in "-:":
            step = self._subscript(cursor)
            if step is not None:
                return step
        if symbol == "*":
            close = cursor.next_significant(first)
            if cursor.at(close) != "]":
                raise cursor.error("expected ']'")
            cursor.position = close + 1
            return Wildcard()
        if symbol == "?":
            opening = cursor.next_significant(first)
            if opening < cursor.end and cursor.text[opening] == "(":
                return self._filter(cursor, opening)
        raise cursor.error("brackets hold a number, a slice, *, a quoted name or a filter")

    def _filter(self, cursor: Cursor, opening: int) -> Step:
        close = cursor.closing(opening, ")", patterns=True)
        if close < 0 or not cursor.is_next(close, "]"):
            raise cursor.error("a filter is [?( … )]")
        self._depth += 1
        if self._depth > MAX_FILTER_NESTING:
            raise PathError("nested too deeply")
        test = parse_filter(cursor.text[opening : close + 1], self.read)
        self._depth -= 1
        cursor.position = cursor.next_significant(close) + 1
        return Filter(test)

    def _subscript(self, cursor: Cursor) -> Step | None:
        end = cursor.text.find("]", cursor.position, cursor.end)
        if end < 0:
            return None
        inside = cursor.text[cursor.position + 1 : end].strip(" \t\r\n")
        if not all(symbol.isdigit() or symbol in ",-: " for symbol in inside):
            return None
        step: Step
        if ":" in inside:
            if " " in inside or "," in inside:
                raise cursor.error("not a slice")
            parts = [*inside.split(":"), ""][:2]
            start, stop = (_integer(part) if part else None for part in parts)
            if start is None and stop is None:
                raise cursor.error("not a slice")
            step = Slice(start, stop)
        else:
            indexes = [_integer(part) for part in _COMMA.split(inside)]
            step = Index(indexes[0]) if len(indexes) == 1 else Indexes(indexes)
        cursor.position = end + 1
        return step

    @staticmethod
    def _quoted_names(cursor: Cursor, quote: str) -> Step:
        names: list[str] = []
        text = cursor.text
        position = begin = cursor.position + 1
        last = 0
        inside = escaped = comma = False
        while position < cursor.end:
            symbol = text[position]
            if escaped:
                escaped = False
            elif symbol == "\\":
                escaped = True
            elif symbol == "]" and not inside:
                break
            elif symbol == quote:
                if inside:
                    behind = cursor.next_significant(position)
                    if behind >= cursor.end or text[behind] not in "],":
                        raise cursor.error("expected ',' or ']'")
                    last = position
                    names.append(unescaped_text(text[begin:position]))
                else:
                    begin = position + 1
                    comma = False
                inside = not inside
            elif symbol == "," and not inside:
                if comma:
                    raise cursor.error("a name is missing")
                comma = True
            position += 1
        if inside or comma or not names:
            raise cursor.error("a quoted name does not end")
        close = cursor.next_significant(last)
        if cursor.at(close) != "]":
            raise cursor.error("expected ']'")
        cursor.position = close + 1
        return Names(names, end=cursor.position)


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text) or not -_MAX_INDEX - 1 <= int(text) <= _MAX_INDEX:
        raise PathError(f"not an index: {text!r}")
    return int(text)
