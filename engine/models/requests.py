"""What clients and workers send: read, and checked with Conductor's messages.

``from_wire`` only reads; ``validate_request`` also applies the rules. The functions below check
what is no object of its own: lists of ids, and numbers in a query.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final

from pydantic import Field

from ..errors import InvalidRequestError, Problem
from .base import WireModel
from .definitions import IdempotencyStrategy, TaskDef, WorkflowDef
from .execution import TaskLog
from .lenient import (
    Boolean,
    Document,
    Integer,
    ListOf,
    MapOf,
    OptionalInteger,
    OptionalText,
    Text,
    enum_of,
)
from .problems import VALIDATION_FAILED, nested
from .task_rules import CheckJavaScript, TaskDefOf
from .validation import workflow_def_problems

MAX_BULK_IDS: Final = 1000
MAX_SEARCH_SIZE: Final = 5000
MAX_PRIORITY: Final = 99
MAX_REASON_CHARACTERS: Final = 500


class TaskResultStatus(StrEnum):
    """What a worker may report."""

    IN_PROGRESS = "IN_PROGRESS"
    FAILED = "FAILED"
    FAILED_WITH_TERMINAL_ERROR = "FAILED_WITH_TERMINAL_ERROR"
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"


def _none_registered(name: str) -> TaskDef | None:
    return None


def _refuse(problems: Sequence[Problem]) -> None:
    if problems:
        raise InvalidRequestError(VALIDATION_FAILED, problems)


class StartWorkflowRequest(WireModel):
    """Asks for a new execution of a registered or inline definition; version None is the latest."""

    wire_title: ClassVar[str] = "start request"

    name: Text = ""
    version: OptionalInteger = None
    correlation_id: OptionalText = None
    input: Document = Field(default_factory=dict)
    task_to_domain: MapOf[Text] = Field(default_factory=dict)
    workflow_def: WorkflowDef | None = None
    external_input_payload_storage_path: OptionalText = None
    priority: Integer = 0
    created_by: OptionalText = None
    idempotency_key: OptionalText = None
    idempotency_strategy: Annotated[
        IdempotencyStrategy | None, enum_of(IdempotencyStrategy, None)
    ] = None

    def validate_request(
        self,
        task_def_of: TaskDefOf = _none_registered,
        check_javascript: CheckJavaScript | None = None,
    ) -> None:
        """Accept the request silently or refuse it; an inline definition is checked as well.

        Raises:
            InvalidRequestError: With Conductor's message, and ``problems`` unless the message
                says everything.
        """
        problems = []
        if not self.is_given("name"):
            problems.append(Problem("name", "Workflow name cannot be null or empty"))
        problems += priority_problems(self.priority)
        if self.workflow_def is not None:
            inline = workflow_def_problems(
                self.workflow_def, task_def_of, check_javascript=check_javascript
            )
            problems += nested("workflowDef", inline)
        _refuse(problems)
        if not self.name and self.workflow_def is None:
            raise InvalidRequestError(
                "Workflow name must be specified when searching for a definition"
            )
        if not self.is_given("input") and self.external_input_payload_storage_path is None:
            raise InvalidRequestError("NULL input passed when starting workflow")

    def __repr__(self) -> str:
        """``StartWorkflowRequest('order_flow')``."""
        version = "" if self.version is None else f" v{self.version}"
        return f"StartWorkflowRequest({self.name!r}{version})"


class RerunWorkflowRequest(WireModel):
    """Asks an ended execution to go on from one of its tasks, or from the start without one."""

    wire_title: ClassVar[str] = "rerun request"

    re_run_from_workflow_id: OptionalText = None
    workflow_input: dict[str, Any] | None = None
    re_run_from_task_id: OptionalText = None
    task_input: dict[str, Any] | None = None
    correlation_id: OptionalText = None

    def __repr__(self) -> str:
        """``RerunWorkflowRequest(from task …)``, or ``(from the start)``."""
        task = self.re_run_from_task_id
        return f"RerunWorkflowRequest(from {f'task {task}' if task else 'the start'})"


class SkipTaskRequest(WireModel):
    """What the record of a skipped task is to say."""

    wire_title: ClassVar[str] = "skip request"

    task_input: dict[str, Any] | None = None
    task_output: dict[str, Any] | None = None
    task_input_message: Any = None
    task_output_message: Any = None


class TaskResult(WireModel):
    """A worker's report on a task: its status, output and, for a failure, the reason."""

    wire_title: ClassVar[str] = "task result"

    workflow_instance_id: Text = ""
    task_id: Text = ""
    reason_for_incompletion: OptionalText = None
    callback_after_seconds: Integer = 0
    worker_id: OptionalText = None
    status: Annotated[TaskResultStatus | None, enum_of(TaskResultStatus, None)] = None
    output_data: Document = Field(default_factory=dict)
    output_message: Any = None
    logs: ListOf[TaskLog] = Field(default_factory=list)
    external_output_payload_storage_path: OptionalText = None
    sub_workflow_id: OptionalText = None
    extend_lease: Boolean = False
    supports_cancellation: Boolean = False
    execution_metadata: dict[str, Any] | None = None

    def validate_request(self) -> None:
        """Accept the result silently or refuse it with every reason at once.

        Raises:
            InvalidRequestError: An id or the status is missing.
        """
        problems = []
        for key, name, label in (
            ("taskId", "task_id", "Task ID"),
            ("workflowInstanceId", "workflow_instance_id", "Workflow Id"),
        ):
            if not getattr(self, name):
                given = "" if self.is_given(name) else None
                message = f"{label} cannot be null or empty"
                problems.append(Problem(key, message, invalid_value=given))
        if self.status is None and not self.extend_lease:
            allowed = ", ".join(TaskResultStatus)
            problems.append(Problem("status", "Task status cannot be null", f"One of {allowed}."))
        _refuse(problems)

    @property
    def reason(self) -> str | None:
        """The reason as Conductor keeps it: at most 500 characters."""
        text = self.reason_for_incompletion
        return None if text is None else text[:MAX_REASON_CHARACTERS]

    def __repr__(self) -> str:
        """``TaskResult(COMPLETED, task …)``."""
        return f"TaskResult({self.status}, task {self.task_id})"


