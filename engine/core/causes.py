"""Which failed task is a cause and which only a consequence.

Rules of this file
  1. A failed task is a cause when no other failed task precedes it on its causal path (the
     parents of its events).
  2. A join, loop or sub-workflow task that failed because something inside failed is a
     consequence; the search goes on inside.
  3. A time-out points to the task that held the time.
  4. An optional failure is no cause; a failure that is still being retried is one with the role
     ``failing``.
  5. Only the newest attempt of a reference counts, unless it is open: then the failed attempt
     before it explains why the execution is failing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec

from ..models.enums import TaskStatus, WorkflowStatus
from .events import EventKind, HistoryEvent
from .state import TaskState, WorkflowState

Role = Literal["cause", "failing", "terminated", "optional", "compensating"]

_BAD: Final = frozenset(
    {TaskStatus.FAILED, TaskStatus.FAILED_WITH_TERMINAL_ERROR, TaskStatus.TIMED_OUT}
)
_CONTAINERS: Final = frozenset(
    {"JOIN", "EXCLUSIVE_JOIN", "DO_WHILE", "SUB_WORKFLOW", "SWITCH", "DECISION", "FORK"}
)
_FAILING_KINDS: Final = frozenset(
    {EventKind.TASK_FAILED, EventKind.TASK_TIMED_OUT, EventKind.TASK_COMPLETED}
)
_SIGNS_OF_LIFE: Final = frozenset(
    {EventKind.TASK_STARTED, EventKind.TASK_UPDATED, EventKind.LEASE_EXTENDED}
)
FAILURE_WORKFLOW_KEY: Final = "conductor.failure_workflow"


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One cause: the task (None when the execution itself is to blame) and how it was reached."""

    state: WorkflowState
    task: TaskState | None
    role: Role
    trail: tuple[tuple[WorkflowState, TaskState], ...] = ()
    """Sub-workflow tasks from the outermost execution inwards, each with its execution."""
    timed_out: WorkflowState | None = None
    """The execution whose time was up, when ``task`` is the one that held the time."""
    compensates: WorkflowState | None = None
    """The execution whose failure workflow ``trail`` begins in."""

    @property
    def moment(self) -> tuple[int, int]:
        """Sort key: when it failed."""
        if self.task is None:
            return self.state.end_time or self.state.update_time, self.state.last_event
        return self.task.end_time or self.task.update_time, self.task.last_event


class Evidence:
    """Events of an execution tree, indexed once for the questions of this package.

    One pass over each history that is asked about; nothing is read before that.
    """

    def __init__(
        self,
        states: Mapping[str, WorkflowState],
        events: Mapping[str, Sequence[HistoryEvent]],
    ) -> None:
        """Keep the tree; histories may be missing (the answers get less precise)."""
        self.states = states
        self._events = events
        self._by_number: dict[str, dict[int, HistoryEvent]] = {}
        self._endings: dict[str, dict[str, HistoryEvent]] = {}
        self._signs: dict[str, dict[str, list[HistoryEvent]]] = {}

    def ending(self, state: WorkflowState, task: TaskState) -> HistoryEvent | None:
        """The event with which an attempt ended."""
        self._index(state.workflow_id)
        return self._endings[state.workflow_id].get(task.task_id)

    def signs_of_life(self, state: WorkflowState, task: TaskState) -> list[HistoryEvent]:
        """Polls, updates and lease extensions of an attempt, oldest first."""
        self._index(state.workflow_id)
        return self._signs[state.workflow_id].get(task.task_id, [])

    def last(self, state: WorkflowState, *kinds: EventKind) -> HistoryEvent | None:
        """The newest event of these kinds in one execution."""
        for event in reversed(self._events.get(state.workflow_id, ())):
            if event.kind in kinds:
                return event
        return None

    def failed_before(self, state: WorkflowState, task: TaskState, bad: Mapping[str, str]) -> bool:
        """Whether another failed task lies on the causal path of this one.

        Args:
            state: The execution.
            task: The failed task in question.
            bad: Task id of each failed task, with its reference.
        """
        self._index(state.workflow_id)
        numbers = self._by_number[state.workflow_id]
        ending = self.ending(state, task)
        number = ending.parent if ending else task.scheduled_event
        while number:
            event = numbers.get(number)
            if event is None:
                return False
            reference = bad.get(event.task_id)
            ended = self._endings[state.workflow_id].get(event.task_id)
            if reference not in (None, task.reference_task_name) and ended is event:
                return True
            number = event.parent if event.parent < number else 0
        return False

    def _index(self, workflow_id: str) -> None:
        if workflow_id in self._by_number:
            return
        numbers: dict[int, HistoryEvent] = {}
        endings: dict[str, HistoryEvent] = {}
        signs: dict[str, list[HistoryEvent]] = {}
        for event in self._events.get(workflow_id, ()):
            numbers[event.number] = event
            if event.kind in _FAILING_KINDS:
                endings[event.task_id] = event
            elif event.kind in _SIGNS_OF_LIFE:
                signs.setdefault(event.task_id, []).append(event)
        self._by_number[workflow_id] = numbers
        self._endings[workflow_id] = endings
        self._signs[workflow_id] = signs


