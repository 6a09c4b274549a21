"""What one more branch or iteration costs must not grow with those there already are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, SupportsIndex

import msgspec

from engine.testing.inline import InlineEngine

_WIDTH = 300


class _CountedList(list[Any]):
    """Counts how many of its items are looked at."""

    looked_at = 0

    def __iter__(self) -> Iterator[Any]:
        for item in super().__iter__():
            self.looked_at += 1
            yield item

    def __getitem__(self, index: SupportsIndex | slice) -> Any:
        self.looked_at += 1
        return super().__getitem__(index)


def _task(name: str) -> dict[str, Any]:
    return {"name": "step", "taskReferenceName": name, "type": "SIMPLE"}


def test_a_branch_that_ends_does_not_look_at_all_the_others() -> None:
    names = [f"b{number}" for number in range(_WIDTH)]
    fork = {
        "name": "fork",
        "taskReferenceName": "fork",
        "type": "FORK_JOIN",
        "forkTasks": [[_task(name)] for name in names],
    }
    join = {"name": "join", "taskReferenceName": "join", "type": "JOIN", "joinOn": names}
    with InlineEngine({"name": "wide", "version": 1, "tasks": [fork, join]}) as engine:
        execution = engine.start("wide")
        state = engine.desk.executions[execution]
        record = state.task("join")
        assert record is not None
        listed = _CountedList(record.input_data["joinOn"])
        counted = msgspec.structs.replace(record, input_data={"joinOn": listed})
        state.tasks[record.task_id] = counted
        for _ in names:
            engine.complete("step", {"n": 1})
        output = engine.state(execution).tasks[record.task_id].output_data
    assert list(output) == names
    assert _WIDTH <= listed.looked_at <= 6 * _WIDTH
