"""Corners of operator actions and branches that once went wrong: each with the history it needs."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import NotFoundError
from engine.testing.audit import audit_engine
from engine.testing.definitions import fork, loop, node, set_variable, simple, sub, wait, workflow
from engine.testing.inline import InlineEngine

Wire = dict[str, Any]


def rerun(
    engine: InlineEngine, execution: str, reference: str, task_input: Wire | None = None
) -> None:
    task = engine.state(execution).task(reference)
    assert task is not None
    changes = {} if task_input is None else {"taskInput": task_input}
    engine.service.rerun(execution, {"reRunFromTaskId": task.task_id, **changes}).result(0)


def test_rerun_of_a_wait_begins_its_duration_anew() -> None:
    with InlineEngine(workflow("w", wait("pause", duration="10 seconds"), "after")) as engine:
        execution = engine.start("w")
        engine.clock.move(seconds=11)
        engine.fail("after", terminal=True)
        rerun(engine, execution, "pause")

        assert engine.poll("after") == []
        engine.clock.move(seconds=9)
        assert engine.poll("after") == []
        engine.clock.move(seconds=2)
        assert engine.complete("after")


def test_rerun_of_a_wait_with_another_input_waits_by_that() -> None:
    with InlineEngine(workflow("w", wait("pause", duration="10 seconds"), "after")) as engine:
        execution = engine.start("w")
        engine.clock.move(seconds=11)
        engine.fail("after", terminal=True)
        rerun(engine, execution, "pause", {"duration": "1 minute"})
        engine.clock.move(seconds=30)
        assert engine.poll("after") == []
        engine.clock.move(seconds=31)
        assert engine.complete("after")


def test_rerun_of_a_wait_with_a_bad_duration_fails_it_with_the_reason() -> None:
    with InlineEngine(workflow("w", wait("pause", duration="1 seconds"), "after")) as engine:
        execution = engine.start("w")
        engine.clock.move(seconds=2)
        engine.fail("after", terminal=True)
        rerun(engine, execution, "pause", {"duration": "soon"})
        state = engine.state(execution)
        assert state.status == "FAILED"
        assert "soon" in str(state.reason_for_incompletion)


@pytest.mark.parametrize(("target", "count"), [("use__5", 5), ("use__4", 4), ("after", 5)])
def test_branch_has_the_variables_whose_records_keep_last_n_deleted(
    target: str, count: int
) -> None:
    body = loop(
        "l",
        set_variable("note", count="${l.output.iteration}", first="${workflow.input.first}"),
        simple("use", {"seen": "${workflow.variables.count}"}),
        times=5,
        input={"keepLastN": 2},
    )
    with InlineEngine(workflow("w", body, "after")) as engine:
        original = engine.start("w", {"first": "x"})
        engine.drive(original)
        task = engine.state(original).task(target)
        assert task is not None
        branch = engine.service.branch(original, task.task_id).result(0)
        assert engine.state(branch).variables == {"count": count, "first": "x"}


def test_branch_from_a_setter_has_what_the_deleted_one_before_it_set() -> None:
    body = loop(
        "l",
        simple("use", {"seen": "${workflow.variables.total}"}),
        set_variable("note", total="${use.output.total}"),
        times=4,
        input={"keepLastN": 1},
    )
    with InlineEngine(workflow("w", body)) as engine:
        original = engine.start("w")
        for total in (10, 20, 30, 40):
            engine.complete("use", {"total": total})
        last = engine.state(original).task("use__4")
        assert last is not None
        branch = engine.service.branch(original, last.task_id).result(0)
        assert engine.state(branch).variables == {"total": 30}
        assert engine.take("use")["inputData"] == {"seen": 30}


def test_variables_of_deleted_records_are_not_there_before_their_loop() -> None:
    body = loop(
        "l", set_variable("note", count="${l.output.iteration}"), times=3, input={"keepLastN": 1}
    )
    with InlineEngine(workflow("w", "before", body)) as engine:
        original = engine.start("w")
        engine.complete("before")
        task = engine.state(original).task("before")
        assert task is not None
        branch = engine.service.branch(original, task.task_id).result(0)
        assert engine.state(branch).variables == {}


def test_branch_inside_a_fork_has_its_join_from_the_beginning() -> None:
    with InlineEngine(workflow("w", *fork("f", ["a", "b"], ["x", "y"]), "after")) as engine:
        original = engine.start("w")
        for task_type in ("a", "x", "b", "y"):
            engine.complete(task_type)
        task = engine.state(original).task("b")
        assert task is not None
        branch = engine.service.branch(original, task.task_id).result(0)
        state = engine.state(branch)
        join = state.task("f_join")
        assert join is not None
        assert (join.status, join.input_data["joinOn"]) == ("IN_PROGRESS", ["b", "y"])
        done = engine.drive(branch)
        assert done.status == "COMPLETED"
        joins = [t for t in done.tasks.values() if t.reference_task_name == "f_join"]
        assert len(joins) == 1
        audit_engine(engine)


def test_retry_of_a_task_whose_child_was_removed_starts_another() -> None:
    child = workflow("child", "inner")
    both = fork("f", [sub("one", "child")], [sub("two", "child")])
    with InlineEngine(workflow("w", *both), child) as engine:
        execution = engine.start("w")
        first, second = engine.children(execution)
        engine.service.terminate(first, "stop").result(0)
        assert engine.state(execution).status == "TERMINATED"
        engine.service.remove(second, archive=False).result(0)

        engine.service.retry(first).result(0)
        done = engine.drive(execution)
        assert done.status == "COMPLETED"
        assert second not in engine.children(execution)
        audit_engine(engine)


def test_result_for_an_unknown_task_stores_no_log_lines() -> None:
    with InlineEngine(workflow("w", "a")) as engine:
        execution = engine.start("w")
        result = {
            "workflowInstanceId": execution,
            "taskId": "none",
            "status": "COMPLETED",
            "logs": [{"log": "nobody's", "taskId": "none", "createdTime": 1}],
        }
        with pytest.raises(NotFoundError):
            engine.service.update_task(result).result(0)
        assert engine.service.logs("none") == []
        engine.report(engine.take("a"), "COMPLETED", logs=[{"log": "mine", "createdTime": 1}])
        task = engine.state(execution).task("a")
        assert task is not None
        assert [line["log"] for line in engine.service.logs(task.task_id)] == ["mine"]


def test_names_with_two_underscores_are_no_iterations() -> None:
    branches = fork("f", [simple("t"), simple("u")], [simple("loop__b")])
    rounds = loop("loop__a", *branches, condition="$.loop__a.iteration < 2")
    with InlineEngine(workflow("w", rounds)) as engine:
        execution = engine.start("w")
        for _ in range(2):
            for name in ("t", "loop__b", "u"):
                engine.complete(name)
        assert str(engine.state(execution).status) == "COMPLETED"


def test_a_join_waits_for_this_rounds_branch_whatever_its_name() -> None:
    inner = loop(
        "inner__x", *fork("f", [simple("s"), simple("t__x")], [simple("u")]), condition="false"
    )
    outer = loop("outer__x", inner, condition="$.outer__x.iteration < 2")
    with InlineEngine(workflow("w", outer)) as engine:
        execution = engine.start("w")
        for _ in range(2):
            engine.complete("u")
            join = engine.state(execution).task("f_join__1")
            assert join is not None
            assert str(join.status) == "IN_PROGRESS"
            engine.complete("s")
            engine.complete("t__x")
        assert str(engine.state(execution).status) == "COMPLETED"


def test_a_loop_fails_with_its_switch_whatever_its_name() -> None:
    chooses = node(
        "s", "SWITCH", evaluatorType="javascript", expression="nope()", decisionCases={"x": []}
    )
    with InlineEngine(workflow("w", loop("a__loop", "a", chooses))) as engine:
        execution = engine.start("w")
        engine.complete("a")
        task = engine.state(execution).task("a__loop")
        assert task is not None
        assert str(task.status) == "FAILED"


def test_a_join_that_waits_for_itself_can_be_shown_and_ended() -> None:
    forked, join = fork("f", [simple("a")], [simple("b")])
    join["joinOn"] = ["a", "f_join"]
    with InlineEngine(workflow("w", forked, join)) as engine:
        execution = engine.start("w")
        engine.complete("a", {"n": 1})
        shown = engine.service.workflow(execution).result(5)
        assert shown["tasks"][3]["outputData"] == {"a": {"n": 1}}
        engine.service.terminate(execution, "it waits for itself").result(5)
        assert str(engine.state(execution).status) == "TERMINATED"


def test_joins_of_joins_are_gathered_once_each() -> None:
    branches = [[simple("a")]]
    tasks: list[Wire] = []
    for depth in range(12):
        tasks = fork(f"f{depth}", *branches)
        tasks[1]["joinOn"] = tasks[1]["joinOn"] * 8
        branches = [[*tasks]]
    with InlineEngine(workflow("w", *tasks)) as engine:
        execution = engine.start("w")
        assert len(engine.service.workflow(execution).result(5)["tasks"]) == 25
        engine.service.terminate(execution, "enough").result(5)
