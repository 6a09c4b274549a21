"""``${…}``: how a template becomes the input of a task (semantics reference §4).

Rules of this file
  1. Values inside maps and lists are resolved at any depth; keys and other values never are.
  2. A text that is exactly one expression becomes the value itself; any other text gets the
     Java text form of each value.
  3. Inner expressions come first and only lend their text to the path of the outer one.
  4. What an expression brings in is data: it is not searched for expressions again.
  5. Secrets stay literal here; ``substitute_secrets`` fills them in when a task is handed off.
     A secret's name is taken from the template as written, never from data.
  6. Every expression that fills something, a secret included, leaves a note of where from.

Conductor also replaces a path that equals the name of an environment variable or system property
of its server (``${HOME}``). That is deliberately not copied: it shows any author of a definition
the server's own environment. Such a path is read like any other, so it gives null.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple, Protocol

from ..models import codec
from .java_text import java_text, path_list_text
from .jsonpath import compiled, read
from .leaf_path import LeafPath, format_leaf

__all__ = [
    "TASK_ID_NAME",
    "Resolution",
    "Scope",
    "apply_input_template",
    "expressions_in",
    "java_text",
    "resolve",
    "substitute_secrets",
]

TASK_ID_NAME: Final = "CPEWF_TASK_ID"
_SECRET_PREFIX: Final = "workflow.secrets."
_ENVIRONMENT_PREFIX: Final = "workflow.env."
_MISSING: Final = object()
_LITERAL: Final = object()
_MAX_NESTING: Final = 20
_BRACE = re.compile("[{}]")
_SECRET = re.compile(r"\$\{workflow\.secrets\.([^}]*)\}")
_VARIABLE = re.compile(r"variables\.([^.\[\]\s]+)")


class Scope(Protocol):
    """What expressions can see: one execution at one moment."""

    document: Mapping[str, Any]
    """Roots ``workflow`` and every task reference (§4.5)."""
    environment: Mapping[str, str]
    """Values of ``workflow.env.*``."""
    task_id: str | None
    """What ``${CPEWF_TASK_ID}`` becomes; None where there is no task of its own."""

    def source_of(self, root: str) -> tuple[str | None, int]:
        """Task id and event number that the values under a root came from.

        ``root`` is a key of the document, or ``workflow.variables.<name>`` for a variable.
        ``("", n)`` means the execution itself, ``(None, 0)`` that nobody has written it.
        """


class Resolution(NamedTuple):
    """A resolved template and where its values came from."""

    value: Any
    origins: list[dict[str, Any]]
    """One entry per expression, in order of appearance: ``path`` (where in ``value``),
    ``expression`` (as written), ``source`` (root), ``source_task_id``, ``source_event``,
    ``source_path`` (below the root) and ``fallback``: True where the path led nowhere and null
    was used; absent otherwise."""


def resolve(template: Any, scope: Scope) -> Resolution:
    """Return a template with its expressions replaced by values of a scope.

    Pure. Containers of the template are copied, values of the document are shared. Costs grow
    with the template, not with the values it brings in.
    """
    resolver = _Resolver(scope)
    return Resolution(resolver.resolve(template, ()), resolver.origins)


def text_where_alone(template: Any, value: Any) -> str:
    """The text of what a template resolved to: Java's, but JSON for what an indefinite path found.

    Such a path (``$.items[*].id``, filters, slices) gives Jayway's own kind of list, which knows
    to write itself; the same list from a worker does not.
    """
    only = _parsed(template).only_expression if isinstance(template, str) else None
    if only is not None and isinstance(value, list):
        path = "".join(part if isinstance(part, str) else part.text for part in only.path.parts)
        if not compiled(path).definite:
            return path_list_text(value)
    return java_text(value)


def apply_input_template(
    value: Mapping[str, Any], input_template: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a resolved input whose null or missing keys come from a task's inputTemplate.

    The caller has merged the template under the parameters and resolved both. A key that is null
    all the same gets the template's value as it stands, expressions unresolved: Conductor does
    the same.
    """
    filled = {key: item for key, item in input_template.items() if value.get(key) is None}
    return {**value, **filled}


