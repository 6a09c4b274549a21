"""Pause, resume, terminate, retry, restart, rerun, and what they do to parents and children."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import ConflictError, EngineError, IllegalStateError, NotFoundError
from engine.testing.audit import audit_engine, audit_history
from engine.testing.definitions import (
    fork,
    limited,
    linear,
    loop,
    node,
    set_variable,
    simple,
    sub,
    switch,
    terminate,
    wait,
    workflow,
)
from engine.testing.inline import InlineEngine

Wire = dict[str, Any]


def failed(definition: Wire, *fail: str, outputs: Wire | None = None) -> tuple[InlineEngine, str]:
    """An execution driven until the named tasks have failed for good."""
    engine = InlineEngine(definition)
    workflow_id = engine.start(definition["name"])
    for _ in range(50):
        state = engine.state(workflow_id)
        if state.status.is_terminal:
            return engine, workflow_id
        for name in list(engine.desk.queues.sizes()):
            if name in fail and engine.desk.queues.size(name):
                engine.fail(name, terminal=True)
                break
            if engine.desk.queues.size(name):
                engine.complete(name, (outputs or {}).get(name))
                break
    raise AssertionError("it does not end")


def statuses(engine: InlineEngine, workflow_id: str) -> dict[str, str]:
    state = engine.state(workflow_id)
    return {ref: str(state.tasks[task_id].status) for ref, task_id in state.latest.items()}


def finish(engine: InlineEngine, workflow_id: str) -> dict[str, str]:
    """Let all go well; every history has to be sound. Status by reference."""
    state = engine.drive(workflow_id)
    assert state.status == "COMPLETED", statuses(engine, workflow_id)
    audit_engine(engine)
    for known in [*engine.desk.executions, *engine.desk.ended]:
        audit_history(engine.events(known), engine.registry.definition_of)
    return statuses(engine, workflow_id)


# -- pause and resume -------------------------------------------------------------------------


def test_a_paused_execution_takes_results_and_schedules_nothing() -> None:
    engine = InlineEngine(linear("a", "b"))
    workflow_id = engine.start("linear")
    engine.service.pause(workflow_id).result(0)
    engine.complete("a")
    assert statuses(engine, workflow_id) == {"a": "COMPLETED"}
    engine.service.resume(workflow_id).result(0)
    assert statuses(engine, workflow_id) == {"a": "COMPLETED", "b": "SCHEDULED"}


def test_a_wait_that_ended_during_a_pause_is_over_at_the_resume() -> None:
    engine = InlineEngine(workflow("w", wait("p", duration="10s")))
    workflow_id = engine.start("w")
    engine.service.pause(workflow_id).result(0)
    engine.clock.move(seconds=60)
    assert statuses(engine, workflow_id) == {"p": "COMPLETED"}
    assert engine.state(workflow_id).status == "PAUSED"
    engine.service.resume(workflow_id).result(0)
    assert engine.state(workflow_id).status == "COMPLETED"


@pytest.mark.parametrize(
    ("action", "error"),
    [
        ("pause", ConflictError),
        ("resume", IllegalStateError),
        ("terminate", ConflictError),
        ("retry", ConflictError),
    ],
)
def test_what_a_completed_execution_refuses(action: str, error: type[EngineError]) -> None:
    engine = InlineEngine(linear("a"))
    workflow_id = engine.start("linear")
    engine.complete("a")
    before = engine.events(workflow_id)
    with pytest.raises(error):
        getattr(engine.service, action)(workflow_id).result(0)
    assert engine.events(workflow_id) == before


@pytest.mark.parametrize(
    ("action", "error"),
    [("resume", IllegalStateError), ("retry", NotFoundError), ("restart", ConflictError)],
)
def test_what_a_running_execution_refuses(action: str, error: type[EngineError]) -> None:
    engine = InlineEngine(linear("a"))
    workflow_id = engine.start("linear")
    with pytest.raises(error):
        getattr(engine.service, action)(workflow_id).result(0)


def test_terminate_cancels_what_is_open_and_a_late_result_changes_nothing() -> None:
    engine = InlineEngine(workflow("w", *fork("f", ["a"], ["b"])))
    workflow_id = engine.start("w")
    task = engine.take("a")
    engine.service.terminate(workflow_id, "enough").result(0)
    engine.report(task, "COMPLETED")
    state = engine.state(workflow_id)
    assert (state.status, state.reason_for_incompletion) == ("TERMINATED", "enough")
    assert set(statuses(engine, workflow_id).values()) == {"COMPLETED", "CANCELED"}
    assert engine.poll("b") == []


# -- retry --------------------------------------------------------------------------------------


def test_retry_attempts_the_failed_task_again() -> None:
    engine, workflow_id = failed(linear("a", "b", "c"), "b")
    engine.service.retry(workflow_id).result(0)
    state = engine.state(workflow_id)
    assert [(t.node, t.retry_count) for t in state.open_tasks()] == [("b", 1)]
    finish(engine, workflow_id)


def test_retry_of_a_fork_leaves_what_completed_and_joins_in_its_own_record() -> None:
    engine = InlineEngine(workflow("w", *fork("f", ["a"], ["b"], ["c"]), "d"))
    workflow_id = engine.start("w")
    engine.complete("a")
    engine.fail("b", terminal=True)
    engine.service.retry(workflow_id).result(0)
    opened = {t.node: t.retry_count for t in engine.state(workflow_id).open_tasks()}
    assert set(opened) == {"b", "c", "f_join"}
    assert len([t for t in engine.state(workflow_id).tasks.values() if t.node == "f_join"]) == 1
    finish(engine, workflow_id)


def test_retry_inside_a_loop_goes_on_in_its_iteration() -> None:
    engine = InlineEngine(workflow("w", loop("l", "a", "b", times=2)))
    workflow_id = engine.start("w")
    for task_type in ("a", "b", "a"):
        engine.complete(task_type)
    engine.fail("b", terminal=True)
    engine.service.retry(workflow_id).result(0)
    nodes = [t.reference_task_name for t in engine.state(workflow_id).open_tasks()]
    assert nodes == ["l", "b__2"]
    finish(engine, workflow_id)


@pytest.mark.parametrize("resume", [False, True])
def test_retry_of_a_failed_child_starts_it_afresh_or_goes_on_in_it(resume: bool) -> None:
    engine = InlineEngine(workflow("w", sub("s", workflow("c", "a", "b"))))
    workflow_id = engine.start("w")
    engine.complete("a")
    engine.fail("b", terminal=True)
    engine.service.retry(workflow_id, resume).result(0)
    assert len(set(engine.children(workflow_id))) == (1 if resume else 2)
    assert engine.desk.queues.size("b") == (1 if resume else 0)
    finish(engine, workflow_id)


def test_retrying_a_child_reopens_its_parents() -> None:
    inner = workflow("inner", "a")
    engine = InlineEngine(workflow("w", sub("s", workflow("c", sub("t", inner)))))
    workflow_id = engine.start("w")
    engine.fail("a", terminal=True)
    (child,) = engine.children(workflow_id)
    (grandchild,) = engine.children(child)
    engine.service.retry(grandchild).result(0)
    assert [str(engine.state(i).status) for i in (workflow_id, child)] == ["RUNNING"] * 2
    finish(engine, workflow_id)


def test_retrying_an_abandoned_child_leaves_the_parents_new_child_alone() -> None:
    engine = InlineEngine(workflow("w", sub("s", workflow("c", "a"))))
    workflow_id = engine.start("w")
    engine.fail("a", terminal=True)
    (old,) = engine.children(workflow_id)
    (task,) = engine.state(workflow_id).tasks.values()
    engine.service.rerun(workflow_id, {"reRunFromTaskId": task.task_id}).result(0)
    engine.complete("a")
    assert engine.state(workflow_id).status == "COMPLETED"
    number = engine.state(workflow_id).last_event

    engine.service.retry(old).result(0)
    engine.complete("a")

    assert engine.state(old).status == "COMPLETED"
    assert engine.state(workflow_id).last_event == number


# -- restart and rerun ----------------------------------------------------------------------------


def test_restart_begins_again_in_the_same_execution() -> None:
    engine, workflow_id = failed(linear("a", "b"), "b")
    engine.service.restart(workflow_id).result(0)
    assert statuses(engine, workflow_id) == {"a": "SCHEDULED"}
    finish(engine, workflow_id)


def test_restart_with_the_latest_definition_takes_it() -> None:
    engine, workflow_id = failed(linear("a", "b"), "b")
    engine.register(linear("a", "c"))
    engine.service.restart(workflow_id, True).result(0)
    assert finish(engine, workflow_id) == {"a": "COMPLETED", "c": "COMPLETED"}


def test_rerun_from_the_start_may_have_another_input() -> None:
    engine, workflow_id = failed(linear("a", "b"), "b")
    engine.service.rerun(workflow_id, {"workflowInput": {"k": 2}}).result(0)
    assert engine.state(workflow_id).input == {"k": 2}
    finish(engine, workflow_id)


FORKED = workflow(
    "w",
    "before",
    *fork("f", ["a1", "a2"], [switch("s", {"x": ["b1"]}, script="$.value", value="x"), "b2"]),
    "after",
)
LOOPED = workflow("w", "before", loop("l", "a", "b", times=3), "after")
NESTED = workflow("w", loop("o", "x", loop("i", "a", "b", times=2), "y", times=2), "after")
VARIED = workflow("w", set_variable("v", k=1), loop("l", "a", items=[1, 2]), "after")


@pytest.mark.parametrize("definition", [FORKED, LOOPED, NESTED, VARIED])
def test_rerun_from_any_task_of_a_finished_execution_can_finish_again(definition: Wire) -> None:
    probe = InlineEngine(definition)
    paths = [task.path for task in probe.drive(probe.start("w")).tasks.values()]
    for position in range(len(paths)):
        engine = InlineEngine(definition)
        workflow_id = engine.start("w")
        task = list(engine.drive(workflow_id).tasks.values())[position]
        if task.task_type == "FORK":
            continue
        engine.service.rerun(workflow_id, {"reRunFromTaskId": task.task_id}).result(0)
        finish(engine, workflow_id)
        done = sorted(t.path for t in engine.state(workflow_id).tasks.values())
        assert done == sorted(paths), f"rerun from {task.path}"


def test_rerun_from_a_loops_body_goes_on_in_that_iteration() -> None:
    engine = InlineEngine(LOOPED)
    workflow_id = engine.start("w")
    state = engine.drive(workflow_id, {"a": {"k": 1}})
    task = state.task("b__2")
    assert task is not None
    engine.service.rerun(workflow_id, {"reRunFromTaskId": task.task_id}).result(0)
    looped = engine.state(workflow_id).task("l")
    assert looped is not None
    assert (looped.status, looped.iteration) == ("IN_PROGRESS", 2)
    assert set(looped.output_data) == {"1", "iteration"}
    finish(engine, workflow_id)
    again = engine.state(workflow_id).task("l")
    assert again is not None
    assert set(again.output_data) == {"1", "2", "3", "iteration"}


def test_rerun_from_a_loop_begins_it_anew() -> None:
    engine = InlineEngine(LOOPED)
    workflow_id = engine.start("w")
    looped = engine.drive(workflow_id).task("l")
    assert looped is not None
    engine.service.rerun(workflow_id, {"reRunFromTaskId": looped.task_id}).result(0)
    assert statuses(engine, workflow_id)["a__1"] == "SCHEDULED"
    assert "a__2" not in statuses(engine, workflow_id)
    finish(engine, workflow_id)


def test_rerun_in_one_branch_of_a_fork_brings_the_rest_of_the_other_back() -> None:
    engine = InlineEngine(workflow("w", *fork("f", ["a1", "a2"], ["b1", "b2", "b3"]), "after"))
    workflow_id = engine.start("w")
    for task_type in ("a1", "b1", "b2", "a2", "b3", "after"):
        engine.complete(task_type)
    task = engine.state(workflow_id).task("a2")
    assert task is not None
    engine.service.rerun(workflow_id, {"reRunFromTaskId": task.task_id}).result(0)
    assert set(finish(engine, workflow_id)) == {
        *("f", "a1", "a2", "b1", "b2", "b3", "f_join", "after")
    }


def test_rerun_of_a_child_long_ended_starts_one_of_another_name() -> None:
    engine = InlineEngine(workflow("w", sub("s", workflow("c", "a"))))
    workflow_id = engine.start("w")
    engine.complete("a")
    (old,) = engine.children(workflow_id)
    engine.desk.ended.clear()  # five hundred others have ended since
    (task,) = engine.state(workflow_id).tasks.values()
    engine.service.rerun(workflow_id, {"reRunFromTaskId": task.task_id}).result(5)
    (new,) = engine.children(workflow_id)
    assert new != old
    finish(engine, workflow_id)


def test_rerun_with_another_input_ignores_the_script_of_the_old_one() -> None:
    script = node(
        "i",
        "INLINE",
        inputParameters={
            "evaluatorType": "javascript",
            "expression": "$.x",
            "x": "${workflow.input.x}",
        },
    )
    engine = InlineEngine(workflow("w", script), hold_scripts=True)
    workflow_id = engine.start("w", {"x": "old"})
    engine.service.terminate(workflow_id).result(0)
    task = engine.state(workflow_id).task("i")
    assert task is not None
    given = {**task.input_data, "x": "new"}
    engine.service.rerun(workflow_id, {"reRunFromTaskId": task.task_id, "taskInput": given})
    assert len(engine.waiting_scripts) == 2
    while engine.run_script():
        pass
    assert engine.state(workflow_id).output == {"result": "new"}


def test_rerun_in_a_child_goes_on_in_the_parent() -> None:
    engine = InlineEngine(workflow("w", sub("s", workflow("c", "a", "b")), "after"))
    workflow_id = engine.start("w")
    engine.drive(workflow_id)
    (child,) = engine.children(workflow_id)
    task = engine.state(child).task("b")
    assert task is not None
    engine.service.rerun(workflow_id, {"reRunFromTaskId": task.task_id}).result(0)
    assert engine.desk.queues.size("b") == 1
    finish(engine, child)
    finish(engine, workflow_id)


def test_every_action_names_the_person() -> None:
    engine = InlineEngine(workflow("w", limited("a"), simple("b")))
    workflow_id = engine.start("w")
    engine.service.pause(workflow_id).result(0)
    engine.service.resume(workflow_id).result(0)
    engine.service.terminate(workflow_id).result(0)
    engine.service.retry(workflow_id).result(0)
    named = [e.kind for e in engine.events(workflow_id) if e.actor == "user"]
    assert {"WorkflowStarted", "WorkflowPaused", "WorkflowResumed", "WorkflowRetried"} <= {*named}


def test_rerun_attempts_again_what_lost_its_newer_attempt() -> None:
    engine = InlineEngine(workflow("w", *fork("f", ["a1", "a2"], ["b"])))
    workflow_id = engine.start("w")
    engine.complete("a1")
    engine.fail("b", terminal=True)
    engine.service.retry(workflow_id).result(0)
    engine.fail("b", terminal=True)
    first = next(t for t in engine.state(workflow_id).tasks.values() if t.node == "a2")
    engine.service.rerun(workflow_id, {"reRunFromTaskId": first.task_id}).result(0)
    assert {t.node for t in engine.state(workflow_id).open_tasks()} == {"a2", "b", "f_join"}
    finish(engine, workflow_id)


def test_a_child_of_an_earlier_round_goes_on_without_starting_that_round_again() -> None:
    inner = loop("i", sub("s", workflow("c", "a")), "b", times=2)
    engine = InlineEngine(workflow("w", loop("o", inner, "d", times=2)))
    workflow_id = engine.start("w")
    for task_type in ("a", "b", "a", "b", "d", "a"):
        engine.complete(task_type)
    first = engine.children(workflow_id)[0]
    engine.service.restart(first).result(0)
    engine.complete("a")
    finish(engine, workflow_id)
    paths = [t.path for t in engine.state(workflow_id).tasks.values()]
    assert len(paths) == len(set(paths))


def test_retry_of_a_parent_whose_child_has_nothing_to_retry_holds_nobody_up() -> None:
    engine = InlineEngine(
        workflow("w", *fork("f", [sub("s", workflow("c", wait("p")))], ["a"])), linear("z")
    )
    workflow_id = engine.start("w")
    engine.fail("a", terminal=True)
    engine.service.retry(workflow_id, True).result(0)
    assert engine.start("linear")
    audit_engine(engine)


def test_retry_that_resumes_children_of_a_success_does_nothing() -> None:
    engine = InlineEngine(linear("a"))
    execution = engine.start("linear")
    engine.complete("a")
    before = engine.events(execution)
    engine.service.retry(execution, resume_subworkflow_tasks=True).result(0)
    assert engine.events(execution) == before
    with pytest.raises(ConflictError, match="no retryable tasks"):
        engine.service.retry(execution).result(0)


def test_a_cancelled_loop_alone_is_nothing_to_retry() -> None:
    engine = InlineEngine(workflow("w", loop("l", "a", terminate("t", "FAILED"), times=2)))
    execution = engine.start("w")
    engine.complete("a")
    assert statuses(engine, execution)["l"] == "CANCELED"
    with pytest.raises(ConflictError, match="no retryable tasks"):
        engine.service.retry(execution).result(0)


def test_a_failed_join_goes_on_in_its_own_attempt() -> None:
    shaky = simple("a", permissive=True)
    engine, execution = failed(workflow("w", *fork("f", [shaky], ["b"]), "z"), "a")
    engine.service.retry(execution).result(0)
    assert finish(engine, execution)["f_join"] == "COMPLETED"
    join = engine.state(execution).task("f_join")
    assert join is not None
    assert join.retry_count == 0


def test_rerun_of_a_dynamic_fork_maps_it_anew() -> None:
    dynamic = node(
        "d",
        "FORK_JOIN_DYNAMIC",
        inputParameters={
            "ts": [simple("x"), simple("y")],
            "ti": {"x": {"n": 1}, "y": {"n": 2}},
        },
        dynamicForkTasksParam="ts",
        dynamicForkTasksInputParamName="ti",
    )
    engine = InlineEngine(workflow("w", "a", dynamic, node("j", "JOIN"), "z"))
    execution = engine.start("w")
    finish(engine, execution)
    fork_before = engine.state(execution).task("d")
    assert fork_before is not None
    request = {"reRunFromTaskId": fork_before.task_id}
    engine.service.rerun(execution, request).result(0)
    finish(engine, execution)
    state = engine.state(execution)
    fork_after = state.task("d")
    assert fork_after is not None
    assert fork_after.task_id != fork_before.task_id
    assert [t.reference_task_name for t in state.tasks.values()] == ["a", "d", "x", "y", "j", "z"]