def find_causes(evidence: Evidence, root_id: str) -> tuple[list[Found], list[Found]]:
    """The causes of an execution tree and its optional failures, both ordered by time."""
    state = evidence.states[root_id]
    causes: list[Found] = []
    optional: list[Found] = []
    _search(evidence, state, (), causes, optional)
    causes.sort(key=lambda found: found.moment)
    compensation = state.output.get(FAILURE_WORKFLOW_KEY)
    child = evidence.states.get(compensation) if isinstance(compensation, str) else None
    if child is not None and child is not state:
        inner: list[Found] = []
        _search(evidence, child, (), inner, optional)
        causes += [
            msgspec.structs.replace(found, role="compensating", compensates=state)
            for found in sorted(inner, key=lambda found: found.moment)
        ]
    optional.sort(key=lambda found: found.moment)
    return causes, optional


def _search(
    evidence: Evidence,
    state: WorkflowState,
    trail: tuple[tuple[WorkflowState, TaskState], ...],
    causes: list[Found],
    optional: list[Found],
) -> None:
    """Add what went wrong in one execution and in those below it."""
    before = len(causes)
    if _ended_by_person(evidence, state):
        held = _holder(state)
        causes.append(Found(state=state, task=held, role="terminated", trail=trail))
    bad = _bad_tasks(state)
    # Optional failures did not stop the flow, so nothing after them is their consequence.
    references = {
        task.task_id: task.reference_task_name for task, role in bad if role != "optional"
    }
    for task, role in bad:
        if _explained_inside(evidence, state, task, role, trail, causes, optional):
            continue
        if _is_consequence(evidence, state, task, references):
            continue
        target = optional if role == "optional" else causes
        target.append(Found(state=state, task=task, role=role, trail=trail))
    searched = {task.task_id for task, _ in bad}
    _search_running(evidence, state, trail, causes, optional, searched)
    if len(causes) == before and state.status.is_terminal and not state.status.is_successful:
        causes += _execution_itself(evidence, state, trail)


def _bad_tasks(state: WorkflowState) -> list[tuple[TaskState, Role]]:
    """Failed tasks in order of scheduling, each with the role it would have."""
    result: list[tuple[TaskState, Role]] = []
    for task_id in state.latest.values():
        task = state.tasks[task_id]
        if task.status in _BAD:
            result.append((task, "cause"))
        elif task.status is TaskStatus.CANCELED and task.task_id == state.failed_task_id:
            # Only a worker's or a terminated child's CANCELED ends an execution.
            result.append((task, "cause"))
        elif task.status is TaskStatus.COMPLETED_WITH_ERRORS and task.optional:
            result.append((task, "optional"))
        elif not task.status.is_terminal and not state.status.is_terminal and task.retried_task_id:
            failed = state.tasks.get(task.retried_task_id)
            if failed is not None and failed.status in _BAD:
                result.append((failed, "optional" if failed.optional else "failing"))
    result.sort(key=lambda pair: pair[0].seq)
    return result