def substitute_secrets(value: Any, secrets: Mapping[str, str]) -> Any:
    """Return a value with ``${workflow.secrets.NAME}`` replaced, for the moment of hand-off only.

    A missing secret is null where it is the whole text, empty inside a longer one. With a path
    behind the name (``NAME.key``) the secret has to be JSON text. Parts without a secret are
    shared with the original, which is never changed.
    """
    if isinstance(value, str):
        return _with_secrets(value, secrets) if _SECRET_PREFIX in value else value
    if isinstance(value, dict):
        changed = {
            key: new
            for key, old in value.items()
            if (new := substitute_secrets(old, secrets)) is not old
        }
        return {**value, **changed} if changed else value
    if isinstance(value, list):
        items = [substitute_secrets(item, secrets) for item in value]
        if any(new is not old for new, old in zip(items, value, strict=True)):
            return items
    return value


def expressions_in(template: Any) -> list[str]:
    """Return the text between ``${`` and ``}`` of every expression, outer before inner.

    Escaped ones (``$${x}``) and unbalanced ones are not expressions.
    """
    found: list[str] = []
    _collect_expressions(template, found)
    return found


# -- the grammar -----------------------------------------------------------------------------


class _Expression(NamedTuple):
    """One ``${…}``: its text as written and the template of its path."""

    text: str
    path: _Text
    written: str | None
    """The path, where no expression inside it lends it text."""


class _Text(NamedTuple):
    """A text with expressions: literal pieces and expressions in turn."""

    parts: tuple[str | _Expression, ...]
    only_expression: _Expression | None
    """The expression, if the text is nothing but it."""


@lru_cache(maxsize=4096)
def _parsed(text: str) -> _Text:
    return _parse(text, 0)


def _parse(text: str, depth: int) -> _Text:
    parts: list[str | _Expression] = []
    literal_start = position = 0
    while (start := text.find("${", position)) >= 0:
        if start and text[start - 1] == "$":
            position = start + 2
            continue
        end = _closing_brace(text, start + 2)
        if end < 0 or depth > _MAX_NESTING:
            break
        if start > literal_start:
            parts.append(text[literal_start:start])
        path = _parse(text[start + 2 : end], depth + 1)
        parts.append(_Expression(text[start : end + 1], path, _written(path)))
        literal_start = position = end + 1
    if literal_start < len(text) or not parts:
        parts.append(text[literal_start:])
    only = parts[0] if len(parts) == 1 else None
    return _Text(tuple(parts), only if isinstance(only, _Expression) else None)


def _written(path: _Text) -> str | None:
    pieces = [part for part in path.parts if isinstance(part, str)]
    return _unescaped("".join(pieces)) if len(pieces) == len(path.parts) else None


def _unescaped(text: str) -> str:
    return text.replace("$${", "${")


def _closing_brace(text: str, position: int) -> int:
    """Where the brace closes that was opened before ``position``, or -1."""
    depth = 1
    for match in _BRACE.finditer(text, position):
        depth += 1 if match.group() == "{" else -1
        if depth == 0:
            return match.start()
    return -1


def _collect_expressions(template: Any, found: list[str]) -> None:
    if isinstance(template, str):
        if "${" in template:
            _collect_from_text(_parsed(template), found)
    elif isinstance(template, dict):
        for item in template.values():
            _collect_expressions(item, found)
    elif isinstance(template, list):
        for item in template:
            _collect_expressions(item, found)


def _collect_from_text(text: _Text, found: list[str]) -> None:
    for part in text.parts:
        if isinstance(part, _Expression):
            found.append(part.text[2:-1])
            _collect_from_text(part.path, found)


# -- resolving -------------------------------------------------------------------------------


