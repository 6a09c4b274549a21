"""The regular expressions of ``=~``: Java's, written in Python's, and bounded in time."""

from __future__ import annotations

import re
from typing import Final

MAX_SUBJECT_LENGTH: Final = 10_000
FLAGS: Final = "dixmsuU"

_SUBJECT_LENGTH_BY_REPEATS: Final = (MAX_SUBJECT_LENGTH, MAX_SUBJECT_LENGTH, 5_000, 600, 150, 60)
_STEPS_A_VISIT: Final = 1_000
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
_REPETITION = re.compile(r"\{\d+(,\d*)?\}")


class Pattern:
    """A regular expression of a filter, with the longest text it is let loose on."""

    __slots__ = ("_expression", "_longest", "_repeats")

    def __init__(self, source: str, flags: str) -> None:
        """Compile it.

        Raises:
            ValueError: It is not valid, or could take exponential time.
        """
        repeats = _unbounded_repeats(source)
        if repeats >= len(_SUBJECT_LENGTH_BY_REPEATS):
            raise ValueError("too many repetitions")
        self._repeats = repeats
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
        return 1 if size > self._longest else size**self._repeats // _STEPS_A_VISIT

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


def _unbounded_repeats(source: str) -> int:
    """How many repetitions a pattern has; time grows with text length to that power.

    Raises:
        ValueError: A repeated group holds a repetition or a choice, which can take time
            exponential in the text.
    """
    repeats = 0
    groups: list[bool] = []
    risky_group = False
    previous = ""
    position = 0
    while position < len(source):
        symbol = source[position]
        width = 1
        if symbol == "\\":
            width = 2
        elif symbol == "[":
            width = _class_width(source, position)
        elif symbol == "(":
            groups.append(False)
        elif symbol == ")":
            risky_group = groups.pop() if groups else False
            if risky_group and groups:
                groups[-1] = True
        elif symbol == "|" and groups:
            groups[-1] = True
        elif symbol in "*+{" or (symbol == "?" and previous not in "(*+?}"):
            if previous == ")" and risky_group and symbol != "?":
                raise ValueError("a repeated group holds a repetition or a choice")
            repeats += symbol != "?"
            if groups:
                groups[-1] = True
        previous = symbol if width == 1 else "a"
        position += width
    return repeats


def _class_width(source: str, start: int) -> int:
    position = start + 1
    if source.startswith("^", position):
        position += 1
    if source.startswith("]", position):
        position += 1
    while position < len(source) and source[position] != "]":
        position += 2 if source[position] == "\\" else 1
    return position + 1 - start
