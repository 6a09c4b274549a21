"""The client of an engine in this process: no network, the same errors and models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..models.capability import EVERY_CAPABILITY
from ..models.codec import recorded
from .service_client import ServiceClient

if TYPE_CHECKING:
    from ..service import Service


class LocalClient(ServiceClient):
    """``Client`` over the ``Service`` of this process."""

    _service: Service

    def __init__(
        self, service: Service, actor: str = "user", on_close: Callable[[], None] | None = None
    ) -> None:
        """Args:
        service: The engine; it is not closed with the client.
        actor: Whom the history names as the starter of executions.
        on_close: Called by ``close``: how an engine made for this client ends with it.
        """
        super().__init__(service, actor)
        self._on_close = on_close

    def __repr__(self) -> str:
        """Says only what it is: asking the engine could block, or find it closed."""
        return "<LocalClient of an engine in this process>"

    @property
    def service(self) -> Service:
        """The engine behind it."""
        return self._service

    def _own(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """A copy as it is read from a record: whoever changes it changes nothing in the engine."""
        copy: dict[str, Any] = recorded(dict(value))
        return copy

    @property
    def capabilities(self) -> frozenset[str]:
        """All of them: the history is at hand."""
        return EVERY_CAPABILITY

    def close(self) -> None:
        """End the engine if it was made for this client; otherwise there is nothing to give up."""
        if self._on_close is not None:
            self._on_close()
