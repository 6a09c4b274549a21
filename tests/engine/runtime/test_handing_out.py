"""Which task a poll gets, and when: priorities, domains, limits, delays, secrets."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import InvalidRequestError
from engine.testing.definitions import fork, node, simple, sub, task_def, workflow
from engine.testing.inline import InlineEngine

Wire = dict[str, Any]

ONE = workflow("w", "a")
RETRIED = task_def("a", retryCount=1, retryDelaySeconds=0)


def child_of(reference: str, **param: Any) -> Wire:
    """A SUB_WORKFLOW of ``w`` with further parameters."""
    return node(reference, "SUB_WORKFLOW", subWorkflowParam={"name": "w", "version": 1, **param})


def polled(engine: InlineEngine, domain: str | None = None, count: int = 1) -> list[Wire]:
    return engine.service.poll("a", "w1", domain, count, 0).result(0)


# -- priorities ------------------------------------------------------------------------------


def test_higher_priority_first_then_the_older() -> None:
    with InlineEngine(ONE) as engine:
        started = {}
        for name, priority in (("low", 0), ("old", 50), ("top", 99), ("new", 50)):
            started[engine.start("w", priority=priority)] = name
            engine.clock.move(ms=1)
        order = [started[task["workflowInstanceId"]] for task in polled(engine, count=4)]
        assert order == ["top", "old", "new", "low"]


def test_priority_holds_after_a_restart() -> None:
    with InlineEngine(ONE) as engine:
        engine.start("w", priority=1)
        urgent = engine.start("w", priority=2)
        engine.reopen()
        (task,) = polled(engine)
        assert (task["workflowInstanceId"], task["workflowPriority"]) == (urgent, 2)


@pytest.mark.parametrize("priority", [-1, 100])
def test_priority_is_between_0_and_99(priority: int) -> None:
    with (
        InlineEngine(ONE) as engine,
        pytest.raises(InvalidRequestError, match="between 0 and 99|validation|Validation"),
    ):
        engine.start("w", priority=priority)


def test_child_has_the_priority_its_task_names_and_not_its_parents() -> None:
    child = workflow("w", "a")
    plain = workflow("plain", sub("s", "w"))
    named = workflow(
        "named",
        child_of("s", priority=7),
    )
    with InlineEngine(child, plain, named) as engine:
        engine.start("plain", priority=90)
        engine.start("named", priority=90)
        assert [task["workflowPriority"] for task in polled(engine, count=2)] == [7, 0]


# -- domains ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mapping", "alive", "queue"),
    [
        ({"a": "red"}, [], "red"),
        ({"*": "red"}, [], "red"),
        ({"*": "red", "a": "blue"}, [], "blue"),
        ({"other": "red"}, [], None),
        ({"a": "red,blue"}, [], "blue"),
        ({"a": "red, blue"}, ["red"], "red"),
        ({"a": "red,blue,NO_DOMAIN"}, [], None),
        ({"a": "red,NO_DOMAIN"}, ["red"], "red"),
        ({"a": "NO_DOMAIN,red"}, [], "red"),
        ({"a": "NO_DOMAIN"}, [], None),
    ],
)
def test_task_goes_to_the_first_domain_somebody_polls_else_the_last(
    mapping: dict[str, str], alive: list[str], queue: str | None
) -> None:
    with InlineEngine(ONE) as engine:
        for domain in alive:
            polled(engine, domain)
        engine.start("w", taskToDomain=mapping)
        for domain in ("red", "blue", None):
            found = polled(engine, domain)
            assert bool(found) == (domain == queue)
            if found:
                assert found[0].get("domain") == queue


def test_domain_nobody_has_polled_for_ten_seconds_counts_as_dead() -> None:
    with InlineEngine(ONE) as engine:
        polled(engine, "red")
        engine.clock.move(seconds=11)
        engine.start("w", taskToDomain={"a": "red,blue"})
        assert polled(engine, "red") == []
        assert polled(engine, "blue")


def test_next_attempt_chooses_its_domain_afresh() -> None:
    retried = workflow("w", simple("a", taskDefinition=RETRIED))
    with InlineEngine(retried) as engine:
        polled(engine, "red")
        engine.start("w", taskToDomain={"a": "red,blue"})
        (task,) = polled(engine, "red")
        engine.clock.move(seconds=11)
        engine.report(task, "FAILED")
        assert polled(engine, "red") == []
        assert polled(engine, "blue")[0]["retryCount"] == 1


def test_child_inherits_the_domains_unless_its_task_names_others() -> None:
    parent = workflow(
        "p",
        *fork(
            "f",
            [sub("one", "w")],
            [child_of("two", taskToDomain={"a": "blue"})],
        ),
    )
    with InlineEngine(ONE, parent) as engine:
        engine.start("p", taskToDomain={"a": "red"})
        assert len(polled(engine, "red", 9)) == 1
        assert len(polled(engine, "blue", 9)) == 1


# -- limits ----------------------------------------------------------------------------------


def limited(**keys: Any) -> InlineEngine:
    return InlineEngine(ONE, task_defs=[task_def("a", **keys)])


def test_concurrency_limit_hands_out_so_many_and_the_next_when_one_ends() -> None:
    with limited(concurrentExecLimit=2) as engine:
        for _ in range(4):
            engine.start("w")
        first = polled(engine, count=9)
        assert len(first) == 2
        assert polled(engine, count=9) == []
        assert engine.desk.queues.size("a") == 2
        engine.report(first[0], "COMPLETED")
        assert len(polled(engine, count=9)) == 1


@pytest.mark.parametrize("ending", ["FAILED", "FAILED_WITH_TERMINAL_ERROR", "timeout", "terminate"])
def test_concurrency_slot_is_free_however_its_task_ends(ending: str) -> None:
    with limited(concurrentExecLimit=1, responseTimeoutSeconds=10, retryCount=0) as engine:
        first = engine.start("w")
        engine.start("w")
        (task,) = polled(engine, count=9)
        if ending == "timeout":
            engine.clock.move(seconds=11)
        elif ending == "terminate":
            engine.service.terminate(first).result(0)
        else:
            engine.report(task, ending)
        (other,) = polled(engine, count=9)
        assert other["workflowInstanceId"] != task["workflowInstanceId"]


def test_task_that_waits_for_its_callback_keeps_its_slot() -> None:
    with limited(concurrentExecLimit=1) as engine:
        engine.start("w")
        engine.start("w")
        (task,) = polled(engine)
        engine.report(task, "IN_PROGRESS", callbackAfterSeconds=60)
        assert polled(engine) == []
        engine.clock.move(seconds=61)
        assert [t["taskId"] for t in polled(engine, count=9)] == [task["taskId"]]


def test_concurrency_limit_holds_after_a_crash() -> None:
    with limited(concurrentExecLimit=1) as engine:
        engine.start("w")
        engine.start("w")
        (task,) = polled(engine, count=9)
        engine.reopen()
        assert polled(engine, count=9) == []
        engine.report(task, "COMPLETED")
        assert len(polled(engine, count=9)) == 1


def test_rate_limit_hands_out_so_many_within_a_time() -> None:
    with limited(rateLimitPerFrequency=2, rateLimitFrequencyInSeconds=10) as engine:
        for _ in range(5):
            engine.start("w")
        assert len(polled(engine, count=9)) == 2
        engine.clock.move(seconds=9)
        assert polled(engine, count=9) == []
        engine.clock.move(seconds=1)
        assert len(polled(engine, count=9)) == 2
        engine.clock.move(seconds=10)
        assert len(polled(engine, count=9)) == 1


# -- delays and secrets ----------------------------------------------------------------------


def test_start_delay_holds_the_first_attempt_back_and_not_the_next() -> None:
    delayed = simple("a", startDelay=30, taskDefinition=RETRIED)
    with InlineEngine(workflow("w", delayed)) as engine:
        engine.start("w")
        engine.clock.move(seconds=29)
        assert polled(engine) == []
        engine.clock.move(seconds=1)
        (task,) = polled(engine)
        assert task["startDelayInSeconds"] == 30
        engine.report(task, "FAILED")
        assert polled(engine)[0]["retryCount"] == 1


def test_secret_is_literal_in_what_is_kept_and_filled_in_for_the_worker() -> None:
    given = {"key": "${workflow.secrets.KEY}", "text": "Bearer ${workflow.secrets.KEY}"}
    with InlineEngine(workflow("w", simple("a", given)), secrets={"KEY": "s3cret"}) as engine:
        execution = engine.start("w")
        (task,) = polled(engine)
        assert task["inputData"] == {"key": "s3cret", "text": "Bearer s3cret"}
        kept = engine.state(execution).task("a")
        assert kept is not None
        assert kept.input_data == given
        assert "s3cret" not in repr(engine.events(execution))
        assert engine.service.task(task["taskId"]).result(0)["inputData"] == given


def test_missing_secret_is_nothing_and_embedded_an_empty_text() -> None:
    given = {"key": "${workflow.secrets.NO}", "text": "a${workflow.secrets.NO}b"}
    with InlineEngine(workflow("w", simple("a", given))) as engine:
        engine.start("w")
        assert polled(engine)[0]["inputData"] == {"key": None, "text": "ab"}


def test_environment_is_read_when_the_task_is_mapped_and_kept_in_clear() -> None:
    given = {"region": "${workflow.env.REGION}"}
    with InlineEngine(workflow("w", simple("a", given)), environment={"REGION": "eu"}) as engine:
        execution = engine.start("w")
        kept = engine.state(execution).task("a")
        assert kept is not None
        assert kept.input_data == {"region": "eu"}
