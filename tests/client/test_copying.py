"""Executions copied from one back end into another engine, where they can be branched."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from client_stories import Names, done, soon

from engine import Engine
from engine.client import Client
from engine.copying import copy_execution, import_all, parents_first, sub_workflows
from engine.core.events import EventKind
from engine.errors import ConflictError, InvalidRequestError, NotFoundError
from engine.execution import Execution
from engine.functions import FunctionRegistry
from engine.models.execution import Workflow


@pytest.fixture
def target() -> Iterator[Engine]:
    with Engine(threads=0, http_tasks=False, functions=FunctionRegistry()) as engine:
        yield engine


def parent_of(names: Names) -> dict[str, Any]:
    return {
        **names.definition,
        "name": f"parent_{names.flow}",
        "tasks": [
            {
                "name": "sub",
                "taskReferenceName": "sub_ref",
                "type": "SUB_WORKFLOW",
                "subWorkflowParam": {"name": names.flow, "version": 1},
                "inputParameters": {"n": "${workflow.input.n}"},
            }
        ],
    }


def failed_tree(client: Client, names: Names) -> str:
    """An execution whose sub-workflow failed at its second task."""
    once = {"retryCount": 0, "ownerEmail": "tests@example.com"}
    client.register_task_defs([{"name": name, **once} for name in (names.first, names.second)])
    client.register_workflow_def(names.definition)
    parent = parent_of(names)
    workflow_id = client.start_workflow(parent["name"], {"n": 3}, workflow_def=parent)
    soon(lambda: client.queue_sizes([names.first])[names.first], bool)
    done(client, names.first)
    soon(lambda: client.queue_sizes([names.second])[names.second], bool)
    done(client, names.second, "FAILED")
    soon(lambda: client.workflow(workflow_id, False), lambda found: found.is_terminal)
    return workflow_id


def test_copy_shows_the_same_and_can_be_brought_to_success(
    client: Client, names: Names, target: Engine
) -> None:
    workflow_id = failed_tree(client, names)
    copied = copy_execution(client, target.client, workflow_id)
    assert [one.outcome for one in copied] == ["imported", "imported"]

    original, copy = client.workflow(workflow_id), target.client.workflow(workflow_id)
    assert (copy.status, copy.input, copy.output) == ("FAILED", original.input, original.output)
    assert [(t.task_id, t.status, t.output_data) for t in copy.tasks] == [
        (t.task_id, t.status, t.output_data) for t in original.tasks
    ]
    execution = Execution(target.client, workflow_id)
    cause = execution.why().report.chains[0].cause
    assert cause.path == f"parent_{names.flow}/sub_ref/second_ref"
    again = execution.replay_from("second_ref", add={"n": 5}).go()
    done(target.client, names.second)
    again.wait(20)

    assert again.status == "COMPLETED"
    assert execution.status == "FAILED"
    rows = target.sql("SELECT status FROM executions WHERE NOT removed ORDER BY create_time")
    assert sorted(rows["status"]) == ["COMPLETED", "COMPLETED", "FAILED", "FAILED"]


def test_copying_again_changes_nothing(client: Client, names: Names, target: Engine) -> None:
    workflow_id = failed_tree(client, names)
    copy_execution(client, target.client, workflow_id)
    events = target.client.events(workflow_id)

    copied = copy_execution(client, target.client, workflow_id)
    assert [one.outcome for one in copied] == ["unchanged", "unchanged"]
    assert target.client.events(workflow_id) == events


def test_open_execution_is_closed_here_and_caught_up_later(
    client: Client, names: Names, target: Engine
) -> None:
    client.register_workflow_def(names.definition)
    workflow_id = client.start_workflow(names.flow, {"n": 1})
    copy_execution(client, target.client, workflow_id)
    copy = target.client.workflow(workflow_id)
    assert copy.status == "TERMINATED"
    assert "Imported while it was RUNNING" in (copy.reason_for_incompletion or "")
    assert target.client.queue_sizes([names.first]) == {names.first: 0}
    assert client.workflow(workflow_id).status == "RUNNING"

    done(client, names.first)
    soon(lambda: client.queue_sizes([names.second])[names.second], bool)
    done(client, names.second)
    soon(lambda: client.workflow(workflow_id, False), lambda found: found.is_terminal)
    assert copy_execution(client, target.client, workflow_id)[0].outcome == "updated"
    copy = target.client.workflow(workflow_id)
    assert (copy.status, [task.status for task in copy.tasks]) == ("COMPLETED", ["COMPLETED"] * 2)


def test_what_was_changed_here_is_left_alone(client: Client, names: Names, target: Engine) -> None:
    workflow_id = failed_tree(client, names)
    copy_execution(client, target.client, workflow_id)
    target.client.retry(workflow_id)
    (first, _) = copy_execution(client, target.client, workflow_id)

    assert first.outcome == "skipped"
    assert "changed here since" in first.note


def test_executions_of_its_own_are_not_overwritten(target: Engine) -> None:
    flow = {"name": "own", "tasks": [{"name": "t", "taskReferenceName": "t", "type": "SIMPLE"}]}
    workflow_id = target.start("own", workflow_def=flow)
    with pytest.raises(ConflictError, match="of this engine"):
        target.client.import_execution(target.client.workflow(workflow_id))


def test_import_outlives_the_engine(client: Client, names: Names, tmp_path: Any) -> None:
    workflow_id = failed_tree(client, names)
    database = tmp_path / "copies.duckdb"
    with Engine(database, threads=0) as engine:
        copy_execution(client, engine.client, workflow_id)
    with Engine(database, threads=0) as engine:
        events = engine.client.events(workflow_id)
        assert engine.client.workflow(workflow_id).status == "FAILED"
        assert [event.number for event in events] == list(range(1, len(events) + 1))
        assert events[0].kind is EventKind.WORKFLOW_STARTED
        assert copy_execution(client, engine.client, workflow_id)[0].outcome == "unchanged"


def test_what_is_no_execution_is_refused(target: Engine) -> None:
    with pytest.raises(InvalidRequestError, match="workflowId"):
        target.client.import_execution({})
    with pytest.raises(InvalidRequestError, match="workflowDefinition"):
        target.client.import_execution({"workflowId": "a"})
    with pytest.raises(NotFoundError):
        copy_execution(target.client, target.client, "none")


def test_parents_come_first_and_sub_workflows_are_named() -> None:
    child = Workflow(workflow_id="c", parent_workflow_id="p")
    parent = Workflow(workflow_id="p", parent_workflow_id="elsewhere")
    assert [w.workflow_id for w in parents_first([child, parent])] == ["p", "c"]
    inner = {"type": "SUB_WORKFLOW", "subWorkflowParam": {"name": "a", "version": 2}}
    definition = {"tasks": [{"type": "DO_WHILE", "loopOver": [{"forkTasks": [[inner]]}]}]}
    assert sub_workflows(definition) == [("a", 2)]


def test_bad_one_is_skipped_and_the_others_go_on(target: Engine) -> None:
    flow = {"name": "flow", "version": 1, "tasks": []}
    good = {"workflowId": "g", "status": "COMPLETED", "workflowDefinition": flow}
    copied = list(
        import_all(target.client, [Workflow(workflow_id="b"), Workflow.from_wire(good)], "file")
    )
    assert [(one.workflow_id, one.outcome) for one in copied] == [
        ("b", "skipped"),
        ("g", "imported"),
    ]
