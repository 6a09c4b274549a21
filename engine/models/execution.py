"""Executions as a Python user holds them: workflows, their tasks, summaries and logs.

Built from wire objects with ``from_wire``; the attributes are the snake_case of the JSON keys.
Times are epoch milliseconds with 0 = not set (``…_at`` properties give aware UTC instants);
the summaries of a search carry ISO texts instead, as on the wire.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import Field

from .base import WireModel
from .definitions import TaskDef, WorkflowDef, WorkflowTask
from .display import Drawn
from .enums import TaskStatus, WorkflowStatus
from .lenient import (
    Boolean,
    Document,
    Integer,
    ListOf,
    MapOf,
    OptionalText,
    Text,
    enum_of,
)

T = TypeVar("T")

TaskStatusField = Annotated[TaskStatus, enum_of(TaskStatus, TaskStatus.SCHEDULED)]
WorkflowStatusField = Annotated[WorkflowStatus, enum_of(WorkflowStatus, WorkflowStatus.RUNNING)]


def _instant(epoch_ms: int) -> datetime | None:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC) if epoch_ms > 0 else None


def _duration_seconds(start_ms: int, end_ms: int) -> float | None:
    return (end_ms - start_ms) / 1000 if 0 < start_ms <= end_ms else None


class Task(WireModel):
    """One attempt of a workflow task in an execution."""

    wire_title: ClassVar[str] = "task"
    wire_nulls: ClassVar[frozenset[str]] = frozenset({"task_definition"})

    task_type: OptionalText = None
    status: TaskStatusField = TaskStatus.SCHEDULED
    input_data: Document = Field(default_factory=dict)
    reference_task_name: Text = ""
    retry_count: Integer = 0
    seq: Integer = 0
    correlation_id: OptionalText = None
    poll_count: Integer = 0
    task_def_name: OptionalText = None
    scheduled_time: Integer = 0
    start_time: Integer = 0
    end_time: Integer = 0
    update_time: Integer = 0
    start_delay_in_seconds: Integer = 0
    retried_task_id: OptionalText = None
    retried: Boolean = False
    executed: Boolean = False
    callback_from_worker: Boolean = True
    response_timeout_seconds: Integer = 0
    workflow_instance_id: Text = ""
    workflow_type: OptionalText = None
    task_id: Text = ""
    reason_for_incompletion: OptionalText = None
    callback_after_seconds: Integer = 0
    worker_id: OptionalText = None
    output_data: Document = Field(default_factory=dict)
    workflow_task: WorkflowTask | None = None
    domain: OptionalText = None
    input_message: Any = None
    output_message: Any = None
    rate_limit_per_frequency: Integer = 0
    rate_limit_frequency_in_seconds: Integer = 0
    external_input_payload_storage_path: OptionalText = None
    external_output_payload_storage_path: OptionalText = None
    workflow_priority: Integer = 0
    execution_name_space: OptionalText = None
    isolation_group_id: OptionalText = None
    iteration: Integer = 0
    sub_workflow_id: OptionalText = None
    subworkflow_changed: Boolean = False
    first_start_time: Integer = 0
    parent_task_id: OptionalText = None
    execution_metadata: dict[str, Any] | None = None
    runtime_metadata: dict[str, Any] | None = None
    queue_wait_time: Integer = 0
    task_definition: TaskDef | None = None
    loop_over_task: Boolean = False

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more is expected of this attempt."""
        return self.status.is_terminal

    @property
    def is_successful(self) -> bool:
        """Whether the flow may go on after it; open attempts count as successful."""
        return self.status.is_successful

    @property
    def is_retriable(self) -> bool:
        """Whether a new attempt may follow."""
        return self.status.is_retriable

    @property
    def started_at(self) -> datetime | None:
        """When a worker or the engine began it, aware UTC."""
        return _instant(self.start_time)

    @property
    def ended_at(self) -> datetime | None:
        """When it ended, aware UTC."""
        return _instant(self.end_time)

    @property
    def duration_seconds(self) -> float | None:
        """Seconds from start to end; None while open or never started."""
        return _duration_seconds(self.start_time, self.end_time)

    def __repr__(self) -> str:
        """``Task('charge_ref' COMPLETED, HTTP, attempt 2)``."""
        attempt = f", attempt {self.retry_count + 1}" if self.retry_count else ""
        return f"Task({self.reference_task_name!r} {self.status}, {self.task_type}{attempt})"


