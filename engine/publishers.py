"""Publishers: where EVENT tasks with sinks like ``sqs:orders`` send their messages.

::

    class SqsPublisher:
        def publish(self, message: EventMessage) -> None:
            body = json.dumps(message.payload)
            sqs.send_message(QueueUrl=urls[message.address], MessageBody=body)

Hand it over as ``Engine(event_publishers={"sqs": SqsPublisher()})``, or install it as an entry
point of the group ``conductor_studio.event_publishers`` whose name is the queue type. Sinks
``conductor`` and ``conductor:<name>`` are the engine's own; a queue type without a publisher
fails the task as in Conductor.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Protocol, runtime_checkable

from .errors import InvalidRequestError

__all__ = ["EventMessage", "EventPublisher"]

ENTRY_POINTS: Final = "conductor_studio.event_publishers"
"""Group of the entry points: the name is a queue type, the object a publisher or its class."""
OWN_QUEUE_TYPE: Final = "conductor"


class EventMessage(NamedTuple):
    """What an EVENT task publishes."""

    id: str
    """The task's id: the same each time the attempt is made again."""
    sink: str
    """The whole sink: ``sqs:orders``."""
    address: str
    """What stands behind the first colon: ``orders``."""
    payload: dict[str, Any]
    """The task's input with the execution's identity; not to be changed."""


@runtime_checkable
class EventPublisher(Protocol):
    """Sends messages of one queue type. Called on threads of its own, several at once.

    A publisher may have a ``close`` without arguments, which is called when the engine closes.
    """

    def publish(self, message: EventMessage) -> None:
        """Send a message; return once the other side has it.

        At least once: a process that dies in the middle does it again at its next start. What is
        raised fails the attempt, its text is the reason; the task definition of the workflow
        task's name, or its ``retryCount``, says whether there is another.
        """
        ...


def event_publishers(given: Mapping[str, EventPublisher]) -> dict[str, EventPublisher]:
    """Publishers by queue type: those of installed packages, then those handed over.

    Raises:
        InvalidRequestError: An entry point can't be loaded, or a type or object is none.
    """
    from importlib.metadata import entry_points

    found: dict[str, EventPublisher] = {}
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name):
        if point.name in given:
            continue
        try:
            loaded = point.load()
            found[point.name] = loaded() if isinstance(loaded, type) else loaded
        except Exception as error:
            raise InvalidRequestError(
                f"The event publisher '{point.name}' ({point.value}) can't be loaded: "
                f"{type(error).__name__}: {error}"
            ) from error
    found.update(given)
    for kind, publisher in found.items():
        if not kind or ":" in kind or kind.startswith(OWN_QUEUE_TYPE):
            raise InvalidRequestError(f"'{kind}' is no queue type a publisher can have.")
        if not isinstance(publisher, EventPublisher):
            raise InvalidRequestError(
                f"The publisher of '{kind}' has no method publish: {type(publisher).__name__}."
            )
    return found
