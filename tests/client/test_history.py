"""Histories through a client: recorded ones, or made from the times of a cluster's tasks."""

from __future__ import annotations

import threading

import pytest
from client_stories import Names, done, soon

from engine.client import Capability, Client
from engine.core.events import EventKind, HistoryEvent
from engine.errors import NotFoundError, UnsupportedError
from engine.execution import Execution
from engine.models.capability import EVERY_CAPABILITY

ONCE = {"retryCount": 0, "ownerEmail": "tests@example.com"}


def failed(client: Client, names: Names) -> str:
    """An execution whose second task failed for good."""
    client.register_task_defs([{"name": name, **ONCE} for name in (names.first, names.second)])
    definition = names.definition
    definition["tasks"][1]["inputParameters"] = {"n": "${first_ref.output.y}"}
    client.register_workflow_def(definition)
    workflow_id = client.start_workflow(names.flow)
    done(client, names.first)
    task = client.poll(names.second, worker_id="w", timeout_ms=1000)[0]
    client.update_task(
        {
            "workflowInstanceId": workflow_id,
            "taskId": task.task_id,
            "status": "FAILED",
            "reasonForIncompletion": "no stock left",
        }
    )
    soon(lambda: client.workflow(workflow_id, False), lambda found: found.is_terminal)
    return workflow_id


def test_capabilities_are_all_or_none(client: Client) -> None:
    assert client.capabilities in (EVERY_CAPABILITY, frozenset())


def test_history_tells_the_execution_in_order(client: Client, names: Names) -> None:
    workflow_id = failed(client, names)
    events = client.events(workflow_id)
    told = [
        (event.kind, event.reference)
        for event in events
        if event.kind is not EventKind.TASKS_EVALUATED and event.kind is not EventKind.OUTPUT_SET
    ]

    assert told == [
        (EventKind.WORKFLOW_STARTED, ""),
        (EventKind.TASK_SCHEDULED, "first_ref"),
        (EventKind.TASK_STARTED, "first_ref"),
        (EventKind.TASK_COMPLETED, "first_ref"),
        (EventKind.TASK_SCHEDULED, "second_ref"),
        (EventKind.TASK_STARTED, "second_ref"),
        (EventKind.TASK_FAILED, "second_ref"),
        (EventKind.WORKFLOW_ENDED, ""),
    ]
    assert [event.number for event in events] == list(range(1, len(events) + 1))
    assert client.events(workflow_id, after=3) == events[3:]
    assert [event.path for event in events if event.kind is EventKind.TASK_FAILED] == [
        f"{names.flow}/second_ref"
    ]


def test_state_is_the_fold_of_the_history(client: Client, names: Names) -> None:
    workflow_id = failed(client, names)
    state = client.state(workflow_id)
    shown = client.workflow(workflow_id)

    assert str(state.status) == shown.status == "FAILED"
    for task in shown.tasks:
        record = state.tasks[task.task_id]
        assert (record.status, record.input_data) == (task.status, task.input_data)
        assert (record.start_time, record.end_time) == (task.start_time, task.end_time)


def test_failure_names_the_task_and_its_words(client: Client, names: Names) -> None:
    report = client.failure(failed(client, names))

    assert report.chains[0].cause.path == f"{names.flow}/second_ref"
    assert report.chains[0].cause.message == "no stock left"


def test_handle_waits_and_explains(client: Client, names: Names) -> None:
    client.register_workflow_def(names.definition)
    execution = Execution(client, client.start_workflow(names.flow))
    worker = threading.Timer(0.2, lambda: [done(client, names.first), done(client, names.second)])
    worker.start()
    execution.wait(40)
    worker.join()

    assert execution.status == "COMPLETED"
    assert execution["second_ref"].status == "COMPLETED"
    assert not execution.why()


def test_subscriber_hears_of_an_execution_once_and_in_order(client: Client, names: Names) -> None:
    client.register_workflow_def(names.definition)
    workflow_id = client.start_workflow(names.flow)
    heard: list[HistoryEvent] = []
    ended = threading.Event()

    def listen(events: list[HistoryEvent]) -> None:
        heard.extend(events)
        if any(event.kind is EventKind.WORKFLOW_ENDED for event in events):
            ended.set()

    before = client.events(workflow_id)
    subscription = client.subscribe(listen, workflow_id)
    done(client, names.first)
    client.terminate(workflow_id, "enough")
    assert ended.wait(40)
    subscription.close()

    numbers = [event.number for event in heard if event.number > before[-1].number]
    assert numbers == list(range(before[-1].number + 1, before[-1].number + 1 + len(numbers)))
    assert {event.workflow_id for event in heard} == {workflow_id}


def test_subscriber_to_everything_is_told(client: Client, names: Names) -> None:
    client.register_workflow_def(names.definition)
    told = threading.Event()
    subscription = client.subscribe(lambda events: told.set())
    # A cluster is only asked now and then: something has to be new after the first answer.
    started = soon(lambda: [client.start_workflow(names.flow)], lambda _: told.wait(1.5))
    subscription.close()

    assert started
    assert told.is_set()


def test_unknown_execution_has_no_history(client: Client) -> None:
    with pytest.raises(NotFoundError):
        client.events("no-such-id")
    with pytest.raises(NotFoundError):
        client.state("no-such-id")


def test_branch_replays_with_an_edit_or_is_refused(client: Client, names: Names) -> None:
    workflow_id = failed(client, names)
    task_id = client.workflow(workflow_id).tasks[1].task_id
    if Capability.BRANCH not in client.capabilities:
        with pytest.raises(UnsupportedError, match="can't branch"):
            client.plan_branch(workflow_id, task_id)
        with pytest.raises(UnsupportedError, match="can't branch"):
            client.branch(workflow_id, task_id)
        assert client.family(workflow_id) == []
        return
    plan = client.plan_branch(workflow_id, task_id)
    assert plan.will_run == [f"{names.flow}/second_ref"]
    new_id = client.branch(workflow_id, task_id, {"n": 5})

    assert client.workflow(new_id).tasks[1].input_data == {"n": 5}
    assert [row["workflow_id"] for row in client.family(workflow_id)] == [workflow_id, new_id]


def test_origin_leads_back_or_is_refused(client: Client, names: Names) -> None:
    workflow_id = failed(client, names)
    task_id = client.workflow(workflow_id).tasks[1].task_id
    if Capability.ORIGIN not in client.capabilities:
        with pytest.raises(UnsupportedError, match="does not record"):
            client.origin(workflow_id, task_id, "n")
        return
    assert len(client.origin(workflow_id, task_id, "n")) >= 2


def test_sql_is_answered_or_refused(client: Client, names: Names) -> None:
    client.register_workflow_def(names.definition)
    workflow_id = client.start_workflow(names.flow)
    sql = "SELECT workflow_id, status FROM executions WHERE workflow_type = ?"
    if Capability.QUERY not in client.capabilities:
        with pytest.raises(UnsupportedError, match="no SQL"):
            client.query(sql, [names.flow])
        return
    assert client.query(sql, [names.flow]) == [{"workflow_id": workflow_id, "status": "RUNNING"}]
    assert list(client.query_frame(sql, ["none"]).columns) == ["workflow_id", "status"]


def test_executions_are_counted_by_status(client: Client, names: Names) -> None:
    failed(client, names)
    counts = soon(client.counts, lambda found: found.get("FAILED"))

    assert counts["FAILED"] >= 1
