"""Documents and templates to ask a resolver, out of a seed: a grammar of its own for JSONPath.

Most paths lead somewhere in their document; some are odd on purpose (spacing, quotes, escapes) and
some are broken by a random edit. Left out is what a compiled path of Jayway's remembers or changes
(``append`` behind a scan, wildcards in arguments) and patterns that it could search for ever.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, NamedTuple

_NAMES = ("a", "b", "name", "items", "x", "n", "tags", "deep", "k-dash", "0", "length", "été")
_ODD_NAMES = (
    "k.dot", "k space", "quote'k", 'dq"k', "back\\slash", "$d", "@at", "a]b", "tab\tk", "",
    "größe😀", "a,b", "*", ")", "k(", "null", "?", "a/b", "-1", "{c}",
)  # fmt: skip
_TEXTS = (
    "one", "two", "three", "", "1", "1.0", "'q'", '"dq"', "[1]", "[]", "{}", "$.a", "@", "$", "a/b",
    "😀", "x\ny", "true", "null", "abc", "ABC", "a b", "é", "\\n", "[a", "10", "1e1",
)  # fmt: skip
_NUMBERS = (
    0, 1, 2, 3, 7, -1, -5, 10, 100, 2**40, 2**70, 1.0, 0.5, -2.5, 0.1, 1e21, 1e-7, 3.14, 10.0,
    123456789.125,
)  # fmt: skip
_PATTERNS = (
    "/t.*/", "/T.*/i", "/[a-z]+/", "/one|two/", "/.*/", "/a.c/", r"/\\d+/", r"/\w+/", "/(?i)abc/",
    "/.*e/", "/x.y/s", "/x.y/", "/^one$/", "/a\\/b/", "/[0-9.]+/", "/(a|A)bc/i", "/true/", "//",
    "/É/iu", "/É/i", r"/\S{3}/", "/(/", "/[^o]*/m", r"/\p{Alpha}+/", "/one/x",
)  # fmt: skip
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=", "==", "!=", "===", "!==", "=~")
_WORD_OPERATORS = (
    "in", "nin", "contains", "size", "empty", "anyof", "noneof", "subsetof", "all", "IN", "Nin",
    "exists", "type",
)  # fmt: skip
_FUNCTIONS = (
    "length", "size", "min", "max", "avg", "sum", "stddev", "keys", "concat", "first", "last",
    "index", "append",
)  # fmt: skip
_EDITS = " .[]()'\"*?@$,:\\!&|=<>-0a/~{}"


class Batch(NamedTuple):
    """One document and what is asked of it."""

    document: dict[str, Any]
    templates: list[str]


def batches(seed: int, templates_each: int = 50) -> Iterator[Batch]:
    """Documents with templates, without end; the same for the same seed."""
    chance = random.Random(seed)
    while True:
        maker = _Maker(chance)
        yield Batch(maker.document, [maker.template() for _ in range(templates_each)])


class _Maker:
    """What is asked of one document."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._may_append = True
        self.document: dict[str, Any] = {
            "workflow": {"input": self._map(3), "variables": self._map(2)},
            "t1": {"output": self._map(3), "status": "COMPLETED"},
            chance.choice(("my-task", "loop", "t.2")): {"output": self._map(2)},
        }

    # -- documents

    def _value(self, depth: int) -> Any:
        kind = self._chance.random()
        if depth > 0 and kind < 0.25:
            return self._list(depth - 1)
        if depth > 0 and kind < 0.45:
            return self._map(depth - 1)
        if kind < 0.7:
            return self._chance.choice(_NUMBERS)
        if kind < 0.88:
            return self._chance.choice(_TEXTS)
        return self._chance.choice((True, False, None))

    def _list(self, depth: int) -> list[Any]:
        kind = self._chance.random()
        length = self._chance.choice((0, 1, 2, 3, 3, 4, 5))
        if kind < 0.3:
            return [self._chance.choice(_NUMBERS) for _ in range(length)]
        if kind < 0.5:
            return [self._chance.choice(_TEXTS) for _ in range(length)]
        if kind < 0.85:
            names = self._chance.sample(_NAMES, 3)
            return [
                {name: self._value(depth) for name in names if self._chance.random() < 0.85}
                for _ in range(length)
            ]
        return [self._value(depth) for _ in range(length)]

    def _map(self, depth: int) -> dict[str, Any]:
        names = self._chance.sample(_NAMES, self._chance.randint(1, 5))
        if self._chance.random() < 0.4:
            names.append(self._chance.choice(_ODD_NAMES))
        return {name: self._value(depth) for name in names}

    # -- templates

    def template(self) -> str:
        while True:
            template = self._any_template()
            if ".append(" not in template or ".." not in template:
                return template

    def _any_template(self) -> str:
        kind = self._chance.random()
        # Jayway's append changes the document, which a second path would see.
        self._may_append = kind < 0.93
        path = self.path()
        if kind < 0.86:
            return "${" + path + "}"
        if kind < 0.93:
            return f"x ${{{path}}} y"
        if kind < 0.96:
            return "${" + path + "}${" + self.path() + "}"
        if kind < 0.98:
            return "$${" + path + "} ${" + self.path() + "}"
        if kind < 0.99:
            root = self._chance.choice(tuple(self.document))
            return f"${{{root}.${{{path}}}{self._steps(None, 1, 0)}}}"
        return "${ " + path + "  }"

    def path(self) -> str:
        chance = self._chance
        root = chance.choice(tuple(self.document))
        start = chance.random()
        if start < 0.06:
            text, value = "$", self.document
        elif start < 0.2:
            text, value = f"$.{root}", self.document[root]
        elif start < 0.25:
            text, value = f"$['{root}']", self.document[root]
        elif start < 0.28:
            text, value = f"@.{root}", self.document[root]
        else:
            text, value = root, self.document[root]
        if value is not self.document and chance.random() < 0.8:
            name = chance.choice(tuple(value))
            text, value = f"{text}.{name}", value[name]
        text += self._steps(value, chance.randint(1, 4), 2)
        if chance.random() < 0.12:
            text = self._edited(text)
        return text

    def _steps(self, value: Any, count: int, filters: int) -> str:
        text = ""
        for number in range(count):
            step, value = self._step(value, filters, is_last=number == count - 1)
            text += step
        return text

    def _step(self, value: Any, filters: int, *, is_last: bool) -> tuple[str, Any]:
        chance = self._chance
        kind = chance.random()
        if is_last and kind < 0.22:
            return self._function(), None
        if kind < 0.3:
            return self._scan(value, filters)
        if kind < 0.36:
            found = _members(value)
            return chance.choice((".*", "[*]", "[ * ]", ".[*]")), found[0] if found else None
        if filters and kind < 0.56 and isinstance(value, list | dict):
            sample = value
            if isinstance(value, list):
                sample = chance.choice(value) if value else None
            space = chance.choice(("", "", "", " "))
            return f"[{space}?{space}({self._filter(sample, filters - 1)}){space}]", sample
        if isinstance(value, list) and kind < 0.95:
            return self._subscript(value)
        return self._name(value)

    def _name(self, value: Any) -> tuple[str, Any]:
        chance = self._chance
        names = tuple(value) if isinstance(value, dict) else ()
        if not names or chance.random() < 0.1:
            names = (*_NAMES, *_ODD_NAMES) if chance.random() < 0.3 else _NAMES
        name = chance.choice(names)
        found = value.get(name) if isinstance(value, dict) else None
        kind = chance.random()
        if kind < 0.5:
            return "." + name, found
        if kind < 0.85:
            return f"[{self._quoted(name)}]", found
        others = chance.sample(names, min(len(names), chance.randint(1, 2)))
        comma = chance.choice((",", ", ", " , "))
        quote = chance.choice("'\"")
        return "[" + comma.join(self._quoted(one, quote) for one in (name, *others)) + "]", found

    def _quoted(self, text: str, quote: str = "") -> str:
        quote = quote or self._chance.choice("'''\"")
        escaped = text.replace("\\", "\\\\").replace(quote, "\\" + quote)
        if self._chance.random() < 0.05 and text.isascii():
            escaped = "".join(f"\\u{ord(symbol):04x}" for symbol in text)
        return quote + escaped + quote

    def _subscript(self, values: list[Any]) -> tuple[str, Any]:
        chance = self._chance
        found = chance.choice(values) if values else None

        def number() -> str:
            return str(chance.choice((0, 0, 1, 2, -1, -2, 3, 9, -9)))

        kind = chance.random()
        if kind < 0.5:
            inside = number()
        elif kind < 0.65:
            inside = chance.choice((",", ", ")).join(number() for _ in range(chance.randint(2, 3)))
        elif kind < 0.9:
            inside = chance.choice((number(), "")) + ":" + chance.choice((number(), ""))
        else:
            inside = chance.choice(
                (
                    "",
                    " 0 ",
                    "::",
                    "0:2:1",
                    "1::2",
                    "0 :1",
                    "-",
                    "1,",
                    "01",
                    "99999999999",
                    "-0",
                    "a",
                )
            )
        return f"[{inside}]", found

    def _scan(self, value: Any, filters: int) -> tuple[str, Any]:
        chance = self._chance
        below = chance.choice([value, *_below(value)])
        kind = chance.random()
        if kind < 0.6:
            names = tuple(below) if isinstance(below, dict) else ()
            name = chance.choice(names or _NAMES)
            return f"..{name}", below.get(name) if isinstance(below, dict) else None
        if kind < 0.7:
            return "..*", None
        if kind < 0.85 and filters:
            return f"..[?({self._filter(below, filters - 1)})]", below
        if isinstance(below, list):
            step, found = self._subscript(below)
            return ".." + step, found
        return f"..[{self._quoted(chance.choice(_NAMES))}]", None

    def _function(self) -> str:
        chance = self._chance
        name = chance.choice(_FUNCTIONS)
        while name == "append" and not self._may_append:
            name = chance.choice(_FUNCTIONS)
        kind = chance.random()
        if kind < 0.65 and name not in ("index", "append"):
            inside = chance.choice(("", "", "", "", " "))
        else:
            arguments = []
            for _ in range(chance.randint(1, 2)):
                argument = chance.choice(("0", "1", "-1", "2.5", '"t"', "'s'", '{"k": 1}', "path"))
                if argument == "path" and name == "append":
                    argument = "3"
                elif argument == "path":
                    may_append, self._may_append = self._may_append, False
                    root = chance.choice(tuple(self.document))
                    argument = "*"
                    while "*" in argument:
                        argument = f"$.{root}" + self._steps(self.document[root], 2, 0)
                    self._may_append = may_append
                arguments.append(argument)
            inside = chance.choice((",", ", ")).join(arguments)
        behind = chance.choice((".name", ".x", "[0]", "..x", ".*")) if kind > 0.95 else ""
        return f".{name}({inside}){behind}"

    # -- filters

    def _filter(self, sample: Any, filters: int) -> str:
        chance = self._chance
        kind = chance.random()
        if kind < 0.7:
            return self._test(sample, filters)
        if kind < 0.8:
            return f"!({self._filter(sample, filters)})"
        if kind < 0.84:
            return f"({self._filter(sample, filters)})"
        link = chance.choice((" && ", " || ", "&&", "||"))
        return self._test(sample, filters) + link + self._test(sample, filters)

    def _test(self, sample: Any, filters: int) -> str:
        chance = self._chance
        path, found = self._operand_path(sample, filters)
        kind = chance.random()
        if kind < 0.2:
            return chance.choice(("", "", "!", "! ")) + path
        space = chance.choice((" ", " ", " ", "", "  "))
        if kind < 0.65:
            operator = chance.choice(_COMPARISONS)
            if operator == "=~":
                right = chance.choice(_PATTERNS)
            else:
                right = self._literal(found)
            if chance.random() < 0.1:
                path, right = right, path
            return f"{path}{space}{operator}{space}{right}"
        operator = chance.choice(_WORD_OPERATORS)
        if operator == "size":
            right = chance.choice(("0", "1", "2", "3", "-1", "'2'"))
        elif operator in ("empty", "exists"):
            right = chance.choice(("true", "false", "false", "1"))
        elif operator == "contains":
            member = chance.choice(found) if isinstance(found, list) and found else found
            right = self._literal(member)
        else:
            right = self._list_literal(found)
        return f"{path} {operator} {right}"

    def _operand_path(self, sample: Any, filters: int) -> tuple[str, Any]:
        chance = self._chance
        kind = chance.random()
        if kind < 0.12:
            return "@", sample
        if kind < 0.22:
            root = chance.choice(tuple(self.document))
            step, found = self._name(self.document[root])
            return f"$.{root}{step}", found
        step, found = self._name(sample)
        text = "@" + step
        if kind < 0.4:
            step, found = self._step(found, filters, is_last=False)
            text += step
        if kind > 0.9:
            name = chance.choice(("length", "size", "min", "max", "sum", "avg", "keys", "first"))
            return f"{text}.{name}()", None
        return text, found

    def _literal(self, near: Any) -> str:
        chance = self._chance
        kind = chance.random()
        if kind < 0.5 and not isinstance(near, list | dict):
            return self._written(near)
        if kind < 0.6:
            return self._list_literal(near)
        if kind < 0.7:
            return self._operand_path(None, 0)[0]
        return self._written(chance.choice((*_NUMBERS, *_TEXTS, True, False, None)))

    def _list_literal(self, near: Any) -> str:
        chance = self._chance
        near = near if isinstance(near, list) else [near]
        pool = [item for item in near if not isinstance(item, list | dict)]
        pool += chance.sample(_TEXTS, 2) + chance.sample(_NUMBERS, 2)
        items = [self._written(chance.choice(pool)) for _ in range(chance.randint(0, 4))]
        text = "[" + chance.choice((",", ", ")).join(items) + "]"
        kind = chance.random()
        if kind < 0.04:
            return chance.choice(
                ("[[1], 2]", "[a, b]", "[1 2]", "{'k': 1}", "5", "'one'", "[1,,2]")
            )
        return text

    def _written(self, value: Any) -> str:
        if isinstance(value, str):
            return self._quoted(value)
        if value is None or isinstance(value, bool):
            return {None: "null", True: "true", False: "false"}[value]
        return repr(value)

    def _edited(self, text: str) -> str:
        chance = self._chance
        for _ in range(chance.choice((1, 1, 2))):
            place = chance.randint(0, len(text))
            kind = chance.random()
            if kind < 0.5:
                text = text[:place] + chance.choice(_EDITS) + text[place:]
            elif kind < 0.8:
                text = text[:place] + text[place + 1 :]
            else:
                text = text[:place] + chance.choice(_EDITS) + text[place + 1 :]
        return text


def _members(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _below(value: Any) -> list[Any]:
    found = []
    for member in _members(value):
        if isinstance(member, list | dict):
            found += [member, *_below(member)]
    return found
