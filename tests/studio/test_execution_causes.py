"""Errors of the Executions page: one choice for what reads the same, wherever it failed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from recorded_service import RecordedService

from engine.core.fingerprint import error_line, fingerprint, split_reason
from studio.board_data import load_board
from studio.execution_causes import cause_key
from studio.execution_filter import ExecutionFilter
from studio.execution_list import load_executions


@pytest.fixture
def service() -> Iterator[RecordedService]:
    service = RecordedService()
    yield service
    service.close()


def fail(service: RecordedService, workflow_id: str, place: str, reason: str, **more: Any) -> str:
    """A failed execution as the engine's projection writes it; returns its fingerprint."""
    kind, message = split_reason(reason)
    mark = fingerprint(kind, place, message)
    error = error_line(kind, message)
    service.add_execution(
        workflow_id, "FAILED", error=error, failed_path=place, fingerprint=mark, **more
    )
    return mark


def search(service: RecordedService, **wanted: Any) -> dict[str, Any]:
    return load_executions(service.query, ExecutionFilter.parse(wanted))


def facet(found: dict[str, Any]) -> list[tuple[str, int]]:
    return [(found["cause_words"][one["value"]], one["n"]) for one in found["facets"]["cause"]]


def test_one_text_at_several_places_is_one_choice_that_finds_them_all(
    service: RecordedService,
) -> None:
    fail(service, "a", "order_flow/charge", "Timed out: no update for 60 s")
    fail(service, "b", "refund_flow/transfer", "Timed out: no  update for 75 s")
    fail(service, "c", "order_flow/fulfil/pack[7]/print", "Timed out: no update for 60 s")
    fail(service, "d", "order_flow/charge", "ValueError: amount is negative")
    found = search(service)
    assert facet(found) == [
        ("Timed out: no  update for 75 s", 3),
        ("ValueError: amount is negative", 1),
    ]
    key = found["facets"]["cause"][0]["value"]
    narrowed = search(service, cause=[key])
    assert {row["id"] for row in narrowed["rows"]} == {"a", "b", "c"}
    assert narrowed["filter"] == {"cause": [key]}
    assert facet(narrowed) == facet(found)  # so that another one can be ticked beside it
    assert len(service.query(narrowed["sql"])) == 3


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("KeyError: 'iban'", "KeyError: 'bic'"),
        ("Order 17 is locked", "Order 2041  is\tlocked"),
        (
            "job 5f0c2b7e-0000-4000-8000-000000000001 is gone",
            "job 5f0c2b7e-0000-4000-8000-00000000abcd is gone",
        ),
        (
            f"ValueError: {'x' * 250} order 5f0c2b7e-0000-4000-8000-000000000001 and more of it",
            f"ValueError: {'x' * 250} order 7 and more of it",
        ),
    ],
)
def test_ids_numbers_quoted_text_and_spaces_do_not_count(one: str, other: str) -> None:
    assert cause_key("", error_line(*split_reason(one))) == cause_key(
        "", error_line(*split_reason(other))
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("HTTP 503: no upstream", "HTTP 504: no upstream"),
        ("ValueError: negative", "TypeError: negative"),
        ("ValueError: negative", "ValueError: positive"),
    ],
)
def test_different_errors_stay_different(one: str, other: str) -> None:
    assert cause_key("", one) != cause_key("", other)


def test_texts_that_the_board_puts_together_are_one_choice_here(service: RecordedService) -> None:
    for number in range(1, 13):
        reason = f"Timed out: request {number}-{'ab' * number}7 took {number} s"
        fail(service, f"w{number}", "order_flow/charge", reason)
    now_ms = service.query("SELECT max(end_time) AS n FROM executions")[0]["n"] + 1
    board = load_board(service.query, "24h", now_ms)
    assert [group["n"] for group in board["failing"]] == [12]
    assert [n for _, n in facet(search(service))] == [12]


def test_a_choice_keeps_its_words_where_nothing_has_it(service: RecordedService) -> None:
    fail(service, "a", "order_flow/charge", "ValueError: amount is negative")
    service.add_execution("b", workflow_type="stock_sync")
    key = search(service)["facets"]["cause"][0]["value"]
    found = search(service, cause=[key], workflow=["stock_sync"])
    assert found["total"] == 0
    assert facet(found) == [("ValueError: amount is negative", 0)]
    ways = {(way["name"], way["value"]): way["n"] for way in found["ways_out"]}
    assert ways == {("cause", key): 1, ("workflow", "stock_sync"): 1}


def test_an_address_with_a_fingerprint_still_finds_its_one_place(service: RecordedService) -> None:
    mark = fail(service, "a", "order_flow/charge", "Timed out: no update for 60 s")
    fail(service, "b", "refund_flow/transfer", "Timed out: no update for 60 s")
    found = search(service, cause=[mark])
    assert [row["id"] for row in found["rows"]] == ["a"]
    assert found["cause_words"][mark] == "Timed out: no update for 60 s"


def test_an_unknown_key_matches_nothing_and_is_named_by_its_beginning(
    service: RecordedService,
) -> None:
    fail(service, "a", "order_flow/charge", "ValueError: amount is negative")
    found = search(service, cause=["f" * 16])
    assert found["total"] == 0
    assert found["cause_words"]["f" * 16] == "f" * 12


def test_only_the_most_frequent_choices_are_shown_after_they_were_put_together(
    service: RecordedService,
) -> None:
    words = ["red", "green", "blue", "cyan", "pink", "grey", "teal", "lime", "gold", "navy"]
    for at, word in enumerate(words):
        for place in range(at + 1):
            fail(service, f"{word}{place}", f"flow{place}x/{place}", f"Error: {word}")
    assert facet(search(service)) == [
        (f"Error: {w}", len(words) - i) for i, w in enumerate(words[:1:-1])
    ]


def test_failures_without_a_text_are_told_apart_by_their_fingerprint(
    service: RecordedService,
) -> None:
    service.add_execution("a", "FAILED", fingerprint="p" * 16, failed_path="f/t")
    service.add_execution("b", "FAILED", fingerprint="q" * 16, failed_path="f/u")
    assert facet(search(service)) == [("p" * 12, 1), ("q" * 12, 1)]
