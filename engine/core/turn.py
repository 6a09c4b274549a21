"""One turn of the decider over one execution: it emits events and folds each at once.

Rules of this file
  1. A turn owns its state until it is over; nobody else reads it meanwhile.
  2. Whatever leaves the execution (a child to start, a parent to tell, a script to run) is an
     entry of ``effects`` or ``needs``, never an action here.
  3. Ids are derived from the execution and the event they belong to, so the same history and
     the same command give the same ids.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ..models.enums import TaskStatus, WorkflowStatus
from .apply import DefinitionOf, apply
from .definition import Node
from .document import ExpressionScope
from .effects import Effect
from .events import EventKind, HistoryEvent, Moment
from .expressions import Resolution, resolve
from .limits import input_refusal
from .payloads import EXTERNAL, external_names
from .records import existing, node_of
from .state import TaskState, WorkflowState


class EvaluationRequest(msgspec.Struct, frozen=True):
    """A script to run outside the core. Its outcome comes back as ``ExpressionEvaluated``."""

    key: str
    evaluator: str
    source: str
    input: Any
    task_path: str = ""


class NeedsEvaluation(Exception):
    """The flow can't be worked out before a script has run; nothing was emitted."""

    def __init__(self, request: EvaluationRequest) -> None:
        super().__init__(request.key)
        self.request = request


