"""Waits of years: exact on the day, across restarts, jumps of the clock and daylight saving."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.core.events import Moment
from engine.facade import Engine
from engine.functions import FunctionRegistry
from engine.store import open_store
from engine.testing.clock import FakeClock
from engine.testing.definitions import inline, loop, node, simple, workflow
from engine.testing.inline import InlineEngine

Wire = dict[str, Any]

BERLIN = ZoneInfo("Europe/Berlin")
BEGIN = datetime(2026, 11, 15, 12, tzinfo=UTC)
YEARS = 10
NEXT_FIRST = """
(function () {
  var month = 10 + $.round;  // November is 10: the first bill is December's
  var year = 2026 + Math.floor(month / 12);
  var number = month % 12 + 1;
  return year + '-' + (number < 10 ? '0' : '') + number + '-01 09:00 Europe/Berlin';
})()
"""
SUBSCRIPTION = workflow(
    "subscription",
    loop(
        "months",
        inline("next_first", NEXT_FIRST, round="${months.output.iteration}"),
        node("month", "WAIT", inputParameters={"until": "${next_first.output.result}"}),
        simple("bill", {"due": "${next_first.output.result}"}),
        times=12 * YEARS,
    ),
)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(_ms(BEGIN))


@pytest.fixture
def engine(tmp_path: Path, clock: FakeClock) -> Iterator[InlineEngine]:
    with InlineEngine(
        SUBSCRIPTION, store=open_store(tmp_path / "years.duckdb"), clock=clock
    ) as engine:
        engine.desk.executions.resident_limit = 0
        yield engine


def test_ten_years_are_billed_on_each_first_of_the_month(
    engine: InlineEngine, clock: FakeClock
) -> None:
    subscription = engine.start("subscription")
    billed = []
    for due in _firsts(12 * YEARS):
        clock.move(ms=_ms(due) - _ms_of(clock) - 1)
        assert engine.service.queue_sizes(["bill"]) == {"bill": 0}, f"too early for {due}"
        if due.month == 3:
            engine.reopen()
            engine.desk.executions.resident_limit = 0
        clock.move(ms=1)
        (task,) = engine.service.poll("bill", "w", None, 2, 0).result()
        local = datetime.fromtimestamp(_ms_of(clock) / 1000, BERLIN)
        billed.append((local.year, local.month, local.day, local.hour, local.minute))
        engine.service.update_task({**task, "status": "COMPLETED", "outputData": {}}).result()
    assert billed == [(due.year, due.month, 1, 9, 0) for due in _firsts(12 * YEARS)]
    assert len({due.utcoffset() for due in _firsts(12)}) == 2  # summer and winter
    assert str(engine.state(subscription).status) == "COMPLETED"


def test_a_wait_of_years_is_one_entry_of_the_timers(engine: InlineEngine, clock: FakeClock) -> None:
    engine.register(
        workflow("far", node("w", "WAIT", inputParameters={"until": "2036-01-01 00:00 UTC"}))
    )
    execution = engine.start("far")
    before = engine.state(execution).last_event
    for _ in range(9 * 12):
        clock.move(seconds=30 * 24 * 3600)
    assert engine.state(execution).last_event == before
    assert engine.desk.timers.next_moment_ms() == _ms(datetime(2036, 1, 1, tzinfo=UTC))
    clock.move(ms=_ms(datetime(2036, 1, 1, tzinfo=UTC)) - _ms_of(clock))
    assert str(engine.state(execution).status) == "COMPLETED"


def test_after_a_jump_forward_what_was_missed_comes_in_order(
    engine: InlineEngine, clock: FakeClock
) -> None:
    engine.start("subscription")
    clock.move(seconds=100 * 24 * 3600)  # December, January and February are over
    seen = []
    while tasks := engine.service.poll("bill", "w", None, 1, 0).result():
        seen.append(tasks[0]["inputData"]["due"][:10])
        result = {**tasks[0], "status": "COMPLETED", "outputData": {}}
        engine.service.update_task(result).result()
    assert seen == ["2026-12-01", "2027-01-01", "2027-02-01"]


def test_after_a_jump_back_nothing_is_billed_twice(engine: InlineEngine, clock: FakeClock) -> None:
    engine.start("subscription")
    first, second = _firsts(2)
    clock.move(ms=_ms(first) - _ms_of(clock))
    (task,) = engine.service.poll("bill", "w", None, 2, 0).result()
    engine.service.update_task({**task, "status": "COMPLETED", "outputData": {}}).result()
    clock.move(seconds=-20 * 24 * 3600)
    engine.reopen()
    clock.move(ms=_ms(first) - _ms_of(clock))
    assert engine.service.poll("bill", "w", None, 2, 0).result() == []
    clock.move(ms=_ms(second) - _ms_of(clock))
    assert len(engine.service.poll("bill", "w", None, 2, 0).result()) == 1


def test_a_schedule_keeps_local_time_for_ten_years(engine: InlineEngine, clock: FakeClock) -> None:
    engine.register(workflow("monthly", node("seen", "HUMAN")))
    engine.service.save_schedule(
        {
            "name": "first_of_month",
            "cronExpression": "0 0 9 1 * *",
            "zoneId": "Europe/Berlin",
            "startWorkflowRequest": {"name": "monthly", "version": 1},
        }
    ).result()
    for due in _firsts(12 * YEARS):
        clock.move(ms=_ms(due) - _ms_of(clock) - 1)
        clock.move(ms=1)
    rows = engine.store.query(
        "SELECT create_time FROM executions WHERE workflow_type = 'monthly' ORDER BY create_time"
    )
    assert [row["create_time"] for row in rows] == [_ms(due) for due in _firsts(12 * YEARS)]


class _JumpingClock:
    """The machine's clocks, but the wall clock can be set; nobody is told."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def now(self) -> Moment:
        wall_ms = time.time_ns() // 1_000_000 + self.ahead_ms
        return Moment(wall_ms, time.monotonic_ns())


def test_a_set_clock_is_noticed_within_seconds() -> None:
    clock = _JumpingClock()
    with Engine(functions=FunctionRegistry(), clock=clock) as engine:
        hour = workflow("hour", node("w", "WAIT", inputParameters={"duration": "1 hours"}))
        engine.service.create_workflow_def(hour).result(10)
        execution = engine.start("hour")
        assert not engine.client.workflow(execution).is_terminal
        clock.ahead_ms = 2 * 3600 * 1000
        assert engine.wait(execution, timeout_seconds=10).status == "COMPLETED"


def _firsts(count: int) -> list[datetime]:
    """Nine o'clock in Berlin on the first of the months after the beginning."""
    months = [(BEGIN.month + n) for n in range(count)]
    return [
        datetime(BEGIN.year + month // 12, month % 12 + 1, 1, 9, tzinfo=BERLIN) for month in months
    ]


def _ms(moment: datetime) -> int:
    return (moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _ms_of(clock: FakeClock) -> int:
    return clock.now().wall_ms
