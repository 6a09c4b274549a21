"""The page to log in on, and the way out. No script is needed; the password is never echoed."""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final
from urllib.parse import quote

from tornado.web import RequestHandler

from engine.errors import EngineError, ForbiddenError, TooManyRequestsError
from engine.http_api.guard import Guard, is_same_origin
from engine.http_api.identity import LINK_COOKIE, SESSION_COOKIE, cookie_value
from engine.service.credentials import SESSION_SECONDS

from .bare_pages import bare_page

LOG_IN_PATH: Final = "log-in"
SIGN_ON_PATH: Final = "sign-on"
SHARED_EXECUTION: Final = "shared"
SHARED_BOARD: Final = "shared-board"
_OWN_ADDRESS: Final = re.compile(r"[a-z]{0,40}(\?[!#-;=?-~]{0,2000})?")
"""A page of ours with its query: nothing that names another host or scheme."""
_LONGEST_BODY: Final = 8 * 1024


def log_in_address(path: str, query: str = "") -> str:
    """Where to log in, relative to the page that was asked for; back to it afterwards."""
    page = path.rpartition("/")[2]
    back = f"{page}?{query}" if query else page
    return f"./{LOG_IN_PATH}?next={quote(back)}" if back else f"./{LOG_IN_PATH}"


def own_address(text: str) -> str:
    """The page to go to after the log-in; anything that is none of ours is the start page."""
    return f"./{text}" if _OWN_ADDRESS.fullmatch(text) else "./"


class AccountHandler(RequestHandler):
    """Base of these: one guard, the headers of pages."""

    def initialize(
        self, service: Any, guard: Guard, headers: dict[str, str], sign_on_words: str = ""
    ) -> None:
        """Called by Tornado with the arguments of the route.

        ``sign_on_words``: what the identity provider is called; empty: there is none.
        """
        self._service, self._guard, self._sign_on_words = service, guard, sign_on_words
        for name, value in headers.items():
            self.set_header(name, value)

    def prepare(self) -> None:
        """Refuse other hosts, other origins, long bodies."""
        request = self.request
        try:
            self._guard.check_host(request.host)
            origin = request.headers.get("Origin")
            is_change = request.method not in ("GET", "HEAD")
            if is_change and (origin is None or not is_same_origin(origin, request.host)):
                raise ForbiddenError("This can be done from the studio's own page only.")
            if len(request.body) > _LONGEST_BODY:
                raise ForbiddenError("This is too long for a name and a password.")
        except EngineError as error:
            self.set_status(error.status)
            self.set_header("Content-Type", "text/plain; charset=utf-8")
            self.finish(str(error))

    def check_xsrf_cookie(self) -> None:
        """The origin is checked instead, in ``prepare``."""

    def keep_session(self, session: str) -> None:
        """Give the browser the session's cookie."""
        self.set_cookie(
            SESSION_COOKIE,
            session,
            path=self._cookie_path(),
            httponly=True,
            samesite="Strict",
            secure=self.request.protocol == "https",
            max_age=SESSION_SECONDS,
        )

    def show_form(self, error: str, name: str = "", following: str = "") -> None:
        """Show where to log in, with what went wrong; ``following``: the page to go to then."""
        query = f"?next={quote(following)}" if following else ""
        page = bare_page(
            "log_in.html",
            error=error,
            name=name[:80],
            has_passwords=self._service.has_users(),
            log_in=f"./{LOG_IN_PATH}{query}",
            sign_on=f"./{SIGN_ON_PATH}{query}",
            sign_on_words=self._sign_on_words,
        )
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(page)

    def _cookie_path(self) -> str:
        return self.request.path.rpartition("/")[0] + "/"


class LogInHandler(AccountHandler):
    """``GET /log-in``: the form; ``POST``: name and password for a session's cookie."""

    def get(self) -> None:
        """Show the form; straight on while nobody needs to log in."""
        if not self._service.needs_login():
            self.redirect(own_address(self.get_query_argument("next", "")))
            return
        self.show_form("", following=self.get_query_argument("next", ""))

    async def post(self) -> None:
        """Check the password and go on to the page that was asked for."""
        name, password = self.get_body_argument("name", ""), self.get_body_argument("password", "")
        try:
            checked = self._service.log_in(name.strip(), password, self.request.remote_ip or "")
            session = await asyncio.wrap_future(checked)
        except EngineError as error:
            self.set_status(error.status)
            if isinstance(error, TooManyRequestsError):
                self.set_header("Retry-After", str(max(1, round(error.retry_after_seconds))))
            self.show_form(str(error), name, self.get_query_argument("next", ""))
            return
        self.keep_session(session)
        self.redirect(own_address(self.get_query_argument("next", "")), status=303)


class LogOutHandler(AccountHandler):
    """``POST /log-out``: end the session here and on the server."""

    async def post(self) -> None:
        """The cookie is worth nothing afterwards, wherever it was copied to."""
        session = cookie_value(self.request.headers, SESSION_COOKIE)
        if session is not None:
            await asyncio.wrap_future(self._service.log_out(session))
        self.clear_cookie(SESSION_COOKIE, path=self._cookie_path())
        self.redirect(f"./{LOG_IN_PATH}", status=303)


class OpenLinkHandler(AccountHandler):
    """``GET /open-link#TOKEN``: exchanges a share link's token for a cookie.

    The token stands behind the ``#``, so that no proxy, log or referrer ever has it; a script of
    the page sends it here once.
    """

    def get(self) -> None:
        """The page whose script does so."""
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(bare_page("open_link.html"))

    def post(self) -> None:
        """Set the cookie, or say why the link is worth nothing."""
        try:
            token = self.get_body_argument("token", "")
            address = self.request.remote_ip or ""
            opened = self._service.open_link(token, address)
            scope = self._service.caller_of_link(opened, address).scope
        except EngineError as error:
            self.set_status(error.status)
            self.set_header("Content-Type", "text/plain; charset=utf-8")
            self.finish(str(error))
            return
        self.set_cookie(
            LINK_COOKIE,
            opened,
            path=self._cookie_path(),
            httponly=True,
            samesite="Strict",
            secure=self.request.protocol == "https",
        )
        self.finish(SHARED_EXECUTION if scope.workflow_id else SHARED_BOARD)


def log_in_routes(
    service: Any, guard: Guard, headers: dict[str, str], sign_on_words: str = ""
) -> list[tuple[Any, ...]]:
    """Tornado routes of these; see ``AccountHandler.initialize``."""
    given = {
        "service": service,
        "guard": guard,
        "headers": headers,
        "sign_on_words": sign_on_words,
    }
    return [
        (rf"/{LOG_IN_PATH}", LogInHandler, given),
        (r"/log-out", LogOutHandler, given),
        (r"/open-link", OpenLinkHandler, given),
    ]
