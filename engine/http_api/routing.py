"""Which function answers a method and a path.

Rules of this file
  1. A path is cut at its slashes first and decoded afterwards: ``%2F`` is part of a name.
  2. A literal segment beats a variable one, but only among routes that have the method:
     ``POST /workflow/search`` starts the workflow named ``search``.
  3. No route for the path: 404. A route, but not for this method: 405.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

if TYPE_CHECKING:
    from .answers import Answer, Stream

Endpoint = Callable[..., "Awaitable[Answer | Stream]"]
"""``async def endpoint(call, *variables of the path) -> Answer``, or a ``Stream``."""


class Route(NamedTuple):
    """One documented route: ``{name}`` in the path is a variable segment."""

    method: str
    path: str
    endpoint: Endpoint
    argument: str = ""
    """What ``path`` in ``validationErrors`` is relative to: Conductor's method and argument."""
    is_endless: bool = False
    """Whether the answer is a ``Stream``."""
    at_once: Callable[..., Answer | None] | None = None
    """Like ``endpoint``, but asked first and without waiting; None: the endpoint has to do it."""


class Match(NamedTuple):
    """A route that fits, with the decoded variables of its path in order."""

    route: Route
    variables: list[str]


class _Node:
    __slots__ = ("literals", "routes", "variable")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.variable: _Node | None = None
        self.routes: dict[str, Route] = {}


class Router:
    """All routes of a door as a tree of path segments. Immutable once built."""

    def __init__(self, routes: Iterable[Route]) -> None:
        """Build the tree; a method and path may be given once only."""
        self._root = _Node()
        for route in routes:
            node = self._root
            for segment in route.path.split("/")[1:]:
                if segment.startswith("{"):
                    node.variable = node.variable or _Node()
                    node = node.variable
                else:
                    node = node.literals.setdefault(segment, _Node())
            if route.method in node.routes:
                raise ValueError(f"Two routes for {route.method} {route.path}.")
            node.routes[route.method] = route

    def match(self, method: str, path: str) -> Match | None:
        """The route for a raw (still percent-encoded) path, or None."""
        wanted = "GET" if method == "HEAD" else method
        for node, variables in _nodes(self._root, path.split("/"), 1, []):
            route = node.routes.get(wanted)
            if route is not None:
                return Match(route, [unquote(v) if "%" in v else v for v in variables])
        return None

    def methods(self, path: str) -> list[str]:
        """Methods that some route has for the path, sorted; empty for an unknown path."""
        found: set[str] = set()
        for node, _ in _nodes(self._root, path.split("/"), 1, []):
            found.update(node.routes)
        if "GET" in found:
            found.add("HEAD")
        return sorted(found | {"OPTIONS"}) if found else []


def _nodes(
    node: _Node, segments: list[str], position: int, variables: list[str]
) -> Iterator[tuple[_Node, list[str]]]:
    """Nodes that fit the segments, literals before variables at every step."""
    if position == len(segments):
        yield node, variables
        return
    segment = segments[position]
    literal = node.literals.get(segment)
    if literal is not None:
        yield from _nodes(literal, segments, position + 1, variables)
    if node.variable is not None and segment:
        yield from _nodes(node.variable, segments, position + 1, [*variables, segment])
