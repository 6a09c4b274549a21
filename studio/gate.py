"""The one gate in front of every page and websocket: host, origin, who is asking.

Rules of this file
  1. A browser is let in by its own origin only; a websocket without an ``Origin`` is not from a
     page of ours, whatever sent it.
  2. Who asks is worked out from the request that is at the gate, never from what an earlier one
     said; a socket joins a session only as the one who opened it.
  3. Nothing a browser sends raises here: what makes no sense is refused before the handshake.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any, Final

from bokeh.util.token import check_token_signature, get_session_id, get_token_payload
from panel.io.server import DocHandler, WSHandler
from tornado.web import RequestHandler

from engine.errors import EngineError, TooManyRequestsError, UnauthorizedError
from engine.http_api.guard import Guard, is_same_origin
from engine.http_api.identity import LINK_COOKIE, Identity, cookie_value
from engine.service.access import Caller, CallerKind
from engine.service.shared import SharedBoard, SharedExecution

from .board_data import load_board
from .log_in import SHARED_BOARD, SHARED_EXECUTION, log_in_address

MOST_SESSIONS: Final = 200
"""Open tabs of one server; each holds a document and a thread's share of memory."""

_RELOAD: Final = (
    '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0">'
    "<title>Conductor Studio</title>"
)

opening: ContextVar[Any] = ContextVar("opening")
"""The service as whoever opens a page has it, while its document is made."""


class Gate:
    """Decides about requests for pages. Lives on the event loop."""

    def __init__(
        self,
        service: Any,
        allowed_hosts: Iterable[str] | None,
        most_sessions: int = MOST_SESSIONS,
    ) -> None:
        """Prepare.

        Args:
            service: What pages are made over; one that can't tell callers apart (another
                server's) is the local person's.
            allowed_hosts: Names without port; None lets every name in.
            most_sessions: How many tabs may be open at once.
        """
        self._service = service
        self._guard = Guard(allowed_hosts)
        self._identity = Identity(service) if hasattr(service, "needs_login") else None
        self._most_sessions = most_sessions
        self.owners: dict[str, tuple[str, str, str]] = {}
        """Who opened each session."""

    def check_host(self, handler: RequestHandler) -> None:
        """Let a request pass by its ``Host``.

        Raises:
            ForbiddenError: The server does not go by that name.
        """
        self._guard.check_host(handler.request.host)

    def view(self, handler: RequestHandler) -> Any:
        """The service as the sender has it.

        Raises:
            UnauthorizedError: They have to log in first.
            TooManyRequestsError: They ask too often.
        """
        request = handler.request
        if is_shared_page(request.path):
            opened = cookie_value(request.headers, LINK_COOKIE)
            if opened is None or self._identity is None:
                raise UnauthorizedError("This page is opened by a share link.")
            return self._shared(request.path, opened, request.remote_ip or "")
        if self._identity is None:
            return self._service
        return self._identity.view(request.headers, request.remote_ip or "")

    def _shared(self, path: str, opened: str, address: str) -> SharedExecution | SharedBoard:
        """What an opened link shows, if the page is that of it.

        Raises:
            UnauthorizedError: The link has run out, was revoked, or shows something else.
        """
        caller = self._service.caller_of_link(opened, address)
        is_board = not caller.scope.workflow_id
        if is_board != (_page_of(path) == SHARED_BOARD):
            raise UnauthorizedError("This link shows something else; open it once more.")
        if is_board:
            return SharedBoard(self._service, caller, load_board)
        return SharedExecution(self._service, caller)

    def check_room(self, sessions: int) -> None:
        """Let one more tab open.

        Raises:
            TooManyRequestsError: As many as may be are open.
        """
        if sessions >= self._most_sessions:
            raise TooManyRequestsError(
                f"{sessions} tabs are open, which is all this server holds; close some.", 10.0
            )

    def own(self, session_id: str, service: Any) -> None:
        """Note who has opened a session."""
        self.owners[session_id] = owner_of(service)

    def forget(self, session_id: str) -> None:
        """The session is gone."""
        self.owners.pop(session_id, None)

    def may_join(self, session_id: str, service: Any) -> bool:
        """Whether a socket may join a session: its opener may, and anybody a new one."""
        owner = self.owners.get(session_id)
        return owner is None or owner == owner_of(service)


