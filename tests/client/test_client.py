"""What any client can do: the verbs block, answer models, and raise the engine's errors."""

from __future__ import annotations

import pytest

from engine.client import Client
from engine.errors import (
    ConflictError,
    IllegalStateError,
    InvalidRequestError,
    NotFoundError,
)
from engine.models.definitions import TaskDef, WorkflowDef
from engine.models.enums import TaskStatus, WorkflowStatus
from engine.models.requests import TaskResult

FLOW = {
    "name": "flow",
    "version": 1,
    "tasks": [
        {"name": "first", "taskReferenceName": "first_ref", "type": "SIMPLE"},
        {"name": "second", "taskReferenceName": "second_ref", "type": "SIMPLE"},
    ],
}


def done(client: Client, task_type: str, status: str = "COMPLETED") -> str:
    task = client.poll(task_type, worker_id="w", timeout_ms=1000)[0]
    return client.update_task(
        {
            "workflowInstanceId": task.workflow_instance_id,
            "taskId": task.task_id,
            "status": status,
            "outputData": {"y": 2},
        }
    )


def test_definition_is_registered_as_a_dict_or_a_model(client: Client) -> None:
    client.register_workflow_def(FLOW)
    client.register_workflow_def(WorkflowDef.from_wire({**FLOW, "version": 2}))
    client.register_task_defs([TaskDef(name="first", retry_count=0), {"name": "second"}])

    assert client.workflow_def("flow").version == 2
    assert client.workflow_def("flow", 1).tasks[0].task_reference_name == "first_ref"
    assert {definition.version for definition in client.workflow_defs()} == {1, 2}
    assert client.task_def("first").retry_count == 0
    assert {definition.name for definition in client.task_defs()} == {"first", "second"}


def test_registered_version_is_kept_unless_it_may_be_overwritten(client: Client) -> None:
    client.register_workflow_def(FLOW)

    with pytest.raises(ConflictError, match=r"flow\.1 already exists"):
        client.register_workflow_def(FLOW, overwrite=False)


def test_definition_that_can_not_run_is_refused_with_its_problems(client: Client) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        client.validate_workflow_def({"name": "empty", "tasks": []})

    assert refusal.value.problems[0].path == "tasks"


def test_deleted_definitions_are_unknown(client: Client) -> None:
    client.register_workflow_def(FLOW)
    client.register_task_defs([{"name": "first"}])
    client.delete_workflow_def("flow", 1)
    client.delete_task_def("first")

    with pytest.raises(NotFoundError):
        client.workflow_def("flow")
    with pytest.raises(NotFoundError):
        client.task_def("first")


def test_execution_is_started_worked_and_read_as_models(client: Client) -> None:
    client.register_workflow_def(FLOW)
    workflow_id = client.start_workflow("flow", {"x": 1}, correlation_id="c", priority=3)
    assert client.running("flow") == [workflow_id]

    task_id = done(client, "first")
    task = client.task(task_id)
    client.update_task(
        TaskResult(
            workflow_instance_id=workflow_id,
            task_id=client.poll("second")[0].task_id,
            status="COMPLETED",
        )
    )
    workflow = client.workflow(workflow_id)

    assert (task.status, task.output_data) == (TaskStatus.COMPLETED, {"y": 2})
    assert workflow.status is WorkflowStatus.COMPLETED
    assert (workflow.correlation_id, workflow.priority, workflow.input) == ("c", 3, {"x": 1})
    assert [task.reference_task_name for task in workflow.tasks] == ["first_ref", "second_ref"]
    assert client.workflow(workflow_id, include_tasks=False).tasks == []


def test_inline_definition_needs_no_registration(client: Client) -> None:
    workflow_id = client.start_workflow("made_up", workflow_def={**FLOW, "name": "made_up"})

    assert client.workflow(workflow_id).workflow_name == "made_up"


def test_empty_poll_is_an_empty_list(client: Client) -> None:
    assert client.poll("nothing", timeout_ms=10) == []


def test_execution_is_steered(client: Client) -> None:
    client.register_workflow_def(FLOW)
    workflow_id = client.start_workflow("flow")

    client.pause(workflow_id)
    assert client.workflow(workflow_id).status is WorkflowStatus.PAUSED
    client.resume(workflow_id)
    with pytest.raises(IllegalStateError):
        client.resume(workflow_id)
    client.terminate(workflow_id, "enough")
    assert client.workflow(workflow_id).reason_for_incompletion == "enough"
    client.restart(workflow_id)
    assert client.workflow(workflow_id).status is WorkflowStatus.RUNNING
    client.terminate(workflow_id)
    client.retry(workflow_id)
    client.terminate(workflow_id)
    assert client.rerun(workflow_id) == workflow_id
    client.decide(workflow_id)
    client.reset_callbacks(workflow_id)


def test_completed_execution_can_not_be_terminated(client: Client) -> None:
    client.register_workflow_def(FLOW)
    workflow_id = client.start_workflow("flow")
    for task_type in ("first", "second"):
        done(client, task_type)

    with pytest.raises(ConflictError, match=r"Cannot terminate a COMPLETED workflow\."):
        client.terminate(workflow_id)


def test_removed_execution_is_unknown(client: Client) -> None:
    client.register_workflow_def(FLOW)
    workflow_id = client.start_workflow("flow")
    with pytest.raises(InvalidRequestError):
        client.remove(workflow_id)
    client.terminate(workflow_id)
    client.remove(workflow_id)

    with pytest.raises(NotFoundError, match="No such workflow found by id"):
        client.workflow(workflow_id)


def test_task_is_updated_by_its_reference_name(client: Client) -> None:
    client.register_workflow_def(FLOW)
    workflow_id = client.start_workflow("flow")

    task_id = client.update_task_by_reference(workflow_id, "first_ref", "COMPLETED", {"z": 1})

    assert task_id is not None
    assert client.task(task_id).output_data == {"z": 1}
    assert client.update_task_by_reference(workflow_id, "first_ref", "COMPLETED") is None


def test_logs_and_queues_are_shown(client: Client) -> None:
    client.register_workflow_def(FLOW)
    client.start_workflow("flow")
    assert client.queue_sizes(["first", "none"]) == {"first": 1, "none": 0}

    task = client.poll("first", worker_id="me")[0]
    client.add_log(task.task_id, "half way")

    assert [line.log for line in client.logs(task.task_id)] == ["half way"]
    assert [data.worker_id for data in client.poll_data("first")] == ["me"]


def test_executions_and_tasks_are_found(client: Client) -> None:
    client.register_workflow_def(FLOW)
    workflow_id = client.start_workflow("flow")
    done(client, "first")

    found = client.search("workflowType='flow'")
    tasks = client.search_tasks("taskType='first'")

    assert found.total_hits == 1
    assert found.results[0].workflow_id == workflow_id
    assert tasks.results[0].workflow_id == workflow_id
