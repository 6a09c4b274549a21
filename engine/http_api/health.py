"""Probes: is the server there, and which one is it."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from .answers import Answer, json_answer, text_answer
from .call import Call
from .routing import Route


async def health(call: Call) -> Answer:
    """Conductor's health report; 503 when the engine takes no commands any more."""
    report = call.service.health()
    answer = json_answer(report)
    return answer if report["healthy"] else answer._replace(status=503)


async def actuator_health(call: Call) -> Answer:
    """The same in one word, ``UP`` or ``DOWN``, where container probes of the real server look."""
    healthy = call.service.health()["healthy"]
    answer = json_answer({"status": "UP" if healthy else "DOWN"})
    return answer if healthy else answer._replace(status=503)


async def server_version(call: Call) -> Answer:
    """The version of this server as bare text. No client negotiates on it."""
    return text_answer(installed_version())


@cache
def installed_version() -> str:
    """Version of this installation."""
    try:
        return version("conductor-studio")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "0"


ROUTES: Final = (
    Route("GET", "/health", health),
    Route("GET", "/api/health", health),
    Route("GET", "/actuator/health", actuator_health),
    Route("GET", "/api/version", server_version),
)
