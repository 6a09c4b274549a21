"""The Audit page's data over a real engine: filters, pages, differences, and who may read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from engine import Engine
from engine.errors import ForbiddenError
from engine.functions import FunctionRegistry
from engine.service import Service
from engine.service.access import Caller, CallerKind, Role
from studio import audit_data
from studio.audit_data import audit_filter, load_audit, load_difference


@pytest.fixture
def service() -> Iterator[Service]:
    with Engine(functions=FunctionRegistry(), http_tasks=False) as engine:
        yield engine.service


def acting(service: Service, name: str, role: Role = Role.ADMIN) -> Service:
    return service.acting_as(Caller(name, CallerKind.USER, role, "10.0.0.7"))


def write(service: Service, description: str, name: str = "flow") -> None:
    step = {"name": "s", "taskReferenceName": "s", "type": "SIMPLE"}
    definition = {"name": name, "version": 1, "description": description, "tasks": [step]}
    service.create_workflow_def(definition, True).result(10)


def rows(service: Service, **wanted: Any) -> list[tuple[str, str, str]]:
    found = load_audit(service, audit_filter(wanted))
    return [(row["actor"], row["operation"], row["object"]) for row in found["rows"]]


def test_rows_are_narrowed_by_who_what_object_and_time(service: Service) -> None:
    ann, bob = acting(service, "ann"), acting(service, "bob", Role.AUTHOR)
    write(ann, "one")
    write(bob, "two")
    write(bob, "three", "other")
    ann.pause_scheduler(True).result(10)

    assert [actor for actor, _, _ in rows(ann)] == ["user:ann", "user:bob", "user:bob", "user:ann"]
    assert len(rows(ann, who="bob")) == len(rows(ann, who="user:bob")) == 2
    assert rows(ann, who="bo") == []
    assert [name for _, name, _ in rows(ann, what="pause_scheduler")] == ["pause_scheduler"]
    assert len(rows(ann, object="workflow_defs/flow")) == 2
    newest, *_, oldest = load_audit(ann, audit_filter({}))["rows"]
    assert len(rows(ann, since_ms=oldest["wall_ms"], until_ms=newest["wall_ms"])) == 4
    assert rows(ann, since_ms=newest["wall_ms"] + 1) == []
    assert rows(ann, until_ms=oldest["wall_ms"] - 1) == []


def test_pages_lead_from_the_newest_to_the_oldest(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_data, "PAGE_ROWS", 3)
    ann = acting(service, "ann")
    for number in range(7):
        write(ann, str(number))
    seen, before, pages = [], 0, 0
    while True:
        page = load_audit(ann, audit_filter({"before": before}))
        seen += [row["number"] for row in page["rows"]]
        pages += 1
        if not page["has_older"]:
            break
        before = seen[-1]
    assert (len(seen), pages, seen) == (7, 3, sorted(seen, reverse=True))


def test_difference_shows_before_and_after(service: Service) -> None:
    ann = acting(service, "ann")
    write(ann, "one")
    write(ann, "two")
    ann.delete_workflow_def("flow", 1).result(10)
    ann.pause_scheduler(True).result(10)
    paused, deleted, changed, made = load_audit(ann, audit_filter({}))["rows"]

    lines = load_difference(ann, changed["number"])["lines"]
    assert [line for line in lines if line[0] in "+-" and "description" in line] == [
        '-  "description": "one",',
        '+  "description": "two",',
    ]
    assert {line[0] for line in load_difference(ann, made["number"])["lines"]} == {"@", "+"}
    assert {line[0] for line in load_difference(ann, deleted["number"])["lines"]} == {"@", "-"}
    assert paused["has_difference"] is False
    assert load_difference(ann, 10**9)["lines"] == []


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_only_admins_read_it(service: Service, role: Role) -> None:
    view = acting(service, "ann", role)
    with pytest.raises(ForbiddenError, match="admin"):
        load_audit(view, audit_filter({}))
    with pytest.raises(ForbiddenError, match="admin"):
        load_difference(view, 1)


@pytest.mark.parametrize(
    "wanted",
    [
        {"before": "x", "since_ms": -5, "until_ms": True, "who": 7, "what": None, "object": []},
        {"before": 10**30, "since_ms": 1.5, "unknown": 1},
    ],
)
def test_filter_that_makes_no_sense_is_none(wanted: dict[str, Any]) -> None:
    assert audit_filter(wanted) == audit_filter({})
