"""Run the benchmarks and print their figures."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from . import (
    against,
    against_conductor,
    appends,
    first_paint,
    http_sequences,
    idle,
    long_loop,
    machine,
    one_at_a_time,
    over_conductor,
    parts,
    pictures,
    poison,
    search_pages,
    sequences,
    waits,
    wide_fork,
)
from .both_servers import NotHereError
from .figures import Figure, table, write_json
from .stage import Stage

_NAMES = (
    "sequences",
    "http",
    "one",
    "fork",
    "loop",
    "poison",
    "parts",
    "appends",
    "pictures",
    "search",
    "paint",
)
_LONG_NAMES = ("idle", "waits", "hostile", "against-conductor", "over-conductor")
"""Only measured when they are asked for."""


def _hostile(stage: Stage) -> list[Figure]:
    from . import hostile  # its scripts are those of the tests, which another revision may lack

    return hostile.measure(stage)


def main() -> int:
    """Measure what was asked for; returns 0, whether or not the aims are reached.

    With ``--against`` 1 if this side is behind or a run failed; 2 if something is not here.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"of {', '.join(_NAMES)}; longer: {', '.join(_LONG_NAMES)}",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    parser.add_argument("--against", metavar="REVISION", help="measure it too, in turns")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="turns of --against")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - {*_NAMES, *_LONG_NAMES}
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    if arguments.against is not None:
        return against.compare(arguments.against, arguments.names, arguments.rounds)
    logging.basicConfig(level=logging.WARNING)
    facts = machine.facts()
    print("\n".join(f"{name}: {value}" for name, value in facts.items()), flush=True)
    begun = time.perf_counter()
    figures: list[Figure] = []
    with ExitStack() as stack:

        @cache
        def stage() -> Stage:  # made when the first needs it: others are not to share the machine
            return stack.enter_context(Stage())

        measures: dict[str, Callable[[], list[Figure]]] = {
            "sequences": lambda: sequences.measure(stage()),
            "http": lambda: http_sequences.measure(stage()),
            "one": lambda: one_at_a_time.measure(stage(), facts["sqlite_commit_ms"]),
            "fork": lambda: wide_fork.measure(stage()),
            "loop": lambda: long_loop.measure(stage()),
            "poison": lambda: poison.measure(stage()),
            "parts": lambda: parts.measure(stage()),
            "appends": appends.measure,
            "pictures": pictures.measure,
            "idle": idle.measure,
            "waits": waits.measure,
            "hostile": lambda: _hostile(stage()),
            "search": search_pages.measure,
            "paint": lambda: first_paint.measure(stage()),
            "against-conductor": against_conductor.compare,
            "over-conductor": over_conductor.measure,
        }
        for name in (*_NAMES, *_LONG_NAMES):
            if name not in (arguments.names or _NAMES):
                continue
            others = machine.Others()
            try:
                figures += measures[name]()
            except NotHereError as error:
                print(f"{name}: {error}", file=sys.stderr)
                return 2
            busy = others.cores()
            note = "" if busy is None else f"; other processes used {busy:.2f} cores"
            print(f"{name}: measured after {time.perf_counter() - begun:.0f} s{note}", flush=True)
    print(f"\n{table(figures)}")
    if arguments.json is not None:
        write_json(arguments.json, facts, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
