"""Replay from a task as a branch: what is taken over, what runs, what stays untouched."""

from __future__ import annotations

from typing import Any

import pytest

from engine.core.branching import BranchPlan
from engine.core.events import EventKind
from engine.errors import InvalidRequestError
from engine.testing.audit import audit_engine, audit_history
from engine.testing.definitions import (
    fork,
    inline,
    loop,
    node,
    set_variable,
    simple,
    sub,
    switch,
    terminate,
    workflow,
)
from engine.testing.histories import essence
from engine.testing.inline import InlineEngine

Wire = dict[str, Any]


class Replay:
    """A finished execution, and a branch of it from one task."""

    def __init__(self, definition: Wire, *more: Wire, input: Wire | None = None) -> None:
        self.engine = InlineEngine(definition, *more)
        self.original = self.engine.start("w", input)
        self.engine.drive(self.original, {"a": {"k": "first"}})
        self.known = [*self.engine.desk.executions, *self.engine.desk.ended]
        self.before = {key: self.engine.events(key) for key in self.known}

    def task_id(self, path: str) -> tuple[str, str]:
        """(execution, task) of a run path."""
        for workflow_id in self.known:
            for task in self.engine.state(workflow_id).tasks.values():
                if task.path == path:
                    return workflow_id, task.task_id
        raise LookupError(path)

    def plan(self, path: str) -> BranchPlan:
        return self.engine.service.plan_branch(*self.task_id(path)).result(0)

    def branch(self, path: str, *args: Any) -> str:
        return self.engine.service.branch(*self.task_id(path), *args).result(0)

    def finish(self, branch: str) -> list[str]:
        """Finish a branch; everything has to be sound. Its paths, those that ran marked ``*``."""
        state = self.engine.drive(branch, {"a": {"k": "second"}})
        assert state.status == "COMPLETED"
        audit_engine(self.engine)
        for key in [*self.engine.desk.executions, *self.engine.desk.ended]:
            audit_history(self.engine.events(key), self.engine.registry.definition_of)
        for key, events in self.before.items():
            assert self.engine.events(key) == events, "the original has changed"
        return self.paths(branch)

    def paths(self, branch: str) -> list[str]:
        tasks = sorted(self.engine.state(branch).tasks.values(), key=lambda t: t.seq)
        return [t.path.removeprefix("w/") + ("" if t.reused_from else "*") for t in tasks]


def test_a_branch_takes_over_what_lies_before_and_runs_the_rest() -> None:
    replay = Replay(workflow("w", "a", "b", "c"), input={"k": 1})
    branch = replay.branch("w/b")
    assert replay.finish(branch) == ["a", "b*", "c*"]
    state = replay.engine.state(branch)
    assert state.input == {"k": 1}
    taken = state.task("a")
    assert taken is not None
    assert taken.output_data == {"k": "first"}
    assert taken.reused_from == {
        "workflow_id": replay.original,
        "task_id": replay.task_id("w/a")[1],
    }


def test_a_branch_from_the_first_task_runs_everything() -> None:
    replay = Replay(workflow("w", "a", "b"))
    assert replay.finish(replay.branch("w/a")) == ["a*", "b*"]


def test_the_history_of_a_branch_is_complete_and_names_its_origin() -> None:
    replay = Replay(workflow("w", "a", "b"))
    branch = replay.branch("w/b")
    first = replay.engine.events(branch)[0]
    assert first.kind is EventKind.WORKFLOW_STARTED
    assert first.data["branch"]["workflow_id"] == replay.original
    assert first.data["branch"]["path"] == "w/b"
    assert first.data["branch"]["root_id"] == replay.original
    folded = replay.engine.folded(branch)
    assert essence(folded) == essence(replay.engine.state(branch))


def test_a_branch_of_a_branch_belongs_to_the_same_original() -> None:
    replay = Replay(workflow("w", "a", "b", "c"))
    first = replay.branch("w/b")
    replay.engine.drive(first)
    task = replay.engine.state(first).task("c")
    assert task is not None
    second = replay.engine.service.branch(first, task.task_id).result(0)
    assert replay.paths(second) == ["a", "b", "c*"]
    state = replay.engine.state(second)
    assert state.branch is not None
    assert state.branch["workflow_id"] == first
    assert state.branch["root_id"] == replay.original


