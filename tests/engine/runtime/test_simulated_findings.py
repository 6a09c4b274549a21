"""What simulated worlds have found (tests/engine/simulation), each told again by itself."""

from __future__ import annotations

import pytest

from engine.binding import output_of
from engine.errors import InvalidRequestError
from engine.testing.audit import audit_engine, audit_history
from engine.testing.definitions import (
    limited,
    loop,
    node,
    simple,
    sub,
    switch,
    terminate,
    workflow,
)
from engine.testing.inline import InlineEngine


def dynamic_fork() -> list[dict[str, object]]:
    given = {
        "tasks": [{**simple(f"branch_{n}"), "name": "branch"} for n in range(3)],
        "inputs": {f"branch_{n}": {} for n in range(3)},
    }
    keys = {"dynamicForkTasksParam": "tasks", "dynamicForkTasksInputParamName": "inputs"}
    return [
        node("spread", "FORK_JOIN_DYNAMIC", inputParameters=given, **keys),
        node("gather", "JOIN", joinOn=[]),
    ]


def test_an_alert_does_not_keep_a_response_time_out_from_ringing() -> None:
    limits = {"timeoutSeconds": 60, "timeoutPolicy": "ALERT_ONLY", "responseTimeoutSeconds": 90}
    with InlineEngine(workflow("slow", limited("work", **limits))) as engine:
        workflow_id = engine.start("slow")
        engine.take("work")
        engine.clock.move(seconds=61)
        engine.clock.move(seconds=28)
        assert engine.state(workflow_id).status == "RUNNING"
        engine.clock.move(seconds=1)
        assert engine.state(workflow_id).status == "TIMED_OUT"


def test_a_clock_set_back_holds_no_waiting_task_up() -> None:
    with InlineEngine(workflow("plain", "work")) as engine:
        workflow_id = engine.start("plain")
        engine.clock.move(seconds=-3600)
        engine.reopen()
        engine.complete("work")
        assert engine.state(workflow_id).status == "COMPLETED"


def test_a_clock_set_back_does_not_use_a_rate_limit_up() -> None:
    limits = {"rateLimitPerFrequency": 1, "rateLimitFrequencyInSeconds": 5}
    with InlineEngine(workflow("plain", limited("work", **limits))) as engine:
        engine.start("plain")
        engine.complete("work")
        engine.clock.move(seconds=-3600)
        engine.start("plain")
        engine.complete("work")


@pytest.mark.parametrize("rounds", [0, 1, 2])
def test_a_rerun_in_a_dynamic_fork_brings_siblings_and_join_back(rounds: int) -> None:
    tasks = [loop("round", *dynamic_fork(), times=rounds)] if rounds else dynamic_fork()
    branches = 3 * max(rounds, 1)
    with InlineEngine(workflow("wide", *tasks)) as engine:
        workflow_id = engine.start("wide")
        for _ in range(branches):
            engine.complete("branch")
        state = engine.state(workflow_id)
        assert state.status == "COMPLETED"
        first = next(t for t in state.tasks.values() if t.node == "branch_0")
        engine.service.rerun(workflow_id, {"reRunFromTaskId": first.task_id}).result(5)
        for _ in range(branches):
            audit_engine(engine)
            engine.complete("branch", {"again": True})
        state = engine.state(workflow_id)
        assert state.status == "COMPLETED"
        for gathered in (t for t in state.tasks.values() if t.node == "gather"):
            assert [part["again"] for part in gathered.output_data.values()] == [True] * 3
        if rounds:
            around = state.task("round")
            assert around is not None
            assert [f"gather__{n}" in state.latest for n in range(1, rounds + 1)] == [True] * rounds
            assert around.output_data["iteration"] == rounds
            assert len(around.output_data["1"]["gather"]) == 3
        audit_history(engine.events(workflow_id), engine.registry.definition_of)


def test_a_skipped_task_can_not_be_rerun() -> None:
    with InlineEngine(workflow("plain", "first", "second")) as engine:
        workflow_id = engine.start("plain")
        engine.service.skip_task(workflow_id, "second", {}).result(5)
        engine.complete("first")
        skipped = next(t for t in engine.state(workflow_id).tasks.values() if t.node == "second")
        with pytest.raises(InvalidRequestError, match="was skipped"):
            engine.service.rerun(workflow_id, {"reRunFromTaskId": skipped.task_id}).result(5)


