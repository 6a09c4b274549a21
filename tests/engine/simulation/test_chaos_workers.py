"""Workers as bad as they come: whatever they do, each attempt is decided once.

They die after a poll, die after their effect, answer twice, answer late, answer for another
attempt, send 5 MB, send NaN, never give a sign of life; and the clock jumps under them.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from typing import Any

import pytest
from invariants import check_end, check_timers, due_moments

from engine.binding import output_of
from engine.core.events import EventKind
from engine.testing.audit import audit_engine
from engine.testing.clock import FakeClock
from engine.testing.definitions import fork, limited, loop, workflow
from engine.testing.inline import InlineEngine
from engine.testing.scripts import evaluate_pure

Wire = dict[str, Any]

_ENDS = (EventKind.TASK_COMPLETED, EventKind.TASK_FAILED, EventKind.TASK_TIMED_OUT)
_LIMITS = {"retryCount": 50, "retryDelaySeconds": 1, "responseTimeoutSeconds": 20}
_FIVE_MEGABYTES = "x" * (5 << 20)
_LEAP_DAY_MS = 1_709_164_795_000  # 28 February 2024, 23:59:55 UTC
_CLOCKS_GO_FORWARD_MS = 1_711_846_795_000  # 31 March 2024, 00:59:55 UTC, Europe
_HOUR = 3600
_JUMPS = (5, 21, 21, 21, 60, _HOUR, -_HOUR, 8 * _HOUR)
"""Seconds: work, response time-outs, a clock set forward and back, a machine that was asleep."""


def bad_flow() -> Wire:
    """Ten worker's tasks: in a row, in a fork, in a loop."""
    return workflow(
        "bad",
        *fork("f", [task("a"), task("b")], [task("c")], [task("d")]),
        loop("l", task("e"), times=3),
        task("g"),
        task("h"),
        task("i"),
    )


def task(reference: str) -> Wire:
    """A worker's task that is tried again for long."""
    return {**limited(reference, **_LIMITS), "name": "work"}


class BadWorkers:
    """They work on one queue; every effect they have is counted."""

    def __init__(self, engine: InlineEngine, chance: random.Random) -> None:
        self.engine = engine
        self.chance = chance
        self.effects: Counter[str] = Counter()
        """How often the work of each attempt was really done."""
        self.said: dict[str, list[int]] = {}
        """Results sent for each attempt, in order."""
        self.late: deque[Wire] = deque(maxlen=60)
        self.results = 0

    def work(self) -> None:
        for given in self.engine.poll("work", f"w{self.chance.randrange(4)}", count=3):
            self.late.append(given)
            getattr(self, f"_{self.chance.choice(_HABITS)}")(given)

    def _say(self, given: Wire, status: str = "COMPLETED", **output: Any) -> None:
        self.results += 1
        self.said.setdefault(given["taskId"], []).append(self.results)
        self.engine.report(given, status, outputData={"n": self.results, **output})

    def _be_good(self, given: Wire) -> None:
        self.effects[given["taskId"]] += 1
        self._say(given)

    def _die_after_poll(self, given: Wire) -> None:
        pass

    def _die_after_effect(self, given: Wire) -> None:
        self.effects[given["taskId"]] += 1

    def _answer_twice(self, given: Wire) -> None:
        self._be_good(given)
        self._say(given, self.chance.choice(["COMPLETED", "FAILED"]))

    def _answer_late(self, given: Wire) -> None:
        self._be_good(self.chance.choice(self.late))

    def _answer_for_another(self, given: Wire) -> None:
        other = self.chance.choice(self.late)
        self.effects[given["taskId"]] += 1
        self._say({**given, "taskId": other["taskId"]} | _home(other))

    def _send_much(self, given: Wire) -> None:
        self.effects[given["taskId"]] += 1
        self._say(given, text=_FIVE_MEGABYTES)

    def _send_no_number(self, given: Wire) -> None:
        self.effects[given["taskId"]] += 1
        # As the worker of a Python function reports it; over HTTP, NaN is refused at the door.
        self._say(given, **output_of({"value": float("nan"), "other": float("-inf")}))

    def _fail(self, given: Wire) -> None:
        self._say(given, "FAILED")

    def _give_signs_of_life_only(self, given: Wire) -> None:
        self.engine.report(given, "IN_PROGRESS", extendLease=True)


