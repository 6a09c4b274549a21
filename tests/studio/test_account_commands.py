"""Users, keys, secrets and the audit from the command line, on a real database."""

from __future__ import annotations

import io
import re

import pytest

from engine import Engine
from engine.functions import FunctionRegistry
from studio.command import main

PASSWORD = "correct horse battery"


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """``run(*words, typed="…")``: exit status, output, errors."""

    def run(*words, typed=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(typed + "\n"))
        status = main([*words, "--db", str(tmp_path / "s.duckdb")])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


@pytest.fixture
def engine(tmp_path):
    return lambda: Engine(tmp_path / "s.duckdb", functions=FunctionRegistry(), http_tasks=False)


def test_person_that_was_added_may_log_in_until_they_are_taken_out(run, engine):
    assert run("user", "add", "ann", "--role", "operator", typed=PASSWORD)[0] == 0
    assert "ann  operator" in run("user", "list")[1]
    with engine() as studio:
        session = studio.service.log_in("ann", PASSWORD, "here").result(10)
        assert studio.service.caller_of_session(session, "here").role == "operator"
    assert run("user", "role", "ann", "viewer")[0] == 0
    assert run("user", "password", "ann", typed=PASSWORD + "!")[0] == 0
    with engine() as studio:
        assert studio.service.log_in("ann", PASSWORD + "!", "here").result(10)
        assert studio.service.users()[0]["role"] == "viewer"
    assert run("user", "remove", "ann")[0] == 0
    with engine() as studio:
        assert studio.service.needs_login() is False


def test_key_works_until_it_is_revoked_and_its_secret_is_told_once(run, engine):
    said = run("token", "create", "ci", "--role", "worker", "--days", "3")[1]
    key, secret = re.findall(r"CONDUCTOR_AUTH_(?:KEY|SECRET)=(\S+)", said)
    with engine() as studio:
        token = studio.service.exchange_key(key, secret, "here")
        assert studio.service.caller_of_token(token, "here").role == "worker"
    listed = run("token", "list")[1]
    assert key in listed
    assert secret not in listed
    assert run("token", "revoke", key)[0] == 0
    assert run("token", "revoke", key)[0] == 2


def test_secret_is_stored_with_a_key_drawn_for_it(run, engine):
    assert run("secret", "set", "api_token", typed="s3cr3t-value")[0] == 0
    assert run("secret", "list")[1].split() == ["api_token"]
    with engine() as studio:
        assert studio.service.secret_names() == ["api_token"]
        assert studio.service.secrets_are_writable()
    assert run("secret", "remove", "api_token")[0] == 0
    assert "No secrets" in run("secret", "list")[1]


def test_audit_tells_what_the_commands_did(run):
    run("user", "add", "ann", "--role", "admin", typed=PASSWORD)
    run("secret", "set", "api_token", typed="s3cr3t-value")
    said = run("audit")[1]

    assert [line.split()[-2:] for line in said.splitlines()] == [
        ["set_secret", "secrets/api_token"],
        ["add_user", "users/ann"],
    ]
    assert "s3cr3t" not in run("audit", "--json")[1]


@pytest.mark.parametrize(
    ("words", "typed", "why"),
    [
        (("user", "add", "ann", "--role", "admin"), "short", "10 to 1024"),
        (("user", "remove", "bob"), "", "no user 'bob'"),
        (("token", "create", "a b", "--role", "worker"), "", "can't be a name"),
        (("secret", "set", "a b"), "x", "can't be a secret's name"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(run, words, typed, why):
    status, _, said = run(*words, typed=typed)

    assert status == 2
    assert why in said
    assert "Traceback" not in said


def test_running_studio_is_named_with_the_way_on(run, engine):
    with engine():
        status, _, said = run("user", "list")

    assert status == 2
    assert "/api/access/users" in said
