"""Requests over many connections from one thread, at as little cost to the client as Python allows.

One client for whatever server: it finds the end of an answer and hands the body on unread. It takes
a length or chunks, and connects anew where the server ends a connection.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Generator
from time import perf_counter
from typing import Final, NamedTuple

_RECEIVED_AT_ONCE: Final = 256 * 1024
_PATIENCE_SECONDS: Final = 60.0

Drive = Generator[bytes, bytes, None]
"""What one connection does: yields requests and is sent the body of each answer."""


class Measured(NamedTuple):
    """What a row of requests took."""

    seconds: float
    latencies: list[float]
    """Seconds from a request to the whole answer, one for each."""


def request(method: str, path: str, body: bytes = b"") -> bytes:
    """A request as it goes over the wire."""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}\r\n".encode() + body


def ask(address: tuple[str, int], method: str, path: str, body: bytes = b"") -> bytes:
    """One request on a connection of its own; the body of its answer.

    Raises:
        RuntimeError: The answer is no success.
    """
    bodies = []

    def once() -> Drive:
        bodies.append((yield request(method, path, body)))

    run(address, [once()])
    return bodies[0]


def run(address: tuple[str, int], drives: list[Drive]) -> Measured:
    """Drive one connection for each of ``drives`` until all have ended.

    Raises:
        RuntimeError: An answer is no success, or none comes.
    """
    poll = select.epoll()
    connections: dict[int, _Connection] = {}
    latencies: list[float] = []
    begun = perf_counter()
    try:
        for drive in drives:
            one = _Connection(address, drive, poll, latencies.append)
            if one.begin():
                connections[one.number] = one
        while connections:
            events = poll.poll(_PATIENCE_SECONDS)
            if not events:
                raise RuntimeError(f"{address[0]}:{address[1]} has stopped to answer.")
            for number, _ in events:
                one = connections[number]
                goes_on = one.receive()
                if not goes_on or one.number != number:
                    del connections[number]
                if goes_on:
                    connections[one.number] = one
    finally:
        for one in connections.values():
            one.close()
        poll.close()
    return Measured(perf_counter() - begun, latencies)


class _Connection:
    """One keep-alive connection, one request at a time."""

    __slots__ = ("_address", "_asked_at", "_drive", "_note", "_poll", "_received", "_socket")

    def __init__(
        self,
        address: tuple[str, int],
        drive: Drive,
        poll: select.epoll,
        note: Callable[[float], None],
    ) -> None:
        self._address, self._drive, self._poll, self._note = address, drive, poll, note
        self._received = b""
        self._asked_at = 0.0
        self._connect()

    @property
    def number(self) -> int:
        return self._socket.fileno()

    def begin(self) -> bool:
        """Send the first request; whether there is one."""
        first = next(self._drive, None)
        if first is None:
            self.close()
            return False
        self._ask(first)
        return True

    def receive(self) -> bool:
        """Take what has come; whether the connection goes on."""
        piece = self._socket.recv(_RECEIVED_AT_ONCE)
        if not piece:
            raise RuntimeError(f"The server hung up amid an answer: {self._received[:200]!r}")
        answer = self._received + piece if self._received else piece
        body, is_last = _whole(answer)
        if body is None:
            self._received = answer
            return True
        self._note(perf_counter() - self._asked_at)
        self._received = b""
        if answer[9:10] != b"2":
            raise RuntimeError(f"The answer is no success: {answer[:500]!r}")
        try:
            following = self._drive.send(body)
        except StopIteration:
            self.close()
            return False
        if is_last:
            self.close()
            self._connect()
        self._ask(following)
        return True

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            self._poll.unregister(self._socket)
            self._socket.close()

    def _connect(self) -> None:
        self._socket = socket.create_connection(self._address, timeout=_PATIENCE_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._poll.register(self._socket, select.EPOLLIN)

    def _ask(self, text: bytes) -> None:
        self._asked_at = perf_counter()
        self._socket.sendall(text)


def _whole(answer: bytes) -> tuple[bytes | None, bool]:
    """The body of an answer that has come to its end, else None; whether its connection ends."""
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return None, False
    head = answer[:end].lower()
    at = head.find(b"\r\ncontent-length:")
    if at >= 0:
        stop = head.find(b"\r\n", at + 2)
        length = int(head[at + 17 : stop if stop >= 0 else end])
        body = answer[end + 4 :] if len(answer) - end - 4 >= length else None
    elif b"\r\ntransfer-encoding: chunked" in head:
        body = _chunks(answer, end + 4)
    else:
        body = b""
    return body, b"\r\nconnection: close" in head


def _chunks(answer: bytes, at: int) -> bytes | None:
    """The chunks from a position on put together, None before the last has come."""
    if not answer.endswith(b"\r\n0\r\n\r\n") and answer[at:] != b"0\r\n\r\n":
        return None
    pieces = []
    while True:
        line = answer.find(b"\r\n", at)
        if line < 0:
            return None
        size = int(answer[at:line].partition(b";")[0], 16)
        if not size:
            return b"".join(pieces)
        pieces.append(answer[line + 2 : line + 2 + size])
        at = line + 4 + size
