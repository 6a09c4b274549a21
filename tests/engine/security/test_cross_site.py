"""What a page of another site can make the browser of the local person send: nothing gets in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from asking import Asker

from engine.http_api import ApiServer
from engine.service import Service

FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "http://127.0.0.1:1"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
]
CHANGES = [
    ("POST", "/api/workflow/flow"),
    ("PUT", "/api/metadata/workflow"),
    ("DELETE", "/api/metadata/taskdefs/x"),
    ("GET", "/api/tasks/poll/step"),
    ("GET", "/api/tasks/poll/batch/step"),
    ("GET", "/api/scheduler/admin/pause"),
    ("POST", "/api/access/users"),
    ("POST", "/api/tasks"),
]


@pytest.fixture
def ask(service: Service) -> Iterator[Asker]:
    with ApiServer(service, port=0) as server:
        yield Asker(server.port)


@pytest.mark.parametrize("headers", FOREIGN)
def test_other_sites_change_nothing_and_read_nothing(ask: Asker, headers: dict[str, str]) -> None:
    for method, path in (*CHANGES, ("GET", "/api/metadata/workflow")):
        reply = ask(method, path, "{}" if method != "GET" else None, headers)
        assert reply.status == 403, (method, path)
        assert "other sites" in reply.json["message"]


def test_link_that_is_followed_may_read_and_not_change(ask: Asker) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}

    assert ask("GET", "/api/version", headers=link).status == 200
    assert ask("GET", "/api/scheduler/admin/pause", headers=link).status == 403
    assert ask("GET", "/api/tasks/poll/step", headers=link).status == 403


def test_form_and_text_bodies_of_other_sites_are_refused(ask: Asker) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        headers = {"Content-Type": kind, "Origin": "https://evil.example"}
        assert ask("POST", "/api/workflow/flow", "{}", headers).status == 403


def test_no_answer_invites_other_sites(ask: Asker) -> None:
    for headers in ({}, {"Origin": f"http://127.0.0.1:{ask.port}"}):
        for method in ("GET", "OPTIONS"):
            found = ask(method, "/api/metadata/workflow", headers=headers).headers
            assert not [name for name in found if name.startswith("access-control-")]
