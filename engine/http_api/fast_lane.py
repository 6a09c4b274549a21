"""A short way in for the plain requests that workers make all day.

Tornado needs several times as long for a request as the engine itself. Connections whose requests
are plain are therefore served straight from their sockets.

Rules of this file
  1. Only what is plain is taken: a routed GET, POST, PUT or DELETE in HTTP/1.1, with a short head
     that has arrived in one piece, no header twice, and at most a short body of declared length.
  2. Everything else is Tornado's: a request is looked at before it is taken, and the first one
     that is not plain goes over with its connection, for good. So nothing is implemented twice;
     what is refused, chunked, endless, upgraded or for a browser never gets this far.
  3. One request of a connection at a time; what comes meanwhile stays in the socket.
  4. Event loop thread only.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Callable, Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from tornado.escape import parse_qs_bytes
from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream

from .answers import SAFE_HEADERS, Answer
from .body_limit import BODY_PAUSE_SECONDS
from .call import Call
from .handler import Door
from .routing import Match

_HEAD_BYTES: Final = 8 * 1024
_BODY_BYTES: Final = 1 << 20
_PIECE_BYTES: Final = 64 * 1024
_IDLE_SECONDS: Final = 3600.0
_SWEEP_SECONDS: Final = 300.0

_REQUEST_LINE: Final = re.compile(
    rb"(GET|POST|PUT|DELETE) (/[!-\"$->@-~]*)(?:\?([!-\"$-~]*))? HTTP/1\.1\r\n"
)
_HEADERS: Final = re.compile(rb"(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t \x21-\x7e\x80-\xff]*\r\n)+")
_NOT_PLAIN: Final = frozenset({"transfer-encoding", "expect", "upgrade"})
_STATUS_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus
}
_SAFE_HEADERS: Final = "".join(f"{name}: {value}\r\n" for name, value in SAFE_HEADERS)
_WITHOUT_BODY: Final = frozenset({204, 304})

HandleStream = Callable[[IOStream, Any], None]


class _Headers(dict[str, str]):
    """Headers by lower-case name, found under any spelling. Shared: never changed."""

    def get(self, name: str, default: Any = None) -> Any:
        return dict.get(self, name.lower(), default)

    def __getitem__(self, name: str) -> str:
        return dict.__getitem__(self, name.lower())

    def __contains__(self, name: object) -> bool:
        return dict.__contains__(self, str(name).lower())


class _Request(NamedTuple):
    """A plain request whose body may still be on its way."""

    method: str
    path: str
    query: Mapping[str, list[bytes]]
    headers: _Headers
    match: Match
    head_bytes: int
    body_bytes: int


class FastLane:
    """Takes the connections of one server and gives back those that it is not made for."""

    def __init__(self, door: Door, tornado: HandleStream) -> None:
        """Serve ``door``; ``tornado`` is what takes over a connection otherwise."""
        self.door = door
        self.tornado = tornado
        self.connections: set[_Connection] = set()
        self._sweeping: asyncio.TimerHandle | None = None

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        """Take a new connection, in place of ``HTTPServer.handle_stream``."""
        if isinstance(stream.socket, ssl.SSLSocket):
            self.tornado(stream, address)
            return
        if self._sweeping is None:
            self._sweep()
        self.connections.add(_Connection(self, stream, address))

    def close(self) -> None:
        """Hang up on everybody."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        for connection in list(self.connections):
            connection.close()

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        for connection in list(self.connections):
            connection.close_if_idle_since(loop.time() - _IDLE_SECONDS)
        self._sweeping = loop.call_later(_SWEEP_SECONDS, self._sweep)


