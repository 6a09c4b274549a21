"""Schedules: stored, paused, looked at; ``runtime.scheduler`` lets them fire."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Final

from ..core.wire import search_result
from ..errors import EngineError, InvalidRequestError
from ..models.schedules import WorkflowSchedule
from ..runtime.cron import Cron
from ..runtime.desk import Desk
from .base import Wire
from .events import EventService

MAX_NEXT_TIMES: Final = 5
_CLAUSE: Final = re.compile(r"\s*(\w+)\s*(=|>|<|IN\b)\s*(.*?)\s*")
_TEXTS: Final = frozenset({"scheduleName", "state", "executionId"})


class ScheduleService(EventService):
    """Schedules by name. Questions answer at once, from memory."""

    def save_schedule(self, body: Wire) -> Future[Wire]:
        """Register or replace a schedule; resolves to it as stored.

        Raises:
            InvalidRequestError: A part is missing, or a cron expression or zone can't be read.
        """
        schedule = WorkflowSchedule.from_wire(body)
        schedule.validate_schedule()
        return self._submit(lambda desk: desk.scheduler.put(desk, schedule).wire())

    def schedule(self, name: str) -> Wire:
        """One schedule.

        Raises:
            NotFoundError: There is none of that name.
        """
        return self._desk.scheduler.plan(name).wire()

    def schedules(self, workflow_name: str | None = None) -> list[Wire]:
        """Schedules by name, those that start one workflow on demand."""
        plans = sorted(self._desk.scheduler.plans.items())
        wires = [plan.wire() for _, plan in plans]
        return [w for w in wires if workflow_name is None or _workflow(w) == workflow_name]

    def delete_schedule(self, name: str) -> Future[None]:
        """Take a schedule out, if it is there."""
        return self._submit(lambda desk: desk.scheduler.drop(desk, name))

    def pause_schedule(self, name: str, reason: str | None = None) -> Future[None]:
        """Let a schedule start nothing until it is resumed.

        Raises:
            NotFoundError: (from the future) there is none of that name.
        """
        return self._submit(lambda desk: desk.scheduler.pause(desk, name, reason))

    def resume_schedule(self, name: str) -> Future[None]:
        """Let a paused schedule go on.

        Raises:
            NotFoundError: (from the future) there is none of that name, or it is not paused.
        """
        return self._submit(lambda desk: desk.scheduler.resume(desk, name))

    def change_schedules(self, names: Sequence[str], paused: bool) -> Future[Wire]:
        """Pause or resume several; failures are told by name."""

        def run(desk: Desk) -> Wire:
            errors: dict[str, str] = {}
            for name in names:
                try:
                    if paused:
                        desk.scheduler.pause(desk, name, None)
                    else:
                        desk.scheduler.resume(desk, name)
                except EngineError as error:
                    errors[name] = str(error)
            done = [name for name in names if name not in errors]
            return {"bulkErrorResults": errors, "bulkSuccessfulResults": done}

        return self._submit(run)

    def pause_scheduler(self, paused: bool) -> Future[None]:
        """Stop all schedules of this engine, or let them go on."""
        return self._submit(lambda desk: desk.scheduler.pause_all(desk, paused))

    def plan_schedules(self) -> Future[int]:
        """Work out the next run of every schedule anew; resolves to their number."""
        return self._submit(lambda desk: desk.scheduler.plan_all(desk))

    def search_schedules(
        self,
        start: int = 0,
        size: int = 100,
        sort: Sequence[str] = (),
        workflow_name: str | None = None,
        schedule_name: str | None = None,
        paused: bool | None = None,
        free_text: str = "*",
    ) -> Wire:
        """A page of schedules; names are found by a part of them."""
        text = free_text.strip().lower()
        found = [
            wire
            for wire in self.schedules()
            if (not workflow_name or workflow_name in _workflow(wire))
            and (not schedule_name or schedule_name in wire["name"])
            and (paused is None or wire["paused"] == paused)
            and (text in ("", "*") or text in _words(wire))
        ]
        return _page(_sorted(found, sort, "name:ASC"), start, size)

    def next_schedules(
        self, expression: str, start_ms: int = 0, end_ms: int = 0, limit: int = MAX_NEXT_TIMES
    ) -> list[int]:
        """The next moments of a cron expression in UTC, epoch milliseconds, five at most.

        A start in the past counts as now. Start and end are included.

        Raises:
            InvalidRequestError: The expression can't be read.
        """
        cron = Cron(expression)
        after = max(start_ms - 1, self._runtime.clock.now().wall_ms)
        found: list[int] = []
        while len(found) < min(limit, MAX_NEXT_TIMES):
            moment = cron.next_after_ms(after)
            if moment is None or (end_ms and moment > end_ms):
                break
            found.append(moment)
            after = moment
        return found

    def schedule_executions(
        self, start: int = 0, size: int = 100, sort: Sequence[str] = (), query: str = ""
    ) -> Wire:
        """A page of what schedules have started, newest first; ten are kept of each.

        Raises:
            InvalidRequestError: A clause of the query can't be understood.
        """
        conditions = [_condition(clause) for clause in query.split(" AND ") if clause.strip()]
        plans = self._desk.scheduler.plans
        runs = [run for plan in plans.values() for run in plan.runs]
        found = [run for run in runs if all(fits(run) for fits in conditions)]
        return _page(_sorted(found, sort, "scheduledTime:DESC"), start, size)


def _workflow(wire: Wire) -> str:
    return str((wire.get("startWorkflowRequest") or {}).get("name") or "")


def _words(wire: Wire) -> str:
    """What free text is looked for in."""
    given = (wire["name"], _workflow(wire), wire.get("description"), wire.get("cronExpression"))
    return "\n".join(str(text).lower() for text in given if text)


def _page(found: list[Wire], start: int, size: int) -> Wire:
    return search_result(len(found), found[max(start, 0) : max(start, 0) + max(size, 0)])


def _sorted(found: list[Wire], sort: Sequence[str], default: str) -> list[Wire]:
    for entry in reversed(sort or (default,)):
        name, _, direction = entry.partition(":")
        keys = [wire.get(name) for wire in found]
        if any(key is not None for key in keys):
            number = all(isinstance(key, int | None) for key in keys)
            found = sorted(
                found,
                key=lambda wire: (wire.get(name) or 0) if number else str(wire.get(name) or ""),
                reverse=direction.upper() == "DESC",
            )
    return found


def _condition(clause: str) -> Callable[[dict[str, Any]], bool]:
    match = _CLAUSE.fullmatch(clause)
    if match is None:  # Conductor reads anything else as a schedule's name
        return lambda run: run["scheduleName"] == clause.strip()
    name, operator, rest = match.groups()
    values = {part.strip() for part in re.sub(r"[\"'()]", "", rest).split(",")}
    if name == "scheduledTime":
        try:
            moment = int(values.pop())
        except ValueError:
            raise InvalidRequestError(
                "scheduledTime is compared with epoch milliseconds."
            ) from None
        return lambda run: (
            run[name] > moment
            if operator == ">"
            else run[name] < moment
            if operator == "<"
            else run[name] == moment
        )
    if name == "workflowName":
        return lambda run: any(value in run.get(name, "") for value in values)
    if name not in _TEXTS:
        raise InvalidRequestError(f"'{name}' is no field of this search.")
    return lambda run: run.get(name) in values
