"""The regular expressions of ``=~``: Java's, written in Python's, and bounded in time."""

from __future__ import annotations

import re
from typing import Final

MAX_SUBJECT_LENGTH: Final = 10_000
FLAGS: Final = "dixmsuU"

_SUBJECT_LENGTH_BY_REPEATS: Final = (MAX_SUBJECT_LENGTH, MAX_SUBJECT_LENGTH, 5_000, 600, 150, 60)
_STEPS_A_VISIT: Final = 1_000
_MOST_WAYS: Final = 10_000
"""Most ways through a pattern's choices: ``a?`` and ``(a|b)`` double them, one behind the other."""
_PYTHON_FLAGS: Final = {"i": re.I, "x": re.X, "m": re.M, "s": re.S}
_LINE_ENDS: Final = r"\n\r\x85\u2028\u2029"
_POSIX: Final = {
    "Lower": "a-z",
    "Upper": "A-Z",
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Alnum": "a-zA-Z0-9",
    "Space": r"\s",
    "Punct": r"!-/:-@\[-`{-~",
    "XDigit": "0-9a-fA-F",
}
_POSIX_CLASS = re.compile(r"\\p\{(\w+)\}")
_GROUP_NAME = re.compile(r"\(\?<([a-zA-Z][a-zA-Z0-9]*)>")
_EXTENDED = re.compile(r"\(\?[a-zA-Z]*x")
_REPETITION = re.compile(r"\{\d+(,\d*)?\}")


class Pattern:
    """A regular expression of a filter, with the longest text it is let loose on."""

    __slots__ = ("_expression", "_longest", "_repeats", "_ways")

    def __init__(self, source: str, flags: str) -> None:
        """Compile it.

        Raises:
            ValueError: It is not valid, or could take exponential time.
        """
        if "#" in source and ("x" in flags or _EXTENDED.search(source)):
            raise ValueError("comments are not supported")
        repeats, ways = _choices(source)
        if repeats >= len(_SUBJECT_LENGTH_BY_REPEATS):
            raise ValueError("too many repetitions")
        if ways > _MOST_WAYS:
            raise ValueError("too many choices")
        self._repeats = repeats
        self._ways = ways
        self._longest = _SUBJECT_LENGTH_BY_REPEATS[repeats]
        compiled_flags = 0 if "U" in flags or "u" in flags else re.ASCII
        for flag in flags:
            compiled_flags |= _PYTHON_FLAGS.get(flag, 0)
        try:
            self._expression = re.compile(_in_python(source, flags), compiled_flags)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(str(error)) from None

    def cost(self, text: str) -> int:
        """How many values it is worth to look at, to let it loose on a text."""
        size = len(text)
        return 1 if size > self._longest else self._ways * size**self._repeats // _STEPS_A_VISIT

    def matches(self, text: str) -> bool:
        """Whether it fits a whole text; False for texts over the limit."""
        return len(text) <= self._longest and self._expression.fullmatch(text) is not None


def _in_python(source: str, flags: str) -> str:
    """A Java pattern as Python writes it.

    Raises:
        ValueError: Java would refuse it, or it has what Python lacks.
    """
    dot = "." if "s" in flags else (r"[^\n]" if "d" in flags else f"[^{_LINE_ENDS}]")
    written: list[str] = []
    position = 0
    in_class = False
    while position < len(source):
        symbol = source[position]
        width = 1
        if symbol == "\\":
            posix = _POSIX_CLASS.match(source, position)
            if posix is not None and posix[1] in _POSIX:
                width = posix.end() - position
                members = _POSIX[posix[1]]
                written.append(members if in_class else f"[{members}]")
            else:
                width = 2
                written.append(_escaped(source[position : position + 2]))
        elif in_class:
            if symbol == "[" or source.startswith("&&", position):
                raise ValueError("classes within classes are not supported")
            in_class = symbol != "]"
            written.append(symbol)
        elif symbol == "[":
            in_class = True
            width = 2 if source.startswith("[^", position) else 1
            written.append(source[position : position + width])
            if source.startswith("]", position + width):
                raise ValueError("an empty class")
        elif symbol == ".":
            written.append(dot)
        elif symbol == "{" and not _REPETITION.match(source, position):
            raise ValueError("a brace that is no repetition")
        elif source.startswith("(?)", position):
            width = 3
        elif symbol == "(" and source.startswith(("(?P", "(?#", "(?("), position):
            raise ValueError("not a group")
        else:
            name = _GROUP_NAME.match(source, position)
            width = name.end() - position if name is not None else 1
            written.append(f"(?P<{name[1]}>" if name is not None else symbol)
        position += width
    return "".join(written)


def _escaped(pair: str) -> str:
    if pair == r"\z":
        return r"\Z"
    if pair == r"\h":
        return r"[ \t\xa0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000]"
    return pair


class _Group:
    """What is known of a group, or of the whole pattern, up to the character at hand."""

    __slots__ = ("has_choice", "last", "of_alternatives", "ways")

    def __init__(self) -> None:
        self.has_choice = False
        """Whether it holds a repetition or a choice."""
        self.of_alternatives = 0
        """Ways through the alternatives before this one."""
        self.ways = 1
        """Ways through this one, without what was read last, which may turn out optional."""
        self.last = 1

    def add(self, ways: int) -> None:
        """What has been read last is followed by something with so many ways through it."""
        # Whatever is beyond the limit stays there: the numbers need not grow without end.
        self.ways = min(self.ways * self.last, _MOST_WAYS + 1)
        self.last = ways

    def total(self) -> int:
        """Ways through all its alternatives."""
        return min(self.of_alternatives + self.ways * self.last, _MOST_WAYS + 1)


def _choices(source: str) -> tuple[int, int]:
    """How many repetitions a pattern has, and how many ways through all its other choices.

    Time grows with the second, and with the length of a text to the power of the first.

    Raises:
        ValueError: A repeated group holds a repetition or a choice, which can take time
            exponential in the text.
    """
    repeats = 0
    groups = [_Group()]
    risky_group = False
    previous = ""
    position = 0
    while position < len(source):
        symbol = source[position]
        group = groups[-1]
        width = 1
        if symbol == "(":
            groups.append(_Group())
        elif symbol == ")":
            risky_group = group.has_choice
            if len(groups) > 1:
                groups.pop()
                groups[-1].has_choice = groups[-1].has_choice or risky_group
            groups[-1].add(group.total())
        elif symbol == "|":
            group.has_choice = True
            group.of_alternatives = group.total()
            group.ways = group.last = 1
        elif symbol in "*+{" or (symbol == "?" and previous not in "(*+?}"):
            if previous == ")" and risky_group and symbol != "?":
                raise ValueError("a repeated group holds a repetition or a choice")
            if symbol == "?":
                group.last += 1
            else:
                repeats += 1
            group.has_choice = True
        elif symbol != "?":
            width = 2 if symbol == "\\" else _class_width(source, position)
            group.add(1)
        previous = symbol if width == 1 else "a"
        position += width
    return repeats, groups[0].total()


def _class_width(source: str, start: int) -> int:
    if source[start] != "[":
        return 1
    position = start + 1
    if source.startswith("^", position):
        position += 1
    if source.startswith("]", position):
        position += 1
    while position < len(source) and source[position] != "]":
        position += 2 if source[position] == "\\" else 1
    return position + 1 - start
