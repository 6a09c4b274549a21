"""Inputs and outputs against their schemas, in an engine that is driven by hand."""

from __future__ import annotations

from typing import Any

import pytest

from engine.core.events import EventKind
from engine.core.schemas import SchemaCheck, enforced_schema, refusal
from engine.errors import InvalidRequestError, NotFoundError
from engine.testing.inline import InlineEngine

Wire = dict[str, Any]

AMOUNT: Wire = {
    "type": "object",
    "required": ["amount"],
    "properties": {"amount": {"type": "number", "minimum": 1}},
}


def schema(data: Wire | None = AMOUNT, **more: Any) -> Wire:
    return {"name": "amount", "version": 1, "type": "JSON", "data": data, **more}


def task_def(name: str, **more: Any) -> Wire:
    return {"name": name, "retryCount": 0, "enforceSchema": True, **more}


def simple(name: str, **more: Any) -> Wire:
    return {"name": name, "taskReferenceName": name, "type": "SIMPLE", **more}


def flow(*tasks: Wire, **more: Any) -> Wire:
    return {"name": "flow", "version": 1, "schemaVersion": 2, "tasks": list(tasks), **more}


PAY = simple("pay", inputParameters={"amount": "${workflow.input.amount}"})


def test_task_with_right_input_reaches_its_worker_after_the_check() -> None:
    engine = InlineEngine(
        flow(PAY), task_defs=[task_def("pay", inputSchema=schema())], hold_scripts=True
    )
    execution = engine.start("flow", {"amount": 5})

    assert engine.poll("pay") == []
    assert engine.run_script()
    assert engine.take("pay")["inputData"] == {"amount": 5}
    engine.close()
    assert execution


def test_task_with_wrong_input_fails_for_good_and_says_what_was_found() -> None:
    definition = task_def("pay", inputSchema=schema(), retryCount=3)
    with InlineEngine(flow(PAY), task_defs=[definition]) as engine:
        execution = engine.start("flow", {"amount": "five"})

        task = engine.state(execution).task("pay")
        assert task is not None
        assert task.status == "FAILED_WITH_TERMINAL_ERROR"
        assert task.reason_for_incompletion == (
            "Input of task 'pay' does not fit schema 'amount' version 1: "
            "amount: found the text 'five', expected type number"
        )
        assert engine.state(execution).status == "FAILED"
        assert engine.poll("pay") == []


def test_right_output_completes_and_wrong_output_fails_for_good() -> None:
    definition = task_def("pay", outputSchema=schema(), retryCount=3)
    with InlineEngine(flow(PAY), task_defs=[definition]) as engine:
        right, wrong = engine.start("flow"), engine.start("flow")
        engine.complete("pay", {"amount": 2})
        engine.complete("pay", {"amount": 0, "note": "kept"})

        assert engine.state(right).status == "COMPLETED"
        task = engine.state(wrong).task("pay")
        assert task is not None
        assert (task.status, task.retry_count) == ("FAILED_WITH_TERMINAL_ERROR", 0)
        assert task.output_data == {"amount": 0, "note": "kept"}
        assert task.reason_for_incompletion is not None
        assert task.reason_for_incompletion.endswith(
            "amount: found the number 0, expected at least 1"
        )


def test_second_result_while_the_first_is_checked_changes_nothing() -> None:
    definition = task_def("pay", outputSchema=schema())
    engine = InlineEngine(flow(PAY), task_defs=[definition], hold_scripts=True)
    execution = engine.start("flow")
    task = engine.complete("pay", {"amount": 2})

    engine.report(task, "FAILED", outputData={"amount": 99})
    engine.run_script()

    done = engine.state(execution).task("pay")
    assert done is not None
    assert (done.status, done.output_data) == ("COMPLETED", {"amount": 2})
    engine.close()


def test_task_definition_enforces_only_when_it_says_so() -> None:
    quiet = {**task_def("pay", inputSchema=schema()), "enforceSchema": False}
    with InlineEngine(flow(PAY), task_defs=[quiet]) as engine:
        execution = engine.start("flow", {"amount": "five"})
        assert engine.take("pay")["inputData"] == {"amount": "five"}
        assert "ExpressionEvaluated" not in {e.kind for e in engine.events(execution)}