def _explained_inside(
    evidence: Evidence,
    state: WorkflowState,
    task: TaskState,
    role: Role,
    trail: tuple[tuple[WorkflowState, TaskState], ...],
    causes: list[Found],
    optional: list[Found],
) -> bool:
    """Whether a sub-workflow task failed because of something found in its child."""
    child = evidence.states.get(task.sub_workflow_id or "")
    if child is None:
        return False
    inner: list[Found] = []
    _search(evidence, child, (*trail, (state, task)), inner, optional)
    if role != "cause":
        inner = [msgspec.structs.replace(found, role=role) for found in inner]
    (optional if role == "optional" else causes).extend(inner)
    return bool(inner)


def _is_consequence(
    evidence: Evidence, state: WorkflowState, task: TaskState, bad: Mapping[str, str]
) -> bool:
    if len(bad) < 2:
        return False
    if evidence.failed_before(state, task, bad):
        return True
    if task.task_type not in _CONTAINERS:
        return False
    others = [state.tasks[task_id] for task_id in bad if task_id != task.task_id]
    if task.task_type == "DO_WHILE":
        node = state.definition.nodes.get(task.node) if state.definition else None
        return node is not None and any(o.node in node.body_references for o in others)
    if task.task_type in ("JOIN", "EXCLUSIVE_JOIN"):
        joined = task.input_data.get("joinOn")
        names = set(joined) if isinstance(joined, list) else set()
        return any(o.base_reference in names or o.reference_task_name in names for o in others)
    return False


def _search_running(
    evidence: Evidence,
    state: WorkflowState,
    trail: tuple[tuple[WorkflowState, TaskState], ...],
    causes: list[Found],
    optional: list[Found],
    searched: set[str],
) -> None:
    """Look into children of sub-workflow tasks that did not fail (or not yet)."""
    for task_id in state.latest.values():
        task = state.tasks[task_id]
        child = evidence.states.get(task.sub_workflow_id or "")
        if child is None or task_id in searched or task.status is TaskStatus.CANCELED:
            continue
        inner = causes if not task.status.is_terminal else []
        _search(evidence, child, (*trail, (state, task)), inner, optional)


def _execution_itself(
    evidence: Evidence, state: WorkflowState, trail: tuple[tuple[WorkflowState, TaskState], ...]
) -> list[Found]:
    """The cause of an execution that ended badly without a failed task."""
    ended = evidence.last(state, EventKind.WORKFLOW_ENDED)
    if state.status is WorkflowStatus.TERMINATED and _ended_by_parent(ended, state):
        return []
    for task in reversed(state.tasks.values()):
        if task.task_type == "TERMINATE" and task.status is TaskStatus.COMPLETED:
            return [Found(state=state, task=task, role="cause", trail=trail)]
    if state.status is not WorkflowStatus.TIMED_OUT:
        return [Found(state=state, task=None, role="cause", trail=trail)]
    timed_out, held = state, _holder(state)
    while held is not None and (child := evidence.states.get(held.sub_workflow_id or "")):
        trail = (*trail, (state, held))
        state, held = child, _holder(child)
    return [Found(state=state, task=held, role="cause", trail=trail, timed_out=timed_out)]


def _holder(state: WorkflowState) -> TaskState | None:
    """The task that was open for longest when the execution was stopped."""
    stopped = [
        task
        for task_id in state.latest.values()
        if (task := state.tasks[task_id]).status is TaskStatus.CANCELED
        or not task.status.is_terminal
    ]
    inner = [task for task in stopped if task.task_type not in _CONTAINERS - {"SUB_WORKFLOW"}]
    return min(inner or stopped, key=lambda task: (task.scheduled_time, task.seq), default=None)


def _ended_by_person(evidence: Evidence, state: WorkflowState) -> bool:
    if state.status is not WorkflowStatus.TERMINATED:
        return False
    ended = evidence.last(state, EventKind.WORKFLOW_ENDED)
    return ended is not None and ended.actor.partition(":")[0] == "user"


def _ended_by_parent(ended: HistoryEvent | None, state: WorkflowState) -> bool:
    if ended is not None and ended.actor.startswith("workflow:"):
        return True
    reason = state.reason_for_incompletion or ""
    return bool(state.parent_workflow_id) and reason.startswith("Parent workflow has been ")
