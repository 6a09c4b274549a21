"""Pictures of workflows as SVG text, drawn by the front end's own code.

One layout, two hosts: ``frontend/dist/picture.js`` holds the layout and drawing of the page and
runs here in an embedded JavaScript engine. It is our own code; nothing from outside is executed.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from .structure import DefinitionOf, blocks_of

DIST: Final = Path(__file__).parent.parent / "frontend" / "dist"
"""Committed modules of the front end."""

_MEMORY_BYTES: Final = 512 * 1024 * 1024
_STACK_BYTES: Final = 1024 * 1024
_contexts = threading.local()

Theme = Literal["light", "dark"]


def definition_picture(
    definition: Mapping[str, Any],
    *,
    definition_of: DefinitionOf | None = None,
    theme: Theme = "light",
    limit: int = 300,
) -> str:
    """Return the SVG text of a definition.

    Args:
        definition: A WorkflowDef in wire form.
        definition_of: Finds the definitions of sub-workflows, to draw what is inside them.
        theme: The colours that are written into the picture.
        limit: About how many boxes to draw; larger definitions have blocks closed.

    Returns:
        One ``<svg>`` element with its styles, a title and a description. Safe to embed: all
        text from the definition is escaped.
    """
    name = str(definition.get("name") or "workflow")
    return draw(
        {"blocks": blocks_of(definition, definition_of), "name": name},
        theme=theme,
        limit=limit,
    )


def execution_picture(
    view_data: Mapping[str, Any], *, theme: Theme = "light", limit: int = 300
) -> str:
    """Return the SVG text of an execution as it stands after its last event.

    Args:
        view_data: What ``studio.views.view_data.view_data`` gives.
        theme: The colours that are written into the picture.
        limit: About how many boxes to draw; the way to a failure is always open.
    """
    title = f"{view_data['name']}, {str(view_data['status']).lower().replace('_', ' ')}"
    return draw({"data": view_data, "title": title}, theme=theme, limit=limit)


def draw(request: Mapping[str, Any], *, theme: Theme = "light", limit: int = 300) -> str:
    """Return the SVG text of a request in the shape of ``PictureRequest`` of picture.ts."""
    return _call("picture", {**request, "theme": theme, "limit": limit})


def boxes(request: Mapping[str, Any], *, limit: int = 300) -> Sequence[Sequence[Any]]:
    """Return the boxes of a drawing: id, shape, x, y, width, height, depth and container."""
    found: Sequence[Sequence[Any]] = json.loads(_call("boxes", {**request, "limit": limit}))
    return found


def _call(function: str, request: Mapping[str, Any]) -> str:
    return str(_context()[function](json.dumps(request)))


def _context() -> dict[str, Any]:
    """The functions of picture.js in this thread's engine. A context belongs to one thread."""
    functions: dict[str, Any] | None = getattr(_contexts, "functions", None)
    if functions is None:
        import quickjs  # a native library that most sessions never need

        context = quickjs.Context()
        context.set_memory_limit(_MEMORY_BYTES)
        context.set_max_stack_size(_STACK_BYTES)
        context.eval((DIST / "picture.js").read_text(encoding="utf-8"))
        functions = {name: context.eval(f"studio_picture.{name}") for name in ("picture", "boxes")}
        functions["context"] = context  # kept alive with its functions
        _contexts.functions = functions
    return functions
