"""What can be started from a page, and with which input it is offered.

Everything here blocks (definitions, one query): call it off the event loop.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine.errors import InvalidRequestError, NotFoundError
from engine.models.codec import loads, loads_untrusted

from .contracts import Samples, StudioService
from .sensitive import without_sensitive

START_SECONDS: Final = 30.0
"""How long a start may take before the person is told that it does."""


def startable(service: StudioService, samples: Samples | None) -> dict[str, Any]:
    """What the start form offers.

    Returns:
        ``samples``: ``{name, title, sentence}``, the one that fails first. ``workflows``, by name:
        ``{name, description, versions, inputs}`` with ``versions`` newest first and ``inputs`` the
        template of each version, by its number as text. ``suggested``: what was started last.
    """
    found: dict[str, dict[int, Mapping[str, Any]]] = {}
    for body in service.workflow_defs():
        found.setdefault(body["name"], {})[int(body.get("version", 1))] = body
    workflows = []
    for name in sorted(found):
        versions = sorted(found[name], reverse=True)
        newest = found[name][versions[0]]
        workflows.append(
            {
                "name": name,
                "description": newest.get("description") or "",
                "versions": versions,
                "inputs": {str(one): input_template(found[name][one]) for one in versions},
            }
        )
    return {
        "samples": samples.offers() if samples else [],
        "workflows": workflows,
        "suggested": _newest_started(service),
    }


def _newest_started(service: StudioService) -> str:
    """The workflow that was started last, as such and not inside another; may be empty."""
    rows = service.query(
        "SELECT workflow_type FROM executions WHERE parent_workflow_id IS NULL AND NOT removed "
        "ORDER BY create_time DESC LIMIT 1"
    )
    return rows[0]["workflow_type"] if rows else ""


def input_template(definition: Mapping[str, Any]) -> dict[str, Any]:
    """The input a definition names: its schema's and parameters' keys, with known values.

    A key without a known value is ``None``, to be typed over. Values of ``inputTemplate`` come
    last, since they are what an absent key would get.
    """
    template: dict[str, Any] = dict.fromkeys(definition.get("inputParameters") or ())
    schema = definition.get("inputSchema")
    data = schema.get("data") if isinstance(schema, Mapping) else None
    properties = data.get("properties") if isinstance(data, Mapping) else None
    if isinstance(properties, Mapping):
        for key, about in properties.items():
            template[key] = about.get("default") if isinstance(about, Mapping) else None
    given = definition.get("inputTemplate")
    if isinstance(given, Mapping):
        template.update(given)
    return template


def newest_input(service: StudioService, name: str) -> dict[str, Any]:
    """The input of the newest execution of a workflow, without values under sensitive names.

    Returns:
        ``input``, and ``left_out``: how many values were taken out, to be typed again.

    Raises:
        NotFoundError: It has never been started.
    """
    rows = service.query(
        "SELECT input FROM executions WHERE workflow_type = ? AND NOT removed "
        "ORDER BY create_time DESC LIMIT 1",
        [name],
    )
    if not rows:
        raise NotFoundError(f"{name} has not been started yet.")
    text = rows[0]["input"]
    kept, left_out = without_sensitive(loads(text.encode()) if text else {})
    return {"input": kept, "left_out": left_out}


def start(service: StudioService, request: Mapping[str, Any]) -> str:
    """Start what a filled-in form says; returns the id of the execution.

    Args:
        service: Where it runs.
        request: ``name``, ``version`` (None: the newest), ``input`` as JSON text,
            ``correlation_id`` (may be empty).

    Raises:
        InvalidRequestError: The input is no JSON object.
    """
    body: dict[str, Any] = {"name": str(request.get("name", "")), "input": _input(request)}
    if request.get("version") is not None:
        body["version"] = int(request["version"])
    if request.get("correlation_id"):
        body["correlationId"] = str(request["correlation_id"])
    return service.start_workflow(body, "form").result(START_SECONDS)


def _input(request: Mapping[str, Any]) -> dict[str, Any]:
    text = str(request.get("input") or "").strip()
    value = loads_untrusted(text.encode()) if text else {}
    if not isinstance(value, dict):
        raise InvalidRequestError(
            f'The input must be a JSON object such as {{"order_id": "ord_1"}}, not {_kind(value)}.'
        )
    return value


def _kind(value: Any) -> str:
    if isinstance(value, list):
        return "a list"
    return "null" if value is None else f"the {type(value).__name__} {str(value)[:40]!r}"


def run_definition(service: StudioService, text: str) -> str:
    """Register a definition from its JSON text and start it with an empty input.

    Raises:
        InvalidRequestError: It is no workflow definition.
    """
    body = loads_untrusted(text.encode())
    if not isinstance(body, dict) or not isinstance(body.get("name"), str):
        raise InvalidRequestError(
            "This is no workflow definition: a JSON object with at least name and tasks."
        )
    service.create_workflow_def(body, overwrite=True).result(START_SECONDS)
    request = {"name": body["name"], "version": body.get("version", 1), "input": {}}
    return service.start_workflow(request).result(START_SECONDS)
