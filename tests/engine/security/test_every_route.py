"""Attacks on every route there is, generated from the router's own table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from asking import Asker

from engine import Engine
from engine.functions import FunctionRegistry
from engine.http_api import ApiServer
from engine.http_api.identity import LINK_COOKIE, SESSION_COOKIE
from engine.http_api.route_roles import is_reading, route_needs
from engine.http_api.routes import ROUTES
from engine.http_api.routing import Route
from engine.runtime.signatures import sign
from engine.service import Service
from engine.service.access import ANYONE, Role

PASSWORD = "correct horse battery"
CLOSED = [route for route in ROUTES if route_needs(route) is not ANYONE]
CHANGES = [route for route in ROUTES if not is_reading(route)]


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Engine(functions=FunctionRegistry(), http_tasks=False) as engine:
        engine.service.add_user("root", Role.ADMIN, PASSWORD).result(10)
        yield engine.service


@pytest.fixture(scope="module")
def ask(service: Service) -> Iterator[Asker]:
    with ApiServer(service, port=0) as server:
        yield Asker(server.port)


def address(route: Route) -> tuple[str, str]:
    """A request for a route; a stream is only asked for its head."""
    method = "HEAD" if route.is_endless else route.method
    return method, re.sub(r"\{\w+\}", "x", route.path)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def cookie(name: str, value: str) -> dict[str, str]:
    return {"Cookie": f"{name}={value}"}


def credentials(service: Service) -> dict[str, dict[str, str]]:
    """Everything that must not open a door, each nearly right and of somebody who may do all."""
    signing_key = service._signing_key()
    made = service.create_api_key("boss", Role.ADMIN).result(10)
    token = service.exchange_key(made["keyId"], made["keySecret"], "")
    session = service.session_of("root")
    payload, _, signature = session.partition(".")
    other = service.session_of("root")
    service.log_out(other).result(10)
    revoked = service.create_api_key("gone", Role.ADMIN).result(10)
    gone = service.exchange_key(revoked["keyId"], revoked["keySecret"], "")
    service.revoke_api_key(revoked["keyId"]).result(10)
    link = service.share_board().result(10)
    opened = service.open_link(link["token"], "")
    stamp = service._runtime.accounts.users["root"]["stamp"]
    past: dict[str, Any] = {"u": "root", "s": "00", "g": stamp, "e": 1000}
    return {
        "nothing": {},
        "garbage": bearer("garbage"),
        "token that ran out": bearer(sign("token", {"k": made["keyId"], "e": 1000}, signing_key)),
        "session that ran out": cookie(SESSION_COOKIE, sign("session", past, signing_key)),
        "tampered token": bearer(token[:-3] + ("AAA" if token[-3:] != "AAA" else "BBB")),
        "tampered session": cookie(SESSION_COOKIE, f"{payload[:-2]}{payload[:2]}.{signature}"),
        "session as token": bearer(session),
        "token as session": cookie(SESSION_COOKIE, token),
        "wrong secret": bearer(f"{made['keyId']}.{'x' * 43}"),
        "revoked key": bearer(gone),
        "logged out session": cookie(SESSION_COOKIE, other),
        "share token": bearer(link["token"]),
        "opened link as token": bearer(opened),
        "opened link as session": cookie(SESSION_COOKIE, opened),
        "opened link in its own cookie": cookie(LINK_COOKIE, opened),
        "signed with an empty key": bearer(sign("token", {"k": made["keyId"], "e": 2**33}, b"")),
    }


def test_nothing_nearly_right_opens_any_route(service: Service, ask: Asker) -> None:
    let_in = []
    for name, headers in credentials(service).items():
        service._runtime.login_throttle = type(service._runtime.login_throttle)()
        for route in CLOSED:
            method, path = address(route)
            status = ask(method, path, headers=headers).status
            if status not in (401, 429):
                let_in.append(f"{name}: {status} {method} {path}")
    assert let_in == []


def test_every_role_is_kept_from_every_route_that_needs_another(
    service: Service, ask: Asker
) -> None:
    let_in, tried = [], 0
    for role in Role:
        made = service.create_api_key(f"the-{role}", role).result(10)
        headers = bearer(f"{made['keyId']}.{made['keySecret']}")
        for route in CLOSED:
            if role.may(route_needs(route)):
                continue
            tried += 1
            method, path = address(route)
            status = ask(method, path, headers=headers).status
            if status != 403:
                let_in.append(f"{role}: {status} {method} {path}")
    assert let_in == []
    assert tried > 200


@pytest.mark.parametrize(
    "foreign",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    ],
)
def test_no_page_of_another_site_changes_anything_with_an_admins_cookie(
    service: Service, ask: Asker, foreign: dict[str, str]
) -> None:
    headers = {**cookie(SESSION_COOKIE, service.session_of("root")), **foreign}
    let_in = []
    for route in CHANGES:
        method, path = address(route)
        kind = {"Content-Type": "text/plain"}  # what a form can send without being asked
        status = ask(method, path, "{}" if method != "GET" else None, {**headers, **kind}).status
        if status != 403:
            let_in.append(f"{status} {method} {path}")
    assert let_in == []
    assert len(CHANGES) > 80


def test_the_same_requests_pass_from_our_own_page(service: Service, ask: Asker) -> None:
    """What the attacks above lack is the right, not the way."""
    own = {"Origin": f"http://127.0.0.1:{ask.port}", "Sec-Fetch-Site": "same-origin"}
    headers = {**cookie(SESSION_COOKIE, service.session_of("root")), **own}
    refused = []
    for route in CLOSED:
        if not is_reading(route):
            continue
        method, path = address(route)
        status = ask(method, path, headers=headers).status
        if status in (401, 403):
            refused.append(f"{status} {method} {path}")
    assert refused == []
