"""From a query's tree to a condition in SQL.

No text of a request ever becomes SQL: fields come from a table, values are parameters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

from .fields import TASKS, WORKFLOWS, Area, Field, payload_hash
from .query import Comparison, Negation, Query, Value, parse, refuse

_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}")
_RE2_SPECIAL: Final = re.compile(r"([.^$*+?()\[\]{}|\\-])")
_ORDERED: Final = frozenset({"<", "<=", ">", ">="})
_LONGEST_FREE_TEXT: Final = 1_000


class Condition(NamedTuple):
    """A WHERE text with its parameters."""

    sql: str
    parameters: list[Any]


def condition(query: str, free_text: str, area: Area, more: Sequence[Condition] = ()) -> Condition:
    """The condition that a search asks for; ``true`` when it asks for nothing.

    Args:
        query: Text of the grammar, may be empty.
        free_text: Text to look for, in any case; ``*`` stands for any text.
        area: What is searched.
        more: Conditions that narrow it further.

    Raises:
        InvalidRequestError: The query can't be understood; the message points at the place.
    """
    parts = list(more)
    tree = parse(query)
    if tree is not None:
        found = _Compiler(query, area).of(tree, droppable=True)
        if found is not None:
            parts.append(found)
    words = free_text.strip()[:_LONGEST_FREE_TEXT]
    if words.strip("*"):
        parts.append(_free_text(words, area))
    if not parts:
        return Condition("true", [])
    return _joined("AND", parts)


def order(sort: str, area: Area) -> list[tuple[str, str]]:
    """What to sort by: expressions with their directions.

    ``sort`` is ``field:ASC`` or ``field:DESC``, several with ``|``; as in Conductor, what is
    neither is passed over.
    """
    parts = []
    for entry in sort.split("|"):
        name, _, direction = entry.strip().partition(":")
        field = area.fields.get(name)
        if field is not None and direction.upper() in ("ASC", "DESC"):
            parts.append((field.sql, direction.upper()))
    return parts


def _one_of(values: Sequence[str]) -> str:
    return f"it is one of {', '.join(values)}"


class _Compiler:
    def __init__(self, text: str, area: Area) -> None:
        self._text = text
        self._area = area

    def of(self, tree: Query, droppable: bool = False) -> Condition | None:
        """The condition of a part; None when it is dropped.

        Conductor drops a clause on a field it does not know. Only where that narrows nothing else
        (all else being joined by AND) is it done here.
        """
        if isinstance(tree, Comparison):
            field = self._area.fields.get(tree.field)
            if field is None:
                self._refuse_field(tree, droppable)
                return None
            return self._comparison(tree, field)
        if isinstance(tree, Negation):
            inner = self.of(tree.part)
            assert inner is not None
            return Condition(f"NOT coalesce({inner.sql}, false)", inner.parameters)
        droppable = droppable and tree.word == "AND"
        parts = [found for part in tree.parts if (found := self.of(part, droppable)) is not None]
        return _joined(tree.word, parts) if parts else None

    def _refuse_field(self, tree: Comparison, droppable: bool) -> None:
        """An unknown field is an error, unless Conductor would pass over it and it is no slip."""
        known = list(self._area.fields)
        others = WORKFLOWS.fields.keys() | TASKS.fields.keys()
        lower = {name.lower(): name for name in known}
        slip = tree.field.replace("_", "").lower()
        near = get_close_matches(slip, lower, 1, 0.75)
        if near or tree.field in others or not droppable:
            hint = f"; did you mean {lower[near[0]]!r}?" if near else f"; it has {', '.join(known)}"
            refuse(self._text, tree.at, f"{tree.field!r} is no field of this search{hint}")

    def _comparison(self, tree: Comparison, field: Field) -> Condition:
        operator = tree.operator
        if operator.endswith("NULL"):
            absent = _absent(field)
            return Condition(absent if operator == "IS NULL" else f"NOT ({absent})", [])
        if field.kind in ("time", "number"):
            return self._numeric(tree, field)
        if operator in ("!=", "NOT IN", "NOT LIKE"):
            positive = {"!=": "=", "NOT IN": "IN", "NOT LIKE": "LIKE"}[operator]
            found = self._textual(tree._replace(operator=positive), field)
            return Condition(f"NOT coalesce({found.sql}, false)", found.parameters)
        return self._textual(tree, field)

    def _textual(self, tree: Comparison, field: Field) -> Condition:
        operator, texts = tree.operator, [value.text for value in tree.values]
        if operator in ("=", "IN"):
            self._refuse_values(tree, field)
        if operator in _ORDERED or operator == "BETWEEN":
            if field.kind == "list":
                refuse(self._text, tree.at, f"{tree.field} can't be compared by order")
            if operator == "BETWEEN":
                return Condition(f"{field.sql} BETWEEN ? AND ?", list(texts))
            return Condition(f"{field.sql} {operator} ?", list(texts))
        if operator == "LIKE":
            return _matching(field, [texts[0]])
        if operator == "STARTS_WITH":
            return _matching(field, [_like(texts[0]) + "%"])
        patterns = [_like(text).replace("*", "%") for text in texts if "*" in text]
        plain = [text for text in texts if "*" not in text]
        parts = []
        if plain:
            marks = ", ".join("?" for _ in plain)
            if field.kind == "list":
                parts.append(Condition(f"list_has_any({field.sql}, [{marks}])", list(plain)))
            else:
                parts.append(Condition(f"{field.sql} IN ({marks})", list(plain)))
        if patterns:
            parts.append(_matching(field, patterns))
        return _joined("OR", parts)

    def _refuse_values(self, tree: Comparison, field: Field) -> None:
        """A status that nothing can ever have is a slip, not a search without hits."""
        for value in tree.values if field.values else ():
            if value.text and "*" not in value.text and value.text not in field.values:
                near = get_close_matches(value.text.upper(), field.values, 1, 0.7)
                hint = f"did you mean {near[0]!r}?" if near else _one_of(field.values)
                refuse(self._text, value.at, f"no {tree.field} is {value.text[:40]!r}; {hint}")

    def _numeric(self, tree: Comparison, field: Field) -> Condition:
        operator = tree.operator
        if operator in ("LIKE", "NOT LIKE", "STARTS_WITH"):
            refuse(self._text, tree.at, f"{tree.field} is no text and can't be matched")
        numbers = [self._number(tree.field, field, value) for value in tree.values]
        marks = ", ".join("?" for _ in numbers)
        if operator in ("=", "IN"):
            return Condition(f"{field.sql} IN ({marks})", list(numbers))
        if operator in ("!=", "NOT IN"):
            return Condition(f"{field.sql} NOT IN ({marks})", list(numbers))
        if operator == "BETWEEN":
            return Condition(f"{field.sql} BETWEEN ? AND ?", list(numbers))
        return Condition(f"{field.sql} {operator} ?", list(numbers))

    def _number(self, name: str, field: Field, value: Value) -> int:
        if _WHOLE.fullmatch(value.text):
            return int(value.text)
        if field.kind == "number":
            refuse(self._text, value.at, f"{name} is compared with whole numbers")
        try:
            moment = datetime.fromisoformat(value.text)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            return int(moment.timestamp() * 1000)
        except (ValueError, OverflowError):
            refuse(
                self._text,
                value.at,
                f"{name} is compared with epoch milliseconds or a moment like 2026-08-01T12:00:00Z",
            )


def _absent(field: Field) -> str:
    if field.kind == "time":
        return f"{field.sql} = 0"
    if field.kind == "list":
        return f"len({field.sql}) = 0"
    if field.kind == "text":
        return f"coalesce({field.sql}, '') = ''"
    return f"{field.sql} IS NULL"


def _matching(field: Field, patterns: list[str]) -> Condition:
    column = f"array_to_string({field.sql}, ',')" if field.kind == "list" else field.sql
    parts = [Condition(f"{column} ILIKE ? ESCAPE '\\'", [pattern]) for pattern in patterns]
    return _joined("OR", parts)


def _free_text(words: str, area: Area) -> Condition:
    """Any of the texts matches. RE2 finds a text in any case many times faster than ILIKE."""
    pattern = ".*".join(_RE2_SPECIAL.sub(r"\\\1", part) for part in words.strip("*").split("*"))
    parts = [f"regexp_matches({column}, ?, 'is')" for column in area.texts]
    for column in area.payloads:
        parts.append(f"regexp_matches(CAST(c.{column} AS VARCHAR), ?, 'is')")
        parts.append(
            f"c.{payload_hash(column)} IN (SELECT hash FROM payloads "
            "WHERE regexp_matches(CAST(body AS VARCHAR), ?, 'is'))"
        )
    return Condition("(" + " OR ".join(parts) + ")", [pattern] * len(parts))


def _joined(word: str, parts: list[Condition]) -> Condition:
    if len(parts) == 1:
        return parts[0]
    return Condition(
        "(" + f" {word} ".join(part.sql for part in parts) + ")",
        [value for part in parts for value in part.parameters],
    )


def _like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
