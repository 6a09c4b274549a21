"""What any client can do: the verbs block, answer models, and raise the engine's errors."""

from __future__ import annotations

import pytest
from client_stories import Names, done, soon

from engine.client import Client
from engine.errors import (
    ConflictError,
    IllegalStateError,
    InvalidRequestError,
    NotFoundError,
    UnsupportedError,
)
from engine.models.definitions import TaskDef, WorkflowDef
from engine.models.enums import TaskStatus, WorkflowStatus
from engine.models.requests import TaskResult


def test_definition_is_registered_as_a_dict_or_a_model(client: Client, names: Names) -> None:
    client.register_workflow_def(names.definition)
    client.register_workflow_def(WorkflowDef.from_wire({**names.definition, "version": 2}))
    client.register_task_defs([TaskDef(name=names.first, retry_count=0), {"name": names.second}])

    assert client.workflow_def(names.flow).version == 2
    assert client.workflow_def(names.flow, 1).tasks[0].task_reference_name == "first_ref"
    mine = [one for one in client.workflow_defs() if one.name == names.flow]
    assert {definition.version for definition in mine} == {1, 2}
    assert client.task_def(names.first).retry_count == 0
    assert {definition.name for definition in client.task_defs()} >= {names.first, names.second}


def test_registered_version_is_kept_unless_it_may_be_overwritten(
    client: Client, names: Names
) -> None:
    client.register_workflow_def(names.definition)

    with pytest.raises(ConflictError, match=r"\.1 already exists"):
        client.register_workflow_def(names.definition, overwrite=False)


def test_definition_that_can_not_run_is_refused_with_its_problems(
    client: Client, names: Names
) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        client.validate_workflow_def({"name": "empty", "tasks": []})

    assert refusal.value.problems[0].path == "tasks"


def test_deleted_definitions_are_unknown(client: Client, names: Names) -> None:
    client.register_workflow_def(names.definition)
    client.register_task_defs([{"name": names.first}])
    client.delete_workflow_def(names.flow, 1)
    client.delete_task_def(names.first)

    with pytest.raises(NotFoundError):
        client.workflow_def(names.flow)
    with pytest.raises(NotFoundError):
        client.task_def(names.first)


def test_execution_is_started_worked_and_read_as_models(client: Client, names: Names) -> None:
    client.register_workflow_def(names.definition)
    workflow_id = client.start_workflow(names.flow, {"x": 1}, correlation_id="c", priority=3)
    assert client.running(names.flow) == [workflow_id]

    task_id = done(client, names.first)
    task = client.task(task_id)
    client.update_task(
        TaskResult(
            workflow_instance_id=workflow_id,
            task_id=client.poll(names.second)[0].task_id,
            status="COMPLETED",
        )
    )
    workflow = client.workflow(workflow_id)

    assert (task.status, task.output_data) == (TaskStatus.COMPLETED, {"y": 2})
    assert workflow.status is WorkflowStatus.COMPLETED
    assert (workflow.correlation_id, workflow.priority, workflow.input) == ("c", 3, {"x": 1})
    assert [task.reference_task_name for task in workflow.tasks] == ["first_ref", "second_ref"]
    assert client.workflow(workflow_id, include_tasks=False).tasks == []


def test_inline_definition_needs_no_registration(client: Client, names: Names) -> None:
    workflow_id = client.start_workflow(
        "made_up", workflow_def={**names.definition, "name": "made_up"}
    )

    assert client.workflow(workflow_id).workflow_name == "made_up"


def test_empty_poll_is_an_empty_list(client: Client, names: Names) -> None:
    assert client.poll("nothing", timeout_ms=10) == []


def test_execution_is_steered(client: Client, names: Names) -> None:
    client.register_workflow_def(names.definition)
    workflow_id = client.start_workflow(names.flow)

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


def test_completed_execution_can_not_be_terminated(client: Client, names: Names) -> None:
    client.register_workflow_def(names.definition)
    workflow_id = client.start_workflow(names.flow)
    for task_type in (names.first, names.second):
        done(client, task_type)

    with pytest.raises(ConflictError, match=r"Cannot terminate a COMPLETED workflow\."):
        client.terminate(workflow_id)


