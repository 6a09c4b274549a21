"""The whole door in one table, and the Tornado routes that serve it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from . import (
    access,
    admin,
    bulk,
    event_handlers,
    event_streams,
    executions,
    external_payloads,
    health,
    messages,
    metadata,
    metrics,
    openapi,
    scheduler,
    schemas,
    search,
    secrets,
    synchronous,
    tags,
    tasks,
    workflows,
)
from .guard import LOOPBACK_HOSTS, Guard
from .handler import ApiHandler, Door
from .identity import REQUESTS_PER_SECOND, Identity
from .routing import Route, Router

if TYPE_CHECKING:
    from ..service import Service

ROUTES: Final[tuple[Route, ...]] = (
    *health.ROUTES,
    *access.ROUTES,
    *metadata.ROUTES,
    *workflows.ROUTES,
    *bulk.ROUTES,
    *search.ROUTES,
    *tasks.ROUTES,
    *synchronous.ROUTES,
    *messages.ROUTES,
    *secrets.ROUTES,
    *event_handlers.ROUTES,
    *event_streams.ROUTES,
    *executions.ROUTES,
    *admin.ROUTES,
    *external_payloads.ROUTES,
    *scheduler.ROUTES,
    *schemas.ROUTES,
    *tags.ROUTES,
    *metrics.ROUTES,
    *openapi.ROUTES,
)
"""Every documented route. A path not listed here is 404, a method not listed 405."""

PATHS: Final = (
    r"/(?:(?:api|health|swagger-ui|metrics|actuator)(?:/.*)?"
    r"|api-docs|openapi\.json|swagger-ui\.html)"
)
"""Paths that are the door's, whatever is below them; all others are the pages'."""


def routes(
    service: Service,
    *,
    allowed_hosts: Iterable[str] | None = LOOPBACK_HOSTS,
    prefix: str = "",
    requests_per_second: float = REQUESTS_PER_SECOND,
    has_pages: bool = False,
) -> list[tuple[str, type[ApiHandler], dict[str, Any]]]:
    """Tornado routes of Conductor's HTTP API.

    For ``tornado.web.Application`` and for ``extra_patterns`` of ``pn.serve`` alike.

    Args:
        service: What carries the requests out.
        allowed_hosts: Names a request may address the server by, without port. None lets every
            name in: only for a server that others on the network are meant to reach.
        prefix: Path before ``/api``. Panel's own ``prefix`` is added to the patterns by Panel;
            name it here so that it is not taken for a part of the route.
        requests_per_second: How much one caller may ask once callers have to say who they are.
        has_pages: Whether the studio's pages are beside it: share links then get an address.
    """
    identity = Identity(service, requests_per_second)
    guard = Guard(allowed_hosts)
    door = Door(identity, Router(ROUTES), guard, prefix.rstrip("/"), has_pages)
    return [(PATHS, ApiHandler, {"door": door})]
