"""The OpenAPI document says what the endpoints do, for every route; the page works alone."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from door_client import Send

from engine.http_api import ROUTES
from engine.http_api.documents import DOCUMENTS
from engine.http_api.openapi import document
from engine.http_api.routing import Route

_READS = {
    "text": "text",
    "required_text": "text",
    "texts": "texts",
    "flag": "flag",
    "number": "number",
    "optional_number": "number",
}
_BODIES = frozenset(
    {
        "body",
        "body_object",
        "body_of",
        "body_objects",
        "body_list",
        "body_texts",
        "optional_object",
        "raw_body",
    }
)


def reads_of(endpoint: Callable[..., Any]) -> tuple[dict[str, set[str]], bool]:
    """Query parameters that an endpoint and its helpers read, and whether they read a body."""
    parameters: dict[str, set[str]] = {}
    seen: set[Callable[..., Any]] = set()
    takes_body = False

    def look(function: Callable[..., Any]) -> None:
        nonlocal takes_body
        if function in seen:
            return
        seen.add(function)
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            called = node.func
            if isinstance(called, ast.Name):
                helper = inspect.unwrap(function).__globals__.get(called.id)
                if inspect.isfunction(helper) and helper.__module__.startswith("engine.http_api"):
                    look(helper)
            elif isinstance(called, ast.Attribute) and ast.unparse(called.value) == "call":
                if called.attr in _BODIES:
                    takes_body = True
                elif called.attr in _READS:
                    name = eval(ast.unparse(node.args[0]), inspect.unwrap(function).__globals__)
                    parameters.setdefault(name, set()).add(_READS[called.attr])

    look(inspect.unwrap(endpoint))
    return parameters, takes_body


def routes_with_their_own_reading() -> list[Route]:
    """``skiptask`` reads ``taskInput[key]``, names that no document can list."""
    return [route for route in ROUTES if not route.path.endswith("skiptask/{taskReferenceName}")]


def test_every_route_is_documented_and_nothing_else_is() -> None:
    assert {f"{route.method} {route.path}" for route in ROUTES} == set(DOCUMENTS)


@pytest.mark.parametrize(
    "route", routes_with_their_own_reading(), ids=lambda route: f"{route.method} {route.path}"
)
def test_what_an_endpoint_reads_is_documented(route: Route) -> None:
    told = DOCUMENTS[f"{route.method} {route.path}"]
    read, takes_body = reads_of(route.endpoint)
    documented = {parameter.name: parameter.kind for parameter in told.query}

    assert set(documented) == set(read)
    for name, kinds in read.items():
        assert documented[name] in kinds, name
    assert takes_body == (told.body is not None)


def test_every_endpoint_has_a_summary() -> None:
    paths = document(ROUTES)["paths"]
    summaries = {
        f"{method} {path}": told["summary"]
        for path in paths
        for method, told in paths[path].items()
    }
    assert {place: said for place, said in summaries.items() if not 5 < len(said) < 200} == {}


def test_the_document_is_served_at_both_places_and_every_reference_leads_somewhere(
    send: Send,
) -> None:
    reply = send("GET", "/api-docs")
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    assert send("GET", "/openapi.json").body == reply.body
    docs = reply.json
    assert docs["openapi"].startswith("3.1")
    schemas = docs["components"]["schemas"]
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', reply.text))
    assert references <= set(schemas)
    assert "taskReferenceName" in schemas["WorkflowTask"]["properties"]
    names = [
        operation["operationId"] for path in docs["paths"].values() for operation in path.values()
    ]
    assert len(names) == len(set(names)) == len(ROUTES)


@pytest.mark.parametrize(
    ("file", "kind"),
    [("index.html", "text/html"), ("try.js", "text/javascript"), ("try.css", "text/css")],
)
def test_the_page_is_served_from_this_machine_only(send: Send, file: str, kind: str) -> None:
    reply = send("GET", f"/swagger-ui/{file}")
    assert reply.status == 200
    assert reply.headers["content-type"].startswith(kind)
    assert "://" not in reply.text.replace("http-equiv", "")
    assert not re.search(r"<script>|<style>|\sstyle=|\son\w+=|innerHTML|insertAdjacent", reply.text)


def test_files_beside_the_page_are_not_served(send: Send) -> None:
    for name in ("openapi.py", "..%2Fopenapi.py", "none"):
        reply = send("GET", f"/swagger-ui/{name}")
        assert reply.status == 404
        assert reply.json["message"]


def test_the_page_is_packed() -> None:
    files = {path.name for path in (Path(inspect.getfile(document)).parent / "page").iterdir()}
    assert files == {"index.html", "try.js", "try.css"}
