"""Schedules and messages on a clock moved by hand, across crashes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from engine.testing.inline import InlineEngine

Wire = dict[str, Any]
HOUR_MS = 3_600_000

TARGET: Wire = {
    "name": "target",
    "version": 1,
    "tasks": [{"name": "w", "taskReferenceName": "w", "type": "WAIT", "inputParameters": {}}],
}
SOURCE: Wire = {
    "name": "source",
    "version": 1,
    "tasks": [
        {"name": "e", "taskReferenceName": "e", "type": "EVENT", "sink": "conductor:news"}
    ],
}  # fmt: skip


@pytest.fixture
def engine() -> Iterator[InlineEngine]:
    with InlineEngine(TARGET, SOURCE) as engine:
        yield engine


def hourly(**more: Any) -> Wire:
    request = {"name": "target", "input": {"k": 1}}
    body = {"name": "s", "cronExpression": "0 0 * * * *", "startWorkflowRequest": request}
    return body | more


def runs(engine: InlineEngine) -> list[Wire]:
    return list(engine.service.schedule_executions()["results"])


def test_schedule_starts_its_workflow_and_names_itself(engine: InlineEngine) -> None:
    due = engine.service.save_schedule(hourly()).result()["nextRunTime"]
    engine.clock.move(seconds=3600)

    (run,) = runs(engine)
    started = engine.service.workflow(run["workflowId"]).result()["input"]
    assert (run["state"], run["scheduledTime"]) == ("EXECUTED", due)
    assert started == {
        "k": 1,
        "_startedByScheduler": "s",
        "_scheduledTime": due,
        "_executedTime": run["executionTime"],
        "_executionId": run["executionId"],
        "_schedulerCron": "0 0 * * * * UTC",
    }


def test_schedule_goes_on_until_its_end(engine: InlineEngine) -> None:
    now_ms = engine.clock.now().wall_ms
    engine.service.save_schedule(hourly(scheduleEndTime=now_ms + 3 * HOUR_MS)).result()
    for _ in range(10):
        engine.clock.move(seconds=1800)

    assert len(runs(engine)) == 3
    assert "nextRunTime" not in engine.service.schedule("s")


def test_each_of_several_crons_fires_for_itself(engine: InlineEngine) -> None:
    crons = [
        {"cronExpression": "0 0 * * * *", "zoneId": "UTC"},
        {"cronExpression": "0 30 * * * *", "zoneId": "Asia/Kolkata"},
    ]
    engine.service.save_schedule(hourly(cronSchedules=crons)).result()
    engine.clock.move(seconds=3600)

    assert sorted(run["zoneId"] for run in runs(engine)) == ["Asia/Kolkata", "UTC"]


def test_paused_schedule_is_silent_and_does_not_make_up_for_it(engine: InlineEngine) -> None:
    engine.service.save_schedule(hourly()).result()
    engine.service.pause_schedule("s", "lunch").result()
    engine.clock.move(seconds=3 * 3600)
    assert runs(engine) == []
    assert engine.service.schedule("s")["pausedReason"] == "lunch"

    engine.service.resume_schedule("s").result()
    engine.clock.move(seconds=3600)

    assert len(runs(engine)) == 1


def test_scheduler_can_be_stopped_as_a_whole(engine: InlineEngine) -> None:
    engine.service.save_schedule(hourly()).result()
    engine.service.pause_scheduler(True).result()
    engine.clock.move(seconds=3600)
    assert runs(engine) == []

    engine.service.pause_scheduler(False).result()
    engine.clock.move(seconds=3600)

    assert len(runs(engine)) == 1


def test_deleted_or_later_schedule_does_not_fire_at_its_old_time(engine: InlineEngine) -> None:
    engine.service.save_schedule(hourly()).result()
    engine.service.save_schedule(hourly(cronExpression="0 0 0 1 1 *")).result()
    engine.service.save_schedule(hourly(name="gone")).result()
    engine.service.delete_schedule("gone").result()
    engine.clock.move(seconds=2 * 3600)

    assert runs(engine) == []


def test_workflow_that_is_not_there_is_a_failed_run(engine: InlineEngine) -> None:
    engine.service.save_schedule(hourly(startWorkflowRequest={"name": "nobody"})).result()
    engine.clock.move(seconds=3600)

    (run,) = runs(engine)
    assert run["state"] == "FAILED"
    assert "nobody" in run["reason"]


@pytest.mark.parametrize(("catch_up", "count"), [(True, 1 + 3), (False, 1)])
def test_runs_missed_while_down_are_made_up_for_on_demand(
    engine: InlineEngine, catch_up: bool, count: int
) -> None:
    engine.service.save_schedule(hourly(runCatchupScheduleInstances=catch_up)).result()
    engine.clock.move(seconds=3600)
    engine.service.pause_scheduler(True).result()  # stands for a process that is down
    engine.clock.move(seconds=3 * 3600)

    engine.reopen()
    engine.run_until_idle()

    assert len(runs(engine)) == count
    times = [run["scheduledTime"] for run in runs(engine)]
    assert len(set(times)) == len(times)


def test_search_for_runs(engine: InlineEngine) -> None:
    engine.service.save_schedule(hourly()).result()
    engine.service.save_schedule(hourly(name="t", cronExpression="0 30 * * * *")).result()
    for _ in range(4):
        engine.clock.move(seconds=1800)

    def hits(query: str) -> int:
        return int(engine.service.schedule_executions(query=query)["totalHits"])

    newest = runs(engine)[0]
    assert (hits(""), hits("scheduleName IN (s)"), hits("t")) == (4, 2, 2)
    assert hits("state IN (FAILED)") == 0
    assert hits("workflowName=targ AND scheduleName IN (s,t)") == 4
    assert hits(f"scheduledTime<{newest['scheduledTime']}") == 3
    assert hits(f"executionId={newest['executionId']}") == 1


def listening(engine: InlineEngine, condition: str | None = None) -> None:
    action = {"action": "start_workflow", "start_workflow": {"name": "target", "input": {}}}
    body = {"name": "h", "event": "conductor:source:news", "active": True, "actions": [action]}
    if condition is not None:
        body["condition"] = condition
    engine.service.create_event_handler(body).result()


def test_event_and_what_it_starts_are_one_commit(engine: InlineEngine) -> None:
    listening(engine)
    before = engine.writer.commit_count

    engine.start("source")

    assert engine.writer.commit_count == before + 1
    assert len(engine.service.running("target")) == 1


def test_message_whose_condition_is_not_known_at_a_crash_is_handled_afterwards() -> None:
    with InlineEngine(TARGET, SOURCE, hold_scripts=True) as engine:
        listening(engine, "$.workflowType == 'source'")
        workflow_id = engine.start("source")
        (task_id,) = engine.state(workflow_id).tasks
        assert engine.service.running("target") == []

        engine.reopen()
        assert engine.run_script()

        (run,) = engine.service.event_executions(task_id).result()
        assert engine.service.running("target") == [run["output"]["workflowId"]]

        engine.reopen()
        assert not engine.run_script()
        assert len(engine.service.running("target")) == 1


def test_execution_started_by_an_event_names_its_cause(engine: InlineEngine) -> None:
    listening(engine)
    source = engine.start("source")
    (started,) = engine.service.running("target")

    first = engine.store.events(started)[0]
    assert first.actor == "event:h"
    assert first.data["cause"]["workflow_id"] == source


def test_only_the_newest_messages_are_remembered(
    engine: InlineEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.runtime.events.KEPT_MESSAGES", 2)
    listening(engine)
    for message_id in ("a", "b", "c"):
        engine.service.publish_event("conductor:source:news", message_id, {}).result()

    kept = [row.key for row in engine.store.metadata("event_messages")]

    assert kept == ["b", "c"]
    assert engine.service.event_executions("a").result() == []


def test_message_that_nobody_listens_to_leaves_nothing(engine: InlineEngine) -> None:
    assert engine.service.publish_event("conductor:none", "m", {"k": 1}).result() == []
    assert engine.store.metadata("event_messages") == []