def test_optional_task_with_wrong_input_lets_the_flow_go_on() -> None:
    first = {**PAY, "optional": True}
    definitions = [task_def("pay", inputSchema=schema())]
    with InlineEngine(flow(first, simple("next")), task_defs=definitions) as engine:
        execution = engine.start("flow")
        engine.complete("next")
        state = engine.state(execution)
        assert (state.status, state.task("pay").status) == ("COMPLETED", "COMPLETED_WITH_ERRORS")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("task", "kind"),
    [
        ({"type": "INLINE", "inputParameters": {"expression": "({n: 'x'})"}}, "INLINE"),
        ({"type": "SET_VARIABLE", "inputParameters": {"n": 1}}, "SET_VARIABLE"),
        ({"type": "WAIT", "inputParameters": {"duration": "1 seconds"}}, "WAIT"),
        ({"type": "START_WORKFLOW", "inputParameters": {"startWorkflow": {"name": "x"}}}, "START"),
        ({"type": "SUB_WORKFLOW", "subWorkflowParam": {"name": "child", "version": 1}}, "SUB"),
    ],
)
def test_input_of_the_engines_own_tasks_is_checked_before_they_begin(task: Wire, kind: str) -> None:
    node = {"name": "guarded", "taskReferenceName": "guarded", **task}
    child = {**flow(simple("inner")), "name": "child"}
    definitions = [task_def("guarded", inputSchema=schema())]
    with InlineEngine(flow(node), child, task_defs=definitions) as engine:
        execution = engine.start("flow")
        state = engine.state(execution)
        guarded = state.task("guarded")
        assert guarded is not None, kind
        assert (state.status, guarded.status) == ("FAILED", "FAILED_WITH_TERMINAL_ERROR")
        assert guarded.sub_workflow_id is None
        assert state.variables == {}


def test_output_of_a_script_and_of_a_child_is_checked() -> None:
    script = {
        "name": "script",
        "taskReferenceName": "script",
        "type": "INLINE",
        "inputParameters": {"expression": "1", "evaluatorType": "javascript"},
    }
    child = {
        "name": "child",
        "taskReferenceName": "sub",
        "type": "SUB_WORKFLOW",
        "subWorkflowParam": {"name": "child", "version": 1},
    }
    small = {**flow(simple("inner")), "name": "child", "outputParameters": {"amount": 0}}
    number = {"properties": {"result": {"type": "string"}}}
    definitions = [
        task_def("script", outputSchema=schema(number)),
        task_def("child", outputSchema=schema()),
    ]
    with InlineEngine(flow(script), small, task_defs=definitions) as engine:
        execution = engine.start("flow")
        assert "Output of task 'script'" in str(engine.state(execution).reason_for_incompletion)
        engine.register({**flow(child), "version": 2})
        execution = engine.start("flow")
        engine.complete("inner")
        assert "Output of task 'sub'" in str(engine.state(execution).reason_for_incompletion)


def test_start_with_wrong_input_is_refused_and_leaves_nothing() -> None:
    with InlineEngine(flow(PAY, inputSchema=schema())) as engine:
        with pytest.raises(InvalidRequestError, match="amount: found nothing, expected a value"):
            engine.start("flow", {"other": 1})
        assert engine.desk.executions == {}
        assert engine.start("flow", {"amount": 1})


def test_input_template_counts_before_the_schema_is_applied() -> None:
    body = flow(PAY, inputSchema=schema(), inputTemplate={"amount": 7})
    with InlineEngine(body) as engine:
        execution = engine.start("flow", {"other": 1})
        assert engine.state(execution).input == {"amount": 7, "other": 1}


def test_child_with_wrong_input_fails_and_fails_its_parent() -> None:
    child = {**flow(PAY, inputSchema=schema()), "name": "child"}
    node = {
        "name": "sub",
        "taskReferenceName": "sub",
        "type": "SUB_WORKFLOW",
        "inputParameters": {"amount": -1},
        "subWorkflowParam": {"name": "child", "version": 1},
    }
    with InlineEngine(flow(node), child) as engine:
        execution = engine.start("flow")
        reason = engine.state(execution).reason_for_incompletion
        assert reason is not None
        assert "Input of workflow 'child' does not fit schema 'amount' version 1" in reason
        assert engine.poll("pay") == []


