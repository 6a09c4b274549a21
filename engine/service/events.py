"""Event handlers, and messages for them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

from ..errors import ConflictError, InvalidRequestError, NotFoundError
from ..models.event_handlers import EventHandler
from ..runtime.desk import Desk
from ..runtime.events import publish
from .administration import AdministrationService
from .base import Wire

_OWN_QUEUE = "conductor:"


class EventService(AdministrationService):
    """Handlers are validated before they are stored; a message is handled once per id."""

    def create_event_handler(self, body: Wire) -> Future[None]:
        """Register a handler.

        Raises:
            InvalidRequestError: It breaks a rule; ``problems`` says which and where.
            ConflictError: (from the future) the name is taken.
        """
        return self.create_event_handlers([body])

    def create_event_handlers(self, bodies: Sequence[Wire]) -> Future[None]:
        """Register several handlers, all or none. See ``create_event_handler``."""
        handlers = _all_checked(bodies)

        def put(desk: Desk) -> None:
            for handler in handlers:
                if handler.name in desk.registry.event_handlers:
                    raise ConflictError(f"EventHandler with name {handler.name} already exists!")
            for handler in handlers:
                _put(desk, handler)

        return self._submit(put)

    def update_event_handler(self, body: Wire) -> Future[None]:
        """Replace a handler.

        Raises:
            InvalidRequestError: It breaks a rule.
            NotFoundError: (from the future) it is not registered.
        """
        return self.update_event_handlers([body])

    def update_event_handlers(self, bodies: Sequence[Wire]) -> Future[None]:
        """Replace several handlers, all or none. See ``update_event_handler``."""
        handlers = _all_checked(bodies)

        def put(desk: Desk) -> None:
            for handler in handlers:
                _check_known(desk, handler.name)
            for handler in handlers:
                _put(desk, handler)

        return self._submit(put)

    def delete_event_handler(self, name: str) -> Future[None]:
        """Take a handler out.

        Raises:
            NotFoundError: (from the future) it is not registered.
        """

        def drop(desk: Desk) -> None:
            _check_known(desk, name)
            row = desk.registry.drop_event_handler(name, desk.clock.now().wall_ms)
            desk.outbox.commit.metadata.append(row)

        return self._submit(drop)

    def event_handlers(self, event: str | None = None, active_only: bool = False) -> list[Wire]:
        """Handlers by name; those of one event, and only active ones, on demand."""
        return [
            body
            for _, body in sorted(self._registry.event_handlers.items())
            if (event is None or body["event"] == event) and (body.get("active") or not active_only)
        ]

    def publish_event(self, queue: str, message_id: str, payload: Wire) -> Future[list[Wire]]:
        """Hand a message to the handlers of a queue; a message id counts once.

        Returns:
            Resolves, once durable, to what the actions came to; empty while a condition is
            being worked out, or when nobody listens.
        """

        def run(desk: Desk) -> list[Wire]:
            publish(desk, queue, message_id, payload)
            return desk.event_queue.executions(message_id)

        return self._submit(run)

    def event_executions(self, message_id: str) -> Future[list[Wire]]:
        """What the actions of a message's handlers came to."""
        return self._submit(lambda desk: desk.event_queue.executions(message_id), reads=True)

    def event_queues(self) -> Future[dict[str, dict[str, int]]]:
        """Event to queue name and waiting messages, for the events that are listened to."""

        def read(desk: Desk) -> dict[str, dict[str, int]]:
            sizes = desk.event_queue.sizes()
            events = {b["event"] for b in desk.registry.event_handlers.values() if b.get("active")}
            return {
                event: {event.removeprefix(_OWN_QUEUE): sizes.get(event, 0)}
                for event in sorted(events)
            }

        return self._submit(read, reads=True)


def _all_checked(bodies: Sequence[Wire]) -> list[EventHandler]:
    handlers = [_checked(body) for body in bodies]
    names = [handler.name for handler in handlers]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidRequestError(f"The list has two handlers named '{twice}'.")
    return handlers


def _checked(body: Wire) -> EventHandler:
    handler = EventHandler.from_wire(body)
    handler.validate_handler()
    return handler


def _check_known(desk: Desk, name: str) -> None:
    if name not in desk.registry.event_handlers:
        raise NotFoundError(f"EventHandler with name {name} not found!")


def _put(desk: Desk, handler: EventHandler) -> None:
    row = desk.registry.put_event_handler(handler.to_wire(), desk.clock.now().wall_ms)
    desk.outbox.commit.metadata.append(row)
