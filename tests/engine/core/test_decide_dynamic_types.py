"""Task types whose shape is data: FORK_JOIN_DYNAMIC and DYNAMIC, as tables."""

from __future__ import annotations

from typing import Any

import pytest

from engine.testing.definitions import node, simple, sub, task_def, workflow
from engine.testing.inline import InlineEngine

Wire = dict[str, Any]

JOIN = node("j", "JOIN")


def listed(tasks: Any, inputs: Any, **keys: Any) -> Wire:
    """The form with a list of tasks and a map of inputs."""
    return node(
        "f",
        "FORK_JOIN_DYNAMIC",
        inputParameters={"tasks": tasks, "inputs": inputs},
        dynamicForkTasksParam="tasks",
        dynamicForkTasksInputParamName="inputs",
        **keys,
    )


def same(inputs: Any, **parameters: Any) -> Wire:
    """The form with one kind of task for every input."""
    return node("f", "FORK_JOIN_DYNAMIC", inputParameters={"forkTaskInputs": inputs, **parameters})


def legacy(tasks: Any) -> Wire:
    """The form of one parameter for everything."""
    return node(
        "f",
        "FORK_JOIN_DYNAMIC",
        inputParameters={"all": tasks},
        dynamicForkJoinTasksParam="all",
    )


def references(engine: InlineEngine, workflow_id: str) -> list[str]:
    return [t.reference_task_name for t in engine.state(workflow_id).tasks.values()]


@pytest.mark.parametrize(
    ("fork", "records", "inputs"),
    [
        pytest.param(
            listed([simple("a"), simple("b")], {"a": {"n": 1}, "b": {"n": 2}}),
            ["f", "a", "b", "j"],
            [{"n": 1}, {"n": 2}],
            id="tasks and inputs",
        ),
        pytest.param(
            listed([simple("a", {"n": 0, "m": 5})], {"a": {"n": 1}}),
            ["f", "a", "j"],
            [{"n": 1, "m": 5}],
            id="own parameters are merged",
        ),
        pytest.param(
            listed([simple("a")], {}), ["f", "a", "j"], [{}], id="a task without an input"
        ),
        pytest.param(
            same([{"n": 1}, 2], forkTaskName="item"),
            ["f", "_item_0", "_item_1", "j"],
            [{"n": 1, "__index": 0}, {"input": 2, "__index": 1}],
            id="one task for each input",
        ),
        pytest.param(
            legacy({"dynamicTasks": [{"taskName": "a", "referenceName": "x", "input": {"n": 1}}]}),
            ["f", "x", "j"],
            [{"n": 1}],
            id="one parameter for all",
        ),
        pytest.param(listed([], {}), ["f", "j"], [], id="nothing to do"),
        pytest.param(same([], forkTaskName="a"), ["f", "j"], [], id="no input"),
    ],
)
def test_a_dynamic_fork_makes_these_tasks(
    fork: Wire, records: list[str], inputs: list[Wire]
) -> None:
    engine = InlineEngine(workflow("w", fork, JOIN))
    workflow_id = engine.start("w")
    assert references(engine, workflow_id) == records
    state = engine.state(workflow_id)
    forked = [t for t in state.tasks.values() if t.task_type not in ("FORK", "JOIN")]
    assert [t.input_data for t in forked] == inputs
    assert engine.drive(workflow_id).status == "COMPLETED"


@pytest.mark.parametrize(
    ("fork", "reason"),
    [
        (listed("a", {}), "Input 'tasks' is invalid. Cannot deserialize a list of Workflow Tasks"),
        (
            listed([{"name": "a", "type": "SIMPLE"}], {}),
            "Input 'tasks' is invalid. Cannot deserialize a list of Workflow Tasks",
        ),
        (
            listed([simple("a")], [1]),
            "Input to the dynamically forked tasks is not a map -> expecting a map of K,V",
        ),
        (legacy(None), "Dynamic tasks could not be created. The value of all from task's input"),
        (listed([simple("first")], {}), "attempted to create a duplicate task reference name"),
    ],
)
def test_a_dynamic_fork_that_makes_no_sense_ends_the_execution(fork: Wire, reason: str) -> None:
    engine = InlineEngine(workflow("w", "first", fork, JOIN))
    workflow_id = engine.start("w")
    engine.complete("first")
    state = engine.state(workflow_id)
    assert state.status == "FAILED"
    assert reason in str(state.reason_for_incompletion)
    assert references(engine, workflow_id) == ["first"]


