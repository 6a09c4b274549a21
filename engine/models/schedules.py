"""Schedules: which workflow is to be started when (semantics reference §10.4)."""

from __future__ import annotations

from typing import Any, ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field

from ..errors import InvalidRequestError, Problem
from .base import WireModel
from .lenient import Boolean, ListOf, OptionalInteger, OptionalText, Text
from .problems import VALIDATION_FAILED
from .requests import StartWorkflowRequest

_PLAIN_ZONE = "UTC"


class CronSchedule(WireModel):
    """One cron expression and the zone it is meant in."""

    wire_title: ClassVar[str] = "cron schedule"

    cron_expression: Text = ""
    zone_id: Text = _PLAIN_ZONE


class WorkflowSchedule(WireModel):
    """Starts a workflow at the times of one or several cron expressions."""

    wire_title: ClassVar[str] = "schedule"

    name: Text = ""
    cron_expression: OptionalText = None
    zone_id: Text = _PLAIN_ZONE
    cron_schedules: ListOf[CronSchedule] = Field(default_factory=list)
    """Where there are some, ``cron_expression`` is ignored; each fires for itself."""
    run_catchup_schedule_instances: Boolean = False
    """Whether runs that were missed are made up for, one by one."""
    paused: Boolean = False
    paused_reason: OptionalText = None
    start_workflow_request: StartWorkflowRequest | None = None
    schedule_start_time: OptionalInteger = None
    schedule_end_time: OptionalInteger = None
    create_time: OptionalInteger = None
    updated_time: OptionalInteger = None
    created_by: OptionalText = None
    updated_by: OptionalText = None
    description: OptionalText = None

    def crons(self) -> list[CronSchedule]:
        """The expressions in force, each with its zone."""
        if self.cron_schedules:
            return self.cron_schedules
        if not self.cron_expression:
            return []
        return [CronSchedule(cron_expression=self.cron_expression, zone_id=self.zone_id)]

    def validate_schedule(self) -> None:
        """Accept the schedule silently or refuse it with every reason at once.

        Raises:
            InvalidRequestError: ``problems`` says where and why.
        """
        problems = []
        if not self.name:
            problems.append(Problem("name", "Schedule name cannot be null or empty"))
        if self.start_workflow_request is None or not self.start_workflow_request.name:
            message = "A schedule needs the name of the workflow that it starts"
            problems.append(Problem("startWorkflowRequest.name", message))
        if not self.crons():
            message = "A schedule needs a cron expression"
            problems.append(Problem("cronExpression", message, "Six fields, seconds first."))
        for cron in self.crons():
            try:
                zone_of(cron.zone_id)
            except InvalidRequestError as error:
                problems.append(Problem("zoneId", str(error), "Write it like Europe/Berlin."))
        if problems:
            raise InvalidRequestError(VALIDATION_FAILED, problems)


def zone_of(name: str) -> ZoneInfo:
    """The time zone of a name.

    Raises:
        InvalidRequestError: There is none.
    """
    try:
        return ZoneInfo(name or _PLAIN_ZONE)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidRequestError(f"Unknown time-zone ID: {name[:80]}") from None


def execution_record(**fields: Any) -> dict[str, Any]:
    """A ScheduleExecution: one firing of a schedule, keys without a value left out."""
    return {key: value for key, value in fields.items() if value is not None}
