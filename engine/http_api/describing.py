"""How a route is described: its parameters, its body, its answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

Schema = Mapping[str, Any]
Kind = Literal["text", "texts", "number", "flag"]

TEXT_BODY: Final[Schema] = {"type": "string"}


class Parameter(NamedTuple):
    """One query parameter."""

    name: str
    kind: Kind
    text: str
    default: Any = None
    required: bool = False
    values: tuple[str, ...] = ()
    """The values it may have; empty for any."""
    least: int | None = None
    most: int | None = None


class Document(NamedTuple):
    """What one route takes and answers."""

    query: tuple[Parameter, ...] = ()
    body: Schema | None = None
    body_type: str = "application/json"
    body_required: bool = True
    answer: Schema | None = None
    """Schema of a 200; None when it has no body."""
    answer_type: str = "application/json"
    statuses: tuple[int, ...] = (200,)
    """How it succeeds."""
    errors: tuple[int, ...] = ()
    """Errors beyond those that every route has."""
    plain_errors: tuple[int, ...] = ()
    """Errors told as bare text, as the real server does here."""
    bare_errors: tuple[int, ...] = ()
    """Errors without a body."""


def model(name: str) -> Schema:
    """A reference to a schema of ``openapi.MODELS``."""
    return {"$ref": f"#/components/schemas/{name}"}


def many(schema: Schema) -> Schema:
    """A list of these."""
    return {"type": "array", "items": schema}


def by_name(schema: Schema) -> Schema:
    """An object with these as values."""
    return {"type": "object", "additionalProperties": schema}


def page_of(name: str) -> Schema:
    """A page of a search."""
    return {
        "type": "object",
        "properties": {"totalHits": {"type": "integer"}, "results": many(model(name))},
        "required": ["totalHits", "results"],
    }


def text(name: str, meaning: str, **more: Any) -> Parameter:
    """A text parameter."""
    return Parameter(name, "text", meaning, **more)


def texts(name: str, meaning: str, **more: Any) -> Parameter:
    """A list: the key repeated, or values with commas."""
    return Parameter(name, "texts", meaning, **more)


def number(name: str, meaning: str, default: int | None = None, **more: Any) -> Parameter:
    """A whole number."""
    return Parameter(name, "number", meaning, default, **more)


def flag(name: str, meaning: str, default: bool = False) -> Parameter:
    """True or false, in any spelling that Conductor takes."""
    return Parameter(name, "flag", meaning, default)
