"""The SQLite file of the journal: opening it, its schema, its errors in our words."""

from __future__ import annotations

import sqlite3
import uuid
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from ..errors import HistoryConflictError, StoreCorruptError, StoreError, UnavailableError
from .faults import fault_point
from .migrations import Step, migrate
from .migrations.journal_steps import JOURNAL_STEPS
from .private_files import create_private, make_private

_FULL: Final = ("disk is full", "database or disk is full")
_DAMAGED: Final = ("malformed", "not a database", "disk image", "corrupt")


def connect(path: Path, synchronous: str) -> sqlite3.Connection:
    """A connection in WAL mode with explicit transactions, usable from any one thread at a time."""
    create_private(path)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={synchronous}")
    except BaseException:
        connection.close()
        raise
    return connection


def prepare(
    path: Path, connection: sqlite3.Connection, steps: Sequence[Step] = JOURNAL_STEPS
) -> dict[str, Any]:
    """Bring the file to the newest schema; returns the rows of ``info`` by key.

    Raises:
        StoreError: A later version wrote the file, or it is another program's.
    """

    def apply(step: Step) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in step.statements:
                connection.execute(statement)
            if step.number == 1:
                facts = {"store_id": uuid.uuid4().hex, "last_position": 0, "fed_position": 0}
                connection.executemany("INSERT INTO info VALUES (?, ?)", facts.items())
            connection.execute(
                "INSERT OR REPLACE INTO info VALUES ('schema_version', ?)", (step.number,)
            )
            fault_point("journal.step_written")
            connection.execute("COMMIT")
            fault_point("journal.step_done")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    migrate(path.name, _schema_version(path, connection), steps, apply)
    make_private(path, *(path.with_name(path.name + end) for end in ("-wal", "-shm")))
    return dict(connection.execute("SELECT key, value FROM info"))


def verify(path: Path, connection: sqlite3.Connection, indexes_too: bool) -> None:
    """Look through the whole file; worth its time after an owner has died.

    Args:
        path: The file, for the message.
        connection: Where it is open.
        indexes_too: Whether to hold the indexes against their tables, which takes longer.

    Raises:
        StoreCorruptError: SQLite found damage.
    """
    check = "integrity_check" if indexes_too else "quick_check"
    found = connection.execute(f"PRAGMA {check}(1)").fetchone()[0]
    if found != "ok":
        raise damaged(path, str(found))


def seal(*values: str | int | bytes | None) -> int:
    """The checksum of a row's values."""
    crc = 0
    for value in values:
        if not isinstance(value, bytes):
            value = b"\0" if value is None else str(value).encode("utf-8", "surrogatepass")
        crc = zlib.crc32(b"\x1f", zlib.crc32(value, crc))
    return crc


def check_seal(
    path: Path, what: str, kept: int | None, *values: str | int | bytes | None, blobs: int = 0
) -> None:
    """Accept a row silently whose values are those that were written, or that has no checksum.

    Args:
        path: The journal.
        what: The row, for the message.
        kept: Its checksum.
        values: Its values. One flipped bit makes bytes of a text, with the same content and so
            the same checksum.
        blobs: So many of them, the last ones, were written as bytes; none of the others was.

    Raises:
        StoreCorruptError: They have changed on the disk.
    """
    if kept is None:
        return
    first_blob = len(values) - blobs
    as_written = all(
        value is None or isinstance(value, bytes) == (place >= first_blob)
        for place, value in enumerate(values)
    )
    if not as_written or kept != seal(*values):
        raise damaged(path, f"{what} does not match its checksum")


def damaged(path: Path, what: str) -> StoreCorruptError:
    """The error of a journal that can't be trusted, with what to do about it."""
    history = path.name.removesuffix(".journal")
    return StoreCorruptError(
        f"The journal {path.name} is damaged ({what}). Put {history} and {path.name} back from "
        f"one backup; or move {path.name} away and open with recover=True to go on from "
        f"{history}, which may lack the last moments before the damage."
    )


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into the store's."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise HistoryConflictError(
            f"The journal {path.name} has an event with that number already: {error}."
        ) from None
    except UnicodeDecodeError as error:  # SQLite's own words quote what is damaged
        raise damaged(path, f"its schema can't be read: {error.reason}") from None
    except sqlite3.Error as error:
        text = str(error)
        if any(word in text for word in _FULL):
            raise UnavailableError(
                f"The disk of {path.name} is full; nothing was written. Free some space."
            ) from None
        if any(word in text for word in _DAMAGED):
            raise damaged(path, text) from None
        raise StoreError(f"The journal {path.name} can't be used: {text}.") from None


def _schema_version(path: Path, connection: sqlite3.Connection) -> int:
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    if not tables:
        return 0
    found = None
    if "info" in tables:
        query = "SELECT value FROM info WHERE key = 'schema_version'"
        found = connection.execute(query).fetchone()
    if found is None:
        raise StoreError(
            f"{path.name} is a SQLite file of another program; choose another --db name."
        )
    return int(found[0])
