"""Scripts are parsed, never run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.evaluators.syntax import check_javascript


@pytest.mark.parametrize(
    "source",
    [
        "",
        "$.a == 1 ? 'x' : 'y'",
        "(function () { return $.a; })();",
        "function e() { if ($.a) { return 1 } } e();",
        "'use strict'; let a = `${$.b}`; a?.b ?? /x\\//.test(a)",
        "undefinedName.foo()",
        "// only a comment",
        "while (true) {}",
        "throw new SyntaxError('thrown, not found by parsing')",
    ],
)
def test_script_that_parses_has_no_error(source: str) -> None:
    assert check_javascript(source) is None


@pytest.mark.parametrize(
    ("source", "position"),
    [
        ("if ( {", "(line 1, column 7)"),
        ("return 1", "(line 1,"),
        ("let a; let a", "(line 1,"),
        ("1;\n2;\n)", "(line 3, column 1)"),
        ("/* open", ""),
        ("}", ""),
        ("await 1", ""),
    ],
)
def test_script_that_does_not_parse_is_told_with_its_place(source: str, position: str) -> None:
    error = check_javascript(source)
    assert error is not None
    assert error.startswith("SyntaxError: ")
    assert position in error
    assert "\n" not in error


def test_nesting_too_deep_to_parse_is_an_error_and_no_crash() -> None:
    assert "stack" in (check_javascript("(" * 100_000) or "")


def test_half_a_surrogate_pair_is_an_error() -> None:
    assert check_javascript("'\ud800'") is not None


def test_scripts_can_be_checked_from_several_threads() -> None:
    with ThreadPoolExecutor(4) as pool:
        errors = list(pool.map(check_javascript, ["1 +", "1"] * 40))
    assert [error is None for error in errors] == [False, True] * 40
