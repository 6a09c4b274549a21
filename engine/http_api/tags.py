"""Tags of workflow and task definitions, schedules and event handlers, as Orkes' SDKs ask for them.

POST adds, PUT replaces, DELETE takes off what its body names (all without one). A body is one tag
or a list of them: ``{"key": …, "value": …, "type": "METADATA"}``.
"""

from __future__ import annotations

from typing import Any, Final

from ..errors import InvalidRequestError
from .answers import EMPTY, Answer, json_answer
from .call import Call
from .routing import Endpoint, Route


async def all_tags(call: Call) -> Answer:
    """Every tag that something has, each once."""
    return json_answer(call.service.all_tags())


async def tagged_schedules(call: Call) -> Answer:
    """Schedules that have a tag."""
    return json_answer(call.service.tagged_schedules(call.required_text("tag")))


def _tags(value: Any) -> list[dict[str, Any]]:
    found = value if isinstance(value, list) else [value]
    if not all(isinstance(tag, dict) for tag in found):
        raise InvalidRequestError("The body must be one tag or a list of tags.")
    return found


def _endpoints(kind: str) -> dict[str, Endpoint]:
    """What the four methods do for one kind of object."""

    async def tags(call: Call, name: str) -> Answer:
        """The tags of an object."""
        return json_answer(call.service.tags(kind, name))

    async def add(call: Call, name: str) -> Answer:
        """Add tags to an object."""
        await call.wait(call.service.add_tags(kind, name, _tags(await call.body())))
        return EMPTY

    async def replace(call: Call, name: str) -> Answer:
        """Replace the tags of an object."""
        await call.wait(call.service.set_tags(kind, name, _tags(await call.body())))
        return EMPTY

    async def remove(call: Call, name: str) -> Answer:
        """Take tags off an object: those in the body, or all."""
        given = _tags(await call.body()) if call.has_body else None
        await call.wait(call.service.remove_tags(kind, name, given))
        return EMPTY

    return {"GET": tags, "POST": add, "PUT": replace, "DELETE": remove}


PLACES: Final = {
    "/api/metadata/workflow/{name}/tags": "workflow",
    "/api/metadata/tags/workflow/{name}": "workflow",
    "/api/metadata/task/{name}/tags": "task",
    "/api/scheduler/schedules/{name}/tags": "schedule",
    "/api/event/{name}/tags": "event",
}
"""Paths that SDKs use, and what they are about."""

ROUTES: Final = (
    Route("GET", "/api/metadata/tags", all_tags),
    Route("GET", "/api/scheduler/schedules/tags", tagged_schedules),
    *(
        Route(method, path, endpoint)
        for path, kind in PLACES.items()
        for method, endpoint in _endpoints(kind).items()
    ),
)
