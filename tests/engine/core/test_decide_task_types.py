"""Each task type as a table: a definition, what the world answers, what the decider records."""

from __future__ import annotations

from typing import Any

import pytest

from engine.core.apply import fold
from engine.core.decide import decide
from engine.core.definition import compile_definition
from engine.core.events import EventKind, HistoryEvent, Moment
from engine.core.tasks.registry import TASK_TYPES
from engine.testing.definitions import (
    fork,
    http,
    inline,
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


def run(
    definition: Wire,
    input: Wire | None = None,
    outputs: Wire | None = None,
    fail: tuple[str, ...] = (),
    **keys: Any,
) -> tuple[InlineEngine, str]:
    engine = InlineEngine(definition, **keys)
    workflow_id = engine.start(definition["name"], input)
    engine.drive(workflow_id, outputs, fail)
    return engine, workflow_id


def statuses(engine: InlineEngine, workflow_id: str) -> dict[str, str]:
    """Status of the newest attempt by reference."""
    state = engine.state(workflow_id)
    return {ref: str(state.tasks[task_id].status) for ref, task_id in state.latest.items()}


def output(engine: InlineEngine, workflow_id: str, reference: str) -> Wire:
    """Output of the newest attempt of a reference."""
    task = engine.state(workflow_id).task(reference)
    assert task is not None
    return task.output_data


def decided(events: list[HistoryEvent]) -> list[str]:
    """What the engine itself recorded, as short texts."""
    return [f"{e.kind} {e.reference}".strip() for e in events if e.actor == "engine"]


def test_decide_is_given_a_state_and_returns_events() -> None:
    compiled = compile_definition(linear("a", "b"), "h")
    start = HistoryEvent(
        workflow_id="w",
        number=1,
        kind=EventKind.WORKFLOW_STARTED,
        wall_ms=1,
        data={"name": "linear", "version": 1, "definition_hash": "h"},
    )
    state = fold([start], lambda key: compiled)

    events = decide(state, Moment(5), TASK_TYPES)

    assert [(e.kind, e.reference, e.number) for e in events] == [("TaskScheduled", "a", 2)]
    assert state.last_event == 1
    assert decide(fold(events, lambda key: compiled, state), Moment(5), TASK_TYPES) == []


@pytest.mark.parametrize(
    ("definition", "engine_does"),
    [
        pytest.param(
            linear("a", "b"),
            [
                "TaskScheduled a",
                "TaskScheduled b",
                "TasksEvaluated",
                "WorkflowEnded",
            ],
            id="SIMPLE",
        ),
        pytest.param(
            workflow("w", switch("s", {"x": ["a"]}, ["b"], value="x"), "c"),
            [
                "TaskScheduled s",
                "BranchChosen s",
                "TaskScheduled a",
                "TasksEvaluated",
                "TaskScheduled c",
                "TasksEvaluated",
                "WorkflowEnded",
            ],
            id="SWITCH by value",
        ),
        pytest.param(
            workflow("w", *fork("f", ["a"], ["b"])),
            [
                "TaskScheduled f",
                "TaskScheduled a",
                "TaskScheduled b",
                "TaskScheduled f_join",
                "TasksEvaluated",
                "TasksEvaluated",
                "TasksEvaluated",
                "TaskCompleted f_join",
                "TasksEvaluated",
                "WorkflowEnded",
            ],
            id="FORK_JOIN and JOIN",
        ),
        pytest.param(
            workflow("w", set_variable("v", x=1), inline("i", "$.x", x="${workflow.variables.x}")),
            [
                "TaskScheduled v",
                "VariablesSet v",
                "TaskCompleted v",
                "TaskScheduled i",
                "ExpressionEvaluated",
                "TaskCompleted i",
                "TasksEvaluated",
                "WorkflowEnded",
            ],
            id="SET_VARIABLE and INLINE",
        ),
        pytest.param(
            workflow("w", loop("l", "a", times=2)),
            [
                "TaskScheduled l",
                "LoopIterated l",
                "TaskScheduled a__1",
                "TasksEvaluated",
                "ExpressionEvaluated",
                "LoopConditionEvaluated l",
                "LoopIterated l",
                "TaskScheduled a__2",
                "TasksEvaluated",
                "ExpressionEvaluated",
                "LoopConditionEvaluated l",
                "TaskCompleted l",
                "TasksEvaluated",
                "WorkflowEnded",
            ],
            id="DO_WHILE",
        ),
        pytest.param(
            workflow("w", terminate("t"), "never"),
            ["TaskScheduled t", "TaskCompleted t", "WorkflowEnded"],
            id="TERMINATE",
        ),
        pytest.param(
            workflow("w", http("h", "http://127.0.0.1/")),
            ["TaskScheduled h", "TasksEvaluated", "WorkflowEnded"],
            id="HTTP",
        ),
        pytest.param(
            workflow("w", sub("s", workflow("child", "a"))),
            ["TaskScheduled s", "SubWorkflowStarted s", "TasksEvaluated", "WorkflowEnded"],
            id="SUB_WORKFLOW",
        ),
    ],
)
def test_a_task_type_leads_to_these_decisions(definition: Wire, engine_does: list[str]) -> None:
    engine, workflow_id = run(definition)
    assert decided(engine.events(workflow_id)) == engine_does
    assert engine.state(workflow_id).status == "COMPLETED"


# -- SWITCH ---------------------------------------------------------------------------------


@pytest.mark.parametrize("script", [None, "$.value"])
@pytest.mark.parametrize(
    ("value", "scheduled"),
    [
        ("x", ["s", "a", "c"]),
        ("other", ["s", "b", "c"]),
        ("empty", ["s", "c"]),
        (None, ["s", "b", "c"]),
        (7, ["s", "seven", "c"]),
        (True, ["s", "b", "c"]),
    ],
)
def test_switch_takes_the_matching_case_else_the_default(
    value: Any, scheduled: list[str], script: str | None
) -> None:
    cases = {"x": ["a"], "empty": [], "7": ["seven"]}
    definition = workflow("w", switch("s", cases, ["b"], script=script), "c")
    engine, workflow_id = run(definition, {"case": value})
    assert [t.reference_task_name for t in engine.state(workflow_id).tasks.values()] == scheduled


def test_switch_whose_script_throws_fails_and_an_optional_one_goes_on() -> None:
    bad = switch("s", {"x": ["a"]}, ["b"], script="nowhere.x")
    engine, failed = run(workflow("w", bad, "c"))
    assert statuses(engine, failed) == {"s": "FAILED"}
    assert engine.state(failed).status == "FAILED"

    engine, gone_on = run(workflow("w", {**bad, "optional": True}, "c"))
    assert statuses(engine, gone_on) == {"s": "COMPLETED_WITH_ERRORS", "c": "COMPLETED"}


def test_switch_with_an_unknown_evaluator_ends_the_execution() -> None:
    engine, workflow_id = run(workflow("w", {**switch("s", {}, ["b"]), "evaluatorType": "odd"}))
    state = engine.state(workflow_id)
    assert state.reason_for_incompletion == "No evaluator registered for type: odd"
    assert not state.tasks


def test_the_input_of_a_switch_may_have_a_key_called_has_children() -> None:
    chosen = switch("s", {"x": []}, [], value="x")
    chosen["inputParameters"]["hasChildren"] = "no"
    engine, workflow_id = run(workflow("w", chosen, "c"))
    assert engine.state(workflow_id).status == "COMPLETED"


def test_work_beside_a_switch_does_not_make_its_script_run_again() -> None:
    definition = workflow(
        "w", *fork("f", [switch("s", {"x": ["a"]}, script="$.value")], ["b", "c"])
    )
    engine = InlineEngine(definition, hold_scripts=True)
    first = workflow("w", "first", *definition["tasks"])
    engine.register(first)
    workflow_id = engine.start("w", {"case": "x"})
    engine.complete("first")
    assert len(engine.waiting_scripts) == 1

    engine.service.decide(workflow_id)
    engine.run_script()

    assert not engine.waiting_scripts
    assert statuses(engine, workflow_id)["s"] == "COMPLETED"
    assert engine.state(workflow_id).evaluations == {}


# -- FORK_JOIN and JOIN ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "fail", "join", "status"),
    [
        ({}, (), "COMPLETED", "COMPLETED"),
        ({}, ("a",), "CANCELED", "FAILED"),
        ({"optional": True}, ("a",), "COMPLETED_WITH_ERRORS", "COMPLETED"),
        ({"permissive": True}, ("a",), "FAILED", "FAILED"),
    ],
)
def test_join_waits_for_every_branch_and_judges_their_failures(
    flags: Wire, fail: tuple[str, ...], join: str, status: str
) -> None:
    first = simple("a", taskDefinition={"name": "a", "retryCount": 0}, **flags)
    engine, workflow_id = run(workflow("w", *fork("f", [first], ["b"])), fail=fail)
    assert statuses(engine, workflow_id)["f_join"] == join
    assert engine.state(workflow_id).status == status