class Workflow(Drawn, WireModel):
    """One execution of a workflow definition, with its tasks in order of scheduling."""

    wire_title: ClassVar[str] = "workflow"

    owner_app: OptionalText = None
    create_time: Integer = 0
    update_time: Integer = 0
    created_by: OptionalText = None
    updated_by: OptionalText = None
    status: WorkflowStatusField = WorkflowStatus.RUNNING
    end_time: Integer = 0
    workflow_id: Text = ""
    parent_workflow_id: OptionalText = None
    parent_workflow_task_id: OptionalText = None
    tasks: ListOf[Task] = Field(default_factory=list)
    input: Document = Field(default_factory=dict)
    output: Document = Field(default_factory=dict)
    correlation_id: OptionalText = None
    re_run_from_workflow_id: OptionalText = None
    reason_for_incompletion: OptionalText = None
    event: OptionalText = None
    task_to_domain: MapOf[Text] = Field(default_factory=dict)
    failed_reference_task_names: ListOf[Text] = Field(default_factory=list)
    failed_task_names: ListOf[Text] = Field(default_factory=list)
    workflow_definition: WorkflowDef | None = None
    external_input_payload_storage_path: OptionalText = None
    external_output_payload_storage_path: OptionalText = None
    priority: Integer = 0
    variables: Document = Field(default_factory=dict)
    last_retried_time: Integer = 0
    history: ListOf[Workflow] = Field(default_factory=list)
    idempotency_key: OptionalText = None
    rate_limit_key: OptionalText = None
    rate_limited: Boolean = False
    start_time: Integer = 0
    workflow_name: Text = ""
    workflow_version: Integer = 0

    @property
    def is_terminal(self) -> bool:
        """Whether the execution has ended; an operator action may reopen it."""
        return self.status.is_terminal

    @property
    def is_successful(self) -> bool:
        """Whether the status counts as a success (PAUSED does)."""
        return self.status.is_successful

    @property
    def started_at(self) -> datetime | None:
        """When the execution was started, aware UTC."""
        return _instant(self.start_time or self.create_time)

    @property
    def ended_at(self) -> datetime | None:
        """When the execution ended, aware UTC; None while it is open."""
        return _instant(self.end_time) if self.is_terminal else None

    @property
    def duration_seconds(self) -> float | None:
        """Seconds from start to end; None while the execution is open."""
        end = self.end_time if self.is_terminal else 0
        return _duration_seconds(self.start_time or self.create_time, end)

    def task(self, reference: str) -> Task | None:
        """Return the newest attempt of a reference name (``charge_ref``, ``step__3``), or None."""
        return next(reversed(list(self.attempts(reference))), None)

    def attempts(self, reference: str) -> Iterator[Task]:
        """Yield all attempts of a reference name, oldest first."""
        return (task for task in self.tasks if task.reference_task_name == reference)

    @property
    def open_tasks(self) -> list[Task]:
        """Tasks that have not ended, in order of scheduling."""
        return [task for task in self.tasks if not task.is_terminal]

    def __repr__(self) -> str:
        """``Workflow('order_flow' v3 FAILED, 7 tasks, id …)``."""
        return (
            f"Workflow({self.workflow_name!r} v{self.workflow_version} {self.status},"
            f" {len(self.tasks)} tasks, id {self.workflow_id})"
        )


