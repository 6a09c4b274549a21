"""Schemas of inputs and outputs: which one counts, and what is said when a payload does not fit.

Rules of this file
  1. A payload is looked at outside the core, like any script (evaluator ``json-schema``): the
     outcome is recorded, so a replay never validates again.
  2. An execution keeps the schemas it began with: they stand in its definition snapshot.
  3. A schema that can't be used (another language, no text) fails what it was to protect and
     says so; one that is only a name nobody registered checks nothing (as in Conductor).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from ..models.codec import dumps
from ..models.problems import found, path_of

EVALUATOR: Final = "json-schema"
MOST_PROBLEMS: Final = 5
"""Problems that a reason names one by one."""


class SchemaCheck(msgspec.Struct, frozen=True):
    """A schema that is enforced."""

    name: str
    version: int
    text: str
    """The JSON Schema as JSON; empty where it can't be used."""
    fault: str = ""
    """Why it can't be used."""

    @property
    def title(self) -> str:
        """How messages name it."""
        return f"schema '{self.name}' version {self.version}"


def enforced_schema(wire: Mapping[str, Any], key: str, by_default: bool) -> SchemaCheck | None:
    """What a definition enforces for its input or output; None: nothing.

    Args:
        wire: A workflow or task definition.
        key: ``inputSchema`` or ``outputSchema``.
        by_default: What ``enforceSchema`` is where it is not given.
    """
    schema = wire.get(key)
    enforced = wire.get("enforceSchema")
    if not isinstance(schema, dict) or not (by_default if enforced is None else enforced):
        return None
    name, version = str(schema.get("name") or key), int(schema.get("version") or 1)
    kind, data = schema.get("type"), schema.get("data")
    if not data and not schema.get("externalRef"):
        return None  # a name that nobody has registered
    if kind != "JSON":
        fault = f"its type is {found(kind)}; only JSON schemas are checked here"
    elif not isinstance(data, dict) or not data:
        fault = "it has no data, and what externalRef names is not fetched"
    else:
        return SchemaCheck(name, version, dumps(data).decode())
    return SchemaCheck(name, version, "", fault)


def refusal(what: str, check: SchemaCheck, value: Any, outcome: Mapping[str, Any]) -> str | None:
    """Why a payload is refused; None: it fits.

    Args:
        what: The payload as a sentence begins with it: ``Input of task 'charge'``.
        check: The schema.
        value: The payload as it is recorded; secrets are still references in it.
        outcome: What the evaluator said: ``result`` a list of (path, keyword, parameters).
    """
    if "error" in outcome:
        return f"{what} could not be checked against {check.title}: {outcome['error']['message']}"
    problems: Sequence[Any] = outcome.get("result") or ()
    if not problems:
        return None
    named = [_problem(value, *problem) for problem in problems[:MOST_PROBLEMS]]
    more = len(problems) - len(named)
    tail = f"; and {more} more" if more > 0 else ""
    return f"{what} does not fit {check.title}: {'; '.join(named)}{tail}"


def unusable(what: str, check: SchemaCheck) -> str:
    """What is said where a schema itself is at fault."""
    return f"{what} could not be checked against {check.title}: {check.fault}"


def _problem(value: Any, path: list[str | int], keyword: str, given: dict[str, Any]) -> str:
    if keyword == "required":
        path = [*path, given.get("property", "")]
        return f"{path_of(path)}: found nothing, expected a value"
    at = path_of(path) or "the whole"
    if keyword in ("additionalProperties", "unevaluatedProperties"):
        keys = ", ".join(f"'{str(key)[:40]}'" for key in given.get("unexpected") or ())
        return f"{at}: found {keys or 'more keys'}, expected no other keys"
    return f"{at}: found {_found(value, path)}, expected {_expected(keyword, given)}"


def _found(value: Any, path: Sequence[str | int]) -> str:
    for key in path:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return "another value"  # a secret, which only the evaluator has seen
    return found(value)


_LIMITS: Final = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}",
    "multipleOf": "a multiple of {}",
    "minLength": "a text of at least {} characters",
    "maxLength": "a text of at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "minProperties": "at least {} keys",
    "maxProperties": "at most {} keys",
    "pattern": "a text that matches {}",
    "format": "the format {}",
    "const": "{}",
}


def _expected(keyword: str, given: Mapping[str, Any]) -> str:
    if keyword == "type":
        return "type " + " or ".join(map(str, given.get("types") or ("another",)))
    if keyword == "enum":
        return "one of " + _short(given.get("options"))
    if keyword == "anyOf":
        return "one of several forms (anyOf)"
    if keyword == "oneOf":
        return "exactly one of several forms (oneOf)"
    if keyword == "uniqueItems":
        return "items that differ"
    words = _LIMITS.get(keyword)
    values = list(given.values())
    return words.format(_short(values[0])) if words and values else f"what '{keyword}' asks for"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else dumps(value).decode()
    return text if len(text) <= 80 else f"{text[:80]}…"