class _Resolver:
    """One pass over one template."""

    __slots__ = ("_scope", "origins")

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self.origins: list[dict[str, Any]] = []

    def resolve(self, template: Any, place: LeafPath) -> Any:
        if isinstance(template, str):
            if "${" not in template:
                return template
            text = _parsed(template)
            only = text.only_expression
            if only is not None:
                value, _ = self._value(only, place)
                return only.text if value is _LITERAL else value
            return self._text(text, place)
        if isinstance(template, dict):
            return {key: self.resolve(item, (*place, key)) for key, item in template.items()}
        if isinstance(template, list):
            return [self.resolve(item, (*place, index)) for index, item in enumerate(template)]
        return template

    def _text(self, text: _Text, place: LeafPath) -> str:
        pieces: list[str] = []
        for part in text.parts:
            if isinstance(part, str):
                pieces.append(part)
                continue
            value, definite = self._value(part, place)
            if value is _LITERAL:
                pieces.append(part.text)
            elif definite:
                pieces.append(java_text(value))
            else:
                # Jayway's own list type, the result of an indefinite path, writes itself as JSON.
                pieces.append(path_list_text(value))
        return _unescaped("".join(pieces))

    def _value(self, expression: _Expression, place: LeafPath) -> tuple[Any, bool]:
        """The value of an expression, and whether its path is definite.

        The value is ``_LITERAL`` where the expression has to stay as it is written.
        """
        if expression.text.startswith(_SECRET_PREFIX, 2):
            below = expression.text[2:-1].removeprefix("workflow.")
            self._note(expression, place, "workflow", (None, 0), below, found=True)
            return _LITERAL, True
        path = expression.written
        if path is None:
            path = self._text(expression.path, place)
        if not path.strip():
            return "", True
        if path == TASK_ID_NAME:
            if self._scope.task_id is None:
                return _LITERAL, True
            self._note(expression, place, TASK_ID_NAME, (None, 0), "", found=True)
            return self._scope.task_id, True
        if path.startswith(_SECRET_PREFIX):
            return _LITERAL, True
        if path.startswith(_ENVIRONMENT_PREFIX):
            return self._environment_value(expression, place, path.rstrip()), True
        return self._document_value(expression, place, path)

    def _environment_value(self, expression: _Expression, place: LeafPath, path: str) -> Any:
        value = _named_text(self._scope.environment, path.removeprefix(_ENVIRONMENT_PREFIX))
        found = value is not _MISSING
        below = path.removeprefix("workflow.")
        self._note(expression, place, "workflow", (None, 0), below, found=found)
        return value if found else None

    def _document_value(
        self, expression: _Expression, place: LeafPath, path: str
    ) -> tuple[Any, bool]:
        scope = self._scope
        reader = compiled(path)
        value = reader.read(scope.document, _MISSING)
        found = value is not _MISSING
        root, below = reader.root, reader.rest
        variable = _VARIABLE.match(below) if root == "workflow" else None
        written = f"workflow.variables.{variable[1]}" if variable else root
        source = scope.source_of(written) if root else (None, 0)
        self._note(expression, place, root, source, below, found=found)
        return (value, reader.definite) if found else (None, True)

    def _note(
        self,
        expression: _Expression,
        place: LeafPath,
        root: str,
        source: tuple[str | None, int],
        source_path: str,
        *,
        found: bool,
    ) -> None:
        origin: dict[str, Any] = {
            "path": format_leaf(place),
            "expression": expression.text,
            "source": root,
            "source_task_id": source[0],
            "source_event": source[1],
            "source_path": source_path.rstrip(),
        }
        if not found:
            origin["fallback"] = True
        self.origins.append(origin)


# -- secrets and environment -----------------------------------------------------------------


def _with_secrets(text: str, secrets: Mapping[str, str]) -> Any:
    whole = _SECRET.fullmatch(text)
    if whole is not None:
        value = _named_text(secrets, whole[1])
        return None if value is _MISSING else value

    def replacement(match: re.Match[str]) -> str:
        value = _named_text(secrets, match[1])
        return "" if value is _MISSING or value is None else java_text(value)

    return _SECRET.sub(replacement, text)


def _named_text(texts: Mapping[str, str], path: str) -> Any:
    """``NAME``: the text of that name. ``NAME.path``: what the path names in its JSON."""
    name, dot, below = path.partition(".")
    text = texts.get(name.rstrip())
    if text is None:
        return _MISSING
    if not dot:
        return text
    try:
        document = codec.loads(text)
    except ValueError:
        return _MISSING
    return read(below, document, _MISSING) if isinstance(document, dict) else _MISSING