def is_shared_page(path: str) -> bool:
    """Whether a path is that of a page behind share links, or of its socket."""
    return _page_of(path) in (SHARED_EXECUTION, SHARED_BOARD)


def _page_of(path: str) -> str:
    return path.removesuffix("/ws").rpartition("/")[2]


def owner_of(service: Any) -> tuple[str, str, str]:
    """What tells one caller from another."""
    caller: Caller | None = getattr(service, "caller", None)
    if caller is None:
        return (str(CallerKind.LOCAL), "", "")
    return (str(caller.kind), caller.name, caller.key_id)


def page_handlers(gate: Gate, headers: dict[str, str]) -> tuple[type, type]:
    """Panel's handlers of pages and of their sockets, behind the gate.

    Args:
        gate: Decides.
        headers: What every page is sent with.
    """

    class PageHandler(DocHandler):
        def set_default_headers(self) -> None:
            for name, value in headers.items():
                self.set_header(name, value)

        async def prepare(self) -> None:
            await super().prepare()
            try:
                gate.check_host(self)
                gate.check_room(_session_count(self))
                opening.set(gate.view(self))
            except UnauthorizedError as error:
                if is_shared_page(self.request.path):
                    refuse(self, error)
                else:
                    self._ask_to_log_in()
            except EngineError as error:
                refuse(self, error)

        def _ask_to_log_in(self) -> None:
            # A strict cookie is left out when a link of another site was followed. Loaded once
            # more by its own page, the request has it.
            is_link = self.request.headers.get("Sec-Fetch-Site") == "cross-site"
            if is_link and self.request.headers.get("Sec-Fetch-Mode") == "navigate":
                self.finish(_RELOAD)
                return
            self.redirect(log_in_address(self.request.path, self.request.query))

    class SocketHandler(WSHandler):
        async def prepare(self) -> None:
            try:
                gate.check_host(self)
                if not self._is_from_our_page():
                    self._refuse(403)
                    return
                self._view = gate.view(self)
            except TooManyRequestsError:
                self._refuse(429)
                return
            except EngineError:
                self._refuse(403)
                return
            await super().prepare()

        def _is_from_our_page(self) -> bool:
            origin = self.request.headers.get("Origin")
            if origin is None or not is_same_origin(origin, self.request.host):
                return False
            protocols = self.request.headers.get("Sec-WebSocket-Protocol", "").split(",")
            return len(protocols) == 2 and _is_token(protocols[1].strip(), self.application)

        def _refuse(self, status: int) -> None:
            self.set_status(status)
            self.finish()

        def check_origin(self, origin: str) -> bool:
            return True  # judged in ``prepare``, with the missing ones

        async def _async_open(self, token: str) -> None:
            session_id = get_session_id(token)
            if not gate.may_join(session_id, self._view):
                self.close(1008, "not your session")
                return
            if session_id not in gate.owners:
                try:
                    gate.check_room(_session_count(self))
                except TooManyRequestsError:
                    self.close(1013, "too many tabs")
                    return
            opening.set(self._view)
            await super()._async_open(token)

    return PageHandler, SocketHandler


def refuse(handler: RequestHandler, error: EngineError) -> None:
    """Answer a page's request with an error in plain words."""
    handler.set_status(error.status)
    handler.set_header("Content-Type", "text/plain; charset=utf-8")
    if isinstance(error, TooManyRequestsError):
        handler.set_header("Retry-After", str(max(1, round(error.retry_after_seconds))))
    handler.finish(str(error))


def _session_count(handler: Any) -> int:
    contexts = handler.application._applications.values()
    return sum(len(context._sessions) for context in contexts)


def _is_token(token: str, application: Any) -> bool:
    """Whether a socket's token was made by this server and can be read."""
    with contextlib.suppress(Exception):  # it may be any bytes at all
        signed, key = application.sign_sessions, application.secret_key
        if check_token_signature(token, signed=signed, secret_key=key):
            return bool(get_session_id(token)) and "session_expiry" in get_token_payload(token)
    return False
