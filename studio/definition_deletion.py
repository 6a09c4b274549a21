"""What is lost when a definition is deleted, and the deletion. Blocks.

The same over the engine here and over a server; roles and the audit are the service's affair.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from engine.copying import sub_workflows
from engine.errors import ConflictError, EngineError
from engine.models.definitions import WorkflowDef

from .definition_data import WORKFLOW, load_definition

_NAMED: Final = 4
"""Others that are named in a sentence; of more their number is told."""
_ANSWER_SECONDS: Final = 30.0


def plan_deletion(service: Any, kind: str, name: str, version: int | None) -> dict[str, Any]:
    """Return what deleting would mean: ``{title, lost, text}``.

    Args:
        service: Where it is stored.
        kind: ``workflow`` or ``task``.
        name: Its name.
        version: Of a workflow; None: the newest.

    Returns:
        ``title`` names it; ``lost``: sentences, what matters most first; ``text``: the definition
        as it is now, which ``delete_definition`` wants back.

    Raises:
        NotFoundError: There is none of that name and version.
    """
    found = load_definition(service, kind, name, version)
    if kind == WORKFLOW:
        title = f"workflow definition {name}, version {found['version']}"
        lost = _lost_with_workflow(service, name, int(found["version"]))
    else:
        title, lost = f"task definition {name}", _lost_with_task(service, name)
    return {"title": title, "lost": lost, "text": found["text"]}


def delete_definition(
    service: Any, kind: str, name: str, version: int | None, text: str
) -> dict[str, Any]:
    """Delete what a person has seen; return ``{deleted: True, kind, name, version, left}``.

    Args:
        service: Where it is stored.
        kind: ``workflow`` or ``task``.
        name: Its name.
        version: Of a workflow.
        text: The ``text`` of the plan that was shown.

    Returns:
        ``left``: the versions that remain, newest first.

    Raises:
        NotFoundError: It is gone already.
        ConflictError: It has been changed since it was shown.
        ForbiddenError: The caller's role may not.
    """
    found = load_definition(service, kind, name, version)
    if found["text"] != text:
        raise ConflictError(f"{name} was changed meanwhile; look at it again before deleting it.")
    if kind != WORKFLOW:
        service.delete_task_def(name).result(_ANSWER_SECONDS)
        return {"deleted": True, "kind": kind, "name": name, "version": None, "left": []}
    number = int(found["version"])
    service.delete_workflow_def(name, number).result(_ANSWER_SECONDS)
    left = sorted(set(_versions(service, name)) - {number}, reverse=True)
    return {"deleted": True, "kind": kind, "name": name, "version": number, "left": left}


def _lost_with_workflow(service: Any, name: str, version: int) -> list[str]:
    others = sorted(set(_versions(service, name)) - {version})
    lost = []
    if not others:
        lost.append("It is the only version: nothing can be started by this name any more.")
    elif version > others[-1]:
        lost.append(f"It is the newest: who names no version gets version {others[-1]} then.")
    else:
        lost.append(f"Version {others[-1]} stays the newest; who names version {version} fails.")
    lost += _users(_starters(service, name, version, is_last=not others))
    lost += _schedules(service, name)
    lost.append(_executions(service, name, version))
    return lost


def _lost_with_task(service: Any, name: str) -> list[str]:
    lost = ["Its retries, time-outs and limits are gone: its tasks get the defaults."]
    users = dict.fromkeys(
        str(body["name"])
        for body in service.workflow_defs()
        if any(task.name == name for _, task in WorkflowDef.from_wire(body).walk())
    )
    if users:
        lost.append(f"Used by {_list(users)}.")
    return [*lost, "Executions stay, and tasks scheduled already keep their settings."]


def _versions(service: Any, name: str) -> list[int]:
    return [
        int(body.get("version") or 1) for body in service.workflow_defs() if body["name"] == name
    ]


def _starters(service: Any, name: str, version: int, *, is_last: bool) -> Iterable[str]:
    """Definitions that start this version, or any version if it is the last one."""
    for body in service.workflow_defs():
        if body["name"] == name:
            continue
        named = sub_workflows(body)
        if (name, version) in named or (is_last and _is_needed_by(body, name, named)):
            yield str(body["name"])


def _is_needed_by(body: Mapping[str, Any], name: str, named: list[tuple[str, int | None]]) -> bool:
    return (name, None) in named or body.get("failureWorkflow") == name


def _users(names: Iterable[str]) -> list[str]:
    found = dict.fromkeys(names)
    return [f"Started by {_list(found)}, which will fail when they get there."] if found else []


def _schedules(service: Any, name: str) -> list[str]:
    ask = getattr(service, "schedules", None)
    if ask is None:
        return ["Whether a schedule starts it can't be seen from here."]
    try:
        found = dict.fromkeys(str(one["name"]) for one in ask(name))
    except EngineError:
        return ["Whether a schedule starts it can't be seen from here."]
    return [f"Scheduled by {_list(found)}, which stays and names it in vain."] if found else []


def _executions(service: Any, name: str, version: int) -> str:
    try:
        (row,) = service.query(
            "SELECT count(*) AS n FROM executions WHERE workflow_type = ? AND workflow_version = ?"
            " AND status IN ('RUNNING', 'PAUSED') AND NOT removed",
            [name, version],
        )
    except EngineError:
        return "Executions stay, and open ones go on with what they began with."
    if not row["n"]:
        return "Executions stay as they are; none is open."
    went = "1 is open and goes" if row["n"] == 1 else f"{row['n']:,} are open and go"
    return f"Executions stay as they are; {went} on with what they began with."


def _list(names: Iterable[str]) -> str:
    given = list(names)
    if len(given) <= _NAMED:
        return ", ".join(given)
    return f"{', '.join(given[:_NAMED])} and {len(given) - _NAMED} more"