def test_join_gathers_the_outputs_of_its_branches() -> None:
    engine, workflow_id = run(
        workflow("w", *fork("f", ["a", "b"], ["c"])), outputs={"b": {"k": 1}, "c": {"k": 2}}
    )
    assert output(engine, workflow_id, "f_join") == {"b": {"k": 1}, "c": {"k": 2}}


def test_a_fork_without_a_join_ends_the_execution_without_records() -> None:
    engine, workflow_id = run(workflow("w", node("f", "FORK_JOIN", forkTasks=[]), "a"))
    state = engine.state(workflow_id)
    assert state.status == "FAILED"
    assert "not followed by a join" in str(state.reason_for_incompletion)


def test_join_inside_a_loop_waits_for_the_branches_of_its_own_iteration() -> None:
    engine = InlineEngine(workflow("w", loop("l", *fork("f", ["a"], ["b"]), times=2)))
    workflow_id = engine.start("w")
    for task_type in ("a", "b", "a"):
        engine.complete(task_type)
    assert statuses(engine, workflow_id)["f_join__2"] == "IN_PROGRESS"
    engine.complete("b")
    assert engine.state(workflow_id).status == "COMPLETED"


# -- DO_WHILE ---------------------------------------------------------------------------------


def test_a_loop_gathers_the_output_of_every_iteration() -> None:
    engine = InlineEngine(workflow("w", loop("l", "a", times=2)))
    workflow_id = engine.start("w")
    engine.complete("a", {"k": 1})
    engine.complete("a", {"k": 2})
    expected = {"iteration": 2, "1": {"a": {"k": 1}}, "2": {"a": {"k": 2}}}
    assert output(engine, workflow_id, "l") == expected