def test_a_dynamic_fork_without_a_join_ends_the_execution() -> None:
    engine = InlineEngine(workflow("w", listed([simple("a")], {})))
    state = engine.state(engine.start("w"))
    assert state.status == "FAILED"
    assert "Dynamic join definition is not followed by a join task" in str(
        state.reason_for_incompletion
    )


def test_a_forked_task_is_retried_by_its_own_definition_only() -> None:
    defined = task_def("a", retryCount=1, retryDelaySeconds=0)
    engine = InlineEngine(
        workflow("w", listed([simple("a"), simple("b")], {}), JOIN), task_defs=[defined]
    )
    workflow_id = engine.start("w")
    engine.fail("a")
    assert engine.state(workflow_id).status == "RUNNING"
    engine.fail("b")
    assert engine.state(workflow_id).status == "FAILED"


def test_a_dynamic_fork_starts_children_and_gathers_what_they_give() -> None:
    child = workflow("child", "inner", outputParameters={"k": "${inner.output.k}"})
    engine = InlineEngine(workflow("w", listed([sub("s", "child")], {"s": {"n": 1}}), JOIN), child)
    workflow_id = engine.start("w")
    engine.complete("inner", {"k": 9})
    state = engine.state(workflow_id)
    assert state.status == "COMPLETED"
    assert state.output["s"]["k"] == 9


# -- DYNAMIC ---------------------------------------------------------------------------------


def dynamic(name: Any, **parameters: Any) -> Wire:
    return node(
        "d", "DYNAMIC", inputParameters={"which": name, **parameters}, dynamicTaskNameParam="which"
    )


def test_a_dynamic_task_is_polled_by_the_name_that_came_as_data() -> None:
    engine = InlineEngine(workflow("w", dynamic("${workflow.input.name}", n=1)))
    workflow_id = engine.start("w", {"name": "painter"})
    assert engine.complete("painter", {"k": 2})["inputData"] == {"which": "painter", "n": 1}
    assert engine.state(workflow_id).output == {"k": 2}


def test_a_dynamic_task_may_be_one_of_the_engines_own() -> None:
    task = dynamic("JSON_JQ_TRANSFORM", queryExpression=".n + 1", n=1)
    engine = InlineEngine(workflow("w", task))
    state = engine.state(engine.start("w"))
    assert (state.status, state.output["result"]) == ("COMPLETED", 2)


@pytest.mark.parametrize("name", [None, "${workflow.input.none}"])
def test_a_dynamic_task_without_a_name_ends_the_execution(name: Any) -> None:
    engine = InlineEngine(workflow("w", dynamic(name)))
    state = engine.state(engine.start("w"))
    assert state.status == "FAILED"
    assert "Cannot map a dynamic task based on the parameter and input. Parameter= which" in str(
        state.reason_for_incompletion
    )


def test_a_dynamic_sub_workflow_is_named_by_its_input() -> None:
    task = dynamic(
        "SUB_WORKFLOW", subWorkflowName="child", subWorkflowVersion=1, workflowInput={"n": 4}
    )
    child = workflow("child", simple("inner", {"n": "${workflow.input.n}"}))
    engine = InlineEngine(workflow("w", task), child)
    workflow_id = engine.start("w")
    assert engine.complete("inner", {"k": 9})["inputData"] == {"n": 4}
    state = engine.state(workflow_id)
    assert state.status == "COMPLETED"
    record = state.task("d")
    assert record is not None
    assert record.task_type == "SUB_WORKFLOW"
    assert record.input_data["which"] == "SUB_WORKFLOW"
    assert record.output_data["k"] == 9


