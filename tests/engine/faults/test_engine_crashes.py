"""A real engine, killed again and again: nothing acknowledged is lost, nothing happens twice."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from crash_audit import Findings, audit
from crash_rounds import CrashRounds

from engine.runtime.faults import RUNTIME_FAULT_POINTS
from engine.store.faults import STORE_CLOSING_POINTS, STORE_FAULT_POINTS

FAULT_POINTS = (*STORE_FAULT_POINTS, *RUNTIME_FAULT_POINTS, *STORE_CLOSING_POINTS)
_RARE = {"feeder": 2, "recovery": 1, "store": 1, "polling": 10,
         "journal.before_prune": 3, "journal.after_prune": 3}  # fmt: skip
"""How often a point, or one of an area, may be passed before the process dies."""
_OFTEN = 30
"""The same for those that every commit passes."""
_CHAINS = (("crash_retries", "crash_loop"), ("crash_fork", "crash_wait"), ("crash_family",))
"""Workflows that are crashed together: every point once in each chain."""


def crash(
    folder: Path, seed: int, named_times: int, random_times: int, flows: tuple[str, ...] = ()
) -> Findings:
    """Kill at every named point and at random moments, let the last process finish, audit."""
    chance = random.Random(seed)
    plan = [*FAULT_POINTS * named_times, *[""] * random_times]
    chance.shuffle(plan)
    with CrashRounds(folder, seed, flows=flows) as rounds:
        for point in plan:
            if point:
                most = _RARE.get(point) or _RARE.get(point.partition(".")[0]) or _OFTEN
                rounds.die_at(point, chance.randint(1, most))
            else:
                rounds.kill()
        rounds.finish()
    assert rounds.seen.random_kills == random_times
    assert named_times == 0 or set(rounds.seen.named) == set(FAULT_POINTS)
    findings = audit(folder, rounds.seen)
    print(f"seed {seed}: {findings}; unfed at kills: {rounds.seen.events_unfed}")
    return findings


def crash_chains(folder: Path, seed: int, named_times: int) -> list[Findings]:
    """Every point in every chain, two chains at a time."""

    def chain(number: int) -> Findings:
        home = folder / f"chain{number}"
        home.mkdir()
        return crash(home, seed + number, named_times, 0, _CHAINS[number])

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(chain, range(len(_CHAINS))))


@pytest.mark.timeout(240)
def test_a_crash_at_any_point_of_any_workflow_loses_and_repeats_nothing(tmp_path: Path) -> None:
    for findings in crash_chains(tmp_path, seed=30, named_times=1):
        assert findings.wrong == []
        assert findings.acknowledged_starts > 50


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_twenty_crashes_at_every_point_of_every_workflow(tmp_path: Path) -> None:
    for findings in crash_chains(tmp_path, seed=40, named_times=20):
        assert findings.wrong == []


@pytest.mark.timeout(180)
def test_no_crash_loses_or_repeats_anything(tmp_path: Path) -> None:
    findings = crash(tmp_path, seed=20, named_times=0, random_times=20)
    assert findings.wrong == []
    assert findings.acknowledged_starts > 100
    assert findings.acknowledged_updates > 300


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", [1, 2])
def test_many_crashes_lose_and_repeat_nothing(tmp_path: Path, seed: int) -> None:
    findings = crash(tmp_path, seed, named_times=4, random_times=50)
    assert findings.wrong == []
    assert findings.acknowledged_starts > 500
    assert findings.attempts_run_again > 20
