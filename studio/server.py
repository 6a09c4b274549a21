"""One process, one port: pages, API and health on Bokeh's Tornado server."""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Final, Self

import panel as pn
from bokeh.server import urls
from panel.io.server import get_server
from tornado.ioloop import IOLoop
from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError

from engine.errors import UnsupportedError
from engine.http_api.body_limit import HEAD_SECONDS, limit_bodies
from engine.http_api.exposure import check_exposure, is_exposed, is_loopback
from engine.http_api.fast_lane import FastLane, take_over
from engine.http_api.guard import LOOPBACK_HOSTS, Guard
from engine.http_api.routes import routes
from engine.http_api.server import BUFFER_BYTES

from .app import StudioApp
from .browser_files import FOLDER
from .contracts import Samples
from .copies import Copies
from .gate import Gate, page_handlers
from .log_in import log_in_routes
from .not_found import not_found_settings
from .port_owner import check_port
from .sign_on import sign_on_route
from .sign_on_provider import Provider, SignOn
from .web_handlers import HEADERS, static_routes

logger = logging.getLogger(__name__)

_UNUSED_SESSION_MS: Final = 5_000
"""Every plain GET of a page makes a session; one whose tab is gone is let go this soon."""
_CHECK_SESSIONS_MS: Final = 2_000
_KEEP_ALIVE_MS: Final = 20_000


