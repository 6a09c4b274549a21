"""What happens on the decider thread: turns over executions, and what the turns ask for.

The desk is the only owner of working states. A command calls ``act``, which opens a turn, lets
the decider go on, puts the events away (``filing``), begins scripts and carries out the effects
on other executions — all in the same commit.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..core.decide import advance
from ..core.effects import (
    Effect,
    EndChild,
    PublishEvent,
    RetryChild,
    ReviveParent,
    TellParent,
)
from ..core.ending import end_workflow
from ..core.events import EventKind
from ..core.state import WorkflowState
from ..core.tasks.base import TaskType
from ..core.tasks.registry import TASK_TYPES
from ..core.turn import EvaluationRequest, Turn
from ..errors import ConflictError, EngineError, InvalidRequestError
from ..models.enums import WorkflowStatus
from ..store.base import Store
from .clock import Clock
from .events import EVALUATION_PREFIX, EventQueue
from .filing import Filing
from .notices import NoticeBoard
from .registry import Registry
from .retrieval import ReadApart, Retrieval
from .scheduler import Scheduler
from .start_slots import Scope, scope_of

logger = logging.getLogger(__name__)

MAX_EFFECTS_PER_BATCH = 200


class Desk(Filing):
    """State of the decider thread. No other thread may call anything here."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        clock: Clock,
        environment: Mapping[str, str],
        evaluate: Callable[[str, EvaluationRequest], None],
        carry_out: Callable[[Desk, Turn, Effect], None],
        read_apart: ReadApart,
        task_types: Mapping[str, TaskType] = TASK_TYPES,
    ) -> None:
        """An empty desk; ``recover`` fills it.

        Args:
            store: Where ended executions are read from.
            registry: Definitions and snapshots.
            clock: Read once per turn.
            environment: What ``${workflow.env.NAME}`` reads.
            evaluate: Begins a script for (workflow id, request); the outcome comes as a command.
            carry_out: Does what a turn asks of other executions.
            read_apart: Reads from the store without holding the decider up.
            task_types: What each task type does.
        """
        self.scheduler = Scheduler()
        super().__init__(store, registry, clock)
        self._given_environment = environment
        self.environment: Mapping[str, str] = environment
        self.refresh_environment()
        self.task_types = task_types
        self.notices: NoticeBoard | None = None
        """Who is told of changes of status; None: nobody."""
        self.system_task_cancelled: Callable[[dict[str, Any]], None] | None = None
        """Told of a cancelled task of a user's system task, in wire form, once that is durable."""
        self._evaluate = evaluate
        self._carry_out = carry_out
        self.read_apart = read_apart
        self._last_polls: dict[tuple[str, str | None], tuple[str | None, int]] = {}

    def clear(self) -> None:
        """Know nothing of what the store has. What is under way elsewhere finds nobody waiting."""
        super().clear()
        self.event_queue = EventQueue()
        self.scheduler = self.scheduler.without_plans()
        self.retrieval = Retrieval()
        self._effects: deque[tuple[str, Effect, bool]] = deque()
        """(execution, effect, whether it may wait until what it touches has been read)."""

    # -- turns ---------------------------------------------------------------------------

    def turn(self, state: WorkflowState, actor: str = "engine") -> Turn:
        """A turn over a working state at the present moment."""
        self.untouched_at = -1
        return Turn(
            state,
            self.clock.now(),
            self.task_types,
            self.registry.definition_of,
            self.environment,
            actor,
            self._last_polls,
            self.registry.run_time_task_defs(),
            self.registry.latest_version_of,
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
            self._admit(turn, refuse=True)
            self._advance(turn, (), refuse=True)
        except BaseException:
            # What can't even begin is refused to its caller and leaves nothing behind.
            del self.executions[workflow_id]
            self.pass_slot_on(state)
            raise
        self.removed.pop(workflow_id, None)
        self.start_keys.opened(state)
        self.measures.started += 1
        text = self.registry.text_if_new(state.definition)
        if text is not None:
            self.outbox.commit.definitions[state.definition_hash] = text
        self.file(turn)
        return state

    def go_on(self, turn: Turn, due: Sequence[str] = ()) -> None:
        """Let the decider finish a turn and file what came of it."""
        try:
            self._admit(turn)  # may have to read those above it
            self._advance(turn, due)
        finally:
            self.file(turn)  # what has been folded stays recorded
        self.offer_slot(turn.state)

    def _admit(self, turn: Turn, refuse: bool = False) -> None:
        """Let an execution begin if its workflow's rate limit has a slot for it.

        Raises:
            ConflictError: It hasn't, and such starts are to be rejected.
        """
        state = turn.state
        if not state.rate_limited or state.status is not WorkflowStatus.RUNNING:
            return
        scope = scope_of(state)
        if scope is None:
            return
        turn.actor = "engine"
        if self._is_below_holder(state, scope):
            # Waiting for a slot that an execution above holds would be waiting for ever.
            self.start_slots.closed(state)
            turn.emit(EventKind.WORKFLOW_ADMITTED, {"with_parent": True})
        elif self.start_slots.admits(state, self.may_go):
            turn.emit(EventKind.WORKFLOW_ADMITTED)
        elif refuse and state.definition.rejects_beyond_limit:
            limit = state.definition.concurrent_exec_limit
            raise ConflictError(
                f"Workflow '{scope[0]}' may have {limit} running executions with the rate limit "
                f"key '{scope[1]}', and it has. Start it again when one of them has ended."
            )

    def _is_below_holder(self, state: WorkflowState, scope: Scope) -> bool:
        parent_id = state.parent_workflow_id
        while parent_id:
            if self.start_slots.holds(parent_id, scope):
                return True
            parent = self.executions.get(parent_id)
            parent_id = None if parent is None else parent.parent_workflow_id
        return False

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
        state, events = turn.state, turn.events
        self.file_events(turn)
        if self.notices is not None and events:
            self.notices.note(self, state, events)
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
            self._effects.append((state.workflow_id, effect, True))
        turn.effects = []

    # -- effects -------------------------------------------------------------------------

    def carry_out_effects(self, may_wait: bool = True) -> bool:
        """Work through what turns asked for; True when some is left for the next batch.

        ``may_wait``: what touches an execution that is paged out is done once that has been read.
        """
        for _ in range(MAX_EFFECTS_PER_BATCH):
            if not self._effects:
                return False
            workflow_id, effect, waits = self._effects.popleft()
            if may_wait and waits and self._reads_for(workflow_id, effect):
                continue
            try:
                self._carry_out(self, self.turn(self.state(workflow_id)), effect)
            except EngineError as error:  # refused, say a retry of a child that has nothing to
                logger.warning("%s of %s came to nothing: %s", effect, workflow_id, error)
            except Exception:  # must not hold other executions up
                logger.exception("%s of %s failed.", effect, workflow_id)
        return bool(self._effects)

    def _reads_for(self, workflow_id: str, effect: Effect) -> bool:
        """Whether an effect is put aside until the executions it touches have been read."""
        touched = [workflow_id]
        if isinstance(effect, EndChild | RetryChild):
            touched.append(effect.workflow_id)
        elif isinstance(effect, TellParent | ReviveParent):
            state = self.executions.get_in_memory(workflow_id) or self.ended.get(workflow_id)
            if state is not None and state.parent_workflow_id:
                touched.append(state.parent_workflow_id)
        missing = [key for key in touched if self.executions.page(key) is not None]
        if not missing:
            return False
        # What can't be read is for the effect itself to find out, and to tell.
        effects = self._effects  # those of now: after a refused commit there are others
        self.retrieval.insist(
            self,
            missing[0],
            lambda error: effects.append((workflow_id, effect, error is None)),
        )
        return True

    @property
    def has_effects(self) -> bool:
        """Whether something is still to be carried out, in the next batch."""
        return bool(self._effects)

    def go_on_unfinished(self) -> None:
        """Give turns that had to stop early their next share."""
        for _ in range(len(self.unfinished)):
            workflow_id = self.unfinished.popleft()
            if self.executions.page(workflow_id) is not None:
                self._go_on_when_read(workflow_id)
            elif workflow_id in self.executions:
                try:
                    self.act(workflow_id)
                except Exception:  # one that it needs can't be read
                    logger.exception("Execution %s can't go on.", workflow_id)

    def _go_on_when_read(self, workflow_id: str) -> None:
        """Give an execution that is paged out its share once it is back, as one with a new slot."""
        unfinished = self.unfinished  # those of now: after a refused commit there are others

        def then(error: Exception | None) -> None:
            if error is None and workflow_id not in unfinished:
                unfinished.append(workflow_id)

        self.retrieval.insist(self, workflow_id, then)

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

    def set_environment(self, name: str, value: str | None) -> None:
        """Write a variable of ``workflow.env``, or take a written one back with None."""
        if value is None:
            self.registry.environment.drop(self, name)
        else:
            self.registry.environment.put(self, name, {"value": value})
        self.refresh_environment()

    def refresh_environment(self) -> None:
        """Read again what has been written over the variables of the process."""
        written = self.registry.environment.objects
        values = {name: str(body["value"]) for name, body in written.items()}
        self.environment = {**self._given_environment, **values}

    def note_poll(
        self, task_type: str, domain: str | None, worker_id: str | None, now_ms: int
    ) -> None:
        """Remember that somebody asked for this kind of work."""
        self._last_polls[(task_type, domain)] = (worker_id, now_ms)
        self.measures.polls.add(task_type)

    def last_polls(self) -> dict[tuple[str, str | None], tuple[str | None, int]]:
        """Last poll by (task type, domain): worker and epoch milliseconds. A copy."""
        return dict(self._last_polls)
