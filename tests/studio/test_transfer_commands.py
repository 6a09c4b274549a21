"""``import`` and ``publish``: executions come here, definitions go there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine import Engine
from engine.errors import InvalidRequestError
from engine.functions import FunctionRegistry, task
from engine.http_api.server import serve_api
from engine.models.definitions import WorkflowDef
from engine.publishing import plan_publication
from studio.command import main

CHILD = {
    "name": "line_item",
    "version": 1,
    "tasks": [{"name": "charge", "taskReferenceName": "charge", "type": "SIMPLE"}],
}
PARENT = {
    "name": "order_flow",
    "version": 7,
    "tasks": [
        {
            "name": "fulfil",
            "taskReferenceName": "fulfil",
            "type": "SUB_WORKFLOW",
            "subWorkflowParam": {"name": "line_item", "version": 1},
        }
    ],
}


@pytest.fixture(scope="module")
def there() -> Iterator[tuple[Engine, str]]:
    """A server with three orders, each with a sub-workflow: the engine and its API's root."""
    functions = FunctionRegistry()

    @task(registry=functions)
    def charge() -> dict[str, Any]:
        return {"receipt": "r"}

    with Engine(functions=functions, http_tasks=False) as engine:
        for definition in (CHILD, PARENT):
            engine.client.register_workflow_def(definition)
        for number in range(3):
            engine.run("order_flow", {"n": number}, correlation_id=f"c{number}")
        with serve_api(engine.service, port=0) as server:
            yield engine, server.url


def rows(database: Path) -> list[tuple[str, str]]:
    with Engine(database, threads=0) as engine:
        frame = engine.sql(
            "SELECT workflow_type, status FROM executions WHERE NOT removed ORDER BY ALL"
        )
        return list(frame.itertuples(index=False, name=None))


def test_executions_of_a_server_are_imported_once(there, tmp_path, capsys) -> None:
    database = tmp_path / "copies.duckdb"
    arguments = ["import", there[1], "--query", "workflowType='order_flow'", "--db", str(database)]
    assert main(arguments) == 0
    assert "6 executions" in (said := capsys.readouterr().out)
    assert "6 imported" in said
    assert rows(database) == [("line_item", "COMPLETED")] * 3 + [("order_flow", "COMPLETED")] * 3

    assert main(arguments) == 0
    assert "6 unchanged" in capsys.readouterr().out


def test_sub_workflow_comes_with_what_it_is_part_of(there, tmp_path, capsys) -> None:
    database = tmp_path / "copies.duckdb"
    query = ["--query", "workflowType='line_item'", "--limit", "1"]
    assert main(["import", there[1], *query, "--db", str(database)]) == 0
    assert "2 imported" in capsys.readouterr().out
    with Engine(database, threads=0) as engine:
        paths = engine.sql("SELECT path FROM tasks WHERE task_type = 'charge'")["path"]
    assert list(paths) == ["order_flow/fulfil/charge"]


def test_file_of_executions_is_imported(there, tmp_path, capsys) -> None:
    client = there[0].client
    ids = [line.workflow_id for line in client.search()]
    file = tmp_path / "executions.json"
    file.write_text(json.dumps([client.workflow(one).to_wire() for one in reversed(ids)]))
    database = tmp_path / "copies.duckdb"
    assert main(["import", str(file), "--db", str(database)]) == 0
    assert "6 imported" in capsys.readouterr().out
    assert len(rows(database)) == 6


@pytest.mark.parametrize("text", ["{}", "[]", '[{"workflowId": "a"}, 7]', '{"results": []}'])
def test_file_without_executions_is_refused(text, tmp_path, capsys) -> None:
    file = tmp_path / "other.json"
    file.write_text(text)
    assert main(["import", str(file), "--db", str(tmp_path / "x.duckdb")]) == 2
    assert "holds no executions" in capsys.readouterr().err
    assert not (tmp_path / "x.duckdb").exists()


def test_definition_is_published_with_its_difference(there, tmp_path, capsys) -> None:
    engine, url = there
    file = tmp_path / "flow.json"
    new = {"name": "fresh", "version": 1, "tasks": CHILD["tasks"]}
    changed = {**CHILD, "description": "one line of an order"}
    file.write_text(json.dumps([new, changed]))

    assert main(["publish", str(file), "--connect", url]) == 2  # nobody there to say yes
    assert "--yes" in capsys.readouterr().err
    assert engine.client.workflow_def("line_item").description is None

    assert main(["publish", str(file), "--connect", url, "--yes"]) == 0
    said = capsys.readouterr().out
    assert "workflow fresh version 1: new" in said
    assert '+  "description": "one line of an order"' in said
    assert engine.client.workflow_def("line_item").description == "one line of an order"

    assert main(["publish", str(file), "--connect", url, "--yes"]) == 0
    assert "has all of that already" in capsys.readouterr().out


def test_definition_of_the_database_is_published_with_its_task_definitions(
    there, tmp_path, capsys
) -> None:
    engine, url = there
    database = tmp_path / "designs.duckdb"
    with Engine(database, threads=0) as mine:
        tasks = [{"name": "pack", "taskReferenceName": "pack", "type": "SIMPLE"}]
        mine.client.register_workflow_def({"name": "packing", "version": 2, "tasks": tasks})
        mine.client.register_task_defs([{"name": "pack", "retryCount": 5}])
    assert main(["publish", "packing", "--db", str(database), "--connect", url, "--yes"]) == 0
    assert "2 definitions published" in capsys.readouterr().out
    assert engine.client.workflow_def("packing").version == 2
    assert engine.client.task_def("pack").retry_count == 5


def test_stamps_of_a_server_are_no_difference(there) -> None:
    client = there[0].client
    mine = WorkflowDef.from_wire(PARENT)
    (change,) = plan_publication(client, [mine])
    assert change.is_empty
    assert change.diff == []


def test_file_that_is_too_large_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("studio.import_command.MOST_BYTES", 100)
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("it was read"))
    file = tmp_path / "executions.json"
    file.write_text(" " * 101)

    assert main(["import", str(file), "--db", str(tmp_path / "x.duckdb")]) == 2
    assert "101 bytes; 100 are the limit" in capsys.readouterr().err


@pytest.mark.parametrize("workflow_id", ["x" * 256, "a\x00b", "line\nbreak", "\u202eodd"])
def test_execution_with_an_odd_id_is_not_taken_over(workflow_id: str) -> None:
    wire = {"workflowId": workflow_id, "workflowDefinition": CHILD, "tasks": []}
    with (
        Engine(functions=FunctionRegistry(), http_tasks=False) as engine,
        pytest.raises(InvalidRequestError, match="printable"),
    ):
        engine.service.import_execution(wire)
