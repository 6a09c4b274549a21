"""What every wire model shares: both spellings in, camelCase out, unknown keys kept.

A key is on the wire unless its value is null. Fields whose type has no null are therefore
always there; a container or number that came as null is left out again, or is 0, as in
Conductor (HTTP reference §1.2, §3).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from functools import cache
from types import NoneType
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, PrivateAttr, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from ..errors import InvalidRequestError, Problem
from .problems import found, nested, path_of, scalar_text

_PLAIN = frozenset({str, int, float, bool, NoneType})
_NOTHING: frozenset[str] = frozenset()
_EXPECTED = {
    "model_type": "an object",
    "model_attributes_type": "an object",
    "dict_type": "an object",
    "list_type": "a list",
    "string_type": "a text",
    "int_type": "a whole number",
    "bool_type": "true or false",
}
UNION_TAGS = frozenset({"<definition>", "<expression>"})
"""Labels that tagged unions add to the location of an error; never part of a path."""


class WireModel(BaseModel):
    """A JSON object of Conductor's API: snake_case attributes, camelCase on the wire."""

    model_config = ConfigDict(
        extra="allow",
        alias_generator=to_camel,
        populate_by_name=True,
        protected_namespaces=(),
    )
    wire_title: ClassVar[str] = "object"
    """What a refusal calls the object."""
    wire_nulls: ClassVar[frozenset[str]] = frozenset()
    """Fields written as a literal null instead of being left out."""
    refused_with: ClassVar[type[InvalidRequestError]] = InvalidRequestError

    _null_fields: frozenset[str] = PrivateAttr(default=_NOTHING)

    def __str__(self) -> str:
        """The short form: printing an execution must not print all its payloads."""
        return repr(self)

    @model_validator(mode="wrap")
    @classmethod
    def _remember_nulls(cls, data: Any, handler: Any) -> Any:
        model = handler(cls._read_old_spelling(data))
        if data.__class__ is dict and None in data.values():
            model._null_fields = frozenset(
                name for name, alias in wire_names(cls) if _is_null(data, name, alias)
            )
        return model

    @classmethod
    def _read_old_spelling(cls, data: Any) -> Any:
        """Return the object with keys of former versions renamed; ``data`` is left alone."""
        return data

    @classmethod
    def from_wire(cls, data: Any) -> Self:
        """Return the model of a JSON object; keys in either spelling, unknown ones kept.

        Raises:
            InvalidRequestError: (definitions: InvalidDefinitionError) A value has a type that
                Conductor refuses; ``problems`` names each place.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise cls._refusal(error) from None

    @classmethod
    def list_from_wire(cls, data: Any) -> list[Self]:
        """Return the models of a JSON list; like ``from_wire``, with paths such as ``[3].name``."""
        if not isinstance(data, list):
            message = f"expected a list, found {found(data)}"
            title = f"The list of {cls.wire_title}s can't be read: {message}"
            raise cls.refused_with(title, [Problem("", message)])
        models = []
        for index, item in enumerate(data):
            try:
                models.append(cls.model_validate(item))
            except ValidationError as error:
                raise cls._refusal(error, f"[{index}]") from None
        return models

    def to_wire(self, keep_unknown: bool = True) -> dict[str, Any]:
        """Return the JSON object, sharing nothing with the model.

        Args:
            keep_unknown: Also write the keys that no field stands for. Conductor's server drops
                them when it stores a definition.
        """
        values = self.__dict__
        nulls = self._null_fields
        wire: dict[str, Any] = {}
        for name, alias in wire_names(self.__class__):
            value = values[name]
            kind = value.__class__
            if value is None:
                if name in self.wire_nulls:
                    wire[alias] = None
            elif kind is int or kind is bool:
                wire[alias] = value
            elif value or (name not in nulls and (kind is not str or self.is_given(name))):
                wire[alias] = value if kind is str else _plain(value, keep_unknown)
        if keep_unknown and self.__pydantic_extra__:
            for key, value in self.__pydantic_extra__.items():
                wire[key] = _plain(value, True)
        return wire

    def is_given(self, name: str) -> bool:
        """Whether a field has a value: it came as one that is not null, or has a default."""
        if name in self._null_fields:
            return False
        value = self.__dict__[name]
        return value not in (None, "") or name in self.__pydantic_fields_set__

    @property
    def unknown_keys(self) -> tuple[str, ...]:
        """Keys of the JSON object that no field stands for, in their order."""
        return tuple(self.__pydantic_extra__ or ())

    @classmethod
    def _refusal(cls, error: ValidationError, at: str = "") -> InvalidRequestError:
        problems = nested(at, [_problem(item) for item in error.errors(include_url=False)])
        first = problems[0]
        where = f"{first.path}: " if first.path else ""
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        text = f"The {cls.wire_title} can't be read: {where}{first.message}{more}"
        return cls.refused_with(text, problems)


@cache
def wire_names(model: type[WireModel]) -> tuple[tuple[str, str], ...]:
    """Return (attribute, wire key) of every field, in the order of the class."""
    return tuple((name, info.alias or name) for name, info in model.model_fields.items())


def _is_null(data: Mapping[str, Any], name: str, alias: str) -> bool:
    key = alias if alias in data else name
    return key in data and data[key] is None


def _plain(value: Any, keep_unknown: bool) -> Any:
    kind = value.__class__
    if kind in _PLAIN:
        return value
    if kind is dict:
        return {key: _plain(item, keep_unknown) for key, item in value.items()}
    if kind is list:
        return [_plain(item, keep_unknown) for item in value]
    if isinstance(value, WireModel):
        return value.to_wire(keep_unknown)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {key: _plain(item, keep_unknown) for key, item in value.items()}
    if isinstance(value, tuple | set | frozenset):
        return [_plain(item, keep_unknown) for item in value]
    return value


def _problem(details: ErrorDetails) -> Problem:
    path = path_of(part for part in details["loc"] if part not in UNION_TAGS)
    value = details.get("input")
    expected = _EXPECTED.get(details["type"])
    message = f"expected {expected}, found {found(value)}" if expected else details["msg"]
    return Problem(
        path, message, str(details.get("ctx", {}).get("suggestion", "")), scalar_text(value)
    )
