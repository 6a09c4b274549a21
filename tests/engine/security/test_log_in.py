"""Passwords: hashed, compared slowly, guessed slower and slower."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from engine import Engine
from engine.errors import (
    ConflictError,
    InvalidRequestError,
    TooManyRequestsError,
    UnauthorizedError,
)
from engine.functions import FunctionRegistry
from engine.runtime.throttle import LoginThrottle, RateLimit
from engine.service import Service
from engine.service.credentials import SESSION_SECONDS, TOKEN_SECONDS
from engine.testing.clock import FakeClock

PASSWORD = "correct horse battery"


def test_right_password_opens_a_session_and_is_audited(service: Service) -> None:
    service.add_user("ann", "operator", PASSWORD).result(10)

    session = service.log_in("ann", PASSWORD, "10.0.0.7").result(10)

    caller = service.caller_of_session(session, "10.0.0.7")
    assert (caller.name, caller.role, caller.actor) == ("ann", "operator", "user:ann")
    service.queue_all()  # anything, so that the row is committed
    service.change_user_role("ann", "viewer").result(10)
    assert [row.operation for row in service.audit()] == ["log_in"]


@pytest.mark.parametrize(("name", "password"), [("ann", "wrong password"), ("bob", PASSWORD)])
def test_wrong_name_and_wrong_password_sound_alike(
    service: Service, name: str, password: str
) -> None:
    service.add_user("ann", "operator", PASSWORD).result(10)

    with pytest.raises(UnauthorizedError, match="^The name or the password is wrong.$"):
        service.log_in(name, password, "10.0.0.7").result(10)


def test_sixth_wrong_try_from_one_place_has_to_wait(service: Service) -> None:
    service.add_user("ann", "operator", PASSWORD).result(10)
    for _ in range(5):
        with pytest.raises(UnauthorizedError):
            service.log_in("ann", "wrong password", "10.0.0.7").result(10)

    with pytest.raises(TooManyRequestsError) as refused:
        service.log_in("ann", PASSWORD, "10.0.0.7")
    assert refused.value.retry_after_seconds >= 1
    assert service.log_in("ann", PASSWORD, "10.0.0.8").result(10), "others are not locked out"


def test_wait_doubles_and_a_right_try_ends_it() -> None:
    now = [0.0]
    throttle = LoginThrottle(lambda: now[0])
    waits = []
    for _ in range(20):
        throttle.failed("from here")
        try:
            throttle.check("from here")
            waits.append(0.0)
        except TooManyRequestsError as refused:
            waits.append(refused.retry_after_seconds)
            now[0] += refused.retry_after_seconds
    assert waits[:8] == [0, 0, 0, 0, 1, 2, 4, 8]
    assert waits[-1] == 300
    throttle.succeeded("from here")
    throttle.check("from here")


def test_rate_fills_up_again() -> None:
    now = [0.0]
    rate = RateLimit(10, lambda: now[0])
    for _ in range(20):
        rate.take("k")
    with pytest.raises(TooManyRequestsError):
        rate.take("k")
    rate.take("other")
    now[0] += 0.1
    rate.take("k")


@pytest.mark.parametrize("password", ["short", "x" * 2000])
def test_unusable_passwords_names_and_roles_are_refused(service: Service, password: str) -> None:
    with pytest.raises(InvalidRequestError, match="10 to 1024"):
        service.add_user("ann", "viewer", password)
    with pytest.raises(InvalidRequestError, match="can't be a name"):
        service.add_user("../ann", "viewer", PASSWORD).result(10)
    with pytest.raises(InvalidRequestError, match="there are viewer"):
        service.add_user("ann", "king", PASSWORD)
    service.add_user("ann", "viewer", PASSWORD).result(10)
    with pytest.raises(ConflictError):
        service.add_user("ann", "viewer", PASSWORD).result(10)


def test_nothing_but_hashes_reaches_the_disk_and_sessions_outlive_a_restart(
    tmp_path: Path,
) -> None:
    db = tmp_path / "studio.duckdb"
    with Engine(db, functions=FunctionRegistry(), http_tasks=False) as engine:
        engine.service.add_user("ann", "admin", PASSWORD).result(10)
        made = engine.service.create_api_key("ci", "worker").result(10)
        session = engine.service.log_in("ann", PASSWORD, "here").result(10)
        engine.service.change_user_role("ann", "viewer").result(10)
    for file in tmp_path.iterdir():
        content = file.read_bytes()
        assert PASSWORD.encode() not in content, file.name
        assert made["keySecret"].encode() not in content, file.name
    with closing(sqlite3.connect(f"{db}.journal")) as journal:
        stored = journal.execute("SELECT body FROM protected WHERE collection = 'users'").fetchone()
    assert b"$argon2id$" in stored[0]

    with Engine(db, functions=FunctionRegistry(), http_tasks=False) as engine:
        assert engine.service.caller_of_session(session, "here").role == "viewer"
        token = engine.service.exchange_key(made["keyId"], made["keySecret"], "here")
        assert engine.service.caller_of_token(token, "here").name == "ci"
        assert not any("Hash" in text for text in map(str, engine.service.users()))


def test_sessions_tokens_keys_and_open_pages_run_out() -> None:
    clock = FakeClock()
    with Engine(functions=FunctionRegistry(), http_tasks=False, clock=clock) as engine:
        service = engine.service
        service.add_user("ann", "viewer", PASSWORD).result(10)
        session = service.session_of("ann")
        page = service.acting_as(service.caller_of_session(session, "here"))
        made = service.create_api_key("ci", "worker", seconds=TOKEN_SECONDS * 3).result(10)
        given = made["keyId"], made["keySecret"], "here"
        token = service.exchange_key(*given)

        clock.move(seconds=TOKEN_SECONDS + 1)
        with pytest.raises(UnauthorizedError) as late:
            service.caller_of_token(token, "here")
        assert late.value.token_error == "EXPIRED_TOKEN"
        assert service.exchange_key(*given), "SDKs get another"
        assert page.running("x") == []

        clock.move(seconds=SESSION_SECONDS)
        with pytest.raises(UnauthorizedError, match="Time is up"):
            page.running("x")
        with pytest.raises(UnauthorizedError):
            service.caller_of_session(session, "here")
        with pytest.raises(UnauthorizedError, match="run out"):
            service.exchange_key(*given)
