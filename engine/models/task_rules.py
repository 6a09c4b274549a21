"""Rules about single steps of a definition, one function for each task type that has any.

The texts are Conductor's: its clients show them and its tests compare them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

from ..errors import Problem
from .definitions import TaskDef, WorkflowTask
from .problems import did_you_mean, found, nested

TaskDefOf = Callable[[str], TaskDef | None]
"""Looks a registered task definition up by name."""
CheckJavaScript = Callable[[str], str | None]
"""Returns why a script can't be parsed, or None."""

TERMINATION_STATUSES: Final = ("COMPLETED", "FAILED", "TERMINATED")

_DURATION = re.compile(
    r"\s*(?:[0-9]+\s*(?:d|days?))?\s*(?:[0-9]+\s*(?:h|hrs?|hours?))?"
    r"\s*(?:[0-9]+\s*(?:m|mins?|minutes?))?\s*(?:[0-9]+\s*(?:s|secs?|seconds?))?\s*",
    re.IGNORECASE,
)
_UNTIL = re.compile(
    r"(?P<year>[0-9]{1,4})-(?P<month>[0-9]{1,2})-(?P<day>[0-9]{1,2})"
    r"(?: (?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{1,2})"
    r"(?: (?:[A-Za-z][A-Za-z0-9_/ +:\-]*|[+-][0-9]{2}:?[0-9]{2}))?)?"
)


class Registry(NamedTuple):
    """What the rules ask from outside the definition."""

    task_def_of: TaskDefOf
    check_javascript: CheckJavaScript | None = None


def task_problems(task: WorkflowTask, path: str, registry: Registry) -> list[Problem]:
    """Return what is wrong with one step itself, not with the steps nested in it."""
    problems = list(_field_problems(task))
    rule = _RULES.get(task.type)
    if rule is not None:
        problems += [problem._replace(wire_path="") for problem in rule(task, registry)]
    return nested(path, problems)


def _field_problems(task: WorkflowTask) -> Iterator[Problem]:
    if not task.name:
        yield Problem(
            "name",
            "WorkflowTask name cannot be empty or null",
            _nearest_key(task, "name"),
            "" if task.is_given("name") else None,
        )
    if not task.task_reference_name:
        yield Problem(
            "taskReferenceName",
            "WorkflowTask taskReferenceName name cannot be empty or null",
            _nearest_key(task, "taskReferenceName"),
            "" if task.is_given("task_reference_name") else None,
        )
    if task.start_delay < 0:
        message = "must be greater than or equal to 0"
        yield Problem("startDelay", message, invalid_value=str(task.start_delay))


def _shown(task: WorkflowTask) -> str:
    return task.name or "null"


def _nearest_key(task: WorkflowTask, field: str) -> str:
    """A hint at an unknown key of the step that may have been meant to be ``field``."""
    for key in task.unknown_keys:
        if did_you_mean(key, [field]):
            return f"Did you mean '{field}' where '{key}' stands?"
    return ""


def _required(task: WorkflowTask, path: str, field: str = "") -> Problem:
    message = (
        f"{field or path} field is required for taskType: {task.type} taskName: {_shown(task)}"
    )
    return Problem(path, message, _nearest_key(task, path))


def _at_least_one(task: WorkflowTask, field: str) -> Problem:
    message = (
        f"{field} should have atleast one task for taskType: {task.type} taskName: {_shown(task)}"
    )
    return Problem(field, message, _nearest_key(task, field))


def _event(task: WorkflowTask, registry: Registry) -> Iterator[Problem]:
    if task.sink is None:
        yield _required(task, "sink")


def _cases(task: WorkflowTask) -> Iterator[Problem]:
    if not task.is_given("decision_cases"):
        yield _required(task, "decisionCases")
    elif not task.decision_cases:
        yield _at_least_one(task, "decisionCases")


def _script(task: WorkflowTask, field: str, source: str, registry: Registry) -> Iterator[Problem]:
    if registry.check_javascript is None:
        return
    error = registry.check_javascript(source)
    if error is not None:
        message = (
            f"Expression is not well formatted: {error},"
            f" taskType: {task.type} taskName {_shown(task)}"
        )
        yield Problem(field, message, "Correct the JavaScript of the expression.")


def _decision(task: WorkflowTask, registry: Registry) -> Iterator[Problem]:
    if task.case_value_param is None and task.case_expression is None:
        yield _required(task, "caseValueParam", "caseValueParam or caseExpression")
    yield from _cases(task)
    if task.case_expression is not None:
        yield from _script(task, "caseExpression", task.case_expression, registry)


def _switch(task: WorkflowTask, registry: Registry) -> Iterator[Problem]:
    if task.evaluator_type is None:
        yield _required(task, "evaluatorType")
    elif task.expression is None:
        yield _required(task, "expression")
    yield from _cases(task)
    if task.evaluator_type == "javascript" and task.expression is not None:
        yield from _script(task, "expression", task.expression, registry)


def _dynamic(task: WorkflowTask, registry: Registry) -> Iterator[Problem]:
    if task.dynamic_task_name_param is None:
        yield _required(task, "dynamicTaskNameParam")


def _fork(task: WorkflowTask, registry: Registry) -> Iterator[Problem]:
    if not task.fork_tasks:
        yield _at_least_one(task, "forkTasks")


