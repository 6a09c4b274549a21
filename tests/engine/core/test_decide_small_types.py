"""DECISION, EXCLUSIVE_JOIN, LAMBDA, JSON_JQ_TRANSFORM, HUMAN and NOOP, as tables."""

from __future__ import annotations

from typing import Any

import pytest

from engine.testing.definitions import node, simple, steps, workflow
from engine.testing.inline import InlineEngine

Wire = dict[str, Any]


def decision(given: Wire, **keys: Any) -> Wire:
    cases = {"x": steps(["a"]), "empty": [], "7": steps(["seven"])}
    return node(
        "d",
        "DECISION",
        inputParameters=given,
        decisionCases=cases,
        defaultCase=steps(["b"]),
        **keys,
    )


@pytest.mark.parametrize(
    ("value", "scheduled", "case"),
    [
        ("x", ["d", "a"], "x"),
        ("other", ["d", "b"], "other"),
        ("empty", ["d", "b"], "empty"),
        (7, ["d", "seven"], "7"),
        (None, ["d", "b"], "null"),
    ],
)
@pytest.mark.parametrize("by", ["value", "script"])
def test_decision_takes_the_matching_case_else_the_default(
    by: str, value: Any, scheduled: list[str], case: str
) -> None:
    keys = {"caseValueParam": "v"} if by == "value" else {"caseExpression": "$.v"}
    engine = InlineEngine(workflow("w", decision({"v": value}, **keys)))
    state = engine.state(engine.start("w"))
    assert [t.reference_task_name for t in state.tasks.values()] == scheduled
    record = state.task("d")
    assert record is not None
    assert record.output_data == {"caseOutput": [case]}
    assert record.input_data == {"case": case, "hasChildren": "true"}


def test_decision_whose_script_throws_ends_the_execution_without_records() -> None:
    engine = InlineEngine(workflow("w", decision({}, caseExpression="$.v.w.x")))
    state = engine.state(engine.start("w"))
    assert (state.status, state.tasks) == ("FAILED", {})
    assert state.reason_for_incompletion == "Error while evaluating script: $.v.w.x"


@pytest.mark.parametrize(
    ("join_on", "default", "status", "output"),
    [
        (["a"], [], "COMPLETED", {"n": 1}),
        (["none", "a"], [], "COMPLETED", {"n": 1}),
        (["none"], ["a"], "COMPLETED", {"n": 1}),
        (["none"], [], "IN_PROGRESS", {}),
    ],
)
def test_exclusive_join_takes_the_first_that_exists(
    join_on: list[str], default: list[str], status: str, output: Wire
) -> None:
    join = node("e", "EXCLUSIVE_JOIN", joinOn=join_on, defaultExclusiveJoinTask=default)
    engine = InlineEngine(workflow("w", "a", join))
    workflow_id = engine.start("w")
    engine.complete("a", {"n": 1})
    record = engine.state(workflow_id).task("e")
    assert record is not None
    assert (record.status, record.output_data) == (status, output)


@pytest.mark.parametrize("permissive", [False, True])
def test_exclusive_join_fails_with_the_branch_it_takes(permissive: bool) -> None:
    branches = [[simple("a", permissive=permissive)], [simple("b", permissive=permissive)]]
    engine = InlineEngine(
        workflow(
            "w",
            node("f", "FORK_JOIN", forkTasks=branches),
            node("j", "JOIN", joinOn=[]),
            node("e", "EXCLUSIVE_JOIN", joinOn=["a", "b"]),
        )
    )
    workflow_id = engine.start("w")
    engine.fail("a", "broken", terminal=True)
    if permissive:  # it waits for the other branch before it gives up
        waiting = engine.state(workflow_id).task("e")
        assert waiting is not None
        assert waiting.status == "IN_PROGRESS"
        engine.complete("b")
    state = engine.state(workflow_id)
    record = state.task("e")
    assert record is not None
    assert record.status == ("FAILED" if permissive else "CANCELED")
    assert state.status == "FAILED"


