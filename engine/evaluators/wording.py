"""The words of JavaScript errors as Conductor's engine has them, and the line they happened on."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .callee import not_a_function

OUT_OF_MEMORY = "InternalError: out of memory"

_FRAME = re.compile(
    r"\s*at (?:(?P<function>.+) \()?"
    r"(?:(?P<native>native)|<input>:(?P<line>\d+)(?::(?P<column>\d+))?)"
)
_TOKEN = re.compile(r"SyntaxError: unexpected token: '(.)", re.DOTALL)
_NO_FUNCTION = "TypeError: not a function"
_THROW = re.compile(r"\bthrow\b")
_ACCESS = re.compile(r"TypeError: cannot (read|set) property ")


def script_error(
    message: str | None,
    stack: str | None,
    made: bool = False,
    source: str = "",
    given: Callable[[], Any] = dict,
) -> tuple[str, int | None]:
    """Return the message and the line of what a script threw.

    The line is None when a built-in function threw (``JSON.parse``) or an error that the script
    built itself: Conductor names none then. For a bare value (``throw "no"``) it is that of the
    ``throw``. QuickJS throws null when it has no memory left for an error object.
    """
    if message is None:
        return OUT_OF_MEMORY, None
    if made:
        return message, None
    if stack is None:
        return message, _line_of_throw(source)
    frames = [match for text in (stack or "").splitlines() if (match := _FRAME.match(text))]
    if not frames or frames[0]["native"]:
        return _graal_words(message), None
    first = frames[0]
    if first["function"] is None:
        # A text that can't be parsed: the script itself, or what it handed to a built-in.
        parser = frames[1]["function"] if len(frames) > 1 else None
        if parser != "eval":
            return _json_words(message, first), None
    line = int(first["line"])
    if message == _NO_FUNCTION and first["column"]:
        called = not_a_function(source, line, int(first["column"]), given())
        return called or message, line
    return _graal_words(message), line


def _line_of_throw(source: str) -> int | None:
    """The line of the one ``throw`` of a script; None if there are several to choose from."""
    lines = [n for n, line in enumerate(source.splitlines(), 1) if _THROW.search(line)]
    return lines[0] if len(lines) == 1 else None


def _graal_words(message: str) -> str:
    return _ACCESS.sub(lambda match: f"TypeError: Cannot {match[1]} property ", message)


def _json_words(message: str, frame: re.Match[str]) -> str:
    token = _TOKEN.match(message)
    if token is None:
        return message
    # The frame counts columns; across lines the position can't be told from it.
    known = frame["line"] == "1" and frame["column"]
    where = f" at position {int(frame['column']) - 1}" if known else ""
    return f"SyntaxError: Unexpected token {token[1]} in JSON{where}"
