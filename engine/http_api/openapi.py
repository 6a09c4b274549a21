"""The OpenAPI document, generated from the table of routes, and the page to try them.

``GET /api-docs`` (where the real server has it) and ``GET /openapi.json`` are the same document.
The page is static and lies in this package: it loads nothing from elsewhere, has no inline script
or style, and so works under a strict content security policy.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from ..models.codec import dumps
from .answers import JSON, Answer, status_answer
from .call import Call
from .describing import Document, Parameter
from .documents import DOCUMENTS
from .health import installed_version
from .routing import Route

MODELS: Final = {
    "definitions": ("WorkflowDef", "TaskDef", "SchemaDef"),
    "requests": ("StartWorkflowRequest", "RerunWorkflowRequest", "SkipTaskRequest", "TaskResult"),
    "execution": (
        "Workflow",
        "Task",
        "WorkflowSummary",
        "TaskSummary",
        "TaskLog",
        "PollData",
        "BulkResponse",
    ),
    "event_handlers": ("EventHandler",),
    "schedules": ("WorkflowSchedule",),
}
"""Models of ``engine.models`` that the document describes, by module."""

_EVERYWHERE: Final = (400, 401, 403, 405, 413, 422, 429, 503)
"""Errors that any route may answer: a mistake in the request, a refusal, too much, an engine that
is closing."""
_ERROR: Final = {
    "type": "object",
    "properties": {
        "status": {"type": "integer"},
        "message": {"type": "string"},
        "instance": {"type": "string"},
        "retryable": {"type": "boolean"},
        "validationErrors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    name: {"type": "string"}
                    for name in ("path", "message", "invalidValue", "suggestion")
                },
            },
        },
    },
    "required": ["status", "retryable"],
}
_KINDS: Final[Mapping[str, dict[str, Any]]] = {
    "text": {"type": "string"},
    "texts": {"type": "array", "items": {"type": "string"}},
    "number": {"type": "integer"},
    "flag": {"type": "boolean"},
}
_PATH_NUMBERS: Final = frozenset({"version"})
_STATUSES: Final = ("IN_PROGRESS", "FAILED", "FAILED_WITH_TERMINAL_ERROR", "COMPLETED", "CANCELED")
_PAGE: Final = Path(__file__).with_name("page")
_PAGE_HEADERS: Final = (
    (
        "Content-Security-Policy",
        "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("Referrer-Policy", "no-referrer"),
)
_FORWARD: Final = (
    b'<!doctype html><meta http-equiv="refresh" content="0; url=swagger-ui/index.html">'
)
_PAGE_TYPES: Final = {
    "index.html": "text/html;charset=UTF-8",
    "try.js": "text/javascript;charset=UTF-8",
    "try.css": "text/css;charset=UTF-8",
}


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of some routes.

    Raises:
        KeyError: A route is not in ``DOCUMENTS``.
    """
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        told = DOCUMENTS[f"{route.method} {route.path}"]
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, told)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Conductor Studio",
            "version": installed_version(),
            "description": "Conductor's HTTP API, and what goes beyond it.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": {**_model_schemas(), "Error": _ERROR}},
    }


def _operation(route: Route, told: Document) -> dict[str, Any]:
    endpoint = route.endpoint
    text = inspect.getdoc(endpoint) or ""
    summary, _, rest = text.partition("\n\n")
    area = endpoint.__module__.rpartition(".")[2]
    operation: dict[str, Any] = {
        "operationId": f"{route.method.lower()}{route.path}".replace("/", "_"),
        "tags": [area.replace("_", " ")],
        "summary": " ".join(summary.split()),
        "parameters": [*_path_parameters(route.path), *map(_query_parameter, told.query)],
        "responses": _responses(told),
    }
    if rest:
        operation["description"] = rest
    if told.body is not None:
        content = {told.body_type: {"schema": told.body}}
        operation["requestBody"] = {"required": told.body_required, "content": content}
    return operation


