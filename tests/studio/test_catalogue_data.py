"""What the Definitions and Workers pages show, over an engine here and over a plain server."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from engine import Engine
from engine.client.remote import RemoteClient
from engine.errors import ConflictError, ForbiddenError, InvalidRequestError, NotFoundError
from engine.functions import FunctionRegistry
from engine.http_api.server import serve_api
from engine.service.access import Caller, CallerKind, Role
from studio import definition_data as definitions
from studio.cluster_service import ClusterService
from studio.definition_deletion import delete_definition, plan_deletion
from studio.worker_data import load_workers


def flow(name: str, version: int = 1, **more: Any) -> dict[str, Any]:
    task = {"name": f"{name}_task", "taskReferenceName": "one", "type": "SIMPLE"}
    return {"name": name, "version": version, "tasks": [task], **more}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(threads=0, functions=FunctionRegistry()) as engine:
        yield engine


@pytest.fixture(scope="module")
def cluster(engine: Engine) -> Iterator[ClusterService]:
    with serve_api(engine.service, port=0) as server:
        service = ClusterService(RemoteClient(server.url, capabilities=frozenset()).service)
        yield service
        service.close()


@pytest.fixture(params=["here", "there"])
def service(request: pytest.FixtureRequest, engine: Engine, cluster: ClusterService) -> Any:
    return engine.service if request.param == "here" else cluster


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name that no other test of this engine uses."""
    return "".join(c if c.isalnum() else "_" for c in request.node.name)


def row(found: dict[str, Any], name: str, domain: str = "") -> dict[str, Any]:
    return next(r for r in found["rows"] if (r["name"], r["domain"]) == (name, domain))


def test_versions_of_a_workflow_are_one_line(engine: Engine, service: Any, name: str) -> None:
    engine.client.register_workflow_def(flow(name, 1, description="old"))
    engine.client.register_workflow_def(flow(name, 3, description="new", ownerEmail="a@b.c"))
    engine.client.register_task_defs([{"name": f"{name}_task", "retryCount": 4}])
    found = definitions.load_definitions(service)
    line = next(one for one in found["workflows"] if one["name"] == name)
    assert (line["versions"], line["tasks"], line["description"]) == ([3, 1], 1, "new")
    assert line["owner"] == "a@b.c"
    task = next(one for one in found["tasks"] if one["name"] == f"{name}_task")
    assert task["retries"] == 4

    opened = definitions.load_definition(service, "workflow", name, None)
    assert opened["version"] == 3
    assert json.loads(opened["text"])["description"] == "new"
    with pytest.raises(NotFoundError):
        definitions.load_definition(service, "workflow", name, 2)


def test_what_is_wrong_is_told_with_its_place(service: Any, name: str) -> None:
    broken = flow(name)
    del broken["tasks"][0]["taskReferenceName"]
    [problem, *_] = definitions.check(service, "workflow", json.dumps(broken))["problems"]
    assert "taskReferenceName" in problem["path"] + problem["message"]
    fine = {"problems": [], "hints": []}
    assert definitions.check(service, "workflow", json.dumps(flow(name))) == fine
    [problem] = definitions.check(service, "workflow", "[]")["problems"]
    assert "one JSON object" in problem["message"]
    assert definitions.check(service, "task", "{")["problems"]
    [problem] = definitions.check(service, "task", "{}")["problems"]
    assert "name" in problem["message"]


def test_what_looks_mistyped_is_hinted_at_and_refused_by_nobody(service: Any, name: str) -> None:
    slip = flow(name, outputParameters={"total": "${onne.output.total}"})
    found = definitions.check(service, "workflow", json.dumps(slip))
    [hint] = found["hints"]
    assert not found["problems"]
    assert hint["path"] == "outputParameters.total"
    assert hint["message"].endswith("Did you mean 'one'?")


def test_saving_takes_the_difference_that_was_shown(
    engine: Engine, service: Any, name: str
) -> None:
    text = json.dumps(flow(name, description="first"))
    plan = definitions.plan(service, "workflow", text)
    assert (plan["title"], plan["is_new"]) == (f"workflow {name} version 1", True)
    done = definitions.save(service, "workflow", text, plan["diff"])
    assert done == {"saved": True, "kind": "workflow", "name": name, "version": 1}

    text = json.dumps(flow(name, description="second"))
    agreed = definitions.plan(service, "workflow", text)["diff"]
    assert '-  "description": "first",' in agreed
    engine.client.register_workflow_def(flow(name, description="by someone else"))
    again = definitions.save(service, "workflow", text, agreed)
    assert again["saved"] is False
    assert engine.client.workflow_def(name).description == "by someone else"
    assert definitions.save(service, "workflow", text, again["diff"])["saved"]
    assert engine.client.workflow_def(name).description == "second"
    assert definitions.plan(service, "workflow", text)["is_empty"]


def test_task_definition_is_saved_alike(engine: Engine, service: Any, name: str) -> None:
    text = json.dumps({"name": name, "retryCount": 7})
    plan = definitions.plan(service, "task", text)
    assert definitions.save(service, "task", text, plan["diff"])["saved"]
    assert engine.client.task_def(name).retry_count == 7
    with pytest.raises(InvalidRequestError):
        definitions.plan(service, "task", json.dumps({"retryCount": 7}))


