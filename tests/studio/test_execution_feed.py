"""One execution for its view: opening data, pushes and answers, over a real engine."""

from __future__ import annotations

import json
import threading

import pytest

from engine.errors import EngineError, InvalidRequestError, NotFoundError
from engine.facade import Engine
from engine.functions import FunctionRegistry, task
from studio.execution_feed import ExecutionFeed


def simple(name: str, **inputs: str) -> dict:
    return {"name": name, "taskReferenceName": name, "type": "SIMPLE", "inputParameters": inputs}


CHILD = {
    "name": "line_item",
    "version": 1,
    "schemaVersion": 2,
    "tasks": [
        simple("price", rate="${workflow.input.rate}"),
        simple("charge", n="${price.output.n}"),
    ],
}
PARENT = {
    "name": "order_flow",
    "version": 7,
    "schemaVersion": 2,
    "tasks": [
        {
            "name": "fulfil",
            "taskReferenceName": "fulfil",
            "type": "SUB_WORKFLOW",
            "subWorkflowParam": {"name": "line_item", "version": 1},
            "inputParameters": {"rate": "${workflow.input.rate}"},
        }
    ],
}
HELD = {
    "name": "held_flow",
    "version": 1,
    "schemaVersion": 2,
    "tasks": [{"name": "approve", "taskReferenceName": "approve", "type": "HUMAN"}],
}


@pytest.fixture(scope="module")
def engine():
    functions = FunctionRegistry()

    @task(registry=functions)
    def price(rate: float) -> dict:
        return {"n": 1 - rate}

    @task(registry=functions, retry_count=0)
    def charge(n: float) -> dict:
        if n < 0:
            raise ValueError("amount is negative")
        return {"receipt": "r"}

    with Engine(functions=functions, http_tasks=False) as engine:
        for definition in (CHILD, PARENT, HELD):
            engine.client.register_workflow_def(definition)
        yield engine


@pytest.fixture
def failed(engine):
    workflow_id = engine.start("order_flow", {"rate": 1.4})
    engine.wait(workflow_id)
    feed = ExecutionFeed(engine.service, workflow_id)
    yield feed, feed.open()
    feed.close()


def test_opening_data_is_json_and_leads_to_the_cause(failed):
    _, data = failed
    json.dumps(data)
    assert (data["name"], data["version"], data["status"]) == ("order_flow", 7, "FAILED")
    cause = data["failure"]["chains"][0]["cause"]
    assert (cause["type"], cause["path"]) == ("ValueError", "order_flow/fulfil/charge")
    assert data["event_count"] == len(data["events"])


def test_questions_about_a_task_are_answered(failed):
    feed, data = failed
    cause = data["failure"]["chains"][0]["cause"]
    place = {"workflow_id": cause["workflow_id"], "task_id": cause["task_id"]}
    detail = feed.answer({"what": "task", **place})
    assert detail["input"] == {"n": pytest.approx(-0.4)}
    hops = feed.answer({"what": "origin", "leaf": "n", **place})
    assert len(hops) >= 2
    assert feed.answer({"what": "plan", **place})["will_run"]
    event = feed.answer({"what": "event", "workflow_id": cause["workflow_id"], "number": 1})
    assert event["kind"] == "WorkflowStarted"
    assert feed.answer({"what": "definition"})["name"] == "order_flow"
    assert feed.answer({"what": "execution"})["status"] == "FAILED"
    assert feed.answer({"what": "logs"}) == []
    assert feed.answer({"what": "events", "after": 0, "limit": 10}) == []


def test_branch_is_a_new_execution_with_the_edited_value(engine, failed):
    feed, data = failed
    cause = data["failure"]["chains"][0]["cause"]
    place = {"workflow_id": cause["workflow_id"], "task_id": cause["task_id"]}
    new = feed.answer({"what": "branch", "edits": {"n": 5}, **place})["workflow_id"]
    assert engine.wait(new).status == "COMPLETED"
    assert engine.client.workflow(data["workflow_id"]).status == "FAILED"


@pytest.mark.parametrize("question", [{}, {"what": "action", "action": "explode"}])
def test_unknown_question_is_refused_in_words(failed, question):
    with pytest.raises(InvalidRequestError):
        failed[0].answer(question)


def test_task_of_another_execution_is_not_found(failed):
    feed, data = failed
    with pytest.raises(NotFoundError):
        feed.answer({"what": "task", "workflow_id": data["workflow_id"], "task_id": "none"})


def test_refused_action_says_why(failed):
    with pytest.raises(EngineError):
        failed[0].answer({"what": "action", "action": "pause"})


def test_news_are_pushed_once_and_in_order(engine):
    workflow_id = engine.start("held_flow")
    feed = ExecutionFeed(engine.service, workflow_id)
    try:
        opened = feed.open()
        feed.news()
        heard = threading.Event()
        feed.on_news(heard.set)
        feed.answer({"what": "action", "action": "terminate", "reason": "wrong warehouse"})
        ended, numbers = False, []
        while not ended:
            assert heard.wait(5)
            heard.clear()
            push = feed.news()
            if push is not None:
                numbers += [event["n"] for event in push["events"]]
                ended = push["status"] == "TERMINATED" and any(
                    event["kind"] == "WorkflowEnded" for event in push["events"]
                )
        first = opened["event_count"] + 1
        assert numbers == list(range(first, first + len(numbers)))
        assert feed.news() is None
    finally:
        feed.close()


def test_unknown_execution_is_not_found(engine):
    feed = ExecutionFeed(engine.service, "no-such-id")
    try:
        with pytest.raises(NotFoundError):
            feed.open()
    finally:
        feed.close()
