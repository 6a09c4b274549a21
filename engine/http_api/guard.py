"""Who may talk to this door: browsers of other sites may not.

A server on the loopback interface is reachable by every page the user's browser shows. Two checks
close that way in; SDKs, which send neither ``Origin`` nor ``Sec-Fetch-Site``, notice nothing.

  1. The ``Host`` must be a known local name, so that a page that rebinds its own DNS name to
     127.0.0.1 is not let in.
  2. A request must not come from another origin. The one exception is a link that a person
     follows to what only reads: nothing of the answer is told to the page it stood on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ..errors import ForbiddenError
from .route_roles import is_reading
from .routing import Route

LOOPBACK_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""Host names that are let in by default, with any port."""

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITE: Final = frozenset({"same-origin", "none"})


class Guard:
    """Refuses requests by host name and by origin. Immutable; any thread."""

    __slots__ = ("allowed_hosts",)

    def __init__(self, allowed_hosts: Iterable[str] | None = LOOPBACK_HOSTS) -> None:
        """``allowed_hosts``: names without port, or None to let every host name in."""
        self.allowed_hosts = (
            None if allowed_hosts is None else frozenset(name.lower() for name in allowed_hosts)
        )

    def check_host(self, host: str) -> None:
        """Let a request for this host name pass, or raise.

        Raises:
            ForbiddenError: The server does not go by that name.
        """
        if self.allowed_hosts is not None and host_name(host) not in self.allowed_hosts:
            raise ForbiddenError(
                f"This server does not answer to the host name {host[:80]!r}; "
                "add it to the allowed hosts to let it in."
            )

    def check_origin(
        self, method: str, route: Route, host: str, headers: Mapping[str, str]
    ) -> None:
        """Let a request for a route pass, or raise.

        Raises:
            ForbiddenError: Another site's page has sent it.
        """
        origin = headers.get("Origin")
        if origin is not None and not is_same_origin(origin, host):
            raise ForbiddenError("Pages of other sites may not use this server.")
        if headers.get("Sec-Fetch-Site", "none") in _OWN_SITE:
            return
        is_link = headers.get("Sec-Fetch-Mode") == "navigate" and method in _SAFE_METHODS
        if not (is_link and is_reading(route)):
            raise ForbiddenError("Pages of other sites may not use this server.")


def is_same_origin(origin: str, host: str) -> bool:
    """Whether the ``Origin`` of a request is the host it is sent to. ``null`` never is."""
    return bool(host) and origin.lower().partition("://")[2] == host.lower()


def host_name(host: str) -> str:
    """The host without its port, in lower case."""
    host = host.lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]
