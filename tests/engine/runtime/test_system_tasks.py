"""System tasks of a user's own: called on their threads, through restarts, retried, cancelled."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field

from engine import Elsewhere, Engine, InProgress, SystemTask, SystemTaskContext
from engine.core.events import EventKind
from engine.errors import InvalidDefinitionError, InvalidRequestError, NonRetryableError
from engine.functions import FunctionRegistry, task
from engine.models.definitions import WorkflowTask
from engine.testing.definitions import fork, node, task_def, terminate, wait, workflow

Wire = dict[str, Any]


class Invoice(SystemTask):
    """Writes an invoice, then looks for its payment; remembers what it was asked."""

    task_type = "INVOICE"
    summary = "Send an invoice and wait until it is paid."

    class Input(BaseModel):
        """What it needs."""

        order: str
        amount: float = Field(0, ge=0, description="In euros.")

    def __init__(self, looks: int = 1) -> None:
        self.calls: list[str] = []
        self.looks = looks
        self.threads: set[str] = set()
        self.cancelled = threading.Event()

    def validate(self, task: WorkflowTask) -> list[str]:
        return ["INVOICE can't be optional."] if task.optional else []

    def start(self, context: SystemTaskContext) -> InProgress:
        self.threads.add(threading.current_thread().name)
        self.calls.append(f"start {context.input.order} {context.attempt}")
        context.log("written")
        return InProgress({"number": "R1"}, again_after_seconds=0)

    def execute(self, context: SystemTaskContext) -> Any:
        self.calls.append(f"execute {context.output['number']}")
        if sum(call.startswith("execute") for call in self.calls) < self.looks:
            return InProgress(context.output, again_after_seconds=0)
        return {**context.output, "paid": True}

    def cancel(self, context: SystemTaskContext) -> None:
        self.calls.append(f"cancel {context.output.get('number')}")
        self.cancelled.set()


def invoice(reference: str = "i", **keys: Any) -> Wire:
    return node(reference, "INVOICE", inputParameters={"order": "${workflow.input.order}"}, **keys)


def test_start_then_execute_until_it_is_done_on_threads_of_their_own() -> None:
    one = Invoice(looks=3)
    with Engine(system_tasks=[one]) as engine:
        engine.client.register_workflow_def(workflow("w", invoice()))
        done = engine.run("w", {"order": "o7"})

    assert str(done.status) == "COMPLETED"
    assert done.output == {"number": "R1", "paid": True}
    assert one.calls == ["start o7 1", "execute R1", "execute R1", "execute R1"]
    assert all(name.startswith("system-task") for name in one.threads)
    assert done.tasks[0].task_type == "INVOICE"


class Careless(SystemTask):
    """Changes what it is shown."""

    task_type = "CARELESS"
    summary = "Change what it is shown."

    def start(self, context: SystemTaskContext) -> InProgress:
        context.input["items"].append("mine")
        return InProgress({"seen": []}, again_after_seconds=0)

    def execute(self, context: SystemTaskContext) -> Any:
        context.output["seen"].append("mine")
        raise NonRetryableError("enough")


def test_what_it_does_to_its_input_and_output_is_its_own() -> None:
    careless = node("c", "CARELESS", inputParameters={"items": "${workflow.input.items}"})
    with Engine(system_tasks=[Careless()]) as engine:
        engine.client.register_workflow_def(workflow("w", careless))
        failed = engine.run("w", {"items": [1]})
        events = engine.client.events(failed.workflow_id)
    assert failed.input == events[0].data["input"] == {"items": [1]}
    assert failed.tasks[0].input_data == {"items": [1]}


class Held(Invoice):
    """Starts, and is looked after again in an hour; or never returns before it may."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()
        self.may_go = threading.Event()

    def start(self, context: SystemTaskContext) -> Any:
        self.calls.append("start")
        self.begun.set()
        self.may_go.wait(20)
        return {"seen": context.is_cancelled}


def test_a_start_that_the_process_did_not_survive_is_made_again(tmp_path: Path) -> None:
    first, second = Held(), Invoice()
    with Engine(tmp_path / "h.duckdb", system_tasks=[first]) as engine:
        engine.client.register_workflow_def(workflow("w", invoice()))
        workflow_id = engine.start("w", {"order": "o1"})
        assert first.begun.wait(10)
    first.may_go.set()

    with Engine(tmp_path / "h.duckdb", system_tasks=[second]) as engine:
        done = engine.wait(workflow_id, 20)

    assert str(done.status) == "COMPLETED"
    assert second.calls == ["start o1 1", "execute R1"]


class Resting(Invoice):
    """Wants to be looked after in an hour."""

    def start(self, context: SystemTaskContext) -> InProgress:
        self.calls.append("start")
        return InProgress({"number": "R9"}, again_after_seconds=3600)


