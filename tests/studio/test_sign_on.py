"""Signing on through an identity provider: a real one on this machine, a browser's redirects."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from identity_provider import CLIENT, SECRET, IdentityProvider, SigningKey, encoded

from engine import Engine
from engine.errors import InvalidRequestError, UnauthorizedError
from engine.functions import FunctionRegistry
from engine.http_api.identity import SESSION_COOKIE
from engine.service.access import Role
from studio.server import StudioServer
from studio.settings import Settings
from studio.sign_on import STATE_COOKIE, States
from studio.sign_on_provider import SignOn

PASSWORD = "correct horse battery"
GROUPS = {"platform": "admin", "makers": "author"}


@pytest.fixture(scope="module")
def provider_server() -> Iterator[IdentityProvider]:
    with IdentityProvider() as provider:
        yield provider


@pytest.fixture
def provider(provider_server: IdentityProvider) -> IdentityProvider:
    """A provider that behaves and knows one person."""
    provider_server.user = {"sub": "4711", "email": "ann@example.com"}
    provider_server.told = {}
    provider_server.spoil = lambda claims: None
    return provider_server


class Studio:
    """A server with single sign-on, and browsers that come to it."""

    def __init__(self, provider: IdentityProvider, **options: Any) -> None:
        sign_on = SignOn("generic", CLIENT, SECRET, issuer=provider.issuer)
        self.engine = Engine(functions=FunctionRegistry(), http_tasks=False)
        self.service = self.engine.service
        self.server = StudioServer(self.service, port=0, sign_on=replace(sign_on, **options))

    def __enter__(self) -> Studio:
        self.server.start()
        self.url = f"http://127.0.0.1:{self.server.port}"
        return self

    def __exit__(self, *exc: object) -> None:
        self.server.stop()
        self.engine.close()

    def browser(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=20)

    def sign_on(self, browser: httpx.Client, page: str = "executions") -> httpx.Response:
        """Out and back; the answer of ``/sign-on`` to the code."""
        return browser.get(self.way_back(browser, page))

    def way_back(self, browser: httpx.Client, page: str = "executions") -> str:
        """Where the provider sends the browser to, with a code."""
        out = browser.get("/sign-on", params={"next": page})
        assert out.status_code == 302, out.text
        back = browser.get(out.headers["Location"])
        assert back.status_code == 302
        return back.headers["Location"]

    def audited(self) -> list[tuple[str, str, str]]:
        for _ in range(50):
            rows = [
                (row.actor, row.operation, row.object) for row in self.service.audit() if row.actor
            ]
            if rows:
                return rows
            time.sleep(0.05)
        return []


@pytest.fixture
def studio(provider: IdentityProvider) -> Iterator[Studio]:
    """Members of two groups come in; others do not."""
    with Studio(provider, role_claim="groups", roles=GROUPS) as studio:
        yield studio


def error_of(answer: httpx.Response) -> str:
    found = re.search(r'role="alert" id="error">([^<]*)<', answer.text)
    return found[1] if found else ""


def is_out(answer: httpx.Response, browser: httpx.Client) -> bool:
    return answer.status_code in (401, 403, 503) and browser.cookies.get(SESSION_COOKIE) is None


def test_group_gives_a_role_the_audit_names_the_person_and_tokens_still_work(
    studio: Studio, provider: IdentityProvider
) -> None:
    provider.user["groups"] = ["readers", "makers"]
    studio.service.add_user("root", Role.ADMIN, PASSWORD).result(10)
    with studio.browser() as browser:
        assert browser.get("/executions").headers["Location"] == "./log-in?next=executions"
        form = browser.get("/log-in?next=executions").text
        assert 'href="./sign-on?next=executions"' in form
        assert 'name="password"' in form, "passwords go on beside it"

        entered = studio.sign_on(browser)
        assert entered.status_code == 200
        assert 'content="0; url=./executions"' in entered.text
        cookie = next(
            one for one in entered.headers.get_list("Set-Cookie") if SESSION_COOKIE in one
        )
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert set(browser.cookies) == {SESSION_COOKIE}, "nothing of the provider's is kept"
        assert "ann@example.com, author" in browser.get("/executions").text
        me = browser.get("/api/access/me").json()
        assert me == {"name": "ann@example.com", "kind": "user", "role": "author"}

        definition = {"name": "x", "version": 1, "tasks": [
            {"name": "s", "taskReferenceName": "s", "type": "SIMPLE"}]}  # fmt: skip
        assert browser.post("/api/metadata/workflow", json=definition).status_code == 200
    assert ("user:ann@example.com", "sign_on", "users/ann@example.com") in studio.audited()
    assert ("user:ann@example.com", "create_workflow_def", "workflow_defs/x/1") in studio.audited()

    key = studio.service.create_api_key("etl", Role.WORKER).result(10)
    bearer = {"Authorization": f"Bearer {key['keyId']}.{key['keySecret']}"}
    assert httpx.get(f"{studio.url}/api/access/me", headers=bearer).json()["name"] == "etl"
    with studio.browser() as browser:
        form_body = {"name": "root", "password": PASSWORD}
        headers = {"Origin": studio.url}
        assert browser.post("/log-in", data=form_body, headers=headers).status_code == 303
        assert browser.get("/api/access/me").json()["name"] == "root"


def test_log_out_ends_the_session(studio: Studio, provider: IdentityProvider) -> None:
    provider.user["groups"] = "platform"
    with studio.browser() as browser:
        studio.sign_on(browser)
        session = browser.cookies[SESSION_COOKIE]
        assert browser.get("/").status_code == 200
        assert browser.post("/log-out", headers={"Origin": studio.url}).status_code == 303
        assert browser.get("/").status_code == 302
    copied = {"Cookie": f"{SESSION_COOKIE}={session}"}
    assert httpx.get(f"{studio.url}/", headers=copied).status_code == 302


def test_nobody_is_let_in_without_a_log_in_even_while_nobody_is_named(studio: Studio) -> None:
    assert httpx.get(f"{studio.url}/").status_code == 302
    assert httpx.get(f"{studio.url}/api/metadata/workflow").status_code == 401
    assert studio.service.users() == []


def test_unknown_people_are_refused_unless_allowed(
    studio: Studio, provider: IdentityProvider
) -> None:
    with studio.browser() as browser:
        answer = studio.sign_on(browser)
        assert is_out(answer, browser)
        assert "an admin can add them" in error_of(answer)
    operations = [operation for _, operation, _ in studio.audited()]
    assert operations == ["sign_on_failed"]

    studio.service.add_signing_on_user("ann@example.com", Role.OPERATOR).result(10)
    with studio.browser() as browser:
        assert studio.sign_on(browser).status_code == 200
        assert browser.get("/api/access/me").json()["role"] == "operator"

    with Studio(provider, unknown="viewer") as open_to_all, open_to_all.browser() as browser:
        assert open_to_all.sign_on(browser).status_code == 200
        assert browser.get("/api/access/me").json()["role"] == "viewer"
        assert open_to_all.service.users()[0]["signOn"] is True


def test_role_follows_the_groups_until_an_admin_says_otherwise(
    studio: Studio, provider: IdentityProvider
) -> None:
    def role() -> str:
        with studio.browser() as browser:
            answer = studio.sign_on(browser)
            return browser.get("/api/access/me").json()["role"] if answer.is_success else "out"

    provider.user["groups"] = ["makers"]
    assert role() == "author"
    provider.user["groups"] = ["makers", "platform"]
    assert role() == "admin"
    provider.user["groups"] = []
    assert role() == "out"
    studio.service.change_user_role("ann@example.com", Role.VIEWER).result(10)
    assert role() == "viewer"
    studio.service.remove_user("ann@example.com").result(10)
    assert role() == "out"


def test_groups_that_only_the_user_info_has_count(
    studio: Studio, provider: IdentityProvider
) -> None:
    provider.told = {"groups": ["platform"]}
    with studio.browser() as browser:
        studio.sign_on(browser)
        assert browser.get("/api/access/me").json()["role"] == "admin"
    provider.told = {"groups": ["platform"], "sub": "somebody else"}
    with studio.browser() as browser:
        assert "somebody else" in error_of(studio.sign_on(browser))


def test_name_that_was_given_to_somebody_else_is_refused(
    studio: Studio, provider: IdentityProvider
) -> None:
    provider.user["groups"] = ["makers"]
    with studio.browser() as browser:
        assert studio.sign_on(browser).is_success
    provider.user["sub"] = "4712"
    with studio.browser() as browser:
        answer = studio.sign_on(browser)
        assert is_out(answer, browser)
        assert "somebody else" in error_of(answer)


def test_user_with_a_password_is_never_taken_over(
    studio: Studio, provider: IdentityProvider
) -> None:
    provider.user["groups"] = ["platform"]
    studio.service.add_user("ann@example.com", Role.VIEWER, PASSWORD).result(10)
    with studio.browser() as browser:
        answer = studio.sign_on(browser)
        assert is_out(answer, browser)
        assert "password" in error_of(answer)
    studio.service.add_signing_on_user("bob@example.com", Role.VIEWER).result(10)
    with pytest.raises(InvalidRequestError):
        studio.service.change_password("bob@example.com", PASSWORD).result(10)
    with pytest.raises(UnauthorizedError):
        studio.service.log_in("bob@example.com", "", "10.0.0.7").result(10)


@pytest.mark.parametrize("name", ["", "a b", "<img src=x onerror=alert(1)>", "x" * 65, 7, None])
def test_name_that_cannot_be_one_is_refused(provider: IdentityProvider, name: Any) -> None:
    provider.user["email"] = name
    with Studio(provider, unknown="viewer") as studio, studio.browser() as browser:
        answer = studio.sign_on(browser)
        assert answer.status_code in (400, 401)
        assert browser.cookies.get(SESSION_COOKIE) is None
        assert "<img" not in answer.text


def test_unverified_address_is_refused(studio: Studio, provider: IdentityProvider) -> None:
    provider.user |= {"groups": ["platform"], "email_verified": False}
    with studio.browser() as browser:
        assert "not verified" in error_of(studio.sign_on(browser))


# -- attacks on the way back -----------------------------------------------------------------


def admitted(studio: Studio, provider: IdentityProvider) -> None:
    provider.user["groups"] = ["platform"]


def test_code_in_another_browser_is_refused(studio: Studio, provider: IdentityProvider) -> None:
    """Somebody else's code: who followed the link would work in their account."""
    admitted(studio, provider)
    with studio.browser() as attacker, studio.browser() as victim:
        way = studio.way_back(attacker)
        assert is_out(victim.get(way), victim), "without any state of its own"
        studio.way_back(victim)
        answer = victim.get(way)
        assert is_out(answer, victim), "with the state of another log-in"
        assert "not begun in this browser" in error_of(answer)