def test_removed_execution_is_unknown(client: Client, names: Names) -> None:
    client.register_workflow_def(names.definition)
    workflow_id = client.start_workflow(names.flow)
    with pytest.raises(InvalidRequestError):
        client.remove(workflow_id)
    client.terminate(workflow_id)
    client.remove(workflow_id)

    with pytest.raises(NotFoundError, match="No such workflow found by id"):
        client.workflow(workflow_id)


def test_task_is_updated_by_its_reference_name(client: Client, names: Names) -> None:
    client.register_workflow_def(names.definition)
    workflow_id = client.start_workflow(names.flow)

    task_id = client.update_task_by_reference(workflow_id, "first_ref", "COMPLETED", {"z": 1})

    assert task_id is not None
    assert client.task(task_id).output_data == {"z": 1}
    assert client.update_task_by_reference(workflow_id, "first_ref", "COMPLETED") is None


def test_a_message_reaches_a_running_execution(client: Client, names: Names) -> None:
    pull = {"name": "pull", "taskReferenceName": "pull", "type": "PULL_WORKFLOW_MESSAGES"}
    client.register_workflow_def({**names.definition, "tasks": [pull]})
    workflow_id = client.start_workflow(names.flow)
    try:
        message_id = client.push_message(workflow_id, {"k": 1})
    except UnsupportedError:
        pytest.skip("the server's message queue is off")

    (message,) = client.workflow(workflow_id).output["messages"]
    assert (message["id"], message["payload"]) == (message_id, {"k": 1})
    with pytest.raises(ConflictError, match="not in RUNNING state"):
        client.push_message(workflow_id, {})


def test_task_types_are_described_for_a_palette(client: Client) -> None:
    known = {one["name"]: one for one in client.task_types()}

    assert known["HTTP"]["kind"] == "queued"
    assert known["HTTP"]["inputSchema"]["properties"]["http_request"]["required"]
    assert known["WAIT"]["summary"]


def test_logs_and_queues_are_shown(client: Client, names: Names) -> None:
    client.register_workflow_def(names.definition)
    client.start_workflow(names.flow)
    assert client.queue_sizes([names.first, "none"]) == {names.first: 1, "none": 0}

    task = client.poll(names.first, worker_id="me")[0]
    client.add_log(task.task_id, "half way")

    assert [line.log for line in client.logs(task.task_id)] == ["half way"]
    assert [data.worker_id for data in client.poll_data(names.first)] == ["me"]


def test_executions_and_tasks_are_found(client: Client, names: Names) -> None:
    client.register_workflow_def(names.definition)
    workflow_id = client.start_workflow(names.flow)
    done(client, names.first)

    found = soon(lambda: client.search(f"workflowType='{names.flow}'"), lambda f: f.total_hits)
    # Conductor's index has only heard of a task once it was updated.
    tasks = soon(lambda: client.search_tasks(f"taskType='{names.first}'"), lambda f: f.total_hits)

    assert found.total_hits == 1
    assert found.results[0].workflow_id == workflow_id
    assert tasks.results[0].workflow_id == workflow_id


def test_what_is_unknown_is_not_found(client: Client, names: Names) -> None:
    with pytest.raises(NotFoundError):
        client.workflow("no-such-id")
    with pytest.raises(NotFoundError):
        client.workflow_def(names.flow)
    with pytest.raises(NotFoundError):
        client.start_workflow(names.flow)
    with pytest.raises(NotFoundError):
        client.delete_workflow_def(names.flow, 1)


def test_names_of_any_letters_stay_whole(client: Client, unique: str) -> None:
    name = f"odd näme %41+?&#{unique}"  # no slash: Conductor's Tomcat refuses it in a path
    client.register_task_defs([{"name": name, "ownerEmail": "tests@example.com"}])

    assert client.task_def(name).name == name
    client.delete_task_def(name)