def test_a_branch_whose_tasks_are_all_skipped_is_done() -> None:
    tasks = ["first", switch("choose", {"1": ["inside"]}, value="1"), "last"]
    with InlineEngine(workflow("plain", *tasks)) as engine:
        workflow_id = engine.start("plain")
        engine.service.skip_task(workflow_id, "inside", {}).result(5)
        engine.complete("first")
        engine.complete("last")
        assert engine.state(workflow_id).status == "COMPLETED"


def test_the_flow_goes_on_behind_a_skipped_terminate() -> None:
    with InlineEngine(workflow("plain", "first", terminate("stop"), "last")) as engine:
        workflow_id = engine.start("plain")
        engine.service.skip_task(workflow_id, "stop", {}).result(5)
        engine.complete("first")
        engine.complete("last")
        assert engine.state(workflow_id).status == "COMPLETED"


def test_an_exclusive_join_fails_with_its_only_candidate_however_permissive() -> None:
    tasks = [
        switch("choose", {"1": [simple("one", permissive=True)]}, ["two"], value="1"),
        node("either", "EXCLUSIVE_JOIN", joinOn=["one", "two"]),
    ]
    with InlineEngine(workflow("plain", *tasks)) as engine:
        workflow_id = engine.start("plain")
        engine.fail("one", terminal=True)
        assert engine.state(workflow_id).status == "FAILED"


def test_resetting_callbacks_leaves_the_delay_of_a_sub_workflow_alone() -> None:
    child = workflow("child", "work")
    limits = {"name": "part", "retryCount": 1, "retryDelaySeconds": 30, "responseTimeoutSeconds": 0}
    with InlineEngine(workflow("parent", sub("part", child, taskDefinition=limits))) as engine:
        workflow_id = engine.start("parent")
        engine.fail("work", terminal=True)
        engine.service.reset_callbacks(workflow_id).result(5)
        audit_engine(engine)
        engine.clock.move(seconds=30)
        engine.complete("work")
        assert engine.state(workflow_id).status == "COMPLETED"


def test_a_rerun_of_a_dynamic_fork_comes_back_behind_a_skipped_task() -> None:
    tasks = ["first", "skipped", *dynamic_fork()]
    with InlineEngine(workflow("wide", *tasks)) as engine:
        workflow_id = engine.start("wide")
        engine.service.skip_task(workflow_id, "skipped", {}).result(5)
        engine.complete("first")
        for _ in range(3):
            engine.complete("branch")
        fork = next(t for t in engine.state(workflow_id).tasks.values() if t.node == "spread")
        engine.service.rerun(workflow_id, {"reRunFromTaskId": fork.task_id}).result(5)
        for _ in range(3):
            engine.complete("branch")
        assert engine.state(workflow_id).status == "COMPLETED"


def test_a_rerun_brings_nothing_back_in_an_iteration_that_is_over() -> None:
    inner = loop("inner", "work", items=[1])
    body = loop("outer", "first", inner, times=3, input={"keepLastN": 2})
    with InlineEngine(workflow("nested", body)) as engine:
        workflow_id = engine.start("nested")
        for _ in range(3):
            engine.complete("first")
            engine.complete("work")
        state = engine.state(workflow_id)
        assert state.status == "COMPLETED"
        target = state.task("inner__3") or state.task("inner")
        assert target is not None
        engine.service.rerun(workflow_id, {"reRunFromTaskId": target.task_id}).result(5)
        audit_engine(engine)
        engine.complete("work")
        assert engine.state(workflow_id).status == "COMPLETED"


def test_a_child_of_an_iteration_that_is_over_runs_again_by_itself() -> None:
    inner = loop("inner", sub("part", workflow("child", "work")), times=1)
    with InlineEngine(workflow("parent", loop("outer", "first", inner, times=2))) as engine:
        workflow_id = engine.start("parent")
        engine.complete("first")
        engine.complete("work")
        (child,) = engine.children(workflow_id)
        engine.service.restart(child).result(5)  # its parent has gone on to the next iteration
        engine.complete("first")
        for _ in range(2):
            engine.complete("work")
        assert engine.state(child).status == "COMPLETED"
        assert engine.state(workflow_id).status == "COMPLETED"


def test_a_function_that_gives_no_number_is_remembered_as_it_is_recorded() -> None:
    assert output_of(float("nan")) == {"result": None}
    assert output_of({"x": [1.5, float("inf")]}) == {"x": [1.5, None]}
