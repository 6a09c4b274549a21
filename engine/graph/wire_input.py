"""What the functions of this package accept: wire dicts, or models with ``to_wire``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import InvalidRequestError


def wire_of(thing: Any) -> dict[str, Any]:
    """The wire dict of a definition or execution.

    Raises:
        InvalidRequestError: It is neither a dict nor a model.
    """
    to_wire = getattr(thing, "to_wire", None)
    found = to_wire() if callable(to_wire) else thing
    if not isinstance(found, Mapping):
        raise InvalidRequestError(
            f"A workflow definition or an execution is needed, not {type(thing).__name__}."
        )
    return dict(found)


def is_execution(wire: Mapping[str, Any]) -> bool:
    """Whether a wire dict is an execution; otherwise it is a definition."""
    return "workflowId" in wire or "workflowDefinition" in wire


def definition_in(wire: Mapping[str, Any]) -> dict[str, Any]:
    """The definition of an execution, or the definition itself."""
    if not is_execution(wire):
        return dict(wire)
    return dict(wire.get("workflowDefinition") or {"name": wire.get("workflowName"), "tasks": []})
