"""What looks like a typing error in a definition, said before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.core.tasks.registry import TASK_TYPES
from engine.errors import InvalidRequestError
from engine.models.definitions import WorkflowDef
from engine.models.hints import definition_hints


def hints_of(definition: WorkflowDef | Mapping[str, Any]) -> list[dict[str, str]]:
    """Return notes on a workflow definition: ``{path, message}`` each. They refuse nothing.

    Args:
        definition: The definition, also in wire form; what is none has no notes.
    """
    if not isinstance(definition, WorkflowDef):
        try:
            definition = WorkflowDef.from_wire(definition)
        except InvalidRequestError:
            return []
    return [
        {"path": hint.path, "message": " ".join(filter(None, (hint.message, hint.suggestion)))}
        for hint in definition_hints(definition, TASK_TYPES)
    ]
