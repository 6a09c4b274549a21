"""Schedules at work: they ring with the decider's timers and start executions.

Rules of this file
  1. An execution and the record that its schedule has fired are one commit: a crash neither
     loses nor doubles a run.
  2. Runs missed while the engine was down are made up for only where a schedule says so, one by
     one, counted from the last recorded run.
  3. A timer is a hint: when it rings, the due time is looked up, so a changed or paused schedule
     needs no timer taken back.
"""

from __future__ import annotations

import logging
import uuid
from typing import TYPE_CHECKING, Any, Final

from ..core import starting
from ..core.turn import Terminate
from ..errors import EngineError, NotFoundError
from ..models.schedules import WorkflowSchedule, execution_record, zone_of
from ..store.base import MetadataRow
from ..store.faults import fault_point
from .cron import Cron
from .faults import FIRED

if TYPE_CHECKING:
    from .desk import Desk

logger = logging.getLogger(__name__)

Wire = dict[str, Any]

COLLECTION: Final = "schedules"
RUNS: Final = "schedule_runs"
TIMER_PREFIX: Final = "schedule/"
"""Begins the timer key of a schedule; no execution's id looks like it."""
KEPT_RUNS: Final = 10
RUNS_AT_ONCE: Final = 100
"""Missed runs made up for in one batch; the next ones follow in the next."""


class Plan:
    """One schedule: its definition, when each of its crons is due, and its latest runs."""

    __slots__ = ("crons", "due_ms", "last_ms", "runs", "schedule")

    def __init__(self, schedule: WorkflowSchedule, runs: Wire | None = None) -> None:
        """A plan without due times; ``runs`` is what the store kept of former ones."""
        self.schedule = schedule
        self.crons = [
            Cron(cron.cron_expression, zone_of(cron.zone_id)) for cron in schedule.crons()
        ]
        self.due_ms: list[int | None] = [None] * len(self.crons)
        self.runs: list[Wire] = list((runs or {}).get("executions") or ())
        last = (runs or {}).get("last") or {}
        self.last_ms: list[int | None] = [last.get(cron.expression) for cron in self.crons]

    def next_ms(self, index: int, after_ms: int) -> int | None:
        """When a cron is due next, within the bounds of the schedule."""
        start, end = self.schedule.schedule_start_time, self.schedule.schedule_end_time
        moment = self.crons[index].next_after_ms(max(after_ms, (start or 0) - 1))
        return None if moment is None or (end and moment > end) else moment

    def wire(self) -> Wire:
        """The schedule as clients see it."""
        wire = self.schedule.to_wire()
        due = [moment for moment in self.due_ms if moment]
        if due and not self.schedule.paused:
            wire["nextRunTime"] = min(due)
        return wire


