"""Rules about the expressions in the input parameters of a task."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, NamedTuple

from ..errors import Problem
from .json_path import path_error
from .problems import child, did_you_mean

SYSTEM_PARAMETERS: Final = frozenset({"CPEWF_TASK_ID", "NETFLIX_ENV", "NETFLIX_STACK"})
"""Names that stand for themselves in an expression, without a task of that name."""

# An expression begins at ${ unless that is escaped ($${), and ends with the next brace. Of
# nested expressions only the inner one is a whole piece; Conductor checks no more than that.
_PIECES = re.compile(r"(?=(?<!\$)\$\{)|(?<=\})")


class Place(NamedTuple):
    """Whose inputs are looked at and which names they may use."""

    task_name: str
    references: Collection[str]


def input_problems(inputs: Mapping[str, Any], path: str, place: Place) -> Iterator[Problem]:
    """Yield what is wrong with the expressions in one map of inputs, at any depth."""
    for key, value in inputs.items():
        yield from _value_problems(key, value, child(path, key), place)


def _value_problems(key: str, value: Any, path: str, place: Place) -> Iterator[Problem]:
    if isinstance(value, str):
        if "${" in value:
            yield from _text_problems(key, value, path, place)
    elif isinstance(value, dict):
        yield from input_problems(value, path, place)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _value_problems(key, item, child(path, index), place)


def _text_problems(key: str, value: str, path: str, place: Place) -> Iterator[Problem]:
    for piece in _PIECES.split(value):
        if not (piece.startswith("${") and piece.endswith("}")):
            continue
        expression = piece[2:-1]
        reason = path_error(expression)
        if reason is not None:
            message = f"key: {key} input parameter value: {expression} is not valid"
            yield Problem(path, message, f"Correct the path: {reason}.", wire_path="")
            continue
        source = expression.split(".", 1)[0]
        if source == "workflow" or source in place.references or expression in SYSTEM_PARAMETERS:
            continue
        message = (
            f"taskReferenceName: {source} for given task: {place.task_name} input value: {key}"
            f" of input parameter: {value} is not defined in workflow definition."
        )
        hint = did_you_mean(source, [*place.references, "workflow"])
        yield Problem(path, message, hint, wire_path="")