def test_one_sub_workflow_for_each_input() -> None:
    fork = same([{"n": 1}, {"n": 2}], forkTaskWorkflow="child", forkTaskWorkflowVersion="1")
    child = workflow("child", simple("inner", {"n": "${workflow.input.n}"}))
    engine = InlineEngine(workflow("w", fork, JOIN), child)
    workflow_id = engine.start("w")
    assert references(engine, workflow_id) == ["f", "_f_0", "_f_1", "j"]
    assert [engine.complete("inner")["inputData"] for _ in range(2)] == [{"n": 1}, {"n": 2}]
    assert engine.state(workflow_id).status == "COMPLETED"


def test_a_sub_workflow_without_a_version_is_the_latest_when_it_is_scheduled() -> None:
    child = workflow("child", "inner")
    newer = {**child, "version": 7}
    fork = same([{}], forkTaskWorkflow="child")
    engine = InlineEngine(workflow("w", fork, JOIN), child, newer)
    record = engine.state(engine.start("w")).task("_f_0")
    assert record is not None
    assert record.input_data["subWorkflowVersion"] == 7


def test_a_fork_of_sub_workflows_that_are_not_registered_schedules_nothing() -> None:
    fork = same([{}, {}], forkTaskWorkflow="nowhere")
    engine = InlineEngine(workflow("w", "a", fork, JOIN))
    execution = engine.start("w")
    engine.complete("a")
    assert references(engine, execution) == ["a"]
    assert engine.state(execution).status == "FAILED"
    assert "nowhere" in (engine.state(execution).reason_for_incompletion or "")


def test_a_reference_that_a_dynamic_fork_is_given_twice_runs_once() -> None:
    twice = [simple("m"), simple("m")]
    fork = node(
        "f",
        "FORK_JOIN_DYNAMIC",
        inputParameters={"ts": twice, "ti": {}},
        dynamicForkTasksParam="ts",
        dynamicForkTasksInputParamName="ti",
    )
    engine = InlineEngine(workflow("w", fork, JOIN))
    execution = engine.start("w")
    assert references(engine, execution) == ["f", "m", "j"]
    engine.complete("m")
    assert engine.state(execution).status == "COMPLETED"


@pytest.mark.parametrize(
    ("given", "records"),
    [
        ({"forkTaskType": "INLINE"}, ["f", "_INLINE_0", "j"]),
        ({"forkTaskType": "SIMPLE"}, ["f", "_f_0", "j"]),
        ({}, ["f", "_f_0", "j"]),
    ],
)
def test_forked_tasks_without_a_name_are_called_by_type_or_fork(
    given: Wire, records: list[str]
) -> None:
    engine = InlineEngine(workflow("w", same([{"expression": "1"}], **given), JOIN))
    assert references(engine, engine.start("w")) == records


def test_what_an_input_says_of_its_own_attempts_holds_for_its_task() -> None:
    fork = same([{"n": 1, "optional": True}, {"n": 2}], forkTaskName="item")
    engine = InlineEngine(workflow("w", fork, JOIN))
    workflow_id = engine.start("w")
    engine.fail("item", terminal=True)
    engine.complete("item")
    state = engine.state(workflow_id)
    statuses = {t.reference_task_name: str(t.status) for t in state.tasks.values()}
    assert statuses["_item_0"] == "COMPLETED_WITH_ERRORS"
    assert state.status == "COMPLETED"


def test_a_dynamic_task_that_can_not_be_read_ends_the_execution() -> None:
    broken = {**simple("a"), "decisionCases": 5}
    engine = InlineEngine(workflow("w", listed([broken], {}), JOIN))
    state = engine.state(engine.start("w"))
    assert state.status == "FAILED"
    assert "A dynamic task can't be read" in str(state.reason_for_incompletion)
