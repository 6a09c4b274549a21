"""What holds in every simulated world, checked without the code under test where that matters.

I1 every acknowledged start exists · I2 (path, attempt) is unique · I3 one open attempt at most per
path · I4 what has ended changes by an operator's action only · I5 events are numbered without a
gap · I6 the folded history is the working state · I7 the engine schedules at most 1 + retryCount
attempts · I8 no timer rings early, late or never · I9 what is open can go on · I10 deciding again
from the history gives the same inputs and decisions, byte for byte · I11 nobody is admitted beyond
the rate limit of a workflow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from engine.core.apply import DefinitionOf, apply
from engine.core.events import EventKind, HistoryEvent
from engine.core.state import TaskState, WorkflowState
from engine.core.turn import node_of
from engine.testing.audit import check_join
from engine.testing.histories import replay

_ENDS: Final = frozenset(
    {EventKind.TASK_COMPLETED, EventKind.TASK_FAILED, EventKind.TASK_TIMED_OUT,
     EventKind.TASK_CANCELED}
)  # fmt: skip
_CHANGES: Final = _ENDS | {EventKind.TASK_STARTED, EventKind.TASK_UPDATED, EventKind.LEASE_EXTENDED}
_REOPENING: Final = frozenset(
    {EventKind.WORKFLOW_RETRIED, EventKind.WORKFLOW_RESTARTED, EventKind.WORKFLOW_RERUN,
     EventKind.WORKFLOW_REVIVED}
)  # fmt: skip
_FOLDED: Final = (
    "tasks", "status", "input", "output", "variables", "last_event", "latest", "latest_by_base",
    "unprocessed", "open_task_ids", "revisited", "evaluations", "messages", "end_time",
    "reason_for_incompletion", "failed_reference_task_names",
)  # fmt: skip
TOTAL_GRACE_MS: Final = 30_000
"""Decision 7: a used-up total budget is noticed by itself this much later."""


class HistoryCheck:
    """I2 to I5, I7 and the early half of I8 along one history, gone on with as it grows."""

    def __init__(self, workflow_id: str, definition_of: DefinitionOf) -> None:
        self.state = WorkflowState(workflow_id)
        """What the history folds to, as far as it has been followed."""
        self._definition_of = definition_of
        self._places: dict[str, str] = {}
        """The newest task of each path."""
        self._attempts: dict[tuple[str, int], str] = {}
        self._has_ended = False

    def follow(self, events: Sequence[HistoryEvent]) -> WorkflowState:
        """Check the events that come next; returns what the history folds to with them."""
        for event in events:
            self._check(event)
        return self.state

    def _check(self, event: HistoryEvent) -> None:
        state, places, attempts = self.state, self._places, self._attempts
        number, kind = state.last_event + 1, event.kind
        assert event.number == number, f"I5: {event.workflow_id} has {event.number} at {number}"
        if kind is EventKind.TASK_SCHEDULED or kind is EventKind.TASK_REUSED:
            place = (event.path, event.attempt)
            # A skipped task has no place yet: its record says that nothing will be scheduled.
            if event.data.get("status") != "SKIPPED":
                assert place not in attempts, f"I2: {place} is scheduled twice, at {number}"
                other = state.tasks.get(places.get(event.path, ""))
                assert other is None or other.status.is_terminal, f"I3: two of {event.path}"
                attempts[place] = event.task_id
                places[event.path] = event.task_id
            assert not state.status.is_terminal, f"scheduled in an ended execution, at {number}"
            _check_attempt(state, event)
        elif kind in _CHANGES:
            _check_change(state, event)
            if kind is EventKind.TASK_COMPLETED and event.actor == "engine":
                check_join(state, event)
        elif kind is EventKind.WORKFLOW_ENDED:
            by_operator = event.actor.startswith("user")
            assert not self._has_ended or by_operator, (
                f"{event.workflow_id} ends twice, again at {number}"
            )
            self._has_ended = True
        elif kind in _REOPENING:
            self._has_ended = False
            if kind is EventKind.WORKFLOW_RESTARTED or event.data.get("from_start"):
                places.clear()
                attempts.clear()
        elif kind is EventKind.TASKS_REMOVED:
            gone = set(event.data["task_ids"])
            kept = attempts.items()
            self._attempts = {place: task for place, task in kept if task not in gone}
            self._places = {path: task for path, task in places.items() if task not in gone}
        apply(state, event, self._definition_of)
        if kind is EventKind.TASK_RESET:
            # An operator reopens in place: the record may carry another attempt number from now on.
            task = state.tasks[event.task_id]
            self._attempts[(task.path, task.retry_count)] = task.task_id


def _check_attempt(state: WorkflowState, event: HistoryEvent) -> None:
    """The engine's own next attempts; those in a loop that was reopened inherit its number."""
    if not event.data.get("retried_task_id") or event.data.get("by_operator"):
        return
    wire = event.data.get("workflow_task") or state.definition.nodes[event.data["node"]].wire
    own = wire.get("retryCount")
    allowed = own if own is not None else (wire.get("taskDefinition") or {}).get("retryCount", 0)
    assert event.attempt <= allowed, f"I7: attempt {event.attempt} of {event.path}, {allowed} due"