class _Connection:
    __slots__ = (
        "_address",
        "_body",
        "_call",
        "_gone",
        "_lane",
        "_last",
        "_loop",
        "_patience",
        "_paused",
        "_request",
        "_socket",
        "_stream",
        "_task",
        "_unsent",
    )

    def __init__(self, lane: FastLane, stream: IOStream, address: Any) -> None:
        self._lane = lane
        self._stream = stream
        self._address = address
        self._socket: socket.socket = stream.socket
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._request: _Request | None = None
        self._body = bytearray()
        self._patience: asyncio.TimerHandle | None = None
        self._call: Call | None = None
        self._task: asyncio.Task[None] | None = None
        self._unsent = memoryview(b"")
        self._paused = False
        self._gone = False
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._loop.add_reader(self._socket, self._readable)

    # -- reading -------------------------------------------------------------------------

    def _readable(self) -> None:
        try:
            if self._task is not None or self._unsent:
                self._look_whether_gone()
            elif self._request is not None:
                self._read_body(self._request)
            else:
                self._begin()
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.close()

    def _begin(self) -> None:
        seen = self._socket.recv(_HEAD_BYTES, socket.MSG_PEEK)
        if not seen:
            self.close()
            return
        self._last = self._loop.time()
        request = _plain(self._lane.door, seen)
        if request is None:
            self._hand_over()
            return
        read = self._socket.recv(request.head_bytes + request.body_bytes)
        self._request = request
        if len(read) == request.head_bytes + request.body_bytes:
            self._run(request, read[request.head_bytes :])
            return
        self._body += read[request.head_bytes :]
        self._patience = self._loop.call_later(BODY_PAUSE_SECONDS, self._wait_for_body)

    def _read_body(self, request: _Request) -> None:
        more = self._socket.recv(min(request.body_bytes - len(self._body), _PIECE_BYTES))
        if not more:
            self.close()
            return
        self._body += more
        self._last = self._loop.time()
        if len(self._body) == request.body_bytes:
            body, self._body = bytes(self._body), bytearray()
            self._stop_waiting()
            self._run(request, body)

    def _wait_for_body(self) -> None:
        """Hang up on a body that stopped arriving."""
        rest = self._last + BODY_PAUSE_SECONDS - self._loop.time()
        if rest <= 0:
            self.close()
        else:
            self._patience = self._loop.call_later(rest, self._wait_for_body)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _look_whether_gone(self) -> None:
        """Something came while a request is answered: the next one, or the end."""
        if self._socket.recv(1, socket.MSG_PEEK):
            self._paused = True
            self._loop.remove_reader(self._socket)
            return
        self._gone = True
        self._loop.remove_reader(self._socket)
        if self._call is not None and self._call.waiting is not None:
            self._call.waiting.cancel()
        elif self._task is None:
            self.close()

    def _hand_over(self) -> None:
        self._loop.remove_reader(self._socket)
        self._lane.connections.discard(self)
        self._lane.tornado(self._stream, self._address)

    # -- answering -----------------------------------------------------------------------

    def _run(self, request: _Request, body: bytes) -> None:
        address = str(self._address[0]) if self._address else ""
        call = Call(request.query, body, request.headers, address)
        host = dict.__getitem__(request.headers, "host")
        answer = self._lane.door.answer_at_once(request.method, host, call, request.match)
        if answer is not None:
            self._request = None
            self._unsent = memoryview(_encoded(answer))
            self._send()
            return
        self._call = call
        self._task = self._loop.create_task(self._answer(request.match, call))

    async def _answer(self, match: Match, call: Call) -> None:
        unsent = b""
        try:
            answer = await self._lane.door.carry_out(call, match)
            assert isinstance(answer, Answer)
            unsent = _encoded(answer)
        finally:  # whatever went wrong is logged with the task; nobody waits for an answer to it
            self._request = self._call = self._task = None
            if self._gone or not unsent:
                self.close()
        if not self._gone:
            self._unsent = memoryview(unsent)
            self._send()

    def _send(self) -> None:
        try:
            sent = self._socket.send(self._unsent)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self.close()
            return
        self._last = self._loop.time()
        if sent < len(self._unsent):
            self._unsent = self._unsent[sent:]
            self._loop.add_writer(self._socket, self._writable)
            return
        self._unsent = memoryview(b"")
        if self._paused:
            self._paused = False
            self._loop.add_reader(self._socket, self._readable)

    def _writable(self) -> None:
        self._loop.remove_writer(self._socket)
        self._send()

    # -- ending --------------------------------------------------------------------------

    def close_if_idle_since(self, moment: float) -> None:
        """Hang up if nothing has come or gone since a moment of the loop's clock."""
        if self._last < moment and self._task is None:
            self.close()

    def close(self) -> None:
        """Hang up."""
        self._gone = True
        self._stop_waiting()
        if self._call is not None and self._call.waiting is not None:
            self._call.waiting.cancel()
        if not self._stream.closed():
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._stream.close()
        self._lane.connections.discard(self)


def take_over(server: HTTPServer, door: Door) -> FastLane:
    """Let plain requests to ``door`` into a server past Tornado. Before its first connection."""
    lane = FastLane(door, server.handle_stream)
    server.handle_stream = lane.handle_stream  # type: ignore[method-assign]  # looked up per connection
    return lane


def _plain(door: Door, seen: bytes) -> _Request | None:
    """The request that ``seen`` begins with, if it is one for this lane."""
    line = _REQUEST_LINE.match(seen)
    if line is None:
        return None
    end = seen.find(b"\r\n\r\n", line.end() - 2)
    if end < 0:
        return None
    headers = _headers(seen[line.end() : end + 2])
    if headers is None:
        return None
    length = dict.get(headers, "content-length", "0")
    method, path = line[1].decode("ascii"), line[2].decode("ascii")
    if not path.startswith(door.prefix):
        return None
    path = door.path(path)
    match = door.router.match(method, path)
    if match is None or match.route.is_endless or not length.isdecimal() or len(length) > 7:
        return None
    body_bytes = int(length)
    if body_bytes > _BODY_BYTES:
        return None
    query = parse_qs_bytes(line[3], keep_blank_values=True) if line[3] else {}
    return _Request(method, path, query, headers, match, end + 4, body_bytes)


@lru_cache(512)
def _headers(block: bytes) -> _Headers | None:
    """Headers of a plain request, None if it is not one. Workers send the same over and over."""
    if not _HEADERS.fullmatch(block):
        return None
    headers = _Headers()
    for line in block.decode("latin-1").split("\r\n")[:-1]:
        name, _, value = line.partition(":")
        name, value = name.lower(), value.strip(" \t")
        if name in headers or name in _NOT_PLAIN:
            return None
        if name == "connection" and value.lower() != "keep-alive":
            return None
        headers[name] = value
    return headers if headers.get("host") else None


def _encoded(answer: Answer) -> bytes:
    head = _STATUS_LINES.get(answer.status) or f"HTTP/1.1 {answer.status} \r\n"
    if answer.content_type is not None:
        head += f"Content-Type: {answer.content_type}\r\n"
    if answer.allow is not None:
        head += f"Allow: {answer.allow}\r\n"
    for name, value in answer.headers:
        head += f"{name}: {value}\r\n"
    if answer.status not in _WITHOUT_BODY:
        head += f"Content-Length: {len(answer.body)}\r\n"
    head += _SAFE_HEADERS if not answer.headers else _safe_headers(answer)
    return f"{head}\r\n".encode("latin-1") + answer.body


def _safe_headers(answer: Answer) -> str:
    own = {name for name, _ in answer.headers}
    return "".join(f"{name}: {value}\r\n" for name, value in SAFE_HEADERS if name not in own)
