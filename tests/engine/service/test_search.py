"""Search: what each form of the grammar finds, and where a refused query is pointed at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from engine import Engine
from engine.errors import InvalidRequestError
from engine.functions import FunctionRegistry
from engine.service import Service

FLOWS = {
    "order_flow": [{"name": "pay", "taskReferenceName": "pay", "type": "SIMPLE"}],
    "refund_flow": [{"name": "back", "taskReferenceName": "back", "type": "SIMPLE"}],
}
STARTS: dict[str, dict[str, Any]] = {
    "a": {"name": "order_flow", "correlationId": "it's (one)", "priority": 5},
    "b": {"name": "order_flow", "correlationId": "two, three", "priority": 10},
    "c": {"name": "refund_flow", "correlationId": "R AND D"},
    "d": {"name": "refund_flow", "input": {"text": "Ärger mit 100% x.y", "long": "z" * 3000}},
}


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """Four executions: ``a`` failed, ``b`` completed, ``c`` paused, ``d`` running."""
    with Engine(functions=FunctionRegistry()) as engine:
        service = engine.service
        for name, tasks in FLOWS.items():
            service.create_workflow_def({"name": name, "version": 1, "tasks": tasks}).result()
        service.create_task_defs([{"name": "pay", "retryCount": 0}]).result()
        for letter, request in STARTS.items():
            wire = {"input": {"letter": letter}, **request}
            wire["idempotencyKey"] = letter
            service.start_workflow(wire).result()
        failed, done = (_id(service, letter) for letter in "ab")
        for key, status, reason in ((failed, "FAILED", "no money"), (done, "COMPLETED", None)):
            task = service.workflow(key).result()["tasks"][0]
            result = {"workflowInstanceId": key, "taskId": task["taskId"], "status": status}
            service.update_task({**result, "reasonForIncompletion": reason}).result()
        service.pause(_id(service, "c")).result()
        yield service


def _id(service: Service, letter: str) -> str:
    found = service.query("SELECT workflow_id FROM executions WHERE idempotency_key = ?", [letter])
    return str(found[0]["workflow_id"])


def letters(service: Service, query: str = "", free_text: str = "*", sort: str = "") -> str:
    """The executions found, by their letters."""
    found = service.search_workflows(0, 100, sort or "idempotencyKey:ASC", free_text, query)
    assert found["totalHits"] == len(found["results"])
    return "".join(line["idempotencyKey"] for line in found["results"])


FOUND = [
    ("", "abcd"),
    ("status=FAILED", "a"),
    ("status = 'FAILED'", "a"),
    ('status="FAILED"', "a"),
    ("status=(FAILED)", "a"),
    ("status IN (FAILED,COMPLETED)", "ab"),
    ("status IN ('FAILED', \"PAUSED\")", "ac"),
    ("status IN FAILED,PAUSED", "ac"),
    ("status IN (FAIL*, PAUSED)", "ac"),
    ("status in (FAILED)", "a"),
    ("status NOT IN (FAILED, COMPLETED)", "cd"),
    ("status!=RUNNING", "abc"),
    ("status <> RUNNING", "abc"),
    ("NOT status=RUNNING", "abc"),
    ("NOT (status=RUNNING OR status=PAUSED)", "ab"),
    ("status=RUNNING OR status=PAUSED", "cd"),
    ("workflowType=order_flow AND status=FAILED OR workflowType=refund_flow", "acd"),
    ("workflowType=order_flow AND (status=FAILED OR workflowType=refund_flow)", "a"),
    ("workflowType=order*", "ab"),
    ("workflowType='*FLOW'", "abcd"),
    ("workflowType LIKE 'ref%'", "cd"),
    ("workflowType NOT LIKE 'ref%'", "ab"),
    ("workflowType STARTS_WITH order_", "ab"),
    ("workflowType=order%", ""),
    ("workflowType < p", "ab"),
    ("correlationId='it's (one)'", "a"),
    ("correlationId=it's (one)", "a"),
    ("correlationId=two, three", "b"),
    ("correlationId='R AND D'", "c"),
    ("correlationId IS NULL", "d"),
    ("correlationId IS NOT NULL", "abc"),
    ("correlationId != 'R AND D'", "abd"),
    ("endTime IS NULL", "cd"),
    ("startTime>0 AND startTime<99999999999999", "abcd"),
    ("startTime >= 2020-01-01 AND startTime <= '2020-01-02T10:00:00Z'", ""),
    ("startTime BETWEEN 2020-01-01 AND 2120-01-01", "abcd"),
    ("priority>5", "b"),
    ("priority>=5 AND priority<=9", "a"),
    ("priority IN (5, 10)", "ab"),
    ("priority != 0", "ab"),
    ("version=1", "abcd"),
    ("failedReferenceTaskNames=pay", "a"),
    ("failedReferenceTaskNames=pa*", "a"),
    ("failedReferenceTaskNames IS NULL", "bcd"),
    ("reasonForIncompletion='*money*'", "a"),
    ('parentWorkflowId=""', "abcd"),
    ("classifier=workflow", "abcd"),
    ("workflowType=order_flow AND colour=red", "ab"),
    ("colour=red", "abcd"),
    ("correlationId='; DROP TABLE executions_log; --'", ""),
]


@pytest.mark.parametrize(("query", "expected"), FOUND)
def test_a_query_finds_what_it_says(service: Service, query: str, expected: str) -> None:
    assert letters(service, query) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*", "abcd"),
        ("ORDER_FLOW", "ab"),
        ("ärger", "d"),
        ("100% x.y", "d"),
        ("x?y", ""),
        ("ärger*x.y", "d"),
        ("zzzzzz", "d"),
        ("no money", "a"),
        ("(one", "a"),
    ],
)
def test_free_text_is_found_anywhere_in_any_case(
    service: Service, text: str, expected: str
) -> None:
    assert letters(service, free_text=text) == expected


@pytest.mark.parametrize(
    ("query", "place", "says"),
    [
        ("workflowType", 12, "expected an operator"),
        ("workflowType order", 13, "expected an operator"),
        ("status=", 7, "expected a value"),
        ("status= AND priority=1", 8, "expected a value"),
        ("status=RUNNING AND", 18, "expected a field"),
        ("=RUNNING", 0, "expected a field"),
        ("(status=RUNNING", 15, "closing parenthesis"),
        ("status=RUNNING)", 14, "AND, OR or the end"),
        ("status IN (A, B", 15, "comma or a closing parenthesis"),
        ("status IN (A,)", 13, "expected a value"),
        ("status='RUNNING", 7, "expected a closing '"),
        ("startTime>yesterday", 10, "epoch milliseconds"),
        ("priority=high", 9, "whole numbers"),
        ("startTime LIKE 5", 0, "is no text"),
        ("status='FAILD'", 7, "did you mean 'FAILED'?"),
        ("status IN (RUNNING, nonsense)", 20, "it is one of RUNNING"),
        ("status != completed", 10, "did you mean 'COMPLETED'?"),
        ("workflowtype=x", 0, "did you mean 'workflowType'?"),
        ("workflow_type=x", 0, "did you mean 'workflowType'?"),
        ("status=RUNNING AND taskType=x", 19, "is no field of this search"),
        ("status=RUNNING OR colour=red", 18, "is no field of this search"),
        ("NOT colour=red", 4, "is no field of this search"),
        ("startTime BETWEEN 5", 19, "the upper bound"),
        ("status > (A, B)", 13, "takes one value"),
        ("(" * 60 + "status=A" + ")" * 60, 50, "deeper"),
    ],
)
def test_a_query_that_can_not_be_understood_is_pointed_at(
    service: Service, query: str, place: int, says: str
) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        service.search_workflows(query=query)
    message, line, caret = str(refused.value).split("\n")
    assert message.startswith("Incorrectly formatted query string: ")
    assert says in message
    assert message.endswith(f"(at character {place + 1})")
    pointed = caret.index("^")
    assert line[pointed : pointed + 1] == query[place : place + 1]


def test_pages_are_sorted_counted_and_cut(service: Service) -> None:
    assert letters(service, sort="priority:DESC|idempotencyKey:DESC") == "badc"
    assert letters(service, sort="startTime:ASC") == "abcd"
    assert letters(service, sort="nonsense|priority:UP|idempotencyKey:DESC") == "dcba"
    page = service.search_workflows(1, 2, "idempotencyKey:ASC")
    assert [line["idempotencyKey"] for line in page["results"]] == ["b", "c"]
    assert page["totalHits"] == 4
    assert service.search_workflows(9, 2) == {"totalHits": 4, "results": []}
    assert service.search_workflows(0, 0) == {"totalHits": 4, "results": []}


def test_a_summary_shows_the_newest_version_with_long_payloads(service: Service) -> None:
    line = service.search_workflows(query="idempotencyKey=d")["results"][0]
    assert line["status"] == "RUNNING"
    assert "z" * 3000 in line["input"]
    assert service.search_workflows(query="idempotencyKey=c")["results"][0]["status"] == "PAUSED"


def test_tasks_are_found_by_their_fields(service: Service) -> None:
    found = service.search_tasks(query="taskType=pay AND status IN (FAILED, COMPLETED)")
    assert found["totalHits"] == 2
    assert {line["status"] for line in found["results"]} == {"FAILED", "COMPLETED"}
    failed = service.search_tasks(query="workflowId=" + _id(service, "a"))["results"][0]
    assert failed["correlationId"] == "it's (one)"
    assert failed["workflowPriority"] == 5
    assert service.search_tasks(query="referenceTaskName=pay AND retryCount>0")["totalHits"] == 0
    assert service.search_tasks(free_text="NO MONEY")["totalHits"] == 1
    owners = service.search_workflows_by_tasks(query="taskType=pay")
    assert owners["totalHits"] == 2
    assert {line["idempotencyKey"] for line in owners["results"]} == {"a", "b"}


def test_executions_of_a_time_are_found_whatever_the_name_holds(service: Service) -> None:
    found = service.created_between("order_flow", 1, 2**53)
    assert {_id(service, "a"), _id(service, "b")} == set(found)
    assert service.created_between("order_flow", 1, 2**53, version=2) == []
    assert service.created_between("x' OR '1'='1", 1, 2**53) == []