def _check_change(state: WorkflowState, event: HistoryEvent) -> None:
    task = state.tasks.get(event.task_id)
    assert task is not None, f"I4: {event.kind} {event.number} is about no task"
    if task.status.is_terminal:
        mended = event.data.get("status") in ("COMPLETED_WITH_ERRORS", "COMPLETED")
        allowed = mended and (task.optional or task.task_type == "SUB_WORKFLOW")
        assert allowed, f"I4: {event.kind} {event.number} changes {task.path}, which has ended"
    if event.kind is EventKind.TASK_TIMED_OUT and "timeout" in event.data:
        moment = dict(_timers(state, task)).get(event.data["timeout"])
        assert moment is not None, f"I8: {task.path} has no {event.data['timeout']} timer"
        assert event.wall_ms >= moment, f"I8: {task.path} timed out {moment - event.wall_ms} early"
    elif event.kind is EventKind.TASK_COMPLETED and event.actor == "engine" and task.wait_until_ms:
        early = task.wait_until_ms - event.wall_ms
        assert early <= 0, f"I8: {task.path} stopped waiting {early} ms early"


def check_history(events: Sequence[HistoryEvent], definition_of: DefinitionOf) -> WorkflowState:
    """A whole history, from its beginning; returns what it folds to."""
    return HistoryCheck(events[0].workflow_id, definition_of).follow(events)


def check_end(
    events: Sequence[HistoryEvent],
    definition_of: DefinitionOf,
    working: WorkflowState,
    folded: WorkflowState | None = None,
) -> None:
    """I6, and I10 by deciding the whole history again.

    ``folded`` is what a ``HistoryCheck`` along these events has come to, if there is one.
    """
    if folded is None:
        folded = check_history(events, definition_of)
    check_same(folded, working, "working state")
    check_same(folded, replay(events, definition_of), "what is decided again")


def check_same(folded: WorkflowState, other: WorkflowState, what: str) -> None:
    """I6: a state is what its history folds to, with all tables that decisions rest on."""
    for name in _FOLDED:
        kept, made = getattr(other, name), getattr(folded, name)
        assert kept == made, f"I6: {name} of {folded.workflow_id} folds to {made}; {what}: {kept}"


# -- the rate limit of workflows -----------------------------------------------------------


