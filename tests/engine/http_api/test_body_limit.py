"""Bodies that are too long, or that stop arriving: an answer, and no connection held for ever."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from engine import Engine
from engine.functions import FunctionRegistry
from engine.http_api import ApiServer, body_limit, fast_lane
from engine.models.codec import MAX_BODY_BYTES
from studio.server import StudioServer

HEAD = (
    "POST /api/workflow/nothing HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
)


@pytest.fixture(scope="module", params=["api", "studio"])
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    with Engine(functions=FunctionRegistry(), http_tasks=False) as engine:
        server: Any = ApiServer if request.param == "api" else StudioServer
        with server(engine.service, port=0) as running:
            yield running.port


def ask(port: int, head: str, *pieces: bytes) -> tuple[int, dict[str, str], Any]:
    """Status, headers and JSON of the answer to a raw request; whatever is sent is sent whole."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(f"{HEAD}{head}\r\n".encode())
        for piece in pieces:
            connection.sendall(piece)
        return answer_of(connection)


def answer_of(connection: socket.socket) -> tuple[int, dict[str, str], Any]:
    with connection.makefile("rb") as file:
        status = int(file.readline().split()[1])
        headers = {}
        while (line := file.readline()) != b"\r\n":
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        return status, headers, json.loads(file.read(int(headers["content-length"])))


def is_refused(answer: tuple[int, dict[str, str], Any]) -> bool:
    status, headers, body = answer
    assert headers["content-type"] == "application/json"
    assert headers["x-content-type-options"] == "nosniff"
    assert body["status"] == status
    assert str(MAX_BODY_BYTES) in body["message"]
    assert body["retryable"] is False
    return status == 413


def test_declared_body_above_the_limit_is_413_once_it_was_read_away(port: int) -> None:
    length = MAX_BODY_BYTES + 1
    assert is_refused(ask(port, f"Content-Length: {length}\r\n", b" " * length))


def test_connection_goes_on_after_a_refused_body(port: int) -> None:
    length = MAX_BODY_BYTES + 10
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        for _ in range(2):
            connection.sendall(f"{HEAD}Content-Length: {length}\r\n\r\n".encode() + b"x" * length)
            assert is_refused(answer_of(connection))


def test_who_asks_before_sending_is_told_at_once(port: int) -> None:
    head = f"Content-Length: {MAX_BODY_BYTES + 1}\r\nExpect: 100-continue\r\n"
    assert is_refused(ask(port, head))


def test_absurd_length_is_refused_without_reading(port: int) -> None:
    assert is_refused(ask(port, f"Content-Length: {10**15}\r\n"))


def test_chunked_body_above_the_limit_is_413(port: int) -> None:
    chunk = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
    pieces = [chunk] * (MAX_BODY_BYTES // (1 << 20) + 1)
    assert is_refused(ask(port, "Transfer-Encoding: chunked\r\n", *pieces, b"0\r\n\r\n"))


def test_body_at_the_limit_is_looked_at(port: int) -> None:
    body = b" " * (MAX_BODY_BYTES - 2) + b"{}"
    status, _, answer = ask(port, f"Content-Length: {len(body)}\r\n", body)
    assert (status, "nothing" in answer["message"]) == (404, True)


@pytest.mark.parametrize("length", [20, 3 << 20])  # the short way in, and Tornado's
def test_body_that_stops_is_given_up(
    port: int, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_limit, "BODY_PAUSE_SECONDS", 0.3)
    monkeypatch.setattr(fast_lane, "BODY_PAUSE_SECONDS", 0.3)
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(f"{HEAD}Content-Length: {length}\r\n\r\n{{".encode())
        heard = b""
        while more := connection.recv(4096):
            heard += more
    assert time.monotonic() - began < 5
    assert heard == b"" or heard.startswith(b"HTTP/1.1 408 ")


def test_slow_body_that_goes_on_is_taken(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limit, "BODY_PAUSE_SECONDS", 0.6)
    monkeypatch.setattr(fast_lane, "BODY_PAUSE_SECONDS", 0.6)
    for head in ("", "Connection: close\r\n"):  # the second goes past the short way in
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(f"{HEAD}{head}Content-Length: 12\r\n\r\n".encode())
            for byte in b'{"input": 1}':
                connection.sendall(bytes([byte]))
                time.sleep(0.1)
            assert answer_of(connection)[0] in (400, 404)


def test_body_that_drips_is_given_up_in_the_end(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limit, "BODY_PAUSE_SECONDS", 0.2)
    monkeypatch.setattr(body_limit, "BODY_SECONDS", 1.0)
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(f"{HEAD}Content-Length: {3 << 20}\r\n\r\n".encode())
        connection.settimeout(0.1)
        while time.monotonic() - began < 8:
            try:
                connection.sendall(b" ")
                if connection.recv(4096):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
    assert time.monotonic() - began < 5
