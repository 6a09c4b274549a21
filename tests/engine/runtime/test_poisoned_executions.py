"""One execution that goes wrong for good must not slow others down."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from engine.core import decide
from engine.core.apply import fold
from engine.core.limits import SIZE_LIMITS, least_size
from engine.errors import InvalidRequestError
from engine.facade import Engine
from engine.functions import FunctionRegistry, TaskContext, task
from engine.models.codec import dumps
from engine.testing.definitions import fork, inline, loop, node, set_variable, simple, sub, workflow
from engine.testing.inline import InlineEngine

Wire = dict[str, Any]

QUICK = workflow("quick", simple("step", {"n": 1}), inline("script", "$.n + 1", n=1))
ENDLESS_SCRIPT = workflow("endless_script", inline("for_ever", "while (true) {}"))
MANY_ENDLESS = workflow(
    "many_endless", *fork("f", *[[inline(f"e{n}", "while (true) {}")] for n in range(12)])
)
HUGE_OUTPUT = workflow("huge_output", simple("huge"))
LOOP = workflow("looping", loop("round", set_variable("note", n=1), condition="true"))
ITEMS = workflow(
    "items",
    loop("round", set_variable("note", n=1), items="${workflow.input.items}", condition="true"),
)
NESTED = workflow("nested", sub("again", "nested"))


@pytest.fixture
def engine(tmp_path: Any) -> Iterator[Engine]:
    functions = FunctionRegistry()
    task("step", registry=functions)(lambda n: {"n": n})
    task("huge", registry=functions, retry_count=0)(lambda: {"text": "x" * 50_000_000})
    with Engine(tmp_path / "poisoned.duckdb", functions=functions) as engine:
        for definition in (QUICK, ENDLESS_SCRIPT, MANY_ENDLESS, HUGE_OUTPUT, LOOP, ITEMS):
            engine.service.create_workflow_def(definition, overwrite=True).result(30)
        for _ in range(5):
            engine.run("quick", {})
        yield engine


def slowest_ms(engine: Engine, seconds: float) -> tuple[float, float]:
    """Median and worst time of small executions with a worker and a script, one after another."""
    took = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        begun = time.perf_counter()
        assert engine.run("quick", {}).status == "COMPLETED"
        took.append(1000 * (time.perf_counter() - begun))
    return sorted(took)[len(took) // 2], max(took)


@pytest.mark.parametrize(
    ("name", "input"),
    [
        ("endless_script", {}),
        ("many_endless", {}),
        ("huge_output", {}),
        ("looping", {}),
        ("items", {"items": list(range(20_000))}),
    ],
)
def test_others_go_on_beside_it(engine: Engine, name: str, input: Wire) -> None:
    median, _ = slowest_ms(engine, 0.3)
    for _ in range(2):
        engine.service.start_workflow({"name": name, "input": input})
    # Long enough for the median: the first script may wait for another process to start.
    beside, worst = slowest_ms(engine, 2.5)
    for workflow_id in engine.service.running(name):
        engine.service.terminate(workflow_id, "seen enough").result(30)
    # Generous, for machines that are busy: what it guards against are seconds.
    assert beside < 50 * median + 200
    assert worst < 3_000


def test_an_output_that_is_too_large_fails_its_task_for_good(engine: Engine) -> None:
    failed = engine.run("huge_output", {})
    assert failed.status == "FAILED"
    reason = failed.tasks[0].reason_for_incompletion or ""
    assert "greater than the permissible limit" in reason
    assert len(failed.tasks) == 1


def test_an_endless_script_is_cut(engine: Engine) -> None:
    failed = engine.run("endless_script", {}, timeout_seconds=30)
    assert failed.status == "FAILED"
    assert "4" in (failed.tasks[0].reason_for_incompletion or "")


@pytest.mark.parametrize("definition", [LOOP, ITEMS], ids=["by condition", "over items"])
def test_a_loop_without_end_is_stopped_with_a_reason(
    monkeypatch: pytest.MonkeyPatch, definition: Wire
) -> None:
    monkeypatch.setattr(decide, "SIZE_LIMITS", replace(SIZE_LIMITS, unattended_events=300))
    monkeypatch.setattr(decide, "MAX_EVENTS", 50)
    with InlineEngine(definition) as engine:
        workflow_id = engine.start(definition["name"], {"items": list(range(1_000))})
        state = engine.state(workflow_id)
    assert str(state.status) == "FAILED"
    assert "a loop without end. The loop round is in iteration" in str(
        state.reason_for_incompletion
    )


def test_a_loop_that_rests_may_go_on_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "SIZE_LIMITS", replace(SIZE_LIMITS, unattended_events=60))
    rests = [node("rest", "WAIT", inputParameters={"duration": "1 seconds"})]
    with InlineEngine(workflow("resting", loop("round", *rests, condition="true"))) as engine:
        workflow_id = engine.start("resting")
        for _ in range(50):
            engine.clock.move(seconds=1)
        assert engine.state(workflow_id).last_event > 200
        assert str(engine.state(workflow_id).status) == "RUNNING"


def test_half_a_surrogate_pair_in_what_a_function_says_stops_nobody(tmp_path: Any) -> None:
    functions = FunctionRegistry()

    def read_folder(context: TaskContext) -> None:
        name = b"r\xe9sum\xe9".decode("utf-8", "surrogateescape")  # as os.listdir gives it
        context.log(f"reading {name}")
        raise OSError(f"cannot read {name}")

    task("read_folder", registry=functions, retry_count=0)(read_folder)
    with Engine(tmp_path / "names.duckdb", functions=functions) as engine:
        definition = workflow("names", simple("read_folder"))
        engine.service.create_workflow_def(definition, overwrite=True).result(30)
        failed = engine.run("names", {}, timeout_seconds=10)
        task_id = failed.tasks[0].task_id
        assert failed.tasks[0].reason_for_incompletion == "OSError: cannot read r\ufffdsum\ufffd"
        assert engine.service.logs(task_id)[0]["log"] == "reading r\ufffdsum\ufffd"
        state = engine.service._runtime.desk.state(failed.workflow_id)
        again = fold(engine.service._runtime.store.events(failed.workflow_id), lambda _: None)  # type: ignore[arg-type,return-value]
        assert again.tasks == state.tasks


def test_no_text_at_all_keeps_others_from_being_recorded(tmp_path: Any) -> None:
    with Engine(tmp_path / "texts.duckdb") as engine:
        service = engine.service
        service.create_workflow_def(workflow("waits", simple("elsewhere"))).result(30)
        workflow_id = service.start_workflow({"name": "waits", "input": {"a\ud800": "\ud83d"}})
        (polled,) = service.poll("elsewhere", "w", None, 1, 1000).result(30)
        service.add_log(polled["taskId"], "half \udc00").result(10)
        update = {
            "workflowInstanceId": workflow_id.result(10),
            "taskId": polled["taskId"],
            "status": "FAILED_WITH_TERMINAL_ERROR",
            "reasonForIncompletion": "no \udcff",
            "outputData": {"\udcff": ["\udcff"]},
        }
        service.update_task(update).result(10)
        shown = service.workflow(update["workflowInstanceId"]).result(10)
        assert dumps(shown)
        assert service.logs(polled["taskId"])[0]["log"] == "half \ufffd"
        events = service._runtime.store.events(update["workflowInstanceId"])
        assert events[0].data["input"] == {"a\ufffd": "\ufffd"}
        found = service._runtime.store.query("SELECT reason_for_incompletion AS why FROM tasks")
        assert found == [{"why": "no \ufffd"}]
        assert service._runtime.writer.failure is None


@pytest.mark.parametrize("seconds", [2**53, 2**62, 2**63 - 1])
def test_deadlines_beyond_all_time_keep_nobody_from_being_recorded(
    tmp_path: Any, seconds: int
) -> None:
    late = {**workflow("late", simple("step")), "timeoutSeconds": seconds}
    with Engine(tmp_path / "late.duckdb", threads=0) as engine:
        service, runtime = engine.service, engine.service._runtime
        runtime.desk.executions.resident_limit = 0
        service.create_workflow_def({**late, "timeoutPolicy": "TIME_OUT_WF"}).result(30)
        ids = [service.start_workflow({"name": "late", "input": {}}).result(30) for _ in range(3)]
        while runtime.desk.executions.paged_count < len(ids):
            runtime.decider.submit(lambda desk: None).result(30)
        runtime.decider.submit(lambda desk: None).result(30)
        assert runtime.writer.failure is None
        assert sorted(service.running("late")) == sorted(ids)


def test_numbers_too_large_for_a_column_do_not_hold_the_history_up(tmp_path: Any) -> None:
    param = {"name": "child", "version": 1, "priority": "${workflow.input.priority}"}
    calls = workflow("calls", node("s", "SUB_WORKFLOW", subWorkflowParam=param))
    with Engine(tmp_path / "large.duckdb", threads=0) as engine:
        service = engine.service
        for definition in (workflow("child", simple("step")), calls):
            service.create_workflow_def(definition).result(30)
        with pytest.raises(InvalidRequestError, match="validation|32 bits"):
            service.create_workflow_def({**calls, "version": 2**31}).result(30)
        with pytest.raises(InvalidRequestError, match="validation|32 bits"):
            service.save_schemas([{"name": "s", "version": 2**31, "type": "JSON"}]).result(30)
        service.start_workflow({"name": "calls", "input": {"priority": 2**40}}).result(30)
        found = service._runtime.store.query("SELECT max(priority) AS p FROM executions")
        assert found == [{"p": 2**31 - 1}]


def test_a_workflow_that_starts_itself_comes_to_an_end() -> None:
    with InlineEngine(NESTED) as engine:
        root = engine.start("nested")
        for _ in range(200):
            engine.register()
            if engine.state(root).status.is_terminal:
                break
        reason = str(engine.state(root).reason_for_incompletion)
    assert "nested too deeply" in reason


@pytest.mark.parametrize("value", ["", "äöü" * 10, {"a": "x", "b": {"c": "d"}}, [[]] * 20, 7, None])
def test_the_least_size_is_never_more_than_the_size(value: Any) -> None:
    assert least_size(value, 10**6) <= len(dumps(value))


def test_the_least_size_of_something_large_is_known_early() -> None:
    assert least_size(["x" * 1_000] * 1_000, 5_000) < 1_100_000
    assert least_size({"text": "x" * 50_000_000}, 10_000_000) > 10_000_000
