"""Choosing the store for a ``--db`` value."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from .base import Project, Store
    from .local import LocalStore
    from .memory import MemoryStore

MEMORY: Final = ":memory:"
UPLOAD_SECONDS: Final = 24 * 3600
"""How long an upload may wait to be told about; buckets have lifecycle rules for that."""


def is_store(db: str | Path) -> bool:
    """Whether a path has a store already: its history, or its journal at least."""
    path = Path(db)
    return path.exists() or path.with_name(path.name + ".journal").exists()


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


def with_payloads(store: Store, db: str | Path, payloads: str | Path | None = None) -> Store:
    """The store with a place for what is too large for it.

    Args:
        store: What ``open_store`` gave for ``db``.
        db: ``:memory:`` or a path; without ``payloads`` the place is beside it.
        payloads: A folder, or ``s3://bucket/prefix``.

    Raises:
        InvalidRequestError: The address names no bucket.
        UnsupportedError: The extra for buckets is not installed.
    """
    from .external import ExternalPayloads
    from .payload_storage import FolderStorage, MemoryStorage, PayloadStorage

    storage: PayloadStorage
    if payloads is not None and str(payloads).startswith("s3:"):
        from .s3_storage import S3Storage

        storage = S3Storage.of(str(payloads))
    elif payloads is not None:
        storage = FolderStorage(payloads)
    elif str(db) == MEMORY:
        storage = MemoryStorage()
    else:
        storage = FolderStorage(Path(db).with_name(f"{Path(db).name}.payloads"))
    if isinstance(storage, FolderStorage):
        storage.delete_uploads(time.time() - UPLOAD_SECONDS)
    return cast("Store", ExternalPayloads(store, storage))  # what it lacks, the inner store does
