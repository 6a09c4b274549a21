"""The query grammar: from text to a small tree, or an error that points at the place.

::

    query      = all { OR all }
    all        = one { AND one }
    one        = NOT one | "(" query ")" | comparison
    comparison = field ( "=" | "!=" | "<>" | "<" | "<=" | ">" | ">=" ) value
               | field [NOT] IN "(" value { "," value } ")"
               | field [NOT] LIKE value          % is any text, _ one character
               | field STARTS_WITH value
               | field BETWEEN value AND value
               | field IS [NOT] NULL
    value      = 'quoted' | "quoted" | bare text up to AND, OR, "," in a list, or the end

Rules of this file
  1. What a Conductor with the relational index understands means the same here: bare values may
     hold blanks, values may stand in parentheses, ``IN`` works without them, and an asterisk in
     the value of ``=`` matches any text.
  2. ``AND``, ``OR`` and ``NOT`` are upper case, since lower-case words may be part of a value.
  3. Nothing is guessed: what doesn't fit is refused with its position and what was expected.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple, NoReturn

from ...errors import InvalidRequestError

LONGEST_QUERY: Final = 200_000
_DEEPEST: Final = 50
_MOST_COMPARISONS: Final = 1_000

_FIELD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_SYMBOL: Final = re.compile(r"!=|<>|<=|>=|==|=|<|>")
_WORD_OPERATOR: Final = re.compile(
    r"(IS\s+NOT\s+NULL|IS\s+NULL|NOT\s+IN|NOT\s+LIKE|STARTS_WITH|BETWEEN|LIKE|IN)"
    r"(?![A-Za-z0-9_])",
    re.IGNORECASE,
)
_JOINER: Final = re.compile(r"(AND|OR)(?![A-Za-z0-9_.])")
_NOT: Final = re.compile(r"NOT(?=[\s(])")
_SAME: Final = {"<>": "!=", "==": "="}
_AROUND: Final = 60
_OPERATORS: Final = (
    "an operator (=, !=, <, <=, >, >=, IN, NOT IN, LIKE, STARTS_WITH, BETWEEN, IS NULL)"
)


class Value(NamedTuple):
    """A value of a comparison and where it stands."""

    text: str
    at: int


class Comparison(NamedTuple):
    """``field operator values``."""

    field: str
    operator: str
    values: tuple[Value, ...]
    at: int


class Negation(NamedTuple):
    """``NOT part``."""

    part: Query


class Junction(NamedTuple):
    """Parts joined by ``AND`` or by ``OR``."""

    word: str
    parts: tuple[Query, ...]


Query = Comparison | Negation | Junction


def parse(text: str) -> Query | None:
    """The tree of a query; None for an empty one.

    Raises:
        InvalidRequestError: The text is no query; the message shows the place with a caret.
    """
    if len(text) > LONGEST_QUERY:
        raise InvalidRequestError(
            f"The query has {len(text)} characters; {LONGEST_QUERY} are allowed."
        )
    if not text.strip():
        return None
    return _Parser(text).whole()


def refuse(text: str, at: int, message: str) -> NoReturn:
    """Refuse a query with a message and a caret below the place.

    Raises:
        InvalidRequestError: Always. The message begins as Conductor's does.
    """
    begin, end = max(0, at - _AROUND), min(len(text), at + _AROUND)
    line = re.sub(r"\s", " ", text[begin:end])
    before = "…" if begin else ""
    after = "…" if end < len(text) else ""
    caret = " " * (len(before) + at - begin) + "^"
    raise InvalidRequestError(
        f"Incorrectly formatted query string: {message} (at character {at + 1})\n"
        f"{before}{line}{after}\n{caret}"
    )


class _Parser:
    """Recursive descent over the text, one position forward only."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0
        self.comparisons = 0

    def whole(self) -> Query:
        tree = self.any_of()
        if self.at < len(self.text):
            self.expected("AND, OR or the end of the query")
        return tree

    def any_of(self) -> Query:
        parts = [self.all_of()]
        while self.joined_by("OR"):
            parts.append(self.all_of())
        return parts[0] if len(parts) == 1 else Junction("OR", tuple(parts))

    def all_of(self) -> Query:
        parts = [self.one()]
        while self.joined_by("AND"):
            parts.append(self.one())
        return parts[0] if len(parts) == 1 else Junction("AND", tuple(parts))

    def one(self) -> Query:
        self.blanks()
        self.depth += 1
        if self.depth > _DEEPEST:
            refuse(self.text, self.at, f"parentheses are nested deeper than {_DEEPEST}")
        if match := _NOT.match(self.text, self.at):
            self.at = match.end()
            found: Query = Negation(self.one())
        elif self.text.startswith("(", self.at):
            self.at += 1
            found = self.any_of()
            if not self.text.startswith(")", self.at):
                self.expected("AND, OR or a closing parenthesis")
            self.at += 1
            self.blanks()
        else:
            found = self.comparison()
        self.depth -= 1
        return found

    def comparison(self) -> Comparison:
        self.comparisons += 1
        if self.comparisons > _MOST_COMPARISONS:
            refuse(self.text, self.at, f"more than {_MOST_COMPARISONS} comparisons")
        begin = self.at
        match = _FIELD.match(self.text, begin)
        if match is None:
            self.expected("a field, NOT or an opening parenthesis")
        self.at = match.end()
        self.blanks()
        operator = self.operator()
        self.blanks()
        values: tuple[Value, ...] = ()
        if operator == "BETWEEN":
            first = self.value(ends="")
            if not self.joined_by("AND"):
                self.expected("AND and the upper bound")
            self.blanks()
            values = (first, self.value(ends=""))
        elif not operator.endswith("NULL"):
            values = self.values(is_many=operator in ("IN", "NOT IN"))
            if len(values) > 1 and operator not in ("IN", "NOT IN", "=", "!="):
                refuse(self.text, values[1].at, f"{operator} takes one value")
        self.blanks()
        if len(values) > 1 and operator in ("=", "!="):
            operator = "IN" if operator == "=" else "NOT IN"
        return Comparison(match[0], operator, values, begin)

    def operator(self) -> str:
        match = _SYMBOL.match(self.text, self.at)
        if match is not None:
            self.at = match.end()
            return _SAME.get(match[0], match[0])
        match = _WORD_OPERATOR.match(self.text, self.at)
        if match is None:
            self.expected(_OPERATORS)
        self.at = match.end()
        return " ".join(match[0].upper().split())

    def values(self, is_many: bool) -> tuple[Value, ...]:
        """One value, or several with commas; ``IN`` takes several without parentheses too."""
        is_list = self.text.startswith("(", self.at)
        if is_list:
            self.at += 1
        separator = "," if is_list or is_many else ""
        found = []
        while True:
            self.blanks()
            found.append(self.value(ends=separator))
            self.blanks()
            if not separator or not self.text.startswith(separator, self.at):
                break
            self.at += 1
        if is_list:
            if not self.text.startswith(")", self.at):
                self.expected("a comma or a closing parenthesis")
            self.at += 1
        return tuple(found)

    def value(self, ends: str) -> Value:
        begin = self.at
        quote = self.text[begin : begin + 1]
        if quote and quote in "'\"":
            return self.quoted(quote, begin)
        joiner = _JOINER.match(self.text, begin)
        if joiner is not None and self.text[joiner.end() : joiner.end() + 1].isspace():
            self.expected("a value")
        depth = 0
        at = begin
        while at < len(self.text):
            character = self.text[at]
            if character == "(":
                depth += 1
            elif character == ")":
                if depth == 0:
                    break
                depth -= 1
            elif _ends(self.text, at, character, ends if depth == 0 else ""):
                break
            at += 1
        text = self.text[begin:at].strip()
        if not text:
            self.expected("a value")
        self.at = at
        return Value(text, begin)

    def quoted(self, quote: str, begin: int) -> Value:
        """A quote inside the value closes it only where a value can end."""
        at = begin
        while (at := self.text.find(quote, at + 1)) >= 0:
            rest = self.text[at + 1 :].lstrip()
            follows = self.text[at + 1 : at + 2]
            if not rest or rest[0] in ",)" or (follows.isspace() and _JOINER.match(rest)):
                self.at = at + 1
                return Value(self.text[begin + 1 : at], begin)
        refuse(self.text, begin, f"expected a closing {quote}, found the end of the query")

    def joined_by(self, word: str) -> bool:
        self.blanks()
        match = _JOINER.match(self.text, self.at)
        if match is None or match[1] != word:
            return False
        self.at = match.end()
        return True

    def blanks(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def expected(self, what: str) -> NoReturn:
        found = self.text[self.at : self.at + 20]
        shown = repr(found) if found else "the end of the query"
        refuse(self.text, self.at, f"expected {what}, found {shown}")


def _ends(text: str, at: int, character: str, separator: str) -> bool:
    """Whether a bare value ends here: before a comma of its list, or before AND and OR."""
    if separator and character == separator:
        return True
    return character.isspace() and _JOINER.match(text, at + 1) is not None