class Terminate(Exception):
    """The execution has to end now."""

    def __init__(
        self, reason: str, status: WorkflowStatus = WorkflowStatus.FAILED, task_id: str = ""
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.task_id = task_id


class Draft:
    """A task record that is about to be scheduled."""

    __slots__ = (
        "after",
        "data",
        "iteration",
        "node",
        "path",
        "reference",
        "retry_count",
        "task_id",
    )

    def __init__(
        self, task_id: str, reference: str, node: Node, retry_count: int, iteration: int, path: str
    ) -> None:
        self.task_id = task_id
        self.reference = reference
        self.node = node
        self.retry_count = retry_count
        self.iteration = iteration
        self.path = path
        self.data: dict[str, Any] = {}
        self.after: list[tuple[EventKind, dict[str, Any]]] = []
        """Events to emit right after the record exists (a branch chosen)."""


class Placement(msgspec.Struct, frozen=True):
    """Where a node is mapped: which iteration of which loop record, from which attempt on."""

    iteration: int = 0
    path: str = ""
    """Run path of what contains it, with iteration."""
    retry_count: int = 0


_REFUSED = TaskStatus.FAILED_WITH_TERMINAL_ERROR


def hold_for_check(data: dict[str, Any]) -> None:
    """Let a record that is about to open wait until its input has been checked."""
    if not TaskStatus(data["status"]).is_terminal:
        data["awaiting_check"] = "input"
        data["revisit"] = True


class Turn:
    """Collects what one decision over one execution does."""

    __slots__ = (
        "_drafted",
        "_drafted_after",
        "_scope",
        "_scope_event",
        "actor",
        "began_after",
        "definition_of",
        "effects",
        "environment",
        "events",
        "last_polls",
        "latest_version_of",
        "needs",
        "now",
        "state",
        "task_defs",
        "types",
        "within_decision",
    )

    def __init__(
        self,
        state: WorkflowState,
        now: Moment,
        types: Mapping[str, Any],
        definition_of: DefinitionOf,
        environment: Mapping[str, str],
        actor: str = "engine",
        last_polls: Mapping[tuple[str, str | None], tuple[str | None, int]] | None = None,
        task_defs: Mapping[str, dict[str, Any]] | None = None,
        latest_version_of: Callable[[str], int | None] | None = None,
    ) -> None:
        """Begin a turn.

        ``types`` maps task types by name; ``environment`` is ``workflow.env``; ``last_polls``
        tells by (task type, domain) who polled last and when, for choosing a domain;
        ``task_defs`` are the registered task definitions and ``latest_version_of`` finds the
        newest version of a workflow definition, both for tasks made at run time.
        """
        self.state = state
        self.now = now
        self.types = types
        self.definition_of = definition_of
        self.environment = environment
        self.actor = actor
        self.last_polls = last_polls or {}
        self.task_defs = task_defs or {}
        self.latest_version_of = latest_version_of
        self.began_after = state.last_event
        self.events: list[HistoryEvent] = []
        self.needs: dict[str, EvaluationRequest] = {}
        self.effects: list[Effect] = []
        self._drafted = 0
        self._drafted_after = -1
        self._scope: ExpressionScope | None = None
        self._scope_event = -1
        self.within_decision = False
        """Whether what is mapped now follows a task that ended in this very decision."""

    # -- events --------------------------------------------------------------------------

    def emit(
        self,
        kind: EventKind,
        data: dict[str, Any] | None = None,
        task: TaskState | None = None,
        parent: int = 0,
        actor: str | None = None,
    ) -> HistoryEvent:
        """Record one event and fold it; returns it."""
        state = self.state
        data = data or {}
        names = external_names(kind, data, state.workflow_id, state.last_event + 1)
        if names is not None:
            data = {**data, EXTERNAL: names}
        if task is None:
            event = HistoryEvent(
                workflow_id=state.workflow_id,
                number=state.last_event + 1,
                kind=kind,
                wall_ms=self.now.wall_ms,
                monotonic_ns=self.now.monotonic_ns,
                parent=parent,
                actor=actor or self.actor,
                path=state.path,
                data=data,
            )
        else:
            event = HistoryEvent(
                workflow_id=state.workflow_id,
                number=state.last_event + 1,
                kind=kind,
                wall_ms=self.now.wall_ms,
                monotonic_ns=self.now.monotonic_ns,
                parent=parent or task.last_event,
                actor=actor or self.actor,
                task_id=task.task_id,
                reference=task.reference_task_name,
                attempt=task.retry_count,
                iteration=task.iteration,
                path=task.path,
                data=data,
            )
        apply(state, event, self.definition_of)
        self.events.append(event)
        return event

    def emit_output(self, task: TaskState, output: dict[str, Any]) -> None:
        """Record what an open task has put out so far."""
        self.emit(EventKind.TASK_UPDATED, {"output": output}, task)

    def emit_scheduled(self, draft: Draft, parent: int, settles: list[str] | None) -> TaskState:
        """Record a drafted task; ``settles`` are the tasks whose successors are now known."""
        state = self.state
        data = draft.data
        data["seq"] = state.last_seq + 1
        data["node"] = draft.node.reference
        if state.definition.nodes.get(draft.node.reference) is not draft.node:
            data["workflow_task"] = draft.node.wire
        if draft.node.optional:
            data["optional"] = True
        if draft.node.permissive:
            data["permissive"] = True
        if state.priority and "workflow_priority" not in data:
            data["workflow_priority"] = state.priority
        if settles:
            data["settles"] = settles
        given = data.get("input")
        too_large = given and input_refusal(state.workflow_id, draft.task_id, given)
        if too_large:
            data |= {"status": str(_REFUSED), "input": {}, "reason": too_large}
            data.pop("revisit", None)
        settings = draft.node.settings
        if settings is not None and settings.input_schema is not None:
            hold_for_check(data)
        identity = (draft.reference, draft.retry_count, draft.iteration)
        self.record_task(
            EventKind.TASK_SCHEDULED, draft.task_id, identity, draft.path, data, parent
        )
        task = state.tasks[draft.task_id]
        for kind, after in draft.after:
            self.emit(kind, after, task)
        return state.tasks[draft.task_id]

    def record_task(
        self,
        kind: EventKind,
        task_id: str,
        identity: tuple[str, int, int],
        path: str,
        data: dict[str, Any],
        parent: int = 0,
    ) -> None:
        """Record a new task; ``identity`` is (reference, attempt, iteration)."""
        reference, attempt, iteration = identity
        state = self.state
        names = external_names(kind, data, state.workflow_id, state.last_event + 1)
        if names is not None:
            data = {**data, EXTERNAL: names}
        event = HistoryEvent(
            workflow_id=state.workflow_id,
            number=state.last_event + 1,
            kind=kind,
            wall_ms=self.now.wall_ms,
            monotonic_ns=self.now.monotonic_ns,
            parent=parent,
            actor=self.actor,
            task_id=task_id,
            reference=reference,
            attempt=attempt,
            iteration=iteration,
            path=path,
            data=data,
        )
        apply(state, event, self.definition_of)
        self.events.append(event)

    # -- drafting ------------------------------------------------------------------------

    def draft(self, node: Node, place: Placement) -> Draft:
        """An empty record for ``node``, with its id, reference and run path."""
        reference = f"{node.reference}__{place.iteration}" if place.iteration else node.reference
        path = f"{place.path or self.state.path}/{node.reference}"
        return Draft(self.new_id(), reference, node, place.retry_count, place.iteration, path)

    def new_id(self) -> str:
        """An id that the same history and command will give again."""
        last_event = self.state.last_event
        # Counted from the last event, not from the beginning of the turn: a replay that decides
        # again behind an operator's events gives the ids that were recorded.
        if self._drafted_after != last_event:
            self._drafted_after, self._drafted = last_event, 0
        seed = f"{self.state.workflow_id}/{last_event}/{self._drafted}"
        self._drafted += 1
        digest = hashlib.sha1(seed.encode(), usedforsecurity=False).hexdigest()
        # The shape of a random UUID, since clients take ids for one.
        return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"

    def resolve(
        self, template: Any, task_id: str | None = None, status: str | None = None
    ) -> Resolution:
        """Resolve the expressions of a template against the state as it is now."""
        state = self.state
        if self._scope is None or self._scope_event != state.last_event or status is not None:
            self._scope = ExpressionScope(
                state, self.environment, task_id, status, self.first_event, self.within_decision
            )
            self._scope_event = state.last_event if status is None else -1
        self._scope.task_id = task_id
        return resolve(template, self._scope)

    def begin_mapping(self, within_decision: bool) -> None:
        """Map what comes next as following a task that ended in this very decision, or not."""
        if within_decision != self.within_decision:
            self.within_decision = within_decision
            self._scope = None

    def evaluation(
        self, key: str, evaluator: str, source: str, value: Any, path: str = ""
    ) -> dict[str, Any]:
        """The recorded outcome of a script: ``{"result": …}`` or ``{"error": {…}}``.

        Raises:
            NeedsEvaluation: It has not been run yet.
        """
        outcome = self.state.evaluations.get(key)
        if outcome is None:
            raise NeedsEvaluation(EvaluationRequest(key, evaluator, source, value, path))
        return outcome

    def existing(self, reference: str, node: Node | None) -> TaskState | None:
        """The newest attempt of a reference that counts for the loop generation at hand."""
        return existing(self.state, reference, node)

    def node_of(self, task: TaskState) -> Node | None:
        """The workflow task of a record; made from the record itself for a dynamic one."""
        return node_of(self.state, task)

    def needs_evaluation(self, request: EvaluationRequest) -> None:
        """Ask for a script to be run after this turn."""
        self.needs[request.key] = request

    @property
    def first_event(self) -> int:
        """Number of the first event of this turn, of the one to come if there is none yet."""
        return self.began_after + 1

    @property
    def is_over(self) -> bool:
        """Whether the execution has ended."""
        return self.state.status.is_terminal
