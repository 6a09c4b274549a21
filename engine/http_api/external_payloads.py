"""Payloads that are too large for a request: where clients read and write them.

``externalstoragelocation`` gives a path, which requests carry in place of the payload, and a
``uri`` that is good for five minutes: of the bucket where there is one, else of this server.
"""

from __future__ import annotations

import re
import uuid
from typing import Final
from urllib.parse import urlencode

from ..errors import InvalidRequestError
from .answers import EMPTY, JSON, Answer, json_answer
from .call import Call, path_number
from .routing import Route

_OPERATIONS: Final = frozenset({"READ", "WRITE"})
_KINDS: Final = {
    "WORKFLOW_INPUT": "input",
    "WORKFLOW_OUTPUT": "output",
    "TASK_INPUT": "input",
    "TASK_OUTPUT": "output",
}
_OURS = re.compile(r"(?:task|workflow|script|upload)/")
_PAYLOADS: Final = "/api/external/payload"


async def location(call: Call) -> Answer:
    """A path, and where it can be read or written now."""
    path = call.required_text("path")
    operation, payload = call.required_text("operation"), call.required_text("payloadType")
    kind = _KINDS.get(payload.upper())
    if operation.upper() not in _OPERATIONS or kind is None:
        raise InvalidRequestError(
            f"Invalid input - Operation: {operation[:80]}, PayloadType: {payload[:80]}"
        )
    if operation.upper() == "WRITE":
        place = call.service.payload_to_write(kind)
    elif _OURS.match(path):
        place = call.service.payload_to_read(path)
    else:  # as a Conductor without external storage: a path, and nothing there
        return json_answer({"path": f"{path}{uuid.uuid4()}.json"})
    uri = place.address
    if uri is None:
        query = urlencode({"expires": place.expires, "signature": place.signature})
        uri = f"{call.origin()}{_PAYLOADS}/{place.path}?{query}"
    return json_answer({"uri": uri, "path": place.path})


async def read(call: Call, owner: str, kind: str, holder: str, file: str) -> Answer:
    """The payload of an address that was given out for reading."""
    path = f"{owner}/{kind}/{holder}/{file}"
    expires = path_number("expires", call.required_text("expires"))
    signature = call.required_text("signature")
    body = await call.wait(call.service.read_payload(path, signature, expires))
    return Answer(200, body, JSON)


async def write(call: Call, owner: str, kind: str, holder: str, file: str) -> Answer:
    """Keep a payload at an address that was given out for writing."""
    path = f"{owner}/{kind}/{holder}/{file}"
    expires = path_number("expires", call.required_text("expires"))
    signature = call.required_text("signature")
    body = call.raw_body()
    await call.checked(call.service.write_payload, path, body, signature, expires)
    return EMPTY


ROUTES: Final = (
    *(
        Route("GET", f"/api/{area}/{name}", location)
        for area in ("workflow", "tasks")
        for name in ("externalstoragelocation", "external-storage-location")
    ),
    Route("GET", f"{_PAYLOADS}/{{owner}}/{{kind}}/{{holder}}/{{file}}", read),
    Route("PUT", f"{_PAYLOADS}/{{owner}}/{{kind}}/{{holder}}/{{file}}", write),
)
