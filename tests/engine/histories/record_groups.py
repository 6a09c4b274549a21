"""Records many small histories of the present engine version, a group in one file.

    python tests/engine/histories/record_groups.py simulated tests/engine/histories/v3
    python tests/engine/histories/record_groups.py random tests/engine/histories/v3
    python tests/engine/histories/record_groups.py scenarios tests/engine/histories/v3

As with the stories: once for a version, and a file that exists is left alone.
"""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

if __package__ in (None, ""):
    sys.path[:0] = [
        *(str(Path(__file__).parents[1] / name) for name in ("simulation", "properties")),
        str(Path(__file__).parents[3]),
    ]

import hypothesis
from hypothesis import strategies as st
from random_actions import Move, Player, moves
from random_definitions import PUBLISHERS, TYPES, workflow_definitions
from world import World

from engine import Engine
from engine.core.apply import fold
from engine.core.events import HistoryEvent
from engine.errors import EngineError
from engine.http_api.server import serve_api
from engine.testing.histories import Recording, essence, replay, save_group
from engine.testing.inline import InlineEngine

SCENARIOS: Final = Path(__file__).resolve().parents[4] / "shared" / "conformance"
_SCENARIO_GROUPS: Final = (
    *("basic", "corpus", "dynamic", "expr", "fork", "loop", "operate", "optional", "rerun"),
    *("restart", "retry", "retryapi", "subworkflow", "switch", "system", "terminate", "timeout"),
    *("update", "wait"),
)
"""Groups of recorded scenarios that are about executions."""
_EVERY: Final = 4
"""One scenario of so many."""
_SECONDS: Final = 300
_ENVIRONMENT: Final = {"GOLDEN": "blue"}
_LONGEST: Final = 400
"""Events of a history that is worth its place."""


def simulated() -> Iterator[Recording]:
    """Histories of simulated worlds: every operator, workers that misbehave, crashes."""
    for seed in range(60_000, 60_040):
        world = World(seed, most_events=60)
        try:
            world.run()
            world.check()
            world.finish()
            yield from _of_engine(world.engine, world.known(), f"World {seed}.")
        finally:
            world.close()


def random() -> Iterator[Recording]:
    """Histories of the property tests' definitions: branches, schemas, messages, publishers."""
    recordings: list[Recording] = []

    @hypothesis.settings(
        max_examples=120,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(workflow_definitions, moves, st.booleans())
    def play(definition: dict[str, Any], actions: list[Move], held: bool) -> None:
        given: dict[str, Any] = {"task_types": TYPES, "event_publishers": PUBLISHERS}
        with InlineEngine(definition, hold_scripts=held, **given) as engine:
            started = engine.service.start_workflow({"name": "any", "input": {"x": 1, "case": "1"}})
            while not started.done():
                engine.run_script()
            player = Player(engine, started.result(0))
            for move in actions:
                player.play(move)
            player.finish()
            recordings.extend(_of_engine(engine, player.known, "A random definition."))

    play()
    yield from recordings


def scenarios() -> Iterator[Recording]:
    """Histories of scenarios that a real Conductor server was recorded with, played over HTTP."""
    values: dict[str, Any] = {"environment": _ENVIRONMENT, "secrets": {"GOLDEN": "s3cret"}}
    command = [sys.executable, str(SCENARIOS / "conformance.py"), "check", "--jobs", "4", "--url"]
    for group in _SCENARIO_GROUPS:
        files = sorted(map(str, (SCENARIOS / "golden").glob(f"{group}-*.json")))[::_EVERY]
        with Engine(threads=0, **values) as engine, serve_api(engine.service, port=0) as server:
            subprocess.run(
                [*command, server.url, *files],
                timeout=_SECONDS,
                check=False,
                stdout=sys.stderr,
            )
            assert engine._runtime is not None
            store, registry = engine._runtime.store, engine._runtime.registry
            known = engine.sql("SELECT workflow_id FROM executions ORDER BY create_time")
            for workflow_id in known["workflow_id"]:
                with contextlib.suppress(EngineError):
                    events = store.events(workflow_id)
                    title = f"Scenarios of {group}."
                    yield _recording(title, [events], registry.definition_of, _ENVIRONMENT, ())


def _of_engine(engine: InlineEngine, ids: Iterable[str], title: str) -> Iterator[Recording]:
    histories = [engine.events(workflow_id) for workflow_id in ids]
    publishers = sorted(engine.event_publishers)
    yield _recording(title, histories, engine.registry.definition_of, {}, publishers)


def _recording(
    title: str,
    histories: list[list[HistoryEvent]],
    definition_of: Callable[[str], Any],
    environment: dict[str, str],
    publishers: Iterable[str],
) -> Recording:
    kept = [events for events in histories if len(events) <= _LONGEST]
    named = (event.data.get("definition_hash") for events in kept for event in events)
    hashes = sorted({name for name in named if name})
    return Recording(
        title=title,
        environment=environment,
        event_publishers=list(publishers),
        definitions={key: definition_of(key).wire for key in hashes},
        executions=kept,
        states=[essence(fold(events, definition_of)) for events in kept],
    )


def _distinct(recordings: Iterable[Recording]) -> Iterator[Recording]:
    """Leave out what decides as something before it did, and prove that the rest replays."""
    seen: set[tuple[object, ...]] = set()
    for recording in recordings:
        definition_of, types = recording.definition_of(), recording.task_types()
        new = []
        for position, events in enumerate(recording.executions):
            shape = (
                recording.definitions[events[0].data["definition_hash"]]["name"].split("_")[0],
                *((event.kind, event.reference, event.attempt) for event in events),
            )
            if shape not in seen:
                seen.add(shape)
                new.append(position)
                replay(events, definition_of, recording.environment, types)
        if new:
            yield msgspec.structs.replace(
                recording,
                executions=[recording.executions[n] for n in new],
                states=[recording.states[n] for n in new],
            )


GROUPS: Final = {maker.__name__: maker for maker in (simulated, random, scenarios)}


def main(name: str, folder: Path) -> None:
    """Record one group."""
    logging.getLogger("engine").setLevel(logging.CRITICAL)
    path = folder / f"{name}.jsonl.gz"
    if path.exists():
        print(f"{path} is there already")
        return
    recordings = list(_distinct(GROUPS[name]()))
    save_group(recordings, path)
    count = sum(len(recording.executions) for recording in recordings)
    print(f"recorded {path}: {count} histories, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
