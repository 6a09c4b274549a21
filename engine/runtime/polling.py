"""Workers at the desk: polls, hand-outs, results."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from ..core.events import EventKind
from ..core.expressions import substitute_secrets
from ..core.records import node_of
from ..core.state import TaskState, WorkflowState
from ..core.turn import Turn
from ..core.updates import start_task, update_task
from ..core.wire import task_wire
from ..errors import NotFoundError
from ..models.enums import TaskStatus
from ..store.faults import fault_point
from .answers import Answer
from .desk import Desk
from .faults import HANDED_OUT, RESULT_TAKEN
from .queues import Entry, PollWaiter, queue_name
from .retrieval import Then
from .vault import hidden

logger = logging.getLogger(__name__)

Wire = dict[str, Any]
HandOver = Callable[[WorkflowState, TaskState], Wire]

IN_PROCESS_PREFIX: Final = "in-process/"
"""Worker ids of this process begin so: their tasks are queued again when the process restarts."""

READ_AHEAD: Final = 16
"""So many executions at the head of a queue are kept in memory while it is polled."""


class Polling:
    """Hands tasks to workers and takes their results. Decider thread only."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        """``secrets`` fill ``${workflow.secrets.NAME}`` in the copy that a worker gets."""
        self.secrets = secrets

    def poll(
        self,
        desk: Desk,
        task_type: str,
        worker_id: str | None,
        domain: str | None,
        count: int,
        timeout_ms: int,
        future: Answer[list[Wire]],
    ) -> list[Wire] | None:
        """Tasks that can be handed out now; None after parking the poll."""
        now_ms = desk.clock.now().wall_ms
        name = queue_name(task_type, domain)
        self.expect(desk, name, count)
        desk.note_poll(task_type, domain, worker_id, now_ms)
        if count <= 0:
            return []
        tasks = self._hand_over(desk, desk.queues.take(name, count, now_ms), worker_id, now_ms)
        self._look_ahead(desk, name, now_ms)
        if tasks or timeout_ms <= 0:
            return tasks
        desk.queues.wait(PollWaiter(name, worker_id, count, now_ms + timeout_ms, future))
        return None

    def expect(self, desk: Desk, name: str, count: int) -> None:
        """See that what a poll of a queue would be handed is in memory.

        Raises:
            NotInMemory: It has to be read first; the command at hand will be run again.
        """
        if desk.executions.paged_count:
            now_ms = desk.clock.now().wall_ms
            desk.require(entry.workflow_id for entry in desk.queues.ahead(name, count, now_ms))

    def _look_ahead(self, desk: Desk, name: str, now_ms: int) -> None:
        """Have what the next polls will be handed read before they come."""
        if not desk.executions.paged_count:
            return
        following = desk.queues.ahead(name, READ_AHEAD, now_ms)
        paged = [e.workflow_id for e in following if desk.executions.page(e.workflow_id)]
        if 2 * len(paged) > READ_AHEAD:  # several at a time: each reading wakes the decider
            for workflow_id in paged:
                desk.retrieval.fetch(desk, workflow_id)

    def hand_out(self, desk: Desk) -> None:
        """Pair parked polls with tasks, and answer the polls whose time is up."""
        now_ms = desk.clock.now().wall_ms
        for waiter, entries in desk.queues.match(now_ms):
            tasks = self._hand_over(desk, self._present(desk, entries), waiter.worker_id, now_ms)
            if tasks:
                desk.outbox.answers.append((waiter.future, tasks))
            else:
                desk.queues.wait(waiter)
        for waiter in desk.queues.expired(now_ms):
            desk.outbox.answers.append((waiter.future, []))

    def _present(self, desk: Desk, entries: list[Entry]) -> list[Entry]:
        """Those whose executions are in memory; the others come back when they have been read."""
        present = []
        for entry in entries:
            if desk.executions.page(entry.workflow_id) is None:
                present.append(entry)
            else:
                _hold_until_read(desk, entry)
        return present

    def _hand_over(
        self, desk: Desk, entries: list[Entry], worker_id: str | None, now_ms: int
    ) -> list[Wire]:
        tasks = []
        for entry in entries:
            try:
                state = desk.executions.get(entry.workflow_id)
            except Exception as error:  # damaged, or away: others of the queue are handed out
                logger.error("Task %s can't be handed out: %s", entry.task_id, error)
                _hold_until_read(desk, entry)
                continue
            task = None if state is None else state.tasks.get(entry.task_id)
            if state is None or task is None or task.status.is_terminal:
                continue
            if not self._may_go(desk, entry, state, task, now_ms):
                continue
            turn = desk.turn(state)
            task = start_task(turn, task, worker_id)
            desk.file(turn)
            fault_point(HANDED_OUT)
            tasks.append(self._wire(state, task))
        if tasks:
            desk.measures.handed_out.add(tasks[0]["taskType"], len(tasks))
        return tasks

    def give_back(self, desk: Desk, tasks: list[Wire]) -> None:
        """Queue tasks again that were handed to a worker which did not take them."""
        for wire in tasks:
            state = desk.executions.get(wire["workflowInstanceId"])
            task = None if state is None else state.tasks.get(wire["taskId"])
            if state is None or task is None or task.status is not TaskStatus.IN_PROGRESS:
                continue
            turn = desk.turn(state)
            data = {"status": str(TaskStatus.SCHEDULED), "not_before_ms": 0}
            turn.emit(EventKind.TASK_UPDATED, data, task)
            desk.go_on(turn)

    def _may_go(
        self, desk: Desk, entry: Entry, state: WorkflowState, task: TaskState, now_ms: int
    ) -> bool:
        """Whether the limits of the task definition let the task go; else it waits on."""
        node = node_of(state, task)
        settings = node.settings if node is not None else None
        if not desk.limits.admits(task, settings):
            desk.queues.hold(entry, task.task_def_name)
            return False
        wait_ms = desk.limits.wait_ms(task, settings, now_ms)
        if wait_ms > 0:
            later = msgspec.structs.replace(entry, visible_ms=now_ms + wait_ms)
            desk.queues.push(later, now_ms)
            return False
        return True

    def _wire(self, state: WorkflowState, task: TaskState) -> Wire:
        wire = task_wire(state, task)
        if task.begun:
            wire["begun"] = True
        if has_secrets(task):
            wire["inputData"] = substitute_secrets(task.input_data, self.secrets)
        return wire

    def update(
        self,
        desk: Desk,
        result: Wire,
        error: Wire | None = None,
        merge: bool = False,
        actor: str = "user",
        fields: Wire | None = None,
    ) -> TaskState:
        """Apply a worker's result; one that comes too late changes nothing. ``actor``: whose.

        Raises:
            NotFoundError: The execution or the task does not exist.
        """
        workflow_id, task_id = result["workflowInstanceId"], result["taskId"]
        state = desk.state(workflow_id)
        task = state.tasks.get(task_id)
        if task is None:
            raise NotFoundError(f"No such task found by id: {task_id}")
        if has_secrets(task):  # what it was handed must not come back into the history
            result, error = hidden(result, self.secrets), hidden(error, self.secrets)

        def apply_result(turn: Turn) -> bool:
            return update_task(turn, task, result, error, merge, fields, is_measured=True)

        if not task.status.is_terminal and not state.status.is_terminal:
            desk.act(workflow_id, apply_result, actor)
            fault_point(RESULT_TAKEN)
        return state.tasks.get(task_id) or task


def _hold_until_read(desk: Desk, entry: Entry) -> None:
    reason = f"reading/{entry.workflow_id}"
    desk.queues.hold(entry, reason)
    desk.retrieval.insist(desk, entry.workflow_id, _released(desk, reason))


def _released(desk: Desk, reason: str) -> Then:
    def then(error: Exception | None) -> None:
        if error is None:
            desk.queues.release(reason, desk.clock.now().wall_ms)

    return then


def has_secrets(task: TaskState) -> bool:
    """Whether a task is handed secrets with its input."""
    return any("workflow.secrets" in origin["expression"] for origin in task.origins)
