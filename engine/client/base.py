"""What a client can do, whatever is behind it: an engine in this process, or a cluster.

Every call blocks until its effect is durable and returns models with snake_case attributes; the
same ``EngineError`` is raised on either back end. Any thread may call; none of the calls belongs on
an event loop. What not every back end can do is named in ``capabilities``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ..models.capability import Capability

if TYPE_CHECKING:
    from pandas import DataFrame

    from ..core.branching import BranchPlan
    from ..core.events import HistoryEvent
    from ..core.failure import FailureReport
    from ..core.state import WorkflowState
    from ..models import (
        BulkResponse,
        PollData,
        SearchResult,
        Task,
        TaskDef,
        TaskLog,
        TaskResult,
        TaskSummary,
        Workflow,
        WorkflowDef,
        WorkflowSummary,
    )

__all__ = ["Capability", "Client", "Subscription", "Wire"]

Wire = Mapping[str, Any]
"""A JSON object in Conductor's shape, where a model may be given as its plain dict."""


class Subscription(Protocol):
    """A running subscription."""

    def close(self) -> None:
        """No news any more. Safe to call twice, from any thread."""
        ...


class DefinitionClient(Protocol):
    """Workflow and task definitions."""

    def register_workflow_def(self, definition: WorkflowDef | Wire, overwrite: bool = True) -> None:
        """Store one version of a workflow definition.

        Raises:
            InvalidDefinitionError: The definition can't run; ``problems`` says where and why.
            ConflictError: The version is there, and ``overwrite`` is false.
        """
        ...

    def update_workflow_defs(self, definitions: Sequence[WorkflowDef | Wire]) -> BulkResponse:
        """Store several definitions: all are checked before the first is stored."""
        ...

    def validate_workflow_def(self, definition: WorkflowDef | Wire) -> None:
        """Accept a definition silently, or raise ``InvalidDefinitionError``. Stores nothing."""
        ...

    def workflow_def(self, name: str, version: int | None = None) -> WorkflowDef:
        """One version of a definition; None: the highest. ``NotFoundError`` for an unknown one."""
        ...

    def workflow_defs(self) -> list[WorkflowDef]:
        """Every version of every definition."""
        ...

    def delete_workflow_def(self, name: str, version: int) -> None:
        """Delete one version; executions keep the snapshot they run by."""
        ...

    def register_task_defs(self, definitions: Sequence[TaskDef | Wire]) -> None:
        """Insert or replace task definitions."""
        ...

    def task_def(self, name: str) -> TaskDef:
        """One task definition. ``NotFoundError`` for an unknown name."""
        ...

    def task_defs(self) -> list[TaskDef]:
        """Every task definition."""
        ...

    def delete_task_def(self, name: str) -> None:
        """Delete one task definition."""
        ...


class ExecutionClient(Protocol):
    """Starting, reading and steering executions."""

    def start_workflow(
        self,
        name: str,
        input: Mapping[str, Any] | None = None,
        version: int | None = None,
        correlation_id: str | None = None,
        priority: int = 0,
        task_to_domain: Mapping[str, str] | None = None,
        workflow_def: WorkflowDef | Wire | None = None,
    ) -> str:
        """Start an execution and return its id.

        Args:
            name: The definition to run.
            input: What it is given; None is an empty one.
            version: None for the highest.
            correlation_id: Your own key for it.
            priority: 0 to 99; the highest is served first.
            task_to_domain: Task name (or ``*``) to the domain of its workers.
            workflow_def: Run this definition instead of a registered one.
        """
        ...

    def workflow(self, workflow_id: str, include_tasks: bool = True) -> Workflow:
        """One execution, its tasks in order of scheduling. ``NotFoundError`` for an unknown id."""
        ...

    def task(self, task_id: str) -> Task:
        """One attempt of a task."""
        ...

    def running(self, name: str) -> list[str]:
        """Ids of the open executions of a definition."""
        ...

    def search(
        self,
        query: str = "",
        free_text: str = "*",
        start: int = 0,
        size: int = 100,
        sort: str = "",
    ) -> SearchResult[WorkflowSummary]:
        """One page of executions.

        Args:
            query: Clauses joined by `` AND ``: ``workflowType='etl' AND status IN (FAILED)``.
            free_text: Words to find anywhere in the summary; ``*`` for any.
            start: How many results to leave out.
            size: Length of the page, at most 5000.
            sort: ``startTime:DESC``; several separated by ``|``.
        """
        ...

    def search_tasks(
        self,
        query: str = "",
        free_text: str = "*",
        start: int = 0,
        size: int = 100,
        sort: str = "",
    ) -> SearchResult[TaskSummary]:
        """One page of tasks, asked for like executions."""
        ...

    def pause(self, workflow_id: str) -> None:
        """Schedule nothing more until it is resumed; ``ConflictError`` once it has ended."""
        ...

    def resume(self, workflow_id: str) -> None:
        """Go on after a pause; ``IllegalStateError`` when it is not paused."""
        ...

    def terminate(self, workflow_id: str, reason: str | None = None) -> None:
        """End an execution; ``ConflictError`` when it is COMPLETED."""
        ...

    def restart(self, workflow_id: str, use_latest_definitions: bool = False) -> None:
        """Start an ended execution over, under the same id."""
        ...

    def retry(self, workflow_id: str, resume_subworkflow_tasks: bool = False) -> None:
        """Go on at the failed tasks of an ended execution."""
        ...

    def rerun(
        self,
        workflow_id: str,
        task_id: str | None = None,
        task_input: Mapping[str, Any] | None = None,
        workflow_input: Mapping[str, Any] | None = None,
        correlation_id: str | None = None,
    ) -> str:
        """Go back to a task of an ended execution (None: its start); return the same id."""
        ...

    def remove(self, workflow_id: str, archive: bool = True) -> None:
        """Delete an execution; ``archive`` demands that it has ended."""
        ...

    def decide(self, workflow_id: str) -> None:
        """Evaluate now."""
        ...

    def reset_callbacks(self, workflow_id: str) -> None:
        """Offer tasks that wait for their callback to workers at once."""
        ...


