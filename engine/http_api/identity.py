"""Who sends a request, and the service as they have it.

While nobody is configured, everybody who reaches this door is the local person: they have come
through the guard, and a door that others can reach refuses to start. Else a request brings a token
(``X-Authorization``, ``Authorization: Bearer``) or the cookie of a session.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Final

from ..errors import EngineError, UnauthorizedError
from ..runtime.throttle import RateLimit
from ..service.access import Caller, CallerKind, Role

if TYPE_CHECKING:
    from ..service import Service

SESSION_COOKIE: Final = "conductor_studio_session"
LINK_COOKIE: Final = "conductor_studio_link"
REQUESTS_PER_SECOND: Final = 2000.0
"""For one key, session or address, once callers have to say who they are."""
_REMEMBERED: Final = 1000
_PLEASE: Final = (
    "This server wants to know who is asking: send a token of an API key in X-Authorization, "
    "or log in in the browser."
)


class Identity:
    """Tells callers apart. Lives on one event loop.

    What was worked out for a token holds until any account changes, and no longer than the token:
    the view of the service looks again at every call.
    """

    def __init__(self, service: Service, requests_per_second: float = REQUESTS_PER_SECOND) -> None:
        """``requests_per_second``: for each caller; 0 for no limit."""
        self.service = service
        local = Caller("local", CallerKind.LOCAL, Role.ADMIN, "127.0.0.1")
        self._local = service.acting_as(local)
        self._known: OrderedDict[tuple[str, str], Service] = OrderedDict()
        self._rate = RateLimit(requests_per_second)

    def is_open(self) -> bool:
        """Whether nobody is configured, so that nobody has to log in."""
        return not self.service.needs_login()

    def view(self, headers: Mapping[str, str], address: str) -> Service:
        """The service as the sender of a request has it.

        Args:
            headers: Of the request.
            address: Where it comes from, for the audit and for counting wrong tries.

        Raises:
            UnauthorizedError: It brings nothing that says who sends it, or something wrong.
            TooManyRequestsError: The caller asks more often than they may.
        """
        if not self.service.needs_login():
            return self._local
        token = headers.get("X-Authorization") or _bearer(headers)
        if token is None:
            cookie = cookie_value(headers, SESSION_COOKIE)
            if cookie is None:
                self._rate.take(address)
                raise UnauthorizedError(_PLEASE)
            token = f"session {cookie}"
        known = self._known.get((token, address))
        if known is None:
            known = self._remember(token, address)
        self._rate.take(known.caller.key_id)
        return known

    def _remember(self, token: str, address: str) -> Service:
        self._rate.take(address)
        if token.startswith("session "):
            caller = self.service.caller_of_session(token[len("session ") :], address)
        else:
            caller = self.service.caller_of_token(token, address)
        view = self._known[token, address] = self.service.acting_as(caller)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return view

    def forget(self) -> None:
        """Ask again who everybody is."""
        self._known.clear()


def session_view(service: Service, headers: Mapping[str, str], address: str) -> Service | None:
    """The service as whoever opens a page has it; None: they have to log in first."""
    identity = Identity(service, 0)
    try:
        return identity.view(headers, address)
    except EngineError:
        return None


def cookie_value(headers: Mapping[str, str], name: str) -> str | None:
    """One cookie of a request, or None; a header that makes no sense counts as none."""
    text = headers.get("Cookie")
    if not text or name not in text:
        return None
    try:
        morsel = SimpleCookie(text).get(name)
    except CookieError:
        return None
    return morsel.value if morsel is not None else None


def _bearer(headers: Mapping[str, str]) -> str | None:
    kind, _, token = (headers.get("Authorization") or "").partition(" ")
    return token.strip() or None if kind.lower() == "bearer" else None