@pytest.mark.parametrize(
    ("path", "result"),
    [
        ("w/a", ["a*", "f*", "x1*", "y1*", "f_join*", "x2*", "y2*", "z*"]),
        ("w/x1", ["a", "f", "y1", "y2", "x1*", "x2*", "f_join*", "z*"]),
        ("w/x2", ["a", "f", "x1", "y1", "y2", "x2*", "f_join*", "z*"]),
        ("w/f", ["a", "f*", "x1*", "y1*", "f_join*", "x2*", "y2*", "z*"]),
        ("w/f_join", ["a", "f", "x1", "y1", "x2", "y2", "f_join*", "z*"]),
        ("w/z", ["a", "f", "x1", "y1", "f_join", "x2", "y2", "z*"]),
    ],
)
def test_inside_a_fork_the_other_branches_are_taken_over(path: str, result: list[str]) -> None:
    replay = Replay(workflow("w", "a", *fork("f", ["x1", "x2"], ["y1", "y2"]), "z"))
    done = replay.finish(replay.branch(path))
    assert sorted(done) == sorted(result)


def test_what_failed_beside_the_task_runs_again_too() -> None:
    engine = InlineEngine(workflow("w", *fork("f", ["x1", "x2"], ["y1", "y2"])))
    original = engine.start("w")
    engine.complete("x1")
    engine.complete("y1")
    engine.fail("y2", terminal=True)
    task = engine.state(original).task("x1")
    assert task is not None
    plan = engine.service.plan_branch(original, task.task_id).result(0)
    assert set(plan.will_run) == {"w/x1", "w/x2", "w/f_join", "w/y2"}
    branch = engine.service.branch(original, task.task_id).result(0)
    assert engine.drive(branch).status == "COMPLETED"
    assert engine.state(original).status == "FAILED"


@pytest.mark.parametrize(
    ("path", "result"),
    [
        ("w/l[1]/a", ["l", "l[1]/a*", "l[1]/b*", "l[2]/a*", "l[2]/b*", "l[3]/a*", "l[3]/b*"]),
        ("w/l[2]/b", ["l", "l[1]/a", "l[1]/b", "l[2]/a", "l[2]/b*", "l[3]/a*", "l[3]/b*"]),
        ("w/l[3]/a", ["l", "l[1]/a", "l[1]/b", "l[2]/a", "l[2]/b", "l[3]/a*", "l[3]/b*"]),
        ("w/l", ["l*", "l[1]/a*", "l[1]/b*", "l[2]/a*", "l[2]/b*", "l[3]/a*", "l[3]/b*"]),
    ],
)
def test_inside_a_loop_the_branch_goes_on_in_that_iteration(path: str, result: list[str]) -> None:
    replay = Replay(workflow("w", "before", loop("l", "a", "b", times=3), "z"))
    branch = replay.branch(path)
    assert sorted(replay.finish(branch)) == sorted(["before", *result, "z*"])
    looped = replay.engine.state(branch).task("l")
    assert looped is not None
    assert set(looped.output_data) == {"1", "2", "3", "iteration"}


def test_a_branch_from_an_iteration_over_items_reads_the_item_of_that_iteration() -> None:
    body = [simple("a"), simple("b", {"item": "${l.output.loopItem}"})]
    replay = Replay(
        workflow("w", loop("l", *body, items="${workflow.input.items}")),
        input={"items": ["x", "y", "z"]},
    )
    branch = replay.branch("w/l[2]/a")
    replay.engine.complete("a")
    assert replay.engine.take("b")["inputData"] == {"item": "y"}
    assert replay.engine.state(branch).status == "RUNNING"


