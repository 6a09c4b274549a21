"""Stored secrets: sealed on disk, handed to workers, seen nowhere else."""

from __future__ import annotations

import json
import logging
import secrets
import stat
from pathlib import Path
from typing import Any

import pytest
from asking import Asker

from engine import Engine
from engine.errors import InvalidRequestError, UnsupportedError
from engine.functions import FunctionRegistry
from engine.http_api import ApiServer
from engine.http_api.routes import ROUTES
from engine.runtime.vault import KEY_BYTES, find_key
from engine.service import Service

NEEDLE = "tr0ub4dor-and-3-needles-in-a-haystack"
KEY = secrets.token_bytes(KEY_BYTES)


def flow(name: str) -> dict[str, Any]:
    given = {"token": "${workflow.secrets.needle}", "text": "Bearer ${workflow.secrets.needle}"}
    return {
        "name": name,
        "version": 1,
        "tasks": [
            {
                "name": "call",
                "taskReferenceName": "call",
                "type": "SIMPLE",
                "inputParameters": given,
            },
            {
                "name": "script",
                "taskReferenceName": "script",
                "type": "INLINE",
                "inputParameters": {
                    "evaluatorType": "javascript",
                    "expression": "$.token + '!'",
                    "token": "${workflow.secrets.needle}",
                },
            },
        ],
        "outputParameters": {"said": "${call.output.said}", "script": "${script.output.result}"},
    }


def engine_on(db: Path, key: bytes | None = KEY) -> Engine:
    return Engine(db, functions=FunctionRegistry(), secrets_key=key)


def work_through(service: Service, name: str, status: str) -> tuple[str, dict[str, Any]]:
    """Run the flow with a worker that repeats its secret wherever it can."""
    service.create_workflow_def(flow(name)).result(10)
    workflow_id = service.start_workflow({"name": name}).result(10)
    task = service.poll("call", "w").result(10)[0]
    service.add_log(task["taskId"], f"sent {NEEDLE}").result(10)
    result = {
        "workflowInstanceId": workflow_id,
        "taskId": task["taskId"],
        "status": status,
        "reasonForIncompletion": f"refused {NEEDLE}",
        "outputData": {"said": f"I got {NEEDLE}", "deep": [{NEEDLE: NEEDLE}]},
        "logs": [{"log": f"with {NEEDLE}", "createdTime": 1}],
    }
    service.update_task(result).result(10)
    return workflow_id, task


def test_planted_secret_is_in_no_file_and_no_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answers: list[bytes] = []
    with engine_on(tmp_path / "s.duckdb") as engine:
        service = engine.service
        service.set_secret("needle", NEEDLE).result(10)
        done, task = work_through(service, "fine", "COMPLETED")
        assert task["inputData"] == {"token": NEEDLE, "text": f"Bearer {NEEDLE}"}
        failed, _ = work_through(service, "broken", "FAILED_WITH_TERMINAL_ERROR")
        engine.wait(done, 20)
        with ApiServer(service, port=0) as server:
            ask = Asker(server.port)
            for workflow_id in (done, failed):
                for route in ROUTES:
                    if route.method != "GET" or route.is_endless:
                        continue
                    path = route.path.replace("{workflowId}", workflow_id)
                    path = path.replace("{taskId}", task["taskId"]).replace("{key}", "needle")
                    answers.append(ask("GET", path.replace("{", "").replace("}", "")).body)
                    answers.append(ask("GET", f"{path}?includeTasks=true&size=99").body)
        for table in ("events", "executions", "tasks", "logs", "payloads", "metadata_log"):
            answers.append(repr(service.query(f"SELECT * FROM {table}")).encode())
        answers.append(repr(service.failure(failed).result(10)).encode())
        answers.append(repr(service.audit()).encode())
        shown = json.loads(ApiAnswer(answers).of(done))
        assert shown["output"] == {"said": "I got •••", "script": "•••!"}

    everything = b"\n".join(answers)
    assert b"\xe2\x80\xa2" in everything, "it was there, and was masked"
    assert NEEDLE.encode() not in everything
    assert NEEDLE not in caplog.text
    for file in tmp_path.iterdir():
        assert NEEDLE.encode() not in file.read_bytes(), file.name


