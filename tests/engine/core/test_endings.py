"""What an execution shows when it has ended, whichever way it ended."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import ConflictError, NotFoundError
from engine.testing.definitions import fork, limited, simple, sub, terminate, wait, workflow
from engine.testing.inline import InlineEngine

Wire = dict[str, Any]

OUTPUT = {
    "k": "${a.output.k}",
    "missing": "${a.output.none}",
    "status": "${workflow.status}",
    "text": "${workflow.input.n} of ${a.output.k}",
}


def shown(status: str) -> Wire:
    return {"k": 7, "missing": None, "status": status, "text": "3 of 7"}


def begun(*tasks: Any, **keys: Any) -> tuple[InlineEngine, str]:
    engine = InlineEngine(workflow("w", "a", *tasks, outputParameters=OUTPUT, **keys))
    workflow_id = engine.start("w", {"n": 3})
    engine.complete("a", {"k": 7})
    return engine, workflow_id


def test_output_parameters_on_completion() -> None:
    engine, workflow_id = begun()
    assert engine.state(workflow_id).output == shown("RUNNING")


def test_output_parameters_on_failure() -> None:
    engine, workflow_id = begun(simple("b"))
    engine.fail("b", terminal=True)
    state = engine.state(workflow_id)
    assert (state.status, state.output) == ("FAILED", shown("FAILED"))


def test_output_parameters_on_a_time_out() -> None:
    engine, workflow_id = begun("b", timeoutSeconds=10, timeoutPolicy="TIME_OUT_WF")
    engine.clock.move(seconds=11)
    state = engine.state(workflow_id)
    assert (state.status, state.output) == ("TIMED_OUT", shown("TIMED_OUT"))


def test_output_parameters_on_an_operators_termination() -> None:
    engine, workflow_id = begun("b")
    engine.service.terminate(workflow_id, "enough").result(0)
    state = engine.state(workflow_id)
    assert (state.status, state.output) == ("TERMINATED", shown("TERMINATED"))


@pytest.mark.parametrize("status", ["COMPLETED", "FAILED", "TERMINATED"])
def test_output_of_a_terminate_task_wins(status: str) -> None:
    engine, workflow_id = begun(terminate("t", status, workflowOutput={"mine": 1}))
    state = engine.state(workflow_id)
    assert (state.status, state.output) == (status, {"mine": 1})


def test_output_parameters_of_a_child_that_its_parent_ended() -> None:
    child = workflow("child", "a", "b", outputParameters={"k": "${a.output.k}"})
    both = fork("f", [sub("s", "child")], ["c"])
    engine = InlineEngine(workflow("w", *both), child)
    workflow_id = engine.start("w")
    (child_id,) = engine.children(workflow_id)
    engine.complete("a", {"k": 7})
    engine.fail("c", terminal=True)
    state = engine.state(child_id)
    assert (state.status, state.output) == ("TERMINATED", {"k": 7})


def test_without_output_parameters_the_last_task_speaks() -> None:
    engine = InlineEngine(workflow("w", "a", "b"))
    workflow_id = engine.start("w")
    engine.complete("a", {"n": 1})
    engine.complete("b", {"n": 2})
    assert engine.state(workflow_id).output == {"n": 2}


# -- restartable -----------------------------------------------------------------------------


def test_completed_execution_that_is_not_restartable_stays_as_it_is() -> None:
    engine = InlineEngine(workflow("w", "a", restartable=False))
    workflow_id = engine.start("w")
    engine.complete("a")
    with pytest.raises(NotFoundError, match="is non-restartable"):
        engine.service.restart(workflow_id).result(0)
    assert engine.state(workflow_id).status == "COMPLETED"


def test_failed_execution_may_be_restarted_all_the_same() -> None:
    engine = InlineEngine(workflow("w", limited("a"), restartable=False))
    workflow_id = engine.start("w")
    engine.fail("a")
    engine.service.restart(workflow_id).result(0)
    assert engine.state(workflow_id).status == "RUNNING"


def test_running_execution_is_not_restarted() -> None:
    engine = InlineEngine(workflow("w", "a"))
    workflow_id = engine.start("w")
    with pytest.raises(ConflictError, match="is not in terminal state, unable to restart"):
        engine.service.restart(workflow_id).result(0)


# -- failure workflow ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "started"),
    [
        ("clean_up", True),
        ("$workflow.input.rescue", True),
        ("${workflow.input.rescue}", False),
        ("$workflow.input.none", False),
    ],
)
def test_failure_workflow_is_named_or_read_from_the_input(name: str, started: bool) -> None:
    flow = workflow("w", limited("a"), failureWorkflow=name)
    engine = InlineEngine(flow, workflow("clean_up", "c"))
    workflow_id = engine.start("w", {"rescue": "clean_up", "n": 1})
    engine.fail("a", "broken")
    output = engine.state(workflow_id).output
    if not started:
        assert "conductor.failure_workflow" not in output
        assert engine.poll("c") == []
        return
    task = engine.take("c")
    assert output["conductor.failure_workflow"] == task["workflowInstanceId"]
    given = engine.state(task["workflowInstanceId"]).input
    assert (given["n"], given["workflowId"], given["failureStatus"]) == (1, workflow_id, "FAILED")
    assert given["failureTaskId"] in engine.state(workflow_id).tasks
    assert "broken" in given["reason"]
    assert given["failedWorkflow"]["workflowId"] == workflow_id


def test_failure_workflow_that_does_not_exist_is_told_in_the_output() -> None:
    engine = InlineEngine(workflow("w", limited("a"), failureWorkflow="nowhere"))
    workflow_id = engine.start("w")
    engine.fail("a")
    told = engine.state(workflow_id).output["conductor.failure_workflow"]
    assert told.startswith("Error workflow nowhere failed to start.  reason: ")


@pytest.mark.parametrize("ending", ["terminate", "complete"])
def test_no_failure_workflow_without_a_failure(ending: str) -> None:
    engine = InlineEngine(workflow("w", "a", failureWorkflow="clean_up"), workflow("clean_up", "c"))
    workflow_id = engine.start("w")
    if ending == "terminate":
        engine.service.terminate(workflow_id).result(0)
    else:
        engine.complete("a")
    assert engine.poll("c") == []


def test_failure_workflow_inherits_correlation_and_domains() -> None:
    flow = workflow("w", limited("a"), failureWorkflow="clean_up")
    engine = InlineEngine(flow, workflow("clean_up", wait("p")))
    workflow_id = engine.start("w", correlationId="c-1", taskToDomain={"x": "d"})
    engine.fail("a")
    other = engine.state(engine.state(workflow_id).output["conductor.failure_workflow"])
    assert (other.correlation_id, other.task_to_domain) == ("c-1", {"x": "d"})
    assert other.parent_workflow_id is None
