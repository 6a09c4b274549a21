"""How many crashes, where and of what: the suites that tests and ``crash_run`` are made of."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path

from crash_audit import Findings, audit
from crash_child import CLOSE, WORK
from crash_flows import ALWAYS, CHAINS
from crash_rounds import CrashRounds
from fork_server import ForkServer

from engine.runtime.faults import RUNG, RUNTIME_FAULT_POINTS
from engine.store.faults import (
    STORE_CLOSING_POINTS,
    STORE_FAULT_POINTS,
    STORE_OPENING_POINTS,
    STORE_RARE_POINTS,
)

FAULT_POINTS = (
    *STORE_FAULT_POINTS,
    *STORE_RARE_POINTS,
    *RUNTIME_FAULT_POINTS,
    *STORE_CLOSING_POINTS,
)
"""Points that every process may pass; those of a new store come before, in their order."""
CHILD = Path(__file__).with_name("crash_child.py")
"""The program whose processes die."""
AT_ONCE = 2
"""Stores that are crashed side by side."""
_OFTEN = 20
"""How often at most a point is passed before the process dies, if every commit passes it."""
_SELDOM = 2
"""The same where only some executions come by."""
_ONCE = 1
_MOST = {
    **dict.fromkeys(("journal", "decider", "writer", "polling"), _OFTEN),
    **dict.fromkeys(("feeder", "effects", "evaluations", "events", "couriers", "notices"), _SELDOM),
    **dict.fromkeys(("journal.before_prune", "journal.after_prune"), _SELDOM),
    RUNG: _ONCE,
    **dict.fromkeys((*STORE_RARE_POINTS, *STORE_OPENING_POINTS), _ONCE),
}
"""By point or by area; others once."""


def at_every_point(server: ForkServer, folder: Path, seed: int) -> list[Findings]:
    """Kill once at every named point in every chain of workflows; what each chain's audit says."""

    def chain(number: int) -> Findings:
        home = folder / f"seed{seed}chain{number}"
        home.mkdir()
        chance = random.Random(seed * 10 + number)
        plan = [*STORE_OPENING_POINTS, *chance.sample(FAULT_POINTS, len(FAULT_POINTS))]
        flows = [name for pair in zip(cycle(CHAINS[number]), ALWAYS) for name in pair]
        begun = time.monotonic()
        with CrashRounds(server, home, seed * 10 + number, flows) as rounds:
            for point in plan:
                most = _MOST.get(point) or _MOST.get(point.partition(".")[0], _ONCE)
                mode = CLOSE if point in STORE_CLOSING_POINTS else WORK
                rounds.die_at(point, chance.randint(1, most), mode)
            rounds.finish()
        assert rounds.seen.named == plan
        return _audited(home, rounds, begun)

    return _side_by_side(chain, range(len(CHAINS)))


def at_any_moment(
    server: ForkServer, folder: Path, seed: int, kills: int, stores: int = 1
) -> list[Findings]:
    """Kill at random moments while eight clients work and start; each store has its share."""

    def store(number: int) -> Findings:
        home = folder / f"seed{seed}store{number}"
        home.mkdir()
        own_kills = len(range(number, kills, stores))
        begun = time.monotonic()
        with CrashRounds(server, home, seed * 10 + number, workers=5, starters=3) as rounds:
            for _ in range(own_kills):
                rounds.kill()
            rounds.finish()
        assert rounds.seen.random_kills == own_kills
        return _audited(home, rounds, begun)

    return _side_by_side(store, range(stores))


def _audited(folder: Path, rounds: CrashRounds, begun: float) -> Findings:
    killed = time.monotonic()
    findings = audit(folder, rounds.seen)
    findings.kills = rounds.seen.random_kills + len(rounds.seen.named)
    findings.events_unfed = rounds.seen.events_unfed
    print(
        f"{folder.name}: {killed - begun:.1f} s, audit {time.monotonic() - killed:.1f} s, "
        f"{rounds.seen.cpu_seconds / findings.kills:.2f} s of processor time a death, {findings}",
        flush=True,
    )
    return findings


def _side_by_side(run: object, numbers: Sequence[int]) -> list[Findings]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(run, numbers))  # type: ignore[arg-type]
