"""``/api/metadata``: workflow and task definitions.

Answers have the keys that Conductor knows; ``keepUnknown=true`` (ours) gives a definition back
with every key it was registered with.
"""

from __future__ import annotations

from typing import Any, Final

from .answers import EMPTY, Answer, json_answer
from .call import Call, path_number
from .routing import Route

Wire = dict[str, Any]

_KEEP: Final = "keepUnknown"


async def create_workflow_def(call: Call) -> Answer:
    """Register one version; 409 when it is there, unless ``overwrite``."""
    overwrite = call.flag("overwrite")
    await call.checked(call.service.create_workflow_def, await call.body_object(), overwrite)
    return EMPTY


async def update_workflow_defs(call: Call) -> Answer:
    """Insert or replace a list of definitions: all are validated before the first is stored."""
    bodies = await call.body_objects()
    return json_answer(await call.checked(call.service.update_workflow_defs, bodies))


async def validate_workflow_def(call: Call) -> Answer:
    """Check a definition; nothing is stored."""
    body = await call.body_object()
    await call.query(call.service.validate_workflow_def, body)
    return EMPTY


async def workflow_defs(call: Call) -> Answer:
    """Every version of every definition, or those of one ``classifier``."""
    classifier = call.text("classifier")
    found = await _all(call)
    if classifier:
        wanted = classifier.lower()
        found = [wire for wire in found if _classifier(wire).lower() == wanted]
    return json_answer(found)


async def workflow_def(call: Call, name: str) -> Answer:
    """One version, the highest unless ``version`` says otherwise."""
    version = call.optional_number("version")
    return json_answer(call.service.workflow_def(name, version, call.flag(_KEEP)))


async def workflow_names(call: Call) -> Answer:
    """Distinct names."""
    return json_answer(list(_versions(call)))


async def workflow_names_and_versions(call: Call) -> Answer:
    """Name to summaries of its versions, lowest first."""
    versions = _versions(call)
    return json_answer({name: [_summary(wire) for wire in versions[name]] for name in versions})


async def workflow_versions(call: Call, name: str) -> Answer:
    """Summaries of the versions of one name, lowest first; ``[]`` for an unknown one."""
    return json_answer([_summary(wire) for wire in _versions(call).get(name, ())])


async def latest_versions(call: Call) -> Answer:
    """The highest version of every name."""
    return json_answer([found[-1] for found in _by_name(await _all(call)).values()])


async def delete_workflow_def(call: Call, name: str, version: str) -> Answer:
    """Delete one version."""
    number = path_number("version", version)
    await call.wait(call.service.delete_workflow_def(name, number))
    return EMPTY


async def create_task_defs(call: Call) -> Answer:
    """Insert or replace a list of task definitions."""
    await call.checked(call.service.create_task_defs, await call.body_objects())
    return EMPTY


async def update_task_def(call: Call) -> Answer:
    """Replace one task definition, which must exist."""
    await call.checked(call.service.update_task_def, await call.body_object())
    return EMPTY


async def task_types(call: Call) -> Answer:
    """Every task type, with what a palette shows of it: summary, keys, schema of the input."""
    return json_answer(call.service.task_types())


async def task_defs(call: Call) -> Answer:
    """Every task definition."""
    return json_answer(await call.query(call.service.task_defs, call.flag(_KEEP)))


async def task_def(call: Call, name: str) -> Answer:
    """One task definition."""
    return json_answer(call.service.task_def(name, call.flag(_KEEP)))


async def delete_task_def(call: Call, name: str) -> Answer:
    """Delete one task definition."""
    await call.wait(call.service.delete_task_def(name))
    return EMPTY


async def _all(call: Call) -> list[Wire]:
    """All definitions in the form that was asked for; off the loop, since there may be many."""
    return await call.query(call.service.workflow_defs, call.flag(_KEEP))


def _versions(call: Call) -> dict[str, list[Wire]]:
    return _by_name(call.service.workflow_defs())


def _by_name(definitions: list[Wire]) -> dict[str, list[Wire]]:
    """Definitions by name, each name's versions in ascending order."""
    found: dict[str, list[Wire]] = {}
    for wire in definitions:
        found.setdefault(wire["name"], []).append(wire)
    for versions in found.values():
        versions.sort(key=_version)
    return found


def _version(wire: Wire) -> int:
    return int(wire.get("version") or 1)


def _summary(wire: Wire) -> Wire:
    summary = {
        "name": wire["name"],
        "version": _version(wire),
        "createTime": wire.get("createTime") or 0,
    }
    if wire.get("updateTime"):
        summary["updateTime"] = wire["updateTime"]
    return summary


def _classifier(wire: Wire) -> str:
    """What kind of definition it is: its own word, ``agent`` for generated ones, ``workflow``."""
    metadata = wire.get("metadata") or {}
    own = metadata.get("classifier")
    if isinstance(own, str) and own.strip():
        return own
    return "agent" if "agent_sdk" in metadata or "agentDef" in metadata else "workflow"


_WORKFLOW: Final = "/api/metadata/workflow"
_TASKDEFS: Final = "/api/metadata/taskdefs"

ROUTES: Final = (
    Route("POST", _WORKFLOW, create_workflow_def, "registerWorkflowDef.arg0"),
    Route("PUT", _WORKFLOW, update_workflow_defs, "updateWorkflowDef.arg0"),
    Route("GET", _WORKFLOW, workflow_defs),
    Route("POST", f"{_WORKFLOW}/validate", validate_workflow_def, "validateWorkflowDef.arg0"),
    Route("GET", f"{_WORKFLOW}/names", workflow_names),
    Route("GET", f"{_WORKFLOW}/names-and-versions", workflow_names_and_versions),
    Route("GET", f"{_WORKFLOW}/latest-versions", latest_versions),
    Route("GET", f"{_WORKFLOW}/{{name}}", workflow_def),
    Route("GET", f"{_WORKFLOW}/{{name}}/versions", workflow_versions),
    Route("DELETE", f"{_WORKFLOW}/{{name}}/{{version}}", delete_workflow_def),
    Route("GET", "/api/metadata/tasktypes", task_types),
    Route("POST", _TASKDEFS, create_task_defs, "registerTaskDef.arg0"),
    Route("PUT", _TASKDEFS, update_task_def, "updateTaskDef.arg0"),
    Route("GET", _TASKDEFS, task_defs),
    Route("GET", f"{_TASKDEFS}/{{name}}", task_def),
    Route("DELETE", f"{_TASKDEFS}/{{name}}", delete_task_def),
)
