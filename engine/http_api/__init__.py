"""Conductor's HTTP API: parse, call the service, encode, map errors. Loads Tornado."""

from __future__ import annotations

from .guard import LOOPBACK_HOSTS
from .routes import ROUTES, routes
from .server import ApiServer, serve_api

__all__ = ["LOOPBACK_HOSTS", "ROUTES", "ApiServer", "routes", "serve_api"]
