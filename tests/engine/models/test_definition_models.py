"""Definitions: JSON in, model, JSON out."""

from __future__ import annotations

import copy
import pickle
import time

import pytest
from wire_defaults import TASK_DEF_DEFAULTS, TASK_DEFAULTS, WORKFLOW_DEFAULTS

from engine.errors import InvalidDefinitionError
from engine.models import (
    SubWorkflowParams,
    TaskDef,
    TaskTimeoutPolicy,
    WorkflowDef,
    WorkflowTask,
    WorkflowTimeoutPolicy,
)


def test_smallest_workflow_gains_exactly_the_documented_defaults() -> None:
    wire = {"name": "w", "tasks": [{"name": "t", "taskReferenceName": "a"}]}
    assert WorkflowDef.from_wire(wire).to_wire() == {
        **WORKFLOW_DEFAULTS,
        "name": "w",
        "tasks": [{**TASK_DEFAULTS, "name": "t", "taskReferenceName": "a"}],
    }


def test_smallest_task_definition_gains_exactly_the_documented_defaults() -> None:
    assert TaskDef.from_wire({"name": "t"}).to_wire() == {**TASK_DEF_DEFAULTS, "name": "t"}


def test_every_optional_key_survives() -> None:
    schema = {
        "name": "s",
        "version": 2,
        "type": "JSON",
        "data": {"a": None},
        "externalRef": "x",
        "createTime": 1,
        "updateTime": 2,
    }
    wire = {
        **WORKFLOW_DEFAULTS,
        "name": "w",
        "description": "d",
        "tasks": [
            {
                **TASK_DEFAULTS,
                "name": "t",
                "taskReferenceName": "a",
                "description": "d",
                "type": "SOMETHING",
                "inputParameters": {"k": None, "l": [None, {"m": None}]},
                "dynamicTaskNameParam": "p",
                "caseValueParam": "p",
                "caseExpression": "p",
                "scriptExpression": "p",
                "dynamicForkJoinTasksParam": "p",
                "dynamicForkTasksParam": "p",
                "dynamicForkTasksInputParamName": "p",
                "subWorkflowParam": {
                    "name": "s",
                    "version": 3,
                    "taskToDomain": {"*": "d"},
                    "idempotencyKey": "k",
                    "idempotencyStrategy": "FAIL",
                    "priority": "${workflow.input.p}",
                },
                "joinStatus": "x",
                "joinMode": "SYNC",
                "sink": "conductor",
                "rateLimited": False,
                "taskDefinition": {**TASK_DEF_DEFAULTS, "name": "t", "pollTimeoutSeconds": 0},
                "loopCondition": "c",
                "items": "${x}",
                "retryCount": 0,
                "evaluatorType": "javascript",
                "expression": "1",
                "onStateChange": {"onStart": [{"type": "x", "payload": {"n": None}}]},
                "cacheConfig": {"key": "k", "ttlInSecond": 5},
            }
        ],
        "failureWorkflow": "f",
        "failureWorkflowVersion": 2,
        "workflowStatusListenerSink": "s",
        "ownerEmail": "a@b.co",
        "rateLimitConfig": {
            "rateLimitKey": "k",
            "concurrentExecLimit": 1,
            "policy": "REJECT",
        },
        "inputSchema": schema,
        "outputSchema": schema,
        "cacheConfig": {"key": "k", "ttlInSecond": 0},
        "ownerApp": "",
        "createdBy": "me",
        "updatedBy": "me",
    }
    assert WorkflowDef.from_wire(copy.deepcopy(wire)).to_wire() == wire


def test_unknown_keys_are_kept_and_can_be_left_out() -> None:
    wire = {"name": "t", "nonsense": None, "_odd key": {"a": [None]}}
    definition = TaskDef.from_wire(wire)
    assert definition.unknown_keys == ("nonsense", "_odd key")
    assert definition.to_wire() == {**TASK_DEF_DEFAULTS, **wire}
    assert definition.to_wire(keep_unknown=False) == {**TASK_DEF_DEFAULTS, "name": "t"}


def test_both_spellings_build_the_same_task() -> None:
    by_name = WorkflowTask(name="t", task_reference_name="a", start_delay=5)
    assert by_name == WorkflowTask.from_wire(
        {"name": "t", "taskReferenceName": "a", "startDelay": 5}
    )


