"""Histories made from what a server shows of an execution: its tasks with their times.

A Conductor cluster keeps no events; what it answers is how things stand. ``observe`` compares
that with a folded state and gives the events that lead there, in order of the recorded times.

Rules of this file
  1. Folding the events gives a state whose wire form is what the server showed.
  2. Looking again only appends: events that were given stay as they are, so an open view can be
     fed by polling.
  3. What the server does not tell is left out, never guessed: no origins, no script outcomes.
     Times are to the millisecond, so events of one millisecond are ordered by ``seq``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..models.enums import TaskStatus, WorkflowStatus
from .apply import apply
from .definition import CompiledDefinition
from .events import EventKind, HistoryEvent
from .observed_paths import Places
from .observed_records import ITERATION_SUFFIX, Wire, untold_data
from .observed_tasks import Draft, TaskDrafts
from .state import WorkflowState


def observe(
    state: WorkflowState,
    wire: Wire,
    definition: CompiledDefinition,
    *,
    path: str = "",
    actor: str | None = None,
    started: Mapping[str, Any] | None = None,
) -> list[HistoryEvent]:
    """Bring a state in line with an execution as a server shows it; return the events of that.

    Args:
        state: What is known so far; a fresh ``WorkflowState`` for the first look. It is changed.
        wire: The execution as ``GET /workflow/{id}`` answers it, with its tasks.
        definition: Its definition, compiled.
        path: Run path of the task that started it; empty for an outermost execution.
        actor: Who made the events; None names workers and the engine as far as they are known.
        started: More keys for the first event's data.
    """
    return _Look(state, wire, definition, path, actor, started or {}).events()


class _Look:
    def __init__(
        self,
        state: WorkflowState,
        wire: Wire,
        definition: CompiledDefinition,
        path: str,
        actor: str | None,
        started: Mapping[str, Any],
    ) -> None:
        self.state, self.wire, self.definition = state, wire, definition
        self.path = state.path or path or definition.name
        self.actor, self.started = actor, started
        self.tasks: list[Wire] = sorted(
            (task for task in wire.get("tasks") or () if task.get("taskId")),
            key=lambda task: int(task.get("seq") or 0),
        )
        self.places = Places(self.path, definition, self.tasks)
        self.made: list[HistoryEvent] = []

    def events(self) -> list[HistoryEvent]:
        if not self.state.last_event:
            self._emit(self._start())
        self._reopen()
        if self.state.rate_limited and not self.wire.get("rateLimited"):
            begun = [int(task.get("scheduledTime") or 0) for task in self.tasks]
            moment = min(filter(None, begun), default=self._now())
            self._emit(Draft(moment, 0, EventKind.WORKFLOW_ADMITTED, {}))
        told = TaskDrafts(self.places, self._begun(), self._now())
        for task in self.tasks:
            told.look(task, self.state.tasks.get(str(task["taskId"])))
        for draft in told.in_order():
            self._emit(draft)
        self._settle()
        self._end()
        return self.made

    def _start(self) -> Draft:
        wire = self.wire
        given = {
            "name": self.definition.name,
            "version": self.definition.version,
            "definition_hash": self.definition.hash,
            "input": wire.get("input") or {},
            "variables": self.definition.wire.get("variables"),
            "correlation_id": wire.get("correlationId"),
            "priority": wire.get("priority"),
            "parent_workflow_id": wire.get("parentWorkflowId"),
            "parent_workflow_task_id": wire.get("parentWorkflowTaskId"),
            "task_to_domain": wire.get("taskToDomain"),
            "event": wire.get("event"),
            "created_by": wire.get("createdBy"),
            "idempotency_key": wire.get("idempotencyKey"),
            "rate_limit_key": wire.get("rateLimitKey"),
            **self.started,
        }
        data = {key: value for key, value in given.items() if value or key == "input"}
        return Draft(self._begun(), 0, EventKind.WORKFLOW_STARTED, data)

    def _begun(self) -> int:
        return int(self.wire.get("startTime") or self.wire.get("createTime") or 0)

    def _status(self) -> WorkflowStatus:
        return WorkflowStatus(self.wire.get("status") or "RUNNING")

    def _now(self) -> int:
        """The newest moment the answer speaks of."""
        wire = self.wire
        return max(int(wire.get("updateTime") or 0), int(wire.get("endTime") or 0), self._begun())

    def _reopen(self) -> None:
        """A known execution that was started over, rerun, retried, paused or resumed."""
        state, status = self.state, self._status()
        shown = {str(task["taskId"]) for task in self.tasks}
        gone = [task_id for task_id in state.tasks if task_id not in shown]
        was_over = state.status.is_terminal
        if was_over and state.tasks and len(gone) == len(state.tasks):
            data = {"definition_hash": self.definition.hash}
            self._emit(Draft(self._begun(), 0, EventKind.WORKFLOW_RESTARTED, data))
            return
        if was_over and (not status.is_terminal or self._newer_end()):
            forgotten = state.failed_reference_task_names and not self._failed_references()
            kind = EventKind.WORKFLOW_REVIVED if forgotten else EventKind.WORKFLOW_RETRIED
            kind = EventKind.WORKFLOW_RERUN if gone else kind
            moment = int(self.wire.get("lastRetriedTime") or 0) or self._now()
            self._emit(Draft(moment, 0, kind, {}))
        if gone:
            self._emit(Draft(self._now(), 0, EventKind.TASKS_REMOVED, {"task_ids": gone}))

    def _failed_references(self) -> list[str]:
        return list(self.wire.get("failedReferenceTaskNames") or ())

    def _newer_end(self) -> bool:
        end = int(self.wire.get("endTime") or 0)
        return end > self.state.end_time or self._status() is not self.state.status

    def _settle(self) -> None:
        """What concerns the whole: whose successors are known, variables, flags."""
        state = self.state
        executed = [
            task_id
            for task in self.tasks
            if task.get("executed") and not state.tasks[task_id := str(task["taskId"])].executed
        ]
        if executed:
            self._emit(Draft(self._now(), 0, EventKind.TASKS_EVALUATED, {"task_ids": executed}))
        for task in self.tasks:
            rest = untold_data(task, state.tasks[str(task["taskId"])])
            if rest:
                self._emit(Draft(self._now(), 0, EventKind.TASK_UPDATED, rest, task))
        variables = self.wire.get("variables") or {}
        changed = {k: v for k, v in variables.items() if state.variables.get(k, ...) != v}
        if changed:
            self._emit(Draft(self._now(), 0, EventKind.VARIABLES_SET, {"variables": changed}))

    def _end(self) -> None:
        state, status = self.state, self._status()
        now = self._now()
        if status is WorkflowStatus.PAUSED and state.status is WorkflowStatus.RUNNING:
            self._emit(Draft(now, 0, EventKind.WORKFLOW_PAUSED, {}))
        elif status is WorkflowStatus.RUNNING and state.status is WorkflowStatus.PAUSED:
            self._emit(Draft(now, 0, EventKind.WORKFLOW_RESUMED, {}))
        output = self.wire.get("output") or {}
        if not status.is_terminal or state.status.is_terminal:
            if state.output != output:
                self._emit(Draft(now, 0, EventKind.OUTPUT_SET, {"output": output}))
            return
        failed = self._failed_task()
        data: Wire = {"status": str(status), "output": output}
        more = {
            "reason": self.wire.get("reasonForIncompletion"),
            "failed_task_id": failed,
            "failed_reference_task_names": self._failed_references(),
            "failed_task_names": self.wire.get("failedTaskNames"),
        }
        data |= {key: value for key, value in more.items() if value}
        moment = int(self.wire.get("endTime") or 0) or now
        self._emit(Draft(moment, 0, EventKind.WORKFLOW_ENDED, data))

    def _failed_task(self) -> str | None:
        """The first task whose failure nothing made up for."""
        bad = [
            task
            for task in self.state.tasks.values()
            if task.status.is_terminal
            and not task.status.is_successful
            and task.status is not TaskStatus.CANCELED
            and not (task.retried or task.optional)
        ]
        return min(bad, key=lambda task: (task.end_time, task.seq)).task_id if bad else None

    def _emit(self, draft: Draft) -> None:
        """Number an event and fold it in.  What follows is judged by the state after it."""
        state, task = self.state, draft.task
        identity: Wire = {}
        if task is not None:
            reference = str(task.get("referenceTaskName") or "")
            record = state.tasks.get(str(task["taskId"]))
            suffix = ITERATION_SUFFIX.search(reference)
            loop = task.get("taskType") == "DO_WHILE"
            iteration = int(suffix[1]) if suffix else 0
            if not loop and not suffix:
                iteration = int(task.get("iteration") or 0)
            identity = {
                "task_id": str(task["taskId"]),
                "reference": reference,
                "attempt": int(task.get("retryCount") or 0),
                "iteration": iteration if record is None else record.iteration,
                "path": self.places.path_of(task),
                "parent": 0 if record is None else record.last_event,
            }
        else:
            identity = {"path": self.path}
        event = HistoryEvent(
            workflow_id=state.workflow_id,
            number=state.last_event + 1,
            kind=draft.kind,
            wall_ms=draft.wall_ms,
            actor=self.actor or draft.actor,
            data=draft.data,
            **identity,
        )
        if draft.kind is EventKind.WORKFLOW_STARTED:
            state.path = self.path
        apply(state, event, lambda _hash: self.definition)
        self.made.append(event)
