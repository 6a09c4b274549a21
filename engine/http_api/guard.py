"""Who may talk to this door: browsers of other sites may not.

A server on the loopback interface is reachable by every page the user's browser shows. Two checks
close that way in; SDKs, which send neither ``Origin`` nor ``Sec-Fetch-Site``, notice nothing.

  1. The ``Host`` must be a known local name, so that a page that rebinds its own DNS name to
     127.0.0.1 is not let in.
  2. A request that changes something, polls included, must not come from another origin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ..errors import ForbiddenError

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

    def check(self, method: str, path: str, host: str, headers: Mapping[str, str]) -> None:
        """Let the request pass, or raise.

        Raises:
            ForbiddenError: An unknown host name, or another site's page that would change
                something.
        """
        if self.allowed_hosts is not None and _name(host) not in self.allowed_hosts:
            raise ForbiddenError(
                f"This server does not answer to the host name {host[:80]!r}; "
                "add it to the allowed hosts to let it in."
            )
        if method in _SAFE_METHODS and "/poll/" not in path:
            return
        origin = headers.get("Origin")
        if origin is not None and origin.lower().partition("://")[2] != host.lower():
            raise ForbiddenError("Pages of other sites may not change anything here.")
        if headers.get("Sec-Fetch-Site", "none") not in _OWN_SITE:
            raise ForbiddenError("Pages of other sites may not change anything here.")


def _name(host: str) -> str:
    """The host without its port, in lower case."""
    host = host.lower()
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]