def priority_problems(priority: int, in_query: bool = False) -> list[Problem]:
    """Return why a priority is refused; Conductor words it otherwise when it is in the query."""
    if 0 <= priority <= MAX_PRIORITY:
        return []
    kind, limit = ("maximum", MAX_PRIORITY) if priority > MAX_PRIORITY else ("minimum", 0)
    if in_query:
        message = f"{limit} is the {kind} priority value"
    else:
        message = f"priority: {priority} should be {kind} {limit}"
    return [Problem("priority", message, "", str(priority), "" if in_query else None)]


def validate_query_priority(priority: int) -> None:
    """Refuse a priority outside 0 to 99 that was given in a query."""
    _refuse(priority_problems(priority, in_query=True))


def validate_search_size(size: int) -> None:
    """Refuse a search for more than 5000 rows."""
    if size > MAX_SEARCH_SIZE:
        message = f"Cannot return more than {MAX_SEARCH_SIZE} workflows. Please use pagination."
        _refuse([Problem("size", message, "", str(size), "")])


def validate_bulk_ids(ids: object, of: str = "workflow") -> list[str]:
    """Return the ids of a request for many: 1 to 1000 texts.

    Args:
        ids: The body of the request.
        of: What the ids name: ``workflow`` or ``schedule``.

    Raises:
        InvalidRequestError: No list of texts or numbers, none of them, or too many.
    """
    if ids is not None and not isinstance(ids, list | tuple):
        raise InvalidRequestError(f"The body must be a list of {of} ids.")
    if not ids:
        named = "WorkflowIds" if of == "workflow" else f"{of.capitalize()} names"
        _refuse([Problem("", f"{named} list cannot be null.", "Give at least one.")])
        return []
    if len(ids) > MAX_BULK_IDS:
        message = f"Cannot process more than {MAX_BULK_IDS} {of}s. Please use multiple requests."
        _refuse([Problem("", message)])
    for index, item in enumerate(ids):
        if item is None or isinstance(item, dict | list):
            raise InvalidRequestError(f"Item {index} of the list is no text.")
    # Numbers are read as texts, as Conductor reads them: the answer names what is unknown.
    return [str(item).lower() if isinstance(item, bool) else str(item) for item in ids]
