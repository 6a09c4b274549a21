"""Notes on a definition that refuse nothing: what looks like a typing error.

Conductor accepts all of it: an unknown key is kept and has no effect, an unknown task type is a
worker's own, an expression that names no task gives null. Each shows only when the execution goes
wrong. A note is given where there is a known name that resembles the one that was written.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any, Final

from ..errors import Problem
from .base import wire_names
from .definitions import WorkflowDef, WorkflowTask
from .problems import child, did_you_mean, nested

_EXPRESSION: Final = re.compile(r"(?<!\$)\$\{\s*([^.\[\]{}$\s]+)\s*[.\[]")
"""The name that an expression begins with; an escaped one (``$${…}``) is none."""
_ROOT: Final = "workflow"


def definition_hints(definition: WorkflowDef, task_types: Collection[str] = ()) -> list[Problem]:
    """Return notes on a definition, each with its path and a suggestion, in order of the tasks.

    Args:
        definition: One that may be registered. Definitions inlined in it are not looked into.
        task_types: Names of the types that the engine knows; none: types are not looked at.
    """
    hints = list(_key_hints(definition, definition.unknown_keys))
    references = {task.task_reference_name for _, task in definition.walk()}
    sources = {*references, _ROOT}
    for path, task in definition.walk():
        found = [
            *_key_hints(task, task.unknown_keys),
            *_type_hints(task, task_types),
            *_join_hints(task, references),
            *_reference_hints("inputParameters", task.input_parameters, sources),
        ]
        hints += nested(path, found)
    hints += _reference_hints("outputParameters", definition.output_parameters, sources)
    return hints


def _key_hints(part: WorkflowDef | WorkflowTask, keys: Collection[str]) -> Iterator[Problem]:
    known = [alias for _, alias in wire_names(type(part))]
    for key in keys:
        if meant := did_you_mean(key, known):
            yield Problem(key, "This key is kept but has no effect.", meant)


def _type_hints(task: WorkflowTask, task_types: Collection[str]) -> Iterator[Problem]:
    if task.type in task_types:
        return
    if meant := did_you_mean(task.type.upper(), task_types):
        message = f"'{task.type}' is no type of the engine: it waits for a worker of that name."
        yield Problem("type", message, meant)


def _join_hints(task: WorkflowTask, references: Collection[str]) -> Iterator[Problem]:
    for index, name in enumerate(task.join_on):
        if name not in references:
            message = f"The JOIN waits for '{name}', which no task is called."
            yield Problem(f"joinOn[{index}]", message, did_you_mean(name, references))


def _reference_hints(path: str, value: Any, sources: Collection[str]) -> Iterator[Problem]:
    """Expressions that begin with the name of no task; a fork made at run time may have them."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _reference_hints(child(path, str(key)), item, sources)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _reference_hints(child(path, index), item, sources)
    elif isinstance(value, str) and "${" in value:
        for name in dict.fromkeys(_EXPRESSION.findall(value)):
            if name not in sources and (meant := did_you_mean(name, sources)):
                message = f"'${{{name}…}}' names no task of this workflow and gives null."
                yield Problem(path, message, meant)