class WorkflowSummary(WireModel):
    """One execution as a row of a search. Times are ISO texts in UTC."""

    wire_title: ClassVar[str] = "workflow summary"

    workflow_type: Text = ""
    version: Integer = 0
    workflow_id: Text = ""
    correlation_id: OptionalText = None
    start_time: OptionalText = None
    update_time: OptionalText = None
    end_time: OptionalText = None
    status: WorkflowStatusField = WorkflowStatus.RUNNING
    input: OptionalText = None
    output: OptionalText = None
    reason_for_incompletion: OptionalText = None
    execution_time: Integer = 0
    event: OptionalText = None
    failed_reference_task_names: Text = ""
    failed_task_names: ListOf[Text] = Field(default_factory=list)
    external_input_payload_storage_path: OptionalText = None
    external_output_payload_storage_path: OptionalText = None
    priority: Integer = 0
    created_by: OptionalText = None
    idempotency_key: OptionalText = None
    task_to_domain: MapOf[Text] = Field(default_factory=dict)
    parent_workflow_id: Text = ""
    classifier: OptionalText = None
    input_size: Integer = 0
    output_size: Integer = 0

    @property
    def is_terminal(self) -> bool:
        """Whether the execution has ended."""
        return self.status.is_terminal

    def __repr__(self) -> str:
        """``WorkflowSummary('order_flow' v3 FAILED, id …)``."""
        return (
            f"WorkflowSummary({self.workflow_type!r} v{self.version} {self.status},"
            f" id {self.workflow_id})"
        )


class TaskSummary(WireModel):
    """One task as a row of a search. Times are ISO texts in UTC, 1970 = not set."""

    wire_title: ClassVar[str] = "task summary"

    workflow_id: Text = ""
    workflow_type: Text = ""
    correlation_id: OptionalText = None
    scheduled_time: OptionalText = None
    start_time: OptionalText = None
    update_time: OptionalText = None
    end_time: OptionalText = None
    status: TaskStatusField = TaskStatus.SCHEDULED
    reason_for_incompletion: OptionalText = None
    execution_time: Integer = 0
    queue_wait_time: Integer = 0
    task_def_name: Text = ""
    task_type: Text = ""
    input: OptionalText = None
    output: OptionalText = None
    task_id: Text = ""
    external_input_payload_storage_path: OptionalText = None
    external_output_payload_storage_path: OptionalText = None
    workflow_priority: Integer = 0
    domain: OptionalText = None

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more is expected of this attempt."""
        return self.status.is_terminal

    def __repr__(self) -> str:
        """``TaskSummary('charge_card' FAILED, HTTP, id …)``."""
        kind = f"{self.task_def_name!r} {self.status}, {self.task_type}"
        return f"TaskSummary({kind}, id {self.task_id})"


class SearchResult(WireModel, Generic[T]):
    """One page of a search: ``results``, of ``total_hits`` in all.

    ``SearchResult[WorkflowSummary].from_wire(…)`` reads the rows into models.
    """

    wire_title: ClassVar[str] = "search result"

    total_hits: Integer = 0
    results: ListOf[T] = Field(default_factory=list)

    def __iter__(self) -> Iterator[T]:  # type: ignore[override]  # rows, not pydantic's fields
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def __repr__(self) -> str:
        """``SearchResult(20 of 1234)``."""
        return f"SearchResult({len(self.results)} of {self.total_hits})"


class TaskLog(WireModel):
    """One line that a worker logged for a task; ``created_time`` in epoch milliseconds."""

    wire_title: ClassVar[str] = "task log"

    log: OptionalText = None
    task_id: OptionalText = None
    created_time: Integer = 0

    def __repr__(self) -> str:
        """``TaskLog('charged 12 EUR')``."""
        return f"TaskLog({self.log!r})"


class PollData(WireModel):
    """Who last asked for tasks of a type (``queue_name``), and when, in epoch milliseconds."""

    wire_title: ClassVar[str] = "poll data"

    queue_name: Text = ""
    domain: OptionalText = None
    worker_id: OptionalText = None
    last_poll_time: Integer = 0

    def __repr__(self) -> str:
        """``PollData('charge_card' by 'host-1')``."""
        return f"PollData({self.queue_name!r} by {self.worker_id!r})"


class BulkResponse(WireModel):
    """What became of a request for many ids: errors by id, and those that succeeded."""

    wire_title: ClassVar[str] = "bulk response"

    bulk_error_results: MapOf[Text] = Field(default_factory=dict)
    bulk_successful_results: ListOf[Any] = Field(default_factory=list)

    def __repr__(self) -> str:
        """``BulkResponse(3 done, 1 failed)``."""
        done, failed = len(self.bulk_successful_results), len(self.bulk_error_results)
        return f"BulkResponse({done} done, {failed} failed)"


Workflow.model_rebuild()
