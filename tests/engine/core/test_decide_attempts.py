"""Retries, time-outs, optional and permissive tasks, time-outs of executions."""

from __future__ import annotations

from typing import Any

import pytest

from engine.testing.definitions import fork, limited, linear, simple, sub, task_def, workflow
from engine.testing.inline import InlineEngine

Wire = dict[str, Any]


def one(**limits: Any) -> InlineEngine:
    """An engine with one started execution of one limited task, and another task behind it."""
    engine = InlineEngine(workflow("w", limited("a", **limits), "b"))
    engine.start("w")
    return engine


def the(engine: InlineEngine) -> str:
    (workflow_id,) = [*engine.desk.executions, *engine.desk.ended]
    return workflow_id


def attempts(engine: InlineEngine) -> list[tuple[int, str]]:
    """Number and status of every attempt of ``a``."""
    tasks = engine.state(the(engine)).tasks.values()
    return [(t.retry_count, str(t.status)) for t in tasks if t.node == "a"]


# -- retries ---------------------------------------------------------------------------------


def test_a_failed_task_is_attempted_again_as_often_as_its_definition_says() -> None:
    engine = one(retryCount=2)
    for _ in range(3):
        assert engine.state(the(engine)).status == "RUNNING"
        engine.fail("a", "no")
    assert attempts(engine) == [(0, "FAILED"), (1, "FAILED"), (2, "FAILED")]
    state = engine.state(the(engine))
    assert state.status == "FAILED"
    assert str(state.reason_for_incompletion).endswith("with status: FAILED and reason: 'no'")


def test_the_nodes_own_retry_count_wins() -> None:
    engine = InlineEngine(workflow("w", {**limited("a", retryCount=5), "retryCount": 0}))
    engine.start("w")
    engine.fail("a")
    assert attempts(engine) == [(0, "FAILED")]


@pytest.mark.parametrize(
    ("limits", "delays"),
    [
        ({"retryDelaySeconds": 7}, [7, 7, 7]),
        ({"retryDelaySeconds": 7, "retryLogic": "EXPONENTIAL_BACKOFF"}, [7, 14, 28]),
        ({"retryDelaySeconds": 7, "retryLogic": "LINEAR_BACKOFF"}, [7, 14, 21]),
        (
            {"retryDelaySeconds": 7, "retryLogic": "LINEAR_BACKOFF", "backoffScaleFactor": 3},
            [21, 42, 63],
        ),
        (
            {
                "retryDelaySeconds": 7,
                "retryLogic": "EXPONENTIAL_BACKOFF",
                "maxRetryDelaySeconds": 10,
            },
            [7, 10, 10],
        ),
    ],
)
def test_the_next_attempt_waits_for_its_delay(limits: Wire, delays: list[int]) -> None:
    engine = one(retryCount=3, **limits)
    for delay in delays:
        engine.fail("a")
        engine.clock.move(seconds=delay - 0.001)
        assert engine.poll("a") == []
        engine.clock.move(ms=1)
        assert engine.desk.queues.size("a") == 1
    engine.complete("a")


def test_jitter_is_bounded_and_the_same_on_replay() -> None:
    engine = one(retryCount=1, retryDelaySeconds=1, backoffJitterMs=500)
    engine.fail("a")
    (task,) = engine.state(the(engine)).open_tasks()
    late_ms = task.not_before_ms - engine.clock.now().wall_ms - 1000
    assert 0 <= late_ms <= 500


def test_a_terminal_error_is_not_attempted_again() -> None:
    engine = one(retryCount=5)
    engine.fail("a", terminal=True)
    assert attempts(engine) == [(0, "FAILED_WITH_TERMINAL_ERROR")]


def test_a_worker_that_cancels_ends_the_execution_as_terminated() -> None:
    engine = one(retryCount=5)
    engine.report(engine.take("a"), "CANCELED")
    assert engine.state(the(engine)).status == "TERMINATED"


def test_an_answer_that_comes_twice_counts_once() -> None:
    engine = one(retryCount=1)
    task = engine.fail("a")
    number = engine.state(the(engine)).last_event
    engine.report(task, "COMPLETED", outputData={"late": True})
    assert engine.state(the(engine)).last_event == number


