"""What is particular to jq: words that reach out of a program, and the shape of its numbers."""

from __future__ import annotations

import re
from typing import Any, Final

_FORBIDDEN: Final = frozenset(
    {"import", "include", "modulemeta", "get_search_list", "env", "$ENV", "$__prog_args"}
    | {"input", "inputs", "input_filename", "input_line_number"}
    | {"debug", "stderr", "halt", "halt_error"}
)
_TOKEN = re.compile(
    r"""
    \#[^\n]*                                              # a comment
    | (?P<field>\.\s*)? (?P<word>\$?(?:\w+::)*[A-Za-z_]\w*)
    | (?P<symbol>\S)
    """,
    re.VERBOSE,
)
_IN_TEXT = re.compile(r'\\\(|\\.|"', re.DOTALL)
_CLOSING: Final = ("]", "}", ")")


def forbidden_word(program: str) -> str | None:
    """Return the first word of a jq program that would reach files, environment or the process.

    Field names (``.env``), keys (``{env: 1}``, ``{id, env}``), texts and comments are not words;
    programs inside texts (``"\\(env)"``) are searched. Conductor's dialect has none of these.
    """
    position = 0
    open_brackets: list[str] = []
    previous = ""
    while (match := _TOKEN.search(program, position)) is not None:
        position = match.end()
        word, symbol = match["word"], match["symbol"]
        if word is not None:
            is_key = open_brackets[-1:] == ["{"] and previous in ("{", ",")
            is_name = match["field"] is not None or (is_key and not word.startswith("$"))
            if word in _FORBIDDEN and not is_name:
                return word
        elif symbol == '"':
            position = _text_end(program, position, open_brackets)
        elif symbol in ("(", "[", "{"):
            open_brackets.append(symbol)
        elif symbol in _CLOSING and open_brackets and open_brackets.pop() == "text":
            position = _text_end(program, position, open_brackets)
        previous = symbol or word or previous
    return None


def with_whole_numbers(value: Any) -> Any:
    """Return a jq result as Conductor shows it: 5.0 is 5."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [with_whole_numbers(item) for item in value]
    if isinstance(value, dict):
        return {key: with_whole_numbers(item) for key, item in value.items()}
    return value


def _text_end(program: str, position: int, open_brackets: list[str]) -> int:
    """Where a text goes on as program: behind its end, or inside its ``\\(``."""
    while (match := _IN_TEXT.search(program, position)) is not None:
        position = match.end()
        if match.group() == '"':
            return position
        if match.group() == "\\(":
            open_brackets.append("text")
            return position
    return len(program)
