"""Where executions are kept, and how the events of a turn are put away.

Each event goes into the outbox of the batch; what follows from it is set at once: rows of the
history, queues, timers, limits, which executions are open. All of it can be made again from the
histories.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from ..core.apply import fold
from ..core.events import EventKind, HistoryEvent
from ..core.projection import execution_row, task_row
from ..core.state import TaskState, WorkflowState
from ..core.timeouts import LAUNCHERS, task_deadline_ms, workflow_deadline_ms
from ..core.turn import EvaluationRequest, Turn
from ..errors import EngineError, NotFoundError
from ..models.enums import TaskStatus, WorkflowStatus
from ..store.base import Store
from ..store.faults import fault_point
from .clock import Clock
from .due_window import DueWindow
from .embedded_queues import EmbeddedQueues
from .faults import FOLDED_AGAIN, FORGOTTEN
from .limits import HandOffLimits
from .measures import Measures
from .paging import NotInMemory, OpenExecutions, Page, lost_events
from .queues import Entry, TaskQueues, queue_name
from .registry import Registry
from .start_keys import StartKeys
from .start_slots import StartSlots
from .timers import Timers
from .writer import Outbox

RECENTLY_ENDED = 500
RECENTLY_REMOVED = 10_000
"""Many more than batches hold that are not committed yet."""
_LATEST_MS = 2**62
"""The journal keeps no later moment: a definition may name seconds by the trillion."""
_SHOWN_WHILE_OPEN = frozenset({"HUMAN", "WAIT"})
"""Types whose open tasks are rows of the history too: people look for what waits for them."""
_ROW_KINDS = frozenset(
    {
        EventKind.WORKFLOW_STARTED,
        EventKind.WORKFLOW_ENDED,
        EventKind.WORKFLOW_PAUSED,
        EventKind.WORKFLOW_RESUMED,
        EventKind.WORKFLOW_RETRIED,
        EventKind.WORKFLOW_REVIVED,
        EventKind.WORKFLOW_RESTARTED,
        EventKind.WORKFLOW_RERUN,
        EventKind.OUTPUT_SET,
    }
)


class NotAtHandError(EngineError):
    """An execution is not in memory, and the history is not to be asked now."""

    def __init__(self, workflow_id: str) -> None:
        """``workflow_id``: of the execution."""
        super().__init__(f"Execution {workflow_id} is not in memory.")
        self.workflow_id = workflow_id


class Filing:
    """The executions in memory and all that is derived from them. Decider thread only."""

    def __init__(self, store: Store, registry: Registry, clock: Clock) -> None:
        """Nothing filed yet.

        Args:
            store: Where ended executions are read from.
            registry: Definitions and snapshots.
            clock: What time it is.
        """
        self.store = store
        self.registry = registry
        self.clock = clock
        self.limits = HandOffLimits()
        self.measures = Measures()
        self.outbox = Outbox()
        self.is_incomplete = False
        """Whether it is being made from the store again, or could not be. Any thread."""
        self.clear()

    def clear(self) -> None:
        """Know nothing of what the store has: everything here can be made from it again."""
        self.queues: TaskQueues = EmbeddedQueues()
        self.timers = Timers()
        self.due_window = DueWindow(self.timers)
        self.limits = self.limits.without_holders()
        self.start_keys = StartKeys()
        self.start_slots = StartSlots()
        self.unfinished: deque[str] = deque()
        """Executions that the decider has to go on with in the next batch."""
        self.executions = self._no_executions()
        self.untouched_at = -1
        """Size of the outbox at which the command at hand has not done anything yet and can be
        run again later; -1: it can't."""
        self.ended: OrderedDict[str, WorkflowState] = OrderedDict()
        self._touched: dict[str, None] = {}
        """Ended executions that this batch has recorded something of."""
        self._undurable: dict[str, int] = {}
        """Ended executions by the newest batch that has something of them and is not committed."""
        self.removed: OrderedDict[str, None] = OrderedDict()
        """Executions deleted lately: the store may still have them, or a reader have read them."""
        self._may_read = True
        self.task_home: dict[str, str] = {}
        self.evaluating: dict[str, dict[str, EvaluationRequest]] = {}

    def _no_executions(self) -> OpenExecutions:
        executions = OpenExecutions(self._read_now)
        before: OpenExecutions | None = getattr(self, "executions", None)
        if before is not None:
            executions.resident_limit = before.resident_limit
        return executions

    # -- executions ----------------------------------------------------------------------

    def state(self, workflow_id: str) -> WorkflowState:
        """The working state of an execution, loaded from the store if it has ended long ago.

        Raises:
            NotFoundError: No such execution.
            NotAtHandError: It would have to be loaded, ``without_reading``.
        """
        state = self.executions.get(workflow_id) or self.ended.get(workflow_id)
        if state is None:
            if not self._may_read and workflow_id not in self.removed:
                raise NotAtHandError(workflow_id)
            events = [] if workflow_id in self.removed else self.store.events(workflow_id)
            if not events:
                raise NotFoundError(f"No such workflow found by id: {workflow_id}")
            state = fold(events, self.registry.definition_of)
            self._keep_ended(state)
        return state

    def _read_now(self, workflow_id: str, page: Page) -> WorkflowState:
        """The working state of an execution that is paged out.

        Raises:
            NotInMemory: The command at hand can come again when it has been read.
        """
        if self.untouched_at == self.outbox.size():
            raise NotInMemory([workflow_id])
        return self._folded_again(workflow_id, page, self.store.events(workflow_id))

    def recall(self, workflow_id: str, events: Sequence[HistoryEvent]) -> None:
        """Take an execution into memory again whose events have been read.

        Raises:
            StoreCorruptError: They are not those it had.
        """
        page = self.executions.page(workflow_id)
        if page is not None:
            state = self._folded_again(workflow_id, page, events)
            self.executions.restore(workflow_id, page, state)

    def _folded_again(
        self, workflow_id: str, page: Page, events: Sequence[HistoryEvent]
    ) -> WorkflowState:
        state = fold(events, self.registry.definition_of)
        if state.last_event != page.last_event:
            raise lost_events(workflow_id, page.last_event, state.last_event)
        for task_id in state.tasks:
            self.task_home[task_id] = workflow_id
        # Its timers may have left memory with it. One of the past rings at once.
        for task_id, deadline in _deadlines(state):
            self.timers.at(deadline, workflow_id, task_id)
        fault_point(FOLDED_AGAIN)
        return state

    def require(self, workflow_ids: Iterable[str]) -> None:
        """See that executions are in memory, if the command at hand can come again.

        Raises:
            NotInMemory: Some of them have to be read first.
        """
        if self.untouched_at == self.outbox.size():
            missing = [key for key in workflow_ids if self.executions.page(key) is not None]
            if missing:
                raise NotInMemory(missing)

    @contextmanager
    def without_reading(self) -> Iterator[None]:
        """Meanwhile ``state`` raises instead of reading the history, which takes milliseconds.

        For commands that look at others before they change anything: they are tried again once
        another thread has read what was missing.
        """
        self._may_read = False
        try:
            yield
        finally:
            self._may_read = True

    def adopt(self, state: WorkflowState) -> None:
        """Take over an ended execution that another thread has read and folded."""
        workflow_id = state.workflow_id
        if not self.knows(workflow_id) and workflow_id not in self.removed:
            self._keep_ended(state)

    def _keep_ended(self, state: WorkflowState) -> None:
        self.ended[state.workflow_id] = state
        self.ended.move_to_end(state.workflow_id)
        self._let_ended_go()

    def _let_ended_go(self) -> None:
        while len(self.ended) > RECENTLY_ENDED:
            oldest = next(iter(self.ended))
            if oldest in self._touched or oldest in self._undurable:
                return  # whoever read it from the store would not see how it ended
            for task_id in self.ended.pop(oldest).tasks:
                self.task_home.pop(task_id, None)

    def let_ended_go(self, batch: int, committed: int) -> None:
        """Forget ended executions beyond the latest, once all of them is durable.

        Args:
            batch: Number of the batch at whose end this is.
            committed: Number of the last batch that is durable.
        """
        if self._undurable:
            self._undurable = {key: n for key, n in self._undurable.items() if n > committed}
        self._undurable |= dict.fromkeys(self._touched, batch)
        self._touched.clear()
        self._let_ended_go()

    def forget(self, state: WorkflowState) -> None:
        """Take an execution out of everything; its history is deleted with the next commit."""
        workflow_id = state.workflow_id
        self.executions.pop(workflow_id, None)
        self.ended.pop(workflow_id, None)
        self.start_keys.forget(state)
        self.pass_slot_on(state)
        self.evaluating.pop(workflow_id, None)
        self.timers.forget(workflow_id)
        for task_id in state.tasks:
            self.queues.remove(task_id)
            self.timers.forget(workflow_id, task_id)
            self.task_home.pop(task_id, None)
        self.outbox.commit.removed.append(workflow_id)
        self.removed[workflow_id] = None
        if len(self.removed) > RECENTLY_REMOVED:
            self.removed.popitem(last=False)
        fault_point(FORGOTTEN)

    def pass_slot_on(self, state: WorkflowState) -> None:
        """An execution needs no slot of its rate limit any more: the next one may go on."""
        self.start_slots.closed(state)
        self.offer_slot(state)

    def offer_slot(self, state: WorkflowState) -> None:
        """Let the next one go on if a slot is free in this scope: several may be, at once."""
        following = self.start_slots.next_in(state, self.may_go)
        if following is not None and following not in self.unfinished:
            self.unfinished.append(following)

    def may_go(self, workflow_id: str) -> bool:
        """Whether an execution could go on if it had a slot. Reads nothing from the store."""
        page = self.executions.page(workflow_id)
        if page is not None:
            return not page.is_paused
        state = self.executions.get(workflow_id)
        return state is not None and state.status is WorkflowStatus.RUNNING

    def knows(self, workflow_id: str) -> bool:
        """Whether the execution is in memory."""
        return workflow_id in self.executions or workflow_id in self.ended

    # -- putting away --------------------------------------------------------------------

    def file_events(self, turn: Turn) -> None:
        """Put a turn's events into the outbox and set queues and timers by them."""
        state = turn.state
        events = turn.events
        if not events:
            return
        commit = self.outbox.commit
        commit.events += events
        self._file_openness(state)
        if state.status.is_terminal:
            self._touched[state.workflow_id] = None
        touched: dict[str, None] = {}
        removals: list[HistoryEvent] = []
        has_new_row = resumed = False
        for event in events:
            if event.task_id:
                touched[event.task_id] = None
            if event.kind in _ROW_KINDS:
                has_new_row = True
                resumed = resumed or event.kind is EventKind.WORKFLOW_RESUMED
            elif event.kind is EventKind.TASKS_REMOVED:
                removals.append(event)
        for task_id in touched:
            task = state.tasks.get(task_id)
            if task is not None:
                self._file_task(state, task, turn.now.wall_ms)
        if has_new_row:
            self._file_execution(state)
        if resumed:  # the time-outs of its tasks were held meanwhile
            self.set_timers(state, list(state.open_task_ids))
        for event in removals:
            self._file_removed(event)
        turn.events = []

    def _file_openness(self, state: WorkflowState) -> None:
        workflow_id = state.workflow_id
        if state.status.is_terminal:
            self.pass_slot_on(state)  # also where it was opened again and ended in this very turn
            if self.executions.pop(workflow_id, None) is not None:
                self._keep_ended(state)
                self.measures.ended.add(str(state.status))
                self.start_keys.ended(state)
                self.evaluating.pop(workflow_id, None)
                self.timers.forget(workflow_id)
                _drop(self.outbox.commit.reopened, workflow_id)
                self.outbox.commit.closed.append(workflow_id)
        elif workflow_id not in self.executions:
            self.ended.pop(workflow_id, None)
            self.executions[workflow_id] = state
            self.start_keys.opened(state)
            self.start_slots.opened(state)
            if not _drop(self.outbox.commit.closed, workflow_id):
                self.outbox.commit.reopened.append(workflow_id)
            for task in state.tasks.values():
                self.task_home[task.task_id] = workflow_id

    def _file_task(self, state: WorkflowState, task: TaskState, now_ms: int) -> None:
        task_id = task.task_id
        self.task_home[task_id] = state.workflow_id
        if task.status.is_terminal or task.retried:
            self.queues.remove(task_id)
            self.timers.forget(state.workflow_id, task_id)
            self.outbox.commit.tasks.append(task_row(state, task))
            if self.limits.free(task):
                self.queues.release(task.task_def_name, now_ms)
            return
        if task.task_type in _SHOWN_WHILE_OPEN and task.last_event == task.scheduled_event:
            self.outbox.commit.tasks.append(task_row(state, task))
        if waits_for_worker(task):
            self.enqueue(state, task, now_ms)
        else:
            self.queues.remove(task_id)
        deadline = task_deadline_ms(state, task)
        if deadline:
            self.timers.at(deadline, state.workflow_id, task_id)

    def set_timers(self, state: WorkflowState, task_ids: Sequence[str]) -> None:
        """Set the timers of open tasks ("" for the execution) by their deadlines of now."""
        now_ms = self.clock.now().wall_ms
        for task_id in task_ids:
            if not task_id:
                deadline = workflow_deadline_ms(state)
            else:
                task = state.tasks.get(task_id)
                deadline = task_deadline_ms(state, task) if task is not None else 0
            if deadline:
                # An alert-only deadline stays in the past; it must not ring without end.
                self.timers.at(
                    deadline if deadline > now_ms else now_ms + 60_000, state.workflow_id, task_id
                )

    def enqueue(self, state: WorkflowState, task: TaskState, now_ms: int) -> None:
        """Put a task into the queue its worker polls; ``now_ms`` is the present moment."""
        entry = Entry(
            state.workflow_id,
            task.task_id,
            queue_name(task.task_type, task.domain),
            task.workflow_priority,
            # A clock that was set back holds back only what asked for a delay.
            max(task.not_before_ms, min(task.scheduled_time, now_ms)),
        )
        known = self.queues.entry(task.task_id)
        if known is None or known.visible_ms != entry.visible_ms or known.queue != entry.queue:
            self.queues.push(entry, now_ms)

    def _file_execution(self, state: WorkflowState) -> None:
        self.outbox.commit.executions.append(execution_row(state))
        deadline = workflow_deadline_ms(state)
        if deadline:
            self.timers.at(deadline, state.workflow_id)

    def _file_removed(self, event: HistoryEvent) -> None:
        for task_id in event.data.get("task_ids") or ():
            for limit in self.limits.forget(task_id):
                self.queues.release(limit, event.wall_ms)
            self.queues.remove(task_id)
            self.timers.forget(event.workflow_id, task_id)
            self.task_home.pop(task_id, None)


def _deadlines(state: WorkflowState) -> Iterator[tuple[str, int]]:
    """Moments at which an execution ("") or one of its open tasks has to be looked at."""
    deadline = workflow_deadline_ms(state)
    if deadline:
        yield "", deadline
    for task in state.open_tasks():
        deadline = task_deadline_ms(state, task)
        if deadline:
            yield task.task_id, deadline


def earliest_deadline_ms(state: WorkflowState) -> int:
    """When an execution has to be looked at next, 0 for never."""
    earliest = min((deadline for _, deadline in _deadlines(state)), default=0)
    return min(earliest, _LATEST_MS)


def due_task_ids(state: WorkflowState, now_ms: int) -> list[str]:
    """Open tasks whose deadline has come."""
    return [key for key, deadline in _deadlines(state) if key and deadline <= now_ms]


def waits_for_worker(task: TaskState) -> bool:
    """Whether a task stands in a queue: not what the decider or a child moves on."""
    if task.status is not TaskStatus.SCHEDULED or task.revisit:
        return False
    return task.task_type not in LAUNCHERS


def _drop(items: list[str], item: str) -> bool:
    if item in items:
        items.remove(item)
        return True
    return False
