"""Open executions: those at work in memory, idle ones folded again from their histories on need.

Rules of this file
  1. Transparent: whoever asks for an open execution gets its working state, paged out or not.
  2. What queues, timers, limits and families need stays in memory (``Page`` and their own
     entries); everything else of an idle execution is in the store alone.
  3. Nothing goes before all its events are durable: a state is marked in one batch and let go in
     a later one, once that batch is committed and if nobody has asked for it since.
  4. A summary beside the journal's events spares a start the folding. It is derived: it counts
     only for exactly the history it was made of, and whatever has none is folded.
"""

from __future__ import annotations

import logging
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator, MutableMapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from ..core.state import TaskState, WorkflowState
from ..core.timeouts import task_deadline_ms, workflow_deadline_ms
from ..errors import StoreCorruptError
from ..models.enums import TaskStatus
from ..store.base import IdleRow
from ..store.faults import fault_point
from .faults import PAGED_OUT
from .queues import Entry
from .start_slots import scope_of
from .weight import is_light

if TYPE_CHECKING:
    from .desk import Desk
    from .filing import Filing

logger = logging.getLogger(__name__)

RESIDENT_EXECUTIONS: Final = 2_000
"""So many open executions stay in memory, idle or not: those asked for last."""
MOST_AT_ONCE: Final = 256
"""Executions paged out in one batch."""

_FORM: Final = 1
"""Raised when summaries mean something else than before: old ones are then passed over."""
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


class Page(NamedTuple):
    """What memory keeps of an execution that is paged out."""

    name: str
    create_time: int
    last_event: int
    open_tasks: tuple[tuple[str, int], ...]
    """Type and scheduling time of each open task."""


class Running(NamedTuple):
    """An open execution as lists need it."""

    workflow_id: str
    name: str
    create_time: int


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(IdleSummary).decode


class OpenExecutions(MutableMapping[str, WorkflowState]):
    """Working states of all open executions by id.

    Decider thread only, but for ``in``, ``len`` and ``running``, which any thread may ask.
    """

    def __init__(self, load: Callable[[str, Page], WorkflowState]) -> None:
        """Empty; ``load`` folds an execution again that was paged out."""
        self.resident_limit = RESIDENT_EXECUTIONS
        self._load = load
        self._states: OrderedDict[str, WorkflowState] = OrderedDict()
        self._leaving: dict[str, tuple[int, WorkflowState]] = {}
        self._pages: dict[str, Page] = {}

    # -- as a mapping --------------------------------------------------------------------

    def get(self, workflow_id: str, default: Any = None) -> Any:
        """The working state of an open execution, or the default."""
        state = self._states.get(workflow_id)
        if state is not None:
            self._states.move_to_end(workflow_id)
            return state
        return self._recalled(workflow_id) or default

    def __getitem__(self, workflow_id: str) -> WorkflowState:
        state: WorkflowState | None = self.get(workflow_id)
        if state is None:
            raise KeyError(workflow_id)
        return state

    def _recalled(self, workflow_id: str) -> WorkflowState | None:
        leaving = self._leaving.get(workflow_id)
        page = self._pages.get(workflow_id)
        if leaving is not None:
            state = self._states[workflow_id] = leaving[1]
            del self._leaving[workflow_id]
        elif page is not None:
            state = self._states[workflow_id] = self._load(workflow_id, page)
            del self._pages[workflow_id]
        else:
            return None
        return state

    def __setitem__(self, workflow_id: str, state: WorkflowState) -> None:
        self._states[workflow_id] = state
        self._leaving.pop(workflow_id, None)
        self._pages.pop(workflow_id, None)

    def __delitem__(self, workflow_id: str) -> None:
        if workflow_id not in self:
            raise KeyError(workflow_id)
        self._states.pop(workflow_id, None)
        self._leaving.pop(workflow_id, None)
        self._pages.pop(workflow_id, None)

    def __contains__(self, workflow_id: object) -> bool:
        # In this order: a state is in its next place before it leaves its last.
        return (
            workflow_id in self._states
            or workflow_id in self._leaving
            or workflow_id in self._pages
            or workflow_id in self._states
        )

    def __iter__(self) -> Iterator[str]:
        return iter(list(dict.fromkeys((*self._pages, *self._leaving, *self._states))))

    def __len__(self) -> int:
        return len(self._states) + len(self._leaving) + len(self._pages)

    # -- as lists ------------------------------------------------------------------------

    @property
    def paged_count(self) -> int:
        """How many are not in memory."""
        return len(self._pages)

    def resident(self) -> list[WorkflowState]:
        """States in memory, those asked for last at the end."""
        return [*(state for _, state in self._leaving.values()), *self._states.values()]

    def running(self) -> list[Running]:
        """All open executions, in no order. Any thread."""
        found = {
            workflow_id: Running(workflow_id, page.name, page.create_time)
            for workflow_id, page in list(self._pages.items())
        }
        states = [state for _, state in list(self._leaving.values())]
        for state in [*states, *list(self._states.values())]:
            if state.definition is not None:
                key = state.workflow_id
                found[key] = Running(key, state.definition.name, state.create_time)
        return list(found.values())

    def pending(self, task_type: str) -> list[tuple[int, str]]:
        """Scheduling time and execution of each open task of a type, oldest first."""
        found = [
            (scheduled, workflow_id)
            for workflow_id, page in self._pages.items()
            for name, scheduled in page.open_tasks
            if name == task_type
        ]
        found += [
            (task.scheduled_time, state.workflow_id)
            for state in self.resident()
            for task in state.open_tasks()
            if task.task_type == task_type
        ]
        return sorted(found)

    # -- paging --------------------------------------------------------------------------

    def mark(self, batch: int, is_idle: Callable[[WorkflowState], bool]) -> None:
        """Choose those that may go once ``batch`` is committed: nobody asked for them for long."""
        excess = min(len(self._states) - self.resident_limit, MOST_AT_ONCE)
        for _ in range(excess):
            workflow_id, state = next(iter(self._states.items()))
            if is_idle(state):
                self._leaving[workflow_id] = (batch, state)
                del self._states[workflow_id]
            else:
                self._states.move_to_end(workflow_id)

    def let_go(self, committed: int) -> list[WorkflowState]:
        """Page out what was marked in committed batches; returns the states, to sum them up."""
        gone = []
        for workflow_id, (batch, state) in list(self._leaving.items()):
            if batch > committed:
                break  # marked in order
            self._pages[workflow_id] = _page(state)
            del self._leaving[workflow_id]
            gone.append(state)
        return gone

    def length(self, workflow_id: str) -> int | None:
        """Number of the newest event of an execution in memory, None of any other. Any thread."""
        state = self._states.get(workflow_id)
        if state is None:
            leaving = self._leaving.get(workflow_id)
            state = None if leaving is None else leaving[1]
        return None if state is None else state.last_event

    def folds_quickly(self, workflow_id: str, most_events: int) -> bool:
        """Whether an open execution is short and light. Any thread."""
        page = self._pages.get(workflow_id)
        if page is not None:
            return page.last_event <= most_events
        state = self._states.get(workflow_id)
        return state is not None and state.last_event <= most_events and is_light(state)

    def paged_length(self, workflow_id: str) -> int | None:
        """Number of the newest event of one that is paged out, None of any other. Any thread."""
        page = self._pages.get(workflow_id)
        return None if page is None else page.last_event

    def add_page(self, workflow_id: str, page: Page) -> None:
        """Know an execution that a start has not folded."""
        self._pages[workflow_id] = page