@pytest.mark.parametrize("path", ["w/o[2]/i[1]/a", "w/o[2]/i[2]/b", "w/o[1]/i[2]/a", "w/o[2]/y"])
def test_inside_loops_in_loops_earlier_rounds_are_taken_over_once(path: str) -> None:
    inner = loop("i", "a", "b", times=2)
    replay = Replay(workflow("w", loop("o", inner, "y", times=2), "z"))
    done = replay.finish(replay.branch(path))
    plain = [p.removesuffix("*") for p in done]
    assert len(plain) == len(set(plain))
    expected = {
        *(f"o[{o}]/i[{i}]/{t}" for o in (1, 2) for i in (1, 2) for t in "ab"),
        *("o", "o[1]/i", "o[2]/i", "o[1]/y", "o[2]/y", "z"),
    }
    assert set(plain) == expected


def test_a_loop_beside_the_task_goes_on_where_it_had_got_to() -> None:
    engine = InlineEngine(workflow("w", *fork("f", [loop("l", "a", "b", times=3)], ["x", "y"])))
    original = engine.start("w")
    for task_type in ("a", "b", "a", "x"):
        engine.complete(task_type)
    task = engine.state(original).task("x")
    assert task is not None
    branch = engine.service.branch(original, task.task_id).result(0)
    opened = [t.reference_task_name for t in engine.state(branch).open_tasks()]
    assert sorted(opened) == ["b__2", "f_join", "l", "x"]
    assert engine.drive(branch).status == "COMPLETED"
    assert engine.state(original).status == "RUNNING"


def test_inside_a_switch_the_choice_is_taken_over() -> None:
    chosen = switch("s", {"x": ["p", "q"]}, ["r"], script="$.value", value="x")
    replay = Replay(workflow("w", "a", chosen, "z"))
    assert replay.finish(replay.branch("w/q")) == ["a", "s", "p", "q*", "z*"]
    assert replay.finish(replay.branch("w/p")) == ["a", "s", "p*", "q*", "z*"]


def test_a_switch_chooses_again_by_edited_input() -> None:
    replay = Replay(workflow("w", switch("s", {"x": ["p"]}, ["r"], value="x"), "z"))
    branch = replay.branch("w/s", {"value": "other"})
    assert replay.finish(branch) == ["s*", "r*", "z*"]


IN_A_LOOP = (
    workflow("w", "before", loop("l", sub("s", "child", {"n": "${l.iteration}"}), times=2), "z"),
    workflow("child", "a", "b", "c"),
)


def test_inside_a_sub_workflow_the_whole_chain_is_branched() -> None:
    replay = Replay(*IN_A_LOOP)
    branch = replay.branch("w/l[2]/s/b")
    engine = replay.engine
    first, second = engine.children(branch)
    assert first == engine.children(replay.original)[0]
    assert second not in replay.known
    child = engine.state(second)
    assert child.parent_workflow_id == branch
    assert child.path == "w/l[2]/s"
    assert replay.paths(second) == ["l[2]/s/a", "l[2]/s/b*"]
    assert replay.finish(branch) == ["before", "l", "l[1]/s", "l[2]/s", "z*"]
    assert engine.state(second).status == "COMPLETED"


def test_the_plan_counts_what_is_reused_and_what_runs() -> None:
    replay = Replay(*IN_A_LOOP)
    plan = replay.plan("w/l[2]/s/b")
    assert plan.workflow_id == replay.original
    assert [level.workflow_id for level in plan.levels] == [
        replay.original,
        replay.task_id("w/l[2]/s/b")[0],
    ]
    assert set(plan.reused) == {"w/before", "w/l[1]/s", "w/l[2]/s/a"}
    assert plan.input == {}
    assert replay.engine.events(replay.original) == replay.before[replay.original]


def test_terminating_a_branch_leaves_the_children_of_the_original_alone() -> None:
    replay = Replay(*IN_A_LOOP)
    branch = replay.branch("w/z")
    replay.engine.service.terminate(branch).result(0)
    (task_id,) = [replay.task_id("w/l[1]/s/a")[1]]
    with pytest.raises(InvalidRequestError):
        replay.engine.service.rerun(branch, {"reRunFromTaskId": task_id}).result(0)
    for key, events in replay.before.items():
        assert replay.engine.events(key) == events


