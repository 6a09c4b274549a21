"""A real server on a free port, and plain HTTP to talk to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from door_client import Send, sender

from engine import Engine
from engine.functions import FunctionRegistry
from engine.http_api import ApiServer
from engine.service import Service


@pytest.fixture
def service() -> Iterator[Service]:
    with Engine(functions=FunctionRegistry()) as engine:
        yield engine.service


@pytest.fixture
def server(service: Service) -> Iterator[ApiServer]:
    with ApiServer(service, port=0) as server:
        yield server


@pytest.fixture
def send(server: ApiServer) -> Iterator[Send]:
    with sender(server.port) as send:
        yield send


@pytest.fixture
def flow(send: Send) -> str:
    """Name of a registered workflow of two worker tasks, ``first`` and ``second``."""
    tasks = [
        {"name": name, "taskReferenceName": f"{name}_ref", "type": "SIMPLE"}
        for name in ("first", "second")
    ]
    reply = send("POST", "/api/metadata/workflow", {"name": "flow", "version": 1, "tasks": tasks})
    assert reply.status == 200
    return "flow"