class ApiAnswer:
    """Finds the answer that is one execution."""

    def __init__(self, answers: list[bytes]) -> None:
        self.answers = answers

    def of(self, workflow_id: str) -> bytes:
        wanted = b'"workflowId":"%s"' % workflow_id.encode()
        return next(a for a in self.answers if wanted in a and a[:1] == b"{" and b'"tasks"' in a)


def test_stored_secret_outlives_the_process_and_wins_over_the_environment(tmp_path: Path) -> None:
    db = tmp_path / "s.duckdb"
    with engine_on(db) as engine:
        engine.service.set_secret("needle", NEEDLE).result(10)
        engine.service.set_secret("other", "x").result(10)
        engine.service.delete_secret("other").result(10)
    given = {"needle": "of the environment", "plain": "y"}
    with Engine(db, functions=FunctionRegistry(), secrets=given, secrets_key=KEY) as engine:
        assert engine.service.secret_names() == ["needle", "plain"]
        assert engine._runtime.vault["needle"] == NEEDLE
        assert NEEDLE not in repr(engine._runtime.vault)


def test_wrong_key_is_refused_and_no_key_leaves_them_shut(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    db = tmp_path / "s.duckdb"
    with engine_on(db) as engine:
        engine.service.set_secret("needle", NEEDLE).result(10)
    with pytest.raises(InvalidRequestError, match="does not open"):
        engine_on(db, secrets.token_bytes(KEY_BYTES))
    with engine_on(db, None) as engine:
        assert engine.service.secret_names() == []
        assert "there is no key" in caplog.text
        with pytest.raises(UnsupportedError, match="secret set"):
            engine.service.set_secret("more", "x").result(10)


def test_sealed_text_of_one_secret_cannot_be_put_in_anothers_place(tmp_path: Path) -> None:
    import sqlite3
    from contextlib import closing

    db = tmp_path / "s.duckdb"
    with engine_on(db) as engine:
        engine.service.set_secret("needle", NEEDLE).result(10)
        engine.service.set_secret("shown", "harmless").result(10)
    with closing(sqlite3.connect(f"{db}.journal")) as journal, journal:
        journal.execute(
            "UPDATE protected SET seal = NULL, "
            "body = (SELECT body FROM protected WHERE key = 'needle') WHERE key = 'shown'"
        )
    with pytest.raises(InvalidRequestError, match="'shown'"):
        engine_on(db)


def test_key_file_is_its_owners_alone(tmp_path: Path) -> None:
    db = tmp_path / "s.duckdb"
    assert find_key(db) is None
    key = find_key(db, create=True)
    path = tmp_path / "s.duckdb.secrets-key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert find_key(db) == key
    path.chmod(0o644)
    with pytest.raises(InvalidRequestError, match="chmod 600"):
        find_key(db)


def test_key_of_the_environment_comes_first_and_must_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONDUCTOR_STUDIO_SECRETS_KEY", "c2hvcnQ=")
    with pytest.raises(InvalidRequestError, match="32 bytes"):
        find_key(tmp_path / "s.duckdb")


def test_routes_write_only_where_there_is_a_key(service: Service, tmp_path: Path) -> None:
    with ApiServer(service, port=0) as server:
        ask = Asker(server.port)
        for method in ("PUT", "DELETE"):
            reply = ask(method, "/api/secrets/needle", "x")
            assert (reply.status, reply.body) == (501, b"env-backed secrets are read-only")
    with engine_on(tmp_path / "s.duckdb") as engine, ApiServer(engine.service, port=0) as server:
        ask = Asker(server.port)
        json_type = {"Content-Type": "application/json"}
        assert ask("PUT", "/api/secrets/needle", json.dumps(NEEDLE), json_type).status == 200
        assert ask("PUT", "/api/secrets/bare", NEEDLE).status == 200
        assert ask("PUT", "/api/secrets/bad%20name", NEEDLE).status == 400
        assert engine._runtime.vault == {"needle": NEEDLE, "bare": NEEDLE}
        assert ask("GET", "/api/secrets").json == ["bare", "needle"]
        assert ask("DELETE", "/api/secrets/bare").status == 200
        assert ask("DELETE", "/api/secrets/bare").status == 404
        assert [row.object for row in engine.service.audit()] == [
            "secrets/bare", "secrets/bare", "secrets/needle",
        ]  # fmt: skip
