"""Which failures count as the same."""

from __future__ import annotations

import pytest

from engine.core.fingerprint import error_line, fingerprint, masked, split_reason


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("amount is 12.50", "amount is -3"),
        ("no order 'A-17' here", "no order 'B' here"),
        ('key "x" missing', 'key "a longer one" missing'),
        (
            "user 0b6f3c1e-8f9d-4d1b-9a51-0a2c3d4e5f60 unknown",
            "user aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee unknown",
        ),
        ("object at 0x7f0a1b2c3d4e", "object at 0x1"),
        ("commit deadbeef12345678 is gone", "commit 0123456789abcdef is gone"),
        ("order ord_17x9 failed", "order ord_2b failed"),
        ("took 1,234 ms\nat 10:15:30", "took 5 ms at 9:00:01"),
    ],
)
def test_numbers_ids_and_quoted_text_do_not_count(one: str, other: str) -> None:
    assert masked(one) == masked(other)
    assert fingerprint("ValueError", "flow/charge", one) == fingerprint(
        "ValueError", "flow/charge", other
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("ValueError", "flow/a", "too low"), ("ValueError", "flow/a", "too high")),
        (("ValueError", "flow/a", "too low"), ("KeyError", "flow/a", "too low")),
        (("ValueError", "flow/a", "too low"), ("ValueError", "flow/b", "too low")),
        (("", "flow/a", "HTTP 404 Not Found"), ("", "flow/a", "HTTP 503 Not Found")),
    ],
)
def test_type_place_and_words_do_count(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    assert fingerprint(*one) != fingerprint(*other)


def test_iterations_do_not_count() -> None:
    places = ("flow/items[1]/charge", "flow/items[37]/charge", "flow/items/charge")
    assert len({fingerprint("E", place, "x") for place in places}) == 1
    assert fingerprint("E", "flow/charge__1", "x") == fingerprint("E", "flow/charge__12", "x")
    assert fingerprint("E", "flow/step_1", "x") != fingerprint("E", "flow/step_2", "x")


def test_a_type_said_in_the_message_counts_like_one_given() -> None:
    assert fingerprint("", "p", "ValueError: low") == fingerprint("ValueError", "p", "low")
    assert fingerprint("shop.errors.ValueError", "p", "low") == fingerprint(
        "ValueError", "p", "low"
    )


def test_a_fingerprint_stays_what_it_was() -> None:
    """Stored histories are grouped by it: changing it splits old groups from new ones."""
    assert fingerprint("ValueError", "order_flow/items[3]/charge", "amount -5 is negative") == (
        "766f8f5860937b52"
    )


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("ValueError: amount is negative", ("ValueError", "amount is negative")),
        ("requests.exceptions.ConnectionError: refused", ("ConnectionError", "refused")),
        ("KeyboardInterrupt", ("KeyboardInterrupt", "")),
        ("java.lang.RuntimeException: boom", ("RuntimeException", "boom")),
        ("HTTP 503 Service Unavailable", ("HTTP 503", "HTTP 503 Service Unavailable")),
        ("404 Not Found", ("HTTP 404", "404 Not Found")),
        ("server said status code: 429", ("HTTP 429", "server said status code: 429")),
        (
            "Failed to invoke HTTP task due to: java.lang.Exception: ConnectError: refused",
            ("ConnectError", "refused"),
        ),
        ("no stock left in hall 404", ("", "no stock left in hall 404")),
        ("", ("", "")),
        (None, ("", "")),
    ],
)
def test_a_reason_text_is_taken_apart(reason: str | None, expected: tuple[str, str]) -> None:
    assert split_reason(reason) == expected


def test_an_error_is_one_line() -> None:
    assert error_line("ValueError", "amount is negative") == "ValueError: amount is negative"
    assert error_line("shop.Bad", "\n  first\nsecond") == "Bad: first"
    assert error_line("KeyboardInterrupt", "") == "KeyboardInterrupt"
    assert error_line("", "just words") == "just words"
    assert error_line("HTTP 503", "HTTP 503 Service Unavailable") == "HTTP 503 Service Unavailable"
    assert error_line("", "") == ""
    assert len(error_line("E", "x" * 1000)) == 300
