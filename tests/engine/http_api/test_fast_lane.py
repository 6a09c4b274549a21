"""Plain requests past Tornado: the same answers, whatever comes over a connection and how."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator

import pytest
from door_client import Send

from engine.http_api import ApiServer
from engine.http_api.answers import Answer
from engine.http_api.fast_lane import _plain
from engine.http_api.guard import Guard
from engine.http_api.handler import Door
from engine.http_api.identity import Identity
from engine.http_api.routes import ROUTES
from engine.http_api.routing import Router
from engine.service import Service


class Wire:
    """A raw connection to the server."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._file = self._socket.makefile("rb")

    def say(self, *pieces: bytes) -> None:
        for piece in pieces:
            self._socket.sendall(piece)
            time.sleep(0.02)  # so that each piece arrives by itself

    def hear(self) -> tuple[int, dict[str, str], bytes]:
        status = int(self._file.readline().split()[1])
        headers = {}
        while (line := self._file.readline()) != b"\r\n":
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        if headers.get("transfer-encoding") == "chunked":
            return status, headers, self._file.readline()
        return status, headers, self._file.read(int(headers.get("content-length", 0)))

    def has_ended(self) -> bool:
        return self._file.read(1) == b""

    def close(self) -> None:
        self._file.close()
        self._socket.close()


@pytest.fixture
def wire(server: ApiServer) -> Iterator[Wire]:
    wire = Wire(server.port)
    yield wire
    wire.close()


def _get(path: str, *headers: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _post(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def test_several_requests_sent_at_once_are_answered_one_after_the_other(wire: Wire) -> None:
    paths = ["/api/tasks/queue/size?taskType=none", "/api/tasks/queue/all", "/health"]
    wire.say(b"".join(_get(path) for path in paths))
    answers = [wire.hear() for _ in paths]
    assert [status for status, _, _ in answers] == [200, 200, 200]
    assert answers[0][2] == b"0"
    assert json.loads(answers[2][2])["healthy"] is True


def test_a_body_that_comes_in_pieces_is_put_together(flow: str, wire: Wire) -> None:
    whole = _post(f"/api/workflow/{flow}", b'{"note": "' + b"x" * 400 + b'"}')
    wire.say(whole[:-300], whole[-300:-20], whole[-20:])
    status, _, workflow_id = wire.hear()
    assert status == 200
    wire.say(_get(f"/api/workflow/{workflow_id.decode()}"))
    assert json.loads(wire.hear()[2])["input"]["note"] == "x" * 400


@pytest.mark.parametrize(
    "pieces",
    [
        (b"GET /api/tasks/queue/all HT", b"TP/1.1\r\nHost: localhost\r\n\r\n"),
        (_get("/api/tasks/queue/all", "X-One: 1", "X-One: 2"),),
        (_get("/api/tasks/queue/all", "X-Long: " + "x" * 9000),),
        (_post("/api/tasks/queue/requeue/none", b"0\r\n\r\n", "Transfer-Encoding: chunked"),),
        (b"GET /api/tasks/queue/all HTTP/1.0\r\nHost: localhost\r\n\r\n",),
    ],
    ids=["head in pieces", "a header twice", "a long head", "two lengths", "an old version"],
)
def test_what_is_not_plain_is_left_to_the_full_server(
    wire: Wire, pieces: tuple[bytes, ...]
) -> None:
    wire.say(*pieces)
    status, _, body = wire.hear()
    if b"chunked" in pieces[0]:  # a length and chunks at once contradict each other
        assert status == 400
    else:
        assert (status, json.loads(body).__class__) == (200, dict)


def test_a_connection_goes_over_with_a_request_that_waits_for_no_end(
    wire: Wire, service: Service
) -> None:
    wire.say(_get("/api/tasks/queue/all"))
    assert wire.hear()[0] == 200
    wire.say(_get("/api/executions/events"))
    status, headers, _ = wire.hear()
    assert (status, headers["content-type"].split(";")[0]) == (200, "text/event-stream")


def test_a_large_answer_reaches_a_reader_that_is_slow(flow: str, wire: Wire) -> None:
    text = "y" * 700_000
    wire.say(_post(f"/api/workflow/{flow}", json.dumps({"note": text}).encode()))
    workflow_id = wire.hear()[2].decode()
    wire.say(*[_get(f"/api/workflow/{workflow_id}")] * 6)
    time.sleep(0.3)
    for _ in range(6):
        assert json.loads(wire.hear()[2])["input"]["note"] == text


def test_a_task_of_a_poll_whose_caller_hung_up_goes_to_the_next(
    flow: str, wire: Wire, send: Send
) -> None:
    wire.say(_get("/api/tasks/poll/batch/first?timeout=4000"))
    wire.close()
    time.sleep(0.1)
    send("POST", f"/api/workflow/{flow}", {})
    (task,) = send("GET", "/api/tasks/poll/batch/first?timeout=2000").json
    assert task["referenceTaskName"] == "first_ref"


def test_a_caller_that_hangs_up_amid_a_body_leaves_nothing_behind(
    flow: str, wire: Wire, service: Service
) -> None:
    wire.say(_post(f"/api/workflow/{flow}", b'{"n": 1}')[:-3])
    wire.close()
    time.sleep(0.1)
    assert service.running(flow) == []


def test_closing_the_server_hangs_up(service: Service) -> None:
    with ApiServer(service, port=0) as server:
        wire = Wire(server.port)
        wire.say(_get("/api/tasks/queue/all"))
        assert wire.hear()[0] == 200
    assert wire.has_ended()
    wire.close()


def test_names_and_origins_are_checked_here_too(wire: Wire) -> None:
    wire.say(_get("/api/tasks/queue/all").replace(b"localhost", b"evil.example"))
    assert wire.hear()[0] == 403
    wire.say(_post("/api/workflow/flow", b"{}", "Origin: http://evil.example"))
    assert wire.hear()[0] == 403


def test_an_unknown_transfer_encoding_is_never_taken_for_none(wire: Wire) -> None:
    wire.say(_get("/api/tasks/queue/all", "Transfer-Encoding: keep-alive"))
    assert wire.hear()[0] == 400


def test_only_what_stands_below_the_prefix_is_answered(service: Service) -> None:
    router = Router(ROUTES)
    door = Door(Identity(service), router, Guard(), "/studio")
    assert _plain(door, _get("/studio/api/tasks/queue/all")) is not None
    assert _plain(door, _get("/others/api/tasks/queue/all")) is None
    assert _plain(door, _get("/api/tasks/queue/all")) is None


def test_a_connection_is_hung_up_when_no_answer_can_be_made(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def give_up(*_: object) -> Answer:
        raise asyncio.CancelledError  # what Door.carry_out lets through

    monkeypatch.setattr(Door, "carry_out", give_up)
    wire.say(_get("/api/tasks/queue/all"))
    assert wire.has_ended()