def test_a_loop_over_items_hands_each_iteration_its_item() -> None:
    body = simple("a", {"item": "${l.output.loopItem}", "index": "${l.output.loopIndex}"})
    engine = InlineEngine(workflow("w", loop("l", body, items="${workflow.input.items}")))
    workflow_id = engine.start("w", {"items": ["x", "y"]})
    seen = [engine.complete("a")["inputData"] for _ in range(2)]
    assert seen == [{"item": "x", "index": 0}, {"item": "y", "index": 1}]
    assert engine.state(workflow_id).status == "COMPLETED"


def test_a_loop_over_nothing_completes_at_once() -> None:
    engine, workflow_id = run(workflow("w", loop("l", "a", items=[])))
    assert engine.state(workflow_id).output == {"iteration": 0}


def test_a_loop_begins_with_a_switch_whose_script_has_to_run_first() -> None:
    body = switch("s", {"x": ["a"]}, script="$.value", value="x")
    engine, workflow_id = run(workflow("w", loop("l", body, times=2)))
    assert engine.state(workflow_id).status == "COMPLETED"
    kinds = [e.kind for e in engine.events(workflow_id)]
    assert kinds.count(EventKind.LOOP_ITERATED) == 2


def test_loops_inside_loops_begin_each_round_afresh() -> None:
    inner = loop("inner", "a", times=2)
    outer = loop("outer", switch("s", {"x": ["b"]}, script="$.value", value="x"), inner, times=2)
    engine, workflow_id = run(workflow("w", outer))
    state = engine.state(workflow_id)
    assert state.status == "COMPLETED"
    paths = [t.path for t in state.tasks.values() if t.node == "a"]
    assert paths == [f"w/outer[{o}]/inner[{i}]/a" for o in (1, 2) for i in (1, 2)]


