"""The service over HTTP has the engine's own face: callers need not know which one they hold."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from engine.client.base import Client
from engine.client.local import LocalClient
from engine.client.remote import RemoteClient
from engine.client.remote_service import RemoteService
from engine.service import Service

STUDIO = Path(__file__).parent.parent.parent / "studio"
HERE_ONLY = {
    "audit",
    "caller_of_link",
    "figures",
    "has_users",
    "log_in",
    "log_out",
    "needs_login",
    "open_link",
    "require_log_in",
    "revoke_share_link",
    "share_board",
    "share_execution",
    "share_links",
}
"""What pages ask only of an engine of their own: its users, and figures of its memory."""
SHARED = sorted(
    name
    for name, _ in inspect.getmembers(RemoteService, inspect.isfunction)
    if not name.startswith("_") and hasattr(Service, name)
)


@pytest.mark.parametrize("name", SHARED)
def test_arguments_are_those_of_the_engine_as_far_as_they_go(name: str) -> None:
    remote = list(inspect.signature(getattr(RemoteService, name)).parameters.values())
    local = list(inspect.signature(getattr(Service, name)).parameters.values())
    for mine, theirs in zip(remote, local, strict=False):
        assert (mine.name, mine.default) == (theirs.name, theirs.default)
    assert all(one.default is not inspect.Parameter.empty for one in local[len(remote) :])


def test_what_pages_ask_of_a_service_can_be_asked_over_http() -> None:
    text = "\n".join(path.read_text() for path in STUDIO.rglob("*.py"))
    asked = set(re.findall(r"\bservice\.([a-z_]+)\(", text))
    missing = {name for name in asked if hasattr(Service, name)} - set(SHARED)
    assert missing - HERE_ONLY == set()


@pytest.mark.parametrize("kind", [LocalClient, RemoteClient])
def test_clients_have_every_verb(kind: type) -> None:
    verbs = {name for name in dir(Client) if not name.startswith("_")}
    assert verbs <= set(dir(kind))
