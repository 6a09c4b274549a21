"""What the studio asks of the engine and of its own optional parts, as protocols."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

from engine.core.events import HistoryEvent


class Subscription(Protocol):
    """A running subscription."""

    def close(self) -> None:
        """Hear nothing more."""
        ...


class StudioService(Protocol):
    """The part of ``engine.service.Service`` that pages call (signatures as there)."""

    @property
    def capabilities(self) -> frozenset[str]:
        """Names of ``engine.models.capability.Capability`` that the back end has."""
        ...

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Rows of one read-only SELECT. Blocking."""
        ...

    def subscribe(
        self, callback: Callable[[list[HistoryEvent]], None], workflow_id: str | None = None
    ) -> Subscription:
        """Hear committed events, on the notifier's thread."""
        ...

    def health(self) -> dict[str, Any]:
        """Whether commands are taken and searches answered, in Conductor's shape. Blocking."""
        ...

    def workflow_defs(self) -> list[dict[str, Any]]:
        """Every version of every registered definition."""
        ...

    def create_workflow_def(self, body: dict[str, Any], overwrite: bool = False) -> Future[None]:
        """Register a workflow definition."""
        ...

    def start_workflow(self, request: dict[str, Any], actor: str | None = None) -> Future[str]:
        """Start an execution; resolves to its id."""
        ...


class Samples(Protocol):
    """Workflows that come with the studio (``studio.samples``)."""

    def names(self) -> list[str]:
        """Names of the samples, the one that fails first."""
        ...

    def offers(self) -> list[dict[str, str]]:
        """``{name, title, sentence}`` of each, in the same order."""
        ...

    def start(self, name: str) -> str:
        """Run a sample, workers and all; returns the id of the execution. Blocking."""
        ...