class SlotCheck:
    """I11 along the committed events of all executions: who is admitted finds a free slot.

    What an operator reopens in the middle goes on at once, if need be beyond the limit.
    """

    def __init__(self, definition_of: DefinitionOf) -> None:
        self._definition_of = definition_of
        self._scopes: dict[str, tuple[str, str, int]] = {}
        """Workflow, key and limit of the executions that have any."""
        self._holders: set[str] = set()

    def follow(self, events: Iterable[HistoryEvent]) -> None:
        """Check events in the order in which they were committed."""
        for event in events:
            workflow_id, kind = event.workflow_id, event.kind
            if kind is EventKind.WORKFLOW_STARTED and event.data.get("rate_limit_key") is not None:
                wire = self._definition_of(event.data["definition_hash"]).wire
                limit = wire["rateLimitConfig"]["concurrentExecLimit"]
                self._scopes[workflow_id] = (wire["name"], event.data["rate_limit_key"], limit)
            elif workflow_id not in self._scopes:
                continue
            elif kind is EventKind.WORKFLOW_ENDED:
                self._holders.discard(workflow_id)
            elif kind is EventKind.WORKFLOW_ADMITTED:
                self._admitted(workflow_id, bool(event.data.get("with_parent")))
            elif kind in _REOPENING:
                anew = kind is EventKind.WORKFLOW_RESTARTED or event.data.get("from_start")
                (self._holders.discard if anew else self._holders.add)(workflow_id)

    def _admitted(self, workflow_id: str, with_parent: bool) -> None:
        if with_parent:  # it runs under its parent's slot from now on
            del self._scopes[workflow_id]
            return
        self._holders.add(workflow_id)
        scope = self._scopes[workflow_id]
        together = [other for other in self._holders if self._scopes.get(other) == scope]
        assert len(together) <= scope[2], f"I11: {len(together)} of {scope} hold a slot"


# -- timers --------------------------------------------------------------------------------


def due_moments(state: WorkflowState) -> Iterable[tuple[int, str]]:
    """Every moment at which something of an open execution is due by itself, with what it is.

    Worked out from the definitions as they were registered, not from compiled settings.
    """
    definition = state.definition.wire
    goes_on = state.status != "PAUSED"
    limited = definition.get("timeoutPolicy") == "TIME_OUT_WF" and definition.get("timeoutSeconds")
    if limited and goes_on:
        begun = state.last_retried_time or state.create_time
        yield begun + definition["timeoutSeconds"] * 1000, "workflow"
    for task in state.open_tasks():
        if task.wait_until_ms:  # rings in a paused execution too
            yield task.wait_until_ms, f"wait {task.path}"
        if not goes_on:
            continue
        for which, moment in _timers(state, task):
            policy = _limits(state, task).get("timeoutPolicy")
            if policy == "ALERT_ONLY" and which != "response":
                continue
            late = TOTAL_GRACE_MS if which == "total" else 0
            yield moment + late, f"{which} {task.path}"


def _limits(state: WorkflowState, task: TaskState) -> dict[str, Any]:
    node = node_of(state, task)
    wire = {} if node is None else node.wire
    found: dict[str, Any] = wire.get("taskDefinition") or {}
    return found


def _timers(state: WorkflowState, task: TaskState) -> Iterable[tuple[str, int]]:
    limits = _limits(state, task)
    if not limits:
        return
    if limits.get("totalTimeoutSeconds"):
        yield "total", task.first_scheduled_time + limits["totalTimeoutSeconds"] * 1000
    if limits.get("timeoutSeconds") and task.start_time:
        begun = task.start_time + task.start_delay_in_seconds * 1000
        yield "task", begun + limits["timeoutSeconds"] * 1000
    if limits.get("pollTimeoutSeconds") and task.status == "SCHEDULED":
        delay = task.start_delay_in_seconds + task.callback_after_seconds
        yield "poll", task.scheduled_time + (delay + limits["pollTimeoutSeconds"]) * 1000
    response = limits.get("responseTimeoutSeconds")
    exempt = task.task_type == "SUB_WORKFLOW" or task.async_complete
    if response and task.status == "IN_PROGRESS" and not exempt:
        yield "response", task.update_time + (response + task.callback_after_seconds) * 1000


def check_timers(states: Iterable[WorkflowState], now_ms: int) -> None:
    """The late half of I8: at rest, nothing that was due is still open."""
    for state in states:
        for moment, what in due_moments(state):
            assert moment > now_ms, f"I8: {what} was due {now_ms - moment} ms ago"
