"""Task types that stand in a queue or wait for a signal or a message, as a table."""

from __future__ import annotations

from typing import Any

import pytest

from engine.core.tasks.registry import TASK_TYPES
from engine.core.tasks.user_system import UserSystemTask
from engine.testing.definitions import fork, node, sub, terminate, wait, workflow
from engine.testing.inline import InlineEngine

Wire = dict[str, Any]
TYPES = TASK_TYPES.extended([UserSystemTask("INVOICE", "An invoice.", {"type": "object"})])


def records(engine: InlineEngine, workflow_id: str) -> list[str]:
    """Type and status of each record, in order."""
    return [f"{t.task_type} {t.status}" for t in engine.state(workflow_id).tasks.values()]


@pytest.mark.parametrize(
    ("task", "record"),
    [
        (node("t", "INVOICE"), "INVOICE SCHEDULED"),
        (node("t", "YIELD"), "YIELD SCHEDULED"),
        (node("t", "WAIT_FOR_WEBHOOK"), "WAIT_FOR_WEBHOOK SCHEDULED"),
        (node("t", "LLM_CHAT_COMPLETE"), "LLM_CHAT_COMPLETE SCHEDULED"),
        (node("t", "HTTP", inputParameters={"uri": "http://x", "method": "GET"}), "HTTP SCHEDULED"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_queued_type_waits_for_whoever_polls_it(task: Wire, record: str) -> None:
    engine = InlineEngine(workflow("w", task), task_types=TYPES)
    workflow_id = engine.start("w")

    assert records(engine, workflow_id) == [record]
    engine.complete(task["type"], {"k": 1})
    assert str(engine.state(workflow_id).status) == "COMPLETED"


def test_a_user_system_task_goes_back_to_its_queue_until_it_ends() -> None:
    engine = InlineEngine(workflow("w", node("t", "INVOICE")), task_types=TYPES)
    workflow_id = engine.start("w")
    engine.report(engine.take("INVOICE"), "IN_PROGRESS", callbackAfterSeconds=30)

    assert records(engine, workflow_id) == ["INVOICE SCHEDULED"]
    assert engine.poll("INVOICE") == []
    engine.clock.move(seconds=30)
    assert engine.take("INVOICE")["pollCount"] == 2


@pytest.mark.parametrize(("polled", "told"), [(False, []), (True, ["t"])])
def test_a_cancelled_system_task_is_told_if_it_was_ever_given_out(
    polled: bool, told: list[str]
) -> None:
    heard: list[str] = []
    engine = InlineEngine(workflow("w", node("t", "INVOICE")), task_types=TYPES)
    engine.desk.system_task_cancelled = lambda wire: heard.append(wire["referenceTaskName"])
    workflow_id = engine.start("w")
    if polled:
        engine.take("INVOICE")
    engine.service.terminate(workflow_id, "no").result(0)

    assert heard == told
    assert records(engine, workflow_id) == ["INVOICE CANCELED"]


def test_a_rerun_system_task_starts_over() -> None:
    engine = InlineEngine(workflow("w", node("t", "INVOICE")), task_types=TYPES)
    workflow_id = engine.start("w")
    task = engine.take("INVOICE")
    fields = {"begun": True, "async_complete": True}
    ids = {key: task[key] for key in ("workflowInstanceId", "taskId")}
    result = {**ids, "status": "IN_PROGRESS", "outputData": {"no": 1}}
    engine.service.update_task(result, None, fields).result(0)
    engine.report(task, "FAILED", reasonForIncompletion="no")
    engine.service.rerun(workflow_id, {"reRunFromTaskId": task["taskId"]}).result(0)

    again = engine.take("INVOICE")
    assert (again["taskId"], "begun" in again) == (task["taskId"], False)


def test_extending_the_registry_leaves_the_original_as_it_was() -> None:
    assert len(TYPES) == len(TASK_TYPES) + 1
    assert "INVOICE" not in set(TASK_TYPES)


@pytest.mark.parametrize("kind", ["WAIT", "YIELD"])
def test_a_signal_answers_what_blocks_first_also_in_a_child(kind: str) -> None:
    child = workflow("child", node("y", kind))
    both = fork("f", ["a"], [sub("s", "child")])
    engine = InlineEngine(workflow("w", *both, wait("last")), child)
    workflow_id = engine.start("w")
    engine.complete("a")

    engine.service.signal(workflow_id, "COMPLETED", {"said": 1}).result(0)
    (child_id,) = engine.children(workflow_id)
    assert engine.state(child_id).output == {"said": 1}
    engine.service.signal(workflow_id, "COMPLETED", {}).result(0)
    assert str(engine.state(workflow_id).status) == "COMPLETED"


@pytest.mark.parametrize(
    ("strategy", "shown"),
    [
        ("TARGET_WORKFLOW", {"workflowId": "main", "responseType": "TARGET_WORKFLOW"}),
        ("BLOCKING_WORKFLOW", {"workflowId": "child", "responseType": "BLOCKING_WORKFLOW"}),
        ("BLOCKING_TASK", {"referenceTaskName": "y", "taskType": "YIELD"}),
        ("BLOCKING_TASK_INPUT", {"referenceTaskName": "y", "input": {"q": 5}}),
    ],
)
def test_a_synchronous_caller_gets_its_answer_at_a_yield(strategy: str, shown: Wire) -> None:
    child = workflow("child", node("y", "YIELD", inputParameters={"q": 5}), terminate("t"))
    engine = InlineEngine(workflow("w", sub("s", "child")), child)
    request = {"name": "w", "input": {}}
    answer = engine.service.execute_workflow(request, strategy=strategy).result(5)

    workflow_id = answer["targetWorkflowId"]
    names = {workflow_id: "main", engine.children(workflow_id)[0]: "child"}
    got = {**answer, "workflowId": names[answer["workflowId"]]}
    assert {key: got[key] for key in shown} == shown
    assert not answer.get("signalTimeout")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (None, "Missing 'startWorkflow' in input data."),
        ([], "Error reading StartWorkflowRequest. The start request can't be read: expected"),
        ({"name": "w", "version": "x"}, "Error reading StartWorkflowRequest. The start request"),
        ({"name": "w", "input": [1]}, "Error reading StartWorkflowRequest. The start request"),
        ({}, "startWorkflow validation failed. 'name' -> Workflow name cannot be null or empty. "),
        (
            {"name": "w", "priority": 300},
            "startWorkflow validation failed. 'priority' -> priority: 300 should be maximum 99. ",
        ),
        ({"name": "w", "input": None}, "NULL input passed when starting workflow"),
        ({"name": "nobody"}, "No such workflow defined. name=nobody, version=null"),
    ],
)
def test_a_start_that_can_not_be_carried_out_fails_its_task(given: Any, reason: str) -> None:
    starter = node("s", "START_WORKFLOW", inputParameters={"startWorkflow": given})
    engine = InlineEngine(workflow("w", starter))
    task = engine.state(engine.start("w")).task("s")

    assert task is not None
    assert str(task.status) == "FAILED"
    assert str(task.reason_for_incompletion).startswith(reason)


def test_a_start_inherits_correlation_and_domains_and_stands_on_its_own() -> None:
    given = {"name": "other", "version": "1", "input": {"k": 1}, "priority": 7}
    starter = node("s", "START_WORKFLOW", inputParameters={"startWorkflow": given})
    engine = InlineEngine(workflow("w", starter, "a"), workflow("other", "b"))
    domains = {"b": "d1"}
    workflow_id = engine.start("w", correlationId="c1", taskToDomain=domains)
    started = engine.state(workflow_id).task("s").output_data["workflowId"]  # type: ignore[union-attr]
    engine.service.terminate(workflow_id, "no").result(0)

    other = engine.state(started)
    assert (str(other.status), other.correlation_id, other.priority) == ("RUNNING", "c1", 7)
    assert (other.task_to_domain, other.parent_workflow_id) == (domains, None)