@pytest.mark.parametrize("state", ["", "guess", "x" * 5000, "é"])
def test_forged_state_is_refused(studio: Studio, provider: IdentityProvider, state: str) -> None:
    admitted(studio, provider)
    with studio.browser() as browser:
        code = parse_qs(urlsplit(studio.way_back(browser)).query)["code"][0]
        answer = browser.get("/sign-on", params={"code": code, "state": state})
        assert is_out(answer, browser)


def test_forged_state_cookie_is_refused(studio: Studio, provider: IdentityProvider) -> None:
    admitted(studio, provider)
    with studio.browser() as browser:
        way = studio.way_back(browser)
        state = parse_qs(urlsplit(way).query)["state"][0]
        made = {"t": state, "n": "n", "v": "v", "x": "", "e": int(time.time()) + 60}
        forged = f"{encoded(json.dumps(made).encode())}.{encoded(b'x' * 32)}"
        browser.cookies.clear()
        answer = browser.get(way, headers={"Cookie": f"{STATE_COOKIE}={forged}"})
        assert is_out(answer, browser)


def test_replayed_state_is_refused(studio: Studio, provider: IdentityProvider) -> None:
    admitted(studio, provider)
    with studio.browser() as browser:
        way = studio.way_back(browser)
        kept = browser.cookies[STATE_COOKIE]
        assert browser.get(way).is_success
        browser.cookies.clear()
        answer = browser.get(way, headers={"Cookie": f"{STATE_COOKIE}={kept}"})
        assert is_out(answer, browser)
        assert "is over" in error_of(answer)


