"""Random definitions, random workers, random operators: what holds of every history.

A failure prints the definition and the actions, shrunk, with the seed to run them again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_actions import Move, Player, moves
from random_definitions import PUBLISHERS, TYPES, workflow_definitions

from engine.core.apply import fold
from engine.core.decide import decide
from engine.core.loop_output import LoopOutput
from engine.core.state import WorkflowState
from engine.testing.audit import FoldedHistories, audit_engine, audit_history
from engine.testing.histories import essence
from engine.testing.inline import InlineEngine
from engine.testing.scripts import evaluate_pure

_SLOW_TO_MAKE = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
_quick = settings(
    max_examples=300, deadline=None, print_blob=True, suppress_health_check=_SLOW_TO_MAKE
)
_long = settings(_quick, max_examples=5000)
_SETTINGS: dict[str, Any] = {
    "task_types": TYPES,
    "event_publishers": PUBLISHERS,
    "evaluator": evaluate_pure,
}


class _Errors(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(self.format(record))


@contextmanager
def _no_errors_logged() -> Iterator[None]:
    handler = _Errors()
    logger = logging.getLogger("engine")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
    assert not handler.records, handler.records[0]


def _play(definition: dict[str, Any], actions: list[Move], *, held: bool) -> None:
    with InlineEngine(definition, hold_scripts=held, **_SETTINGS) as engine, _no_errors_logged():
        started = engine.service.start_workflow({"name": "any", "input": {"x": 1, "case": "1"}})
        while not started.done():
            engine.run_script()
        player = Player(engine, started.result(0))
        folded = FoldedHistories(engine)
        snapshots: list[tuple[WorkflowState, bytes]] = []
        for move in actions:
            player.play(move)
            audit_engine(engine, folded)
            state = engine.state(player.known[0])
            snapshots.append((state, _all_of(state)))
        player.finish()
        for snapshot, then in snapshots:
            assert _all_of(snapshot) == then, "a snapshot changed after it was taken"
        for workflow_id in player.known:
            events, types = engine.events(workflow_id), engine.desk.task_types
            audit_history(events, engine.registry.definition_of, types)


def _all_of(state: WorkflowState) -> bytes:
    tables = {
        name: sorted(value) if isinstance(value, set) else value
        for name in WorkflowState.__slots__
        if name not in ("definition", "scratch")
        for value in [getattr(state, name)]
    }
    return msgspec.json.encode(tables, enc_hook=LoopOutput.as_dict)


@_quick
@given(workflow_definitions, moves, st.booleans())
def test_whatever_happens_every_history_is_sound_and_every_execution_can_end(
    definition: dict[str, Any], actions: list[Move], held: bool
) -> None:
    _play(definition, actions, held=held)


@pytest.mark.long
@pytest.mark.timeout(1200)
@_long
@given(workflow_definitions, moves, st.booleans())
def test_whatever_happens_in_thousands_of_runs(
    definition: dict[str, Any], actions: list[Move], held: bool
) -> None:
    _play(definition, actions, held=held)


@settings(_quick, max_examples=150)
@given(workflow_definitions, moves, st.integers(0, 400), st.integers(0, 4000))
def test_deciding_is_pure_and_deciding_twice_is_deciding_once(
    definition: dict[str, Any], actions: list[Move], cut: int, later_seconds: int
) -> None:
    with InlineEngine(definition, **_SETTINGS) as engine:
        types = engine.desk.task_types
        workflow_id = engine.start("any", {"x": 1})
        player = Player(engine, workflow_id)
        for move in actions:
            player.play(move)
        definition_of = engine.registry.definition_of
        events = engine.events(workflow_id)
        # Any prefix is a state the decider may be asked about, in the middle of a turn as well.
        state = fold(events[: 1 + cut % len(events)], definition_of)
        engine.clock.move(seconds=later_seconds)
        now = engine.clock.now()
        before = _all_of(state)
        decided = decide(state, now, types, definition_of)
        assert _all_of(state) == before
        assert decide(state, now, types, definition_of) == decided
        after = fold(decided, definition_of, state)
        assert decide(after, now, types, definition_of) == []
        assert essence(after)["last_event"] == events[cut % len(events)].number + len(decided)
