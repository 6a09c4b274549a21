"""The reference of the API says what the server does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from door_client import Send

import engine.http_api
from engine.service.search.fields import TASKS, WORKFLOWS

TEXT = (Path(engine.http_api.__file__).parent / "README.md").read_text()


def section(title: str) -> str:
    return TEXT.split(f"## {title}\n")[1].split("\n## ")[0]


ABSENT = re.findall(r"`(GET|POST|PUT) (/[^`{]*)`", section("Routes that are not there"))


@pytest.mark.parametrize(("method", "path"), ABSENT)
def test_an_absent_route_answers_so_that_sdks_do_without(
    send: Send, method: str, path: str
) -> None:
    reply = send(method, path, {} if method != "GET" else None)
    assert reply.status in (404, 405)
    assert reply.json["status"] == reply.status
    assert reply.headers["content-type"] == "application/json"


def test_every_figure_is_explained(send: Send) -> None:
    served = set(re.findall(r"^# TYPE (\S+)", send("GET", "/metrics").text, re.M))
    assert served == set(re.findall(r"`((?:conductor|process)_\w+)`", section("Figures")))


def test_every_field_of_a_search_is_listed() -> None:
    listed = set(re.findall(r"`(\w+)`", section("Search")))
    assert WORKFLOWS.fields.keys() | TASKS.fields.keys() <= listed


def test_the_example_of_a_refusal_is_what_the_server_says(send: Send) -> None:
    example = re.search(r"```\n(Incorrectly.*?)\n```", section("Search"), re.S)
    assert example
    query = example[1].split("\n")[1].replace(" ", "%20").replace(">", "%3E")
    reply = send("GET", f"/api/workflow/search?query={query}")
    assert reply.status == 400
    assert reply.json["message"] == example[1]
