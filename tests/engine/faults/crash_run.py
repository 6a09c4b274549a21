"""Many crashes in one command, in stretches: ``python tests/engine/faults/crash_run.py --help``.

A stretch is a seed, each with a store of its own: what one run did not get to, the next one
does with ``--seed``.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
import time
from pathlib import Path

from crash_audit import Findings
from crash_suites import CHILD, at_any_moment, at_every_point
from fork_server import ForkServer

_PER_STRETCH = 100


def main() -> int:
    """Crash as long as asked for; returns 1 if anything was wrong."""
    asked = _parser().parse_args()
    begun = time.monotonic()
    total = Findings()
    seed = asked.seed
    with ForkServer(CHILD) as server, tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        left = asked.rounds if asked.named else asked.kills
        while left > 0 and time.monotonic() - begun < asked.seconds and not total.wrong:
            if asked.named:
                found = at_every_point(server, Path(folder), seed)
                left -= 1
            else:
                kills = min(left, _PER_STRETCH)
                found = at_any_moment(server, Path(folder), seed, kills, stores=2)
                left -= kills
            for one in found:
                _add(total, one)
            seed += 1
    print(f"{time.monotonic() - begun:.0f} s, next --seed {seed}: {total}")
    return 1 if total.wrong else 0


def _add(total: Findings, one: Findings) -> None:
    for field in dataclasses.fields(Findings):
        setattr(total, field.name, getattr(total, field.name) + getattr(one, field.name))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500, help="kills at random moments")
    parser.add_argument("--named", action="store_true", help="instead: every named point")
    parser.add_argument("--rounds", type=int, default=20, help="how often every named point")
    parser.add_argument("--seed", type=int, default=1, help="of the first stretch")
    parser.add_argument("--seconds", type=float, default=900.0, help="begin no stretch after")
    parser.add_argument("--folder", help="where stores are made; the system's by default")
    return parser


if __name__ == "__main__":
    sys.exit(main())