_HABITS = (
    ["be_good"] * 6
    + ["die_after_poll", "die_after_effect", "answer_twice", "answer_late", "answer_for_another"]
    * 2
    + ["fail", "send_no_number", "give_signs_of_life_only"]
)


def _home(given: Wire) -> Wire:
    return {"workflowInstanceId": given["workflowInstanceId"]}


def _move(engine: InlineEngine, seconds: int) -> None:
    """Move the clock with a stop wherever something is due, as a machine that runs; or jump."""
    now = engine.clock.now().wall_ms
    target = now + seconds * 1000
    while now != target:
        moments = [m for s in engine.desk.executions.values() for m, _ in due_moments(s)]
        stop = min([target, *(m for m in moments if m > now)])
        engine.clock.move(ms=stop - now)
        now = stop
        check_timers(engine.desk.executions.values(), now)


def live_through(executions: int, seed: int, start_ms: int) -> tuple[int, int]:
    """Let bad workers finish some executions; returns tasks completed and attempts made."""
    chance = random.Random(seed)
    clock = FakeClock(start_ms)
    with InlineEngine(bad_flow(), clock=clock, evaluator=evaluate_pure) as engine:
        workers = BadWorkers(engine, chance)
        ids = [engine.start("bad") for _ in range(executions)]
        sent_much = False
        for turn in range(4000):
            if not engine.desk.executions:
                break
            workers.work()
            if turn == 20 and not sent_much:
                for given in engine.poll("work", count=1):
                    workers._send_much(given)
                    sent_much = True
            if turn % 7 == 0:
                jump = chance.choice(_JUMPS)
                if jump < 0 or chance.random() < 0.2:
                    engine.clock.move(seconds=jump)  # at once: a suspended machine, a set clock
                else:
                    _move(engine, jump)
            if turn % 50 == 0:
                engine.reopen()
                audit_engine(engine)
        assert not engine.desk.executions, f"seed {seed}: bad workers keep executions open"
        assert sent_much
        completed = attempts = 0
        for workflow_id in ids:
            events = engine.events(workflow_id)
            state = engine.state(workflow_id)
            assert state.status == "COMPLETED", state.reason_for_incompletion
            check_end(events, engine.registry.definition_of, engine.desk.state(workflow_id))
            ends = Counter(event.task_id for event in events if event.kind in _ENDS)
            assert max(ends.values()) == 1, "an attempt was decided twice"
            for record in state.tasks.values():
                if record.task_def_name != "work":
                    continue
                attempts += 1
                if record.status == "COMPLETED":
                    completed += 1
                    # Its result is one that was said for this very attempt.
                    assert record.output_data["n"] in workers.said[record.task_id]
        return completed, attempts


@pytest.mark.parametrize("start_ms", [_LEAP_DAY_MS, _CLOCKS_GO_FORWARD_MS])
def test_a_thousand_tasks_in_bad_hands_are_each_decided_once(start_ms: int) -> None:
    completed, attempts = live_through(50, seed=8, start_ms=start_ms)
    assert completed == 500
    assert attempts > 700, "the workers were not bad enough"


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_hundred_thousand_tasks_in_bad_hands() -> None:
    completed = attempts = 0
    for seed in range(100):
        done, tried = live_through(100, seed, _LEAP_DAY_MS + seed * 86_400_000)
        completed += done
        attempts += tried
    print(f"{completed} tasks, {attempts} attempts")
    assert completed == 100_000
