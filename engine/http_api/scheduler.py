"""``/api/scheduler``: workflows that start by the clock."""

from __future__ import annotations

from typing import Final

from ..models.requests import validate_bulk_ids
from .answers import EMPTY, Answer, json_answer
from .call import Call
from .routing import Route

_DONE: Final = {"status": "done"}


async def save(call: Call) -> Answer:
    """Register or replace a schedule; answers it as stored."""
    return json_answer(await call.wait(call.service.save_schedule(await call.body_object())))


async def schedules(call: Call) -> Answer:
    """Every schedule, or those that start one workflow."""
    return json_answer(call.service.schedules(call.text("workflowName") or None))


async def schedule(call: Call, name: str) -> Answer:
    """One schedule."""
    return json_answer(call.service.schedule(name))


async def delete(call: Call, name: str) -> Answer:
    """Take a schedule out; unknown names are fine."""
    await call.wait(call.service.delete_schedule(name))
    return EMPTY


async def pause(call: Call, name: str) -> Answer:
    """Let a schedule rest."""
    await call.wait(call.service.pause_schedule(name, call.text("reason")))
    return EMPTY


async def resume(call: Call, name: str) -> Answer:
    """Let a paused schedule go on."""
    await call.wait(call.service.resume_schedule(name))
    return EMPTY


async def search(call: Call) -> Answer:
    """A page of schedules."""
    paused = call.flag("paused") if call.text("paused") else None
    return json_answer(
        call.service.search_schedules(
            call.number("start", 0),
            call.number("size", 100),
            call.texts("sort"),
            call.text("workflowName"),
            call.text("scheduleName"),
            paused,
            call.text("freeText") or "*",
        )
    )


async def next_few(call: Call) -> Answer:
    """The next times of a cron expression."""
    return json_answer(
        call.service.next_schedules(
            call.required_text("cronExpression"),
            call.number("scheduleStartTime", 0),
            call.number("scheduleEndTime", 0),
            call.number("limit", 5),
        )
    )


async def executions(call: Call) -> Answer:
    """A page of what schedules have started."""
    return json_answer(
        call.service.schedule_executions(
            call.number("start", 0),
            call.number("size", 100),
            call.texts("sort"),
            call.text("query") or "",
        )
    )


async def requeue(call: Call) -> Answer:
    """Plan every schedule's next run anew; there is no queue that could have lost one."""
    count = await call.wait(call.service.plan_schedules())
    return json_answer({"recordIds.size": count, "sampleIds": []})


async def pause_all(call: Call) -> Answer:
    """Stop all schedules of this server."""
    await call.wait(call.service.pause_scheduler(True))
    return json_answer(_DONE)


async def resume_all(call: Call) -> Answer:
    """Let them go on."""
    await call.wait(call.service.pause_scheduler(False))
    return json_answer(_DONE)


async def bulk_pause(call: Call) -> Answer:
    """Pause several; failures are told by name."""
    names = validate_bulk_ids(await call.body(), "schedule")
    return json_answer(await call.wait(call.service.change_schedules(names, True)))


async def bulk_resume(call: Call) -> Answer:
    """Resume several."""
    names = validate_bulk_ids(await call.body(), "schedule")
    return json_answer(await call.wait(call.service.change_schedules(names, False)))


_BASE: Final = "/api/scheduler"
_ONE: Final = "/api/scheduler/schedules/{name}"

ROUTES: Final = (
    Route("POST", f"{_BASE}/schedules", save, "saveSchedule.arg0"),
    Route("GET", f"{_BASE}/schedules", schedules),
    Route("GET", f"{_BASE}/schedules/search", search),
    Route("GET", _ONE, schedule),
    Route("DELETE", _ONE, delete),
    Route("PUT", f"{_ONE}/pause", pause),
    Route("PUT", f"{_ONE}/resume", resume),
    Route("GET", f"{_BASE}/nextFewSchedules", next_few),
    Route("GET", f"{_BASE}/search/executions", executions),
    Route("GET", f"{_BASE}/admin/requeue", requeue),
    Route("GET", f"{_BASE}/admin/pause", pause_all),
    Route("GET", f"{_BASE}/admin/resume", resume_all),
    Route("PUT", f"{_BASE}/bulk/pause", bulk_pause, "pauseSchedules.arg0"),
    Route("PUT", f"{_BASE}/bulk/resume", bulk_resume, "resumeSchedules.arg0"),
)
