"""What one more branch or iteration costs must not grow with those there already are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, SupportsIndex

import msgspec
import pytest

from engine.core import ending, rounds
from engine.core.definition import SCRIPT_TYPES
from engine.core.loop_output import LoopOutput
from engine.core.state import TaskState
from engine.core.tasks.inline import InlineTask
from engine.core.turn import Turn
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


def test_a_script_that_ends_does_not_look_at_all_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = [f"s{number}" for number in range(_WIDTH)]
    script = {"evaluatorType": "javascript", "expression": "1"}
    branches = [
        [{"name": name, "taskReferenceName": name, "type": "INLINE", "inputParameters": script}]
        for name in names
    ]
    fork = {"name": "f", "taskReferenceName": "f", "type": "FORK_JOIN", "forkTasks": branches}
    join = {"name": "j", "taskReferenceName": "j", "type": "JOIN", "joinOn": names}
    seen: list[str] = []
    revisit, ends_execution = InlineTask.revisit, ending.ends_execution

    def counted_revisit(task_type: InlineTask, turn: Turn, task: TaskState) -> None:
        seen.append(task.reference_task_name)
        revisit(task_type, turn, task)

    def counted_ends_execution(task: TaskState) -> bool:
        seen.append(task.reference_task_name)
        return ends_execution(task)

    monkeypatch.setattr(InlineTask, "revisit", counted_revisit)
    for module in (ending, rounds):
        monkeypatch.setattr(module, "ends_execution", counted_ends_execution)
    wide = {"name": "wide", "version": 1, "tasks": [fork, join]}
    with InlineEngine(wide, evaluator=lambda *_: 1) as engine:
        state = engine.state(engine.start("wide"))
    assert state.status == "COMPLETED"
    assert state.tasks[state.latest["j"]].output_data == {name: {"result": 1} for name in names}
    asked_and_answered = 2 * _WIDTH
    assert asked_and_answered <= len(seen) <= 4 * asked_and_answered


def test_scripts_are_asked_for_again_after_a_crash() -> None:
    script = {"evaluatorType": "javascript", "expression": "1"}
    tasks = [
        {"name": kind, "taskReferenceName": kind, "type": kind, "inputParameters": given}
        for kind, given in {
            "INLINE": script,
            "LAMBDA": {"scriptExpression": "return 1"},
            "JSON_JQ_TRANSFORM": {"queryExpression": "1"},
        }.items()
    ]
    assert {task["name"] for task in tasks} == SCRIPT_TYPES
    branches = [[task] for task in tasks]
    fork = {"name": "f", "taskReferenceName": "f", "type": "FORK_JOIN", "forkTasks": branches}
    join = {"name": "j", "taskReferenceName": "j", "type": "JOIN", "joinOn": sorted(SCRIPT_TYPES)}
    flow = {"name": "flow", "version": 1, "tasks": [fork, join]}
    with InlineEngine(flow, hold_scripts=True) as engine:
        workflow_id = engine.start("flow")
        assert engine.run_script()
        engine.reopen()
        waiting = [request.evaluator for _, request in engine.waiting_scripts]
        assert waiting == ["javascript", "jq"]
        engine.hold_scripts = False
        engine.run_until_idle()
        assert engine.state(workflow_id).status == "COMPLETED"


def test_an_iteration_does_not_copy_the_outputs_of_those_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    iterations, copies = 60, []
    as_dict = LoopOutput.as_dict
    monkeypatch.setattr(
        LoopOutput, "as_dict", lambda output: copies.append(output) or as_dict(output)
    )
    loop = {
        "name": "loop",
        "taskReferenceName": "loop",
        "type": "DO_WHILE",
        "loopCondition": f"$.loop['iteration'] < {iterations}",
        "loopOver": [_task("body")],
    }
    long_loop = {"name": "long", "version": 1, "tasks": [loop]}

    def goes_on(evaluator: str, source: str, value: Any) -> bool:
        return bool(value["loop"]["iteration"] < iterations)

    with InlineEngine(long_loop, evaluator=goes_on) as engine:
        execution = engine.start("long")
        for number in range(iterations - 1):
            engine.complete("step", {"n": number})
        assert not copies
        engine.complete("step", {"n": iterations - 1})
        output = engine.state(execution).task("loop")
    assert output is not None
    bodies = {str(n + 1): {"body": {"n": n}} for n in range(iterations)}
    assert output.output_data == {"iteration": iterations, **bodies}
    assert len(copies) <= 3


def test_versions_of_a_loop_output_keep_what_they_had() -> None:
    first = LoopOutput({}).with_iteration({"iteration": 1})
    second = first.with_iteration({"1": {"a": 1}, "iteration": 2})
    third = second.with_iteration({"2": {"a": 2}, "iteration": 3})
    other = second.with_iteration({"2": {"a": "other"}, "iteration": 3})
    later = third.with_iteration({"3": {"a": 3}, "iteration": 4})
    assert first == {"iteration": 1}
    assert second == {"iteration": 2, "1": {"a": 1}}
    assert third == {"iteration": 3, "1": {"a": 1}, "2": {"a": 2}}
    assert other == {"iteration": 3, "1": {"a": 1}, "2": {"a": "other"}}
    assert list(later.as_dict()) == ["iteration", "1", "2", "3"]
    assert later.counters() == {"iteration": 4}


def test_a_loop_output_taken_up_from_a_rerun_keeps_the_order_of_its_keys() -> None:
    taken_up: dict[str, Any] = {"1": {"a": 1}, "iteration": 2}
    following = LoopOutput(taken_up).with_iteration({"2": {"a": 2}, "iteration": 3})
    again = following.with_iteration({"1": {"a": "again"}, "9": {}, "iteration": 10})
    assert list(following.as_dict()) == ["1", "iteration", "2"]
    assert again == {"1": {"a": "again"}, "iteration": 10, "2": {"a": 2}, "9": {}}
    assert taken_up == {"1": {"a": 1}, "iteration": 2}
