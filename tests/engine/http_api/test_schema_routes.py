"""The schema registry over HTTP, as plain requests and as the Python SDK calls it."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Iterator
from typing import Any

import pytest
from door_client import Send

from engine.http_api import ApiServer

Wire = dict[str, Any]

DATA: Wire = {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}


def schema(name: str, **more: Any) -> Wire:
    return {"name": name, "type": "JSON", "data": DATA, **more}


@pytest.fixture(autouse=True)
def _empty(send: Send) -> Iterator[None]:
    yield
    for line in send("GET", "/api/schema?short=true").json:
        send("DELETE", f"/api/schema/{line['name']}/{line['version']}")


def test_schema_is_saved_alone_or_in_a_list_and_read_back(send: Send) -> None:
    assert send("POST", "/api/schema", schema("one")).status == 200
    assert send("POST", "/api/schema", [schema("two"), schema("two", version=2)]).body == b""

    found = send("GET", "/api/schema/two").json
    assert (found["version"], found["data"], found["updateTime"]) == (2, DATA, 0)
    assert found["createTime"] > 0
    assert send("GET", "/api/schema/two/1").json["version"] == 1
    listed = send("GET", "/api/schema?short=true").json
    assert listed == [
        {"createTime": 0, "updateTime": 0, "name": name, "version": version}
        for name, version in (("one", 1), ("two", 1), ("two", 2))
    ]
    assert [s["data"] for s in send("GET", "/api/schema").json] == [DATA] * 3


def test_new_version_is_stored_past_the_highest_one(send: Send) -> None:
    send("POST", "/api/schema", schema("grown", version=4))
    send("POST", "/api/schema?newVersion=true", schema("grown"))
    send("POST", "/api/schema?newVersion=true", [schema("grown"), schema("fresh")])
    versions = [(s["name"], s["version"]) for s in send("GET", "/api/schema?short=true").json]
    assert versions == [("fresh", 1), ("grown", 4), ("grown", 5), ("grown", 6)]


def test_saved_again_keeps_its_birth_and_notes_the_change(send: Send) -> None:
    send("POST", "/api/schema", schema("again"))
    first = send("GET", "/api/schema/again").json
    time.sleep(0.002)
    send("POST", "/api/schema", schema("again", data={"type": "string"}))
    second = send("GET", "/api/schema/again").json
    assert second["createTime"] == first["createTime"] < second["updateTime"]
    assert second["data"] == {"type": "string"}


def test_delete_takes_one_version_or_all_and_says_when_there_was_none(send: Send) -> None:
    send("POST", "/api/schema", [schema("gone", version=n) for n in (1, 2, 3)])
    assert send("DELETE", "/api/schema/gone/2").status == 200
    assert [s["version"] for s in send("GET", "/api/schema?short=true").json] == [1, 3]
    assert send("DELETE", "/api/schema/gone").status == 200
    for method in ("GET", "DELETE"):
        reply = send(method, "/api/schema/gone")
        assert (reply.status, reply.json["message"]) == (404, "No such schema found by name gone")
    assert send("GET", "/api/schema/gone/2").json["message"].endswith("gone and version 2")


@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        ({"type": "JSON", "data": DATA}, "save.arg0.name", "cannot be null or empty"),
        (schema("x", type=None), "save.arg0.type", "one of JSON, AVRO, PROTOBUF"),
        (schema("x", data=None), "save.arg0.data", "unless externalRef"),
        (schema("x", data={"type": "nonsense"}), "save.arg0.data", "no JSON Schema"),
        (schema("x", data={"$ref": "http://127.0.0.1/x"}), "save.arg0.data", "is not fetched"),
        ([schema("x"), schema("x", version=0)], "save.arg0[1].version", "at least 1"),
    ],
)
def test_schema_that_is_none_is_refused_with_its_place(
    send: Send, body: Any, path: str, message: str
) -> None:
    reply = send("POST", "/api/schema", body)
    assert reply.status == 400
    (error,) = reply.json["validationErrors"]
    assert error["path"] == path
    assert message in error["message"]
    assert send("GET", "/api/schema").json == []


@pytest.mark.parametrize("body", ['"text"', "[1]", "[]", "{"])
def test_body_of_another_shape_is_400(send: Send, body: str) -> None:
    assert send("POST", "/api/schema", body).status == 400


def test_definition_with_a_schema_that_is_none_is_refused(send: Send) -> None:
    bad = schema("x", data={"type": "nonsense"})
    task = {"name": "t", "taskReferenceName": "t", "type": "SIMPLE"}
    flow = {"name": "schema_flow", "tasks": [task], "inputSchema": bad}
    for method, path, body in (
        ("POST", "/api/metadata/workflow", flow),
        ("PUT", "/api/metadata/workflow", [flow]),
        ("POST", "/api/metadata/taskdefs", [{"name": "t", "outputSchema": bad}]),
        ("POST", "/api/workflow", {"name": "schema_flow", "workflowDef": flow, "input": {}}),
    ):
        reply = send(method, path, body)
        assert reply.status == 400, path
        assert "no JSON Schema" in reply.json["validationErrors"][0]["message"]


def test_start_with_an_input_that_does_not_fit_is_400(send: Send) -> None:
    task = {"name": "t", "taskReferenceName": "t", "type": "SIMPLE"}
    flow = {"name": "schema_flow", "tasks": [task], "inputSchema": {"name": "in", "version": 1}}
    send("POST", "/api/schema", schema("in"))
    send("POST", "/api/metadata/workflow?overwrite=true", flow)
    refused = send("POST", "/api/workflow/schema_flow", {"id": "seven"})
    assert (refused.status, refused.json["message"]) == (
        400,
        "Input of workflow 'schema_flow' does not fit schema 'in' version 1: "
        "id: found the text 'seven', expected type integer",
    )
    assert send("POST", "/api/workflow/schema_flow", {"id": 7}).status == 200
    send("DELETE", "/api/metadata/workflow/schema_flow/1")


@pytest.mark.skipif(
    importlib.util.find_spec("conductor") is None, reason="needs the package conductor-python"
)
def test_python_sdk_registers_reads_and_deletes_schemas(server: ApiServer) -> None:
    from conductor.client.configuration.configuration import Configuration
    from conductor.client.http.models.schema_def import SchemaDef, SchemaType
    from conductor.client.orkes.orkes_schema_client import OrkesSchemaClient

    client = OrkesSchemaClient(Configuration(server_api_url=server.url))
    client.register_schema(SchemaDef(name="sdk", version=1, type=SchemaType.JSON, data=DATA))

    assert client.get_schema("sdk", 1).data == DATA
    assert [found.name for found in client.get_all_schemas()] == ["sdk"]
    client.delete_schema("sdk", 1)
    assert client.get_all_schemas() == []
