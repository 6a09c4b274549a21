"""Definitions of workflows and tasks, schemas, tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..describing import Document, by_name, flag, many, model, text
from ..tags import PLACES as TAG_PLACES
from .terms import KEEP, META, NAMES, OBJECT, TAG, TAG_CHANGE, VERSION

DOCUMENTS: Final[Mapping[str, Document]] = {
    # definitions
    f"POST {META}/workflow": Document(
        (flag("overwrite", "Replace the version if it is there."),),
        model("WorkflowDef"),
        errors=(409,),
    ),
    f"PUT {META}/workflow": Document(body=many(model("WorkflowDef")), answer=model("BulkResponse")),
    f"GET {META}/workflow": Document(
        (text("classifier", "Only definitions of this kind."), KEEP),
        answer=many(model("WorkflowDef")),
    ),
    f"POST {META}/workflow/validate": Document(body=model("WorkflowDef")),
    f"GET {META}/workflow/names": NAMES,
    f"GET {META}/workflow/names-and-versions": Document(answer=by_name(many(OBJECT))),
    f"GET {META}/workflow/latest-versions": Document((KEEP,), answer=many(model("WorkflowDef"))),
    f"GET {META}/workflow/{{name}}": Document(
        (VERSION, KEEP), answer=model("WorkflowDef"), errors=(404,)
    ),
    f"GET {META}/workflow/{{name}}/versions": Document(answer=many(OBJECT)),
    f"DELETE {META}/workflow/{{name}}/{{version}}": Document(errors=(404,)),
    f"GET {META}/tasktypes": Document(answer=many(OBJECT)),
    f"POST {META}/taskdefs": Document(body=many(model("TaskDef"))),
    f"PUT {META}/taskdefs": Document(body=model("TaskDef"), errors=(404,)),
    f"GET {META}/taskdefs": Document((KEEP,), answer=many(model("TaskDef"))),
    f"GET {META}/taskdefs/{{name}}": Document((KEEP,), answer=model("TaskDef"), errors=(404,)),
    f"DELETE {META}/taskdefs/{{name}}": Document(errors=(404,)),
    # schemas
    "POST /api/schema": Document(
        (flag("newVersion", "Store each as the next version."),),
        {"anyOf": [model("SchemaDef"), many(model("SchemaDef"))]},
        errors=(409,),
    ),
    "GET /api/schema": Document(
        (flag("short", "Names and versions only."),), answer=many(model("SchemaDef"))
    ),
    "GET /api/schema/{name}": Document(answer=model("SchemaDef"), errors=(404,)),
    "GET /api/schema/{name}/{version}": Document(answer=model("SchemaDef"), errors=(404,)),
    "DELETE /api/schema/{name}": Document(errors=(404,)),
    "DELETE /api/schema/{name}/{version}": Document(errors=(404,)),
    # tags
    "GET /api/metadata/tags": Document(answer=many(TAG)),
    "GET /api/scheduler/schedules/tags": Document(
        (text("tag", "`key:value`, or the key alone.", required=True),),
        answer=many(model("WorkflowSchedule")),
    ),
    **{
        f"{method} {path}": document
        for path in TAG_PLACES
        for method, document in (
            ("GET", Document(answer=many(TAG), errors=(404,))),
            ("POST", TAG_CHANGE),
            ("PUT", TAG_CHANGE),
            ("DELETE", TAG_CHANGE._replace(body_required=False)),
        )
    },
}
"""By ``METHOD path``."""
