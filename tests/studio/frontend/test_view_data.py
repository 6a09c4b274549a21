"""Real executions of a real engine, as the execution view gets them."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from typing import Any

import pytest

import engine
from engine.core.events import EventKind, HistoryEvent
from engine.functions import FunctionRegistry
from studio.graph.picture import execution_picture
from studio.views import view_data as views
from studio.views.view_events import ViewLog, iterations_by_condition, merged

FUNCTIONS = FunctionRegistry()


@engine.task(registry=FUNCTIONS, retry_count=0)
def price(number: int) -> dict[str, Any]:
    return {"total": 10 - number * 5}


@engine.task(registry=FUNCTIONS, retry_count=1, retry_delay_seconds=0)
def charge(amount: int) -> dict[str, Any]:
    if amount < 0:
        raise ValueError("amount is negative")
    return {"paid": amount}


def simple(name: str, reference: str, **inputs: Any) -> dict[str, Any]:
    return {"name": name, "taskReferenceName": reference, "type": "SIMPLE"} | {
        "inputParameters": inputs
    }


LINES = {
    "name": "lines",
    "version": 1,
    "schemaVersion": 2,
    "tasks": [
        {
            "name": "each",
            "taskReferenceName": "each",
            "type": "DO_WHILE",
            "inputParameters": {"count": "${workflow.input.count}"},
            "loopCondition": "$.each['iteration'] < $.count",
            "loopOver": [
                simple("price", "price", number="${each.iteration}"),
                simple("charge", "charge", amount="${price.output.total}"),
            ],
        }
    ],
}
ORDER = {
    "name": "order",
    "version": 3,
    "schemaVersion": 2,
    "tasks": [
        {
            "name": "route",
            "taskReferenceName": "route",
            "type": "SWITCH",
            "evaluatorType": "value-param",
            "expression": "risk",
            "inputParameters": {"risk": "${workflow.input.risk}"},
            "decisionCases": {
                "high": [simple("price", "manual", number=1)],
                "low": [
                    {
                        "name": "fulfil",
                        "taskReferenceName": "fulfil",
                        "type": "SUB_WORKFLOW",
                        "subWorkflowParam": {"name": "lines", "version": 1},
                        "inputParameters": {"count": "${workflow.input.count}"},
                    }
                ],
            },
            "defaultCase": [],
        },
        simple("price", "after", number=1),
    ],
}


class Opened:
    """One ended execution with everything the view is made from."""

    def __init__(self, running: engine.Engine, workflow_id: str) -> None:
        service = running.service
        self.workflow_id = workflow_id
        self.states = service.tree(workflow_id).result(30)
        self.histories = service.tree_events(list(self.states)).result(30)
        self.failure = service.failure(workflow_id).result(30)
        self.log = ViewLog()
        self.data = views.view_data(
            workflow_id, self.states, self.histories, self.log, failure=self.failure
        )


@pytest.fixture(scope="module")
def running() -> Iterator[engine.Engine]:
    with engine.Engine(functions=FUNCTIONS, http_tasks=False) as running:
        running.client.register_workflow_def(LINES)
        running.client.register_workflow_def(ORDER)
        yield running


@pytest.fixture(scope="module")
def failed(running: engine.Engine) -> Opened:
    done = running.run("order", {"risk": "low", "count": 5, "api_token": "hidden"})
    return Opened(running, str(done.workflow_id))


def test_events_of_parent_and_child_are_one_numbered_history(failed: Opened) -> None:
    events = failed.data["events"]
    assert [e["n"] for e in events] == list(range(1, len(events) + 1))
    assert [e["wall_ms"] for e in events] == sorted(e["wall_ms"] for e in events)
    assert {e["workflow_id"] for e in events} == set(failed.states)
    paths = {e.get("path") for e in events}
    assert "order/fulfil/each[3]/charge" in paths
    assert failed.data["event_count"] == len(events)


def test_no_payload_and_no_secret_travels_with_the_events(failed: Opened) -> None:
    text = str(failed.data["events"]) + failed.data["input_line"]
    assert "hidden" not in text
    assert all(not {"input", "output"} & set(e.get("data", {})) for e in failed.data["events"])
    assert failed.data["input_line"] == 'risk = "low"  count = 5'


def test_attempts_count_from_one_and_the_loop_knows_its_length(failed: Opened) -> None:
    attempts = [
        e["attempt"]
        for e in failed.data["events"]
        if e["kind"] == "TaskScheduled" and e["path"] == "order/fulfil/each[3]/charge"
    ]
    assert attempts == [1, 2]
    loop = next(e for e in failed.data["events"] if e.get("path") == "order/fulfil/each")
    assert loop["data"]["iterations"] == 5


def test_the_cause_names_the_event_that_ended_it(failed: Opened) -> None:
    cause = failed.data["failure"]["chains"][0]["cause"]
    assert cause["path"] == "order/fulfil/each[3]/charge"
    event = failed.data["events"][cause["event_n"] - 1]
    assert (event["kind"], event["task_id"]) == ("TaskFailed", cause["task_id"])
    assert event["data"]["error"] == {"type": "ValueError", "message": "amount is negative"}


def test_the_picture_of_an_execution_fills_the_cause_alone(failed: Opened) -> None:
    root = ElementTree.fromstring(execution_picture(failed.data))
    by_id = {g.get("data-id"): g.get("data-st") for g in root.iter() if g.get("data-id")}
    assert by_id["order/fulfil/each/charge"] == "cause"
    assert by_id["order/fulfil"] == by_id["order/fulfil/each"] == "conseq"
    assert by_id["order/fulfil/each/price"] == "success"
    assert by_id["order/after"] == by_id["order/manual"] == "none"
    words = "".join(root.itertext())
    assert "iteration 3 of 5" in words
    assert "2 ok · 1 failed · 2 not reached" in words


def test_details_of_a_task_show_every_attempt_and_where_values_came_from(failed: Opened) -> None:
    cause = failed.failure.chains[0].cause
    detail = views.task_detail(failed.states[cause.workflow_id], cause.task_id)
    assert detail["input"] == {"amount": -5}
    assert [a["attempt"] for a in detail["attempts"]] == [1, 2]
    assert detail["error"]["type"] == "ValueError"
    assert detail["origins"][0]["expression"] == "${price.output.total}"
    assert detail["retry_note"] == "retry limit 1, fixed back-off 0 s"


def test_news_get_later_numbers_and_known_events_are_left_out(failed: Opened) -> None:
    log = ViewLog()
    begun = {key: events[:4] for key, events in failed.histories.items()}
    first = log.add(begun)
    push = views.patch(
        1,
        failed.states[failed.workflow_id],
        failed.states,
        failed.histories,
        log,
        failure=failed.failure,
        failure_changed=True,
        started=[key for key in failed.states if key != failed.workflow_id],
    )
    assert push["events"][0]["n"] == len(first) + 1
    assert len(first) + len(push["events"]) == failed.data["event_count"]
    assert push["status"] == "FAILED"
    assert push["bodies"][0]["place"] == "order/fulfil"
    assert log.add(failed.histories) == []


def test_an_order_that_takes_the_other_case_completes(running: engine.Engine) -> None:
    done = running.run("order", {"risk": "high", "count": 1})
    opened = Opened(running, str(done.workflow_id))
    assert opened.data["failure"] is None
    root = ElementTree.fromstring(execution_picture(opened.data, theme="dark"))
    by_id = {g.get("data-id"): g.get("data-st") for g in root.iter() if g.get("data-id")}
    assert by_id["order/manual"] == by_id["order/after"] == "success"
    assert by_id["order/fulfil"] == "none"


def test_what_a_branch_took_over_comes_when_it_was_taken_over() -> None:
    def event(workflow_id: str, number: int, wall_ms: int, kind: EventKind, **data: Any) -> Any:
        return HistoryEvent(
            workflow_id=workflow_id, number=number, kind=kind, wall_ms=wall_ms, data=data
        )

    histories = {
        "child": [event("child", 1, 10, EventKind.WORKFLOW_STARTED)],
        "root": [
            event("root", 1, 100, EventKind.WORKFLOW_STARTED),
            event("root", 2, 110, EventKind.TASK_REUSED, sub_workflow_id="child"),
        ],
    }
    order = [(e.workflow_id, e.number) for e in merged(histories)]
    assert order.index(("root", 1)) < order.index(("child", 1))


@pytest.mark.parametrize(
    ("condition", "task_input", "total"),
    [
        ("$.each['iteration'] < 3", {}, 3),
        (
            "if ($.each.iteration <= $.limits.most) { true; } else { false; }",
            {"limits": {"most": 4}},
            5,
        ),
        ("$.each['iteration'] < $.count", {}, 0),
        ("$.each['iteration'] < 3 && $.go", {"go": True}, 0),
        ("$.price.total > 3", {}, 0),
    ],
)
def test_the_length_of_a_loop_is_read_from_its_condition(
    condition: str, task_input: dict[str, Any], total: int
) -> None:
    assert iterations_by_condition(condition, task_input) == total
