"""Histories of simulated worlds: saved, read again and decided twice, byte for byte."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest

from engine.core.events import HistoryEvent
from engine.testing.histories import essence, replay

sys.path.insert(0, str(Path(__file__).parents[1] / "simulation"))
from world import World


def _decide_again(seeds: range) -> int:
    """Replay all histories of some worlds from their JSON; returns how many there were."""
    count = 0
    for seed in seeds:
        world = World(seed)
        try:
            world.run()
            for workflow_id in world.known():
                events = world.engine.events(workflow_id)
                text = msgspec.json.encode(events)
                read = msgspec.json.decode(text, type=list[HistoryEvent])
                assert msgspec.json.encode(read) == text
                definition_of = world.engine.registry.definition_of
                once, twice = (
                    msgspec.json.encode(essence(replay(read, definition_of))) for _ in range(2)
                )
                assert once == twice
                count += 1
        finally:
            world.close()
    return count


def test_generated_histories_decide_the_same_twice() -> None:
    assert _decide_again(range(50_000, 50_020)) > 100


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_five_thousand_generated_histories_decide_the_same_twice() -> None:
    count = _decide_again(range(50_000, 50_600))
    print(f"{count} histories")
    assert count > 5000
