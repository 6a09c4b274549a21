"""What goes on in a paused execution, and what waits until it is resumed (as recorded)."""

from __future__ import annotations

from typing import Any

import pytest

from engine.core import starting
from engine.core.tasks import join
from engine.testing.audit import audit_history
from engine.testing.definitions import fork, inline, limited, workflow
from engine.testing.histories import replay
from engine.testing.inline import InlineEngine

Wire = dict[str, Any]


def once(name: str, **more: Any) -> Wire:
    """A task that is not attempted again."""
    return {**limited(name, retryCount=0), **more}


def paused(*tasks: Any, **settings: Any) -> tuple[InlineEngine, str]:
    """An engine with a paused execution of these tasks."""
    engine = InlineEngine(workflow("w", *tasks, **settings))
    execution = engine.start("w")
    engine.service.pause(execution).result(0)
    return engine, execution


def statuses(engine: InlineEngine, execution: str) -> dict[str, str]:
    state = engine.state(execution)
    newest = {name: str(state.tasks[key].status) for name, key in state.latest.items()}
    return {**newest, "": str(state.status)}


def reason(engine: InlineEngine, execution: str, reference: str) -> str | None:
    task = engine.state(execution).task(reference)
    assert task is not None
    return task.reason_for_incompletion


def resume(engine: InlineEngine, execution: str) -> dict[str, str]:
    engine.service.resume(execution).result(0)
    definition_of = engine.registry.definition_of
    audit_history(engine.events(execution), definition_of)
    replay(engine.events(execution), definition_of)
    return statuses(engine, execution)


# -- joins ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("failing", "other"), [("a", "b"), ("b", "a")])
def test_a_branch_that_fails_for_good_ends_the_join_at_once(failing: str, other: str) -> None:
    engine, execution = paused(*fork("f", [once("a")], [once("b")]), "c")
    engine.fail(failing, "broken")
    assert statuses(engine, execution)["f_join"] == "FAILED"
    assert reason(engine, execution, "f_join") == "broken"
    engine.complete(other)
    assert statuses(engine, execution) == {
        "f": "COMPLETED", failing: "FAILED", other: "COMPLETED", "f_join": "FAILED", "": "PAUSED",
    }  # fmt: skip
    assert resume(engine, execution)[""] == "FAILED"
    assert "broken" in (engine.state(execution).reason_for_incompletion or "")


def test_a_branch_that_has_not_begun_its_last_task_does_not_hold_the_failure_up() -> None:
    engine, execution = paused(*fork("f", [once("a"), once("a2")], [once("b")]))
    engine.fail("b")
    assert statuses(engine, execution)["f_join"] == "FAILED"


def test_a_branch_that_is_tried_again_holds_the_join_open() -> None:
    engine, execution = paused(*fork("f", [limited("a", retryCount=1)], [once("b")]))
    engine.fail("a", "busy")
    engine.complete("b")
    assert statuses(engine, execution)["f_join"] == "IN_PROGRESS"
    after = resume(engine, execution)
    assert (after["a"], after["f_join"], after[""]) == ("SCHEDULED", "IN_PROGRESS", "RUNNING")


def test_beside_a_branch_that_is_tried_again_another_failure_counts() -> None:
    engine, execution = paused(*fork("f", [limited("a", retryCount=1)], [once("b")]))
    engine.fail("a", "busy")
    engine.fail("b", "broken")
    assert statuses(engine, execution)["f_join"] == "FAILED"
    assert reason(engine, execution, "f_join") == "busy broken"
    assert resume(engine, execution)[""] == "FAILED"


def test_a_script_that_answered_meanwhile_does_not_come_before_the_failure() -> None:
    engine = InlineEngine(workflow("w", *fork("f", [inline("i", "1")], [once("a")], [once("b")])))
    engine.hold_scripts = True
    execution = engine.start("w")
    engine.service.pause(execution)  # answered once the script has
    assert engine.run_script()
    assert statuses(engine, execution)[""] == "PAUSED"
    engine.fail("a", "broken")
    assert statuses(engine, execution)["f_join"] == "FAILED"
    after = resume(engine, execution)
    assert (after["i"], after["b"], after[""]) == ("CANCELED", "CANCELED", "FAILED")


