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

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from ..models.enums import TaskStatus, WorkflowStatus
from .apply import apply
from .definition import CompiledDefinition, Node
from .events import EventKind, HistoryEvent
from .observed_paths import Places
from .state import TaskState, WorkflowState
from .tasks.registry import TASK_TYPES

Wire = dict[str, Any]

_ITERATION: Final = re.compile(r"__(\d+)\Z")
_CHOICES: Final = frozenset({"SWITCH", "DECISION"})
_ENDINGS: Final = {
    TaskStatus.FAILED: EventKind.TASK_FAILED,
    TaskStatus.FAILED_WITH_TERMINAL_ERROR: EventKind.TASK_FAILED,
    TaskStatus.TIMED_OUT: EventKind.TASK_TIMED_OUT,
    TaskStatus.CANCELED: EventKind.TASK_CANCELED,
}


class _Draft(NamedTuple):
    """One event before it has its number."""

    wall_ms: int
    place: float
    """Order within one millisecond: the task's ``seq``, or behind what it contains."""
    kind: EventKind
    data: Wire
    task: Wire | None = None
    actor: str = "engine"


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
        self.drafts: list[_Draft] = []
        self.made: list[HistoryEvent] = []

    def events(self) -> list[HistoryEvent]:
        if not self.state.last_event:
            self._emit(self._start())
        self._reopen()
        if self.state.rate_limited and not self.wire.get("rateLimited"):
            begun = [int(task.get("scheduledTime") or 0) for task in self.tasks]
            moment = min(filter(None, begun), default=self._now())
            self._emit(_Draft(moment, 0, EventKind.WORKFLOW_ADMITTED, {}))
        for task in self.tasks:
            known = self.state.tasks.get(str(task["taskId"]))
            self._task(task, known)
        for draft in sorted(self.drafts, key=lambda draft: draft[:2]):
            self._emit(draft)
        self._settle()
        self._end()
        return self.made

    # -- the execution -------------------------------------------------------------------

    def _start(self) -> _Draft:
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
        return _Draft(self._begun(), 0, EventKind.WORKFLOW_STARTED, data)

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
            self._emit(_Draft(self._begun(), 0, EventKind.WORKFLOW_RESTARTED, data))
            return
        if was_over and (not status.is_terminal or self._newer_end()):
            forgotten = state.failed_reference_task_names and not self._failed_references()
            kind = EventKind.WORKFLOW_REVIVED if forgotten else EventKind.WORKFLOW_RETRIED
            kind = EventKind.WORKFLOW_RERUN if gone else kind
            moment = int(self.wire.get("lastRetriedTime") or 0) or self._now()
            self._emit(_Draft(moment, 0, kind, {}))
        if gone:
            self._emit(_Draft(self._now(), 0, EventKind.TASKS_REMOVED, {"task_ids": gone}))

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
            self._emit(_Draft(self._now(), 0, EventKind.TASKS_EVALUATED, {"task_ids": executed}))
        for task in self.tasks:
            rest = _rest(task, state.tasks[str(task["taskId"])])
            if rest:
                self._emit(_Draft(self._now(), 0, EventKind.TASK_UPDATED, rest, task))
        variables = self.wire.get("variables") or {}
        changed = {k: v for k, v in variables.items() if state.variables.get(k, ...) != v}
        if changed:
            self._emit(_Draft(self._now(), 0, EventKind.VARIABLES_SET, {"variables": changed}))

    def _end(self) -> None:
        state, status = self.state, self._status()
        now = self._now()
        if status is WorkflowStatus.PAUSED and state.status is WorkflowStatus.RUNNING:
            self._emit(_Draft(now, 0, EventKind.WORKFLOW_PAUSED, {}))
        elif status is WorkflowStatus.RUNNING and state.status is WorkflowStatus.PAUSED:
            self._emit(_Draft(now, 0, EventKind.WORKFLOW_RESUMED, {}))
        output = self.wire.get("output") or {}
        if not status.is_terminal or state.status.is_terminal:
            if state.output != output:
                self._emit(_Draft(now, 0, EventKind.OUTPUT_SET, {"output": output}))
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
        self._emit(_Draft(moment, 0, EventKind.WORKFLOW_ENDED, data))

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

    # -- tasks ---------------------------------------------------------------------------

    def _task(self, wire: Wire, known: TaskState | None) -> None:
        """Drafts that bring one attempt from what is known to what is shown."""
        status = TaskStatus(wire.get("status") or "SCHEDULED")
        kind = str(wire.get("taskType") or "SIMPLE")
        seq = float(wire.get("seq") or 0)
        if known is None:
            at_once = TASK_TYPES[kind].initial_status
            was = self._schedule(wire, kind, status, at_once, seq)
            if was is status and status.is_terminal:
                self._outcome(wire, kind, self._end_of(wire), seq)
                return
            reference_iteration, started, child = 0, was is not TaskStatus.SCHEDULED, None
        else:
            was = known.status
            if was is status and not self._differs(wire, known):
                return
            if was.is_terminal and not status.is_terminal:
                self._reset(wire, status, seq)
                was = status
            reference_iteration, child = known.iteration, known.sub_workflow_id
            started = was is not TaskStatus.SCHEDULED
        self._progress(wire, kind, status, seq, started, child)
        if kind == "DO_WHILE":
            self._iterations(wire, reference_iteration if known is not None else 0)
        if not status.is_terminal:
            if known is not None or wire.get("outputData"):
                self._update(wire, known, seq)
            return
        moment = self._end_of(wire)
        self._ended(wire, kind, status, moment)
        self._outcome(wire, kind, moment, self._behind(wire, kind, moment))

    def _schedule(
        self, wire: Wire, kind: str, status: TaskStatus, at_once: TaskStatus, seq: float
    ) -> TaskStatus:
        """Draft the record itself; returns the status it begins with."""
        first = at_once
        if at_once.is_terminal:
            first = status  # forks and choices are over when they are made
        elif status is TaskStatus.SCHEDULED:
            first = TaskStatus.SCHEDULED
        moment = int(wire.get("scheduledTime") or 0) or self._begun()
        data = _record(wire, self.places.node_of(wire), kind)
        data["status"] = str(first)
        if TASK_TYPES[kind].revisits and not first.is_terminal:
            data["revisit"] = True
        if first.is_terminal:
            data |= _ended_data(wire, first)
        self.drafts.append(_Draft(moment, seq, EventKind.TASK_SCHEDULED, data, wire))
        return first

    def _progress(
        self,
        wire: Wire,
        kind: str,
        status: TaskStatus,
        seq: float,
        started: bool,
        child: str | None,
    ) -> None:
        """The task was begun: polled by a worker, or its child was started."""
        moment = int(wire.get("startTime") or 0)
        shown = wire.get("subWorkflowId")
        if kind == "SUB_WORKFLOW" and shown and shown != child:
            data: Wire = {"status": "IN_PROGRESS", "sub_workflow_id": shown}
            if moment:
                data["start_time"] = moment
            at = moment or int(wire.get("scheduledTime") or 0)
            draft = _Draft(at, seq + 0.1, EventKind.SUB_WORKFLOW_STARTED, data, wire)
            self.drafts.append(draft)
            return
        if started or not moment or status in (TaskStatus.SCHEDULED, TaskStatus.SKIPPED):
            return
        data = {"start_time": moment, "poll_count": int(wire.get("pollCount") or 0)}
        if wire.get("workerId"):
            data["worker_id"] = wire["workerId"]
        actor = f"worker:{wire['workerId']}" if wire.get("workerId") else "engine"
        self.drafts.append(_Draft(moment, seq + 0.1, EventKind.TASK_STARTED, data, wire, actor))

    def _iterations(self, wire: Wire, before: int) -> None:
        """One event for each iteration that a loop has begun since and that is shown."""
        output = wire.get("outputData") or {}
        newest = int(wire.get("iteration") or 0)
        begun = self.places.iterations_of(wire)
        numbers = {number for number in begun if before < number < newest}
        if newest > before:
            numbers.add(newest)
        for number in sorted(numbers):
            first = begun.get(number)
            moment = int((first or wire).get("scheduledTime") or 0)
            place = float((first or wire).get("seq") or 0) - 0.5
            collected: Wire = {"iteration": number}
            if str(number - 1) in output:
                collected[str(number - 1)] = output[str(number - 1)]
            data = {"iteration": number, "collected": collected}
            self.drafts.append(_Draft(moment, place, EventKind.LOOP_ITERATED, data, wire))

    def _update(self, wire: Wire, known: TaskState | None, seq: float) -> None:
        output = wire.get("outputData") or {}
        if known is None or known.output_data != output:
            moment = int(wire.get("updateTime") or 0) or self._now()
            data: Wire = {"output": output}
            if wire.get("reasonForIncompletion"):
                data["reason"] = wire["reasonForIncompletion"]
            self.drafts.append(_Draft(moment, seq + 0.2, EventKind.TASK_UPDATED, data, wire))

    def _reset(self, wire: Wire, status: TaskStatus, seq: float) -> None:
        data = {
            "status": str(status),
            "output": wire.get("outputData") or {},
            "reason": wire.get("reasonForIncompletion"),
            "start_time": int(wire.get("startTime") or 0),
            "end_time": 0,
            "executed": False,
            "retried": False,
        }
        self.drafts.append(_Draft(self._now(), seq, EventKind.TASK_RESET, data, wire))

    def _ended(self, wire: Wire, kind: str, status: TaskStatus, moment: int) -> None:
        ending = _ENDINGS.get(status, EventKind.TASK_COMPLETED)
        actor = f"worker:{wire['workerId']}" if wire.get("workerId") else "engine"
        place = self._behind(wire, kind, moment)
        data = _ended_data(wire, status)
        self.drafts.append(_Draft(moment, place, ending, data, wire, actor))

    def _outcome(self, wire: Wire, kind: str, moment: int, place: float) -> None:
        """What an ended task did to the flow: the case it chose, the variables it set."""
        if kind in _CHOICES:
            case = _chosen(wire)
            if case is not None:
                data = {"case": case, "expression": _expression(wire)}
                self.drafts.append(
                    _Draft(moment, place + 0.05, EventKind.BRANCH_CHOSEN, data, wire)
                )
        elif kind == "SET_VARIABLE" and wire.get("status") == "COMPLETED":
            written = wire.get("inputData") or {}
            if written:
                draft = _Draft(
                    moment,
                    place + 0.05,
                    EventKind.VARIABLES_SET,
                    {"variables": dict(written)},
                    wire,
                )
                self.drafts.append(draft)

    def _end_of(self, wire: Wire) -> int:
        for key in ("endTime", "updateTime", "startTime", "scheduledTime"):
            if wire.get(key):
                return int(wire[key])
        return self._now()

    def _behind(self, wire: Wire, kind: str, moment: int) -> float:
        """Place of an end: behind what the task waited for in the same millisecond."""
        seq = float(wire.get("seq") or 0)
        if not TASK_TYPES[kind].revisits:
            return seq + 0.3
        return max(seq, self.places.last_inside(wire, kind, moment)) + 0.4

    @staticmethod
    def _differs(wire: Wire, known: TaskState) -> bool:
        """Whether a record of an unchanged status tells anything new."""
        return (
            known.output_data != (wire.get("outputData") or {})
            or int(wire.get("iteration") or 0) > max(known.iteration, 0)
            or (_launches(known) and (wire.get("subWorkflowId") or None) != known.sub_workflow_id)
        )

    # -- numbering -----------------------------------------------------------------------

    def _emit(self, draft: _Draft) -> None:
        state, task = self.state, draft.task
        identity: Wire = {}
        if task is not None:
            reference = str(task.get("referenceTaskName") or "")
            record = state.tasks.get(str(task["taskId"]))
            suffix = _ITERATION.search(reference)
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


