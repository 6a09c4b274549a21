"""Clients in another process than the engine: workers, and one who starts until it is told so."""

from __future__ import annotations

import http.client
import json
import random
import threading
import uuid
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from crash_flows import REMOTE_TASK
from side_file import SideFile

_TROUBLE = (OSError, ValueError, http.client.HTTPException)
"""Nobody is there, or was killed in the midst of an answer."""
_STARTED_FLOW = "crash_retries"


class Clients:
    """Threads that talk to whatever engine is at the address in a folder. A context manager."""

    def __init__(self, folder: Path, seed: int, workers: int, starters: int = 0) -> None:
        """Threads of their own for ``workers`` and ``starters``; ``seed`` chooses what they do."""
        self._folder = folder
        self._side = SideFile(folder / "parent.jsonl")
        self._closing = threading.Event()
        runs = [self._work] * workers + [self._start] * starters
        self._threads = [
            threading.Thread(target=self._run, args=(run, seed * 100 + number), daemon=True)
            for number, run in enumerate(runs)
        ]

    def __enter__(self) -> Self:
        """Begin."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop and wait for the threads."""
        self.stop_starting()
        self._closing.set()
        for thread in self._threads:
            thread.join(15)
        self._side.close()

    def stop_starting(self) -> None:
        """Nothing new from now on; workers go on."""
        self._no_more = True

    _no_more = False

    def _run(self, round_of: Any, seed: int) -> None:
        chance = random.Random(seed)
        memory: dict[str, Any] = {}
        while not self._closing.is_set():
            try:
                address = (self._folder / "url").read_text(encoding="utf-8")
                connection = _Connection(address)
            except _TROUBLE:
                self._closing.wait(0.01)
                continue
            try:
                while not self._closing.is_set():
                    round_of(connection, chance, memory)
            except _TROUBLE:
                self._closing.wait(0.01)
            finally:
                connection.close()

    def _work(self, connection: _Connection, chance: random.Random, _: dict[str, Any]) -> None:
        for task in connection.get(f"/tasks/poll/batch/{REMOTE_TASK}?count=10&timeout=100"):
            self._update(connection, task)
            if chance.random() < 0.3:  # says it again, with another result
                self._update(connection, task)

    def _update(self, connection: _Connection, task: dict[str, Any]) -> None:
        facts = {
            "workflow_id": task["workflowInstanceId"],
            "task_id": task["taskId"],
            "status": "COMPLETED",
            "proof": str(uuid.uuid4()),
        }
        body = {
            "workflowInstanceId": facts["workflow_id"],
            "taskId": facts["task_id"],
            "status": "COMPLETED",
            "workerId": "remote",
            "outputData": {"proof": facts["proof"]},
        }
        self._side.note("sent", **facts)
        connection.post("/tasks", body)
        self._side.note("updated", **facts)

    def _start(
        self, connection: _Connection, chance: random.Random, memory: dict[str, Any]
    ) -> None:
        """Start under one key until it is acknowledged, over as many crashes as it takes."""
        if self._no_more and "key" not in memory:
            self._closing.wait(0.05)
            return
        key = memory.setdefault("key", str(uuid.UUID(int=chance.getrandbits(128))))
        body = {
            "name": _STARTED_FLOW,
            "version": 1,
            "input": {"number": chance.randrange(1000)},
            "idempotencyKey": key,
            "idempotencyStrategy": "RETURN_EXISTING",
        }
        workflow_id = connection.post("/workflow", body).decode()
        self._side.note("started", workflow_id=workflow_id, number=-1, name=_STARTED_FLOW, key=key)
        del memory["key"]
        self._closing.wait(0.02)


class _Connection:
    """One kept connection to an API."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._path = parts.path
        self._http = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
        self._http.connect()

    def get(self, path: str) -> Any:
        """JSON of an answer."""
        return json.loads(self._ask("GET", path, None))

    def post(self, path: str, body: dict[str, Any]) -> bytes:
        """The answer to a JSON body."""
        return self._ask("POST", path, json.dumps(body).encode())

    def _ask(self, method: str, path: str, body: bytes | None) -> bytes:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        self._http.request(method, self._path + path, body, headers)
        answer = self._http.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise OSError(f"{method} {path} answered {answer.status}: {text[:200]!r}")
        return text

    def close(self) -> None:
        """Close the connection."""
        self._http.close()
