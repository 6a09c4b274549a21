"""The one Tornado handler of the door: guard, route, call, answer.

One handler and a segment tree instead of a hundred patterns: Tornado tries patterns one after the
other, decodes path variables before routing, and answers unknown paths in HTML.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, Final

from tornado.httputil import HTTPHeaders
from tornado.iostream import StreamClosedError
from tornado.web import RequestHandler

from ..errors import ForbiddenError, UnauthorizedError
from ..service.access import ANYONE
from .answers import SAFE_HEADERS, Answer, Stream, error_answer, status_answer
from .call import Call
from .guard import Guard
from .identity import Identity
from .route_roles import route_needs
from .routing import Match, Route, Router

if TYPE_CHECKING:
    from ..service import Service


CHECK_SECONDS: Final = 10.0
"""How long a stream goes on, with heartbeats in between, after its reader has lost the right."""

_log = logging.getLogger(__name__)


class Door:
    """What every request of one door shares. Immutable."""

    __slots__ = ("guard", "has_pages", "identity", "prefix", "router")

    def __init__(
        self,
        identity: Identity,
        router: Router,
        guard: Guard,
        prefix: str = "",
        has_pages: bool = False,
    ) -> None:
        """Prepare.

        Args:
            identity: Tells callers apart.
            router: Finds routes.
            guard: Refuses other sites.
            prefix: What stands before ``/api`` when the door is mounted below a path.
            has_pages: Whether the studio's pages are beside it.
        """
        self.has_pages = has_pages
        self.identity = identity
        self.router = router
        self.guard = guard
        self.prefix = prefix

    def path(self, path: str) -> str:
        """A requested path without what stands before ``/api``."""
        return path[len(self.prefix) :]

    async def answer(
        self, method: str, path: str, host: str, call: Call, match: Match | None
    ) -> Answer | Stream:
        """Answer one request, whatever it comes to. On the event loop; never raises an error.

        Args:
            method: In capitals.
            path: Raw (percent-encoded) path below the prefix.
            host: The ``Host`` header.
            call: Query, headers and body.
            match: The route that ``router`` found for method and path.
        """
        if match is None:
            return self._unrouted(method, path, host)
        answer = self.answer_at_once(method, host, call, match)
        return answer if answer is not None else await self.carry_out(call, match)

    def answer_at_once(self, method: str, host: str, call: Call, match: Match) -> Answer | None:
        """The answer to a request, if nothing has to be waited for: a refusal, or what is at hand.

        See ``answer`` for the arguments. None: the call has been let in; ``carry_out`` has the
        answer.
        """
        call.prefix, call.has_pages = self.prefix, self.has_pages
        try:
            self.guard.check_host(host)
            self.guard.check_origin(method, match.route, host, call.headers)
            call.service = self._service(match.route, call)
            at_once = match.route.at_once
            return None if at_once is None else at_once(call, *match.variables)
        except Exception as error:
            return error_answer(error, match.route.argument)

    async def carry_out(self, call: Call, match: Match) -> Answer | Stream:
        """Answer a call that has been let in. Never raises an error."""
        try:
            return await match.route.endpoint(call, *match.variables)
        except Exception as error:
            return error_answer(error, match.route.argument)

    def _unrouted(self, method: str, path: str, host: str) -> Answer:
        try:
            self.guard.check_host(host)
            return _unrouted(self.router, method, path)
        except ForbiddenError as error:
            return error_answer(error)

    def check_again(self, route: Route, call: Call) -> None:
        """Refuse who may not be answered any more: a key taken back ends the stream it opened.

        Raises:
            UnauthorizedError: It is not known any more who they are.
            ForbiddenError: Their role is not enough now.
        """
        self._service(route, call)

    def _service(self, route: Route, call: Call) -> Service:
        """The service as the sender has it, if the route is theirs.

        Raises:
            UnauthorizedError: It is not known who they are.
            ForbiddenError: Their role is not enough.
        """
        needed = route_needs(route)
        if needed is ANYONE:  # these endpoints look after themselves
            return self.identity.service
        view = self.identity.view(call.headers, call.address)
        caller = view.caller
        if caller.is_known and not caller.role.may(needed):
            roles = " or ".join(sorted(needed)) or "of nobody"
            raise ForbiddenError(
                f"{route.method} {route.path} needs the role {roles}; "
                f"{caller.words} has not got it. An admin can grant it."
            )
        return view


class ApiHandler(RequestHandler):
    """Answers every method of every path below ``/api``, and ``/health``."""

    def initialize(self, door: Door) -> None:
        """Called by Tornado with the arguments of the route."""
        self._door = door
        self._call: Call | None = None
        self._match: Match | None = None
        self._gone = False
        self._streaming: asyncio.Task[Any] | None = None

    def clear(self) -> None:
        """Start with no headers at all.

        Tornado formats a date and a server name for every request, at a sixth of its whole cost;
        no client of this API reads them.
        """
        self._headers = HTTPHeaders()
        self._write_buffer = []
        self._status_code = 200
        self._reason = "OK"

    def compute_etag(self) -> None:
        """No entity tags: hashing every answer costs more than a repeated one."""

    def check_xsrf_cookie(self) -> None:
        """The guard replaces it: SDKs have no cookies, browsers send their origin."""

    async def get(self) -> None:
        """Answer the request, whatever its method."""
        answer = await self._answer()
        if self._gone:
            return
        if isinstance(answer, Stream):
            await self._send_stream(answer)
            return
        self.set_status(answer.status)
        if answer.content_type is not None:
            self.set_header("Content-Type", answer.content_type)
        if answer.allow is not None:
            self.set_header("Allow", answer.allow)
        for name, value in (*SAFE_HEADERS, *answer.headers):
            self.set_header(name, value)
        self.finish(answer.body or None)

    head = post = put = delete = patch = options = get

    def on_connection_close(self) -> None:
        """The client went away: give up what it waited for."""
        self._gone = True
        if self._streaming is not None:
            self._streaming.cancel()
        if self._call is not None and self._call.waiting is not None:
            self._call.waiting.cancel()

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Errors Tornado finds itself (an unknown method), in Conductor's shape."""
        if status_code == 405:
            message = f"Request method {self.request.method!r} is not supported"
        else:
            message = self._reason
        answer = status_answer(status_code, message)
        self.set_header("Content-Type", answer.content_type or "")
        for name, value in SAFE_HEADERS:
            self.set_header(name, value)
        self.finish(answer.body)

    async def _send_stream(self, stream: Stream) -> None:
        self.set_header("Content-Type", stream.content_type)
        for name, value in SAFE_HEADERS:
            self.set_header(name, value)
        self.set_header("X-Accel-Buffering", "no")  # proxies would hold it back otherwise
        if self.request.method == "HEAD":
            self.finish()
            return
        self._streaming = asyncio.current_task()
        try:
            checked = time.monotonic()
            async for chunk in stream.chunks:
                if time.monotonic() - checked > CHECK_SECONDS:
                    checked = time.monotonic()
                    self._check_again()
                self.write(chunk)
                await asyncio.wait_for(self.flush(), stream.patience_seconds)
            self.finish()
        except (TimeoutError, StreamClosedError, ForbiddenError, UnauthorizedError):
            self.detach().close()
        except asyncio.CancelledError:
            if not self._gone:
                raise
        except Exception:
            # The status line has left: all that can be done is to end it; the reader resumes.
            _log.exception("A stream broke off")
            self.detach().close()
        finally:
            self._streaming = None
            await stream.chunks.aclose()

    def _check_again(self) -> None:
        if self._match is not None and self._call is not None:
            self._door.check_again(self._match.route, self._call)

    async def _answer(self) -> Answer | Stream:
        request, door = self.request, self._door
        path = door.path(request.path)
        method = request.method or "GET"
        address = request.remote_ip or ""
        self._call = Call(request.query_arguments, request.body, request.headers, address)
        self._call.scheme = self.request.protocol
        self._match = match = door.router.match(method, path)
        return await door.answer(method, path, request.host, self._call, match)

    def _log(self) -> None:
        """No line per request: errors are logged where they are made, the rest is noise."""


def _unrouted(router: Router, method: str, path: str) -> Answer:
    methods = router.methods(path)
    if not methods:
        return status_answer(404, f"No static resource {path.strip('/')}.")
    allow = ",".join(methods)
    if method == "OPTIONS":
        return Answer(200, allow=allow)
    return status_answer(405, f"Request method '{method}' is not supported", allow)
