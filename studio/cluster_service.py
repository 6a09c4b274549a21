"""A server's service as the pages want it: with SQL, also where it answers searches only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.client.remote_service import RemoteService
from engine.models.capability import MISSING, Capability

from .summary_tables import SummaryTables


class ClusterService:
    """Everything of a ``RemoteService``; ``query`` looks at the newest executions if need be."""

    def __init__(self, service: RemoteService) -> None:
        """``service``: closed together with this."""
        self._service = service
        self._tables = SummaryTables(service)

    def __getattr__(self, name: str) -> Any:
        """What the server's service has."""
        return getattr(self._service, name)

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Rows of one SELECT: over the server's history, or over its newest executions."""
        if Capability.QUERY in self._service.capabilities:
            return self._service.query(sql, parameters)
        return self._tables.query(sql, parameters)

    def close(self) -> None:
        """Give up tables and connection. Safe to call twice."""
        self._tables.close()
        self._service.close()

    @property
    def seen(self) -> tuple[int, int]:
        """How many executions lists and figures are about, and how many there are."""
        return self._tables.known, self._tables.total


def limits(service: Any) -> str:
    """What a person should know of lists and figures; empty when they are about everything."""
    if not isinstance(service, ClusterService):
        return ""
    known, total = service.seen
    return f"newest {known:,} of {total:,} executions" if known < total else ""


def approximation(capabilities: frozenset[str]) -> str:
    """The sentence for an execution whose history is not a recorded one; empty for an exact one."""
    return "" if Capability.EVENTS in capabilities else MISSING[Capability.EVENTS]
