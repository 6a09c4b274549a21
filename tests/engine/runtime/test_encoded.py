"""Kept texts of executions: never older than what anybody was told, never more than may be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.runtime.encoded import LONGEST_BYTES, EncodedExecutions, Slot

IDS = st.sampled_from(["a", "b", "c"])


def test_a_text_is_given_back_in_the_form_it_was_kept_in() -> None:
    encoded = EncodedExecutions()
    encoded.keep(encoded.slot("a"), True, b"with tasks")
    assert encoded.get("a", True) == b"with tasks"
    assert encoded.get("a", False) is None
    assert encoded.get("b", True) is None


def test_what_was_asked_for_longest_ago_goes_first() -> None:
    encoded = EncodedExecutions(most_bytes=10_000)
    for name in "abc":
        encoded.keep(encoded.slot(name), True, b"x" * 3_000)
        encoded.get("a", True)
    assert [name for name in "abc" if encoded.get(name, True)] == ["a", "c"]
    assert encoded.size <= 10_000


def test_a_long_text_is_not_kept() -> None:
    encoded = EncodedExecutions()
    encoded.keep(encoded.slot("a"), True, b"x" * (LONGEST_BYTES + 1))
    assert encoded.get("a", True) is None


def test_slots_without_a_text_are_bounded_too() -> None:
    encoded = EncodedExecutions(most_bytes=10_000)
    for number in range(1_000):
        encoded.slot(str(number))
    assert encoded.size <= 10_000


def test_nothing_is_kept_once_the_engine_ends() -> None:
    encoded = EncodedExecutions()
    slot = encoded.slot("a")
    encoded.keep(slot, True, b"text")
    encoded.close()
    encoded.keep(encoded.slot("a"), True, b"text")
    assert encoded.get("a", True) is None


class Interleaved(RuleBasedStateMachine):
    """Readings in pieces amid commits in pieces, in any order, with little room."""

    @initialize()
    def begin(self) -> None:
        self.encoded = EncodedExecutions(most_bytes=900)
        self.stored = dict.fromkeys("abc", 0)
        self.told = dict.fromkeys("abc", 0)
        self.readings: list[list[Any]] = []
        self.committing: list[Callable[[], None]] = []

    @rule(name=IDS)
    def ask(self, name: str) -> None:
        self.readings.append([self.encoded.slot(name), None])

    @rule(data=st.data())
    @precondition(lambda self: self.readings)
    def go_on_reading(self, data: st.DataObject) -> None:
        reading = data.draw(st.sampled_from(self.readings))
        slot: Slot = reading[0]
        if reading[1] is None:
            reading[1] = self.stored[slot.workflow_id]
        else:
            self.encoded.keep(slot, True, b"%d" % reading[1])
            self.readings.remove(reading)

    @rule(names=st.sets(IDS, min_size=1))
    @precondition(lambda self: not self.committing)
    def commit(self, names: set[str]) -> None:
        def store() -> None:
            for name in names:
                self.stored[name] += 1

        def tell() -> None:
            for name in names:
                self.told[name] = self.stored[name]

        self.encoded.changing(names)
        self.committing = [store, self.encoded.changed, tell]

    @rule()
    @precondition(lambda self: self.committing)
    def go_on_committing(self) -> None:
        self.committing.pop(0)()

    @invariant()
    def nothing_is_older_than_what_was_told(self) -> None:
        for name in "abc":
            text = self.encoded.get(name, True)
            # The journal can be read by others from the moment of the commit on.
            assert text is None or int(text) >= self.stored[name] >= self.told[name]
        assert self.encoded.size <= 900


TestInterleaved = Interleaved.TestCase
TestInterleaved.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