def test_what_has_started_goes_on_with_execute_after_a_restart(tmp_path: Path) -> None:
    first, second = Resting(), Invoice()
    with Engine(tmp_path / "h.duckdb", system_tasks=[first]) as engine:
        engine.client.register_workflow_def(workflow("w", invoice()))
        workflow_id = engine.start("w", {"order": "o1"})
        _await(engine, workflow_id, lambda task: task.output_data == {"number": "R9"})

    with Engine(tmp_path / "h.duckdb", system_tasks=[second]) as engine:
        engine.service.reset_callbacks(workflow_id).result(10)
        done = engine.wait(workflow_id, 20)

    assert second.calls == ["execute R9"]
    assert done.output == {"number": "R9", "paid": True}


def _await(engine: Engine, workflow_id: str, holds: Any) -> None:
    """Wait until the first task of an execution is as it should be."""
    seen = threading.Event()

    def look(_: Any = None) -> None:
        tasks = engine.client.workflow(workflow_id).tasks
        if tasks and holds(tasks[0]):
            seen.set()

    subscription = engine.client.subscribe(look)
    try:
        look()
        assert seen.wait(10)
    finally:
        subscription.close()


def test_a_task_of_an_execution_that_ends_is_cancelled() -> None:
    one = Resting()
    with Engine(system_tasks=[one]) as engine:
        engine.client.register_workflow_def(workflow("w", invoice()))
        workflow_id = engine.start("w", {"order": "o1"})
        _await(engine, workflow_id, lambda task: task.output_data == {"number": "R9"})
        engine.service.terminate(workflow_id, "enough").result(10)
        assert one.cancelled.wait(10)
        task = engine.client.workflow(workflow_id).tasks[0]

    assert one.calls == ["start", "cancel R9"]
    assert str(task.status) == "CANCELED"


def test_a_call_at_work_hears_that_its_task_was_cancelled_and_its_result_is_dropped() -> None:
    one = Held()
    with Engine(system_tasks=[one]) as engine:
        ending = [wait("w1"), terminate("t")]
        engine.client.register_workflow_def(workflow("w", *fork("f", [invoice()], ending)))
        workflow_id = engine.start("w", {"order": "o1"})
        assert one.begun.wait(10)
        engine.service.signal(workflow_id, "COMPLETED", {}).result(10)
        assert one.cancelled.wait(10)
        one.may_go.set()
        done = engine.wait(workflow_id)

    assert str(done.status) == "COMPLETED"
    assert [str(t.status) for t in done.tasks if t.task_type == "INVOICE"] == ["CANCELED"]


class Failing(SystemTask):
    """Fails twice, then works; or for good."""

    task_type = "FAILING"

    def __init__(self, final: bool = False) -> None:
        self.final = final

    def start(self, context: SystemTaskContext) -> Any:
        if self.final:
            raise NonRetryableError("never")
        if context.attempt < 3:
            raise ValueError("not yet")
        return 5


def test_what_is_raised_fails_the_attempt_and_the_task_definition_retries_it() -> None:
    with Engine(system_tasks=[Failing()]) as engine:
        engine.service.create_task_defs([task_def("f", retryCount=2)]).result(10)
        engine.client.register_workflow_def(workflow("w", node("f", "FAILING")))
        done = engine.run("w")

    assert [str(t.status) for t in done.tasks] == ["FAILED", "FAILED", "COMPLETED"]
    assert done.tasks[0].reason_for_incompletion == "ValueError: not yet"
    assert done.output == {"result": 5}


def test_a_final_error_is_not_tried_again_and_names_its_place() -> None:
    with Engine(system_tasks=[Failing(final=True)]) as engine:
        engine.service.create_task_defs([task_def("f", retryCount=2)]).result(10)
        engine.client.register_workflow_def(workflow("w", node("f", "FAILING")))
        workflow_id = engine.start("w")
        done = engine.wait(workflow_id)
        cause = engine.client.failure(workflow_id).chains[0].cause

    assert [str(t.status) for t in done.tasks] == ["FAILED_WITH_TERMINAL_ERROR"]
    assert cause.type == "NonRetryableError"
    assert cause.frames[-1]["file"].endswith("test_system_tasks.py")


class Approval(SystemTask):
    """Asks another system, which answers over the API."""

    task_type = "APPROVAL"

    def start(self, context: SystemTaskContext) -> Elsewhere:
        return Elsewhere({"ticket": "T1"})


def test_elsewhere_leaves_the_task_to_whoever_completes_it(tmp_path: Path) -> None:
    with Engine(tmp_path / "h.duckdb", system_tasks=[Approval()]) as engine:
        engine.client.register_workflow_def(workflow("w", node("a", "APPROVAL")))
        workflow_id = engine.start("w")
        _await(engine, workflow_id, lambda task: task.output_data == {"ticket": "T1"})

    with Engine(tmp_path / "h.duckdb", system_tasks=[Approval()]) as engine:
        task = engine.client.workflow(workflow_id).tasks[0]
        assert str(task.status) == "IN_PROGRESS"
        engine.service.update_task_by_reference(workflow_id, "a", "COMPLETED", {"ok": 1}).result(10)
        done = engine.wait(workflow_id)

    assert done.output == {"ticket": "T1", "ok": 1}


