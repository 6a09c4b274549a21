"""A stream of events ends when its reader has lost the right to it."""

from __future__ import annotations

import http.client
from collections.abc import Iterator

import pytest
from asking import Asker

from engine.http_api import ApiServer, event_streams, handler
from engine.service import Service
from engine.service.access import Role


@pytest.fixture
def server(service: Service) -> Iterator[ApiServer]:
    with ApiServer(service, port=0) as server:
        yield server


def test_revoked_key_ends_the_stream_it_opened(
    service: Service, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_streams, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(handler, "CHECK_SECONDS", 0.1)
    service.create_api_key("stays", Role.ADMIN, 0).result(10)
    made = service.create_api_key("leaves", Role.VIEWER, 0).result(10)
    given = {"keyId": made["keyId"], "keySecret": made["keySecret"]}
    token = Asker(server.port)("POST", "/api/token", given).json["token"]

    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", "/api/executions/events", headers={"X-Authorization": token})
    stream = connection.getresponse()
    assert stream.status == 200
    beats = 0
    while beats < 6:  # it goes on while the key holds, longer than the time between two checks
        beats += stream.readline().startswith(b": heartbeat")

    service.revoke_api_key(made["keyId"]).result(10)

    with pytest.raises(http.client.IncompleteRead):
        stream.read()  # ends without a last chunk, well before the time-out of the connection
    connection.close()
    again = Asker(server.port, {"X-Authorization": token})("GET", "/api/executions/events")
    assert again.status == 401


def test_stream_without_a_key_is_refused_once_somebody_is_configured(
    service: Service, server: ApiServer
) -> None:
    service.create_api_key("someone", Role.ADMIN, 0).result(10)

    assert Asker(server.port)("GET", "/api/executions/events").status == 401