def _dynamic_fork(task: WorkflowTask, registry: Registry) -> Iterator[Problem]:
    if "forkTaskInputs" in task.input_parameters:
        return
    tasks, inputs = task.dynamic_fork_tasks_param, task.dynamic_fork_tasks_input_param_name
    if task.dynamic_fork_join_tasks_param is not None:
        if tasks is not None or inputs is not None:
            message = (
                "dynamicForkJoinTasksParam or combination of dynamicForkTasksInputParamName and"
                " dynamicForkTasksParam cam be used for"
                f" taskType: FORK_JOIN_DYNAMIC taskName: {_shown(task)}"
            )
            yield Problem("dynamicForkJoinTasksParam", message, "Leave one of the two ways out.")
        return
    if tasks is None:
        yield _required(task, "dynamicForkTasksParam")
    if inputs is None:
        yield _required(task, "dynamicForkTasksInputParamName")


def _loop(task: WorkflowTask, registry: Registry) -> Iterator[Problem]:
    if task.loop_condition is None:
        yield _required(task, "loopCondition")
    if not task.loop_over:
        yield _required(task, "loopOver")


def _sub_workflow(task: WorkflowTask, registry: Registry) -> Iterator[Problem]:
    if task.sub_workflow_param is None:
        yield _required(task, "subWorkflowParam")


def _input_or_template(task: WorkflowTask, key: str, registry: Registry) -> bool:
    if key in task.input_parameters:
        return True
    definition = task.task_definition or (registry.task_def_of(task.name) if task.name else None)
    return definition is not None and key in definition.input_template


def _required_input(task: WorkflowTask, key: str, field: str = "") -> Problem:
    problem = _required(task, f"inputParameters.{key}", field)
    hint = next((k for k in task.input_parameters if did_you_mean(k, [key])), None)
    return problem if hint is None else problem._replace(suggestion=f"Is '{hint}' meant?")


def _http(task: WorkflowTask, registry: Registry) -> Iterator[Problem]:
    inputs = task.input_parameters
    if "uri" in inputs or "method" in inputs or _input_or_template(task, "http_request", registry):
        return
    field = "inputParameters.http_request or inputParameters.uri"
    yield _required_input(task, "http_request", field)


def _kafka(task: WorkflowTask, registry: Registry) -> Iterator[Problem]:
    if not _input_or_template(task, "kafka_request", registry):
        yield _required_input(task, "kafka_request")


def _jq(task: WorkflowTask, registry: Registry) -> Iterator[Problem]:
    if not _input_or_template(task, "queryExpression", registry):
        yield _required_input(task, "queryExpression")


def _terminate(task: WorkflowTask, registry: Registry) -> Iterator[Problem]:
    if task.optional:
        yield Problem(
            "optional",
            f"terminate task cannot be optional, taskName: {_shown(task)}",
            "Remove 'optional'.",
        )
    status = task.input_parameters.get("terminationStatus")
    if status not in TERMINATION_STATUSES:
        message = (
            "terminate task must have an terminationStatus parameter and must be set to"
            f" COMPLETED or FAILED, taskName: {_shown(task)}"
        )
        hint = did_you_mean(str(status).upper(), TERMINATION_STATUSES)
        yield Problem(
            "inputParameters.terminationStatus", message, hint or f"It is {found(status)}."
        )


def _wait(task: WorkflowTask, registry: Registry) -> Iterator[Problem]:
    duration = _literal(task.input_parameters.get("duration"))
    until = _literal(task.input_parameters.get("until"))
    if duration and until:
        message = "Both 'duration' and 'until' specified. Please provide only one input"
        yield Problem("inputParameters", message, "Remove one of the two.")
    if duration:
        if not duration.startswith("${") and not is_duration(duration):
            # The text is about dates although a duration is at fault: Conductor's slip.
            message = "Either date or duration is passed as null "
            hint = "Write a duration like '2 days 3 hours 4 minutes 5 seconds'."
            yield Problem("inputParameters.duration", message, hint)
    elif until and not until.startswith("${") and not is_moment(until):
        hint = "Write a moment as 'yyyy-MM-dd', 'yyyy-MM-dd HH:mm' or 'yyyy-MM-dd HH:mm z'."
        yield Problem("inputParameters.until", "Unable to parse date ", hint)


def _literal(value: Any) -> str:
    text = "" if value is None else str(value)
    return text if text.strip() else ""


def is_duration(text: str) -> bool:
    """Whether a text is a duration of WAIT: days, hours, minutes, seconds, in that order."""
    return bool(text.strip()) and _DURATION.fullmatch(text) is not None


def is_moment(text: str) -> bool:
    """Whether a text is a moment of WAIT: a date, with or without time and zone."""
    match = _UNTIL.fullmatch(text)
    if match is None:
        return False
    try:
        datetime(*(int(part) for part in match.groups(default="0")))  # type: ignore[arg-type]  # noqa: DTZ001  # only asked whether it exists
    except ValueError:
        return False
    return True


_RULES: Final[dict[str, Callable[[WorkflowTask, Registry], Iterator[Problem]]]] = {
    "DECISION": _decision,
    "DO_WHILE": _loop,
    "DYNAMIC": _dynamic,
    "EVENT": _event,
    "FORK_JOIN": _fork,
    "FORK_JOIN_DYNAMIC": _dynamic_fork,
    "HTTP": _http,
    "JSON_JQ_TRANSFORM": _jq,
    "KAFKA_PUBLISH": _kafka,
    "SUB_WORKFLOW": _sub_workflow,
    "SWITCH": _switch,
    "TERMINATE": _terminate,
    "WAIT": _wait,
}
