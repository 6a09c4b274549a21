"""Idle executions leave memory, and are known again after a start without being folded.

A summary lies beside the journal's events of its execution, with the moment it is due next. Both
are derived: they count only for exactly the history they were made of, and whatever has no
summary is folded at a start.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Final

import msgspec

from ..core.state import TaskState, WorkflowState
from ..core.timeouts import task_deadline_ms, workflow_deadline_ms
from ..models.enums import TaskStatus
from ..store.base import DueTime, IdleRow
from ..store.faults import fault_point
from .faults import PAGED_OUT
from .filing import earliest_deadline_ms
from .paging import LONGEST_PAGED, Page
from .queues import Entry
from .start_slots import scope_of
from .weight import is_light

if TYPE_CHECKING:
    from .desk import Desk
    from .filing import Filing

logger = logging.getLogger(__name__)

_FORM: Final = 2
"""Raised when summaries mean something else than before: old ones are then passed over."""
_WITHOUT_DUE_TIME: Final = 1
"""The form before the due time lay beside a summary, for the store to find."""
_FOLDED_AT_START: Final = frozenset({"START_WORKFLOW"})
"""Types of open tasks that a start has to look at itself."""


class IdleTask(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What has to be known of an open task of an idle execution."""

    task_id: str
    task_type: str
    scheduled_time: int
    deadline_ms: int = 0
    queue: str = ""
    """Where it waits for a worker; empty: nowhere."""
    priority: int = 0
    visible_ms: int = 0
    slot: str = ""
    """Name of the definition of whose concurrency limit it holds a slot."""
    child_id: str = ""


class IdleSummary(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a start has to know of an idle execution instead of folding it."""

    form: int
    name: str
    create_time: int
    last_event: int
    idempotency_key: str
    parent_id: str
    parent_task_id: str
    deadline_ms: int
    tasks: list[IdleTask]
    is_light: bool = False


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(IdleSummary).decode


def page_out(desk: Desk, batch: int, committed: int) -> None:
    """Let idle executions go from memory, with their summaries in the commit at hand.

    Args:
        desk: The desk at the end of a batch.
        batch: Number of that batch.
        committed: Number of the last batch that is durable.
    """
    executions = desk.executions
    desk.due_window.let_go(desk, committed)
    desk.let_ended_go(batch, committed)
    for state in executions.let_go(committed):
        fault_point(PAGED_OUT)
        workflow_id, last_event = state.workflow_id, state.last_event
        body = summary(desk, state)
        if body is not None:
            due_ms = earliest_deadline_ms(state)
            row = IdleRow(workflow_id=workflow_id, last_event=last_event, body=body, due_ms=due_ms)
            desk.outbox.commit.idle.append(row)
            if due_ms:
                due = DueTime(due_ms, workflow_id)
                desk.due_window.stored(batch, due, last_event, tuple(state.open_task_ids))
        for task_id in state.tasks:
            if task_id not in state.open_task_ids:
                desk.task_home.pop(task_id, None)
    if not desk.has_effects:
        executions.mark(batch, lambda state: _is_idle(desk, state))


def _is_idle(desk: Desk, state: WorkflowState) -> bool:
    return state.last_event <= LONGEST_PAGED and desk.is_settled(state.workflow_id)


def summary(filing: Filing, state: WorkflowState) -> bytes | None:
    """The summary of an idle execution, or None if a start has to fold it."""
    if scope_of(state) is not None:
        return None
    tasks = []
    for task in state.open_tasks():
        in_hands_here = task.status is TaskStatus.IN_PROGRESS and _is_held_here(task)
        if in_hands_here or task.task_type in _FOLDED_AT_START:
            return None
        tasks.append(_idle_task(filing, state, task))
    return _encode(
        IdleSummary(
            _FORM,
            state.definition.name,
            state.create_time,
            state.last_event,
            state.idempotency_key or "",
            state.parent_workflow_id or "",
            state.parent_workflow_task_id or "",
            workflow_deadline_ms(state),
            tasks,
            is_light(state),
        )
    )


def _is_held_here(task: TaskState) -> bool:
    from .polling import IN_PROCESS_PREFIX

    return (task.worker_id or "").startswith(IN_PROCESS_PREFIX)


def _idle_task(filing: Filing, state: WorkflowState, task: TaskState) -> IdleTask:
    entry = filing.queues.entry(task.task_id)
    return IdleTask(
        task.task_id,
        task.task_type,
        task.scheduled_time,
        task_deadline_ms(state, task),
        entry.queue if entry is not None else "",
        entry.priority if entry is not None else 0,
        entry.visible_ms if entry is not None else 0,
        task.task_def_name if filing.limits.has_slot(task) else "",
        task.sub_workflow_id or "",
    )


def take_up_idle(desk: Desk, workflow_id: str, body: bytes) -> IdleSummary | None:
    """After a start: know an execution by its summary; None if it has to be folded."""
    try:
        known = _decode(body)
    except msgspec.MsgspecError:
        logger.warning("The summary of execution %s can't be read; it is folded.", workflow_id)
        return None
    if known.form not in (_FORM, _WITHOUT_DUE_TIME):
        return None
    now_ms = desk.clock.now().wall_ms
    if known.idempotency_key:
        desk.start_keys.noted(workflow_id, known.name, known.idempotency_key)
    sets_timers = known.form == _WITHOUT_DUE_TIME  # else the window of due times does
    if sets_timers and known.deadline_ms:
        desk.timers.at(known.deadline_ms, workflow_id)
    for task in known.tasks:
        task_id = task.task_id
        desk.task_home[task_id] = workflow_id
        if sets_timers and task.deadline_ms:
            desk.timers.at(task.deadline_ms, workflow_id, task_id)
        if task.queue:
            queue = sys.intern(task.queue)
            entry = Entry(workflow_id, task_id, queue, task.priority, task.visible_ms)
            desk.queues.push(entry, now_ms)
        if task.slot:
            desk.limits.keep(task.slot, task_id)
    open_tasks = tuple((sys.intern(t.task_type), t.scheduled_time) for t in known.tasks)
    name = sys.intern(known.name)
    page = Page(name, known.create_time, known.last_event, open_tasks, known.is_light)
    desk.executions.add_page(workflow_id, page)
    return known
