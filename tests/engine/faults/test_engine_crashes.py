"""A real engine, killed again and again: nothing acknowledged is lost, nothing happens twice."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from crash_audit import Findings, audit
from crash_rounds import CrashRounds

from engine.runtime.faults import RUNTIME_FAULT_POINTS
from engine.store.faults import STORE_FAULT_POINTS

FAULT_POINTS = (*STORE_FAULT_POINTS, *RUNTIME_FAULT_POINTS)
_RARE = {"feeder": 2, "recovery": 1, "journal.before_prune": 3, "journal.after_prune": 3}
"""How often a point, or one of an area, may be passed before the process dies."""
_OFTEN = 30
"""The same for those that every commit passes."""


def crash(folder: Path, seed: int, named_times: int, random_times: int) -> Findings:
    """Kill at every named point and at random moments, let the last process finish, audit."""
    chance = random.Random(seed)
    plan = [*FAULT_POINTS * named_times, *[""] * random_times]
    chance.shuffle(plan)
    with CrashRounds(folder, seed) as rounds:
        for point in plan:
            if point:
                most = _RARE.get(point) or _RARE.get(point.partition(".")[0]) or _OFTEN
                rounds.die_at(point, chance.randint(1, most))
            else:
                rounds.kill()
        rounds.finish()
    assert rounds.seen.random_kills == random_times
    assert set(rounds.seen.named) == set(FAULT_POINTS)
    findings = audit(folder, rounds.seen)
    print(f"seed {seed}: {findings}; unfed at kills: {rounds.seen.events_unfed}")
    return findings


@pytest.mark.timeout(180)
def test_no_crash_loses_or_repeats_anything(tmp_path: Path) -> None:
    findings = crash(tmp_path, seed=20, named_times=1, random_times=10)
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
