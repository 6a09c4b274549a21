"""The document that ``${…}`` expressions read (semantics reference §4.5), built on demand.

A plain path touches one root key, so an entry is only built when it is asked for; the whole
document exists only for a path that needs it (``$..x``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .gathering import gathered, is_open_join, loop_output_so_far
from .state import TaskState, WorkflowState


def task_document(
    state: WorkflowState,
    task: TaskState,
    before: int | None = None,
    within_decision: bool = False,
) -> dict[str, Any]:
    """What an expression can read of one task.

    ``before`` and ``within_decision`` are those of ``ExecutionDocument``.
    """
    output = task.output_data
    if is_open_join(task):
        output = gathered(state, task, before)
    elif within_decision and task.task_type == "DO_WHILE" and not task.status.is_terminal:
        output = loop_output_so_far(state, task)
    return {
        "input": task.input_data,
        "output": output,
        "taskType": task.task_type,
        "status": str(task.status),
        "referenceTaskName": task.reference_task_name,
        "retryCount": task.retry_count,
        "correlationId": state.correlation_id,
        "pollCount": task.poll_count,
        "taskDefName": task.task_def_name,
        "scheduledTime": task.scheduled_time,
        "startTime": task.start_time,
        "endTime": task.end_time,
        "taskId": task.task_id,
        "reasonForIncompletion": task.reason_for_incompletion,
        "callbackAfterSeconds": task.callback_after_seconds,
        "workerId": task.worker_id,
        "iteration": task.iteration,
    }


def workflow_document(state: WorkflowState, status: str | None = None) -> dict[str, Any]:
    """What an expression can read of the execution itself."""
    return {
        "input": state.input,
        "output": {},  # only known at the end; Conductor shows an empty map until then
        "status": str(state.status) if status is None else status,
        "workflowId": state.workflow_id,
        "parentWorkflowId": state.parent_workflow_id,
        "parentWorkflowTaskId": state.parent_workflow_task_id,
        "workflowType": state.definition.name,
        "version": state.definition.version,
        "correlationId": state.correlation_id,
        "reasonForIncompletion": state.reason_for_incompletion,
        "schemaVersion": 2,
        "variables": state.variables,
    }


class ExecutionDocument(Mapping[str, Any]):
    """A lazily built view of one execution as the root of expressions."""

    __slots__ = ("_before", "_built", "_state", "_status", "_within_decision")

    def __init__(
        self,
        state: WorkflowState,
        status: str | None = None,
        before: int | None = None,
        within_decision: bool = False,
    ) -> None:
        """A view of ``state``.

        Args:
            state: The execution.
            status: What ``${workflow.status}`` reads, if not the state's.
            before: Of what happened with this event number and later, open joins know nothing.
            within_decision: Whether open loops have been gone over in the decision at hand: they
                show the iteration under way then.
        """
        self._state = state
        self._status = status
        self._before = before
        self._within_decision = within_decision
        self._built: dict[str, Any] = {}

    def __getitem__(self, key: str) -> Any:
        """The document of one root.

        Raises:
            KeyError: No task of that base reference has been created yet.
        """
        built = self._built.get(key)
        if built is None:
            state = self._state
            task_id = state.latest_by_base.get(key)
            if task_id is not None:
                built = task_document(
                    state, state.tasks[task_id], self._before, self._within_decision
                )
                if self._status is not None:  # as measured: read at the end, null before
                    built["workflowInstanceId"] = state.workflow_id
            elif key == "workflow":
                built = workflow_document(state, self._status)
            else:
                raise KeyError(key)
            self._built[key] = built
        return built

    def __contains__(self, key: object) -> bool:
        """Whether the root can be read."""
        return key == "workflow" or key in self._state.latest_by_base

    def __iter__(self) -> Iterator[str]:
        """``workflow`` and every base reference with a record."""
        if "workflow" not in self._state.latest_by_base:
            yield "workflow"
        yield from self._state.latest_by_base

    def __len__(self) -> int:
        """Number of roots."""
        return len(self._state.latest_by_base) + ("workflow" not in self._state.latest_by_base)


class ExpressionScope:
    """What ``expressions.resolve`` needs to know about one execution."""

    __slots__ = ("_state", "document", "environment", "task_id")

    def __init__(
        self,
        state: WorkflowState,
        environment: Mapping[str, str],
        task_id: str | None = None,
        status: str | None = None,
        before: int | None = None,
        within_decision: bool = False,
    ) -> None:
        """A scope over ``state``; ``task_id`` is what ``${CPEWF_TASK_ID}`` becomes.

        The other arguments are those of ``ExecutionDocument``.
        """
        self._state = state
        self.document: Mapping[str, Any] = ExecutionDocument(state, status, before, within_decision)
        self.environment = environment
        self.task_id = task_id

    def source_of(self, root: str) -> tuple[str | None, int]:
        """Task id and event number that a root's values came from.

        ``workflow.variables.<name>`` names a variable; its winning write counts.
        """
        state = self._state
        if root.startswith("workflow.variables."):
            return state.variable_writers.get(root.split(".", 2)[2], ("", 1))
        task_id = state.latest_by_base.get(root)
        if task_id is not None:
            return task_id, state.tasks[task_id].last_event
        return "", 1