class StudioServer:
    """Serves the studio over one service. ``service`` stays the caller's to close.

    Either ``run()`` in the main thread, or ``start()`` for a thread of its own (tests,
    notebooks); then ``stop()``. Any thread may stop it.
    """

    def __init__(
        self,
        service: Any,
        host: str = "127.0.0.1",
        port: int = 8080,
        samples: Samples | None = None,
        remote: str = "",
        names: Sequence[str] = (),
        prefix: str = "",
        is_proxied: bool = False,
        tls: tuple[str, str] | None = None,
        copies: Copies | None = None,
        sign_on: SignOn | None = None,
    ) -> None:
        """Prepare; the port is opened by ``run`` or ``start``.

        Args:
            service: An ``engine.service.Service`` or what answers like one.
            host: Address to listen on.
            port: Port; 0 takes a free one, then known from ``port``.
            samples: Workflows offered on the empty Board.
            remote: Root of the API that the service talks to; empty: the engine is here, and
                its API is served beside the pages.
            names: Names that others reach it by, without port, besides the local ones.
            prefix: Path that everything is served below, as ``/studio``.
            is_proxied: Whether a reverse proxy stands in front; its word is then taken for
                where a request comes from and whether it came over TLS.
            tls: Files of the certificate (with its chain) and of its key.
            copies: Where executions of a server that is looked at are copied to.
            sign_on: The identity provider that people sign on through; everybody has to log in
                then.

        Raises:
            InvalidRequestError: ``sign_on`` can't work.
        """
        self.host, self.port = host, port
        self._service, self._samples, self._remote = service, samples, remote
        self._names = tuple(name.lower() for name in names)
        self._prefix = f"/{prefix.strip('/')}" if prefix.strip("/") else ""
        self._is_proxied, self._tls = is_proxied, tls
        self._copies = copies
        self._provider = None if sign_on is None else Provider(sign_on)
        if sign_on is not None:
            service.require_log_in()
        self._loop: IOLoop | None = None
        self._thread: threading.Thread | None = None
        self._lane: FastLane | None = None
        self._gate: Gate | None = None
        self._tornado: Any = None

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        name = "localhost" if is_loopback(self.host) else self.host
        return f"{'https' if self._tls else 'http'}://{name}:{self.port}{self._prefix}"

    def run(self, ready: Any = lambda: None) -> None:
        """Serve until ``stop`` or an interrupt.

        Args:
            ready: Called once the port is open.

        Raises:
            InvalidRequestError: The port is taken, and the message names its owner; or others
                could reach it and nobody is configured.
        """
        self._check_exposure()
        if self.port:
            check_port(self.host, self.port)
        loop = IOLoop(make_current=False)
        asyncio.set_event_loop(loop.asyncio_loop)  # type: ignore[attr-defined]
        loop.asyncio_loop.set_exception_handler(_without_closed_tabs)  # type: ignore[attr-defined]
        logging.getLogger("bokeh.server.views.ws").setLevel(logging.ERROR)
        app = StudioApp(self._service, self._samples, remote=self._remote, copies=self._copies)
        try:
            server = self._listen(app, loop)
            app.address = self._remote.removesuffix("/api") or self.url
            self._loop = loop
            ready()
            loop.start()
            server.stop()
            if self._lane is not None:
                self._lane.close()
            loop.run_sync(_next_turn)
        finally:
            app.close()
            self._loop = None
            asyncio.set_event_loop(None)
            loop.close(all_fds=True)

    def start(self) -> Self:
        """Serve from a thread of its own; returns when the port is open."""
        opened: Future[None] = Future()

        def serve() -> None:
            try:
                self.run(ready=lambda: opened.set_result(None))
            except BaseException as error:
                if opened.done():
                    logger.exception("The studio's server ended.")
                else:
                    opened.set_exception(error)

        self._thread = threading.Thread(target=serve, name="studio-server", daemon=True)
        self._thread.start()
        opened.result()
        return self

    def stop(self) -> None:
        """End serving; waits for a thread started by ``start``. Safe to call twice."""
        loop, thread = self._loop, self._thread
        if loop is not None:
            loop.add_callback(loop.stop)
        if thread is not None and thread is not threading.current_thread():
            thread.join()
            self._thread = None

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *exc: object) -> None:
        """Stop."""
        self.stop()

    def _check_exposure(self) -> None:
        names = (*self._names, "a reverse proxy") if self._is_proxied else self._names
        if self._remote and is_exposed(self.host, names):
            raise UnsupportedError(
                "A studio over another server has no users of its own, so it serves this machine "
                "only: leave out --host, --names and --proxy."
            )
        if not self._remote:
            check_exposure(self._service, self.host, names)

    def _account_routes(self, guard: Guard) -> list[tuple[Any, ...]]:
        if self._provider is None:
            return log_in_routes(self._service, guard, HEADERS)
        words = self._provider.sign_on.words()
        return [
            *log_in_routes(self._service, guard, HEADERS, words),
            sign_on_route(self._service, guard, HEADERS, self._provider),
        ]

    def _listen(self, app: StudioApp, loop: IOLoop) -> Any:
        hosts = LOOPBACK_HOSTS | set(self._names)
        if not (is_loopback(self.host) or self._names):
            hosts = None  # reached by whatever name the network gives it; users log in there
        # Who looks at another server talks to that one, not through this one.
        api = (
            []
            if self._remote
            else routes(self._service, allowed_hosts=hosts, prefix=self._prefix, has_pages=True)
        )
        accounts = [] if self._remote else self._account_routes(Guard(hosts))
        gate = app.gate = self._gate = Gate(self._service, hosts)
        pn.config.notifications = False
        tls = (
            {}
            if self._tls is None
            else dict(zip(("ssl_certfile", "ssl_keyfile"), self._tls, strict=True))
        )
        with _pages_handled_by(*page_handlers(gate, HEADERS)):
            server = get_server(
                app.pages(),
                port=self.port,
                address=self.host,
                loop=loop,
                location=False,
                ico_path=str(FOLDER / "favicon.ico"),
                prefix=self._prefix,
                sign_sessions=True,
                secret_key=secrets.token_bytes(32),
                # A page's session token holds what these let through, and scripts can read it.
                include_headers=[],
                include_cookies=[],
                extra_patterns=[
                    *static_routes(),
                    *accounts,
                    *api,
                ],
                **tls,
                unused_session_lifetime_milliseconds=_UNUSED_SESSION_MS,
                check_unused_sessions_milliseconds=_CHECK_SESSIONS_MS,
                keep_alive_milliseconds=_KEEP_ALIVE_MS,
                http_server_kwargs={
                    "max_buffer_size": BUFFER_BYTES,
                    "idle_connection_timeout": HEAD_SECONDS,
                    "xheaders": self._is_proxied,
                },
            )
        limit_bodies(server._http)
        if api and not self._is_proxied:  # only Tornado reads a proxy's headers
            self._lane = take_over(server._http, api[0][2]["door"])
        self.port = server.port
        self._tornado = server._tornado
        self._tornado.settings.update(not_found_settings(f"{self._prefix}/", HEADERS))
        server.start()
        return server


@contextmanager
def _pages_handled_by(page: type, socket: type) -> Iterator[None]:
    """Have Bokeh route pages and their sockets to our handlers while a server is built.

    Nothing else of a page is served: no script that embeds it elsewhere, no description.

    The route table is a module's list that Panel itself replaces entries of; it is put back, so
    that other Panel apps of the same process keep their own headers.
    """
    table = urls.per_app_patterns
    before = table[:]
    table[:] = [(r"/ws", socket), (r"/?", page)]
    try:
        yield
    finally:
        table[:] = before


def _without_closed_tabs(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Keep quiet about news for a tab that was closed meanwhile; nobody awaits those writes."""
    if not isinstance(context.get("exception"), (WebSocketClosedError, StreamClosedError)):
        loop.default_exception_handler(context)


async def _next_turn() -> None:
    """One turn of the loop, in which closed connections say goodbye."""
    await asyncio.sleep(0)
