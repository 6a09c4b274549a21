"""Role × route, generated from the router's own table."""

from __future__ import annotations

import pytest

from engine.http_api.route_roles import ROUTE_ROLES, is_reading, route_needs
from engine.http_api.routes import ROUTES
from engine.http_api.routing import Route
from engine.service.access import ADMIN, NOBODY, VIEWER


def test_every_route_has_an_entry_and_no_entry_is_left_over() -> None:
    assert {(route.method, route.path) for route in ROUTES} == set(ROUTE_ROLES)


def test_route_without_an_entry_needs_what_nobody_has() -> None:
    async def endpoint(call: object) -> None:
        """Never called."""

    assert route_needs(Route("GET", "/api/new", endpoint)) == NOBODY  # type: ignore[arg-type]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_what_changes_by_its_method_is_not_open_to_viewers(route: Route) -> None:
    asks = ("/search", "/correlated", "/batch", "/validate", "/query")  # questions with a body
    if route.method in ("PUT", "DELETE") or (
        route.method == "POST" and not route.path.endswith(asks)
    ):
        assert route_needs(route) != VIEWER


def test_scheduler_is_paused_by_get_and_yet_no_reading() -> None:
    route = next(r for r in ROUTES if r.path == "/api/scheduler/admin/pause")

    assert route.method == "GET"
    assert not is_reading(route)


def test_secrets_are_written_by_admins_only() -> None:
    assert ROUTE_ROLES["PUT", "/api/secrets/{key}"] == ADMIN
