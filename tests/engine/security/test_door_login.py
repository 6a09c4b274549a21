"""The API once somebody is configured: who comes in, how, and as what. Over real HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from asking import Asker

from engine.errors import InvalidRequestError, UnauthorizedError
from engine.http_api import ApiServer
from engine.http_api.identity import SESSION_COOKIE
from engine.http_api.route_roles import route_needs
from engine.http_api.routes import ROUTES
from engine.service import Service
from engine.service.access import ANYONE, Role

PASSWORD = "correct horse battery"


@pytest.fixture
def ask(service: Service) -> Iterator[Asker]:
    with ApiServer(service, port=0) as server:
        yield Asker(server.port)


def key(service: Service, role: Role, seconds: int = 0) -> dict[str, str]:
    return service.create_api_key(f"the-{role}", role, seconds).result(10)


def token_of(ask: Asker, made: dict[str, str]) -> str:
    given = {"keyId": made["keyId"], "keySecret": made["keySecret"]}
    return ask("POST", "/api/token", given).json["token"]


def cookie(session: str) -> dict[str, str]:
    return {"Cookie": f"{SESSION_COOKIE}={session}"}


def test_while_nobody_is_configured_everything_is_open_and_tokens_do_not_exist(ask: Asker) -> None:
    assert ask("GET", "/api/metadata/workflow").status == 200
    reply = ask("POST", "/api/token", {"keyId": "a", "keySecret": "b"})
    assert reply.status == 404, "SDKs then go on without"
    assert ask("GET", "/api/access/me").json == {"name": "local", "kind": "local", "role": "admin"}


def test_once_somebody_is_configured_nothing_but_probes_is_open(
    service: Service, ask: Asker
) -> None:
    key(service, Role.VIEWER)

    wrong = []
    for route in ROUTES:
        path = re.sub(r"\{\w+\}", "x", route.path)
        method = "HEAD" if route.is_endless else route.method
        status = ask(method, path).status
        if (status == 401) == (route_needs(route) is ANYONE):
            wrong.append(f"{status} {method} {path}")
    assert wrong == []


@pytest.mark.parametrize("role", list(Role))
def test_matrix_of_role_and_route(service: Service, ask: Asker, role: Role) -> None:
    made = key(service, role)
    bearer = {"X-Authorization": token_of(ask, made)}

    wrong = []
    for route in ROUTES:
        path = re.sub(r"\{\w+\}", "x", route.path)
        method = "HEAD" if route.is_endless else route.method
        reply = ask(method, path, headers=bearer)
        may = role.may(route_needs(route))
        if (reply.status == 403) == may or reply.status == 401 or reply.status == 500:
            wrong.append(f"{reply.status} {method} {path} {reply.body[:200]!r}")
    # A real server answers 500 to some commands for what does not exist.
    assert [line for line in wrong if not line.startswith("500")] == []


def test_key_and_secret_are_exchanged_for_a_token(service: Service, ask: Asker) -> None:
    made = key(service, Role.WORKER)
    token = token_of(ask, made)

    for headers in (
        {"X-Authorization": token},
        {"Authorization": f"Bearer {token}"},
        {"Authorization": f"Bearer {made['keyId']}.{made['keySecret']}"},
    ):
        who = ask("GET", "/api/access/me", headers=headers).json
        assert who == {"name": "the-worker", "kind": "api key", "role": "worker"}
    info = ask("GET", "/api/token/userInfo", headers={"X-Authorization": token}).json
    assert info["roles"] == [{"name": "worker"}]


@pytest.mark.parametrize(
    "token",
    ["x", "a.b", ".", "", "é.ü", "x" * 5000, "e30.", "bnVsbA.AAAA", "session x.y"],
)
def test_wrong_tokens_are_401_and_tell_sdks_to_ask_for_another(
    service: Service, ask: Asker, token: str
) -> None:
    key(service, Role.WORKER)

    text = token.encode("utf-8").decode("latin-1")
    for name, value in (("X-Authorization", text), ("Cookie", f"{SESSION_COOKIE}={text}")):
        reply = ask("GET", "/api/metadata/workflow", headers={name: value})
        assert reply.status == 401
        assert reply.headers["www-authenticate"] == "Bearer"
        assert b"Traceback" not in reply.body
    if token:
        reply = ask("GET", "/api/metadata/workflow", headers={"X-Authorization": text})
        assert reply.json["error"] == "INVALID_TOKEN"


def test_token_of_another_kind_or_server_is_no_token(service: Service, ask: Asker) -> None:
    service.add_user("ann", Role.ADMIN, PASSWORD).result(10)
    session = service.session_of("ann")

    assert ask("GET", "/api/access/me", headers={"X-Authorization": session}).status == 401
    head, _, signature = session.partition(".")
    forged = f"{head}.{signature[:-2]}xx"
    assert ask("GET", "/api/access/me", headers=cookie(forged)).status == 401
    among_others = {"Cookie": f"other=1; {SESSION_COOKIE}={session}"}
    assert ask("GET", "/api/access/me", headers=among_others).json["name"] == "ann"


def test_revoked_key_ends_its_tokens_at_once(service: Service, ask: Asker) -> None:
    made, admin = key(service, Role.WORKER), key(service, Role.ADMIN)
    worker = ask.having({"X-Authorization": token_of(ask, made)})
    boss = ask.having({"X-Authorization": token_of(ask, admin)})
    assert worker("GET", "/api/tasks/queue/all").status == 200

    assert boss("DELETE", f"/api/access/keys/{made['keyId']}").status == 200

    assert worker("GET", "/api/tasks/queue/all").json["error"] == "INVALID_TOKEN"
    assert boss("GET", "/api/access/keys").json[0]["name"] == "the-admin"


def test_removed_user_new_password_and_new_role_count_at_once(service: Service, ask: Asker) -> None:
    service.add_user("root", Role.ADMIN, PASSWORD).result(10)
    service.add_user("ann", Role.OPERATOR, PASSWORD).result(10)
    ann = ask.having({"Cookie": f"{SESSION_COOKIE}={service.session_of('ann')}"})
    assert ann("POST", "/api/workflow/nothing", {}).status == 404

    service.change_user_role("ann", Role.VIEWER).result(10)
    assert ann("POST", "/api/workflow/nothing", {}).status == 403
    assert ann("GET", "/api/metadata/workflow").status == 200
    service.change_password("ann", PASSWORD + "!").result(10)
    assert ann("GET", "/api/metadata/workflow").status == 401
    again = ask.having({"Cookie": f"{SESSION_COOKIE}={service.session_of('ann')}"})
    assert again("GET", "/api/metadata/workflow").status == 200
    service.remove_user("ann").result(10)
    assert again("GET", "/api/metadata/workflow").status == 401


def test_view_that_is_kept_open_learns_of_the_change(service: Service) -> None:
    service.add_user("ann", Role.OPERATOR, PASSWORD).result(10)
    view = service.acting_as(service.caller_of_session(service.session_of("ann"), ""))
    assert view.running("x") == []

    service.change_user_role("ann", Role.VIEWER).result(10)
    with pytest.raises(Exception, match="needs the role operator"):
        view.pause("x")
    service.remove_user("ann").result(10)
    with pytest.raises(Exception, match="may not come in any more"):
        view.running("x")


def test_logged_out_session_stays_out(service: Service, ask: Asker) -> None:
    service.add_user("ann", Role.ADMIN, PASSWORD).result(10)
    session, other = service.session_of("ann"), service.session_of("ann")
    view = service.acting_as(service.caller_of_session(session, ""))
    assert ask("GET", "/api/access/me", headers=cookie(session)).status == 200
    assert view.running("x") == []
    service.log_out(session).result(10)

    with pytest.raises(UnauthorizedError, match="log in again"):
        view.running("x")  # as a page that is still open would

    assert ask("GET", "/api/access/me", headers=cookie(session)).status == 401
    assert ask("GET", "/api/access/me", headers=cookie(other)).status == 200


def test_requests_beyond_the_share_are_429_with_retry_after(service: Service) -> None:
    made = key(service, Role.VIEWER)
    with ApiServer(service, port=0, requests_per_second=5) as server:
        ask = Asker(server.port, {"X-Authorization": f"{made['keyId']}.{made['keySecret']}"})
        replies = [ask("GET", "/api/metadata/workflow") for _ in range(30)]

    late = [reply for reply in replies if reply.status == 429]
    assert 5 <= len(late) <= 25
    assert all(int(reply.headers["retry-after"]) >= 1 for reply in late)
    assert late[0].json["retryable"] is True


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", ""])
def test_door_that_others_reach_needs_somebody_configured(service: Service, host: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        ApiServer(service, host, port=0)
    assert "user add" in str(refused.value)
    assert "leave out --host" in str(refused.value)


def test_public_name_counts_as_exposed(service: Service) -> None:
    with pytest.raises(InvalidRequestError, match="studio.example.com"):
        ApiServer(service, port=0, allowed_hosts=["studio.example.com"])


def test_answers_carry_safe_headers_on_both_ways_in(service: Service, ask: Asker) -> None:
    for headers in ({}, {"Connection": "close"}):  # the second goes past the short way in
        for path in ("/api/metadata/workflow", "/api/nothing", "/api/workflow/unknown"):
            found = ask("GET", path, headers=headers).headers
            assert found["x-content-type-options"] == "nosniff"
            assert found["content-security-policy"].startswith("default-src 'none'")
            assert found["cache-control"] == "no-store"


@pytest.mark.parametrize(("role", "status"), [(Role.OPERATOR, 403), (Role.AUTHOR, 200)])
def test_sql_of_their_own_is_for_authors_and_others_are_told_beforehand(
    service: Service, ask: Asker, role: Role, status: int
) -> None:
    bearer = {"Authorization": f"Bearer {token_of(ask, key(service, role))}"}
    reply = ask("POST", "/api/executions/query", {"sql": "SELECT 1 AS one"}, bearer)
    offered = ask("GET", "/api/capabilities", headers=bearer).json["capabilities"]
    assert reply.status == status
    assert ("query" in offered) is (status == 200)
    assert "events" in offered