class Scheduler:
    """All schedules. Decider thread only; ``plans`` may be read from any thread."""

    def __init__(self) -> None:
        """No schedule yet; ``recover`` reads the store's."""
        self.plans: dict[str, Plan] = {}
        self.paused = False

    def without_plans(self) -> Scheduler:
        """A scheduler that knows no schedule, paused as a whole if this one is."""
        cleared = Scheduler()
        cleared.paused = self.paused
        return cleared

    # -- changing ------------------------------------------------------------------------

    def put(self, desk: Desk, schedule: WorkflowSchedule) -> Plan:
        """Register or replace a schedule and plan its next runs.

        Raises:
            InvalidRequestError: A cron expression can't be read.
        """
        known = self.plans.get(schedule.name)
        now_ms = desk.clock.now().wall_ms
        plan = Plan(schedule)
        if known is not None:
            plan.runs = known.runs
            schedule.create_time = known.schedule.create_time
            schedule.created_by = known.schedule.created_by
        else:
            schedule.create_time = now_ms
        schedule.updated_time = now_ms
        self.plans = {**self.plans, schedule.name: plan}
        self._record(desk, COLLECTION, schedule.name, schedule.to_wire())
        self._plan(desk, plan)
        return plan

    def drop(self, desk: Desk, name: str) -> None:
        """Take a schedule out; unknown names are fine."""
        if name in self.plans:
            self.plans = {key: plan for key, plan in self.plans.items() if key != name}
            self._record(desk, COLLECTION, name, None)
            self._record(desk, RUNS, name, None)

    def plan(self, name: str) -> Plan:
        """A schedule by name.

        Raises:
            NotFoundError: There is none.
        """
        found = self.plans.get(name)
        if found is None:
            raise NotFoundError(f"Schedule '{name}' not found")
        return found

    def pause(self, desk: Desk, name: str, reason: str | None) -> None:
        """Let a schedule start nothing for now."""
        schedule = self.plan(name).schedule
        changes = {"paused": True, "paused_reason": reason}
        self.put(desk, schedule.model_copy(update=changes))

    def resume(self, desk: Desk, name: str) -> None:
        """Let a paused schedule go on, with runs from now on.

        Raises:
            NotFoundError: There is none, or it is not paused.
        """
        schedule = self.plan(name).schedule
        if not schedule.paused:
            raise NotFoundError(f"Schedule '{name}' not found")
        changes = {"paused": False, "paused_reason": None}
        self.put(desk, schedule.model_copy(update=changes))

    def pause_all(self, desk: Desk, paused: bool) -> None:
        """Stop or go on with all schedules, until this process ends."""
        self.paused = paused
        if not paused:
            self.plan_all(desk)

    def plan_all(self, desk: Desk) -> int:
        """Work out the next runs of all schedules, from now on; returns how many they are."""
        for plan in self.plans.values():
            self._plan(desk, plan)
        return len(self.plans)

    def recover(self, desk: Desk, since_ms: int = 0) -> None:
        """Read the schedules of the store and plan their next runs.

        Args:
            desk: Where their timers are set.
            since_ms: Runs due after this moment are still to be made, epoch milliseconds; 0, after
                a start: what came due while there was no process is made up for on demand only.
        """
        runs = {row.key: row.body for row in desk.store.metadata(RUNS)}
        for row in desk.store.metadata(COLLECTION):
            if row.body is None:
                continue
            try:
                plan = Plan(WorkflowSchedule.from_wire(row.body), runs.get(row.key))
            except EngineError as error:
                logger.warning("Schedule %s can't be read: %s", row.key, error)
                continue
            self.plans[row.key] = plan
            self._plan(desk, plan, plan.schedule.run_catchup_schedule_instances, since_ms)

    def _plan(self, desk: Desk, plan: Plan, catch_up: bool = False, since_ms: int = 0) -> None:
        now_ms = desk.clock.now().wall_ms
        for index in range(len(plan.crons)):
            last = plan.last_ms[index] if catch_up or since_ms else None
            if since_ms and not (catch_up and last):
                last = max(since_ms, last or 0)
            self._set(desk, plan, index, plan.next_ms(index, now_ms if last is None else last))

    def _set(self, desk: Desk, plan: Plan, index: int, due_ms: int | None) -> None:
        plan.due_ms[index] = due_ms
        if due_ms is not None:
            desk.timers.at(due_ms, f"{TIMER_PREFIX}{plan.schedule.name}", str(index))

    # -- firing --------------------------------------------------------------------------

    def ring(self, desk: Desk, key: str, indexes: list[str]) -> None:
        """Timers of a schedule have rung: start what is due."""
        plan = self.plans.get(key[len(TIMER_PREFIX) :])
        if plan is None or plan.schedule.paused or self.paused:
            return
        for text in indexes:
            if int(text) < len(plan.crons):
                self._catch_up(desk, plan, int(text))

    def _catch_up(self, desk: Desk, plan: Plan, index: int) -> None:
        """Start what a cron has due: one run, or on demand all that were missed."""
        now_ms = desk.clock.now().wall_ms
        every_run = plan.schedule.run_catchup_schedule_instances
        for _ in range(RUNS_AT_ONCE):
            due_ms = plan.due_ms[index]
            if due_ms is None or due_ms > now_ms:
                break
            self._fire(desk, plan, index, due_ms)
            plan.due_ms[index] = plan.next_ms(index, due_ms if every_run else max(due_ms, now_ms))
        self._set(desk, plan, index, plan.due_ms[index])

    def _fire(self, desk: Desk, plan: Plan, index: int, due_ms: int) -> None:
        schedule, cron = plan.schedule, plan.crons[index]
        request = schedule.start_workflow_request
        execution_id, now_ms = str(uuid.uuid4()), desk.clock.now().wall_ms
        marks = {
            "_startedByScheduler": schedule.name,
            "_scheduledTime": due_ms,
            "_executedTime": now_ms,
            "_executionId": execution_id,
            "_schedulerCron": f"{cron.expression} {cron.zone.key}",
        }
        workflow_id = reason = None
        try:
            workflow_id = _start(desk, schedule, marks)
            fault_point(FIRED)
        except (EngineError, Terminate) as error:
            reason = str(getattr(error, "reason", "") or error)
            logger.warning("Schedule %s could not start its workflow: %s", schedule.name, reason)
        except Exception as error:  # a fault of ours must not stop the schedule
            reason = f"{type(error).__name__}: {error}"
            logger.exception("Schedule %s failed.", schedule.name)
        record = execution_record(
            executionId=execution_id,
            scheduleName=schedule.name,
            scheduledTime=due_ms,
            executionTime=now_ms,
            workflowName=request.name if request is not None else None,
            workflowId=workflow_id,
            reason=reason,
            startWorkflowRequest=request.to_wire() if request is not None else None,
            state="FAILED" if reason else "EXECUTED",
            zoneId=cron.zone.key,
        )
        plan.last_ms[index] = due_ms
        plan.runs = [record, *plan.runs[: KEPT_RUNS - 1]]
        last = {
            cron.expression: moment
            for cron, moment in zip(plan.crons, plan.last_ms, strict=True)
            if moment
        }
        self._record(desk, RUNS, schedule.name, {"last": last, "executions": plan.runs})

    def _record(self, desk: Desk, collection: str, name: str, body: Wire | None) -> None:
        now_ms = desk.clock.now().wall_ms
        row = MetadataRow(collection=collection, key=name, version=0, body=body, wall_ms=now_ms)
        desk.outbox.commit.metadata.append(row)


def _start(desk: Desk, schedule: WorkflowSchedule, marks: Wire) -> str:
    request = schedule.start_workflow_request
    if request is None:
        raise NotFoundError(f"Schedule '{schedule.name}' names no workflow to start")
    if request.workflow_def is not None:
        definition = desk.registry.snapshot_of(request.workflow_def.to_wire())
    else:
        definition = desk.registry.snapshot(request.name, request.version)
    data = starting.start_data(
        definition,
        {**request.input, **marks},
        correlation_id=request.correlation_id,
        priority=request.priority,
        task_to_domain=request.task_to_domain,
        created_by=request.created_by,
    )
    workflow_id = str(uuid.uuid4())
    desk.begin(workflow_id, lambda turn: starting.start(turn, data), f"schedule:{schedule.name}")
    return workflow_id
