"""Whether an expression's path can be parsed: the JSONPath dialect of Conductor's server.

A syntax check only; nothing is read. ``$.`` is understood in front of a path that begins with
neither ``$`` nor ``@``. Blanks at the end are tolerated, one inside a plain name is not.
"""

from __future__ import annotations

import re
from typing import Final

_NUMBER = re.compile(r"-?[0-9]+")
_INDEXES = re.compile(r"\[[0-9,\- ]+\]")
_SLICE = re.compile(r"\[\s*(-?[0-9]+)?\s*:\s*(-?[0-9]+)?\s*(:\s*(-?[0-9]+)?\s*)?\]")
_ANY: Final = re.compile(r"\[\s*\*\s*\]")
_QUOTED: Final = r"(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
_NAMES: Final = re.compile(rf"\[\s*{_QUOTED}\s*(?:,\s*{_QUOTED}\s*)*\]", re.DOTALL)
_FILTER_START: Final = re.compile(r"\[\s*\?\s*\(")
_FILTER_END: Final = re.compile(r"\s*\]")
_PLAIN_NAME: Final = re.compile(r"[^ .\[(]+")


class _SyntaxProblem(Exception):
    """Why a path can't be parsed."""


def path_error(path: str) -> str | None:
    """Return why a path (the text between ``${`` and ``}``) can't be parsed, or None."""
    if not path:
        return "the path is empty"
    text = path.strip()
    if text[:1] not in ("$", "@"):
        # The blank in front of a path stays in front of its first name, where none may be.
        text = "$." + path.rstrip()
    if text.endswith("."):
        return "a path can't end with a dot"
    try:
        position = 1
        if len(text) > 1 and text[1] not in ".[":
            raise _SyntaxProblem(f"'{text[1]}' can't follow '{text[0]}'")
        while position < len(text):
            position = _step(text, position)
    except _SyntaxProblem as problem:
        return str(problem)
    return None


def _step(text: str, position: int) -> int:
    """Return where the part of the path that begins at ``position`` ends."""
    if text[position] == "[":
        return _bracket(text, position)
    if text[position] == ".":
        position += 2 if text[position + 1] == "." else 1
        if position < len(text) and text[position] == ".":
            raise _SyntaxProblem("three dots in a row")
        if position < len(text) and text[position] == "[":
            return _bracket(text, position)
    return _name(text, position)


def _name(text: str, position: int) -> int:
    if text[position] == "*":
        return position + 1
    match = _PLAIN_NAME.match(text, position)
    if match is None:
        raise _SyntaxProblem(f"a name can't begin with '{text[position]}'")
    end = match.end()
    if end < len(text) and text[end] == " ":
        raise _SyntaxProblem("a blank in a name; write it as ['…']")
    return _closing(text, end) + 1 if end < len(text) and text[end] == "(" else end


def _bracket(text: str, position: int) -> int:
    for pattern in (_NAMES, _ANY, _SLICE):
        match = pattern.match(text, position)
        if match is not None:
            return match.end()
    match = _INDEXES.match(text, position)
    if match is not None:
        parts = match.group()[1:-1].split(",")
        if all(_NUMBER.fullmatch(part.strip()) for part in parts):
            return match.end()
    match = _FILTER_START.match(text, position)
    if match is not None:
        close = _closing(text, match.end() - 1)
        end = _FILTER_END.match(text, close + 1)
        if end is not None and text[match.end() : close].strip():
            return end.end()
        raise _SyntaxProblem("a filter is [?( … )]")
    raise _SyntaxProblem("brackets hold a number, a slice, *, a quoted name or a filter")


def _closing(text: str, opening: int) -> int:
    """Return the position of the bracket that closes the one at ``opening``."""
    depth = 0
    quote = ""
    position = opening
    while position < len(text):
        char = text[position]
        if char == "\\":
            position += 1
        elif quote:
            quote = "" if char == quote else quote
        elif char in "'\"/":
            quote = char
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            if depth == 0:
                return position
        position += 1
    raise _SyntaxProblem("a bracket is never closed")
