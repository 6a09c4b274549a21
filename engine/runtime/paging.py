"""Open executions: those at work in memory, idle ones folded again from their histories on need.

Rules of this file
  1. Transparent: whoever asks for an open execution gets its working state, paged out or not.
  2. What queues, limits and families need stays in memory (``Page`` and their own entries);
     everything else of an idle execution is in the store alone, its due times too (``due_window``).
  3. Nothing goes before all its events are durable: a state is marked in one batch and let go in
     a later one, once that batch is committed and if nobody has asked for it since.
  4. Read first, then decide: whoever can come again is told ``NotInMemory`` and does, once the
     history has been read on another thread (``retrieval``). Only who can't waits for the reading.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from typing import Any, Final, NamedTuple

import msgspec

from ..core.state import WorkflowState
from ..errors import StoreCorruptError
from ..models.enums import WorkflowStatus
from .weight import is_light

RESIDENT_EXECUTIONS: Final = 2_000
"""So many open executions stay in memory, idle or not: those asked for last."""
LONGEST_PAGED: Final = 500
"""Events of the longest history that is paged out: folding it again takes few milliseconds. Its
payloads may be as large as they are, since they are read apart."""
MOST_AT_ONCE: Final = 256
"""Executions paged out in one batch."""


class NotInMemory(Exception):
    """Executions have to be read before a command can run; it will be run again then."""

    def __init__(self, workflow_ids: Iterable[str]) -> None:
        """``workflow_ids``: paged out, all of them."""
        self.workflow_ids = list(workflow_ids)
        super().__init__(", ".join(self.workflow_ids))


class Page(msgspec.Struct, frozen=True, gc=False):
    """What memory keeps of an execution that is paged out."""

    name: str
    create_time: int
    last_event: int
    open_tasks: tuple[tuple[str, int], ...]
    """Type and scheduling time of each open task."""
    is_light: bool = False
    """Whether it is read and folded in a blink, as far as is known."""
    is_paused: bool = False
    """Whether it could not go on if it were given a slot of its rate limit."""


class Running(NamedTuple):
    """An open execution as lists need it."""

    workflow_id: str
    name: str
    create_time: int


class OpenExecutions(MutableMapping[str, WorkflowState]):
    """Working states of all open executions by id.

    Decider thread only, but for ``in``, ``len`` and ``running``, which any thread may ask.
    """

    def __init__(self, load: Callable[[str, Page], WorkflowState]) -> None:
        """Empty; ``load`` folds an execution again that was paged out, or raises."""
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

    def get_in_memory(self, workflow_id: str) -> WorkflowState | None:
        """The working state of an open execution that is not paged out."""
        return None if workflow_id in self._pages else self.get(workflow_id)

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

    # -- paged out -----------------------------------------------------------------------

    def page(self, workflow_id: str) -> Page | None:
        """What memory has of an execution that is paged out; None for all others."""
        return self._pages.get(workflow_id)

    def restore(self, workflow_id: str, page: Page, state: WorkflowState) -> None:
        """Take an execution back into memory, unless something else has become of it since."""
        if self._pages.get(workflow_id) is page:
            self._states[workflow_id] = state
            del self._pages[workflow_id]

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
            self._pages[workflow_id] = page_of(state)
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
            return page.is_light and page.last_event <= most_events
        state = self._states.get(workflow_id)
        return state is not None and state.last_event <= most_events and is_light(state)

    def paged_length(self, workflow_id: str) -> int | None:
        """Number of the newest event of one that is paged out, None of any other. Any thread."""
        page = self._pages.get(workflow_id)
        return None if page is None else page.last_event

    def add_page(self, workflow_id: str, page: Page) -> None:
        """Know an execution that a start has not folded."""
        self._pages[workflow_id] = page


def page_of(state: WorkflowState) -> Page:
    """What memory keeps of a state."""
    open_tasks = tuple((sys.intern(t.task_type), t.scheduled_time) for t in state.open_tasks())
    name = sys.intern(state.definition.name)
    is_paused = state.status is not WorkflowStatus.RUNNING
    return Page(name, state.create_time, state.last_event, open_tasks, is_light(state), is_paused)


def lost_events(workflow_id: str, known: int, stored: int) -> StoreCorruptError:
    """The error for a store that has other events than it had when an execution was paged out."""
    return StoreCorruptError(
        f"Execution {workflow_id} had {known} events, the store has {stored}. "
        "Stop the engine and put the files back from one backup."
    )
