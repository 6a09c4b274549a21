"""What happens on the decider thread: executions, turns over them, and what the turns ask for.

The desk is the only owner of working states. A command calls ``act``, which opens a turn, lets
the decider go on, files the events in the outbox, sets queues and timers, and carries out the
effects on other executions — all in the same commit.
"""

from __future__ import annotations

import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..core.apply import fold
from ..core.decide import advance
from ..core.effects import Effect, PublishEvent
from ..core.ending import end_workflow
from ..core.events import EventKind, HistoryEvent
from ..core.projection import execution_row, task_row
from ..core.state import TaskState, WorkflowState
from ..core.tasks.registry import TASK_TYPES
from ..core.timeouts import LAUNCHERS, task_deadline_ms, workflow_deadline_ms
from ..core.turn import EvaluationRequest, Turn
from ..errors import EngineError, InvalidRequestError, NotFoundError
from ..models.enums import TaskStatus, WorkflowStatus
from ..store.base import Store
from .clock import Clock
from .events import EVALUATION_PREFIX, EventQueue
from .limits import HandOffLimits
from .queues import Entry, TaskQueues, queue_name
from .registry import Registry
from .scheduler import Scheduler
from .start_keys import StartKeys
from .timers import Timers
from .writer import Outbox

logger = logging.getLogger(__name__)

RECENTLY_ENDED = 500
MAX_EFFECTS_PER_BATCH = 1000
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


