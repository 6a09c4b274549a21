"""What may be registered: one table row for each rule, with Conductor's text."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import InvalidDefinitionError, Problem
from engine.evaluators.syntax import check_javascript
from engine.models import (
    VALIDATION_FAILED,
    NamingRules,
    TaskDef,
    WorkflowDef,
    definition_hints,
    is_duration,
    is_moment,
    task_def_problems,
    validate_task_def,
    validate_task_defs,
    validate_workflow_def,
    validate_workflow_defs,
    validation_errors,
    workflow_def_problems,
)


def step(type: str = "SIMPLE", **more: Any) -> dict[str, Any]:
    return {"name": "n", "taskReferenceName": "r", "type": type, **more}


def problems(*tasks: dict[str, Any], task_defs: dict[str, TaskDef] | None = None) -> list[Problem]:
    definition = WorkflowDef.from_wire({"name": "w", "tasks": list(tasks)})
    return workflow_def_problems(
        definition, (task_defs or {}).get, check_javascript=check_javascript
    )


CASES = {"yes": [step() | {"taskReferenceName": "inner"}]}


@pytest.mark.parametrize(
    ("task", "path", "message"),
    [
        (step("EVENT"), "sink", "sink field is required for taskType: EVENT taskName: n"),
        (
            step("DECISION", decisionCases=CASES),
            "caseValueParam",
            "caseValueParam or caseExpression field is required for taskType: DECISION taskName: n",
        ),
        (
            step("DECISION", caseValueParam="p"),
            "decisionCases",
            "decisionCases should have atleast one task for taskType: DECISION taskName: n",
        ),
        (
            step("DECISION", caseValueParam="p", decisionCases=None),
            "decisionCases",
            "decisionCases field is required for taskType: DECISION taskName: n",
        ),
        (
            step("SWITCH", decisionCases=CASES, expression="p"),
            "evaluatorType",
            "evaluatorType field is required for taskType: SWITCH taskName: n",
        ),
        (
            step("SWITCH", decisionCases=CASES, evaluatorType="value-param"),
            "expression",
            "expression field is required for taskType: SWITCH taskName: n",
        ),
        (
            step("SWITCH", evaluatorType="value-param", expression="p"),
            "decisionCases",
            "decisionCases should have atleast one task for taskType: SWITCH taskName: n",
        ),
        (
            step("DYNAMIC"),
            "dynamicTaskNameParam",
            "dynamicTaskNameParam field is required for taskType: DYNAMIC taskName: n",
        ),
        (
            step("FORK_JOIN"),
            "forkTasks",
            "forkTasks should have atleast one task for taskType: FORK_JOIN taskName: n",
        ),
        (
            step("FORK_JOIN_DYNAMIC", dynamicForkTasksInputParamName="i"),
            "dynamicForkTasksParam",
            "dynamicForkTasksParam field is required for taskType: FORK_JOIN_DYNAMIC taskName: n",
        ),
        (
            step("FORK_JOIN_DYNAMIC", dynamicForkTasksParam="t"),
            "dynamicForkTasksInputParamName",
            "dynamicForkTasksInputParamName field is required"
            " for taskType: FORK_JOIN_DYNAMIC taskName: n",
        ),
        (
            step("FORK_JOIN_DYNAMIC", dynamicForkTasksParam="t", dynamicForkJoinTasksParam="j"),
            "dynamicForkJoinTasksParam",
            "dynamicForkJoinTasksParam or combination of dynamicForkTasksInputParamName and"
            " dynamicForkTasksParam cam be used for taskType: FORK_JOIN_DYNAMIC taskName: n",
        ),
        (
            step("HTTP"),
            "inputParameters.http_request",
            "inputParameters.http_request or inputParameters.uri field is required"
            " for taskType: HTTP taskName: n",
        ),
        (
            step("DO_WHILE", loopOver=CASES["yes"], items="${x}"),
            "loopCondition",
            "loopCondition field is required for taskType: DO_WHILE taskName: n",
        ),
        (
            step("DO_WHILE", loopCondition="true"),
            "loopOver",
            "loopOver field is required for taskType: DO_WHILE taskName: n",
        ),
        (
            step("SUB_WORKFLOW"),
            "subWorkflowParam",
            "subWorkflowParam field is required for taskType: SUB_WORKFLOW taskName: n",
        ),
        (
            step("JSON_JQ_TRANSFORM"),
            "inputParameters.queryExpression",
            "inputParameters.queryExpression field is required"
            " for taskType: JSON_JQ_TRANSFORM taskName: n",
        ),
        (
            step("KAFKA_PUBLISH"),
            "inputParameters.kafka_request",
            "inputParameters.kafka_request field is required"
            " for taskType: KAFKA_PUBLISH taskName: n",
        ),
        (
            step("TERMINATE", optional=True, inputParameters={"terminationStatus": "FAILED"}),
            "optional",
            "terminate task cannot be optional, taskName: n",
        ),
        *(
            (
                step("TERMINATE", inputParameters=inputs),
                "inputParameters.terminationStatus",
                "terminate task must have an terminationStatus parameter and must be set to"
                " COMPLETED or FAILED, taskName: n",
            )
            for inputs in (
                {},
                {"terminationStatus": "PAUSED"},
                {"terminationStatus": "${r.status}"},
                None,
            )
        ),
        (
            step("WAIT", inputParameters={"duration": "1 s", "until": "2030-01-01"}),
            "inputParameters",
            "Both 'duration' and 'until' specified. Please provide only one input",
        ),
        (
            step("WAIT", inputParameters={"duration": 5}),
            "inputParameters.duration",
            "Either date or duration is passed as null ",
        ),
        (
            step("WAIT", inputParameters={"until": "tomorrow"}),
            "inputParameters.until",
            "Unable to parse date ",
        ),
    ],
)
def test_rule_of_a_task_type_is_told_in_conductors_words(
    task: dict[str, Any], path: str, message: str
) -> None:
    assert [(p.path, p.message, p.wire_path) for p in problems(task)] == [
        (f"tasks[0].{path}", message, "tasks[0]")
    ]


@pytest.mark.parametrize(
    "task",
    [
        step("DECISION", caseExpression="$.a == 1 ? 'x' : 'y'", decisionCases=CASES),
        step("SWITCH", evaluatorType="value-param", expression="p", decisionCases={"a": []}),
        step("SWITCH", evaluatorType="graaljs", expression="if (", decisionCases=CASES),
        step("FORK_JOIN", forkTasks=[[]]),
        step("FORK_JOIN_DYNAMIC", inputParameters={"forkTaskInputs": []}),
        step("FORK_JOIN_DYNAMIC", dynamicForkJoinTasksParam="j"),
        step("FORK_JOIN_DYNAMIC", dynamicForkTasksParam="t", dynamicForkTasksInputParamName="i"),
        step("HTTP", inputParameters={"uri": "http://x"}),
        step("HTTP", inputParameters={"method": "GET"}),
        step("HTTP", taskDefinition={"name": "n", "inputTemplate": {"http_request": {}}}),
        step("DO_WHILE", loopCondition="true", loopOver=[step("EVENT", taskReferenceName="x")]),
        step("TERMINATE", inputParameters={"terminationStatus": "TERMINATED"}),
        step("WAIT"),
        step("WAIT", inputParameters=None),
        step("WAIT", inputParameters={"duration": "${workflow.input.x}"}),
        step("WAIT", inputParameters={"duration": "  "}),
        step("HUMAN"),
        step("NO_SUCH_TYPE"),
        step("JOIN", joinOn=["nobody"]),
        step(inputParameters={"x": "${r.output.x}", "y": "$${nobody.x}", "z": "{nobody}"}),
        step(inputParameters={"x": "${CPEWF_TASK_ID}", "y": "${r.output.${workflow.input.k}}"}),
        step(inputParameters={"x": "${workflow.input.trailing }"}),
        step(taskDefinition={"name": "", "retryCount": -1}),
        step(
            "SUB_WORKFLOW",
            subWorkflowParam={"workflowDefinition": {"name": "", "tasks": [], "schemaVersion": 1}},
        ),
    ],
)
def test_what_conductor_accepts_is_accepted(task: dict[str, Any]) -> None:
    assert problems(task) == []


@pytest.mark.parametrize(
    ("type", "key"),
    [
        ("HTTP", "http_request"),
        ("KAFKA_PUBLISH", "kafka_request"),
        ("JSON_JQ_TRANSFORM", "queryExpression"),
    ],
)
def test_required_input_may_come_from_the_registered_task_definition(type: str, key: str) -> None:
    template = TaskDef(name="n", input_template={key: None})
    assert problems(step(type), task_defs={"n": template}) == []


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        (
            {},
            [
                ("name", "WorkflowDef name cannot be null or empty", None),
                ("tasks", "WorkflowTask list cannot be empty", None),
            ],
        ),
        (
            {"name": "", "tasks": [step()]},
            [("name", "WorkflowDef name cannot be null or empty", "")],
        ),
        (
            {"name": "w", "tasks": [step()], "schemaVersion": 3, "timeoutPolicy": None},
            [("schemaVersion", "workflowDef schemaVersion: 2 is only supported", "3")],
        ),
        (
            {"name": "w", "tasks": [{"startDelay": -1, "name": ""}]},
            [
                ("tasks[0].name", "WorkflowTask name cannot be empty or null", ""),
                (
                    "tasks[0].taskReferenceName",
                    "WorkflowTask taskReferenceName name cannot be empty or null",
                    None,
                ),
                ("tasks[0].startDelay", "must be greater than or equal to 0", "-1"),
            ],
        ),
    ],
)
def test_fields_of_the_definition_are_checked(
    wire: dict[str, Any], expected: list[tuple[str, str, str | None]]
) -> None:
    found = workflow_def_problems(WorkflowDef.from_wire(wire), lambda name: None)
    assert [(p.path, p.message, p.invalid_value) for p in found] == expected


def test_reference_used_twice_names_the_second_place_and_the_first() -> None:
    fork = step("FORK_JOIN", taskReferenceName="f", forkTasks=[[step()], [step()]])
    [problem] = problems(fork)
    assert problem == Problem(
        "tasks[0].forkTasks[1][0].taskReferenceName",
        "taskReferenceName: r should be unique across tasks for a given workflowDefinition: w",
        "The name is taken by tasks[0].forkTasks[0][0]; choose another.",
        wire_path="",
    )


def test_unknown_reference_suggests_the_nearest_known_one() -> None:
    inputs = {"body": {"list": [1, ["is ${fetch_oder.output.x}!"]]}}
    [problem] = problems(step(taskReferenceName="fetch_order"), step(inputParameters=inputs))
    assert problem == Problem(
        "tasks[1].inputParameters.body.list[1][0]",
        "taskReferenceName: fetch_oder for given task: n input value: list of input parameter:"
        " is ${fetch_oder.output.x}! is not defined in workflow definition.",
        "Did you mean 'fetch_order'?",
        wire_path="",
    )


def test_expressions_of_nested_steps_are_not_checked() -> None:
    nested = step(taskReferenceName="x", inputParameters={"x": "${nobody.output.x}"})
    assert problems(step("FORK_JOIN", forkTasks=[[nested]])) == []


@pytest.mark.parametrize(
    "path",
    [
        "",
        " ",
        " r.output.x",
        "r.output...x",
        "r.output.",
        "r.output.a b",
        "r.output[name]",
        "r.output['name'",
        "r.output[]",
        "r.output[1,]",
        "r.output[?(]",
        "r.output[?()]",
        "r.output.length(",
        "$x",
    ],
)
def test_path_that_cannot_be_parsed_is_refused(path: str) -> None:
    [problem] = problems(step(inputParameters={"k": f"${{{path}}}"}))
    assert problem.message == f"key: k input parameter value: {path} is not valid"
    assert problem.suggestion.startswith("Correct the path: ")


@pytest.mark.parametrize(
    "path",
    [
        "r.output.x ",
        "r.output..x",
        "r.output[0]",
        "r.output[-1].x",
        "r.output[0, 2]",
        "r.output[1:]",
        "r.output[:-1]",
        "r.output[*].x",
        "r.output.*",
        "r.output['a b', 'c']",
        'r.output["a.b"]',
        "r.output[?(@.price < 10 && (@.name == ')' || @.x =~ /a\\/b(/))].name",
        "r.output.length()",
        "r.output.x-y_z",
        "workflow.input.größe",
    ],
)
def test_path_in_the_servers_dialect_is_accepted(path: str) -> None:
    assert problems(step(inputParameters={"k": f"${{{path}}}"})) == []


def test_switch_script_that_cannot_be_parsed_is_refused_with_its_place() -> None:
    task = step("SWITCH", evaluatorType="javascript", expression="if ( {", decisionCases=CASES)
    [problem] = problems(task)
    assert problem.path == "tasks[0].expression"
    assert problem.message.startswith("Expression is not well formatted: SyntaxError")
    assert problem.message.endswith(", taskType: SWITCH taskName n")


def test_problem_inside_a_case_is_named_by_its_path() -> None:
    task = step(
        "SWITCH",
        evaluatorType="value-param",
        expression="p",
        decisionCases={"yes": [step("EVENT", taskReferenceName="e")]},
    )
    [problem] = problems(task)
    assert problem.path == "tasks[0].decisionCases.yes[0].sink"


def test_misspelt_key_is_suggested_where_a_field_is_missing() -> None:
    [problem] = problems(step("DYNAMIC", dynamicTaskNameParm="x"))
    assert (
        problem.suggestion
        == "Did you mean 'dynamicTaskNameParam' where 'dynamicTaskNameParm' stands?"
    )
    [problem] = problems(step("JSON_JQ_TRANSFORM", inputParameters={"query_expression": "."}))
    assert problem.suggestion == "Is 'query_expression' meant?"


def test_hints_name_probable_typing_errors_that_refuse_nothing() -> None:
    definition = WorkflowDef.from_wire(
        {
            "name": "w",
            "outputParameter": {},
            "tasks": [
                step(inputParameter={}, label="kept in silence"),
                step("JOIN", taskReferenceName="j", joinOn=["r", "rr_"]),
            ],
        }
    )
    assert workflow_def_problems(definition, lambda name: None) == []
    assert [(hint.path, hint.suggestion) for hint in definition_hints(definition)] == [
        ("outputParameter", "Did you mean 'outputParameters'?"),
        ("tasks[0].inputParameter", "Did you mean 'inputParameters'?"),
        ("tasks[1].joinOn[1]", ""),
    ]


def test_hints_name_types_and_expressions_that_resemble_known_ones() -> None:
    given = {"a": ["${rr.output.x} and ${r.output.y}"], "b": "$${rr.output}", "c": "${elsewhere.x}"}
    definition = WorkflowDef.from_wire(
        {
            "name": "w",
            "tasks": [
                step("Simple", inputParameters=given),
                step("own_type", taskReferenceName="rrr"),
            ],
            "outputParameters": {"deep": {"odd key": "${worklow.input.x}"}},
        }
    )
    assert [(hint.path, hint.suggestion) for hint in definition_hints(definition, ["SIMPLE"])] == [
        ("tasks[0].type", "Did you mean 'SIMPLE'?"),
        ("tasks[0].inputParameters.a[0]", "Did you mean 'rrr'?"),
        ("outputParameters.deep['odd key']", "Did you mean 'workflow'?"),
    ]


def test_refusal_carries_conductors_message_and_wire_errors() -> None:
    definition = WorkflowDef.from_wire({"name": "w", "tasks": [step("EVENT"), step(startDelay=-1)]})
    with pytest.raises(InvalidDefinitionError) as refusal:
        validate_workflow_def(definition, lambda name: None)
    assert refusal.value.args[0] == VALIDATION_FAILED
    assert validation_errors(refusal.value, "registerWorkflowDef.arg0") == [
        {
            "path": "registerWorkflowDef.arg0",
            "message": "taskReferenceName: r should be unique across tasks"
            " for a given workflowDefinition: w",
        },
        {
            "path": "registerWorkflowDef.arg0.tasks[0]",
            "message": "sink field is required for taskType: EVENT taskName: n",
        },
        {
            "path": "registerWorkflowDef.arg0.tasks[1].startDelay",
            "message": "must be greater than or equal to 0",
            "invalidValue": "-1",
        },
    ]


def test_one_bad_definition_refuses_the_whole_list() -> None:
    good = WorkflowDef.from_wire({"name": "w", "tasks": [step()]})
    bad = WorkflowDef.from_wire({"name": "w", "tasks": [step("EVENT")]})
    with pytest.raises(InvalidDefinitionError) as refusal:
        validate_workflow_defs([good, bad], lambda name: None)
    [error] = validation_errors(refusal.value, "updateWorkflowDef.arg0")
    assert error["path"] == "updateWorkflowDef.arg0[1].tasks[0]"
    validate_workflow_defs([good], lambda name: None)
    with pytest.raises(InvalidDefinitionError) as refusal:
        validate_workflow_defs([], lambda name: None)
    assert refusal.value.problems == (Problem("", "WorkflowDefList is empty"),)


@pytest.mark.parametrize(
    ("wire", "path", "message", "invalid"),
    [
        ({}, "name", "TaskDef name cannot be null or empty", None),
        ({"retryCount": -1}, "retryCount", "TaskDef retryCount: 0 must be >= 0", "-1"),
        (
            {"maxRetryDelaySeconds": -1},
            "maxRetryDelaySeconds",
            "TaskDef maxRetryDelaySeconds: 0 must be >= 0",
            "-1",
        ),
        (
            {"pollTimeoutSeconds": -2},
            "pollTimeoutSeconds",
            "TaskDef pollTimeoutSeconds: 0 must be >= 0",
            "-2",
        ),
        (
            {"responseTimeoutSeconds": 0},
            "responseTimeoutSeconds",
            "TaskDef responseTimeoutSeconds: 0 should be minimum 1 second",
            "0",
        ),
        (
            {"backoffScaleFactor": 0},
            "backoffScaleFactor",
            "Backoff scale factor. Applicable for LINEAR_BACKOFF",
            "0",
        ),
        (
            {"timeoutSeconds": 10, "responseTimeoutSeconds": 20},
            "responseTimeoutSeconds",
            "TaskDef: t responseTimeoutSeconds: 20 must be less than timeoutSeconds: 10",
            None,
        ),
        (
            {"timeoutSeconds": 30, "totalTimeoutSeconds": 20, "responseTimeoutSeconds": 1},
            "timeoutSeconds",
            "TaskDef: t timeoutSeconds: 30 must be less than or equal to totalTimeoutSeconds: 20",
            None,
        ),
    ],
)
def test_rules_of_task_definitions(
    wire: dict[str, Any], path: str, message: str, invalid: str | None
) -> None:
    name = {"name": "t"} if wire else {}
    [problem] = task_def_problems(TaskDef.from_wire({**name, **wire}))
    assert (problem.path, problem.message, problem.invalid_value) == (path, message, invalid)


@pytest.mark.parametrize(
    "wire",
    [
        {"concurrentExecLimit": -1},
        {"timeoutSeconds": 10, "responseTimeoutSeconds": 10},
        {"timeoutSeconds": 20, "totalTimeoutSeconds": 20, "responseTimeoutSeconds": 1},
        {"timeoutSeconds": -1},
        {"pollTimeoutSeconds": None},
    ],
)
def test_task_definitions_at_the_limits_are_accepted(wire: dict[str, Any]) -> None:
    validate_task_def(TaskDef.from_wire({"name": "t", **wire}))


def test_one_bad_task_definition_refuses_the_whole_list() -> None:
    with pytest.raises(InvalidDefinitionError) as refusal:
        validate_task_defs([TaskDef(name="a"), TaskDef(name="b", retry_count=-1)])
    assert [problem.path for problem in refusal.value.problems] == ["[1].retryCount"]
    with pytest.raises(InvalidDefinitionError) as refusal:
        validate_task_defs([])
    assert refusal.value.problems == (Problem("", "TaskDefList is empty"),)


def test_rules_of_an_installation_are_off_unless_asked_for() -> None:
    definition = WorkflowDef.from_wire({"name": "a/b", "tasks": [step()]})
    assert workflow_def_problems(definition, lambda name: None) == []
    strict = NamingRules(owner_email_mandatory=True, name_validation=True)
    found = workflow_def_problems(definition, lambda name: None, naming=strict)
    assert [problem.path for problem in found] == ["name", "ownerEmail"]
    assert task_def_problems(TaskDef(name="t"), naming=strict)[0].message == (
        "ownerEmail cannot be empty"
    )


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("5s", True),
        ("2 days 3 hours 4 minutes 5 seconds", True),
        ("1D 2HRS 3Min", True),
        ("1h30m", True),
        ("5", False),
        ("5s 1h", False),
        ("", False),
        ("soon", False),
    ],
)
def test_durations(text: str, valid: bool) -> None:
    assert is_duration(text) is valid


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("2030-01-01", True),
        ("2030-01-01 10:30", True),
        ("2030-01-01 10:30 GMT+01:00", True),
        ("2030-01-01 10:30 Europe/Berlin", True),
        ("2030-01-01 10:30 +0100", True),
        ("2030-02-30", False),
        ("2030-01-01 10:30:00", False),
        ("2030-01-01T10:30", False),
        ("tomorrow", False),
    ],
)
def test_moments(text: str, valid: bool) -> None:
    assert is_moment(text) is valid