class WorkerClient(Protocol):
    """What a worker needs, and who looks after workers."""

    def poll(
        self,
        task_type: str,
        worker_id: str | None = None,
        domain: str | None = None,
        count: int = 1,
        timeout_ms: int = 100,
    ) -> list[Task]:
        """Take up to ``count`` tasks, waiting ``timeout_ms`` for the first; ``[]`` if none came."""
        ...

    def update_task(self, result: TaskResult | Wire) -> str:
        """Report on a task and return its id. A report on an ended task changes nothing."""
        ...

    def update_task_by_reference(
        self,
        workflow_id: str,
        reference: str,
        status: str,
        output: Mapping[str, Any] | None = None,
        worker_id: str | None = None,
    ) -> str | None:
        """Report on the open task of a reference name; None when there is none."""
        ...

    def signal(
        self, workflow_id: str, status: str, output: Mapping[str, Any] | None = None
    ) -> None:
        """Answer the first open WAIT of an execution or its children, if there is one."""
        ...

    def push_message(self, workflow_id: str, payload: Mapping[str, Any]) -> str:
        """Send a message to a running execution; its id.

        Raises:
            NotFoundError: No such execution.
            ConflictError: It is not RUNNING.
            QueueFullError: A thousand messages wait already (over HTTP: UnavailableError).
        """
        ...

    def task_types(self) -> list[dict[str, Any]]:
        """What a palette shows of each task type, by name: summary, keys, schema of the input."""
        ...

    def add_log(self, task_id: str, text: str) -> None:
        """Append a line to the log of a task."""
        ...

    def logs(self, task_id: str) -> list[TaskLog]:
        """The log of a task in order of time."""
        ...

    def queue_sizes(self, task_types: Sequence[str]) -> dict[str, int]:
        """How many tasks of each type wait for a worker."""
        ...

    def poll_data(self, task_type: str | None = None) -> list[PollData]:
        """Who polled last, one entry per type and domain."""
        ...


class HistoryClient(Protocol):
    """What goes beyond Conductor's API; see ``Capability`` for what every back end can do."""

    def events(self, workflow_id: str, after: int = 0) -> list[HistoryEvent]:
        """Committed events with numbers above ``after``, in order.

        Without ``Capability.EVENTS`` they are made from the times of tasks: later ones are
        appended, but their numbers hold for this client only.
        """
        ...

    def state(self, workflow_id: str) -> WorkflowState:
        """The folded state, as a snapshot that never changes."""
        ...

    def failure(self, workflow_id: str) -> FailureReport:
        """Why an execution failed or is failing."""
        ...

    def origin(self, workflow_id: str, task_id: str, leaf: str) -> list[dict[str, Any]]:
        """Where a value of a task's input came from: the places it sat in, nearest first."""
        ...

    def plan_branch(self, workflow_id: str, task_id: str) -> BranchPlan:
        """What a branch from a task would reuse and what it would run again."""
        ...

    def branch(
        self,
        workflow_id: str,
        task_id: str,
        input_edits: Mapping[str, Any] | None = None,
        workflow_input: Mapping[str, Any] | None = None,
    ) -> str:
        """Start a new execution from a task of another, with edits; return its id."""
        ...

    def family(self, workflow_id: str) -> list[dict[str, Any]]:
        """The original of an execution and all branches of it."""
        ...

    def import_execution(self, workflow: Workflow | Wire, source: str = "") -> str:
        """Take over an execution of another server; ``imported``, ``updated`` or ``unchanged``.

        It keeps its id and ends here as far as it has come. Import parents before their
        sub-workflows; ``engine.copying`` does all that.

        Args:
            workflow: The execution with its tasks.
            source: Where it comes from, for people.

        Raises:
            ConflictError: The id is an execution of this engine, or was changed here since.
        """
        ...

    def subscribe(
        self,
        callback: Callable[[list[HistoryEvent]], None],
        workflow_id: str | None = None,
    ) -> Subscription:
        """Hear of committed events, on one notifier thread, until the subscription is closed.

        Without ``Capability.EVENTS`` the server is asked now and then, and a subscription to all
        executions gets an empty list when something has happened.
        """
        ...

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Rows of one read-only SELECT over the history."""
        ...

    def query_frame(self, sql: str, parameters: Sequence[Any] = ()) -> DataFrame:
        """The same as a pandas DataFrame."""
        ...

    def counts(self) -> dict[str, int]:
        """Number of executions by status."""
        ...


class Client(DefinitionClient, ExecutionClient, WorkerClient, HistoryClient, Protocol):
    """All of it. Calls that a back end has no capability for raise ``UnsupportedError``."""

    @property
    def capabilities(self) -> frozenset[str]:
        """Names of ``Capability`` that this back end has."""
        ...

    def close(self) -> None:
        """Give up connections; an engine that the client did not start goes on. Safe twice."""
        ...