def test_workflow_with_wrong_output_fails_at_its_completion() -> None:
    body = flow(
        simple("work"), outputParameters={"amount": "${work.output.n}"}, outputSchema=schema()
    )
    with InlineEngine(body) as engine:
        right, wrong = engine.start("flow"), engine.start("flow")
        engine.complete("work", {"n": 3})
        engine.complete("work", {"n": "three"})
        assert engine.state(right).status == "COMPLETED"
        state = engine.state(wrong)
        assert state.status == "FAILED"
        assert str(state.reason_for_incompletion).startswith("Output of workflow 'flow' does not")
        assert state.output == {"amount": "three"}


def test_rerun_with_another_input_is_checked_again() -> None:
    with InlineEngine(flow(PAY, inputSchema=schema())) as engine:
        execution = engine.start("flow", {"amount": 1})
        engine.fail("pay", terminal=True)
        engine.service.rerun(execution, {"workflowInput": {"amount": 0}}).result(5)
        assert "Input of workflow 'flow'" in str(engine.state(execution).reason_for_incompletion)


def test_rerun_of_a_task_with_another_input_is_checked_again() -> None:
    definition = task_def("pay", inputSchema=schema())
    with InlineEngine(flow(PAY), task_defs=[definition]) as engine:
        execution = engine.start("flow", {"amount": "x"})
        task = engine.state(execution).task("pay")
        assert task is not None
        request = {"reRunFromTaskId": task.task_id, "taskInput": {"amount": 4}}
        engine.service.rerun(execution, request).result(5)
        assert engine.complete("pay")["inputData"] == {"amount": 4}
        assert engine.state(execution).status == "COMPLETED"


def test_check_that_was_asked_for_before_a_crash_is_asked_for_again() -> None:
    definitions = [task_def("pay", inputSchema=schema(), outputSchema=schema())]
    engine = InlineEngine(flow(PAY), task_defs=definitions, hold_scripts=True)
    execution = engine.start("flow", {"amount": 1})
    engine.reopen()
    engine.run_script()
    engine.complete("pay", {"amount": 2})
    engine.reopen()
    engine.run_script()
    assert engine.state(execution).status == "COMPLETED"
    assert engine.folded(execution).status == "COMPLETED"
    engine.close()


def test_all_branches_of_a_fork_are_checked_at_once() -> None:
    branches = [[{**PAY, "taskReferenceName": f"pay_{n}"}] for n in range(20)]
    fork = {"name": "f", "taskReferenceName": "f", "type": "FORK_JOIN", "forkTasks": branches}
    join = {"name": "j", "taskReferenceName": "j", "type": "JOIN", "joinOn": ["pay_0"]}
    definitions = [task_def("pay", inputSchema=schema())]
    engine = InlineEngine(flow(fork, join), task_defs=definitions, hold_scripts=True)
    engine.start("flow", {"amount": 1})
    assert len(engine.waiting_scripts) == 20
    engine.close()


def test_registered_schema_is_kept_by_executions_that_began_with_it() -> None:
    named = {"name": "amount", "version": 1}
    definitions = [task_def("pay", inputSchema=named)]
    with InlineEngine(flow(PAY), task_defs=definitions) as engine:
        engine.service.save_schemas([schema()]).result(5)
        execution = engine.start("flow", {"amount": "x"})
        assert engine.state(execution).status == "FAILED"
        kept = engine.state(execution).definition.wire["tasks"][0]["taskDefinition"]["inputSchema"]
        assert kept["data"] == AMOUNT

        engine.service.delete_schema("amount").result(5)
        execution = engine.start("flow", {"amount": "x"})
        assert engine.take("pay")["inputData"] == {"amount": "x"}
        with pytest.raises(NotFoundError, match="No such schema found by name amount"):
            engine.service.schema("amount")


