"""Secrets and environment: names can be read, values never; stored only where there is a key."""

from __future__ import annotations

import re
from typing import Final

from .answers import EMPTY, TEXT, Answer, json_answer, status_answer, text_answer
from .call import Call
from .routing import Route

_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")
_READ_ONLY: Final = Answer(501, b"env-backed secrets are read-only", TEXT)


async def names(call: Call) -> Answer:
    """Names of the secrets; values are never given out."""
    return json_answer(call.service.secret_names())


async def described(call: Call) -> Answer:
    """The names as objects. ``partial`` shows no character: four of each end are most of many."""
    return json_answer([{"name": name, "partial": "..."} for name in call.service.secret_names()])


async def secret(call: Call, key: str) -> Answer:
    """Values stay here: a known name answers empty, an unknown one 404."""
    if not _NAME.fullmatch(key):
        return Answer(400)
    return EMPTY if key in call.service.secret_names() else Answer(404)


async def exists(call: Call, key: str) -> Answer:
    """Whether there is a secret of that name."""
    if not _NAME.fullmatch(key):
        return Answer(400)
    return json_answer(key in call.service.secret_names())


async def put(call: Call, key: str) -> Answer:
    """Store a secret: the body is its value, bare or as a JSON text. 501 without a key for it."""
    if not call.service.secrets_are_writable():
        return _READ_ONLY
    value = call.raw_body().decode("utf-8", "replace")
    if "json" in (call.headers.get("Content-Type") or ""):
        given = await call.body()
        value = given if isinstance(given, str) else value
    await call.wait(call.service.set_secret(key, value))
    return EMPTY


async def delete(call: Call, key: str) -> Answer:
    """Take a stored secret out. 501 without a key for stored ones."""
    if not call.service.secrets_are_writable():
        return _READ_ONLY
    await call.wait(call.service.delete_secret(key))
    return EMPTY


async def environment(call: Call) -> Answer:
    """All values of ``workflow.env``."""
    values = call.service.environment()
    return json_answer([{"name": name, "value": values[name]} for name in sorted(values)])


async def environment_value(call: Call, key: str) -> Answer:
    """One value; empty when there is none."""
    value = call.service.environment().get(key)
    return EMPTY if value is None else text_answer(value)


async def set_environment_value(call: Call, key: str) -> Answer:
    """Write one value: the body as it stands, whatever its content type. 405 without a key.

    One rule for both: a server that keeps secrets of its own keeps environment variables too; one
    whose process provides them is read-only, as the real server is.
    """
    if not call.service.secrets_are_writable():
        return _not_supported("PUT")
    value = call.raw_body().decode("utf-8", "replace")
    await call.wait(call.service.set_environment_variable(key, value))
    return EMPTY


async def delete_environment_value(call: Call, key: str) -> Answer:
    """Take a written value back. 405 without a key for stored secrets, as ``PUT``."""
    if not call.service.secrets_are_writable():
        return _not_supported("DELETE")
    await call.wait(call.service.delete_environment_variable(key))
    return EMPTY


def _not_supported(method: str) -> Answer:
    return status_answer(405, f"Request method '{method}' is not supported", "GET,HEAD,OPTIONS")


ROUTES: Final = (
    Route("GET", "/api/secrets", names),
    Route("POST", "/api/secrets", names),
    Route("GET", "/api/secrets/v2", described),
    Route("GET", "/api/secrets/{key}", secret),
    Route("PUT", "/api/secrets/{key}", put),
    Route("DELETE", "/api/secrets/{key}", delete),
    Route("GET", "/api/secrets/{key}/exists", exists),
    Route("GET", "/api/environment", environment),
    Route("GET", "/api/environment/{key}", environment_value),
    Route("PUT", "/api/environment/{key}", set_environment_value),
    Route("DELETE", "/api/environment/{key}", delete_environment_value),
)
