"""Rounds: scripts that begin together, what follows them, and failures among them."""

from __future__ import annotations

from typing import Any

from engine.core.state import TaskState
from engine.testing.definitions import (
    fork,
    inline,
    loop,
    node,
    sub,
    switch,
    terminate,
    workflow,
)
from engine.testing.inline import InlineEngine

Wire = dict[str, Any]


def records(engine: InlineEngine, workflow_id: str) -> dict[str, TaskState]:
    """The newest record of each reference."""
    state = engine.state(workflow_id)
    return {reference: state.tasks[task_id] for reference, task_id in state.latest.items()}


def statuses(engine: InlineEngine, workflow_id: str) -> dict[str, str]:
    return {ref: str(task.status) for ref, task in records(engine, workflow_id).items()}


def test_what_follows_waits_for_all_scripts_of_the_round() -> None:
    branches = [inline("i", "1"), "a"], [inline("k", "2"), "b"]
    engine = InlineEngine(workflow("w", *fork("f", *branches)))
    engine.hold_scripts = True
    execution = engine.start("w")
    engine.run_script()
    assert statuses(engine, execution)["i"] == "COMPLETED"
    assert "a" not in statuses(engine, execution), "the other script is still at work"
    engine.run_script()
    seq = {ref: task.seq for ref, task in records(engine, execution).items()}
    assert seq["a"] < seq["b"]


def test_a_script_that_fails_comes_before_what_the_others_lead_to() -> None:
    failing = inline("i", "nope.x")
    engine = InlineEngine(workflow("w", *fork("f", [inline("k", "2"), "a"], [failing])))
    execution = engine.start("w")
    engine.run_until_idle()
    assert statuses(engine, execution) == {
        "f": "COMPLETED",
        "k": "COMPLETED",
        "i": "FAILED_WITH_TERMINAL_ERROR",
        "f_join": "CANCELED",
    }
    assert records(engine, execution)["f_join"].output_data == {}


def test_terminate_lets_the_scripts_of_its_round_end() -> None:
    branches = [terminate("t")], [inline("k", "2"), "a"]
    engine = InlineEngine(workflow("w", *fork("f", *branches)))
    execution = engine.start("w")
    engine.run_until_idle()
    assert engine.state(execution).status == "COMPLETED"
    ended = statuses(engine, execution)
    assert ended["k"] == "COMPLETED"
    assert "a" not in ended


def test_loops_go_on_in_the_order_of_their_records() -> None:
    branches = [loop("l", inline("i", "1"), times=2)], [loop("m", inline("k", "1"), times=2)]
    engine = InlineEngine(workflow("w", *fork("f", *branches)))
    execution = engine.start("w")
    engine.run_until_idle()
    in_order = sorted(records(engine, execution).values(), key=lambda task: task.seq)
    names = [task.reference_task_name for task in in_order if task.task_type == "INLINE"]
    assert names == ["i__1", "k__1", "i__2", "k__2"]


def test_a_loop_fails_with_a_switch_that_can_not_choose() -> None:
    choice = switch("s", {"yes": ["a"]}, script="nope.x")
    engine = InlineEngine(workflow("w", loop("l", "x", choice, times=2)))
    execution = engine.start("w")
    engine.complete("x", {"n": 1})
    engine.run_until_idle()
    found = records(engine, execution)
    assert (found["l"].status, found["s__1"].status) == ("FAILED", "FAILED")
    assert found["l"].output_data["1"]["x"] == {"n": 1}
    assert engine.state(execution).status == "FAILED"


def test_a_loop_in_another_iteration_has_no_part_in_the_failure_of_a_switch() -> None:
    script = "$.value > 1 ? nope.x : 'yes'"
    choice = switch("s", {"yes": ["a"]}, value="${inner.output.iteration}", script=script)
    engine = InlineEngine(
        workflow("w", loop("outer", loop("inner", "x", choice, times=3), times=2))
    )
    execution = engine.start("w")
    for worker in ("x", "a", "x"):
        engine.complete(worker)
    engine.run_until_idle()
    found = statuses(engine, execution)
    assert (found["s__2"], found["inner__1"], found["outer"]) == ("FAILED", "FAILED", "CANCELED")
    assert "nope is not defined" in str(engine.state(execution).reason_for_incompletion)


def test_a_join_behind_a_join_ends_while_its_execution_is_paused() -> None:
    inside = fork("g", ["a"], ["b"])
    engine = InlineEngine(workflow("w", *fork("f", inside, ["c"])))
    execution = engine.start("w")
    engine.complete("c")
    engine.service.pause(execution).result(0)
    engine.complete("a")
    engine.complete("b")
    found = statuses(engine, execution)
    assert (found["g_join"], found["f_join"]) == ("COMPLETED", "COMPLETED")


def test_a_join_ends_while_its_execution_is_paused() -> None:
    engine = InlineEngine(workflow("w", *fork("f", ["a"], ["b"]), "c"))
    execution = engine.start("w")
    engine.service.pause(execution).result(0)
    engine.complete("a")
    assert statuses(engine, execution)["f_join"] == "IN_PROGRESS"
    engine.complete("b")
    assert statuses(engine, execution)["f_join"] == "COMPLETED"
    assert "c" not in statuses(engine, execution)


def test_a_join_does_not_judge_a_failed_branch_while_paused() -> None:
    engine = InlineEngine(workflow("w", *fork("f", ["a"], ["b"])))
    execution = engine.start("w")
    engine.service.pause(execution).result(0)
    engine.complete("a")
    engine.fail("b")
    assert statuses(engine, execution)["f_join"] == "IN_PROGRESS"


def test_a_case_named_by_an_indefinite_path_is_json_text() -> None:
    def chosen(expression: str) -> str:
        choice = node(
            "s",
            "SWITCH",
            evaluatorType="value-param",
            expression="c",
            inputParameters={"c": expression},
            decisionCases={"[1,2]": []},
        )
        engine = InlineEngine(workflow("w", choice))
        execution = engine.start("w", {"rows": [{"n": 1}, {"n": 2}], "list": [1, 2]})
        return str(records(engine, execution)["s"].input_data["case"])

    assert chosen("${workflow.input.rows[*].n}") == "[1,2]"
    assert chosen("${workflow.input.list}") == "[1, 2]"


def test_a_sub_workflow_task_shows_what_the_childs_defaults_made_of_its_input() -> None:
    child = workflow("c", "x", inputTemplate={"b": "default", "a": "unused"})
    engine = InlineEngine(workflow("w", sub("s", child, {"a": 1})))
    execution = engine.start("w")
    shown = records(engine, execution)["s"].input_data["workflowInput"]
    assert {key: shown[key] for key in ("a", "b")} == {"a": 1, "b": "default"}
