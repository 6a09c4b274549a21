"""Where clients may put payloads that are too large to send: nowhere, but they ask.

Like a Conductor without external storage, this door hands out a path and no address.
"""

from __future__ import annotations

import uuid
from typing import Final

from ..errors import InvalidRequestError
from .answers import Answer, json_answer
from .call import Call
from .routing import Route

_OPERATIONS: Final = frozenset({"READ", "WRITE"})
_PAYLOADS: Final = frozenset({"WORKFLOW_INPUT", "WORKFLOW_OUTPUT", "TASK_INPUT", "TASK_OUTPUT"})


async def location(call: Call) -> Answer:
    """A path of its own below the one asked for."""
    path = call.required_text("path")
    operation, payload = call.required_text("operation"), call.required_text("payloadType")
    if operation.upper() not in _OPERATIONS or payload.upper() not in _PAYLOADS:
        raise InvalidRequestError(
            f"Invalid input - Operation: {operation[:80]}, PayloadType: {payload[:80]}"
        )
    return json_answer({"path": f"{path}{uuid.uuid4()}.json"})


ROUTES: Final = tuple(
    Route("GET", f"/api/{area}/{name}", location)
    for area in ("workflow", "tasks")
    for name in ("externalstoragelocation", "external-storage-location")
)