@pytest.mark.parametrize(
    ("key", "value", "attribute", "read"),
    [
        ("timeoutSeconds", "12", "timeout_seconds", 12),
        ("timeoutSeconds", " 12 ", "timeout_seconds", 12),
        ("timeoutSeconds", 12.9, "timeout_seconds", 12),
        ("timeoutSeconds", -12.9, "timeout_seconds", -12),
        ("timeoutSeconds", None, "timeout_seconds", 0),
        ("timeoutSeconds", "", "timeout_seconds", 0),
        ("failureWorkflowVersion", "2", "failure_workflow_version", 2),
        ("failureWorkflowVersion", None, "failure_workflow_version", None),
        ("restartable", None, "restartable", False),
        ("restartable", "false", "restartable", False),
        ("restartable", "True", "restartable", True),
        ("restartable", 0, "restartable", False),
        ("timeoutPolicy", 0, "timeout_policy", WorkflowTimeoutPolicy.TIME_OUT_WF),
        ("timeoutPolicy", "TIME_OUT_WF", "timeout_policy", WorkflowTimeoutPolicy.TIME_OUT_WF),
        ("description", 5, "description", "5"),
        ("description", True, "description", "true"),
        ("inputParameters", None, "input_parameters", []),
        ("inputParameters", ["a", 1], "input_parameters", ["a", "1"]),
        ("variables", None, "variables", {}),
    ],
)
def test_types_are_as_lenient_as_the_server(
    key: str, value: object, attribute: str, read: object
) -> None:
    assert getattr(WorkflowDef.from_wire({"name": "w", key: value}), attribute) == read


def test_enumerations_of_task_definitions_go_by_their_own_order() -> None:
    assert TaskDef.from_wire({"timeoutPolicy": 0}).timeout_policy is TaskTimeoutPolicy.RETRY


def test_container_that_came_as_null_is_left_out_until_it_is_filled() -> None:
    definition = WorkflowDef.from_wire({"name": "w", "tasks": None, "variables": None})
    assert "tasks" not in definition.to_wire()
    assert "variables" not in definition.to_wire()
    definition.tasks.append(WorkflowTask(name="t", task_reference_name="a"))
    assert definition.to_wire()["tasks"][0]["name"] == "t"


def test_old_spelling_of_the_type_is_read_but_not_written() -> None:
    wire = {"name": "t", "taskReferenceName": "a", "workflowTaskType": "HTTP"}
    assert WorkflowTask.from_wire(wire).to_wire() == {
        **TASK_DEFAULTS,
        "name": "t",
        "taskReferenceName": "a",
        "type": "HTTP",
    }
    assert "workflowTaskType" in wire


def test_inline_sub_workflow_definition_names_the_sub_workflow() -> None:
    inline = {"name": "child", "version": 4, "tasks": []}
    params = SubWorkflowParams.from_wire({"name": "x", "workflowDefinition": inline})
    assert isinstance(params.workflow_definition, WorkflowDef)
    assert params.to_wire() == {
        "name": "child",
        "version": 4,
        "workflowDefinition": {**WORKFLOW_DEFAULTS, **inline},
    }


def test_sub_workflow_definition_may_be_an_expression() -> None:
    wire = {"name": "x", "workflowDefinition": "${a.output.definition}"}
    assert SubWorkflowParams.from_wire(wire).to_wire() == wire


@pytest.mark.parametrize(
    ("wire", "path", "message", "suggestion"),
    [
        (
            {"tasks": [{"startDelay": "soon"}]},
            "tasks[0].startDelay",
            "expected a whole number, found the text 'soon'",
            "",
        ),
        (
            {"timeoutPolicy": "alert_onyl"},
            "timeoutPolicy",
            "expected one of TIME_OUT_WF, ALERT_ONLY, found the text 'alert_onyl'",
            "Did you mean 'ALERT_ONLY'?",
        ),
        (
            {"tasks": [{}, {}, {"decisionCases": {"yes": [{"type": []}]}}]},
            "tasks[2].decisionCases.yes[0].type",
            "expected a text, found a list",
            "",
        ),
        (
            {"tasks": [{"decisionCases": {"it's odd": [7]}}]},
            "tasks[0].decisionCases['it\\'s odd'][0]",
            "expected an object, found the number 7",
            "",
        ),
        ({"tasks": {}}, "tasks", "expected a list, found an object", ""),
        ({"variables": ""}, "variables", "expected an object, found the text ''", ""),
        ([], "", "expected an object, found a list", ""),
        (None, "", "expected an object, found null", ""),
        (
            {"tasks": [{"subWorkflowParam": {"workflowDefinition": "child"}}]},
            "tasks[0].subWorkflowParam.workflowDefinition",
            "expected a workflow definition or an expression ${…}",
            "",
        ),
        (
            {"tasks": [{"subWorkflowParam": {"workflowDefinition": {"version": "x"}}}]},
            "tasks[0].subWorkflowParam.workflowDefinition.version",
            "expected a whole number, found the text 'x'",
            "",
        ),
        (
            {"tasks": [{"subWorkflowParam": {"taskToDomain": 5}}]},
            "tasks[0].subWorkflowParam.taskToDomain",
            "expected an object, found the number 5",
            "",
        ),
        ({"timeoutSeconds": True}, "timeoutSeconds", "expected a whole number, found true", ""),
        (
            {"timeoutSeconds": float("inf")},
            "timeoutSeconds",
            "expected a whole number, found the number inf",
            "",
        ),
    ],
)
def test_unreadable_definition_names_the_place(
    wire: object, path: str, message: str, suggestion: str
) -> None:
    with pytest.raises(InvalidDefinitionError) as refusal:
        WorkflowDef.from_wire(wire)
    problem = refusal.value.problems[0]
    assert (problem.path, problem.message, problem.suggestion) == (path, message, suggestion)
    assert message in str(refusal.value)


