"""How large things may be: every limit of size in one place, and what is said about one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from ..errors import InvalidRequestError, TooLargeError
from ..models.codec import dumps

_KILOBYTE: Final = 1024


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """Most that is accepted; bytes are those of compact JSON in UTF-8."""

    definition_bytes: int = 1024 * _KILOBYTE
    """One workflow definition as it was sent."""
    definition_tasks: int = 10_000
    """Workflow tasks of one definition, nested ones included."""
    workflow_input_bytes: int = 10240 * _KILOBYTE
    """Input of a start."""
    workflow_output_bytes: int = 10240 * _KILOBYTE
    """Output of an execution; more fails it."""
    task_input_bytes: int = 10240 * _KILOBYTE
    """Input of one task attempt; more fails it for good."""
    task_output_bytes: int = 10240 * _KILOBYTE
    """Output of one task attempt; more fails it for good."""
    workflow_threshold_bytes: int = 5120 * _KILOBYTE
    """Inputs and outputs of executions above this are kept outside the history."""
    task_threshold_bytes: int = 3072 * _KILOBYTE
    """Inputs and outputs of tasks, and results of scripts, likewise."""
    message_bytes: int = 1024 * _KILOBYTE
    """One message for an execution's message queue."""
    variables_kilobytes: int = 256
    """All variables of an execution together."""
    nesting: int = 500
    """Tasks inside one another: branches, loops and sub-workflows of sub-workflows."""
    unattended_events: int = 250_000
    """Events one after the other without a worker, a person or a second's rest in between."""


SIZE_LIMITS: Final = SizeLimits()


def check_definition(
    name: str, body: Any, tasks: Iterable[object], limits: SizeLimits = SIZE_LIMITS
) -> None:
    """Accept a definition's size silently.

    Args:
        name: Of the definition, for the message.
        body: The definition as it was sent.
        tasks: Its workflow tasks, nested ones included.
        limits: What is allowed.

    Raises:
        TooLargeError: Too many bytes or tasks; says how many, and the limit.
    """
    size = len(dumps(body))
    if size > limits.definition_bytes:
        raise TooLargeError(
            f"The workflow definition '{name}' has {size} bytes; "
            f"the limit is {limits.definition_bytes}."
        )
    count = sum(1 for _ in tasks)
    if count > limits.definition_tasks:
        raise TooLargeError(
            f"The workflow definition '{name}' has {count} tasks; "
            f"the limit is {limits.definition_tasks}."
        )


def check_workflow_input(name: str, given: Any, limits: SizeLimits = SIZE_LIMITS) -> None:
    """Accept the size of a start's input silently.

    Raises:
        InvalidRequestError: Too many bytes; says how many, and the limit.
    """
    size = len(dumps(given))
    if size > limits.workflow_input_bytes:
        raise InvalidRequestError(
            f"The input of workflow '{name}' has {size} bytes; "
            f"the limit is {limits.workflow_input_bytes}."
        )


def input_refusal(
    workflow_id: str, task_id: str, given: Any, limits: SizeLimits = SIZE_LIMITS
) -> str | None:
    """Why a task's input is too large, in Conductor's words; None: it is not."""
    size = len(dumps(given))
    if size <= limits.task_input_bytes:
        return None
    return _too_large(workflow_id, task_id, size, limits.task_input_bytes)


def workflow_output_refusal(
    workflow_id: str, output: Any, limits: SizeLimits = SIZE_LIMITS
) -> str | None:
    """Why the output of an execution is too large, in Conductor's words; None: it is not."""
    size = len(dumps(output))
    if size <= limits.workflow_output_bytes:
        return None
    return (
        f"The payload size: {size} of workflow: {workflow_id} "
        f"is greater than the permissible limit: {limits.workflow_output_bytes} bytes"
    )


def output_refusal(
    workflow_id: str, task_id: str, output: Any, limits: SizeLimits = SIZE_LIMITS
) -> str | None:
    """Why a task's output is too large, in Conductor's words; None: it is not."""
    size = len(dumps(output))
    if size <= limits.task_output_bytes:
        return None
    return _too_large(workflow_id, task_id, size, limits.task_output_bytes)


def output_too_large(
    workflow_id: str, task_id: str, size: int, limits: SizeLimits = SIZE_LIMITS
) -> str:
    """What is said about a task's output of ``size`` bytes, in Conductor's words."""
    return _too_large(workflow_id, task_id, size, limits.task_output_bytes)


def _too_large(workflow_id: str, task_id: str, size: int, limit: int) -> str:
    return (
        f"The payload size: {size} of task: {task_id} in workflow: {workflow_id}  "
        f"is greater than the permissible limit: {limit} bytes"
    )


def least_size(value: Any, enough: int) -> int:
    """At least how many bytes of JSON a value has; stops counting above ``enough``.

    Far cheaper than the JSON of something large, and other threads get on meanwhile.
    """
    size = 0
    waiting = [value]
    while waiting and size <= enough:
        item = waiting.pop()
        if isinstance(item, str):
            size += len(item) + 2
        elif isinstance(item, dict):
            size += 1
            for key in item:
                if isinstance(key, str):
                    size += len(key) + 4
            waiting += item.values()
        elif isinstance(item, list | tuple):
            size += 1 + len(item)
            waiting += item
        else:
            size += 1
    return size