def _record(wire: Wire, node: Node | None, kind: str) -> Wire:
    """Data of ``TaskScheduled``: what the record has from its first moment."""
    workflow_task = wire.get("workflowTask") or {}
    reference = str(wire.get("referenceTaskName") or "")
    data: Wire = {
        "task_type": kind,
        "task_def_name": wire.get("taskDefName") or kind,
        "node": node.reference if node is not None else _ITERATION.sub("", reference),
        "seq": int(wire.get("seq") or 0),
        "input": wire.get("inputData") or {},
    }
    if (node is None or node.type == "DYNAMIC") and workflow_task:
        data["workflow_task"] = workflow_task
    flags = {
        "optional": bool(workflow_task.get("optional")),
        "permissive": bool(workflow_task.get("permissive")),
        "async_complete": bool(workflow_task.get("asyncComplete")),
        "workflow_priority": int(wire.get("workflowPriority") or 0),
        "retried_task_id": wire.get("retriedTaskId"),
        "domain": wire.get("domain"),
        "start_delay_in_seconds": int(wire.get("startDelayInSeconds") or 0),
        "callback_after_seconds": int(wire.get("callbackAfterSeconds") or 0),
        "response_timeout_seconds": int(wire.get("responseTimeoutSeconds") or 0),
        "rate_limit_per_frequency": int(wire.get("rateLimitPerFrequency") or 0),
        "loop_over_task": bool(wire.get("loopOverTask")) and kind == "DO_WHILE",
    }
    return data | {key: value for key, value in flags.items() if value}


