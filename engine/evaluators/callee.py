"""What a script called that is no function, in the words of Conductor's JavaScript engine."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

_NAME = re.compile(r"[\w$]+")
_MEMBER = re.compile(r"\.\s*[\w$]+\s*\Z")
_CALLED = re.compile(r"\.\s*[\w$]+\s*\(")
_STEP = re.compile(r"\.\s*([A-Za-z_$][\w$]*)|\[\s*(?:(\d+)|'([^']*)'|\"([^\"]*)\")\s*\]")
_BUILT_IN: Final = frozenset({"$", "Math", "JSON", "Object", "Array", "Number", "String", "Date"})
_INTERMEDIATE: Final = "(intermediate value)"
_PAIRS: Final = {")": "(", "]": "["}
_JAVA: Final[dict[type, str]] = {dict: "java.util.LinkedHashMap", list: "java.util.ArrayList"}
_NOTHING: Final = object()


class Callee(NamedTuple):
    """A member that was called: ``receiver`` ``.`` ``name``; no receiver for a plain function."""

    receiver: str
    name: str


def not_a_function(source: str, line: int, column: int, given: Any) -> str | None:
    """The message for a call at a place of a script, None where the place tells nothing.

    Args:
        source: The script.
        line: Where it was called, counted from 1.
        column: The place QuickJS gives: the dot before the member's name, as it counts.
        given: What ``$`` was: members of its lists and maps are called by Java.
    """
    callee = _callee_at(source, line, column)
    if callee is None:
        return None
    java = _JAVA.get(type(_value_of(callee.receiver, source, given)))
    if java is not None:
        receiver = _value_of(callee.receiver, source, given)
        known = isinstance(receiver, dict) and callee.name in receiver
        why = "Message not supported." if known else f"Unknown identifier: {callee.name}"
        return f"TypeError: invokeMember ({callee.name}) on {java} failed due to: {why}"
    return f"TypeError: {_shown(callee.receiver)}.{callee.name} is not a function"


def _callee_at(source: str, line: int, column: int) -> Callee | None:
    lines = source.splitlines(keepends=True)
    if not 0 < line <= len(lines):
        return None
    # QuickJS counts the columns of the first line from 1, those of the others from 2.
    dot = sum(map(len, lines[: line - 1])) + column - (1 if line == 1 else 2)
    # With arguments worked out in between, the place is that of the last of them, or the bracket.
    called = _CALLED.match(source, dot)
    if called is None:
        bracket = dot if source[dot : dot + 1] == "(" else _bracket_around(source, dot)
        member = _MEMBER.search(source, 0, bracket)
        dot = member.start() if member else -1
    if source[dot : dot + 1] != ".":
        return None
    name = _NAME.match(source, dot + 1)
    receiver = source[_start_of_chain(source, dot) : dot].strip()
    return Callee(receiver, name.group()) if name and receiver else None


def _bracket_around(source: str, position: int) -> int:
    """Where the innermost round bracket around a place opens; 0 where there is none."""
    depth = 0
    while position > 0:
        position -= 1
        depth += (source[position] == ")") - (source[position] == "(")
        if depth < 0:
            return position
    return 0


def _start_of_chain(source: str, end: int) -> int:
    """Where the members, calls and subscripts that end before ``end`` begin."""
    start = end
    while start > 0:
        if source[start : start + 1] == ".":  # blanks may stand before a dot
            start = len(source[:start].rstrip())
        symbol = source[start - 1 : start]
        if symbol in _PAIRS:
            depth, position = 1, start - 1
            while position > 0 and depth:
                position -= 1
                depth += (source[position] == symbol) - (source[position] == _PAIRS[symbol])
            start = position
        elif symbol and (symbol.isalnum() or symbol in "_$.\"'"):
            start -= 1
        else:
            break
    return start


def _shown(receiver: str) -> str:
    """The receiver as the engine writes it: arguments left out, globals as an unnamed value."""
    text = re.sub(r"\((?:[^()]|\([^()]*\))*\)", "(...)", re.sub(r"\s+", "", receiver))
    root = _NAME.match(text)
    if root is not None and root.group() in _BUILT_IN:
        return _INTERMEDIATE + text[root.end() :]
    return text


def _value_of(receiver: str, source: str, given: Any) -> Any:
    """The part of ``$`` that a receiver names, itself or by one variable; else a mark."""
    root = _NAME.match(receiver)
    if root is None:
        return _NOTHING
    if root.group() != "$":
        assigned = re.findall(rf"\b{re.escape(root.group())}\s*=\s*(\$[^=;\n]*)", source)
        if len(assigned) != 1:
            return _NOTHING
        return _value_of(assigned[0].strip() + receiver[root.end() :], source, given)
    value, position = given, root.end()
    while position < len(receiver):
        step = _STEP.match(receiver, position)
        if step is None:
            return _NOTHING
        position = step.end()
        key = next(part for part in step.groups() if part is not None)
        try:
            value = value[int(key)] if isinstance(value, list) else value[key]
        except (KeyError, IndexError, TypeError, ValueError):
            return _NOTHING
    return value