@pytest.mark.parametrize(
    ("given", "status", "reason"),
    [
        ({"evaluatorType": " ", "expression": "1"}, "FAILED_WITH_TERMINAL_ERROR", "Empty 'eval"),
        ({"evaluatorType": 5, "expression": "1"}, "FAILED_WITH_TERMINAL_ERROR", "Empty 'eval"),
        ({"expression": " "}, "FAILED_WITH_TERMINAL_ERROR", "Empty 'expression'"),
        ({"evaluatorType": "basic", "expression": "1"}, "FAILED_WITH_TERMINAL_ERROR", "Unknown"),
        ({"evaluatorType": "value-param", "expression": "v", "v": [7]}, "COMPLETED", ""),
        ({"evaluatorType": "value-param", "expression": "none"}, "COMPLETED", ""),
        ({"expression": "throw 'no'"}, "FAILED_WITH_TERMINAL_ERROR", "no"),
    ],
)
def test_inline_refuses_what_it_can_not_evaluate(given: Wire, status: str, reason: str) -> None:
    record = engine_record(node("i", "INLINE", inputParameters=given), "i")
    assert record.status == status
    if status == "COMPLETED":
        assert record.output_data == {"result": given.get(given["expression"])}
    else:
        assert reason in str(record.reason_for_incompletion)
        assert record.output_data == {"error": record.reason_for_incompletion}


@pytest.mark.parametrize(
    ("given", "output"),
    [(None, {}), ({"k": 1}, {"k": 1}), ("text", {"output": "text"}), ([1], {"output": [1]})],
)
def test_terminate_makes_an_object_of_what_it_is_given(given: Any, output: Wire) -> None:
    task = node(
        "t",
        "TERMINATE",
        inputParameters={"terminationStatus": "COMPLETED", "workflowOutput": given},
    )
    assert engine_record(task, "t").output_data == output


def test_terminate_with_an_unknown_status_fails() -> None:
    task = node("t", "TERMINATE", inputParameters={"terminationStatus": "${workflow.input.none}"})
    record = engine_record(task, "t")
    assert record.status == "FAILED"
    assert record.reason_for_incompletion == "given termination status is not valid"


@pytest.mark.parametrize(
    ("script", "status", "shown"),
    [
        ("return $.n * 2;", "COMPLETED", {"result": 6}),
        ("if ($.n > 2) { return 'big'; }", "COMPLETED", {"result": "big"}),
        ("var x = 1;", "COMPLETED", {"result": None}),
        ("", "FAILED", "Empty 'scriptExpression' in Lambda task's input parameters."),
        (None, "FAILED", "Empty 'scriptExpression' in Lambda task's input parameters."),
        ("throw 'no';", "FAILED", "no"),
    ],
)
def test_lambda_is_the_body_of_a_function(script: Any, status: str, shown: Any) -> None:
    task = node("l", "LAMBDA", inputParameters={"n": 3, "scriptExpression": script})
    record = engine_record(task, "l")
    assert record.status == status
    if status == "COMPLETED":
        assert record.output_data == shown
    else:
        assert shown in str(record.reason_for_incompletion)
        assert record.output_data["error"] == record.reason_for_incompletion


@pytest.mark.parametrize(
    ("query", "result", "results"),
    [
        (".n", 3, [3]),
        (".items[]", 1, [1, 2]),
        ("empty", None, []),
        ("{n, sum: (.items | add)}", {"n": 3, "sum": 3}, [{"n": 3, "sum": 3}]),
        (".n * 2.5 * 2", 15, [15]),
    ],
)
def test_jq_gives_its_first_result_and_all(query: str, result: Any, results: list[Any]) -> None:
    given = {"n": 3, "items": [1, 2], "queryExpression": query}
    record = engine_record(node("q", "JSON_JQ_TRANSFORM", inputParameters=given), "q")
    assert record.status == "COMPLETED"
    assert record.output_data == {"result": result, "resultList": results}


@pytest.mark.parametrize("given", [{}, {"queryExpression": ".n | .x", "n": "text"}])
def test_jq_that_can_not_be_applied_fails(given: Wire) -> None:
    record = engine_record(node("q", "JSON_JQ_TRANSFORM", inputParameters=given), "q")
    assert record.status == "FAILED"
    assert record.reason_for_incompletion


def test_human_is_open_until_a_person_completes_it() -> None:
    engine = InlineEngine(workflow("w", node("h", "HUMAN"), simple("a", {"by": "${h.output.by}"})))
    workflow_id = engine.start("w")
    engine.clock.move(seconds=10_000_000)
    record = engine.state(workflow_id).task("h")
    assert record is not None
    assert record.status == "IN_PROGRESS"
    engine.service.update_task_by_reference(workflow_id, "h", "COMPLETED", {"by": "me"}).result(0)
    assert engine.take("a")["inputData"] == {"by": "me"}


def test_noop_completes_at_once_with_nothing() -> None:
    record = engine_record(node("n", "NOOP", inputParameters={"n": 1}), "n")
    assert (record.status, record.output_data) == ("COMPLETED", {})


def engine_record(task: Wire, reference: str) -> Any:
    """The record of one task that the engine itself runs to its end."""
    engine = InlineEngine(workflow("w", task))
    return engine.state(engine.start("w")).task(reference)
