"""Small believable histories for tests of stores: events, their rows, whole commits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.events import EventKind, HistoryEvent
from ..core.rows import ExecutionRow, TaskRow
from ..store.base import Commit

BEGAN_MS = 1_760_000_000_000


def history(
    workflow_id: str, steps: int = 2, ended: bool = True, payload: Any = None
) -> list[HistoryEvent]:
    """All events of an execution with ``steps`` tasks one after the other.

    Args:
        workflow_id: Its id.
        steps: How many tasks have completed.
        ended: Whether it has ended; else it waits for something.
        payload: Input of the execution and of every task; an example if None.
    """
    given = {"order": workflow_id, "amount": 12.5} if payload is None else payload
    data = {"name": "order_flow", "version": 1, "definition_hash": "hash-1", "input": given}
    events = [event(workflow_id, 1, EventKind.WORKFLOW_STARTED, data)]
    for step in range(1, steps + 1):
        scheduled = {"task_type": "SIMPLE", "status": "SCHEDULED", "seq": step, "input": given}
        completed = {"status": "COMPLETED", "output": {"step": step}, "worker_id": "w-1"}
        number = len(events) + 1
        events.append(event(workflow_id, number, EventKind.TASK_SCHEDULED, scheduled, step))
        events.append(event(workflow_id, number + 1, EventKind.TASK_COMPLETED, completed, step))
    if ended:
        events.append(ending(workflow_id, len(events) + 1))
    return events


def event(
    workflow_id: str, number: int, kind: EventKind, data: dict[str, Any], step: int = 0
) -> HistoryEvent:
    """One event; ``step`` is the task it is about, 0 the execution itself."""
    return HistoryEvent(
        workflow_id=workflow_id,
        number=number,
        kind=kind,
        wall_ms=BEGAN_MS + number,
        monotonic_ns=number * 1_000,
        parent=number - 1,
        actor="worker:w-1" if kind is EventKind.TASK_COMPLETED else "engine",
        task_id=f"{workflow_id}-task-{step}" if step else "",
        reference=f"step_{step}" if step else "",
        path=f"order_flow/step_{step}" if step else "order_flow",
        data=data,
    )


def ending(workflow_id: str, number: int) -> HistoryEvent:
    """The event that completes an execution."""
    data = {"status": "COMPLETED", "output": {"done": True}}
    return event(workflow_id, number, EventKind.WORKFLOW_ENDED, data)


def commit_of(*histories: Sequence[HistoryEvent]) -> Commit:
    """A commit of whole or partial histories, with rows and what they close."""
    commit = Commit()
    for events in histories:
        commit.events += events
        tasks, executions = rows_of(events)
        commit.tasks += tasks
        commit.executions += executions
        if events[-1].kind is EventKind.WORKFLOW_ENDED:
            commit.closed.append(events[-1].workflow_id)
    return commit


def rows_of(events: Sequence[HistoryEvent]) -> tuple[list[TaskRow], list[ExecutionRow]]:
    """The rows of one execution from its events: a ``Project`` that needs no definition."""
    tasks: dict[str, dict[str, Any]] = {}
    for each in events:
        if not each.task_id:
            continue
        task = tasks.setdefault(each.task_id, {"task_id": each.task_id, "event": each})
        task["event"] = each
        task |= each.data
    return (
        [_task_row(task) for task in tasks.values()],
        [_execution_row(events, len(tasks))],
    )


def _task_row(task: dict[str, Any]) -> TaskRow:
    last: HistoryEvent = task["event"]
    return TaskRow(
        workflow_id=last.workflow_id,
        task_id=last.task_id,
        version=last.number,
        workflow_type="order_flow",
        reference_task_name=last.reference,
        node=last.reference,
        path=last.path,
        task_type="SIMPLE",
        task_def_name=last.reference,
        status=str(task["status"]),
        seq=task.get("seq", 0),
        retry_count=0,
        iteration=0,
        scheduled_time=last.wall_ms,
        start_time=last.wall_ms,
        end_time=last.wall_ms if task["status"] == "COMPLETED" else 0,
        update_time=last.wall_ms,
        worker_id=task.get("worker_id"),
        domain=None,
        reason_for_incompletion=None,
        error_type=None,
        fingerprint=None,
        sub_workflow_id=None,
        retried_task_id=None,
        poll_count=1,
        optional=False,
        input_data=task.get("input", {}),
        output_data=task.get("output", {}),
    )


def _execution_row(events: Sequence[HistoryEvent], task_count: int) -> ExecutionRow:
    last = events[-1]
    ended = last.kind is EventKind.WORKFLOW_ENDED
    return ExecutionRow(
        workflow_id=last.workflow_id,
        version=last.number,
        workflow_type="order_flow",
        workflow_version=1,
        status="COMPLETED" if ended else "RUNNING",
        correlation_id=None,
        priority=0,
        create_time=events[0].wall_ms,
        update_time=last.wall_ms,
        end_time=last.wall_ms if ended else 0,
        parent_workflow_id=None,
        parent_workflow_task_id=None,
        root_workflow_id=last.workflow_id,
        reason_for_incompletion=None,
        failed_reference_task_names=[],
        failed_task_names=[],
        failed_path=None,
        error=None,
        fingerprint=None,
        with_errors=False,
        task_count=task_count,
        retry_count=0,
        definition_hash="hash-1",
        branch_of=None,
        branch_reference=None,
        branch_edits=0,
        created_by=None,
        event=None,
        idempotency_key=None,
        task_to_domain={"ship": "east"},
        input=events[0].data.get("input", {}),
        output=last.data.get("output", {}),
        variables={},
    )