def test_edits_replace_keys_of_the_input_of_every_attempt() -> None:
    task = simple("a", {"x": 1, "y": "${workflow.input.y}"})
    replay = Replay(workflow("w", task), input={"y": 2})
    branch = replay.branch("w/a", {"y": "edited"})
    assert replay.engine.fail("a")["inputData"] == {"x": 1, "y": "edited"}
    replay.engine.clock.move(seconds=60)
    assert replay.engine.complete("a")["inputData"] == {"x": 1, "y": "edited"}
    first = replay.engine.events(branch)[0]
    assert first.data["branch"]["edits"] == {"a": {"y": "edited"}}


def test_edits_inside_a_loop_concern_that_iteration_only() -> None:
    replay = Replay(workflow("w", loop("l", simple("a", {"x": 1}), times=3)))
    replay.branch("w/l[2]/a", {"x": 2})
    seen = [replay.engine.complete("a")["inputData"] for _ in range(2)]
    assert seen == [{"x": 2}, {"x": 1}]


@pytest.mark.parametrize("edits", [{"workflowInput": {"n": 2}}, {"n": 2}])
def test_edits_of_a_sub_workflow_task_reach_the_child(edits: Wire) -> None:
    replay = Replay(workflow("w", sub("s", "child", {"n": 1})), workflow("child", "a"))
    branch = replay.branch("w/s", edits)
    (child,) = replay.engine.children(branch)
    assert replay.engine.state(child).input == {"n": 2}


def test_a_branch_may_have_another_workflow_input() -> None:
    replay = Replay(workflow("w", "a", simple("b", {"y": "${workflow.input.y}"})), input={"y": 1})
    branch = replay.branch("w/b", None, {"y": 2})
    assert replay.engine.take("b")["inputData"] == {"y": 2}
    assert replay.engine.state(replay.original).input == {"y": 1}
    assert replay.engine.state(branch).branch["edit_count"] == 1  # type: ignore[index]


def test_variables_are_those_before_the_task() -> None:
    definition = workflow(
        "w",
        set_variable("v1", x=1, y=1),
        simple("a"),
        set_variable("v2", x=2),
        simple("b", {"x": "${workflow.variables.x}", "y": "${workflow.variables.y}"}),
        variables={"z": 0},
    )
    replay = Replay(definition)
    branch = replay.branch("w/a")
    assert replay.engine.state(branch).variables == {"x": 1, "y": 1, "z": 0}
    replay.finish(branch)
    assert replay.engine.state(branch).variables == {"x": 2, "y": 1, "z": 0}
    other = replay.branch("w/b")
    assert replay.engine.take("b")["inputData"] == {"x": 2, "y": 1}
    assert replay.engine.state(other).variables["x"] == 2


def test_a_running_execution_can_be_branched() -> None:
    engine = InlineEngine(workflow("w", "a", "b"))
    original = engine.start("w")
    engine.complete("a")
    task = engine.state(original).task("a")
    assert task is not None
    branch = engine.service.branch(original, task.task_id).result(0)
    assert [t.node for t in engine.state(branch).open_tasks()] == ["a"]
    assert [t.node for t in engine.state(original).open_tasks()] == ["b"]


def test_what_a_terminate_task_ended_is_ended_by_it_again() -> None:
    replay = Replay(workflow("w", *fork("f", ["a", terminate("t")], ["x", "y"]), "z"))
    branch = replay.branch("w/x")
    state = replay.engine.state(branch)
    assert state.status == "COMPLETED"
    assert replay.engine.state(replay.original).status == "COMPLETED"