def test_unreadable_item_of_a_list_is_named_by_its_position() -> None:
    with pytest.raises(InvalidDefinitionError) as refusal:
        WorkflowDef.list_from_wire([{"name": "a"}, {"name": "b", "version": "x"}])
    assert refusal.value.problems[0].path == "[1].version"
    with pytest.raises(InvalidDefinitionError, match="expected a list, found an object"):
        WorkflowDef.list_from_wire({"name": "a"})


def test_walk_visits_nested_tasks_parents_first() -> None:
    def node(reference: str, **more: object) -> dict[str, object]:
        return {"name": reference, "taskReferenceName": reference, **more}

    definition = WorkflowDef.from_wire(
        {
            "name": "w",
            "tasks": [
                node(
                    "s",
                    type="SWITCH",
                    decisionCases={"yes": [node("y")], "a b": [node("n")]},
                    defaultCase=[node("d")],
                ),
                node("f", type="FORK_JOIN", forkTasks=[[node("f0")], [node("f1"), node("f2")]]),
                node("l", type="DO_WHILE", loopOver=[node("b", type="DO_WHILE", loopOver=[])]),
                node("x", type="SIMPLE", loopOver=[node("never entered")]),
            ],
        }
    )
    assert [(path, task.task_reference_name) for path, task in definition.walk()] == [
        ("tasks[0]", "s"),
        ("tasks[0].decisionCases.yes[0]", "y"),
        ("tasks[0].decisionCases['a b'][0]", "n"),
        ("tasks[0].defaultCase[0]", "d"),
        ("tasks[1]", "f"),
        ("tasks[1].forkTasks[0][0]", "f0"),
        ("tasks[1].forkTasks[1][0]", "f1"),
        ("tasks[1].forkTasks[1][1]", "f2"),
        ("tasks[2]", "l"),
        ("tasks[2].loopOver[0]", "b"),
        ("tasks[3]", "x"),
    ]
    assert definition.task("f2") is definition.tasks[1].fork_tasks[1][1]
    assert definition.task("never entered") is None


def test_wire_form_shares_nothing_with_the_model() -> None:
    definition = TaskDef.from_wire({"name": "t", "inputTemplate": {"a": {"b": 1}}})
    definition.to_wire()["inputTemplate"]["a"]["b"] = 2
    assert definition.input_template == {"a": {"b": 1}}


def test_definition_can_be_copied_and_pickled() -> None:
    definition = WorkflowDef.from_wire({"name": "w", "tasks": None, "odd": 1})
    for twin in (copy.deepcopy(definition), pickle.loads(pickle.dumps(definition))):
        assert twin.to_wire() == definition.to_wire()


def test_definition_of_fifty_tasks_is_read_within_two_milliseconds() -> None:
    task = {**TASK_DEFAULTS, "name": "t", "inputParameters": {"a": "${workflow.input.a}"}}
    tasks = [{**task, "taskReferenceName": f"t{n}"} for n in range(50)]
    wire = {**WORKFLOW_DEFAULTS, "name": "w", "tasks": tasks}
    best = float("inf")
    for _ in range(30):
        started = time.perf_counter()
        WorkflowDef.from_wire(wire)
        best = min(best, time.perf_counter() - started)
    assert best < 0.002


def test_representation_is_one_short_line() -> None:
    definition = WorkflowDef(name="w", tasks=[WorkflowTask(name="t", task_reference_name="a")])
    assert repr(definition) == "WorkflowDef('w' v1, 1 tasks)"
    assert repr(definition.tasks) == "[WorkflowTask('a', SIMPLE 't')]"
    assert repr(TaskDef(name="t")) == "TaskDef('t', 3 retries)"
