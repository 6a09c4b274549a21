"""The connection: log-in, errors, second attempts, time-outs. A real server on loopback answers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import pytest

from engine import Engine
from engine.client.connection import Connection, Credentials, api_root
from engine.client.remote import RemoteClient
from engine.errors import (
    ConflictError,
    EngineError,
    ForbiddenError,
    IllegalStateError,
    InvalidDefinitionError,
    InvalidRequestError,
    NotFoundError,
    UnauthorizedError,
    UnavailableError,
    UnsupportedError,
)
from engine.functions import FunctionRegistry
from engine.http_api.server import serve_api
from engine.models.capability import EVERY_CAPABILITY


class Asked(NamedTuple):
    method: str
    path: str
    token: str | None
    body: bytes


class Server:
    """Answers what a test tells it to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answer: Callable[[Asked], tuple[int, Any]] = lambda asked: (200, {})
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                token = self.headers.get("X-Authorization")
                asked = Asked(self.command, self.path, token, self.rfile.read(length))
                outer.asked.append(asked)
                status, body = outer.answer(asked)
                is_text = isinstance(body, str)
                content = body.encode() if is_text else json.dumps(body).encode()
                self.send_response(status)
                kind = "text/plain;charset=UTF-8" if is_text else "application/json"
                if is_text and body.startswith("<"):
                    kind = "text/html"
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = do

            def log_message(self, *args: Any) -> None:
                """Quiet."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/api"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture
def connection(server: Server) -> Iterator[Connection]:
    connection = Connection(server.url)
    yield connection
    connection.close()


@pytest.mark.parametrize(
    ("given", "root"),
    [
        ("http://h:8080/api", "http://h:8080/api"),
        ("http://h:8080/api/", "http://h:8080/api"),
        ("http://h:8080", "http://h:8080/api"),
        ("https://h/studio?x=1#top", "https://h/studio/api"),
    ],
)
def test_root_of_the_api_is_found_in_an_address(given: str, root: str) -> None:
    assert api_root(given) == root


@pytest.mark.parametrize("given", ["h:8080", "ftp://h", "http://", "", "http://ann:secret@h/api"])
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(InvalidRequestError):
        api_root(given)


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "bad", InvalidRequestError),
        (401, "who are you", UnauthorizedError),
        (403, "no", ForbiddenError),
        (404, "No such workflow found by id: x", NotFoundError),
        (404, "No static resource api/x.", UnsupportedError),
        (405, "Request method 'PUT' is not supported", UnsupportedError),
        (409, "is there", ConflictError),
        (500, "not paused", IllegalStateError),
        (500, "No such workflow definition: n version: 1", NotFoundError),
        (501, "read-only", UnsupportedError),
        (418, "odd", EngineError),
    ],
)
def test_refusals_are_the_errors_of_the_engine(
    server: Server, connection: Connection, status: int, message: str, kind: type[EngineError]
) -> None:
    server.answer = lambda asked: (status, {"status": status, "message": message})
    with pytest.raises(kind) as refusal:
        connection.call("PUT", "x")
    assert type(refusal.value) is kind
    assert message in str(refusal.value)
    assert len(server.asked) == 1


def test_a_report_of_a_server_that_is_unwell_is_an_answer_and_asked_for_once(
    server: Server, connection: Connection
) -> None:
    report = {"healthy": False, "healthResults": []}
    server.answer = lambda asked: (503, report)
    assert connection.report("health", mark="healthy") == report
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, {"message": "No static resource api/health."}, UnsupportedError),
        (401, {"message": "who are you"}, UnsupportedError),
        (429, {"message": "too many"}, UnsupportedError),
        (200, ["healthy"], UnsupportedError),
        (502, {"message": "nobody behind"}, UnavailableError),
        (503, {"message": "nobody behind"}, UnavailableError),
    ],
)
def test_what_is_no_report_says_whether_the_server_is_there(
    server: Server, connection: Connection, status: int, body: Any, kind: type[EngineError]
) -> None:
    server.answer = lambda asked: (status, body)
    with pytest.raises(kind) as refusal:
        connection.report("health", mark="healthy")
    assert type(refusal.value) is kind
    assert len(server.asked) == 1


def test_problems_of_a_definition_are_told_with_their_places(
    server: Server, connection: Connection
) -> None:
    entry = {"path": "registerWorkflowDef.arg0.tasks[2].name", "message": "empty"}
    body = {"status": 400, "message": "Validation failed", "validationErrors": [entry]}
    server.answer = lambda asked: (400, body)
    with pytest.raises(InvalidDefinitionError) as refusal:
        connection.call("POST", "metadata", "workflow", body={})
    (problem,) = refusal.value.problems
    assert (problem.path, problem.message) == ("tasks[2].name", "empty")


def test_web_page_in_place_of_an_api_is_named(server: Server, connection: Connection) -> None:
    server.answer = lambda asked: (200, "<!doctype html><title>Login</title>")
    with pytest.raises(UnavailableError, match="web page"):
        connection.get("workflow", "x")


def test_segments_and_parameters_are_encoded(server: Server, connection: Connection) -> None:
    connection.call("GET", "a/b c", query={"q": "x='1' & y", "flag": True, "none": None})
    assert server.asked[0].path == "/api/a%2Fb%20c?q=x%3D%271%27+%26+y&flag=true"


def test_only_what_may_be_repeated_is_asked_again(server: Server, connection: Connection) -> None:
    busy = iter([503, 502, 200] * 2)
    server.answer = lambda asked: (next(busy), {"ok": 1})
    assert connection.get("x") == {"ok": 1}
    assert len(server.asked) == 3
    with pytest.raises(UnavailableError):
        connection.call("POST", "x", body={})
    assert len(server.asked) == 4


def test_too_many_requests_are_asked_again_whatever_they_do(
    server: Server, connection: Connection
) -> None:
    answers = iter([429, 200])
    server.answer = lambda asked: (next(answers), "done")
    assert connection.call("POST", "x", body={}) == "done"


def test_server_that_is_not_there_is_unavailable(server: Server) -> None:
    connection = Connection(server.url)
    server.http.shutdown()
    server.http.server_close()
    began = time.monotonic()
    with pytest.raises(UnavailableError, match="No server answers at"):
        connection.call("POST", "x", body={})
    assert time.monotonic() - began < 10


def test_answer_that_takes_too_long_is_given_up_unless_it_was_asked_to_wait(
    server: Server,
) -> None:
    connection = Connection(server.url, answer_seconds=0.3)

    def slow(asked: Asked) -> tuple[int, Any]:
        time.sleep(0.8)
        return 200, []

    server.answer = slow
    with pytest.raises(UnavailableError, match="in time"):
        connection.call("GET", "x")
    assert connection.call("GET", "x", wait_seconds=2) == []
    connection.close()


def test_key_and_secret_are_exchanged_once_and_again_when_the_token_runs_out(
    server: Server,
) -> None:
    tokens = iter(["one", "two"])
    valid = {"one"}

    def answer(asked: Asked) -> tuple[int, Any]:
        if asked.path == "/api/token":
            assert json.loads(asked.body) == {"keyId": "k", "keySecret": "s"}
            return 200, {"token": next(tokens)}
        if asked.token not in valid:
            return 401, {"error": "EXPIRED_TOKEN", "message": "token has expired"}
        return 200, asked.token

    server.answer = answer
    connection = Connection(server.url, Credentials("k", "s"))
    threads = [threading.Thread(target=connection.get, args=("x",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(asked.path == "/api/token" for asked in server.asked) == 1

    valid.clear()
    valid.add("two")
    assert connection.get("x") == "two"
    assert sum(asked.path == "/api/token" for asked in server.asked) == 2
    connection.close()


def test_server_without_log_in_is_talked_to_without_a_token(server: Server) -> None:
    server.answer = lambda asked: (404 if asked.path == "/api/token" else 200, {})
    connection = Connection(server.url, Credentials("k", "s"))
    connection.get("x")
    connection.get("x")
    assert [asked.path for asked in server.asked] == ["/api/token", "/api/x", "/api/x"]
    assert {asked.token for asked in server.asked} == {None}
    connection.close()


def test_wrong_key_is_refused_in_words(server: Server) -> None:
    server.answer = lambda asked: (401, {"status": 401, "message": "Unknown key."})
    connection = Connection(server.url, Credentials("k", "s"))
    with pytest.raises(UnauthorizedError, match="Unknown key"):
        connection.get("x")
    connection.close()


def test_token_of_the_environment_is_sent_as_it_is(server: Server) -> None:
    credentials = Credentials.of_environment({"CONDUCTOR_AUTH_TOKEN": "t"})
    connection = Connection(server.url, credentials)
    connection.get("x")
    assert server.asked[0].token == "t"
    with pytest.raises(InvalidRequestError):
        Credentials.of_environment({"CONDUCTOR_AUTH_KEY": "k"})
    connection.close()


def test_our_server_knows_the_caller_by_an_api_key() -> None:
    with Engine(threads=0, http_tasks=False, functions=FunctionRegistry()) as engine:
        given = engine.service.create_api_key("ci", "viewer").result(10)
        with serve_api(engine.service, port=0) as server:
            client = RemoteClient(server.url, given["keyId"], given["keySecret"])
            assert client.workflow_defs() == []
            assert client.capabilities == EVERY_CAPABILITY - {"query"}, "SQL is for authors"
            with pytest.raises(ForbiddenError, match="author"):
                client.register_workflow_def({"name": "f", "tasks": []})
            client.close()
            stranger = RemoteClient(server.url, environment={})
            with pytest.raises(UnauthorizedError):
                stranger.workflow_defs()
            stranger.close()
