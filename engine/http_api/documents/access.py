"""Who may come in, and what must not be seen: keys, users, links, secrets, environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..describing import TEXT_BODY, Document, many, number, text
from .terms import (
    ACCESS,
    BOARD_LINK,
    CREDENTIALS,
    EXECUTION_LINK,
    JSON,
    LINK,
    NAMES,
    OBJECT,
    ROLE,
    SECRET_NAME,
    TEXT,
    fields,
)

DOCUMENTS: Final[Mapping[str, Document]] = {
    # who is asking, and who may
    "POST /api/token": Document(body=CREDENTIALS, answer=OBJECT, errors=(404,)),
    "GET /api/token": Document(statuses=(), errors=(404,)),
    "GET /api/token/userInfo": JSON._replace(errors=(404,)),
    f"GET {ACCESS}/me": JSON,
    f"GET {ACCESS}/users": Document(answer=many(OBJECT)),
    f"POST {ACCESS}/users": Document(
        body=fields(
            ("name", "role"), name=TEXT, role=ROLE, password=TEXT, signOn={"type": "boolean"}
        ),
        errors=(409,),
    ),
    f"PUT {ACCESS}/users/{{name}}": Document(
        body=fields((), role=ROLE, password=TEXT), errors=(404,)
    ),
    f"DELETE {ACCESS}/users/{{name}}": Document(errors=(404,)),
    f"GET {ACCESS}/keys": Document(answer=many(OBJECT)),
    f"POST {ACCESS}/keys": Document(
        body=fields(
            ("name", "role"), name=TEXT, role=ROLE, seconds={"type": "integer", "minimum": 0}
        ),
        answer=OBJECT,
    ),
    f"DELETE {ACCESS}/keys/{{keyId}}": Document(errors=(404,)),
    f"GET {ACCESS}/links": Document(
        (text("workflowId", "Only those to this execution."),), answer=many(OBJECT)
    ),
    f"POST {ACCESS}/links": Document(
        body={"oneOf": [EXECUTION_LINK, BOARD_LINK]}, answer=LINK, errors=(404,)
    ),
    f"DELETE {ACCESS}/links/{{linkId}}": Document(errors=(404,)),
    f"GET {ACCESS}/audit": Document(
        (
            number("before", "Only rows with smaller numbers; 0 from the newest.", 0),
            number("limit", "How many; at most 500.", 100),
            text("actor", "Only of this one: user, or user:NAME."),
            text("operation", "Only this operation."),
            text("object", "Only objects whose name begins so."),
            number("since", "Only from this moment on, epoch milliseconds.", 0),
            number("until", "Only until this moment, epoch milliseconds; 0 to the newest.", 0),
        ),
        answer=many(OBJECT),
    ),
    # secrets and environment
    "GET /api/secrets": NAMES,
    "POST /api/secrets": NAMES,
    "GET /api/secrets/v2": Document(answer=many(OBJECT)),
    "GET /api/secrets/{key}": SECRET_NAME,
    "PUT /api/secrets/{key}": Document(body=TEXT_BODY, body_type="text/plain", plain_errors=(501,)),
    "DELETE /api/secrets/{key}": Document(errors=(404,), plain_errors=(501,)),
    "GET /api/secrets/{key}/exists": Document(answer={"type": "boolean"}, bare_errors=(400,)),
    "GET /api/environment": Document(answer=many(OBJECT)),
    "GET /api/environment/{key}": Document(answer=TEXT_BODY, answer_type="text/plain"),
    "PUT /api/environment/{key}": Document(body=TEXT_BODY, body_type="text/plain"),
    "DELETE /api/environment/{key}": Document(errors=(404, 409)),
}
"""By ``METHOD path``."""
