"""Small registered objects that need no compiling: tags, environment variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..store.base import MetadataRow, Store

if TYPE_CHECKING:
    from .desk import Desk


class Collection:
    """The objects of one metadata collection by key.

    Changed by the decider thread only, each change part of the commit at hand; read from any
    thread, since the whole mapping is replaced.
    """

    def __init__(self, store: Store, name: str, *, is_protected: bool = False) -> None:
        """Read what the store has under ``name`` (``MetadataRow.collection``).

        ``is_protected``: kept where no query and no feed reaches it.
        """
        self.name = name
        self._is_protected = is_protected
        read = store.protected if is_protected else store.metadata
        self.objects: dict[str, dict[str, Any]] = {
            row.key: row.body for row in read(name) if row.body is not None
        }

    def put(self, desk: Desk, key: str, body: dict[str, Any]) -> None:
        """Register or replace an object."""
        self.objects = {**self.objects, key: body}
        self._record(desk, key, body)

    def drop(self, desk: Desk, key: str) -> None:
        """Take an object out; an unknown key is fine."""
        if key in self.objects:
            self.objects = {known: body for known, body in self.objects.items() if known != key}
            self._record(desk, key, None)

    def _record(self, desk: Desk, key: str, body: dict[str, Any] | None) -> None:
        now_ms = desk.clock.now().wall_ms
        commit = desk.outbox.commit
        rows = commit.protected if self._is_protected else commit.metadata
        rows.append(
            MetadataRow(collection=self.name, key=key, version=0, body=body, wall_ms=now_ms)
        )