def test_scripts_and_attempts_before_the_task_are_taken_over() -> None:
    replay = Replay(workflow("w", inline("i", "1 + 1"), simple("a"), "b"))
    engine = InlineEngine(workflow("w", simple("a"), "b"))
    original = engine.start("w")
    engine.fail("a")
    engine.clock.move(seconds=60)
    engine.complete("a")
    task = engine.state(original).task("b")
    assert task is not None
    branch = engine.service.branch(original, task.task_id).result(0)
    taken = [(t.node, t.retry_count, str(t.status)) for t in engine.state(branch).tasks.values()]
    assert taken == [("a", 0, "FAILED"), ("a", 1, "COMPLETED"), ("b", 0, "SCHEDULED")]
    assert replay.finish(replay.branch("w/a")) == ["i", "a*", "b*"]


def test_an_unknown_task_is_refused() -> None:
    replay = Replay(workflow("w", "a"))
    with pytest.raises(InvalidRequestError):
        replay.engine.service.branch(replay.original, "nobody").result(0)


def test_a_branch_survives_a_crash() -> None:
    replay = Replay(*IN_A_LOOP)
    branch = replay.branch("w/l[2]/s/b")
    replay.engine.reopen()
    assert replay.finish(branch)[-1] == "z*"


DYNAMIC = workflow(
    "w",
    node(
        "f",
        "FORK_JOIN_DYNAMIC",
        inputParameters={"tasks": "${workflow.input.tasks}", "inputs": {}},
        dynamicForkTasksParam="tasks",
        dynamicForkTasksInputParamName="inputs",
    ),
    node("j", "JOIN", joinOn=[]),
    "z",
)


@pytest.mark.parametrize(
    ("path", "result"),
    [
        ("w/f", ["f*", "j*", "x*", "y*", "z*"]),
        ("w/j", ["f", "j*", "x", "y", "z*"]),
        ("w/z", ["f", "j", "x", "y", "z*"]),
    ],
)
def test_a_dynamic_fork_is_taken_over_whole_or_made_again(path: str, result: list[str]) -> None:
    replay = Replay(DYNAMIC, input={"tasks": [simple("x"), simple("y")]})
    branch = replay.branch(path)
    replay.engine.drive(branch)
    assert sorted(replay.paths(branch)) == result
    assert replay.engine.state(branch).status == "COMPLETED"


def test_a_branch_of_a_dynamic_fork_is_no_point_to_begin_at() -> None:
    replay = Replay(DYNAMIC, input={"tasks": [simple("x")]})
    with pytest.raises(InvalidRequestError, match="made at run time"):
        replay.branch("w/x")


def test_a_permissive_failure_that_the_flow_went_on_from_is_past() -> None:
    shaky = simple("p", taskDefinition={"name": "p", "retryCount": 0}, permissive=True)
    engine = InlineEngine(workflow("w", *fork("f", [shaky, "q"], ["x", "y"])))
    original = engine.start("w")
    engine.fail("p")
    engine.complete("q")
    task = engine.state(original).task("x")
    assert task is not None
    branch = engine.service.branch(original, task.task_id).result(0)
    taken = {t.reference_task_name: str(t.status) for t in engine.state(branch).tasks.values()}
    assert taken["p"] == "FAILED"
    assert engine.drive(branch).status == "FAILED"


def test_reviving_a_branch_leaves_the_children_of_the_original_alone() -> None:
    shaky = sub("s", workflow("c", "a"), permissive=True)
    definition = workflow("w", *fork("f", [shaky], [sub("u", workflow("d", "b"))], ["x"]))
    engine = InlineEngine(definition)
    original = engine.start("w")
    engine.fail("a", terminal=True)
    engine.service.terminate(original).result(0)
    before = {key: engine.events(key) for key in (original, *engine.children(original))}
    task = engine.state(original).task("x")
    assert task is not None
    branch = engine.service.branch(original, task.task_id).result(0)
    _, own = engine.children(branch)
    assert own not in before
    (failing,) = engine.state(own).open_tasks()
    engine.report(failing, "FAILED_WITH_TERMINAL_ERROR")
    assert engine.state(branch).status == "FAILED"

    engine.service.retry(own).result(0)

    assert engine.drive(branch).status == "COMPLETED"
    for key, events in before.items():
        assert engine.events(key) == events
    audit_engine(engine)