def test_an_optional_failure_lets_the_join_complete() -> None:
    engine, execution = paused(*fork("f", [once("a")], [once("b", optional=True)]), "c")
    engine.fail("b")
    assert statuses(engine, execution)["f_join"] == "IN_PROGRESS"
    engine.complete("a")
    assert statuses(engine, execution)["f_join"] == "COMPLETED"
    assert resume(engine, execution) == {
        "f": "COMPLETED", "a": "COMPLETED", "b": "COMPLETED_WITH_ERRORS", "f_join": "COMPLETED",
        "c": "SCHEDULED", "": "RUNNING",
    }  # fmt: skip


def test_a_permissive_failure_counts_when_all_have_ended() -> None:
    engine, execution = paused(*fork("f", [once("a")], [once("b", permissive=True)]), "c")
    engine.fail("b", "broken")
    assert statuses(engine, execution)["f_join"] == "IN_PROGRESS"
    engine.complete("a")
    assert statuses(engine, execution)["f_join"] == "FAILED"
    assert resume(engine, execution)[""] == "FAILED"


def test_a_join_waits_only_for_what_it_names() -> None:
    forked = fork("f", [once("a")], [once("b")], [once("c")])
    forked[-1]["joinOn"] = ["a", "c"]
    engine, execution = paused(*forked)
    engine.fail("b")
    assert statuses(engine, execution)["f_join"] == "IN_PROGRESS"
    engine.complete("a")
    engine.complete("c")
    assert statuses(engine, execution)["f_join"] == "COMPLETED"


@pytest.mark.parametrize("fails", [False, True])
def test_a_join_around_one_that_ends_ends_too(fails: bool) -> None:
    """Also where the inner one is the later record of the two."""
    inner = [once("a"), *fork("inner", [once("b")], [once("c")])]
    engine = InlineEngine(workflow("w", *fork("outer", inner, [once("d")])))
    execution = engine.start("w")
    engine.complete("a")
    engine.service.pause(execution).result(0)
    engine.complete("d")
    engine.complete("b")
    (engine.fail if fails else engine.complete)("c")
    ended = "FAILED" if fails else "COMPLETED"
    found = statuses(engine, execution)
    assert (found["inner_join"], found["outer_join"], found[""]) == (ended, ended, "PAUSED")
    assert resume(engine, execution)[""] == ended


def test_branches_that_end_while_paused_do_not_look_at_all_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    width, seen = 150, []
    is_open = join._is_open

    def counted(*given: Any) -> bool:
        seen.append(given)
        return is_open(*given)

    monkeypatch.setattr(join, "_is_open", counted)
    branches = [[{**once(f"b{number}"), "name": "work"}] for number in range(width)]
    engine, execution = paused(*fork("f", *branches))
    for _ in range(width):
        engine.complete("work")
    assert statuses(engine, execution)["f_join"] == "COMPLETED"
    assert width <= len(seen) <= 6 * width


# -- time-outs -----------------------------------------------------------------------------------

_LIMITS = [
    {"responseTimeoutSeconds": 50},
    {"timeoutSeconds": 50, "timeoutPolicy": "RETRY"},
    {"timeoutSeconds": 50, "timeoutPolicy": "TIME_OUT_WF"},
]


@pytest.mark.parametrize("limits", _LIMITS)
def test_a_task_times_out_when_its_execution_is_resumed(limits: Wire) -> None:
    engine = InlineEngine(workflow("w", limited("a", retryCount=1, **limits)))
    execution = engine.start("w")
    task = engine.take("a")
    engine.service.pause(execution).result(0)
    engine.clock.move(seconds=3600)
    assert statuses(engine, execution) == {"a": "IN_PROGRESS", "": "PAUSED"}
    assert not engine.desk.timers.is_set(execution, task["taskId"])
    after = resume(engine, execution)
    if limits.get("timeoutPolicy") == "TIME_OUT_WF":
        assert after == {"a": "TIMED_OUT", "": "TIMED_OUT"}
    else:
        assert after == {"a": "SCHEDULED", "": "RUNNING"}
        first, second = engine.state(execution).tasks.values()
        assert (first.status, second.retry_count) == ("TIMED_OUT", 1)


