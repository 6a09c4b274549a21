"""What happened to a task, read from how a server shows it: drafts of events without numbers.

A task's record tells when it was scheduled, begun and ended, not in which order things of one
millisecond happened: ``Draft.place`` orders those by the record's ``seq``, and an end behind
whatever the task waited for.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ..models.enums import TaskStatus
from .events import EventKind
from .observed_paths import Places
from .observed_records import (
    Wire,
    choice_expression,
    chosen_case,
    ended_data,
    launches,
    record_data,
)
from .state import TaskState
from .tasks.registry import TASK_TYPES

_CHOICES: Final = frozenset({"SWITCH", "DECISION"})
_ENDINGS: Final = {
    TaskStatus.FAILED: EventKind.TASK_FAILED,
    TaskStatus.FAILED_WITH_TERMINAL_ERROR: EventKind.TASK_FAILED,
    TaskStatus.TIMED_OUT: EventKind.TASK_TIMED_OUT,
    TaskStatus.CANCELED: EventKind.TASK_CANCELED,
}


class Draft(NamedTuple):
    """One event before it has its number."""

    wall_ms: int
    place: float
    """Order within one millisecond: the task's ``seq``, or behind what it contains."""
    kind: EventKind
    data: Wire
    task: Wire | None = None
    actor: str = "engine"


class TaskDrafts:
    """Collects, task by task, the drafts that lead from what is known to what is shown.

    Args:
        places: Where the shown records stand in the definition.
        begun: When the execution was started, milliseconds; the moment of a record without times.
        now: The newest moment the answer speaks of, milliseconds.
    """

    def __init__(self, places: Places, begun: int, now: int) -> None:
        self.places, self.begun, self.now = places, begun, now
        self.drafts: list[Draft] = []

    def in_order(self) -> list[Draft]:
        """All drafts so far, by moment and place."""
        return sorted(self.drafts, key=lambda draft: draft[:2])

    def look(self, wire: Wire, known: TaskState | None) -> None:
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
            iteration, started, child = 0, was is not TaskStatus.SCHEDULED, None
        else:
            was = known.status
            if was is status and not self._differs(wire, known):
                return
            if was.is_terminal and not status.is_terminal:
                self._reset(wire, status, seq)
                was = status
            iteration, child = known.iteration, known.sub_workflow_id
            started = was is not TaskStatus.SCHEDULED
        self._progress(wire, kind, status, seq, started, child)
        if kind == "DO_WHILE":
            self._iterations(wire, iteration)
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
        moment = int(wire.get("scheduledTime") or 0) or self.begun
        data = record_data(wire, self.places.node_of(wire), kind)
        data["status"] = str(first)
        if TASK_TYPES[kind].revisits and not first.is_terminal:
            data["revisit"] = True
        if first.is_terminal:
            data |= ended_data(wire, first)
        self.drafts.append(Draft(moment, seq, EventKind.TASK_SCHEDULED, data, wire))
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
            draft = Draft(at, seq + 0.1, EventKind.SUB_WORKFLOW_STARTED, data, wire)
            self.drafts.append(draft)
            return
        if started or not moment or status in (TaskStatus.SCHEDULED, TaskStatus.SKIPPED):
            return
        data = {"start_time": moment, "poll_count": int(wire.get("pollCount") or 0)}
        if wire.get("workerId"):
            data["worker_id"] = wire["workerId"]
        actor = f"worker:{wire['workerId']}" if wire.get("workerId") else "engine"
        self.drafts.append(Draft(moment, seq + 0.1, EventKind.TASK_STARTED, data, wire, actor))

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
            self.drafts.append(Draft(moment, place, EventKind.LOOP_ITERATED, data, wire))

    def _update(self, wire: Wire, known: TaskState | None, seq: float) -> None:
        output = wire.get("outputData") or {}
        if known is None or known.output_data != output:
            moment = int(wire.get("updateTime") or 0) or self.now
            data: Wire = {"output": output}
            if wire.get("reasonForIncompletion"):
                data["reason"] = wire["reasonForIncompletion"]
            self.drafts.append(Draft(moment, seq + 0.2, EventKind.TASK_UPDATED, data, wire))

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
        self.drafts.append(Draft(self.now, seq, EventKind.TASK_RESET, data, wire))

    def _ended(self, wire: Wire, kind: str, status: TaskStatus, moment: int) -> None:
        ending = _ENDINGS.get(status, EventKind.TASK_COMPLETED)
        actor = f"worker:{wire['workerId']}" if wire.get("workerId") else "engine"
        place = self._behind(wire, kind, moment)
        data = ended_data(wire, status)
        self.drafts.append(Draft(moment, place, ending, data, wire, actor))

    def _outcome(self, wire: Wire, kind: str, moment: int, place: float) -> None:
        """What an ended task did to the flow: the case it chose, the variables it set."""
        if kind in _CHOICES:
            case = chosen_case(wire)
            if case is not None:
                data = {"case": case, "expression": choice_expression(wire)}
                self.drafts.append(Draft(moment, place + 0.05, EventKind.BRANCH_CHOSEN, data, wire))
        elif kind == "SET_VARIABLE" and wire.get("status") == "COMPLETED":
            written = wire.get("inputData") or {}
            if written:
                draft = Draft(
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
        return self.now

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
            or (launches(known) and (wire.get("subWorkflowId") or None) != known.sub_workflow_id)
        )
