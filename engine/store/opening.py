"""Choosing the store for a ``--db`` value."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .base import Project
    from .local import LocalStore
    from .memory import MemoryStore

MEMORY: Final = ":memory:"


def open_store(
    db: str | Path, project: Project | None = None, recover: bool = False
) -> LocalStore | MemoryStore:
    """The store that ``db`` names: ``:memory:``, or a DuckDB file that is created if missing.

    Args:
        db: ``:memory:`` or a path, usually ``NAME.duckdb``.
        project: Rows of an execution from its events; see ``core.projection.projector``.
        recover: Go on from the history where the journal was lost.

    Raises:
        StoreLockedError: Another process owns the file; the message says which.
        StoreCorruptError: The journal is damaged; the message says what to do.
        StoreError: The file can't be used for another reason.
    """
    # DuckDB is loaded only by who opens a store.
    if str(db) == MEMORY:
        from .memory import MemoryStore

        return MemoryStore()
    from .local import LocalStore

    return LocalStore(db, project, recover)
