"""``/api/event``: what is to be done when a message arrives."""

from __future__ import annotations

from typing import Any, Final

from ..errors import InvalidRequestError
from .answers import EMPTY, Answer, json_answer
from .call import Call
from .routing import Route


async def create(call: Call) -> Answer:
    """Register a handler, or a list of them, all or none: one SDK sends a list."""
    await call.wait(call.service.create_event_handlers(await _handlers(call)))
    return EMPTY


async def update(call: Call) -> Answer:
    """Replace a handler or a list of them; each must exist."""
    await call.wait(call.service.update_event_handlers(await _handlers(call)))
    return EMPTY


async def handlers(call: Call) -> Answer:
    """Every handler."""
    return json_answer(call.service.event_handlers())


async def handlers_of(call: Call, event: str) -> Answer:
    """The handlers of an event (not of a name); all of them with ``activeOnly=false``."""
    return json_answer(call.service.event_handlers(event, call.flag("activeOnly", True)))


async def delete(call: Call, name: str) -> Answer:
    """Take a handler out by its name."""
    await call.wait(call.service.delete_event_handler(name))
    return EMPTY


async def _handlers(call: Call) -> list[dict[str, Any]]:
    value = await call.body()
    found = value if isinstance(value, list) and value else [value]
    if not all(isinstance(handler, dict) for handler in found):
        raise InvalidRequestError("The body must be one event handler or a list of them.")
    return found


_BASE: Final = "/api/event"

ROUTES: Final = (
    Route("POST", _BASE, create, "addEventHandler.arg0"),
    Route("PUT", _BASE, update, "updateEventHandler.arg0"),
    Route("GET", _BASE, handlers),
    Route("GET", f"{_BASE}/{{event}}", handlers_of),
    Route("DELETE", f"{_BASE}/{{name}}", delete),
)
