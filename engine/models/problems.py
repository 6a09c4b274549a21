"""How problems of definitions and requests are located, worded and handed to the doors."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from ..errors import InvalidRequestError, Problem

VALIDATION_FAILED: Final = "Validation failed, check below errors for detail."
"""Conductor's message above the list of violations."""

_WORD = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*")


def child(path: str, key: str | int) -> str:
    """Return the path one key deeper: ``tasks[2]``, ``a.b`` or ``a['odd key']``."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    if not _WORD.fullmatch(key):
        escaped = key.replace("\\", "\\\\").replace("'", "\\'")
        return f"{path}['{escaped}']"
    return f"{path}.{key}" if path else key


def path_of(keys: Iterable[str | int]) -> str:
    """Return the path of a sequence of keys, outermost first."""
    path = ""
    for key in keys:
        path = child(path, key)
    return path


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``Did you mean 'x'?`` for the known word nearest to a mistaken one, else ``""``."""
    nearest = difflib.get_close_matches(word, list(known), n=1, cutoff=0.7)
    return f"Did you mean '{nearest[0]}'?" if nearest else ""


def found(value: Any) -> str:
    """Return how a sentence names a JSON value: ``null``, ``the text 'abc'``, ``a list``."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text '{value[:40]}…'" if len(value) > 40 else f"the text '{value}'"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, Mapping):
        return "an object"
    return "a list" if isinstance(value, Sequence) else f"a {type(value).__name__}"


def scalar_text(value: Any) -> str | None:
    """Return a rejected value as the wire shows it: scalars as text, anything else None."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def nested(prefix: str, problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems of a part as problems of the whole that holds it at ``prefix``."""

    def join(path: str) -> str:
        return f"{prefix}.{path}" if prefix and path and path[0] != "[" else prefix + path

    return [
        problem._replace(
            path=join(problem.path),
            wire_path=None if problem.wire_path is None else join(problem.wire_path),
        )
        for problem in problems
    ]


def validation_errors(error: InvalidRequestError, argument: str) -> list[dict[str, str]]:
    """Return the ``validationErrors`` of Conductor's error body, each once.

    Args:
        error: The refusal, whose ``problems`` are listed in their order.
        argument: What the paths are relative to, as Conductor names it:
            ``registerWorkflowDef.arg0``, or ``updateWorkflowDef.arg0[3]`` for one of a list.
    """
    errors: list[dict[str, str]] = []
    for problem in nested(argument, error.problems):
        wire_path = problem.path if problem.wire_path is None else problem.wire_path
        entry = {"path": wire_path, "message": problem.message}
        if problem.invalid_value is not None:
            entry["invalidValue"] = problem.invalid_value
        if entry not in errors:
            errors.append(entry)
    return errors
