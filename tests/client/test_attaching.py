"""A second process that opens a database of a running studio works through that studio."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import Engine, connect
from engine.errors import NotFoundError, StoreLockedError
from engine.functions import FunctionRegistry
from engine.http_api.server import serve_api

OWNER = """
import sys
from engine import Engine, connect
from engine.http_api.server import serve_api

with Engine(sys.argv[1], threads=0, attach=False) as engine:
    with serve_api(engine.service, port=0) as api:
        engine.publish_address(api.url)
        print(api.url, flush=True)
        sys.stdin.readline()
"""
GUEST = """
import json, sys
import engine

@engine.task(retry_count=0)
def halve(n: int) -> dict:
    if n % 2:
        raise ValueError("odd")
    return {"half": n // 2}

FLOW = {"name": "flow", "version": 1, "tasks": [{"name": "halve", "taskReferenceName": "halve",
        "type": "SIMPLE", "inputParameters": {"n": "${workflow.input.n}"}}]}
with engine.Engine(sys.argv[1]) as shop:
    shop.client.register_workflow_def(FLOW)
    done = shop.run("flow", {"n": 4})
    failed = shop.execution(shop.start("flow", {"n": 3})).wait()
    cause = failed.why().report.chains[0].cause
    frame = shop.sql("SELECT count(*) AS n FROM executions")
    print(json.dumps({"attached_to": shop.attached_to, "half": done.output, "error": cause.type,
        "line": cause.frames[-1]["function"], "count": int(frame["n"][0]),
        "id": failed.workflow_id}))
"""


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[tuple[Path, str, subprocess.Popen[str]]]:
    """A process that owns ``shop.duckdb`` and serves its API: the file and the API's root."""
    database = tmp_path / "shop.duckdb"
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield database, process.stdout.readline().strip(), process
    finally:
        process.communicate("\n", timeout=30)


def test_guest_shares_the_history_and_works_with_its_own_functions(
    owner: tuple[Path, str, subprocess.Popen[str]],
) -> None:
    database, url, _ = owner
    done = subprocess.run(
        [sys.executable, "-c", GUEST, str(database)],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told.pop("id")
    assert told == {
        "attached_to": url,
        "half": {"half": 2},
        "error": "ValueError",
        "line": "halve",
        "count": 2,
    }


def test_connect_gives_a_client_of_the_owner(
    owner: tuple[Path, str, subprocess.Popen[str]],
) -> None:
    from engine import connect

    database, url, _ = owner
    client = connect(database, threads=0)
    assert url in repr(client)
    assert client.counts() == {}
    client.close()


def test_engine_with_secrets_of_its_own_is_refused(
    owner: tuple[Path, str, subprocess.Popen[str]],
) -> None:
    database, url, _ = owner
    with pytest.raises(StoreLockedError, match="connect to"):
        Engine(database, secrets={"KEY": "x"})
    with pytest.raises(StoreLockedError) as refusal:
        Engine(database, attach=False)
    assert refusal.value.address == url


@pytest.mark.parametrize(
    "address",
    [
        "http://198.51.100.7:8080/api",
        "http://localhost.evil.example/api",
        "http://localhost@198.51.100.7/api",
        "http://[::1/api",
        "file:///etc/passwd",
    ],
)
def test_no_address_beyond_this_machine_is_attached_to(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock file may be anybody's: credentials of the environment would go where it says."""

    def locked(*_: object) -> None:
        raise StoreLockedError("somebody's", address)

    def asked(*_: object) -> None:
        raise AssertionError("asked for an address that a file gave")

    monkeypatch.setattr("engine.store.open_store", locked)
    monkeypatch.setattr("engine.client.remote.RemoteClient.__init__", asked)
    with pytest.raises(StoreLockedError, match="somebody"):
        Engine(tmp_path / "shop.duckdb", threads=0)


def test_owner_that_does_not_answer_leaves_the_refusal(tmp_path: Path) -> None:
    """Its API has gone while the lock is held: there is no way in."""
    database = tmp_path / "shop.duckdb"
    functions = FunctionRegistry()
    with Engine(database, functions=functions) as engine:
        with serve_api(engine.service, port=0) as server:
            engine.publish_address(server.url)
        code = f"import engine; engine.Engine({str(database)!r})"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=90, check=False
        )
    assert "StoreLockedError" in done.stderr
    assert "stop that process" in done.stderr


def test_connecting_to_a_database_that_is_not_there_makes_none(tmp_path: Path) -> None:
    path = tmp_path / "nope.duckdb"
    with pytest.raises(NotFoundError, match=r"no database .*nope\.duckdb.* Engine\("):
        connect(path)
    assert list(tmp_path.iterdir()) == []
    Engine(path, threads=0).close()
    client = connect(path, threads=0)
    assert client.counts() == {}
    client.close()
