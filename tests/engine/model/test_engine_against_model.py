"""Random stories, told to the engine and to a reference model: both end up the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from reference_model import ModelRun, Refused, Step

from engine.errors import EngineError
from engine.testing import definitions as d
from engine.testing.audit import FoldedHistories, audit_engine, audit_history
from engine.testing.inline import InlineEngine

Wire = dict[str, Any]


@st.composite
def _steps(draw: st.DrawFn) -> list[Step]:
    steps = []
    for number in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["task", "task", "fork", "wait", "signal"]))
        retries = draw(st.integers(0, 2))
        if kind == "task":
            steps.append(Step((f"t{number}",), retries))
        elif kind == "fork":
            width = draw(st.integers(2, 3))
            steps.append(Step(tuple(f"f{number}_{n}" for n in range(width)), retries))
        else:
            steps.append(Step((f"w{number}",), 0, 10 if kind == "wait" else 0))
    return steps


def _definition(name: str, steps: list[Step]) -> Wire:
    tasks: list[Any] = []
    for step in steps:
        if step.wait_seconds is not None:
            given = {"duration": f"{step.wait_seconds}s"} if step.wait_seconds else {}
            tasks.append(d.wait(step.references[0], **given))
            continue
        works = [
            {**d.limited(name, retryCount=step.retries, responseTimeoutSeconds=0), "name": "work"}
            for name in step.references
        ]
        tasks += d.fork(step.references[0] + "_fork", *([w] for w in works)) if step.join else works
        if step.join:
            tasks[-1] |= {"taskReferenceName": step.join, "name": step.join}
    return d.workflow(name, *tasks)


class Stories(RuleBasedStateMachine):
    """Engine and model side by side."""

    steps = 0
    """Taken by all stories so far."""
    runs = Bundle("runs")
    held = Bundle("held")

    @initialize()
    def open(self) -> None:
        self.engine = InlineEngine()
        self.folded = FoldedHistories(self.engine)
        self.models: dict[str, ModelRun] = {}

    def teardown(self) -> None:
        for workflow_id in getattr(self, "models", ()):
            audit_history(self.engine.events(workflow_id), self.engine.registry.definition_of)
        if hasattr(self, "engine"):
            self.engine.close()

    @property
    def now(self) -> int:
        return self.engine.clock.now().wall_ms // 1000

    def _both(self, real: Any, model: Any) -> None:
        """The same action on both sides: both do it, or both refuse it."""
        try:
            model()
        except Refused:
            with pytest.raises(EngineError):
                real().result(0)
        else:
            real().result(0)

    @rule(target=runs, steps=_steps())
    def start(self, steps: list[Step]) -> str:
        name = f"flow{len(self.models)}"
        self.engine.register(_definition(name, steps))
        workflow_id = self.engine.start(name)
        self.models[workflow_id] = ModelRun(steps, self.now)
        return workflow_id

    @rule(target=held)
    def poll(self) -> Wire | None:
        tasks = self.engine.poll("work")
        if not tasks:
            open_ones = [m for m in self.models.values() if not m.has_ended]
            waiting = [r for m in open_ones for r in m.attempts if m.newest(r) == "SCHEDULED"]
            assert not waiting, f"{waiting} should have been handed out"
            return None
        self.models[tasks[0]["workflowInstanceId"]].polled(tasks[0]["referenceTaskName"])
        return tasks[0]

    @rule(task=held, status=st.sampled_from(
        ["COMPLETED", "COMPLETED", "COMPLETED", "FAILED", "FAILED_WITH_TERMINAL_ERROR"]
    ))  # fmt: skip
    def report(self, task: Wire | None, status: str) -> None:
        """A result: in time, again, late, or for an attempt that has been forgotten."""
        if task is None:
            return
        workflow_id = task["workflowInstanceId"]
        known = task["taskId"] in self.engine.state(workflow_id).tasks
        if known:
            self.engine.report(task, status)
            model = self.models[workflow_id]
            model.result(task["referenceTaskName"], task["retryCount"], status, self.now)

    @rule(run=runs)
    def pause(self, run: str) -> None:
        self._both(lambda: self.engine.service.pause(run), self.models[run].pause)

    @rule(run=runs)
    def resume(self, run: str) -> None:
        model = self.models[run]
        self._both(lambda: self.engine.service.resume(run), lambda: model.resume(self.now))

    @rule(run=runs)
    def terminate(self, run: str) -> None:
        self._both(lambda: self.engine.service.terminate(run), self.models[run].terminate)

    @rule(run=runs)
    def retry(self, run: str) -> None:
        model = self.models[run]
        self._both(lambda: self.engine.service.retry(run), lambda: model.retry(self.now))

    @rule(run=runs, anew=st.booleans())
    def rerun(self, run: str, anew: bool) -> None:
        model, service = self.models[run], self.engine.service
        real = (lambda: service.restart(run)) if anew else (lambda: service.rerun(run, {}))
        self._both(real, lambda: model.again(self.now))

    @rule(run=runs, number=st.integers(0, 3))
    def skip(self, run: str, number: int) -> None:
        model = self.models[run]
        step = model.steps[number % len(model.steps)]
        if step.join or step.wait_seconds is not None:
            return
        (name,) = step.references
        real = lambda: self.engine.service.skip_task(run, name, {})  # noqa: E731
        self._both(real, lambda: model.skip(name))

    @rule(run=runs)
    def signal(self, run: str) -> None:
        model = self.models[run]
        waits = [r for r in model.deadlines if model.newest(r) == "IN_PROGRESS"]
        if waits and not model.has_ended:
            self.engine.service.signal(run, "COMPLETED", {}).result(0)
            model.signal(self.now)

    @rule(seconds=st.sampled_from([1, 9, 10, 3600]))
    def tick(self, seconds: int) -> None:
        self.engine.clock.move(seconds=seconds)
        for model in self.models.values():
            model.advance(self.now)

    @rule()
    def crash(self) -> None:
        self.engine.reopen()

    @invariant()
    def agree(self) -> None:
        if not hasattr(self, "models"):
            return
        Stories.steps += 1
        audit_engine(self.engine, self.folded)
        for workflow_id, model in self.models.items():
            state = self.engine.state(workflow_id)
            shown: dict[str, list[str]] = {}
            for task in sorted(state.tasks.values(), key=lambda t: t.retry_count):
                if task.task_type != "FORK":
                    shown.setdefault(task.reference_task_name, []).append(str(task.status))
            assert (str(state.status), shown) == (model.status, model.attempts)


_SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


def _run(examples: int) -> int:
    """Tell some stories; returns how many steps they had."""
    Stories.steps = 0
    run_state_machine_as_test(
        Stories,
        settings=settings(
            max_examples=examples,
            stateful_step_count=50,
            deadline=None,
            print_blob=True,
            suppress_health_check=_SLOW,
        ),
    )
    return Stories.steps


@pytest.mark.timeout(240)
def test_engine_and_model_agree_in_three_hundred_stories() -> None:
    assert _run(300) > 300 * 30


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_engine_and_model_agree_in_half_a_million_steps() -> None:
    steps = 0
    while steps < 500_000:  # each time anew: what Hypothesis remembers of a run grows with it
        steps += _run(2_000)
    print(f"{steps} steps")
