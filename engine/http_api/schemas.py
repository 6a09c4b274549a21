"""``/api/schema``: the schema registry as the SDKs call it."""

from __future__ import annotations

from typing import Any, Final

from ..errors import InvalidRequestError
from .answers import EMPTY, Answer, json_answer
from .call import Call, path_number
from .routing import Route


async def save(call: Call) -> Answer:
    """Save one schema or a list; ``newVersion=true`` stores each as the next version."""
    value: Any = await call.body()
    bodies = [value] if isinstance(value, dict) else value
    if not isinstance(bodies, list) or not all(isinstance(body, dict) for body in bodies):
        raise InvalidRequestError("The body must be one schema or a list of them.")
    await call.checked(call.service.save_schemas, bodies, call.flag("newVersion"))
    return EMPTY


async def schemas(call: Call) -> Answer:
    """Every version of every schema; names and versions only with ``short=true``."""
    return json_answer(call.service.schemas(call.flag("short")))


async def latest(call: Call, name: str) -> Answer:
    """The highest version of a name."""
    return json_answer(call.service.schema(name))


async def one(call: Call, name: str, version: str) -> Answer:
    """One version."""
    return json_answer(call.service.schema(name, path_number("version", version)))


async def delete_all(call: Call, name: str) -> Answer:
    """Take every version of a name out."""
    await call.wait(call.service.delete_schema(name))
    return EMPTY


async def delete_one(call: Call, name: str, version: str) -> Answer:
    """Take one version out."""
    await call.wait(call.service.delete_schema(name, path_number("version", version)))
    return EMPTY


_BASE: Final = "/api/schema"

ROUTES: Final = (
    Route("POST", _BASE, save, "save.arg0"),
    Route("GET", _BASE, schemas),
    Route("GET", f"{_BASE}/{{name}}", latest),
    Route("GET", f"{_BASE}/{{name}}/{{version}}", one),
    Route("DELETE", f"{_BASE}/{{name}}", delete_all),
    Route("DELETE", f"{_BASE}/{{name}}/{{version}}", delete_one),
)
