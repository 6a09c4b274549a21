"""One client per back end: an engine in this process, our server, our server taken for a plain
Conductor, a real Conductor.

The real one is started by ``shared/conformance/oracle.sh`` elsewhere and named by
``CONDUCTOR_ORACLE_URL``; without that its leg skips. Names of definitions differ per test, since
that server keeps what others register and an engine is shared by the tests of a file.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest
from client_stories import Names

from engine import Engine
from engine.client import Client
from engine.client.remote import RemoteClient
from engine.functions import FunctionRegistry
from engine.http_api.server import serve_api

ORACLE_URL = os.environ.get("CONDUCTOR_ORACLE_URL", "")


@pytest.fixture(
    scope="module",
    params=["local", "remote", "plain", pytest.param("conductor", marks=pytest.mark.long)],
)
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    if request.param == "conductor":
        if not ORACLE_URL:
            pytest.skip(
                "needs a real Conductor: start shared/conformance/oracle.sh (JDK 21 or newer) "
                "and name it in CONDUCTOR_ORACLE_URL"
            )
        client = RemoteClient(ORACLE_URL)
        yield client
        client.close()
        return
    with Engine(threads=0, http_tasks=False, functions=FunctionRegistry()) as engine:
        if request.param == "local":
            yield engine.client
            return
        with serve_api(engine.service, port=0) as server:
            plain = frozenset[str]() if request.param == "plain" else None
            client = RemoteClient(server.url, capabilities=plain)
            yield client
            client.close()


@pytest.fixture
def unique() -> str:
    """A suffix for names of definitions."""
    return uuid.uuid4().hex[:8]


@pytest.fixture
def names(client: Client, unique: str) -> Iterator[Names]:
    """Names of this test's definitions; what was registered is taken away again."""
    names = Names(f"flow_{unique}", f"first_{unique}", f"second_{unique}")
    yield names
    for definition in client.workflow_defs():
        if definition.name == names.flow:
            client.delete_workflow_def(names.flow, definition.version)
    for definition in client.task_defs():
        if definition.name in names:
            client.delete_task_def(definition.name)