@pytest.mark.parametrize(
    ("inputs", "keys", "path", "says"),
    [
        ({"order": 7}, {}, "tasks[0].inputParameters.order", "valid string"),
        ({"order": "a", "amount": -1}, {}, "tasks[0].inputParameters.amount", "greater than"),
        ({"order": "a"}, {"optional": True}, "tasks[0].inputParameters", "can't be optional"),
    ],
)
def test_a_definition_with_a_wrong_literal_is_refused(
    inputs: Wire, keys: Wire, path: str, says: str
) -> None:
    with Engine(system_tasks=[Invoice()]) as engine:
        bad = workflow("w", node("i", "INVOICE", inputParameters=inputs, **keys))
        with pytest.raises(InvalidDefinitionError) as refused:
            engine.client.register_workflow_def(bad)

    (problem,) = refused.value.problems
    assert problem.path == path
    assert says in problem.message


def test_an_input_that_does_not_fit_at_run_time_fails_for_good() -> None:
    with Engine(system_tasks=[Invoice()]) as engine:
        engine.client.register_workflow_def(workflow("w", invoice(retryCount=3)))
        done = engine.run("w", {"order": [1]})

    assert [str(t.status) for t in done.tasks] == ["FAILED_WITH_TERMINAL_ERROR"]
    assert "The input of INVOICE does not fit. order:" in str(done.tasks[0].reason_for_incompletion)


def test_the_palette_form_comes_from_the_input_model() -> None:
    with Engine(system_tasks=[Invoice()]) as engine:
        kind = engine._runtime.desk.task_types["INVOICE"]

    assert kind.summary == "Send an invoice and wait until it is paid."
    assert kind.input_schema["properties"]["amount"]["description"] == "In euros."
    assert kind.input_schema["required"] == ["order"]


@pytest.mark.parametrize("name", ["HTTP", ""])
def test_a_type_of_the_engine_or_none_at_all_is_refused(name: str) -> None:
    bad = type("Bad", (Failing,), {"task_type": name})()
    with pytest.raises(InvalidRequestError, match="Bad has"):
        Engine(system_tasks=[bad])


def _install(folder: Path, monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    """A package with an entry point, as pip leaves it behind."""
    info = folder / "courier-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: courier\nVersion: 1.0\n")
    points = f"[conductor_studio.system_tasks]\ncourier = {target}\n"
    (info / "entry_points.txt").write_text(points)
    (folder / "courier_tasks.py").write_text(
        "from engine import SystemTask\n"
        "class Courier(SystemTask):\n"
        "    task_type = 'COURIER'\n"
        "    def start(self, context):\n"
        "        return {'sent': context.input['to']}\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    sys.modules.pop("courier_tasks", None)


def test_an_installed_package_brings_its_task_types(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install(tmp_path, monkeypatch, "courier_tasks:Courier")
    with Engine() as engine:
        given = {"to": "Rome"}
        engine.client.register_workflow_def(
            workflow("w", node("c", "COURIER", inputParameters=given))
        )
        assert engine.run("w").output == {"sent": "Rome"}


def test_an_entry_point_that_does_not_load_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _install(tmp_path, monkeypatch, "courier_tasks:Nothing")
    with pytest.raises(InvalidRequestError, match="'courier'.*courier_tasks:Nothing"):
        Engine()


def test_the_history_of_a_system_task_shows_each_call() -> None:
    with Engine(system_tasks=[Invoice(looks=2)]) as engine:
        engine.client.register_workflow_def(workflow("w", invoice()))
        workflow_id = engine.start("w", {"order": "o"})
        engine.wait(workflow_id)
        kinds = [e.kind for e in engine._runtime.store.events(workflow_id) if e.reference == "i"]

    started, updated = EventKind.TASK_STARTED, EventKind.TASK_UPDATED
    assert kinds == [
        EventKind.TASK_SCHEDULED,
        *[started, updated],
        *[started, updated],
        *[started, EventKind.TASK_COMPLETED],
    ]


def test_functions_registered_after_an_engine_was_closed_do_not_reach_it() -> None:
    functions = FunctionRegistry()
    Engine(functions=functions).close()

    @task(registry=functions)
    def late() -> None: ...

    assert functions.names() == ["late"]


_STUCK = """
import threading
from engine import Engine, SystemTask
from engine.testing.definitions import node, workflow
begun = threading.Event()
class Stuck(SystemTask):
    task_type = "STUCK"
    def start(self, context):
        begun.set()
        threading.Event().wait()
with Engine(system_tasks=[Stuck()]) as engine:
    engine.client.register_workflow_def(workflow("w", node("t", "STUCK")))
    engine.start("w")
    assert begun.wait(10)
print("ended")
"""


def test_a_call_that_never_returns_does_not_keep_the_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _STUCK], capture_output=True, text=True, timeout=40, check=True
    )
    assert done.stdout == "ended\n"
