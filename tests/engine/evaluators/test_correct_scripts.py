"""Eighty harmless scripts, what each gives, and of which type: JavaScript, jq and Python."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest
from hostile_scripts import PACKAGES

from engine.evaluators import EvaluatorPool

GIVEN: dict[str, Any] = {
    "n": 3,
    "price": 2.5,
    "text": "Grüße, 世界 😀",
    "csv": "b,a,,c",
    "flag": True,
    "nothing": None,
    "items": [
        {"sku": "x", "qty": 2, "tags": ["new", "red"]},
        {"sku": "y", "qty": 5, "tags": []},
        {"sku": "z", "qty": 1, "tags": ["red"]},
    ],
    "nested": {"a": {"b": {"c": [1, [2, [3]]]}}},
    "large": 9007199254740991,
}

CASES: dict[str, list[tuple[str, Any]]] = {
    "javascript": [
        ("$.n * $.price", 7.5),
        ("$.n / 2 * 2", 3),
        ("$.n % 2 === 1", True),
        ("0.1 + 0.2", 0.30000000000000004),
        ("$.large", 9007199254740991),
        ("$.text.length", 12),
        ("[...$.text].length", 11),
        ("$.text.toUpperCase()", "GRÜSSE, 世界 😀"),
        ("$.csv.split(',').filter(Boolean).sort().join('')", "abc"),
        ("$.items.map(i => i.sku)", ["x", "y", "z"]),
        ("$.items.filter(i => i.qty > 1).length", 2),
        ("$.items.reduce((sum, i) => sum + i.qty, 0)", 8),
        ("$.items.find(i => i.sku === 'y').qty", 5),
        ("$.items.find(i => i.sku === 'q')", None),
        ("$.items.some(i => i.tags.includes('red'))", True),
        ("$.items.every(i => i.qty > 1)", False),
        ("$.items.flatMap(i => i.tags)", ["new", "red", "red"]),
        ("Object.fromEntries($.items.map(i => [i.sku, i.qty]))", {"x": 2, "y": 5, "z": 1}),
        ("({...$.nested, n: $.n})", {"a": {"b": {"c": [1, [2, [3]]]}}, "n": 3}),
        ("$.nested.a.b.c.flat(Infinity)", [1, 2, 3]),
        ("$.nested?.q?.r ?? 'none'", "none"),
        ("$.nothing === null", True),
        ("typeof $.missing", "undefined"),
        ("const {items: [{sku}]} = $; sku", "x"),
        ("(() => { let s = ''; for (const i of $.items) s += i.sku; return s })()", "xyz"),
        ("let s = 0; for (let i = 1; i <= 100; i++) s += i; s", 5050),
        ("switch ($.n) { case 3: 'three'; break; default: 'other' }", "three"),
        ("try { $.missing.deep } catch (e) { e.name }", "TypeError"),
        (r"'2026-11-28'.replace(/(\d+)-(\d+)-(\d+)/, '$3.$2.$1')", "28.11.2026"),
        ("new Date(Date.UTC(2024, 1, 29)).toISOString()", "2024-02-29T00:00:00.000Z"),
    ],
    "jq": [
        (".n", [3]),
        (".n * .price", [7.5]),
        (".missing", [None]),
        (".missing // 0", [0]),
        (".flag and (.nothing | not)", [True]),
        (".text | length", [11]),
        (".text | ascii_downcase", ["grüße, 世界 😀"]),
        ('.csv | split(",") | map(select(. != "")) | sort | join("")', ["abc"]),
        (".items[].sku", ["x", "y", "z"]),
        ("[.items[] | select(.qty > 1)] | length", [2]),
        ("[.items[].qty] | add", [8]),
        ("reduce .items[] as $i (0; . + $i.qty)", [8]),
        (".items | map({(.sku): .qty}) | add", [{"x": 2, "y": 5, "z": 1}]),
        ('any(.items[].tags[]; . == "red")', [True]),
        (".items | sort_by(.qty) | map(.sku)", [["z", "x", "y"]]),
        (".items | group_by(.tags | length) | map(length)", [[1, 1, 1]]),
        (".items | max_by(.qty).sku", ["y"]),
        ("[.. | numbers] | length", [9]),
        (".nested.a.b.c | flatten", [[1, 2, 3]]),
        (".nested | [paths] | length", [8]),
        (".nested.a.b.c[1][1][0] |= . + 1 | .nested.a.b.c | flatten", [[1, 2, 4]]),
        ("del(.items, .nested, .text, .csv) | keys", [["flag", "large", "n", "nothing", "price"]]),
        ("{n, doubled: (.n * 2)}", [{"n": 3, "doubled": 6}]),
        ('if .n > 2 then "big" else "small" end', ["big"]),
        ("[limit(3; range(10))]", [[0, 1, 2]]),
        ("[.n, .n | tostring]", [["3", "3"]]),
        ('"\\(.n) x \\(.price)"', ["3 x 2.5"]),
        ('"2026-11-28" | capture("(?<y>\\\\d+)-(?<m>\\\\d+)") | .y', ["2026"]),
        ("try error(\"no\") catch .", ["no"]),
        ("empty", []),
    ],
    "python": [
        ("return n * price", 7.5),
        ("return n // 2, n % 2", [1, 1]),
        ("return n / 3", 1),
        ("return large + 1", 9007199254740992),
        ("return len(text)", 11),
        ("return [i['sku'] for i in items if i['qty'] > 1]", ["x", "y"]),
        ("return sum(i['qty'] for i in items)", 8),
        ("return {i['sku']: i['qty'] for i in items}", {"x": 2, "y": 5, "z": 1}),
        ("return max(items, key=lambda i: i['qty'])['sku']", "y"),
        ("return ''.join(sorted(c for c in csv.split(',') if c))", "abc"),
        ("return f'{n} x {price:.2f}'", "3 x 2.50"),
        ("return nothing is None and flag", True),
        ("return nested['a']['b']['c'][1]", [2, [3]]),
        ("try:\n    return nested['q']\nexcept KeyError as e:\n    return 'none'", "none"),
        ("a, *rest = [1, 2, 3]\nreturn rest", [2, 3]),
        ("def f(k):\n    return 1 if k < 2 else k * f(k - 1)\nreturn f(21)", 51090942171709440000),
        ("total = 0\nfor i in range(101):\n    total += i\nreturn total", 5050),
        ("k = n\nwhile k > 0:\n    k -= 1\nreturn k", 0),
        ("import math\nreturn math.floor(price)", 2),
        ("import re\nreturn re.sub(r'(\\d+)-(\\d+)', r'\\2.\\1', '2026-11')", "11.2026"),
    ],
}  # fmt: skip


def test_there_are_eighty() -> None:
    assert sum(map(len, CASES.values())) == 80


@pytest.mark.parametrize("language", CASES)
def test_each_gives_what_it_should(pool: EvaluatorPool, language: str) -> None:
    if importlib.util.find_spec(PACKAGES[language]) is None:
        pytest.skip(f"needs '{PACKAGES[language]}'")
    futures = [pool.submit(language, source, GIVEN) for source, _ in CASES[language]]
    wrong = []
    for future, (source, expected) in zip(futures, CASES[language], strict=True):
        error = future.exception(20)
        value = error if error is not None else future.result()
        if repr(value) != repr(expected):  # types and order of keys count
            wrong.append((source, value, expected))
    assert wrong == []
