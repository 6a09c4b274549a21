"""How long a WAIT waits."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from engine.core.durations import parse_duration_seconds, parse_until_ms, until_error
from engine.errors import InvalidRequestError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1 seconds", 1),
        ("3s", 3),
        ("0 minutes 1 sec", 1),
        ("2 days", 172_800),
        ("1 day 2 hours 3 minutes 4 seconds", 93_784),
        ("1d2h3m4s", 93_784),
        ("1D 2HRS 3Mins 4SECS", 93_784),
        ("2 hr 5 min", 7_500),
        (" 10  s ", 10),
        ("90 minutes", 5_400),
        ("", 0),
    ],
)
def test_duration_reads(text: str, seconds: int) -> None:
    assert parse_duration_seconds(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["soon", "3", "1 s 2 m", "1 week", "-1 s", "1.5 s", "1 s 2 s", "s", "9999999999 d", "٣ s"],
)
def test_text_that_is_no_duration_is_refused_in_conductors_words(text: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_duration_seconds(text)
    assert str(caught.value) == f"Not valid duration: {text}"


def test_long_nonsense_is_refused_quickly() -> None:
    started = time.monotonic()
    for text in (" " * 100_000 + "x", "1" * 100_000, "1 " * 50_000):
        with pytest.raises(InvalidRequestError):
            parse_duration_seconds(text)
        assert parse_until_ms("2030-01-01" + text) is None
    assert time.monotonic() - started < 1


def _epoch_ms(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp() * 1000)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2020-01-01", _epoch_ms(2020, 1, 1)),
        ("2020-01-01 00:00", _epoch_ms(2020, 1, 1)),
        ("2999-01-01 10:00 GMT", _epoch_ms(2999, 1, 1, 10)),
        ("2025-07-01 10:00 Europe/Berlin", _epoch_ms(2025, 7, 1, 8)),
        ("2025-01-01 10:00 Europe/Berlin", _epoch_ms(2025, 1, 1, 9)),
        ("2025-01-01 10:00 PST", _epoch_ms(2025, 1, 1, 18)),
        ("2025-07-01 10:00 PDT", _epoch_ms(2025, 7, 1, 17)),
        ("2025-07-01 10:00 +0200", _epoch_ms(2025, 7, 1, 8)),
        ("2025-07-01 10:00 -03:30", _epoch_ms(2025, 7, 1, 13, 30)),
        ("2025-07-01 10:00 GMT+2:00", _epoch_ms(2025, 7, 1, 8)),
        ("2025-7-1 9:05", _epoch_ms(2025, 7, 1, 9, 5)),
        ("1969-12-31 23:59", -60_000),
    ],
)
def test_until_reads(text: str, moment: int) -> None:
    assert parse_until_ms(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "tomorrow",
        "2025-13-01",
        "2025-02-30",
        "2025-01-01 25:00",
        "2025-01-01T10:00",
        "2025-01-01 10:00:00",
        "2025-01-01 10:00 Nowhere/Here",
        "2025-01-01 10:00 ../../etc/passwd",
        "2025-01-01 10:00 +2500",
        "0001-01-01 00:00 +1000",
    ],
)
def test_unreadable_until_gives_none(text: str) -> None:
    assert parse_until_ms(text) is None


def test_until_without_a_zone_is_in_the_default_one() -> None:
    assert parse_until_ms("2025-07-01 10:00", ZoneInfo("Asia/Tokyo")) == _epoch_ms(2025, 7, 1, 1)


def test_local_times_that_exist_twice_or_never_are_the_later_moment() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert parse_until_ms("2025-10-26 02:30", berlin) == _epoch_ms(2025, 10, 26, 1, 30)
    assert parse_until_ms("2025-03-30 02:30", berlin) == _epoch_ms(2025, 3, 30, 1, 30)


def test_reason_of_an_unreadable_until_is_conductors() -> None:
    assert until_error("tomorrow") == "Invalid/Unsupported Wait Until format.  Provided: tomorrow"