def test_registered_schema_holds_for_tasks_made_at_run_time() -> None:
    fork = {
        "name": "f",
        "taskReferenceName": "f",
        "type": "FORK_JOIN_DYNAMIC",
        "dynamicForkTasksParam": "tasks",
        "dynamicForkTasksInputParamName": "inputs",
        "inputParameters": {"tasks": [simple("pay")], "inputs": {"pay": {"amount": "x"}}},
    }
    join = {"name": "j", "taskReferenceName": "j", "type": "JOIN"}
    definitions = [task_def("pay", inputSchema={"name": "amount", "version": 1})]
    with InlineEngine(flow(fork, join), task_defs=definitions) as engine:
        engine.service.save_schemas([schema()]).result(5)
        execution = engine.start("flow")
        assert "Input of task 'pay'" in str(engine.state(execution).reason_for_incompletion)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"type": "AVRO"}, "its type is the text 'AVRO'; only JSON schemas are checked here"),
        ({"type": None}, "its type is null; only JSON schemas are checked here"),
        ({"data": None, "externalRef": "x"}, "it has no data, and what externalRef names is not"),
    ],
)
def test_schema_that_can_not_be_used_fails_the_task_loudly(given: Wire, fault: str) -> None:
    definitions = [task_def("pay", inputSchema=schema(**given))]
    if "data" in given:
        definitions = [task_def("pay", inputSchema={**schema(), **given})]
    with InlineEngine(flow(PAY), task_defs=definitions) as engine:
        execution = engine.start("flow", {"amount": 1})
        assert fault in str(engine.state(execution).reason_for_incompletion)


def test_secret_in_a_payload_is_checked_but_never_shown() -> None:
    node = simple("pay", inputParameters={"key": "${workflow.secrets.KEY}"})
    keyed = {"properties": {"key": {"type": "string", "pattern": "^sk-"}}}
    definitions = [task_def("pay", inputSchema=schema(keyed))]
    with InlineEngine(flow(node), task_defs=definitions, secrets={"KEY": "hunter2"}) as engine:
        execution = engine.start("flow")
        history = repr(engine.events(execution))
        assert "hunter2" not in history


def test_history_with_checks_replays_without_validating_again() -> None:
    definitions = [task_def("pay", inputSchema=schema(), outputSchema=schema())]
    with InlineEngine(flow(PAY), task_defs=definitions) as engine:
        execution = engine.start("flow", {"amount": 1})
        engine.complete("pay", {"amount": 1})
        kinds = [event.kind for event in engine.events(execution)]
        assert kinds.count(EventKind.EXPRESSION_EVALUATED) == 2
        folded = engine.folded(execution)
        assert folded.evaluations == {}
        assert folded.task("pay") == engine.state(execution).task("pay")


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        ([["a", 1], "type", {"types": ["number", "null"]}], "a[1]: found another value"),
        ([[], "additionalProperties", {"unexpected": ["x"]}], "the whole: found 'x', expected no"),
        ([["b"], "enum", {"options": [1, 2]}], "b: found the number 3, expected one of [1,2]"),
        ([["b"], "maxLength", {"limit": 2}], "expected a text of at most 2 characters"),
        ([["b"], "anyOf", {}], "expected one of several forms (anyOf)"),
        ([["b"], "falseSchema", {}], "expected what 'falseSchema' asks for"),
    ],
)
def test_problem_names_path_found_and_expected(problem: list[Any], text: str) -> None:
    check = SchemaCheck("s", 2, "{}")
    said = refusal("Input", check, {"a": [1], "b": 3}, {"result": [problem]})
    assert said is not None
    assert text in said


def test_many_problems_are_counted() -> None:
    problems = [[["k", n], "type", {"types": ["string"]}] for n in range(9)]
    said = refusal("Input", SchemaCheck("s", 2, "{}"), {"k": [0] * 9}, {"result": problems})
    assert said is not None
    assert said.endswith("; and 4 more")


def test_reference_to_an_unknown_schema_checks_nothing() -> None:
    wire = {"inputSchema": {"name": "nowhere", "version": 3}}
    assert enforced_schema(wire, "inputSchema", by_default=True) is None
