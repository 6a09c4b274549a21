"""The client over a service: each call waits for its future and returns models.

The service is the engine's own (``engine.service``) or one that asks a server over HTTP
(``remote_service``): both have the same methods.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..models.base import WireModel
from ..models.definitions import TaskDef, WorkflowDef
from ..models.display import Drawn
from ..models.execution import (
    BulkResponse,
    PollData,
    SearchResult,
    Task,
    TaskLog,
    TaskSummary,
    Workflow,
    WorkflowSummary,
)
from ..models.requests import TaskResult
from .base import Subscription, Wire

if TYPE_CHECKING:
    from pandas import DataFrame

    from ..core.branching import BranchPlan
    from ..core.events import HistoryEvent
    from ..core.failure import FailureReport
    from ..core.state import WorkflowState
    from ..service import Service
    from .remote_service import RemoteService


class ServiceClient(Drawn):
    """All verbs of ``Client`` but the two that tell back ends apart."""

    def __init__(self, service: Service | RemoteService, actor: str = "user") -> None:
        """Args:
        service: What carries the calls out.
        actor: Whom the history names as the starter of executions.
        """
        self._service = service
        self._actor = actor

    @property
    def service(self) -> Service | RemoteService:
        """What carries the calls out."""
        return self._service

    def _own(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """What is given or shown, apart from what the back end keeps: a network does that."""
        return dict(value)

    def register_workflow_def(self, definition: WorkflowDef | Wire, overwrite: bool = True) -> None:
        """Store one version of a workflow definition."""
        self._service.create_workflow_def(_wire(definition), overwrite).result()

    def update_workflow_defs(self, definitions: Sequence[WorkflowDef | Wire]) -> BulkResponse:
        """Store several definitions: all are checked before the first is stored."""
        bodies = [_wire(definition) for definition in definitions]
        return BulkResponse.from_wire(self._service.update_workflow_defs(bodies).result())

    def validate_workflow_def(self, definition: WorkflowDef | Wire) -> None:
        """Accept a definition silently, or raise."""
        self._service.validate_workflow_def(_wire(definition))

    def workflow_def(self, name: str, version: int | None = None) -> WorkflowDef:
        """One version of a definition; None: the highest."""
        return WorkflowDef.from_wire(self._service.workflow_def(name, version))

    def workflow_defs(self) -> list[WorkflowDef]:
        """Every version of every definition."""
        return [WorkflowDef.from_wire(wire) for wire in self._service.workflow_defs()]

    def delete_workflow_def(self, name: str, version: int) -> None:
        """Delete one version."""
        self._service.delete_workflow_def(name, version).result()

    def register_task_defs(self, definitions: Sequence[TaskDef | Wire]) -> None:
        """Insert or replace task definitions."""
        self._service.create_task_defs([_wire(definition) for definition in definitions]).result()

    def task_def(self, name: str) -> TaskDef:
        """One task definition."""
        return TaskDef.from_wire(self._service.task_def(name))

    def task_defs(self) -> list[TaskDef]:
        """Every task definition."""
        return [TaskDef.from_wire(wire) for wire in self._service.task_defs()]

    def delete_task_def(self, name: str) -> None:
        """Delete one task definition."""
        self._service.delete_task_def(name).result()

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
        """Start an execution and return its id."""
        request = _given(
            name=name,
            input=self._own(input or {}),
            version=version,
            correlationId=correlation_id,
            priority=priority,
            taskToDomain=None if task_to_domain is None else dict(task_to_domain),
            workflowDef=None if workflow_def is None else _wire(workflow_def),
        )
        return self._service.start_workflow(request, self._actor).result()

    def workflow(self, workflow_id: str, include_tasks: bool = True) -> Workflow:
        """One execution."""
        found = self._service.workflow(workflow_id, include_tasks).result()
        return Workflow.from_wire(self._own(found))

    def task(self, task_id: str) -> Task:
        """One attempt of a task."""
        return Task.from_wire(self._own(self._service.task(task_id).result()))

    def running(self, name: str) -> list[str]:
        """Ids of the open executions of a definition."""
        return self._service.running(name)

    def search(
        self,
        query: str = "",
        free_text: str = "*",
        start: int = 0,
        size: int = 100,
        sort: str = "",
    ) -> SearchResult[WorkflowSummary]:
        """One page of executions."""
        found = self._service.search_workflows(start, size, sort, free_text, query)
        return SearchResult[WorkflowSummary].from_wire(found)

    def search_tasks(
        self,
        query: str = "",
        free_text: str = "*",
        start: int = 0,
        size: int = 100,
        sort: str = "",
    ) -> SearchResult[TaskSummary]:
        """One page of tasks."""
        found = self._service.search_tasks(start, size, sort, free_text, query)
        return SearchResult[TaskSummary].from_wire(found)

    def pause(self, workflow_id: str) -> None:
        """Schedule nothing more until it is resumed."""
        self._service.pause(workflow_id).result()

    def resume(self, workflow_id: str) -> None:
        """Go on after a pause."""
        self._service.resume(workflow_id).result()

    def terminate(self, workflow_id: str, reason: str | None = None) -> None:
        """End an execution."""
        self._service.terminate(workflow_id, reason).result()

    def restart(self, workflow_id: str, use_latest_definitions: bool = False) -> None:
        """Start an ended execution over."""
        self._service.restart(workflow_id, use_latest_definitions).result()

    def retry(self, workflow_id: str, resume_subworkflow_tasks: bool = False) -> None:
        """Go on at the failed tasks."""
        self._service.retry(workflow_id, resume_subworkflow_tasks).result()

    def rerun(
        self,
        workflow_id: str,
        task_id: str | None = None,
        task_input: Mapping[str, Any] | None = None,
        workflow_input: Mapping[str, Any] | None = None,
        correlation_id: str | None = None,
    ) -> str:
        """Go back to a task, or to the start."""
        request = _given(
            reRunFromWorkflowId=workflow_id,
            reRunFromTaskId=task_id,
            taskInput=None if task_input is None else self._own(task_input),
            workflowInput=None if workflow_input is None else self._own(workflow_input),
            correlationId=correlation_id,
        )
        return self._service.rerun(workflow_id, request).result()

    def remove(self, workflow_id: str, archive: bool = True) -> None:
        """Delete an execution."""
        self._service.remove(workflow_id, archive).result()

    def decide(self, workflow_id: str) -> None:
        """Evaluate now."""
        self._service.decide(workflow_id).result()

    def reset_callbacks(self, workflow_id: str) -> None:
        """Offer tasks that wait for their callback to workers at once."""
        self._service.reset_callbacks(workflow_id).result()

    def poll(
        self,
        task_type: str,
        worker_id: str | None = None,
        domain: str | None = None,
        count: int = 1,
        timeout_ms: int = 100,
    ) -> list[Task]:
        """Take up to ``count`` tasks."""
        found = self._service.poll(task_type, worker_id, domain, count, timeout_ms).result()
        return [Task.from_wire(self._own(wire)) for wire in found]

    def update_task(self, result: TaskResult | Wire) -> str:
        """Report on a task and return its id."""
        return self._service.update_task(self._own(_wire(result))).result()

    def update_task_by_reference(
        self,
        workflow_id: str,
        reference: str,
        status: str,
        output: Mapping[str, Any] | None = None,
        worker_id: str | None = None,
    ) -> str | None:
        """Report on the open task of a reference name."""
        return self._service.update_task_by_reference(
            workflow_id, reference, status, self._own(output or {}), worker_id
        ).result()

    def signal(
        self, workflow_id: str, status: str, output: Mapping[str, Any] | None = None
    ) -> None:
        """Answer the first open WAIT."""
        self._service.signal(workflow_id, status, self._own(output or {})).result()

    def push_message(self, workflow_id: str, payload: Mapping[str, Any]) -> str:
        """Send a message to a running execution; its id."""
        return self._service.push_message(workflow_id, self._own(payload)).result()

    def task_types(self) -> list[dict[str, Any]]:
        """What a palette shows of each task type."""
        return self._service.task_types()

    def add_log(self, task_id: str, text: str) -> None:
        """Append a line to the log of a task."""
        self._service.add_log(task_id, text).result()

    def logs(self, task_id: str) -> list[TaskLog]:
        """The log of a task."""
        return [TaskLog.from_wire(wire) for wire in self._service.logs(task_id)]

    def queue_sizes(self, task_types: Sequence[str]) -> dict[str, int]:
        """How many tasks of each type wait for a worker."""
        return self._service.queue_sizes(list(task_types))

    def poll_data(self, task_type: str | None = None) -> list[PollData]:
        """Who polled last."""
        return [PollData.from_wire(wire) for wire in self._service.poll_data(task_type)]

    def events(self, workflow_id: str, after: int = 0) -> list[HistoryEvent]:
        """Committed events in order."""
        return self._service.events(workflow_id, after).result()

    def state(self, workflow_id: str) -> WorkflowState:
        """The folded state as a snapshot."""
        return self._service.state(workflow_id).result()

    def failure(self, workflow_id: str) -> FailureReport:
        """Why an execution failed or is failing."""
        return self._service.failure(workflow_id).result()

    def origin(self, workflow_id: str, task_id: str, leaf: str) -> list[dict[str, Any]]:
        """Where a value of a task's input came from."""
        return self._service.origin(workflow_id, task_id, leaf).result()

    def plan_branch(self, workflow_id: str, task_id: str) -> BranchPlan:
        """What a branch from a task would reuse and run again."""
        return self._service.plan_branch(workflow_id, task_id).result()

    def branch(
        self,
        workflow_id: str,
        task_id: str,
        input_edits: Mapping[str, Any] | None = None,
        workflow_input: Mapping[str, Any] | None = None,
    ) -> str:
        """Start a new execution from a task of another."""
        return self._service.branch(
            workflow_id,
            task_id,
            None if input_edits is None else self._own(input_edits),
            None if workflow_input is None else self._own(workflow_input),
            self._actor,
        ).result()

    def family(self, workflow_id: str) -> list[dict[str, Any]]:
        """The original of an execution and all branches of it."""
        return self._service.family(workflow_id)

    def import_execution(self, workflow: Workflow | Wire, source: str = "") -> str:
        """Take over an execution of another server."""
        return self._service.import_execution(_wire(workflow), source).result()

    def subscribe(
        self,
        callback: Callable[[list[HistoryEvent]], None],
        workflow_id: str | None = None,
    ) -> Subscription:
        """Hear of committed events."""
        return self._service.subscribe(callback, workflow_id)

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Rows of one read-only SELECT."""
        return self._service.query(sql, parameters)

    def query_frame(self, sql: str, parameters: Sequence[Any] = ()) -> DataFrame:
        """The same as a pandas DataFrame."""
        return self._service.query_frame(sql, parameters)

    def counts(self) -> dict[str, int]:
        """Number of executions by status."""
        return self._service.counts()


def _wire(value: WireModel | Wire) -> dict[str, Any]:
    """A model or a plain dict as a wire dict of its own."""
    return value.to_wire() if isinstance(value, WireModel) else dict(value)


def _given(**values: Any) -> dict[str, Any]:
    """The values that are not None."""
    return {key: value for key, value in values.items() if value is not None}
