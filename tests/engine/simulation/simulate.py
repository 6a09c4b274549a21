"""Play seeds: ``python tests/engine/simulation/simulate.py --seeds 2000 --processes 2``.

A seed that fails is printed with the command that plays it again.
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import logging
import sys
import time
import traceback
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

if __package__ in (None, ""):
    sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[3])]

from world import World, play


@dataclasses.dataclass
class Played:
    """What came of some seeds."""

    seeds: int = 0
    events: int = 0
    seconds: float = 0.0
    """Of CPU, of all processes together."""
    failed: dict[int, str] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        rate = self.events / self.seconds if self.seconds else 0
        return (
            f"{self.seeds} seeds, {self.events} events in {self.seconds:.1f} s of CPU with all "
            f"checks: {rate:.0f} events/s, {len(self.failed)} wrong"
        )

    def __add__(self, other: Played) -> Played:
        return Played(
            self.seeds + other.seeds,
            self.events + other.events,
            self.seconds + other.seconds,
            self.failed | other.failed,
        )


def play_again(seed: int, events: int) -> str:
    """The command that plays one seed again."""
    return f"python tests/engine/simulation/simulate.py --first {seed} --seeds 1 --events {events}"


def play_seeds(
    first: int, count: int, events: int, seconds: float = 0, stop_at: int = 3, step: int = 1
) -> Played:
    """Play ``count`` seeds from ``first`` on, or as many as fit into ``seconds``."""
    logging.getLogger("engine").setLevel(logging.CRITICAL + 1)
    played = Played()
    # Collecting while a world is alive looks at all of it again and again, for nothing.
    gc.collect()
    gc.freeze()
    gc.disable()
    until = time.monotonic() + seconds if seconds else None
    begun = time.process_time()
    for seed in range(first, first + count * step, step):
        if until is not None and time.monotonic() > until:
            break
        try:
            played.events += play(seed, events)
        except Exception as error:
            what = traceback.format_exc(limit=-4)
            played.failed[seed] = f"{type(error).__name__}: {error}\n{what}"
        gc.collect()
        played.seeds += 1
        if len(played.failed) >= stop_at:
            break
    gc.enable()
    gc.unfreeze()
    played.seconds = time.process_time() - begun
    return played


def play_in_processes(
    first: int, count: int, events: int, seconds: float, stop_at: int, processes: int
) -> Played:
    """The same in several processes, each with its share of the seeds."""
    shares = [len(range(n, count, processes)) for n in range(processes)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        parts = [
            pool.submit(play_seeds, first + n, share, events, seconds, stop_at, processes)
            for n, share in enumerate(shares)
        ]
        return sum((part.result() for part in parts), Played())


def main() -> int:
    """Play and tell; 1 when a seed failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--seeds", type=int, default=2000, help="how many seeds at most")
    parser.add_argument("--processes", type=int, default=1, help="share the seeds among so many")
    parser.add_argument("--events", type=int, default=200, help="events of a seed, about")
    parser.add_argument("--seconds", type=float, default=0, help="stop after this long; 0: never")
    parser.add_argument("--stop-at", type=int, default=3, help="give up after so many failures")
    parser.add_argument("--moves", action="store_true", help="show definition and moves")
    given = parser.parse_args()
    if given.moves:
        world = World(given.first, given.events)
        try:
            world.run()
            world.check()
        finally:
            print(world.definition)
            print(*world.moves)
    limits = given.events, given.seconds, given.stop_at
    if given.processes > 1:
        played = play_in_processes(given.first, given.seeds, *limits, given.processes)
    else:
        played = play_seeds(given.first, given.seeds, *limits)
    print(played)
    for seed, text in played.failed.items():
        print(f"seed {seed}: {text}\n  again: {play_again(seed, given.events)}")
    return 1 if played.failed else 0


if __name__ == "__main__":
    sys.exit(main())