def test_a_join_never_sees_a_failed_attempt_that_is_attempted_again() -> None:
    engine = InlineEngine(workflow("w", *fork("f", [limited("a", retryCount=1)], ["b"])))
    engine.start("w")
    engine.complete("b")
    engine.fail("a")
    assert engine.state(the(engine)).status == "RUNNING"
    engine.complete("a")
    assert engine.state(the(engine)).status == "COMPLETED"


def test_a_child_is_started_again_after_its_delay() -> None:
    limits = task_def("s", retryCount=1, retryDelaySeconds=20, responseTimeoutSeconds=0)
    engine = InlineEngine(workflow("w", sub("s", workflow("c", "a"), taskDefinition=limits)))
    workflow_id = engine.start("w")
    engine.fail("a", terminal=True)
    assert len(engine.children(workflow_id)) == 1
    engine.clock.move(seconds=20)
    first, second = engine.children(workflow_id)
    assert first != second
    engine.complete("a")
    assert engine.state(workflow_id).status == "COMPLETED"


# -- optional and permissive -----------------------------------------------------------------


def test_an_optional_failure_does_not_fail_the_execution() -> None:
    engine = InlineEngine(workflow("w", {**limited("a"), "optional": True}, "b"))
    workflow_id = engine.start("w")
    engine.fail("a")
    assert attempts(engine) == [(0, "COMPLETED_WITH_ERRORS")]
    engine.complete("b")
    assert engine.state(workflow_id).status == "COMPLETED"


def test_a_permissive_failure_lets_the_rest_run_and_fails_the_execution_in_the_end() -> None:
    engine = InlineEngine(workflow("w", {**limited("a"), "permissive": True}, "b"))
    workflow_id = engine.start("w")
    engine.fail("a")
    assert engine.state(workflow_id).status == "RUNNING"
    engine.complete("b")
    assert engine.state(workflow_id).status == "FAILED"


def test_an_optional_task_is_attempted_again_before_it_is_given_up() -> None:
    engine = InlineEngine(workflow("w", {**limited("a", retryCount=1), "optional": True}))
    engine.start("w")
    engine.fail("a")
    engine.fail("a")
    assert attempts(engine) == [(0, "FAILED"), (1, "COMPLETED_WITH_ERRORS")]


# -- the four time-outs of a task --------------------------------------------------------------

RETRY = {"timeoutPolicy": "RETRY"}
END = {"timeoutPolicy": "TIME_OUT_WF"}
ALERT = {"timeoutPolicy": "ALERT_ONLY"}


@pytest.mark.parametrize(
    ("limits", "started", "seconds", "statuses", "execution"),
    [
        ({"timeoutSeconds": 50, **RETRY}, True, 50, ["TIMED_OUT", "SCHEDULED"], "RUNNING"),
        ({"timeoutSeconds": 50, **END}, True, 50, ["TIMED_OUT"], "TIMED_OUT"),
        ({"timeoutSeconds": 50, **ALERT}, True, 500, ["IN_PROGRESS"], "RUNNING"),
        ({"timeoutSeconds": 50, **END}, False, 500, ["SCHEDULED"], "RUNNING"),
        ({"pollTimeoutSeconds": 50, **RETRY}, False, 50, ["TIMED_OUT", "SCHEDULED"], "RUNNING"),
        ({"pollTimeoutSeconds": 50, **END}, False, 50, ["TIMED_OUT"], "TIMED_OUT"),
        ({"pollTimeoutSeconds": 50, **END}, True, 500, ["IN_PROGRESS"], "RUNNING"),
        ({"responseTimeoutSeconds": 50, **END}, True, 50, ["TIMED_OUT", "SCHEDULED"], "RUNNING"),
        ({"responseTimeoutSeconds": 50, **END}, False, 500, ["SCHEDULED"], "RUNNING"),
        ({"totalTimeoutSeconds": 50, **END}, True, 80, ["TIMED_OUT"], "TIMED_OUT"),
        ({"totalTimeoutSeconds": 50, **END}, False, 80, ["TIMED_OUT"], "TIMED_OUT"),
    ],
)
def test_a_task_times_out_by_its_limits_and_policy(
    limits: Wire, started: bool, seconds: int, statuses: list[str], execution: str
) -> None:
    engine = one(retryCount=1, **limits)
    if started:
        engine.take("a")
    engine.clock.move(seconds=seconds - 0.001)
    assert len(attempts(engine)) == 1
    assert engine.state(the(engine)).status == "RUNNING"
    engine.clock.move(ms=1)
    assert [status for _, status in attempts(engine)] == statuses
    assert engine.state(the(engine)).status == execution


