"""jq programs: which words they may use, and what they give where jq is installed."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from engine.evaluators import EvaluatorPool, ExpressionError
from engine.evaluators.jq_programs import forbidden_word, with_whole_numbers


@pytest.mark.parametrize(
    ("program", "word"),
    [
        ("env", "env"),
        (".a | env.HOME", "env"),
        ("$ENV.HOME", "$ENV"),
        ("{$ENV}", "$ENV"),
        ('"x \\(env)"', "env"),
        ('"x \\(.a + "y \\(env)") z"', "env"),
        ('"x \\((1)) \\(env)"', "env"),
        ('import "a" as a; .', "import"),
        ('include "a"; .', "include"),
        (".a, input", "input"),
        ("[inputs]", "inputs"),
        (".a|halt_error", "halt_error"),
        ("{a: env}", "env"),
        ('"\\"" | env', "env"),
        (".env", None),
        (". env", None),
        ("{env: 1}", None),
        ("{ input : .a }", None),
        ("{id, input}", None),
        ('{"id": 1, debug, x: [.a, env]}', "env"),
        ("[.id, input]", "input"),
        ('"env"', None),
        ('"a \\" env"', None),
        ('"a \\(.b) env"', None),
        (".a # env", None),
        ("environment", None),
        ("$environment", None),
        (".a.inputs.debug", None),
        (".items[] | select(.price > 5) | {id, total: (.price * .qty)}", None),
    ],
)
def test_words_that_reach_out_are_found(program: str, word: str | None) -> None:
    found = forbidden_word(program)
    assert found == word


def test_whole_numbers_are_integers() -> None:
    value = with_whole_numbers([5.0, 2.5, {"a": 1e3}, True, None, "5.0"])
    assert value == [5, 2.5, {"a": 1000}, True, None, "5.0"]
    assert [type(item) for item in value[:2]] == [int, float]


@pytest.mark.skipif(importlib.util.find_spec("jq") is None, reason="needs the package 'jq'")
@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (".a", [1]),
        (".missing", [None]),
        (".items[]", ["x\u2028", None, 2.5]),
        (".a * 2.5 * 2", [5]),
        ("[.id]", [[12345678901234567]]),
        ("empty", []),
        (".items[", None),
        (".a[0].b", None),
        ("env", None),
    ],
)
def test_program_gives(program: str, expected: list[Any] | None) -> None:
    pool = EvaluatorPool(size=1)
    items = ["x\u2028", None, 2.5]
    future = pool.submit("jq", program, {"a": 1, "id": 12345678901234567, "items": items})
    if expected is None:
        assert isinstance(future.exception(10), ExpressionError)
    else:
        assert future.result(10) == expected
    pool.close()
