"""What grants rights takes no field that it doesn't know, and no link is wider than was asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from asking import Asker

from engine.http_api import ApiServer
from engine.service import Service


@pytest.fixture
def ask(service: Service) -> Iterator[Asker]:
    with ApiServer(service, port=0) as server:
        yield Asker(server.port)


@pytest.mark.parametrize(
    ("method", "path", "body", "named", "known"),
    [
        ("POST", "links", {"execution": "x", "days": 1}, "'execution'", "workflowId, board"),
        ("POST", "links", {"board": True, "second": 60}, "'second'", "Did you mean 'seconds'?"),
        ("POST", "keys", {"name": "a", "role": "viewer", "sceonds": 60}, "'sceonds'", "seconds"),
        ("POST", "users", {"name": "a", "role": "viewer", "pasword": "x"}, "'pasword'", "password"),
        ("PUT", "users/ann", {"role": "viewer", "name": "bob"}, "'name'", "role, password"),
    ],
)
def test_an_unknown_field_is_named_beside_the_known_ones_and_nothing_is_granted(
    service: Service, ask: Asker, method: str, path: str, body: Any, named: str, known: str
) -> None:
    reply = ask(method, f"/api/access/{path}", body)
    assert reply.status == 400
    assert f"no field {named}" in reply.json["message"]
    assert known in reply.json["message"]
    assert (service.share_links(), service.api_keys(), service.users()) == ([], [], [])


@pytest.mark.parametrize(
    "body", [{}, {"seconds": 60}, {"board": False}, {"workflowId": None}, {"board": "yes"}]
)
def test_a_link_to_the_board_has_to_be_asked_for(service: Service, ask: Asker, body: Any) -> None:
    assert ask("POST", "/api/access/links", body).status == 400
    assert service.share_links() == []


def test_a_link_says_what_it_shows_and_how_long(service: Service, ask: Asker) -> None:
    step = {"name": "s", "taskReferenceName": "s", "type": "SIMPLE"}
    service.create_workflow_def({"name": "f", "version": 1, "tasks": [step]}, True).result(10)
    workflow_id = service.start_workflow({"name": "f"}).result(10)

    both = {"board": True, "workflowId": workflow_id}
    assert ask("POST", "/api/access/links", both).status == 400
    made = ask("POST", "/api/access/links", {"workflowId": workflow_id, "seconds": 86400}).json
    assert (made["scope"], made["workflowId"]) == ("execution", workflow_id)
    board = ask("POST", "/api/access/links", {"board": True}).json
    assert (board["scope"], board["workflowId"]) == ("board", "")
    assert board["expireTime"] - made["expireTime"] == pytest.approx(6 * 86_400_000, abs=60_000)
    assert {link["scope"] for link in service.share_links()} == {"execution", "board"}


def test_a_mistyped_edit_of_a_branch_is_refused_instead_of_passed_over(ask: Asker) -> None:
    reply = ask("POST", "/api/executions/x/tasks/y/branch", {"inputEdit": {"a": 1}})
    assert reply.status == 400
    assert "Did you mean 'inputEdits'?" in reply.json["message"]
