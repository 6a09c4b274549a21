"""What joins and loops show of work that is under way, and what is left of it at an early end."""

from __future__ import annotations

from typing import Any

from engine.core.wire import task_wire
from engine.testing.definitions import (
    fork,
    inline,
    loop,
    node,
    simple,
    sub,
    switch,
    terminate,
    workflow,
)
from engine.testing.inline import InlineEngine

Wire = dict[str, Any]


def output(engine: InlineEngine, workflow_id: str, reference: str) -> Wire:
    """What the record of a reference holds."""
    task = engine.state(workflow_id).task(reference)
    assert task is not None
    return dict(task.output_data)


def shown(engine: InlineEngine, workflow_id: str, reference: str) -> Wire:
    """What the API shows of it."""
    state = engine.state(workflow_id)
    task = state.task(reference)
    assert task is not None
    return dict(task_wire(state, task)["outputData"])


def test_an_open_join_shows_what_has_come_in() -> None:
    engine = InlineEngine(workflow("w", *fork("f", ["a"], ["b"], ["c"])))
    execution = engine.start("w")
    join = "f_join"
    assert shown(engine, execution, join) == {}
    engine.complete("a", {"n": 1})
    assert shown(engine, execution, join) == {"a": {"n": 1}}
    assert output(engine, execution, join) == {}, "written down once, when it ends"


def test_a_join_keeps_what_had_come_in_before_the_failure() -> None:
    inner = fork("g", ["a"], ["b"])
    engine = InlineEngine(workflow("w", *fork("f", inner, ["c"])))
    execution = engine.start("w")
    engine.complete("a", {"n": 1})
    engine.complete("c", {"n": 3})
    engine.report(engine.take("b"), "FAILED_WITH_TERMINAL_ERROR", outputData={"late": True})
    joins = [t for t in engine.state(execution).tasks.values() if t.task_type == "JOIN"]
    within, outer = sorted(joins, key=lambda task: task.seq)
    assert within.output_data == {"a": {"n": 1}}
    assert outer.output_data == {within.reference_task_name: {"a": {"n": 1}}, "c": {"n": 3}}
    assert engine.state(execution).output == outer.output_data, "the last record's output"


def test_a_join_knows_the_child_of_a_branch_that_fails_just_now() -> None:
    engine = InlineEngine(workflow("w", *fork("f", [sub("s", workflow("c", "x"))], ["b"])))
    execution = engine.start("w")
    (child,) = engine.children(execution)
    engine.fail("x", terminal=True)
    join = next(t for t in engine.state(execution).tasks.values() if t.task_type == "JOIN")
    assert join.output_data == {"s": {"subWorkflowId": child}}


def test_a_loop_drops_the_iteration_that_a_worker_ends() -> None:
    engine = InlineEngine(workflow("w", loop("l", "a", "b", times=2)))
    execution = engine.start("w")
    engine.complete("a", {"n": 1})
    engine.fail("b", terminal=True)
    assert output(engine, execution, "l") == {"iteration": 1}


def test_a_loop_keeps_the_iteration_that_a_script_ends() -> None:
    engine = InlineEngine(workflow("w", loop("l", "a", inline("i", "nope.x"), times=2)))
    execution = engine.start("w")
    engine.complete("a", {"n": 1})
    engine.run_until_idle()
    assert engine.state(execution).status == "FAILED"
    kept = output(engine, execution, "l")["1"]
    assert kept["a"] == {"n": 1}
    assert "ReferenceError" in kept["i"]["error"]


def test_a_loop_keeps_the_iteration_that_a_terminate_ends() -> None:
    engine = InlineEngine(workflow("w", loop("l", "a", terminate("t"), times=2)))
    execution = engine.start("w")
    engine.complete("a", {"n": 1})
    assert engine.state(execution).status == "COMPLETED"
    assert output(engine, execution, "l")["1"] == {"a": {"n": 1}}


def test_a_loop_keeps_the_choice_that_led_to_a_terminate() -> None:
    choice = switch("s", {"yes": [terminate("t")]}, value="yes")
    engine = InlineEngine(workflow("w", loop("l", "a", choice, times=2)))
    execution = engine.start("w")
    engine.complete("a", {"n": 1})
    kept = output(engine, execution, "l")["1"]
    assert kept["a"] == {"n": 1}
    assert kept["s"]["selectedCase"] == "yes"


def test_a_loop_fails_at_once_with_a_permissive_task() -> None:
    shaky = simple("a", permissive=True)
    engine = InlineEngine(workflow("w", loop("l", shaky, "b", times=2), "c"))
    execution = engine.start("w")
    engine.report(engine.take("a"), "FAILED_WITH_TERMINAL_ERROR", outputData={"half": 1})
    state = engine.state(execution)
    assert state.status == "FAILED"
    statuses = {t.reference_task_name: str(t.status) for t in state.tasks.values()}
    assert statuses == {"l": "FAILED", "a__1": "FAILED_WITH_TERMINAL_ERROR", "b__1": "CANCELED"}
    assert output(engine, execution, "l")["1"] == {"a": {"half": 1}}


def test_the_output_of_a_child_names_the_child_of_the_child() -> None:
    leaf = workflow("leaf", "x")
    engine = InlineEngine(workflow("w", sub("s", workflow("mid", sub("m", leaf)))))
    execution = engine.start("w")
    (middle,) = engine.children(execution)
    (deep,) = engine.children(middle)
    engine.complete("x", {"n": 1})
    assert engine.state(execution).output == {"n": 1, "subWorkflowId": deep}
    assert shown(engine, execution, "s") == {"n": 1, "subWorkflowId": middle}


def test_a_noop_has_no_input() -> None:
    idle = node("n", "NOOP", inputParameters={"k": "${workflow.input.k}"})
    engine = InlineEngine(workflow("w", idle))
    execution = engine.start("w", {"k": 1})
    task = engine.state(execution).task("n")
    assert task is not None
    assert task.status == "COMPLETED"
    assert task.input_data == {}


def test_what_follows_a_script_in_a_loop_sees_the_iteration_so_far() -> None:
    reads = {"so_far": "${l.output}"}
    body = (simple("a"), inline("i", "7"), simple("b", reads), simple("c", reads))
    engine = InlineEngine(workflow("w", loop("l", *body, times=2)))
    execution = engine.start("w")
    engine.complete("a", {"n": 1})
    engine.run_until_idle()
    task = engine.take("b")
    after_script = task["inputData"]["so_far"]
    assert after_script == {"1": {"a": {"n": 1}, "i": {"result": 7}}, "iteration": 1}
    engine.report(task, "COMPLETED")
    after_worker = engine.take("c")["inputData"]["so_far"]
    assert after_worker == {"iteration": 1}
    assert output(engine, execution, "l") == {"iteration": 1}