def _path_parameters(path: str) -> list[dict[str, Any]]:
    found = []
    for segment in path.split("/"):
        if not segment.startswith("{"):
            continue
        name = segment[1:-1]
        schema: dict[str, Any] = {"type": "string", "minLength": 1}
        if name in _PATH_NUMBERS:
            schema = {"type": "integer", "minimum": 0}
        elif name == "status":
            schema = {"type": "string", "enum": list(_STATUSES)}
        found.append({"name": name, "in": "path", "required": True, "schema": schema})
    return found


def _query_parameter(parameter: Parameter) -> dict[str, Any]:
    schema = dict(_KINDS[parameter.kind])
    for key, value in (
        ("default", parameter.default),
        ("minimum", parameter.least),
        ("maximum", parameter.most),
        ("enum", list(parameter.values) or None),
    ):
        if value is not None:
            schema[key] = value
    described: dict[str, Any] = {
        "name": parameter.name,
        "in": "query",
        "description": parameter.text,
        "schema": schema,
    }
    if parameter.required:
        described["required"] = True
    return described


def _responses(told: Document) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status in told.statuses:
        answer: dict[str, Any] = {"description": HTTPStatus(status).phrase}
        if status == HTTPStatus.OK and told.answer is not None:
            answer["content"] = {told.answer_type: {"schema": told.answer}}
        responses[str(status)] = answer
    error = {"schema": {"$ref": "#/components/schemas/Error"}}
    for status in sorted({*_EVERYWHERE, *told.errors}):
        phrase = HTTPStatus(status).phrase
        responses[str(status)] = {"description": phrase, "content": {JSON: error}}
    for status in told.plain_errors:
        content: dict[str, Any] = {"text/plain": {"schema": {"type": "string"}}}
        if status in _EVERYWHERE:
            content[JSON] = error
        phrase = HTTPStatus(status).phrase
        responses[str(status)] = {"description": phrase, "content": content}
    for status in told.bare_errors:
        responses[str(status)] = {"description": HTTPStatus(status).phrase}
    return responses


def _model_schemas() -> dict[str, Any]:
    from importlib import import_module

    from pydantic.json_schema import models_json_schema

    models = [
        getattr(import_module(f"..models.{module}", __package__), name)
        for module, names in MODELS.items()
        for name in names
    ]
    _, found = models_json_schema(
        [(model, "validation") for model in models],
        by_alias=True,
        ref_template="#/components/schemas/{model}",
    )
    schemas: dict[str, Any] = found["$defs"]
    return schemas


@cache
def _document_bytes() -> bytes:
    from .routes import ROUTES  # the table that this module is part of

    return dumps(document(ROUTES))


async def api_docs(call: Call) -> Answer:
    """This document: every route with what it takes and answers, as OpenAPI 3.1."""
    return Answer(200, await call.query(_document_bytes), JSON)


async def docs_for_people(call: Call) -> Answer:
    """The same; a browser that shows a person a page goes on to the one to read and try it."""
    if "text/html" in (call.header("Accept") or ""):
        to_page = ("Location", "swagger-ui/index.html")
        return Answer(302, b"", _PAGE_TYPES["index.html"], headers=(to_page, ("Vary", "Accept")))
    return await api_docs(call)


async def old_page(call: Call) -> Answer:
    """Where the page was in former servers: goes on to where it is."""
    return Answer(200, _FORWARD, _PAGE_TYPES["index.html"], headers=_PAGE_HEADERS)


async def page_file(call: Call, file: str) -> Answer:
    """``index.html``: a page to read about the routes and to try them; and its other files."""
    kind = _PAGE_TYPES.get(file)
    if kind is None:
        return status_answer(404, f"No static resource swagger-ui/{file}.")
    return Answer(200, await call.query(_page_bytes, file), kind, headers=_PAGE_HEADERS)


@cache
def _page_bytes(file: str) -> bytes:
    return (_PAGE / file).read_bytes()


ROUTES: Final = (
    Route("GET", "/api-docs", docs_for_people),
    Route("GET", "/openapi.json", api_docs),
    Route("GET", "/swagger-ui.html", old_page),
    Route("GET", "/swagger-ui/{file}", page_file),
)
