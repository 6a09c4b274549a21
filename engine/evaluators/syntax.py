"""Whether a script can be parsed or a schema be used, found out without applying any of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from ..models.codec import dumps
from .job import MAX_SCHEMA_BYTES
from .process import SchemaLane

_MEMORY_BYTES: Final = 64 * 1024 * 1024
_STACK_BYTES: Final = 256 * 1024
_SECONDS: Final = 2
_PARSED: Final = "script parsed"
_GIVE_UP: Final = f'throw "{_PARSED}";'

_POSITION = re.compile(r"at <input>:([0-9]+):([0-9]+)")


def check_javascript(source: str) -> str | None:
    """Return the error text of a script that can't be parsed, or None.

    Callable from any thread. A script is parsed as a whole before its first statement runs;
    the first statement put in front of this one gives up, so nothing of the script is run.
    """
    import quickjs  # a native library that most sessions never need

    context = quickjs.Context()
    context.set_memory_limit(_MEMORY_BYTES)
    context.set_max_stack_size(_STACK_BYTES)
    context.set_time_limit(_SECONDS)
    try:
        context.eval(_GIVE_UP + source)
    except UnicodeEncodeError:
        return "SyntaxError: half of a surrogate pair stands alone"
    except quickjs.JSException as error:
        text = str(error)
        return None if text.startswith(_PARSED) else _first_line(text)
    return None


def check_json_schema(schema: Mapping[str, Any]) -> str | None:
    """Return why something is no JSON Schema that can be applied here, or None.

    Callable from any thread. References to other documents are refused, never followed.
    """
    text = dumps(schema)
    if len(text) > MAX_SCHEMA_BYTES:
        return f"It has {len(text)} bytes; the limit is {MAX_SCHEMA_BYTES}."
    try:
        SchemaLane().compiled(text.decode())
    except ValueError as error:
        return str(error)
    return None


def _first_line(error: str) -> str:
    message = error.strip().partition("\n")[0]
    position = _POSITION.search(error)
    if position is None:
        return message
    line, column = int(position[1]), int(position[2])
    if line == 1:
        column = max(1, column - len(_GIVE_UP))
    return f"{message} (line {line}, column {column})"