def test_state_that_has_run_out_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    states = States()
    made, cookie = states.begin("")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 601)
    with pytest.raises(Exception, match="is over"):
        states.end(cookie, made["t"])


@pytest.mark.parametrize(
    "following", ["//evil.example", "https://evil.example", 'x"><script>', "javascript:alert(1)"]
)
def test_way_on_stays_on_this_server(
    studio: Studio, provider: IdentityProvider, following: str
) -> None:
    admitted(studio, provider)
    with studio.browser() as browser:
        assert 'content="0; url=./"' in studio.sign_on(browser, following).text


# -- what a provider, or whoever stands between, may send ---------------------------------------

STRANGER = SigningKey("first")
"""Another's key under the provider's name for its own."""


def unsigned(claims: dict[str, Any]) -> str:
    parts = ({"alg": "none", "kid": "first"}, claims)
    return ".".join([*(encoded(json.dumps(part).encode()) for part in parts), ""])


SPOILS: dict[str, tuple[Any, str]] = {
    "signature of another key": (lambda claims: STRANGER.token(claims), "signature"),
    "no signature": (unsigned, "signature"),
    "shared secret as algorithm": (
        lambda claims: STRANGER.token(claims, alg="HS256"), "signature"),
    "elliptic algorithm over an RSA key": (
        lambda claims: STRANGER.token(claims, alg="ES256"), "signature"),
    "other audience": (lambda claims: claims.update(aud="another"), "another client"),
    "other party": (lambda claims: claims.update(azp="another"), "another client"),
    "other issuer": (lambda claims: claims.update(iss="http://evil"), "another issuer"),
    "no audience": (lambda claims: claims.pop("aud") and None, "another client"),
    "other nonce": (lambda claims: claims.update(nonce="guess"), "another log-in"),
    "no nonce": (lambda claims: claims.pop("nonce") and None, "another log-in"),
    "run out": (lambda claims: claims.update(exp=time.time() - 3600), "run out"),
    "no end": (lambda claims: claims.pop("exp") and None, "run out"),
    "not yet": (lambda claims: claims.update(nbf=time.time() + 3600), "not hold yet"),
    "nobody": (lambda claims: claims.update(sub=""), "nobody"),
    "no token": (lambda claims: "", "no ID token"),
    "garbage": (lambda claims: "a.b.c", "did not confirm"),
}  # fmt: skip