def test_a_task_nobody_polled_times_out_at_the_resume_unless_it_was_polled_meanwhile() -> None:
    limits = {"pollTimeoutSeconds": 50, "timeoutPolicy": "TIME_OUT_WF", "timeoutSeconds": 900}
    for polled, status in ((False, "TIMED_OUT"), (True, "RUNNING")):
        engine, execution = paused(once("a") | limited("a", retryCount=0, **limits))
        engine.clock.move(seconds=60)
        if polled:
            engine.take("a")
        assert resume(engine, execution)[""] == status


def test_a_late_result_is_in_time_while_paused() -> None:
    engine = InlineEngine(workflow("w", limited("a", responseTimeoutSeconds=50), "b"))
    execution = engine.start("w")
    task = engine.take("a")
    engine.service.pause(execution).result(0)
    engine.clock.move(seconds=60)
    engine.report(task, "COMPLETED")
    assert resume(engine, execution) == {"a": "COMPLETED", "b": "SCHEDULED", "": "RUNNING"}


@pytest.mark.parametrize("crash", [False, True])
def test_a_time_out_that_is_not_due_yet_rings_on_time_after_the_resume(crash: bool) -> None:
    engine = InlineEngine(workflow("w", limited("a", retryCount=0, responseTimeoutSeconds=50)))
    execution = engine.start("w")
    engine.take("a")
    engine.service.pause(execution).result(0)
    engine.clock.move(seconds=30)
    if crash:
        engine.reopen()
    engine.service.resume(execution).result(0)
    engine.clock.move(seconds=19)
    assert statuses(engine, execution)["a"] == "IN_PROGRESS"
    engine.clock.move(seconds=1)
    assert statuses(engine, execution) == {"a": "TIMED_OUT", "": "TIMED_OUT"}


_SHORT = {"timeoutSeconds": 100, "timeoutPolicy": "TIME_OUT_WF"}


def test_a_paused_execution_does_not_time_out_and_has_its_whole_time_again_after() -> None:
    engine, execution = paused(once("a"), **_SHORT)
    engine.clock.move(seconds=3600)
    assert statuses(engine, execution) == {"a": "SCHEDULED", "": "PAUSED"}
    assert not engine.desk.timers.is_set(execution)
    assert resume(engine, execution)[""] == "RUNNING"
    engine.clock.move(seconds=99)
    assert statuses(engine, execution)[""] == "RUNNING"
    engine.clock.move(seconds=1)
    assert statuses(engine, execution) == {"a": "CANCELED", "": "TIMED_OUT"}


def test_a_result_that_comes_too_late_for_a_paused_execution_ends_it() -> None:
    engine, execution = paused(once("a"), "b", **_SHORT)
    engine.clock.move(seconds=100)
    engine.complete("a")
    assert statuses(engine, execution) == {"a": "COMPLETED", "": "TIMED_OUT"}


@pytest.mark.parametrize("first", ["fails", "times out"])
def test_of_a_failure_and_a_time_out_the_earlier_record_ends_the_execution(first: str) -> None:
    silent = limited("s", retryCount=0, timeoutSeconds=50, timeoutPolicy="TIME_OUT_WF")
    branches = ([once("a")], [silent]) if first == "fails" else ([silent], [once("a")])
    engine = InlineEngine(workflow("w", *fork("f", *branches)))
    execution = engine.start("w")
    engine.take("s")
    engine.service.pause(execution).result(0)
    engine.fail("a", "broken")
    engine.clock.move(seconds=60)
    after = resume(engine, execution)
    if first == "fails":
        assert (after["s"], after[""]) == ("CANCELED", "FAILED")
    else:
        assert (after["s"], after[""]) == ("TIMED_OUT", "TIMED_OUT")


# -- executions begun by an earlier version ------------------------------------------------------


def test_an_execution_that_began_before_keeps_its_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "LOGIC", 2)
    limits = {"responseTimeoutSeconds": 50}
    branches = [once("a")], [once("b")], [limited("c", retryCount=0, **limits)]
    engine = InlineEngine(workflow("w", *fork("f", *branches)))
    execution = engine.start("w")
    engine.take("c")
    engine.service.pause(execution).result(0)
    engine.fail("b")
    assert statuses(engine, execution)["f_join"] == "IN_PROGRESS"
    engine.clock.move(seconds=50)
    assert statuses(engine, execution)["c"] == "TIMED_OUT"
    engine.complete("a")
    assert statuses(engine, execution)["f_join"] == "FAILED"
    assert resume(engine, execution)[""] == "FAILED"