def test_a_heartbeat_moves_the_response_time_out_and_not_the_others() -> None:
    engine = one(responseTimeoutSeconds=50, timeoutSeconds=120, timeoutPolicy="TIME_OUT_WF")
    task = engine.take("a")
    for _ in range(2):
        engine.clock.move(seconds=45)
        engine.report(task, "IN_PROGRESS", extendLease=True)
    engine.clock.move(seconds=29.9)
    assert attempts(engine) == [(0, "IN_PROGRESS")]
    engine.clock.move(ms=100)
    assert attempts(engine) == [(0, "TIMED_OUT")]


def test_a_used_up_total_budget_ends_the_execution_even_for_an_optional_task() -> None:
    limits = limited("a", retryCount=5, totalTimeoutSeconds=50, timeoutPolicy="RETRY")
    engine = InlineEngine(workflow("w", {**limits, "optional": True}, "b"))
    engine.start("w")
    engine.clock.move(seconds=55)
    engine.fail("a")
    assert engine.state(the(engine)).status == "FAILED"


def test_put_back_work_waits_for_its_callback_and_counts_its_polls() -> None:
    engine = one()
    engine.report(engine.take("a"), "IN_PROGRESS", callbackAfterSeconds=30)
    engine.clock.move(seconds=29)
    assert engine.poll("a") == []
    engine.clock.move(seconds=1)
    assert engine.take("a")["pollCount"] == 2


def test_an_operator_can_take_the_callback_away() -> None:
    engine = one()
    engine.report(engine.take("a"), "IN_PROGRESS", callbackAfterSeconds=300)
    engine.service.reset_callbacks(the(engine)).result(0)
    engine.complete("a")


# -- the execution -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "status"), [("TIME_OUT_WF", "TIMED_OUT"), ("ALERT_ONLY", "RUNNING")]
)
def test_an_execution_times_out_by_its_policy(policy: str, status: str) -> None:
    definition = {**linear("a", "b"), "timeoutSeconds": 100, "timeoutPolicy": policy}
    engine = InlineEngine(definition)
    workflow_id = engine.start("linear")
    engine.complete("a")
    engine.clock.move(seconds=99.999)
    assert engine.state(workflow_id).status == "RUNNING"
    engine.clock.move(ms=1)
    assert engine.state(workflow_id).status == status


def test_a_resumed_execution_gets_its_whole_time_again() -> None:
    definition = {**linear("a"), "timeoutSeconds": 100, "timeoutPolicy": "TIME_OUT_WF"}
    engine = InlineEngine(definition)
    workflow_id = engine.start("linear")
    engine.clock.move(seconds=60)
    engine.service.pause(workflow_id).result(0)
    engine.service.resume(workflow_id).result(0)
    engine.clock.move(seconds=60)
    assert engine.state(workflow_id).status == "RUNNING"
    engine.clock.move(seconds=40)
    assert engine.state(workflow_id).status == "TIMED_OUT"


def test_a_failure_workflow_is_started_once_with_what_failed() -> None:
    engine = InlineEngine(
        {**linear("a"), "failureWorkflow": "clean_up"}, workflow("clean_up", simple("c"))
    )
    workflow_id = engine.start("linear", {"k": 1})
    engine.fail("a", terminal=True)
    output = engine.state(workflow_id).output
    compensation = engine.state(output["conductor.failure_workflow"])
    assert compensation.input["k"] == 1
    assert compensation.input["workflowId"] == workflow_id
    assert compensation.input["failureStatus"] == "FAILED"


def test_deadlines_hold_over_a_crash() -> None:
    engine = one(retryCount=1, responseTimeoutSeconds=50)
    engine.take("a")
    engine.reopen()
    engine.clock.move(seconds=50)
    assert [status for _, status in attempts(engine)] == ["TIMED_OUT", "SCHEDULED"]


def test_a_later_attempt_of_a_sub_workflow_shows_the_childs_input_at_its_top_level() -> None:
    child = sub("s", workflow("c", "a"), {"v": "${workflow.input.v}"}, retryCount=1)
    engine = InlineEngine(workflow("w", child))
    execution = engine.start("w", {"v": 5})
    engine.fail("a", terminal=True)
    first, second = engine.state(execution).tasks.values()
    assert "v" not in first.input_data
    assert second.input_data["v"] == 5
    assert second.input_data["workflowInput"] == {"v": 5}