def test_a_condition_that_throws_fails_the_loop_for_good() -> None:
    engine, workflow_id = run(workflow("w", loop("l", "a", condition="nowhere.x")))
    state = engine.state(workflow_id)
    assert statuses(engine, workflow_id)["l"] == "FAILED_WITH_TERMINAL_ERROR"
    assert "nowhere is not defined" in str(state.reason_for_incompletion)


def test_keep_last_n_forgets_older_iterations() -> None:
    body = loop("l", "a", times=4, input={"keepLastN": 2})
    engine, workflow_id = run(workflow("w", body))
    assert set(output(engine, workflow_id, "l")) == {"3", "4", "iteration"}


# -- SUB_WORKFLOW -------------------------------------------------------------------------------


def test_a_sub_workflow_gets_its_input_and_gives_its_output() -> None:
    child = workflow("child", "b", outputParameters={"got": "${workflow.input.n}"})
    engine = InlineEngine(workflow("w", sub("s", "child", {"n": "${workflow.input.n}"})), child)
    workflow_id = engine.start("w", {"n": 7})
    state = engine.drive(workflow_id)
    (child_id,) = engine.children(workflow_id)
    assert state.output == {"got": 7, "subWorkflowId": child_id}
    assert engine.state(child_id).path == "w/s"


@pytest.mark.parametrize(
    ("ends", "task", "status"),
    [("fail", "FAILED", "FAILED"), ("terminate", "CANCELED", "TERMINATED")],
)
def test_what_becomes_of_a_child_becomes_of_its_task(ends: str, task: str, status: str) -> None:
    engine = InlineEngine(workflow("w", sub("s", workflow("child", "a"))))
    workflow_id = engine.start("w")
    (child_id,) = engine.children(workflow_id)
    if ends == "fail":
        engine.fail("a", terminal=True)
    else:
        engine.service.terminate(child_id, "enough").result(0)
    assert statuses(engine, workflow_id) == {"s": task}
    assert engine.state(workflow_id).status == status


def test_ending_a_parent_ends_its_children() -> None:
    engine = InlineEngine(workflow("w", sub("s", workflow("child", "a"))))
    workflow_id = engine.start("w")
    (child_id,) = engine.children(workflow_id)
    engine.service.terminate(workflow_id, "enough").result(0)
    child = engine.state(child_id)
    assert child.status == "TERMINATED"
    assert "enough" in str(child.reason_for_incompletion)


@pytest.mark.parametrize("definition", [{"name": "x", "tasks": [{"startDelay": "soon"}]}, {"a": 1}])
def test_a_child_whose_definition_came_as_data_and_makes_no_sense_fails_its_task(
    definition: Wire,
) -> None:
    task = sub("s", "any")
    task["subWorkflowParam"] = {"name": "any", "workflowDefinition": "${workflow.input.d}"}
    engine = InlineEngine(workflow("w", task), workflow("other", "a"))
    workflow_id = engine.start("w", {"d": definition})
    assert engine.state(workflow_id).status in ("FAILED", "COMPLETED")
    assert engine.start("other")  # nobody else was held up


# -- scripts, variables, TERMINATE, WAIT, HTTP --------------------------------------------------


def test_inline_fails_for_good_when_its_script_throws() -> None:
    engine, workflow_id = run(workflow("w", inline("i", "nowhere.x")))
    task = engine.state(workflow_id).task("i")
    assert task is not None
    assert task.status == "FAILED_WITH_TERMINAL_ERROR"
    assert "ReferenceError" in task.output_data["error"]


def test_variables_written_last_win_and_are_read_by_what_follows() -> None:
    definition = workflow(
        "w",
        set_variable("v1", x=1, y=1),
        set_variable("v2", x="${workflow.variables.y}0"),
        outputParameters={"x": "${workflow.variables.x}", "y": "${workflow.variables.y}"},
    )
    engine, workflow_id = run(definition)
    assert engine.state(workflow_id).output == {"x": "10", "y": 1}


