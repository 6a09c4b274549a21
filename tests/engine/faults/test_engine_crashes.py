"""A real engine, killed again and again: nothing acknowledged is lost, nothing happens twice.

``crash_run.py`` does the same for as long as one likes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from crash_suites import CHILD, FAULT_POINTS, at_any_moment, at_every_point
from fork_server import ForkServer


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    with ForkServer(CHILD) as server:
        yield server


@pytest.mark.timeout(400)
def test_a_crash_at_any_point_of_any_workflow_loses_and_repeats_nothing(
    server: ForkServer, tmp_path: Path
) -> None:
    for findings in at_every_point(server, tmp_path, seed=30):
        assert findings.wrong == []
        assert findings.kills > len(FAULT_POINTS)
        assert findings.acknowledged_starts > 50
        assert findings.messages
        assert findings.payloads_outside


@pytest.mark.timeout(300)
def test_no_crash_loses_or_repeats_anything(server: ForkServer, tmp_path: Path) -> None:
    for findings in at_any_moment(server, tmp_path, seed=20, kills=100, stores=2):
        assert findings.wrong == []
        assert findings.acknowledged_starts > 40
        assert findings.acknowledged_updates > 150


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(40, 60))
def test_twenty_crashes_at_every_point_of_every_workflow(
    server: ForkServer, tmp_path: Path, seed: int
) -> None:
    for findings in at_every_point(server, tmp_path, seed):
        assert findings.wrong == []


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(1, 16))
def test_three_thousand_crashes_lose_and_repeat_nothing(
    server: ForkServer, tmp_path: Path, seed: int
) -> None:
    for findings in at_any_moment(server, tmp_path, seed, kills=200, stores=2):
        assert findings.wrong == []
        assert findings.acknowledged_starts > 50
        assert findings.attempts_run_again > 10
