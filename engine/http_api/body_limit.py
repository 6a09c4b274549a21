"""What a server takes as the body of a request: so many bytes, and not for ever.

Tornado answers a body above its limit with a bare 400 and waits an hour for one that stopped. Here
a long one is read away, so that the client gets to read the answer, and refused with Conductor's
error body; only what is longer than any mistake is hung up on. Event loop thread only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from http import HTTPStatus
from typing import Any, Final

from tornado.http1connection import HTTP1Connection
from tornado.httpserver import HTTPServer
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    RequestStartLine,
    ResponseStartLine,
)

from ..models.codec import MAX_BODY_BYTES
from .answers import SAFE_HEADERS, Answer, status_answer

HEAD_SECONDS: Final = 300.0
"""How long a connection past the fast lane may take over the head of a request, idling included."""
BODY_PAUSE_SECONDS: Final = 30.0
"""How long nothing of a body may come."""
BODY_SECONDS: Final = 600.0
"""How long a whole body may take."""
_READ_AWAY_BYTES: Final = 4 * MAX_BODY_BYTES


def limit_bodies(server: HTTPServer, max_bytes: int = MAX_BODY_BYTES) -> None:
    """Watch over the bodies of every request to a server. Before its first connection."""
    start = server.start_request

    def start_request(server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        return _LimitedBody(start(server_conn, request_conn), request_conn, max_bytes)

    server.start_request = start_request  # type: ignore[method-assign]  # looked up per request


class _LimitedBody(HTTPMessageDelegate):
    """Stands before the delegate of one request, which never sees what is refused."""

    def __init__(self, inner: HTTPMessageDelegate, connection: Any, max_bytes: int) -> None:
        self._inner = inner
        self._connection: HTTP1Connection = connection
        self._max_bytes = max_bytes
        self._bytes = 0
        self._is_refused = False
        self._is_answered = False
        self._has_inner = False
        self._loop = asyncio.get_running_loop()
        self._began = self._last = 0.0
        self._watch: asyncio.TimerHandle | None = None

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        declared = headers.get("Content-Length", "")
        length = int(declared) if declared.isdecimal() and len(declared) < 19 else 0
        if length or "Transfer-Encoding" in headers:
            self._connection.set_max_body_size(_READ_AWAY_BYTES)
            self._began = self._last = self._loop.time()
            self._watch = self._loop.call_later(BODY_PAUSE_SECONDS, self._check)
        if length > self._max_bytes:
            self._is_refused = True
            # A client that asks before it sends is told at once.
            if length > _READ_AWAY_BYTES or headers.get("Expect") == "100-continue":
                self._answer(self._too_large())
            return None
        self._has_inner = True
        return self._inner.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        self._last = self._loop.time()
        self._bytes += len(chunk)
        if not self._is_refused and self._bytes <= self._max_bytes:
            return self._inner.data_received(chunk)
        if not self._is_refused:  # chunked: nobody said how long it would be
            self._is_refused = True
            self._drop_inner()
        if self._bytes > _READ_AWAY_BYTES // 2:
            self._answer(self._too_large())
        return None

    def finish(self) -> None:
        self._stop_watching()
        if self._is_refused:
            self._answer(self._too_large())
        elif not self._is_answered:
            self._has_inner = False  # it ends by itself from here on
            self._inner.finish()

    def on_connection_close(self) -> None:
        self._stop_watching()
        if self._is_refused or self._is_answered:
            self._drop_inner()
        else:
            self._inner.on_connection_close()

    def _drop_inner(self) -> None:
        if self._has_inner:
            self._has_inner = False
            self._inner.on_connection_close()

    def _check(self) -> None:
        now = self._loop.time()
        late = max(self._last + BODY_PAUSE_SECONDS, now)
        if now < min(late, self._began + BODY_SECONDS):
            self._watch = self._loop.call_later(late - now, self._check)
            return
        self._watch = None
        self._answer(status_answer(408, "The body of the request stopped arriving."))

    def _stop_watching(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def _too_large(self) -> Answer:
        return status_answer(413, f"The body is too long; the limit is {self._max_bytes} bytes.")

    def _answer(self, answer: Answer) -> None:
        """Send an answer past the delegate; a body that is not over by then ends the connection."""
        if self._is_answered:
            return
        self._is_answered = True
        self._stop_watching()
        headers = HTTPHeaders(dict(SAFE_HEADERS))
        headers["Content-Type"] = answer.content_type or ""
        headers["Content-Length"] = str(len(answer.body))
        phrase = HTTPStatus(answer.status).phrase
        start = ResponseStartLine("HTTP/1.1", answer.status, phrase)
        self._connection.write_headers(start, headers, answer.body)
        self._connection.finish()
        self._drop_inner()