def test_queue_without_a_worker_comes_first_with_its_age(
    engine: Engine, service: Any, name: str
) -> None:
    before = int(time.time() * 1000)
    for _ in range(2):
        engine.start(name, workflow_def=flow(name))
    engine.start(name, workflow_def=flow(name), task_to_domain={"*": "eu"})
    engine.client.poll(f"{name}_task", "host-7", "us", timeout_ms=1)
    now = int(time.time() * 1000)
    found = load_workers(service, now)
    waiting = row(found, f"{name}_task")
    assert (waiting["waiting"], waiting["state"], waiting["polled_ms"]) == (2, "unserved", 0)
    assert before - 5 <= waiting["oldest_ms"] <= now
    assert row(found, f"{name}_task", "eu")["waiting"] == 1
    polling = row(found, f"{name}_task", "us")
    assert (polling["waiting"], polling["worker"], polling["state"]) == (0, "host-7", "polling")
    assert found["rows"][0]["state"] == "unserved"

    engine.client.poll(f"{name}_task", "host-8", timeout_ms=1)
    an_hour_on = load_workers(service, now + 3_600_000)
    assert row(an_hour_on, f"{name}_task")["state"] == "silent"


def test_task_type_that_is_only_defined_is_listed_too(
    engine: Engine, service: Any, name: str
) -> None:
    engine.client.register_task_defs([{"name": name}])
    found = row(load_workers(service, int(time.time() * 1000)), name)
    assert (found["waiting"], found["state"]) == (0, "unseen")


def test_new_version_is_shown_against_the_newest_one(
    engine: Engine, service: Any, name: str
) -> None:
    engine.client.register_workflow_def(flow(name, 1))
    plan = definitions.plan(service, "workflow", json.dumps(flow(name, 2, description="more")))
    assert (plan["is_new"], plan["newest"]) == (True, 1)
    changed = [line.strip() for line in plan["diff"] if line[:1] in "+-"][2:]
    assert changed == ['-  "version": 1,', '+  "description": "more",', '+  "version": 2,']


def test_picture_shows_what_is_inside_sub_workflows(
    engine: Engine, service: Any, name: str
) -> None:
    engine.client.register_workflow_def(flow(name))
    sub = {"name": "s", "taskReferenceName": "sub_ref", "type": "SUB_WORKFLOW"}
    others = [
        {**sub, "subWorkflowParam": {"name": name, "version": 1}},
        {**sub, "taskReferenceName": "gone_ref", "subWorkflowParam": {"name": "nowhere"}},
    ]
    engine.client.register_workflow_def({"name": f"{name}_parent", "tasks": others})
    drawn = definitions.draw_definition(service, f"{name}_parent", None)
    assert drawn["version"] == 1
    assert "sub_ref, Sub-workflow; one, Worker; gone_ref, Sub-workflow" in drawn["picture"]
    with pytest.raises(NotFoundError):
        definitions.draw_definition(service, name, 9)


def test_deleting_names_what_is_lost(engine: Engine, service: Any, name: str) -> None:
    for version in (1, 2):
        engine.client.register_workflow_def(flow(name, version))
    sub = {"name": name, "taskReferenceName": "sub", "type": "SUB_WORKFLOW"}
    parent = {"name": f"{name}_parent", "tasks": [{**sub, "subWorkflowParam": {"name": name}}]}
    engine.client.register_workflow_def(parent)
    engine.client.start_workflow(name, {})

    newest = plan_deletion(service, "workflow", name, None)
    assert newest["title"] == f"workflow definition {name}, version 2"
    assert newest["lost"][0] == "It is the newest: who names no version gets version 1 then."
    assert "1 is open and goes on" in newest["lost"][-1]
    gone = delete_definition(service, "workflow", name, 2, newest["text"])
    assert (gone["deleted"], gone["left"]) == (True, [1])

    last = plan_deletion(service, "workflow", name, 1)
    assert last["lost"][0].startswith("It is the only version")
    assert f"Started by {name}_parent, which will fail when they get there." in last["lost"]
    engine.client.register_workflow_def(flow(name, 1, description="changed meanwhile"))
    with pytest.raises(ConflictError, match="changed meanwhile"):
        delete_definition(service, "workflow", name, 1, last["text"])
    assert engine.client.workflow_def(name, 1).description == "changed meanwhile"
    engine.client.delete_workflow_def(f"{name}_parent", 1)


def test_deleting_a_task_names_the_workflows_that_use_it(
    engine: Engine, service: Any, name: str
) -> None:
    engine.client.register_task_defs([{"name": f"{name}_task"}])
    engine.client.register_workflow_def(flow(name))
    plan = plan_deletion(service, "task", f"{name}_task", None)
    assert f"Used by {name}." in plan["lost"]
    delete_definition(service, "task", f"{name}_task", None, plan["text"])
    with pytest.raises(NotFoundError):
        engine.client.task_def(f"{name}_task")
    with pytest.raises(NotFoundError):
        plan_deletion(service, "task", f"{name}_task", None)


def test_who_may_not_change_definitions_deletes_none(engine: Engine, name: str) -> None:
    engine.client.register_workflow_def(flow(name))
    viewer = engine.service.acting_as(Caller("vera", CallerKind.USER, Role.VIEWER))
    plan = plan_deletion(viewer, "workflow", name, 1)
    with pytest.raises(ForbiddenError):
        delete_definition(viewer, "workflow", name, 1, plan["text"])
    assert engine.client.workflow_def(name, 1).name == name


def test_a_task_without_a_definition_says_what_counts_and_who_uses_it(
    engine: Engine, service: Any
) -> None:
    engine.client.register_workflow_def(flow("lonely"))
    with pytest.raises(NotFoundError) as refused:
        definitions.load_definition(service, definitions.TASK, "lonely_task", None)
    said = str(refused.value)
    assert "It is used by lonely." in said
    assert "3 retries after 60 s each" in said


def test_descriptions_show_without_marks_of_code(engine: Engine) -> None:
    engine.service.create_task_defs([{"name": "marked", "description": "Takes ``x`` off."}]).result(
        10
    )
    found = definitions.load_definitions(engine.service)["tasks"]
    assert next(one["description"] for one in found if one["name"] == "marked") == "Takes x off."
