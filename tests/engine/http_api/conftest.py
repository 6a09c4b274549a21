"""A real server on a free port, and plain HTTP to talk to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from door_client import Send, sender

from engine import Engine
from engine.functions import FunctionRegistry
from engine.http_api import ApiServer
from engine.service import Service


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Engine(functions=FunctionRegistry()) as engine:
        yield engine.service


@pytest.fixture(scope="module")
def server(service: Service) -> Iterator[ApiServer]:
    with ApiServer(service, port=0) as server:
        yield server


@pytest.fixture
def send(server: ApiServer) -> Iterator[Send]:
    with sender(server.port) as send:
        yield send


@pytest.fixture
def flow(send: Send, service: Service) -> Iterator[str]:
    """Name of a workflow of two worker tasks, ``first`` and ``second``; gone after the test."""
    tasks = [
        {"name": name, "taskReferenceName": f"{name}_ref", "type": "SIMPLE"}
        for name in ("first", "second")
    ]
    reply = send("POST", "/api/metadata/workflow", {"name": "flow", "version": 1, "tasks": tasks})
    assert reply.status == 200
    yield "flow"
    for line in service.search_workflows(query="workflowType=flow")["results"]:
        service.remove(line["workflowId"], archive=False).result()
    service.delete_workflow_def("flow", 1).result()
