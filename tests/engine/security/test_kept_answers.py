"""An answer that is at hand is given to nobody who may not have it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from asking import Asker

from engine.http_api import ApiServer
from engine.service import Service
from engine.service.access import Role

DEFINITION = {
    "name": "kept",
    "version": 1,
    "schemaVersion": 2,
    "tasks": [{"name": "hold", "taskReferenceName": "hold", "type": "WAIT"}],
}


@pytest.fixture
def server(service: Service) -> Iterator[ApiServer]:
    with ApiServer(service, port=0) as server:
        yield server


def test_every_request_is_checked_before_a_kept_answer(service: Service, server: ApiServer) -> None:
    service.create_workflow_def(DEFINITION, overwrite=True).result(10)
    workflow_id = service.start_workflow({"name": "kept", "input": {}}).result(10)
    path = f"/api/workflow/{workflow_id}"
    assert Asker(server.port)("GET", path).status == 200
    assert service.workflow_at_hand(workflow_id)

    service.create_api_key("stays", Role.ADMIN, 0).result(10)
    made = service.create_api_key("leaves", Role.VIEWER, 0).result(10)
    assert Asker(server.port)("GET", path).status == 401
    given = {"keyId": made["keyId"], "keySecret": made["keySecret"]}
    token = Asker(server.port)("POST", "/api/token", given).json["token"]
    viewer = Asker(server.port, {"X-Authorization": token})
    assert [viewer("GET", path).status for _ in range(2)] == [200, 200]

    service.revoke_api_key(made["keyId"]).result(10)
    assert viewer("GET", path).status == 401
