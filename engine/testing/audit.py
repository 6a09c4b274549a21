"""What must hold of every history, whatever happened in it. Each check raises AssertionError."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from ..core.apply import DefinitionOf, fold
from ..core.events import EventKind, HistoryEvent
from ..core.state import TaskState, WorkflowState
from ..core.task_records import reindex
from ..core.tasks.base import TaskType
from ..core.tasks.registry import TASK_TYPES
from ..models.enums import WorkflowStatus
from .histories import essence, replay
from .inline import InlineEngine

_REOPENING = frozenset(
    {
        EventKind.WORKFLOW_RETRIED,
        EventKind.WORKFLOW_RESTARTED,
        EventKind.WORKFLOW_RERUN,
        EventKind.WORKFLOW_REVIVED,
    }
)
_ESSENTIAL = (
    "status",
    "input",
    "output",
    "variables",
    "reason_for_incompletion",
    "failed_reference_task_names",
    "last_event",
    "messages",
    "end_time",
    "tasks",
)
_CONTAINERS = frozenset({"JOIN", "EXCLUSIVE_JOIN", "DO_WHILE"})


def audit_history(
    events: Sequence[HistoryEvent],
    definition_of: DefinitionOf,
    task_types: Mapping[str, TaskType] = TASK_TYPES,
) -> WorkflowState:
    """Check one history by itself; returns the state it folds to.

    Numbers without a gap; never two endings without an operator's action between; no join before
    its branches; folding in pieces and through JSON gives the same; indexes as if made afresh;
    today's decider decides the same.
    """
    state = fold(events[:1], definition_of)
    ended = False
    for event in events[1:]:
        if event.kind is EventKind.WORKFLOW_ENDED:
            # An operator may terminate what has failed; that is an action of its own.
            twice = ended and not event.actor.startswith("user")
            assert not twice, f"{event.workflow_id} ends twice, again at {event.number}"
            ended = True
        elif event.kind in _REOPENING:
            ended = False
        elif event.kind is EventKind.TASK_COMPLETED and event.actor == "engine":
            check_join(state, event)
        fold([event], definition_of, state)
        if event.kind is EventKind.TASK_SCHEDULED:
            _check_new_attempt(state, state.tasks[event.task_id])
    middle = len(events) // 2
    first = fold(events[:middle], definition_of) if middle else None
    pieces = fold(events[middle:], definition_of, first)
    assert essence(pieces) == essence(state)
    text = msgspec.json.encode(list(events))
    read = msgspec.json.decode(text, type=list[HistoryEvent])
    assert read == list(events)
    assert essence(fold(read, definition_of)) == essence(state)
    _check_indexes(state)
    assert essence(replay(events, definition_of, None, task_types)) == essence(state)
    return state


def check_join(before: WorkflowState, event: HistoryEvent) -> None:
    """Check that a JOIN which completes by ``event`` had all its branches in the state before."""
    task = before.tasks.get(event.task_id)
    if task is None or task.task_type != "JOIN" or task.status.is_terminal:
        return
    around = task.path.rpartition("/")[0]
    for reference in task.input_data.get("joinOn") or ():
        branches = [
            t
            for t in before.tasks.values()
            if t.node == reference and t.path.rpartition("/")[0] == around
        ]
        where = f"{task.path} passes at {event.number}"
        assert branches, f"{where} without {reference}"
        newest = max(branches, key=lambda t: t.seq)
        assert newest.status.is_terminal, f"{where} before {reference}"
        good = newest.status.is_successful or newest.permissive or newest.optional
        assert good, f"{where} over {reference}, which is {newest.status}"


def _check_new_attempt(state: WorkflowState, new: TaskState) -> None:
    for task in state.tasks.values():
        if task is new or task.path != new.path:
            continue
        assert task.retry_count != new.retry_count, f"{new.path} attempt {new.retry_count} twice"
        assert task.status.is_terminal, f"{new.path} has two attempts at once"


def _check_indexes(state: WorkflowState) -> None:
    fresh = state.snapshot()
    reindex(fresh)
    for name in (
        "latest", "latest_by_base", "latest_loops", "unprocessed", "open_task_ids", "revisited",
        "scripts",
    ):  # fmt: skip
        kept, made = getattr(state, name), getattr(fresh, name)
        assert kept == made, f"{state.workflow_id}.{name}: {kept} should be {made}"
    assert state.last_seq == fresh.last_seq


class FoldedHistories:
    """What an engine's histories fold to, folded on by what is new since the last look.

    So an engine may be audited after each step at the cost of that step. Callable, for
    ``audit_engine``.
    """

    def __init__(self, engine: InlineEngine) -> None:
        """Begin with nothing folded."""
        self._engine = engine
        self._states: dict[str, WorkflowState] = {}

    def __call__(self, workflow_id: str) -> WorkflowState:
        """The state that the committed history leads to. Not to be changed."""
        state = self._states.get(workflow_id)
        new = self._engine.store.events(workflow_id, 0 if state is None else state.last_event)
        state = fold(new, self._engine.registry.definition_of, state)
        self._states[workflow_id] = state
        return state


def audit_engine(
    engine: InlineEngine, folded: Callable[[str], WorkflowState] | None = None
) -> None:
    """Check that an idle engine has lost nothing: every open execution can go on.

    Its working states are what its histories fold to, and every open task has a queue, a worker,
    a timer, a script, a child or a person to wait for.

    Args:
        engine: At rest.
        folded: What the history of an execution leads to; folds it from its beginning by default.
    """
    folded = folded or engine.folded
    scripts = {workflow_id for workflow_id, _ in engine.waiting_scripts}
    for workflow_id, state in engine.desk.executions.items():
        assert not state.status.is_terminal
        _check_working(state, folded(workflow_id))
        waits = [_waits_for(engine, task) for task in state.open_tasks()]
        lost = [task for task, word in zip(state.open_tasks(), waits, strict=True) if not word]
        assert not lost, f"nothing will ever move {lost[0].path} ({lost[0].task_type})"
        named = {word for word in waits if word != "container"}
        paused = state.status is WorkflowStatus.PAUSED
        limited = state.rate_limited and engine.desk.start_slots.is_full(state)
        assert named or paused or limited or workflow_id in scripts, (
            f"{workflow_id} waits for nothing"
        )


def _check_working(working: WorkflowState, folded: WorkflowState) -> None:
    for name in _ESSENTIAL:
        kept, made = getattr(working, name), getattr(folded, name)
        assert kept == made, f"{working.workflow_id}.{name} is {kept}, its history says {made}"


def _waits_for(engine: InlineEngine, task: TaskState) -> str:
    """What an open task waits for; empty when nothing."""
    if task.task_type in _CONTAINERS:
        return "container"
    if engine.desk.queues.contains(task.task_id):
        return "queue"
    if task.awaiting_check:
        return "decider"
    if task.task_type in ("SUB_WORKFLOW", "START_WORKFLOW"):
        if task.sub_workflow_id in engine.desk.executions:
            return "child"
        return "timer" if task.not_before_ms else ""
    if task.revisit:
        return "decider"
    return "worker" if task.status == "IN_PROGRESS" else ""
