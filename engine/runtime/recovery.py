"""After a start: fold the open executions and set everything going again.

The same after a commit that the disk refused: what was decided and never written is forgotten,
and what memory has is made from the store again.
"""

from __future__ import annotations

import logging

from ..core.apply import fold
from ..core.events import EventKind
from ..core.state import TaskState, WorkflowState
from ..core.tasks.base import task_type_of
from ..models.enums import TaskStatus
from ..store.faults import fault_point
from .desk import Desk
from .effects import end_child, resume_children, tell_parent
from .faults import FOLDED, ONE_TAKEN_UP, TAKEN_UP
from .filing import waits_for_worker
from .idling import IdleSummary, take_up_idle
from .polling import IN_PROCESS_PREFIX

logger = logging.getLogger(__name__)


Idle = dict[str, IdleSummary]
"""Executions that need not be folded, by id."""


def recover(desk: Desk) -> int:
    """Take up every open execution of the store; returns how many there are.

    Queues, timers and running scripts are derived from the histories. A task that an in-process
    worker held when the last process ended goes back to its queue: that worker is gone.
    """
    idle = _read_open(desk)
    _set_going(desk, idle, has_just_begun=True)
    if desk.notices is not None:
        desk.notices.recover(desk)
    desk.due_window.open(desk)
    desk.event_queue.read(desk)
    desk.event_queue.deliver_waiting(desk)
    desk.scheduler.recover(desk)
    while desk.carry_out_effects(may_wait=False):
        pass
    fault_point(TAKEN_UP)
    if desk.executions:
        logger.info("Took up %d open executions, %d of them idle.", len(desk.executions), len(idle))
    return len(desk.executions)


def fold_again(desk: Desk, since_ms: int) -> Idle:
    """Make what memory has from the store again; nothing is decided, so nothing is to be written.

    Args:
        desk: Cleared, then filled.
        since_ms: The schedules' runs that came due after it were not recorded.

    Returns:
        What ``go_on_again`` needs.
    """
    desk.is_incomplete = True
    desk.clear()
    desk.registry.reload()
    desk.refresh_environment()
    idle = _read_open(desk)
    now_ms = desk.clock.now().wall_ms
    for state in desk.executions.resident():
        for task in state.open_tasks():
            if waits_for_worker(task):
                desk.enqueue(state, task, now_ms)
    desk.due_window.open(desk)
    desk.event_queue.read(desk)
    desk.scheduler.recover(desk, since_ms)
    desk.is_incomplete = False
    return idle


def go_on_again(desk: Desk, idle: Idle) -> None:
    """Set everything going that ``fold_again`` has read.

    Workers of this process are still there: what they hold stays with them.
    """
    _set_going(desk, idle, has_just_begun=False)
    if desk.notices is not None:
        desk.notices.strike_again(desk)
    desk.event_queue.deliver_waiting(desk)


def _read_open(desk: Desk) -> Idle:
    idle: Idle = {}
    for workflow_id, body in desk.store.idle_executions():
        known = take_up_idle(desk, workflow_id, body) if body is not None else None
        if known is not None:
            idle[workflow_id] = known
            continue
        state = fold(desk.store.events(workflow_id), desk.registry.definition_of)
        desk.executions[workflow_id] = state
        desk.start_keys.opened(state)
        desk.start_slots.opened(state)
        for task_id in state.tasks:
            desk.task_home[task_id] = workflow_id
    fault_point(FOLDED)
    return idle


def _set_going(desk: Desk, idle: Idle, has_just_begun: bool) -> None:
    folded = desk.executions.resident()
    for state in folded:
        _take_up(desk, state, has_just_begun)
        fault_point(ONE_TAKEN_UP)
    for state in folded:
        _mend_family(desk, state)
    for workflow_id, known in idle.items():
        if _family_differs(desk, known):
            _mend_family(desk, desk.executions[workflow_id])


def _take_up(desk: Desk, state: WorkflowState, has_just_begun: bool) -> None:
    turn = desk.turn(state)
    for task in list(state.open_tasks()):
        if has_just_begun and _held_by_a_dead_worker(state, task):
            data = {"status": str(TaskStatus.SCHEDULED), "not_before_ms": 0}
            turn.emit(EventKind.TASK_UPDATED, data, task)
            continue
        if task.status is TaskStatus.IN_PROGRESS:
            node = turn.node_of(task)
            desk.limits.admits(task, node.settings if node is not None else None)
        elif waits_for_worker(task):
            desk.enqueue(state, task, turn.now.wall_ms)
        elif task.task_type == "START_WORKFLOW":
            task_type_of(turn, task).begin(turn, task)
    desk.set_timers(state, ["", *state.open_task_ids])
    desk.go_on(turn, due=list(state.open_task_ids))


def _held_by_a_dead_worker(state: WorkflowState, task: TaskState) -> bool:
    if task.status is not TaskStatus.IN_PROGRESS or task.awaiting_check:
        return False
    if task.async_complete and task.begun:  # its part is done; somebody else completes it
        return False
    return (task.worker_id or "").startswith(IN_PROCESS_PREFIX)


def _mend_family(desk: Desk, state: WorkflowState) -> None:
    """Parents and children agree even if the last process ended between two commits."""
    for task in list(state.open_tasks()):
        if task.task_type != "SUB_WORKFLOW" or task.awaiting_check:
            continue
        if task.sub_workflow_id or not task.not_before_ms:
            resume_children(desk, state, task)
    parent_id, task_id = state.parent_workflow_id, state.parent_workflow_task_id
    if parent_id and task_id and parent_id not in desk.executions:
        _end_orphan(desk, state, parent_id, task_id)


def _family_differs(desk: Desk, known: IdleSummary) -> bool:
    """Whether a parent or child of an idle execution has ended, or a child has to be started."""
    if known.parent_id and known.parent_id not in desk.executions:
        return True
    launchers = [task for task in known.tasks if task.task_type == "SUB_WORKFLOW"]
    return any(task.child_id not in desk.executions for task in launchers if task.child_id) or any(
        not task.child_id and not task.deadline_ms for task in launchers
    )


def _end_orphan(desk: Desk, state: WorkflowState, parent_id: str, task_id: str) -> None:
    task = desk.state(parent_id).tasks.get(task_id)
    if task is not None and task.status is TaskStatus.CANCELED:
        end_child(desk, state.workflow_id, "Parent workflow has been terminated")
    else:
        tell_parent(desk, state)
