"""Rows of the history, derived from the folded state: one per task attempt, one per execution.

Pure. A row carries the number of the event it reflects as its ``version``; the newest wins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from ..models.enums import TaskStatus, WorkflowStatus
from .apply import DefinitionOf, fold
from .causes import Evidence, Found, find_causes
from .events import HistoryEvent
from .failure_text import describe
from .fingerprint import error_line, fingerprint, split_reason
from .rows import ExecutionRow, TaskRow
from .state import TaskState, WorkflowState

_WITH_ERROR: Final = frozenset(
    {
        TaskStatus.FAILED,
        TaskStatus.FAILED_WITH_TERMINAL_ERROR,
        TaskStatus.TIMED_OUT,
        TaskStatus.COMPLETED_WITH_ERRORS,
    }
)
_FAILED: Final = frozenset(
    {WorkflowStatus.FAILED, WorkflowStatus.TIMED_OUT, WorkflowStatus.TERMINATED}
)


def task_row(state: WorkflowState, task: TaskState) -> TaskRow:
    """The row of one attempt as it stands now."""
    error_type = mark = None
    if task.status in _WITH_ERROR:
        kind, message = _error_of(state, Found(state=state, task=task, role="cause"))
        error_type = kind or None
        mark = fingerprint(kind, task.path, message)
    return TaskRow(
        workflow_id=state.workflow_id,
        task_id=task.task_id,
        version=task.last_event,
        workflow_type=_workflow_type(state),
        reference_task_name=task.reference_task_name,
        node=task.node,
        path=task.path,
        task_type=task.task_type,
        task_def_name=task.task_def_name,
        status=str(task.status),
        seq=task.seq,
        retry_count=task.retry_count,
        iteration=task.iteration,
        scheduled_time=task.scheduled_time,
        start_time=task.start_time,
        end_time=task.end_time,
        update_time=task.update_time,
        worker_id=task.worker_id,
        domain=task.domain,
        reason_for_incompletion=task.reason_for_incompletion,
        error_type=error_type,
        fingerprint=mark,
        sub_workflow_id=task.sub_workflow_id,
        retried_task_id=task.retried_task_id,
        poll_count=task.poll_count,
        optional=task.optional,
        input_data=shown_payload(task.input_data, task.external_input_payload_storage_path),
        output_data=shown_payload(task.output_data, task.external_output_payload_storage_path),
    )


def shown_payload(payload: dict[str, Any], path: str) -> dict[str, Any]:
    """A payload as rows of the history hold it: one that is kept outside is named, not repeated."""
    return {"externalPayloadStoragePath": path} if path else payload


def _int32(number: int) -> int:
    """A number that came as data as near as a column can hold it: the event has it exactly."""
    return max(-(2**31), min(number, 2**31 - 1))


def execution_row(state: WorkflowState) -> ExecutionRow:
    """The row of an execution as it stands now; one that failed names its first cause."""
    failed_path, error, mark = _cause(state) if state.status in _FAILED else (None, None, None)
    branch = state.branch or {}
    return ExecutionRow(
        workflow_id=state.workflow_id,
        version=state.last_event,
        workflow_type=_workflow_type(state),
        workflow_version=_int32(state.definition.version if state.definition is not None else 0),
        status=str(state.status),
        correlation_id=state.correlation_id,
        priority=_int32(state.priority),
        create_time=state.create_time,
        update_time=state.update_time,
        end_time=state.end_time,
        parent_workflow_id=state.parent_workflow_id,
        parent_workflow_task_id=state.parent_workflow_task_id,
        root_workflow_id=_root(state),
        reason_for_incompletion=state.reason_for_incompletion,
        failed_reference_task_names=list(state.failed_reference_task_names),
        failed_task_names=list(state.failed_task_names),
        failed_path=failed_path,
        error=error,
        fingerprint=mark,
        with_errors=any(
            task.status is TaskStatus.COMPLETED_WITH_ERRORS for task in state.tasks.values()
        ),
        task_count=len(state.tasks),
        retry_count=sum(1 for task in state.tasks.values() if task.retry_count > 0),
        definition_hash=state.definition_hash,
        branch_of=branch.get("workflow_id"),
        branch_reference=branch.get("reference"),
        branch_edits=branch.get("edit_count", 0),
        created_by=state.created_by,
        event=state.event,
        idempotency_key=state.idempotency_key,
        task_to_domain=state.task_to_domain,
        input=shown_payload(state.input, state.external_input_payload_storage_path),
        output=shown_payload(state.output, state.external_output_payload_storage_path),
        variables=state.variables,
    )


def projector(
    definition_of: DefinitionOf,
) -> Callable[[Sequence[HistoryEvent]], tuple[list[TaskRow], list[ExecutionRow]]]:
    """A function from all events of one execution to its rows: what ``rebuild`` asks for.

    Args:
        definition_of: Finds the definition snapshots that the events name.
    """

    def project(events: Sequence[HistoryEvent]) -> tuple[list[TaskRow], list[ExecutionRow]]:
        state = fold(events, definition_of)
        return [task_row(state, task) for task in state.tasks.values()], [execution_row(state)]

    return project


def first_cause(state: WorkflowState) -> tuple[str, str, str]:
    """Run path, error type and message of the first cause, however deep it lies.

    A SUB_WORKFLOW task carries the cause of its child since the child's end, so that this
    execution's own record is enough.
    """
    causes, _ = find_causes(Evidence({state.workflow_id: state}, {}), state.workflow_id)
    if not causes:
        return state.path, *split_reason(state.reason_for_incompletion)
    found = causes[0]
    below = found.task.child_cause if found.task is not None else None
    if below is not None:
        return below["path"], below["type"], below["message"]
    path = found.task.path if found.task is not None and found.task.path else state.path
    return path, *_error_of(state, found)


def _cause(state: WorkflowState) -> tuple[str, str, str]:
    """Run path, one line and fingerprint of the first cause."""
    path, kind, message = first_cause(state)
    line = error_line(kind, message) or str(state.status)
    return path, line, fingerprint(kind, path, message)


def _error_of(state: WorkflowState, found: Found) -> tuple[str, str]:
    said = describe(Evidence({state.workflow_id: state}, {}), found)
    return (said.type, said.message) if said.type else split_reason(said.message)


def _root(state: WorkflowState) -> str | None:
    """The original of a branch; a top-level execution itself; None inside another one."""
    if state.parent_workflow_id:
        return None
    root = (state.branch or {}).get("root_id")
    return root if isinstance(root, str) else state.workflow_id


def _workflow_type(state: WorkflowState) -> str:
    return state.definition.name if state.definition is not None else ""
