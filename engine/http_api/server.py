"""A server with nothing but the API: for headless engines, tests and notebooks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from concurrent.futures import Future
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from ..models.codec import MAX_BODY_BYTES
from .body_limit import HEAD_SECONDS, limit_bodies
from .exposure import check_exposure, is_loopback
from .fast_lane import take_over
from .guard import LOOPBACK_HOSTS
from .identity import REQUESTS_PER_SECOND
from .routes import routes

if TYPE_CHECKING:
    from ..service import Service

BUFFER_BYTES: Final = 2 * MAX_BODY_BYTES
"""What one connection may hold in memory."""


class ApiServer:
    """Conductor's HTTP API on a port of its own, answered by one thread. Any thread may close it.

    Example:
        >>> with ApiServer(service, port=0) as server:
        ...     print(server.url)
        http://127.0.0.1:43211/api
    """

    def __init__(
        self,
        service: Service,
        host: str = "127.0.0.1",
        port: int = 8080,
        allowed_hosts: Iterable[str] | None = None,
        requests_per_second: float = REQUESTS_PER_SECOND,
    ) -> None:
        """Start serving; the port is open when this returns.

        Args:
            service: What carries the requests out; it is not closed with the server.
            host: Address to listen on.
            port: Port, 0 for any free one.
            allowed_hosts: Names to answer to besides the local ones. None: on a loopback
                address only the local ones, on any other address every name.
            requests_per_second: How much one caller may ask once callers say who they are.

        Raises:
            OSError: The port is taken.
            InvalidRequestError: Others could reach it and nobody is configured.
        """
        self.host = host
        check_exposure(service, host, allowed_hosts)
        names = _names(host, allowed_hosts)
        api = routes(service, allowed_hosts=names, requests_per_second=requests_per_second)
        # There are no pages here: a path outside the API is answered like an unknown one in it.
        self._application = Application([*api, *((".*", kind, given) for _, kind, given in api)])
        sockets = bind_sockets(port, host)
        self.port: int = sockets[0].getsockname()[1]
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        started: Future[None] = Future()

        async def serve() -> None:
            server = HTTPServer(
                self._application,
                max_buffer_size=BUFFER_BYTES,
                idle_connection_timeout=HEAD_SECONDS,
            )
            limit_bodies(server)
            lane = take_over(server, api[0][2]["door"])
            server.add_sockets(sockets)
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            started.set_result(None)
            await self._stop.wait()
            server.stop()
            lane.close()
            await server.close_all_connections()

        self._thread = threading.Thread(
            target=lambda: asyncio.run(serve()), name="http-api", daemon=True
        )
        self._thread.start()
        started.result()

    @property
    def url(self) -> str:
        """Root of the API, as SDKs want it: ``http://127.0.0.1:8080/api``."""
        host = "127.0.0.1" if self.host in ("", "0.0.0.0") else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/api"

    def wait(self) -> None:
        """Return when the server has been closed."""
        self._thread.join()

    def close(self) -> None:
        """Close the port and all connections; polls that wait are given up. Safe to call twice."""
        if self._thread.is_alive() and self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def serve_api(
    service: Service,
    host: str = "127.0.0.1",
    port: int = 8080,
    allowed_hosts: Iterable[str] | None = None,
) -> ApiServer:
    """A running API server; see ``ApiServer`` for the arguments."""
    return ApiServer(service, host, port, allowed_hosts)


def _names(host: str, allowed_hosts: Iterable[str] | None) -> frozenset[str] | None:
    if allowed_hosts is None:
        return LOOPBACK_HOSTS if is_loopback(host) else None
    return LOOPBACK_HOSTS | frozenset(allowed_hosts)
