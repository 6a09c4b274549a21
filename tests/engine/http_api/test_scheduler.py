"""Schedules over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from door_client import Send

from engine import Engine
from engine.functions import FunctionRegistry

SCHEDULE: dict[str, Any] = {
    "name": "nightly",
    "cronExpression": "0 0 3 * * *",
    "zoneId": "Europe/Berlin",
    "startWorkflowRequest": {"name": "report", "version": 1, "input": {"k": 1}},
}


def test_schedule_is_answered_as_stored_with_its_next_run(send: Send) -> None:
    stored = send("POST", "/api/scheduler/schedules", SCHEDULE).json
    shown = send("GET", "/api/scheduler/schedules/nightly").json
    again = send("POST", "/api/scheduler/schedules", {**SCHEDULE, "description": "d"}).json

    assert stored == shown
    assert stored["nextRunTime"] % 3_600_000 == 0
    assert stored["startWorkflowRequest"]["input"] == {"k": 1}
    assert (again["createTime"], again["description"]) == (stored["createTime"], "d")
    send("DELETE", "/api/scheduler/schedules/nightly")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"cronExpression": "every day"}, "Invalid cron expression: every day"),
        ({"cronExpression": None}, "cronExpression"),
        ({"zoneId": "Mars/Olympus"}, "zoneId"),
        ({"zoneId": "../../etc/passwd"}, "zoneId"),
        ({"startWorkflowRequest": None}, "startWorkflowRequest"),
        ({"name": ""}, "name"),
    ],
)
def test_schedule_that_could_never_fire_is_refused(
    send: Send, change: dict[str, Any], told: str
) -> None:
    reply = send("POST", "/api/scheduler/schedules", {**SCHEDULE, **change})

    assert reply.status == 400
    assert told in reply.text


def test_search_filters_pages_and_sorts(send: Send) -> None:
    for name in ("b_one", "a_two", "b_three"):
        body = {**SCHEDULE, "name": name, "paused": name == "a_two"}
        assert send("POST", "/api/scheduler/schedules", body).status == 200

    def names(parameters: str) -> list[str]:
        found = send("GET", f"/api/scheduler/schedules/search?{parameters}").json
        return [schedule["name"] for schedule in found["results"]]

    assert names("") == ["a_two", "b_one", "b_three"]
    assert names("sort=name:DESC&size=2") == ["b_three", "b_one"]
    assert names("paused=true") == ["a_two"]
    assert names("scheduleName=b_&workflowName=repo") == ["b_one", "b_three"]
    assert names("freeText=two") == ["a_two"]
    listed = send("GET", "/api/scheduler/schedules?workflowName=report").json
    assert len(listed) == 3


def test_next_times_are_five_at_most_and_never_in_the_past(send: Send) -> None:
    path = "/api/scheduler/nextFewSchedules?cronExpression=0%200%200%20*%20*%20*"

    assert len(send("GET", f"{path}&limit=50").json) == 5
    assert send("GET", f"{path}&scheduleEndTime=1").json == []
    assert send("GET", f"{path}&scheduleStartTime=1893456000000&limit=1").json == [1893456000000]
    assert send("GET", "/api/scheduler/nextFewSchedules?cronExpression=x").status == 400


def test_schedules_survive_a_restart(tmp_path: Path) -> None:
    db = tmp_path / "schedules.duckdb"
    with Engine(db, functions=FunctionRegistry()) as engine:
        stored = engine.service.save_schedule(SCHEDULE).result()

    with Engine(db, functions=FunctionRegistry()) as engine:
        assert engine.service.schedule("nightly") == stored
