"""Whether a definition may be registered: Conductor's rules in Conductor's words.

Accepted on purpose, because Conductor does: a FORK_JOIN without a JOIN, unknown task types,
task names, sub-workflows, joinOn references and failure workflows. Steps inside a DO_WHILE
body and inside inlined sub-workflow definitions are not checked one by one, and expressions
only in the inputs of top-level steps.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Final, NamedTuple

from ..errors import InvalidDefinitionError, Problem
from .definitions import TaskDef, WorkflowDef, WorkflowTask
from .input_rules import Place, input_problems
from .problems import VALIDATION_FAILED, child, nested
from .task_rules import CheckJavaScript, Registry, TaskDefOf, task_problems

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_<>{}#\s-]+")


class NamingRules(NamedTuple):
    """Rules that an installation may switch on; off as in the shipped server."""

    owner_email_mandatory: bool = False
    name_validation: bool = False


DEFAULT_NAMING: Final = NamingRules()


def validate_workflow_def(
    definition: WorkflowDef,
    task_def_of: TaskDefOf,
    *,
    check_javascript: CheckJavaScript | None = None,
    naming: NamingRules = DEFAULT_NAMING,
) -> None:
    """Accept a workflow definition silently or refuse it with every reason at once.

    Args:
        definition: What is to be registered or started.
        task_def_of: Registered task definitions; some required inputs may come from their
            ``inputTemplate``.
        check_javascript: Syntax check for the scripts of SWITCH and DECISION; None skips it.
        naming: Optional rules of the installation.

    Raises:
        InvalidDefinitionError: With Conductor's message and the ``problems`` found.
    """
    problems = workflow_def_problems(
        definition, task_def_of, check_javascript=check_javascript, naming=naming
    )
    if problems:
        raise InvalidDefinitionError(VALIDATION_FAILED, problems)


def workflow_def_problems(
    definition: WorkflowDef,
    task_def_of: TaskDefOf,
    *,
    check_javascript: CheckJavaScript | None = None,
    naming: NamingRules = DEFAULT_NAMING,
) -> list[Problem]:
    """Return why a workflow definition is refused: about itself first, then step by step."""
    registry = Registry(task_def_of, check_javascript)
    problems = list(_field_problems(definition, naming))
    problems += _duplicate_problems(definition)
    problems += _expression_problems(definition)
    for path, task in _checked_tasks(definition.tasks, "tasks"):
        problems += task_problems(task, path, registry)
    return problems


def validate_workflow_defs(
    definitions: Sequence[WorkflowDef],
    task_def_of: TaskDefOf,
    *,
    check_javascript: CheckJavaScript | None = None,
    naming: NamingRules = DEFAULT_NAMING,
) -> None:
    """Accept a list of workflow definitions or refuse it as a whole; paths begin with ``[n]``.

    Raises:
        InvalidDefinitionError: One of them is refused, or there is none.
    """
    found = [
        workflow_def_problems(
            definition, task_def_of, check_javascript=check_javascript, naming=naming
        )
        for definition in definitions
    ]
    _refuse_list(found, "WorkflowDefList is empty")


def validate_task_defs(
    definitions: Sequence[TaskDef], *, naming: NamingRules = DEFAULT_NAMING
) -> None:
    """Accept a list of task definitions or refuse it as a whole; paths begin with ``[n]``.

    Raises:
        InvalidDefinitionError: One of them is refused, or there is none.
    """
    found = [task_def_problems(definition, naming=naming) for definition in definitions]
    _refuse_list(found, "TaskDefList is empty")


def _refuse_list(found: list[list[Problem]], when_empty: str) -> None:
    if not found:
        raise InvalidDefinitionError(VALIDATION_FAILED, [Problem("", when_empty)])
    problems = [
        problem for index, item in enumerate(found) for problem in nested(f"[{index}]", item)
    ]
    if problems:
        raise InvalidDefinitionError(VALIDATION_FAILED, problems)


def validate_task_def(definition: TaskDef, *, naming: NamingRules = DEFAULT_NAMING) -> None:
    """Accept a task definition silently or refuse it with every reason at once.

    Raises:
        InvalidDefinitionError: With Conductor's message and the ``problems`` found.
    """
    problems = task_def_problems(definition, naming=naming)
    if problems:
        raise InvalidDefinitionError(VALIDATION_FAILED, problems)


def task_def_problems(
    definition: TaskDef, *, naming: NamingRules = DEFAULT_NAMING
) -> list[Problem]:
    """Return why a task definition is refused, in the order of its fields."""
    return [*_task_def_fields(definition, naming), *_task_def_times(definition)]


def _field_problems(definition: WorkflowDef, naming: NamingRules) -> Iterator[Problem]:
    if not definition.name:
        given = "" if definition.is_given("name") else None
        yield Problem("name", "WorkflowDef name cannot be null or empty", invalid_value=given)
    elif naming.name_validation and not _PLAIN_NAME.fullmatch(definition.name):
        message = (
            f"Invalid name '{definition.name}'. Allowed characters are alphanumeric, underscores,"
            " spaces, hyphens, and special characters like <, >, {, }, #"
        )
        yield Problem("name", message, invalid_value=definition.name)
    if not definition.tasks:
        yield Problem("tasks", "WorkflowTask list cannot be empty", "Add at least one task.")
    if definition.schema_version != 2:
        version = str(definition.schema_version)
        message = "workflowDef schemaVersion: 2 is only supported"
        yield Problem("schemaVersion", message, "Write 2 or leave it out.", version)
    yield from _owner_problems(definition, naming)


def _owner_problems(definition: WorkflowDef | TaskDef, naming: NamingRules) -> Iterator[Problem]:
    if naming.owner_email_mandatory and not (definition.owner_email or "").strip():
        yield Problem("ownerEmail", "ownerEmail cannot be empty")


def _checked_tasks(tasks: list[WorkflowTask], path: str) -> Iterator[tuple[str, WorkflowTask]]:
    """Yield the steps that are checked one by one, in whatever list of a step they are.

    Conductor goes by the lists, whatever the type of the step that holds them, and leaves the
    body of a loop out.
    """
    for index, task in enumerate(tasks):
        here = f"{path}[{index}]"
        yield here, task
        for case, case_tasks in task.decision_cases.items():
            yield from _checked_tasks(case_tasks, child(f"{here}.decisionCases", case))
        yield from _checked_tasks(task.default_case, f"{here}.defaultCase")
        for number, branch in enumerate(task.fork_tasks):
            yield from _checked_tasks(branch, f"{here}.forkTasks[{number}]")


def _duplicate_problems(definition: WorkflowDef) -> Iterator[Problem]:
    first_use: dict[str, str] = {}
    for path, task in definition.walk():
        reference = task.task_reference_name
        if not reference:
            continue
        if reference in first_use:
            message = (
                f"taskReferenceName: {reference} should be unique across tasks for a given"
                f" workflowDefinition: {definition.name or 'null'}"
            )
            hint = f"The name is taken by {first_use[reference]}; choose another."
            yield Problem(f"{path}.taskReferenceName", message, hint, wire_path="")
        else:
            first_use[reference] = path


def _expression_problems(definition: WorkflowDef) -> Iterator[Problem]:
    references: Collection[str] = {task.task_reference_name for _, task in definition.walk()}
    for index, task in enumerate(definition.tasks):
        place = Place(task.name or "null", references)
        yield from input_problems(task.input_parameters, f"tasks[{index}].inputParameters", place)


def _task_def_fields(definition: TaskDef, naming: NamingRules) -> Iterator[Problem]:
    if not definition.name:
        given = "" if definition.is_given("name") else None
        yield Problem("name", "TaskDef name cannot be null or empty", invalid_value=given)
    minima = (
        ("retryCount", definition.retry_count),
        ("pollTimeoutSeconds", definition.poll_timeout_seconds or 0),
        ("maxRetryDelaySeconds", definition.max_retry_delay_seconds),
        ("backoffJitterMs", definition.backoff_jitter_ms),
        ("totalTimeoutSeconds", definition.total_timeout_seconds),
    )
    for key, value in minima:
        if value < 0:
            yield Problem(key, f"TaskDef {key}: 0 must be >= 0", invalid_value=str(value))
    if definition.response_timeout_seconds < 1:
        value = definition.response_timeout_seconds
        message = f"TaskDef responseTimeoutSeconds: {value} should be minimum 1 second"
        yield Problem("responseTimeoutSeconds", message, invalid_value=str(value))
    if definition.backoff_scale_factor < 1:
        message = "Backoff scale factor. Applicable for LINEAR_BACKOFF"
        value = definition.backoff_scale_factor
        yield Problem("backoffScaleFactor", message, "Write 1 or more.", str(value))
    yield from _owner_problems(definition, naming)


def _task_def_times(definition: TaskDef) -> Iterator[Problem]:
    timeout = definition.timeout_seconds
    response = definition.response_timeout_seconds
    total = definition.total_timeout_seconds
    name = definition.name or "null"
    if 0 < timeout < response:
        message = (
            f"TaskDef: {name} responseTimeoutSeconds: {response}"
            f" must be less than timeoutSeconds: {timeout}"
        )
        yield Problem("responseTimeoutSeconds", message, wire_path="")
    if 0 < total < timeout:
        message = (
            f"TaskDef: {name} timeoutSeconds: {timeout}"
            f" must be less than or equal to totalTimeoutSeconds: {total}"
        )
        yield Problem("timeoutSeconds", message, wire_path="")