def test_too_many_variables_fail_the_task_and_write_nothing() -> None:
    engine, workflow_id = run(
        workflow("w", set_variable("v", x="${workflow.input.x}")), {"x": "y" * 300_000}
    )
    state = engine.state(workflow_id)
    assert (state.status, state.variables) == ("FAILED", {})


@pytest.mark.parametrize("status", ["COMPLETED", "FAILED", "TERMINATED"])
def test_terminate_ends_everything_with_its_status_and_output(status: str) -> None:
    ends = terminate("t", status, terminationReason="enough", workflowOutput={"k": 1})
    engine, workflow_id = run(workflow("w", *fork("f", ["a"], [ends])))
    state = engine.state(workflow_id)
    assert (state.status, state.output) == (status, {"k": 1})
    assert statuses(engine, workflow_id)["a"] == "CANCELED"


def test_wait_ends_at_its_moment_and_not_before() -> None:
    engine = InlineEngine(workflow("w", wait("p", duration="90s")))
    workflow_id = engine.start("w")
    engine.clock.move(seconds=89.9)
    assert engine.state(workflow_id).status == "RUNNING"
    engine.clock.move(ms=100)
    assert engine.state(workflow_id).status == "COMPLETED"


def test_wait_until_a_moment_that_has_passed_is_over_at_once() -> None:
    engine, workflow_id = run(workflow("w", wait("p", until="2020-01-01 00:00 UTC")))
    assert engine.state(workflow_id).status == "COMPLETED"


def test_wait_without_an_end_waits_for_a_signal() -> None:
    engine = InlineEngine(workflow("w", wait("p"), "a"))
    workflow_id = engine.start("w")
    engine.clock.move(seconds=10**6)
    engine.service.update_task_by_reference(workflow_id, "p", "COMPLETED", {"k": 1}).result(0)
    assert statuses(engine, workflow_id) == {"p": "COMPLETED", "a": "SCHEDULED"}


def test_http_is_queued_for_the_engines_own_worker() -> None:
    engine = InlineEngine(workflow("w", http("h", "http://127.0.0.1/${workflow.input.p}")))
    workflow_id = engine.start("w", {"p": "x"})
    task = engine.complete("HTTP", {"response": {"statusCode": 200}})
    assert task["inputData"]["http_request"]["uri"] == "http://127.0.0.1/x"
    assert engine.state(workflow_id).output == {"response": {"statusCode": 200}}


def test_an_unknown_task_type_is_polled_by_its_type() -> None:
    engine = InlineEngine(workflow("w", node("a", "MY_TYPE")))
    workflow_id = engine.start("w")
    engine.complete("MY_TYPE")
    assert engine.state(workflow_id).status == "COMPLETED"


def test_a_definition_without_tasks_is_completed() -> None:
    engine, workflow_id = run(workflow("w"))
    assert engine.state(workflow_id).status == "COMPLETED"


def test_start_workflow_starts_another_execution_and_does_not_wait() -> None:
    request = {"name": "other", "input": {"k": 1}}
    starts = node("s", "START_WORKFLOW", inputParameters={"startWorkflow": request})
    engine = InlineEngine(workflow("w", starts), workflow("other", "a"))
    state = engine.state(engine.start("w"))
    assert state.status == "COMPLETED"
    other = engine.state(state.output["workflowId"])
    assert (other.status, other.input, other.parent_workflow_id) == ("RUNNING", {"k": 1}, None)


def test_start_workflow_that_could_not_start_is_attempted_again_after_its_delay() -> None:
    limits = {"name": "s", "retryCount": 1, "retryDelaySeconds": 30, "responseTimeoutSeconds": 0}
    starts = node(
        "s",
        "START_WORKFLOW",
        inputParameters={"startWorkflow": {"name": "later"}},
        taskDefinition=limits,
    )
    engine = InlineEngine(workflow("w", starts))
    workflow_id = engine.start("w")
    engine.register(workflow("later", "a"))
    engine.reopen()
    engine.clock.move(seconds=30)
    assert engine.state(workflow_id).status == "COMPLETED"