def _page(state: WorkflowState) -> Page:
    open_tasks = tuple((sys.intern(t.task_type), t.scheduled_time) for t in state.open_tasks())
    name = sys.intern(state.definition.name)
    return Page(name, state.create_time, state.last_event, open_tasks)


def lost_events(workflow_id: str, known: int, stored: int) -> StoreCorruptError:
    """The error for a store that has other events than it had when an execution was paged out."""
    return StoreCorruptError(
        f"Execution {workflow_id} had {known} events, the store has {stored}. "
        "Stop the engine and put the files back from one backup."
    )


def page_out(desk: Desk, batch: int, committed: int) -> None:
    """Let idle executions go from memory, with their summaries in the commit at hand.

    Args:
        desk: The desk at the end of a batch.
        batch: Number of that batch.
        committed: Number of the last batch that is durable.
    """
    executions = desk.executions
    for state in executions.let_go(committed):
        fault_point(PAGED_OUT)
        body = summary(desk, state)
        if body is not None:
            row = IdleRow(workflow_id=state.workflow_id, last_event=state.last_event, body=body)
            desk.outbox.commit.idle.append(row)
        for task_id in state.tasks:
            if task_id not in state.open_task_ids:
                desk.task_home.pop(task_id, None)
    if not desk.has_effects:
        executions.mark(batch, lambda state: _is_idle(desk, state))


def _is_idle(desk: Desk, state: WorkflowState) -> bool:
    # A heavy one would hold up everybody when a timer or a worker's poll brings it back.
    return desk.is_settled(state.workflow_id) and is_light(state)


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
    if known.form != _FORM:
        return None
    now_ms = desk.clock.now().wall_ms
    if known.idempotency_key:
        desk.start_keys.noted(workflow_id, known.name, known.idempotency_key)
    if known.deadline_ms:
        desk.timers.at(known.deadline_ms, workflow_id)
    for task in known.tasks:
        task_id = task.task_id
        desk.task_home[task_id] = workflow_id
        if task.deadline_ms:
            desk.timers.at(task.deadline_ms, workflow_id, task_id)
        if task.queue:
            queue = sys.intern(task.queue)
            entry = Entry(workflow_id, task_id, queue, task.priority, task.visible_ms)
            desk.queues.push(entry, now_ms)
        if task.slot:
            desk.limits.keep(task.slot, task_id)
    open_tasks = tuple((sys.intern(t.task_type), t.scheduled_time) for t in known.tasks)
    page = Page(sys.intern(known.name), known.create_time, known.last_event, open_tasks)
    desk.executions.add_page(workflow_id, page)
    return known
