"""Cron expressions: the moments they name, and what is none."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from engine.errors import InvalidRequestError
from engine.runtime.cron import Cron


def moments(expression: str, begin: str, count: int, zone: str = "UTC") -> list[str]:
    """The first moments from ``begin`` (UTC) on, in local time with its offset."""
    cron = Cron(expression, ZoneInfo(zone))
    after = int(datetime.fromisoformat(begin).replace(tzinfo=UTC).timestamp()) * 1000 - 1
    found = []
    for _ in range(count):
        moment = cron.next_after_ms(after)
        if moment is None:
            break
        found.append(f"{datetime.fromtimestamp(moment / 1000, cron.zone):%Y-%m-%dT%H:%M:%S%z}")
        after = moment
    return found


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 0 0 1 1 *", ["2030-01-01T00:00:00", "2031-01-01T00:00:00"]),
        ("*/15 * * * * *", ["2030-01-01T00:00:00", "2030-01-01T00:00:15"]),
        ("0 30 9 * * MON-FRI", ["2030-01-01T09:30:00", "2030-01-02T09:30:00"]),
        ("5,10 0 3/10 * * ?", ["2030-01-01T03:00:05", "2030-01-01T03:00:10"]),
        ("0 0 0 L * *", ["2030-01-31T00:00:00", "2030-02-28T00:00:00"]),
        ("0 0 0 L-3 * *", ["2030-01-28T00:00:00", "2030-02-25T00:00:00"]),
        ("0 0 0 LW * *", ["2030-01-31T00:00:00", "2030-02-28T00:00:00"]),
        ("0 0 0 5W * *", ["2030-01-04T00:00:00", "2030-02-05T00:00:00"]),
        ("0 0 0 * * 5L", ["2030-01-25T00:00:00", "2030-02-22T00:00:00"]),
        ("0 0 0 ? * MON#2", ["2030-01-14T00:00:00", "2030-02-11T00:00:00"]),
        ("0 0 0 13 * FRI", ["2030-09-13T00:00:00", "2030-12-13T00:00:00"]),
        ("0 0 0 ? * FRI-SUN", ["2030-01-04T00:00:00", "2030-01-05T00:00:00"]),
        ("0 0 0 29 FEB *", ["2032-02-29T00:00:00", "2036-02-29T00:00:00"]),
        ("@hourly", ["2030-01-01T00:00:00", "2030-01-01T01:00:00"]),
    ],
)
def test_next_moments(expression: str, expected: list[str]) -> None:
    found = moments(expression, "2030-01-01T00:00:00", 2)

    assert found == [f"{text}+0000" for text in expected]


def test_local_time_that_the_clocks_leave_out_counts_as_an_hour_later() -> None:
    found = moments("0 30 2 * * *", "2026-03-28T22:00:00", 2, "Europe/Berlin")

    assert found == ["2026-03-29T03:30:00+0200", "2026-03-30T02:30:00+0200"]


def test_local_time_that_comes_twice_counts_once() -> None:
    found = moments("0 30 2 * * *", "2026-10-24T22:00:00", 2, "Europe/Berlin")

    assert found == ["2026-10-25T02:30:00+0200", "2026-10-26T02:30:00+0100"]


def test_every_hour_follows_real_time() -> None:
    found = moments("0 0 * * * *", "2026-10-25T00:00:00", 3, "Europe/Berlin")

    assert found == [f"2026-10-25T0{t}" for t in ("2:00:00+0200", "2:00:00+0100", "3:00:00+0100")]


def test_day_that_never_comes_has_no_moment() -> None:
    assert Cron("0 0 0 30 2 *").next_after_ms(0) is None
    assert Cron("* * * * * *").next_after_ms(2**62) is None


@pytest.mark.parametrize(
    "expression",
    ["", "* * * * *", "61 * * * * *", "a * * * * *", "0 0 0 0 * *", "0 0 0 32W * *",
     "*/0 * * * * *", "0 0 0 * * MON#6", "5-1 * * * * *", "@sometimes", "-1 * * * * *"],
)  # fmt: skip
def test_what_is_no_expression_is_refused(expression: str) -> None:
    with pytest.raises(InvalidRequestError, match="Invalid cron expression"):
        Cron(expression)
