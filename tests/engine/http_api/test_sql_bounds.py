"""SQL over HTTP: bounded in time and rows, and given up with its client."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from engine import Engine
from engine.functions import FunctionRegistry
from engine.http_api import ApiServer, executions

ENDLESS = "SELECT count(*) FROM range(1000000000000) a, range(1000000) b WHERE a.range % 7 = 3"


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(functions=FunctionRegistry(), http_tasks=False) as engine:
        yield engine


@pytest.fixture(scope="module")
def port(engine: Engine) -> Iterator[int]:
    with ApiServer(engine.service, port=0) as server:
        yield server.port


def ask(port: int, sql: str, timeout: float = 30.0) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        body = json.dumps({"sql": sql})
        connection.request("POST", "/api/executions/query", body)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def running(engine: Engine) -> int:
    store: Any = engine.service._runtime.store
    return len(getattr(store, "_history", store)._running)


def test_answers_have_columns_and_rows_also_without_rows(port: int) -> None:
    assert ask(port, "SELECT 1 AS one, 'x' AS two") == (
        200, {"columns": ["one", "two"], "rows": [{"one": 1, "two": "x"}]},
    )  # fmt: skip
    empty = ask(port, "SELECT 1 AS one WHERE false")
    assert empty == (200, {"columns": ["one"], "rows": []})


def test_question_that_takes_too_long_is_stopped(
    port: int, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executions, "QUESTION_SECONDS", 0.3)
    began = time.monotonic()
    status, body = ask(port, ENDLESS)

    assert (status, "longer than 0.3 s" in body["message"]) == (400, True)
    assert time.monotonic() - began < 10
    assert running(engine) == 0


def test_too_many_rows_are_refused_without_fetching_them(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executions, "MOST_ROWS", 1000)
    status, body = ask(port, "SELECT * FROM range(1001)")
    assert (status, "more than 1000 rows" in body["message"]) == (400, True)
    assert ask(port, "SELECT * FROM range(1000)")[0] == 200


@pytest.mark.parametrize("head", ["", "Connection: close\r\n"])  # both ways in
def test_client_that_leaves_frees_the_thread(port: int, engine: Engine, head: str) -> None:
    body = json.dumps({"sql": ENDLESS}).encode()
    request = (
        f"POST /api/executions/query HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request.encode() + body)
        deadline = time.monotonic() + 10
        while not running(engine) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert running(engine) == 1
    deadline = time.monotonic() + 10
    while running(engine) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert running(engine) == 0


def test_two_endless_questions_hold_up_nothing_else(
    port: int, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executions, "QUESTION_SECONDS", 2.0)
    body = json.dumps({"sql": ENDLESS}).encode()
    head = f"POST /api/executions/query HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    connections = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(6)]
    for connection in connections:
        connection.sendall(head.replace("Host: x", "Host: 127.0.0.1").encode() + body)
    api = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    api.request("GET", "/api/workflow/search?query=")
    assert api.getresponse().status == 200
    assert running(engine) <= 2
    for connection in (*connections, api):
        connection.close()
    deadline = time.monotonic() + 10
    while running(engine) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert running(engine) == 0