def _ended_data(wire: Wire, status: TaskStatus) -> Wire:
    data: Wire = {"status": str(status), "output": wire.get("outputData") or {}}
    given = {
        "reason": wire.get("reasonForIncompletion"),
        "worker_id": wire.get("workerId"),
        "start_time": int(wire.get("startTime") or 0),
        "end_time": int(wire.get("endTime") or 0),
        "poll_count": int(wire.get("pollCount") or 0),
    }
    return data | {key: value for key, value in given.items() if value}


_SHOWN: Final = {
    "status": ("status", "SCHEDULED"),
    "input_data": ("inputData", {}),
    "output_data": ("outputData", {}),
    "reason_for_incompletion": ("reasonForIncompletion", None),
    "worker_id": ("workerId", None),
    "domain": ("domain", None),
    "start_time": ("startTime", 0),
    "end_time": ("endTime", 0),
    "scheduled_time": ("scheduledTime", 0),
    "poll_count": ("pollCount", 0),
    "callback_after_seconds": ("callbackAfterSeconds", 0),
    "response_timeout_seconds": ("responseTimeoutSeconds", 0),
    "workflow_priority": ("workflowPriority", 0),
    "iteration": ("iteration", 0),
    "retried": ("retried", False),
    "retried_task_id": ("retriedTaskId", None),
    "subworkflow_changed": ("subworkflowChanged", False),
    "seq": ("seq", 0),
    "retry_count": ("retryCount", 0),
    "executed": ("executed", False),
}
"""Fields of a record by what the wire calls them, and what an absent key means."""


def _rest(wire: Wire, known: TaskState) -> Wire:
    """What of a record no other event has told: values that the server changed by itself."""
    found: Wire = {}
    for name, (key, default) in _SHOWN.items():
        shown = wire.get(key)
        shown = default if shown is None else shown
        if getattr(known, name) != shown:
            found[name] = shown
    child = wire.get("subWorkflowId")
    if child and child != known.sub_workflow_id and _launches(known):
        found["sub_workflow_id"] = child
    return found


def _launches(task: TaskState) -> bool:
    """Whether a record has a child of its own; others may only carry such a key in their data."""
    return task.task_type in ("SUB_WORKFLOW", "START_WORKFLOW")


def _chosen(wire: Wire) -> str | None:
    """The case that a SWITCH or DECISION took, as its output tells."""
    output = wire.get("outputData") or {}
    for key in ("selectedCase", "evaluationResult", "caseOutput"):
        value = output.get(key)
        if isinstance(value, Sequence) and not isinstance(value, str):
            value = value[0] if value else None
        if value is not None:
            return str(value)
    return None


def _expression(wire: Wire) -> str:
    task = wire.get("workflowTask") or {}
    found = task.get("expression") or task.get("caseExpression") or task.get("caseValueParam")
    return str(found or "")
