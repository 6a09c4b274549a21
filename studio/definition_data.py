"""What the Definitions page shows and does: list, one definition, check, plan, save. Blocks.

The same over the engine here and over a server: saving is publishing, with the difference shown
first. A plan is made anew when it is carried out; what has changed meanwhile is shown instead.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from engine.client.service_client import ServiceClient
from engine.errors import EngineError, InvalidRequestError, NotFoundError
from engine.models.codec import loads_untrusted
from engine.models.definitions import TaskDef, WorkflowDef
from engine.publishing import Change, plan_publication, publish

from .definition_hints import hints_of
from .graph.picture import definition_picture

WORKFLOW: Final = "workflow"
TASK: Final = "task"
_NAMED: Final = 5
"""Workflows named as users of a task, at most."""


def load_definitions(service: Any) -> dict[str, Any]:
    """Return the list: workflows and tasks by name.

    Returns:
        ``workflows``: ``{name, versions, tasks, description, owner, updated_ms}``, versions newest
        first, the rest of the newest version. ``tasks``: ``{name, retries, timeout_seconds,
        description, owner, updated_ms}``.
    """
    versions: dict[str, dict[int, Mapping[str, Any]]] = {}
    for body in service.workflow_defs():
        versions.setdefault(str(body["name"]), {})[int(body.get("version") or 1)] = body
    workflows = []
    for name in sorted(versions):
        newest = versions[name][max(versions[name])]
        row = {"versions": sorted(versions[name], reverse=True), "tasks": _count(newest)}
        workflows.append({**_common(newest), **row})
    tasks = [
        {
            **_common(body),
            "retries": int(body.get("retryCount") or 0),
            "timeout_seconds": int(body.get("timeoutSeconds") or 0),
        }
        for body in sorted(service.task_defs(), key=lambda one: str(one["name"]))
    ]
    return {"workflows": workflows, "tasks": tasks}


def _common(body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": str(body["name"]),
        # Python docstrings become descriptions, and their marks of code are none here.
        "description": str(body.get("description") or "").replace("``", ""),
        "owner": str(body.get("ownerEmail") or ""),
        "updated_ms": int(body.get("updateTime") or body.get("createTime") or 0),
    }


def _count(body: Mapping[str, Any]) -> int:
    return sum(1 for _ in WorkflowDef.from_wire(body).walk())


def load_definition(service: Any, kind: str, name: str, version: int | None) -> dict[str, Any]:
    """Return one definition as JSON text: ``{kind, name, version, text}``.

    Raises:
        NotFoundError: There is none of that name and version.
    """
    body = service.workflow_def(name, version) if kind == WORKFLOW else _task_def(service, name)
    found = int(body.get("version") or 1) if kind == WORKFLOW else None
    text = json.dumps(body, indent=2, ensure_ascii=False)
    return {"kind": kind, "name": name, "version": found, "text": text}


def _task_def(service: Any, name: str) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = service.task_def(name)
    except NotFoundError as error:
        raise NotFoundError(_without_task_def(service, name)) from error
    return found


def _without_task_def(service: Any, name: str) -> str:
    """What counts for a task that has no definition, and who uses it."""
    users = list(
        dict.fromkeys(
            str(body["name"])
            for body in service.workflow_defs()
            if any(task.name == name for _, task in WorkflowDef.from_wire(body).walk())
        )
    )
    rest = f" and {len(users) - _NAMED} more" if len(users) > _NAMED else ""
    used = f"It is used by {', '.join(users[:_NAMED])}{rest}." if users else "Nobody uses it."
    default = TaskDef(name=name)
    return (
        f"There is no task definition {name!r}. {used} Without one Conductor's defaults count: "
        f"{default.retry_count} retries after {default.retry_delay_seconds} s each. New… makes "
        "one; Workers says how to connect a worker for it."
    )


def draw_definition(service: Any, name: str, version: int | None) -> dict[str, Any]:
    """Return a workflow's picture: ``{name, version, picture}``, ``picture`` as SVG text.

    Sub-workflows that are registered are drawn with what is inside them.

    Raises:
        NotFoundError: There is none of that name and version.
    """
    body = service.workflow_def(name, version)

    def found(child: str, number: int | None) -> Mapping[str, Any] | None:
        try:
            wire: Mapping[str, Any] = service.workflow_def(child, number)
        except EngineError:
            return None
        return wire

    picture = definition_picture(body, definition_of=found)
    return {"name": name, "version": int(body.get("version") or 1), "picture": picture}


def check(service: Any, kind: str, text: str) -> dict[str, list[dict[str, str]]]:
    """Return what is to be said of a definition, ``{path, message}`` each.

    Returns:
        ``problems``: what is wrong with it; empty: it can be saved. ``hints``: what looks like a
        typing error and refuses nothing.
    """
    try:
        body = _body(text)
        if kind == WORKFLOW:
            service.validate_workflow_def(body)
        definition = _definition(kind, body)
    except EngineError as error:
        return {"problems": problems_of(error), "hints": []}
    hints = hints_of(definition) if isinstance(definition, WorkflowDef) else []
    return {"problems": [], "hints": hints}


def problems_of(error: BaseException) -> list[dict[str, str]]:
    """An error as lines for a person: where, what, and what was perhaps meant."""
    found = [
        {"path": one.path, "message": " ".join(filter(None, (one.message, one.suggestion)))}
        for one in getattr(error, "problems", ())
    ]
    return found or [{"path": "", "message": str(error)}]


def plan(service: Any, kind: str, text: str) -> dict[str, Any]:
    """Return what saving would do: ``{title, is_new, is_empty, diff, newest}``.

    ``diff``: its lines; of a new version against ``newest``, the number of the newest one.

    Raises:
        InvalidRequestError: It is no definition; ``problems`` says where.
    """
    return _shown(_planned(service, kind, text))


def save(service: Any, kind: str, text: str, agreed: list[str]) -> dict[str, Any]:
    """Carry out what a person has seen as ``plan``.

    Args:
        service: Where it is stored.
        kind: ``workflow`` or ``task``.
        text: The definition.
        agreed: The ``diff`` of the plan that was shown.

    Returns:
        ``{saved: True, kind, name, version}``; or the plan as it is now, with ``saved`` false,
        because the stored definition has changed since.

    Raises:
        InvalidRequestError: It is refused; ``problems`` says where.
    """
    change = _planned(service, kind, text)
    now = _shown(change)
    if now["diff"] != agreed:
        return {"saved": False, **now}
    if kind == WORKFLOW:
        service.validate_workflow_def(_body(text))
    publish(ServiceClient(service), [change])
    version = getattr(change.definition, "version", None)
    return {"saved": True, "kind": kind, "name": change.definition.name, "version": version}


def _shown(change: Change) -> dict[str, Any]:
    return {
        "title": change.title,
        "is_new": change.is_new,
        "is_empty": change.is_empty,
        "diff": change.diff,
        "newest": change.newest.version if change.newest is not None else None,
    }


def _planned(service: Any, kind: str, text: str) -> Change:
    definition = _definition(kind, _body(text))
    target: Any = ServiceClient(service)
    if isinstance(definition, WorkflowDef):
        return plan_publication(target, [definition])[0]
    return plan_publication(target, [], [definition])[0]


def _definition(kind: str, body: dict[str, Any]) -> WorkflowDef | TaskDef:
    made = WorkflowDef.from_wire(body) if kind == WORKFLOW else TaskDef.from_wire(body)
    if not made.name:
        raise InvalidRequestError("A definition needs a name.")
    return made


def _body(text: str) -> dict[str, Any]:
    body = loads_untrusted(text.encode())
    if not isinstance(body, dict):
        raise InvalidRequestError("A definition is one JSON object with at least a name.")
    return body
