"""Payloads above the threshold: outside the journal and the history, whole for everybody else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine import Engine
from engine.core.payloads import EXTERNAL, places
from engine.errors import InvalidRequestError, NotFoundError, StoreCorruptError
from engine.functions import FunctionRegistry
from engine.store import open_store
from engine.store.external import ExternalPayloads
from engine.store.opening import with_payloads
from engine.store.payload_storage import FolderStorage, MemoryStorage, PayloadStorage, checked_name
from engine.testing.inline import InlineEngine

Wire = dict[str, Any]

LARGE: Wire = {"text": "x" * (3 * 1024 * 1024), "n": 7}
FLOW: Wire = {
    "name": "flow",
    "version": 1,
    "tasks": [
        {"name": "first", "taskReferenceName": "first", "type": "SIMPLE"},
        {
            "name": "second",
            "taskReferenceName": "second",
            "type": "SIMPLE",
            "inputParameters": {"n": "${first.output.n}", "all": "${first.output}"},
        },
    ],
    "outputParameters": {"n": "${second.input.n}"},
}


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "s.duckdb"


def opened(db: Path) -> InlineEngine:
    return InlineEngine(FLOW, store=with_payloads(open_store(db), db))


@pytest.fixture
def engine(db: Path) -> Iterator[InlineEngine]:
    with opened(db) as engine:
        yield engine


def files(db: Path) -> list[str]:
    folder = db.with_name("s.duckdb.payloads")
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_large_output_is_a_file_and_the_journal_stays_small(engine: InlineEngine, db: Path) -> None:
    execution = engine.start("flow")
    engine.complete("first", LARGE)

    inner = engine.store._store  # type: ignore[attr-defined]
    written = [event for event in inner.events(execution) if places(event)]
    assert [(e.kind, list(places(e))) for e in written] == [
        ("TaskCompleted", ["output"]),
        ("TaskScheduled", ["input"]),
    ]
    assert len(files(db)) == 2
    assert sum(p.stat().st_size for p in db.parent.glob("s.duckdb.journal*")) < 1024 * 1024


def test_events_are_whole_when_they_are_read(engine: InlineEngine) -> None:
    execution = engine.start("flow")
    engine.complete("first", LARGE)
    done = next(e for e in engine.events(execution) if e.kind == "TaskCompleted")
    assert done.data["output"] == LARGE
    assert done.data[EXTERNAL] == {"output": f"task/output/{execution}/{done.number}.json"}
    assert [event for _, event in engine.store.events_after(0, 100)] == engine.events(execution)


def test_expressions_and_workers_have_the_payload_after_a_restart(
    engine: InlineEngine, db: Path
) -> None:
    execution = engine.start("flow")
    engine.complete("first", LARGE)
    engine.reopen()
    task = engine.complete("second")
    assert task["inputData"] == {"n": 7, "all": LARGE}
    assert "externalInputPayloadStoragePath" not in task
    assert engine.state(execution).output == {"n": 7}


def test_api_names_the_path_in_the_place_of_the_payload(engine: InlineEngine) -> None:
    execution = engine.start("flow")
    engine.complete("first", LARGE)
    wire = engine.service.workflow(execution, whole=False).result(5)
    first, second = wire["tasks"]
    assert first["outputData"] == {}
    assert first["externalOutputPayloadStoragePath"].startswith(f"task/output/{execution}/")
    assert second["inputData"] == {}
    assert second["externalInputPayloadStoragePath"].startswith(f"task/input/{execution}/")
    assert engine.service.workflow(execution).result(5)["tasks"][0]["outputData"] == LARGE


def test_small_output_after_a_large_one_is_in_the_record_again(engine: InlineEngine) -> None:
    execution = engine.start("flow")
    task = engine.take("first")
    engine.report(task, "IN_PROGRESS", outputData=LARGE)
    engine.report(task, "COMPLETED", outputData={"n": 1})
    wire = engine.service.workflow(execution, whole=False).result(5)
    assert wire["tasks"][0]["outputData"] == {"n": 1}
    assert "externalOutputPayloadStoragePath" not in wire["tasks"][0]


def test_large_input_and_output_of_an_execution_are_outside_too(
    engine: InlineEngine, db: Path
) -> None:
    body = {**FLOW, "name": "echo", "outputParameters": {"all": "${workflow.input}"}}
    body["tasks"] = [{"name": "t", "taskReferenceName": "t", "type": "NOOP"}]
    engine.register(body)
    given = {"text": "y" * (6 * 1024 * 1024)}
    execution = engine.start("echo", given)
    wire = engine.service.workflow(execution, whole=False).result(5)
    assert (wire["input"], wire["output"]) == ({}, {})
    assert wire["externalInputPayloadStoragePath"] == f"workflow/input/{execution}/1.json"
    assert engine.state(execution).output == {"all": given}
    row = engine.store.query("SELECT input, output FROM executions")[0]
    assert "externalPayloadStoragePath" in row["input"]


def test_rows_are_the_same_when_they_are_rebuilt(engine: InlineEngine) -> None:
    from engine.core.projection import projector

    engine.start("flow")
    engine.complete("first", LARGE)
    engine.complete("second")
    sql = "SELECT reference_task_name, input_data, output_data FROM tasks ORDER BY seq"
    before = engine.store.query(sql)
    engine.store.rebuild(projector(engine.registry.definition_of))
    assert engine.store.query(sql) == before
    assert "externalPayloadStoragePath" in before[0]["output_data"]


def test_payloads_go_with_their_execution(engine: InlineEngine, db: Path) -> None:
    execution = engine.start("flow")
    engine.complete("first", LARGE)
    engine.service.remove(execution, archive=False).result(5)
    assert files(db) == []


class Stubborn(MemoryStorage):
    """A storage that lets nothing be deleted, as a bucket without that right."""

    def delete_execution(self, workflow_id: str) -> None:
        raise PermissionError("not allowed to delete")


def test_payloads_that_cannot_be_deleted_do_not_stop_the_engine(
    db: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with InlineEngine(FLOW, store=ExternalPayloads(open_store(db), Stubborn())) as engine:
        execution = engine.start("flow")
        engine.complete("first", LARGE)
        engine.service.remove(execution, archive=False).result(5)
        assert engine.start("flow")
        assert engine.service.health()["healthy"]
    assert "not allowed to delete" in caplog.text


@pytest.mark.parametrize("harm", ["missing", "changed"])
def test_payload_that_was_harmed_is_noticed_and_never_answered_from(
    engine: InlineEngine, db: Path, harm: str
) -> None:
    execution = engine.start("flow")
    engine.complete("first", LARGE)
    folder = db.with_name("s.duckdb.payloads")
    if harm == "missing":
        shutil.rmtree(folder)
    else:
        path = next((folder / "task/output").rglob("*.json"))
        path.write_bytes(path.read_bytes().replace(b'"n":7', b'"n":8'))
    with pytest.raises(StoreCorruptError, match=r"event \d+ of execution"):
        engine.store.events(execution)


def test_input_above_the_limit_fails_the_task_for_good(engine: InlineEngine) -> None:
    body = {**FLOW, "name": "wide"}
    piece = {"text": "x" * (4 * 1024 * 1024)}
    body["tasks"] = [
        {"name": f"p{n}", "taskReferenceName": f"p{n}", "type": "SIMPLE"} for n in range(3)
    ]
    body["tasks"].append(
        {
            "name": "sum",
            "taskReferenceName": "sum",
            "type": "SIMPLE",
            "inputParameters": {f"p{n}": f"${{p{n}.output}}" for n in range(3)},
        }
    )
    engine.register(body)
    execution = engine.start("wide")
    for n in range(3):
        engine.complete(f"p{n}", piece)
    task = engine.state(execution).task("sum")
    assert task is not None
    assert (task.status, task.input_data) == ("FAILED_WITH_TERMINAL_ERROR", {})
    assert "is greater than the permissible limit: 10485760 bytes" in str(
        task.reason_for_incompletion
    )


def test_output_of_an_execution_above_the_limit_fails_it(engine: InlineEngine) -> None:
    body = {**FLOW, "name": "wide"}
    body["tasks"] = [
        {"name": f"p{n}", "taskReferenceName": f"p{n}", "type": "SIMPLE"} for n in range(3)
    ]
    body["outputParameters"] = {f"p{n}": f"${{p{n}.output}}" for n in range(3)}
    engine.register(body)
    execution = engine.start("wide")
    for n in range(3):
        engine.complete(f"p{n}", {"text": "x" * (4 * 1024 * 1024)})
    state = engine.state(execution)
    assert (state.status, state.output) == ("FAILED", {})
    assert str(state.reason_for_incompletion).startswith("The payload size: ")


# -- storages ------------------------------------------------------------------------------


@pytest.fixture(params=["folder", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> PayloadStorage:
    return FolderStorage(tmp_path / "p") if request.param == "folder" else MemoryStorage()


NAME = "task/output/7f3a/12.json"


def test_storage_gives_back_what_it_was_given(storage: PayloadStorage) -> None:
    storage.put(NAME, b"one")
    storage.put(NAME, b"two")
    assert storage.get(NAME) == b"two"
    storage.put("task/input/7f3a/1.json", b"x")
    storage.put("task/output/other/1.json", b"kept")
    storage.delete_execution("7f3a")
    with pytest.raises(NotFoundError):
        storage.get(NAME)
    assert storage.get("task/output/other/1.json") == b"kept"
    storage.delete("task/output/other/1.json")
    storage.delete("task/output/other/1.json")
    with pytest.raises(NotFoundError):
        storage.get("task/output/other/1.json")


@pytest.mark.parametrize(
    "name",
    [
        "../secret.json",
        "task/output/../../secret.json",
        "task/output/..%2f..%2fsecret/1.json",
        "/etc/passwd",
        "task/output/a/b/c.json",
        "task/output//1.json",
        "task/output/a/1.json\0",
        "task/output/a/1.txt",
        "task/output/.hidden/1.json",
        "c:/output/a/1.json",
        "task\\output\\a\\1.json",
        "task/output/a..b/1.json",
        "",
    ],
)
def test_name_of_another_shape_touches_nothing(
    storage: PayloadStorage, tmp_path: Path, name: str
) -> None:
    for use in (storage.get, storage.delete, checked_name, lambda n: storage.put(n, b"x")):
        with pytest.raises(InvalidRequestError):
            use(name)
    assert not list(tmp_path.rglob("*.json"))


def test_link_that_somebody_put_into_the_folder_is_not_followed(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path / "p")
    storage.put(NAME, b"x")
    secret = tmp_path / "secret.json"
    secret.write_text("{}")
    link = tmp_path / "p" / "task/output/7f3a/13.json"
    link.symlink_to(secret)
    with pytest.raises(NotFoundError):
        storage.get("task/output/7f3a/13.json")
    storage.delete_execution("../..")
    assert secret.exists()


def test_engine_keeps_payloads_where_it_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    with Engine(
        tmp_path / "e.duckdb", functions=FunctionRegistry(), threads=0, payloads=folder
    ) as engine:
        engine.service.create_workflow_def(FLOW).result(10)
        execution = engine.start("flow")
        (task,) = engine.service.poll("first", timeout_ms=1000).result(10)
        result = {
            "workflowInstanceId": execution,
            "taskId": task["taskId"],
            "status": "COMPLETED",
            "outputData": LARGE,
        }
        engine.service.update_task(result).result(10)
        assert engine.client.workflow(execution).tasks[0].output_data == LARGE
    assert len(list(folder.rglob("*.json"))) == 2


def test_uploads_nobody_told_about_are_gone_after_a_day(tmp_path: Path) -> None:
    db, folder = tmp_path / "u.duckdb", tmp_path / "p"
    storage = FolderStorage(folder)
    for name in ("old", "new"):
        storage.put(f"upload/output/{name}/payload.json", b"{}")
    storage.put("task/output/kept/1.json", b"{}")
    for path in (*folder.glob("upload/*/old/*"), *folder.glob("task/*/*/*")):
        os.utime(path, (1, 1))
    with Engine(db, functions=FunctionRegistry(), threads=0, payloads=folder):
        left = sorted(p.parent.name for p in folder.rglob("*.json"))
    assert left == ["kept", "new"]
    assert not (folder / "upload/output/old").exists()


def test_an_upload_that_is_taken_over_meanwhile_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = FolderStorage(tmp_path)
    for name in ("first", "second"):
        storage.put(f"upload/output/{name}/payload.json", b"{}")
    found = sorted(tmp_path.rglob("*.json"))
    found[0].unlink()  # between the look at the folder and the look at the file
    monkeypatch.setattr(Path, "glob", lambda *_: iter(found))
    assert storage.delete_uploads(before=2**40) == 1
    assert not found[1].exists()