@pytest.mark.parametrize("spoil", SPOILS)
def test_id_token_that_is_not_true_lets_nobody_in(
    studio: Studio, provider: IdentityProvider, spoil: str
) -> None:
    admitted(studio, provider)
    provider.spoil, words = SPOILS[spoil]
    with studio.browser() as browser:
        answer = studio.sign_on(browser)
        assert is_out(answer, browser), answer.text
        assert words in error_of(answer) or spoil == "garbage"
    assert studio.service.users() == []


def test_elliptic_and_renewed_keys_are_known(
    studio: Studio, provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    admitted(studio, provider)
    with studio.browser() as browser:
        assert studio.sign_on(browser).is_success
    before = provider.key
    try:
        provider.key = SigningKey("second", "ES256")
        monkeypatch.setattr("studio.sign_on_provider._ASK_AGAIN_SECONDS", 0.0)
        with studio.browser() as browser:
            assert studio.sign_on(browser).is_success
        provider.key = SigningKey("third", bits=1024)
        with studio.browser() as browser:
            assert "signature" in error_of(studio.sign_on(browser)), "too short to be trusted"
    finally:
        provider.key = before


def test_provider_that_refuses_or_is_gone_is_told_in_words(
    studio: Studio, provider: IdentityProvider
) -> None:
    with studio.browser() as browser:
        state = parse_qs(urlsplit(studio.way_back(browser)).query)["state"][0]
        said = {"state": state, "error": "access_denied", "error_description": "<b>No.</b>"}
        answer = browser.get("/sign-on", params=said)
        assert is_out(answer, browser)
        assert "&lt;b&gt;No." in error_of(answer)
    sign_on = SignOn("generic", CLIENT, SECRET, issuer="http://127.0.0.1:1")
    with (
        Engine(functions=FunctionRegistry(), http_tasks=False) as engine,
        StudioServer(engine.service, port=0, sign_on=sign_on) as server,
    ):
        answer = httpx.get(f"http://127.0.0.1:{server.port}/sign-on")
    assert answer.status_code == 503
    assert "does not answer" in error_of(answer)


def test_secret_and_tokens_are_in_no_log_and_no_address(
    studio: Studio, provider: IdentityProvider, caplog: pytest.LogCaptureFixture
) -> None:
    admitted(studio, provider)
    with studio.browser() as browser:
        out = browser.get("/sign-on")
        assert "secret" not in out.headers["Location"]
        assert "offline_access" not in out.headers["Location"]
        assert studio.sign_on(browser).is_success
    assert SECRET not in caplog.text
    assert SECRET not in repr(studio.server._provider.sign_on)  # type: ignore[union-attr]


# -- settings ----------------------------------------------------------------------------------


def test_settings_are_read_and_the_secret_is_no_option(capsys: pytest.CaptureFixture[str]) -> None:
    from studio.command import main

    environment = {
        "CONDUCTOR_STUDIO_OAUTH_PROVIDER": "azurev2",
        "CONDUCTOR_STUDIO_OAUTH_KEY": "id",
        "CONDUCTOR_STUDIO_OAUTH_SECRET": "shh",
        "CONDUCTOR_STUDIO_OAUTH_PARAMS": "tenant=contoso",
        "CONDUCTOR_STUDIO_OAUTH_ROLE_CLAIM": "groups",
        "CONDUCTOR_STUDIO_OAUTH_ROLES": "a=admin, b=viewer",
    }
    sign_on = Settings.read({}, environment).sign_on()
    assert sign_on is not None
    sign_on.check()
    assert sign_on.issuer_address() == "https://login.microsoftonline.com/contoso/v2.0"
    assert sign_on.role_of({"groups": ["b", "a", 7]}) == "admin"
    assert sign_on.words() == "Microsoft"
    assert Settings.read({}, {}).sign_on() is None
    gitlab = replace(sign_on, provider="gitlab", params={})
    assert (gitlab.issuer_address(), gitlab.name_key()) == (
        "https://gitlab.com",
        "preferred_username",
    )
    assert replace(gitlab, params={"url": "git.example"}).issuer_address() == "https://git.example"
    assert main(["--oauth-secret=shh"]) == 2
    assert "--oauth-secret" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"provider": "myspace"}, "there are generic"),
        ({"provider": "password"}, "there are generic"),
        ({"key": ""}, "--oauth-key"),
        ({"issuer": ""}, "--oauth-issuer"),
        ({"issuer": "http://login.example.com"}, "https"),
        ({"redirect_uri": "http://studio.example.com/sign-on"}, "https"),
        ({"provider": "azurev2", "issuer": ""}, "name your tenant"),
        ({"provider": "azurev2", "issuer": "", "params": {"tenant": "common"}}, "your tenant"),
        ({"provider": "okta", "issuer": ""}, "--oauth-issuer"),
        ({"roles": {"a": "king"}, "role_claim": "groups"}, "no role"),
        ({"roles": {"a": "admin"}}, "--oauth-role-claim"),
        ({"unknown": "everybody"}, "no role"),
    ],
)
def test_settings_that_cannot_work_are_refused(options: dict[str, Any], words: str) -> None:
    sign_on = SignOn("generic", CLIENT, SECRET, issuer="https://login.example.com")
    with pytest.raises(InvalidRequestError, match=words):
        replace(sign_on, **options).check()