class Desk:
    """State of the decider thread. No other thread may call anything here."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        clock: Clock,
        environment: Mapping[str, str],
        evaluate: Callable[[str, EvaluationRequest], None],
        carry_out: Callable[[Desk, Turn, Effect], None],
    ) -> None:
        """An empty desk; ``recover`` fills it.

        Args:
            store: Where ended executions are read from.
            registry: Definitions and snapshots.
            clock: Read once per turn.
            environment: What ``${workflow.env.NAME}`` reads.
            evaluate: Begins a script for (workflow id, request); the outcome comes as a command.
            carry_out: Does what a turn asks of other executions.
        """
        self.store = store
        self.registry = registry
        self.clock = clock
        self.environment = environment
        self.queues = TaskQueues()
        self.timers = Timers()
        self.event_queue = EventQueue()
        self.scheduler = Scheduler()
        self.limits = HandOffLimits()
        self.start_keys = StartKeys()
        self.outbox = Outbox()
        self.executions: dict[str, WorkflowState] = {}
        self.ended: OrderedDict[str, WorkflowState] = OrderedDict()
        self.task_home: dict[str, str] = {}
        self.evaluating: dict[str, dict[str, EvaluationRequest]] = {}
        self.unfinished: deque[str] = deque()
        self._evaluate = evaluate
        self._carry_out = carry_out
        self._effects: deque[tuple[str, Effect]] = deque()
        self._last_polls: dict[tuple[str, str | None], tuple[str | None, int]] = {}

    # -- executions ----------------------------------------------------------------------

    def state(self, workflow_id: str) -> WorkflowState:
        """The working state of an execution, loaded from the store if it has ended long ago.

        Raises:
            NotFoundError: No such execution.
        """
        state = self.executions.get(workflow_id) or self.ended.get(workflow_id)
        if state is None:
            events = self.store.events(workflow_id)
            if not events:
                raise NotFoundError(f"No such workflow found by id: {workflow_id}")
            state = fold(events, self.registry.definition_of)
            self._keep_ended(state)
        return state

    def adopt(self, workflow_id: str, events: Sequence[HistoryEvent]) -> None:
        """Take over the history of an ended execution that another thread has read."""
        if events and workflow_id not in self.executions and workflow_id not in self.ended:
            self._keep_ended(fold(events, self.registry.definition_of))

    def _keep_ended(self, state: WorkflowState) -> None:
        self.ended[state.workflow_id] = state
        self.ended.move_to_end(state.workflow_id)
        while len(self.ended) > RECENTLY_ENDED:
            _, oldest = self.ended.popitem(last=False)
            for task_id in oldest.tasks:
                self.task_home.pop(task_id, None)

    def forget(self, state: WorkflowState) -> None:
        """Take an execution out of everything; its history is deleted with the next commit."""
        workflow_id = state.workflow_id
        self.executions.pop(workflow_id, None)
        self.ended.pop(workflow_id, None)
        self.start_keys.forget(state)
        self.evaluating.pop(workflow_id, None)
        self.timers.forget(workflow_id)
        for task_id in state.tasks:
            self.queues.remove(task_id)
            self.timers.forget(workflow_id, task_id)
            self.task_home.pop(task_id, None)
        self.outbox.commit.removed.append(workflow_id)

    def knows(self, workflow_id: str) -> bool:
        """Whether the execution is in memory."""
        return workflow_id in self.executions or workflow_id in self.ended

    # -- turns ---------------------------------------------------------------------------

    def turn(self, state: WorkflowState, actor: str = "engine") -> Turn:
        """A turn over a working state at the present moment."""
        return Turn(
            state,
            self.clock.now(),
            TASK_TYPES,
            self.registry.definition_of,
            self.environment,
            actor,
            self._last_polls,
            self.registry.task_defs,
        )

    def act(
        self,
        workflow_id: str,
        action: Callable[[Turn], Any] | None = None,
        actor: str = "engine",
        due: Sequence[str] = (),
    ) -> Any:
        """Do something to an execution, then let the decider go on; returns the action's value.

        An error of the action before its first event leaves the execution as it was.
        """
        turn = self.turn(self.state(workflow_id), actor)
        try:
            value = action(turn) if action is not None else None
        except BaseException:
            if turn.events:  # what has been folded stays recorded: a history has no gaps
                self.file(turn)
            raise
        self.go_on(turn, due)
        return value

    def begin(self, workflow_id: str, action: Callable[[Turn], Any], actor: str) -> WorkflowState:
        """Start a new execution: ``action`` emits its first events."""
        state = WorkflowState(workflow_id)
        turn = self.turn(state, actor)
        action(turn)
        self.executions[workflow_id] = state
        try:
            self._advance(turn, (), refuse=True)
        except InvalidRequestError:
            # What can't even begin is refused to its caller and leaves nothing behind.
            del self.executions[workflow_id]
            raise
        self.start_keys.opened(state)
        text = self.registry.text_if_new(state.definition)
        if text is not None:
            self.outbox.commit.definitions[state.definition_hash] = text
        self.file(turn)
        return state

    def go_on(self, turn: Turn, due: Sequence[str] = ()) -> None:
        """Let the decider finish a turn and file what came of it."""
        self._advance(turn, due)
        self.file(turn)

    def _advance(self, turn: Turn, due: Sequence[str], refuse: bool = False) -> None:
        turn.actor = "engine"
        try:
            if advance(turn, due):
                self.unfinished.append(turn.state.workflow_id)
        except Exception as error:
            if refuse and isinstance(error, InvalidRequestError):
                raise
            # A definition that trips the decider must not come back for ever, nor hold others up.
            logger.exception("Execution %s can't be decided.", turn.state.workflow_id)
            reason = f"The engine could not go on: {type(error).__name__}: {error}"
            end_workflow(turn, WorkflowStatus.FAILED, reason, by_failure=True)

    def file(self, turn: Turn) -> None:
        """Put a turn's events into the outbox; set queues, timers, scripts; queue its effects."""
        state = turn.state
        events = turn.events
        if events:
            commit = self.outbox.commit
            commit.events += events
            self._file_openness(state)
            touched: dict[str, None] = {}
            removals: list[HistoryEvent] = []
            has_new_row = False
            for event in events:
                if event.task_id:
                    touched[event.task_id] = None
                if event.kind in _ROW_KINDS:
                    has_new_row = True
                elif event.kind is EventKind.TASKS_REMOVED:
                    removals.append(event)
            for task_id in touched:
                task = state.tasks.get(task_id)
                if task is not None:
                    self._file_task(state, task, turn.now.wall_ms)
            if has_new_row:
                self._file_execution(state)
            for event in removals:
                self._file_removed(event)
            turn.events = []
        if turn.needs and not state.status.is_terminal:
            running = self.evaluating.setdefault(state.workflow_id, {})
            for key, request in turn.needs.items():
                if key not in running:
                    running[key] = request
                    self._evaluate(state.workflow_id, request)
        for effect in turn.effects:
            if isinstance(effect, PublishEvent):  # recorded at once: effects may wait for a batch
                cause = {"workflow_id": state.workflow_id, "number": state.last_event}
                self.event_queue.accept(
                    self, effect.queue, effect.message_id, effect.payload, cause
                )
            self._effects.append((state.workflow_id, effect))
        turn.effects = []

    def _file_openness(self, state: WorkflowState) -> None:
        workflow_id = state.workflow_id
        if state.status.is_terminal:
            if self.executions.pop(workflow_id, None) is not None:
                self._keep_ended(state)
                self.start_keys.ended(state)
                self.evaluating.pop(workflow_id, None)
                self.timers.forget(workflow_id)
                _drop(self.outbox.commit.reopened, workflow_id)
                self.outbox.commit.closed.append(workflow_id)
        elif workflow_id not in self.executions:
            self.ended.pop(workflow_id, None)
            self.executions[workflow_id] = state
            self.start_keys.opened(state)
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
            max(task.not_before_ms, task.scheduled_time),
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

    # -- effects -------------------------------------------------------------------------

    def carry_out_effects(self) -> bool:
        """Work through what turns asked for; True when some is left for the next batch."""
        for _ in range(MAX_EFFECTS_PER_BATCH):
            if not self._effects:
                return False
            workflow_id, effect = self._effects.popleft()
            try:
                self._carry_out(self, self.turn(self.state(workflow_id)), effect)
            except EngineError as error:  # refused, say a retry of a child that has nothing to
                logger.warning("%s of %s came to nothing: %s", effect, workflow_id, error)
            except Exception:  # must not hold other executions up
                logger.exception("%s of %s failed.", effect, workflow_id)
        return bool(self._effects)

    def go_on_unfinished(self) -> None:
        """Give turns that had to stop early their next share."""
        for _ in range(len(self.unfinished)):
            workflow_id = self.unfinished.popleft()
            if workflow_id in self.executions:
                self.act(workflow_id)

    # -- scripts -------------------------------------------------------------------------

    def evaluate_apart(self, about: str, request: EvaluationRequest) -> None:
        """Begin a script that belongs to no execution; the outcome comes to ``evaluated``."""
        self._evaluate(about, request)

    def evaluated(
        self, workflow_id: str, request: EvaluationRequest, outcome: dict[str, Any]
    ) -> None:
        """Record what a script gave and go on.

        The outcome of a script that nobody waits for any more is dropped: its execution has ended
        or was rerun, perhaps with another input, since it was asked for.
        """
        key = request.key
        if workflow_id.startswith(EVALUATION_PREFIX):
            self.event_queue.evaluated(self, workflow_id[len(EVALUATION_PREFIX) :], key, outcome)
            return
        running = self.evaluating.get(workflow_id)
        if running is None or running.get(key) is not request:
            return
        del running[key]
        if not running:
            del self.evaluating[workflow_id]

        def record(turn: Turn) -> None:
            turn.emit(EventKind.EXPRESSION_EVALUATED, {"key": key, **outcome})

        self.act(workflow_id, record)

    def is_settled(self, workflow_id: str) -> bool:
        """Whether the engine has nothing left to do for an execution at this moment."""
        return workflow_id not in self.evaluating and workflow_id not in self.unfinished

    # -- polls ---------------------------------------------------------------------------

    def note_poll(
        self, task_type: str, domain: str | None, worker_id: str | None, now_ms: int
    ) -> None:
        """Remember that somebody asked for this kind of work."""
        self._last_polls[(task_type, domain)] = (worker_id, now_ms)

    def last_polls(self) -> dict[tuple[str, str | None], tuple[str | None, int]]:
        """Last poll by (task type, domain): worker and epoch milliseconds. A copy."""
        return dict(self._last_polls)


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
