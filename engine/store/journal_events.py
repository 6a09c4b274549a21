"""Rows of events in the journal, and the short numbers by which they name their executions.

An execution's id is random. In an index over ids the events of a hundred executions at work lie on
a hundred pages, and a commit would write them all; numbers given in order of age lie together.

Rules of this file
  1. An execution has a number as long as the journal has events of it: a position of one of those,
     so no two are alike.
  2. Numbers never leave the journal: whoever asks names the id.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from typing import Any, Final

import msgspec

from ..core.events import HistoryEvent
from .journal_file import seal

NumberedEvents = Sequence[tuple[int, HistoryEvent]]

EXECUTION_OF: Final = "(SELECT execution FROM journalled WHERE workflow_id = ?)"
"""SQL for the number of an execution whose id is known."""
_LARGEST_SLICE: Final = 128
_FEW_ROWS: Final = 12
"""So many rows at most go into one statement whatever their number: most commits are small."""

_encoder: Final = msgspec.json.Encoder(enc_hook=str)


def number_executions(
    connection: sqlite3.Connection,
    new: NumberedEvents,
    restored: NumberedEvents,
    known: Mapping[str, int],
) -> dict[str, int]:
    """Numbers of the executions of these events beyond those known; new ones are recorded.

    Args:
        connection: In the transaction that will have the events.
        new: Events of the commit, with their positions.
        restored: Events that come back from the history.
        known: Numbers at hand, by id; 0 is none.
    """
    found: dict[str, int] = {}
    fresh: dict[str, int] = {}
    for position, event in chain(new, restored):
        workflow_id = event.workflow_id
        if known.get(workflow_id) or workflow_id in found or workflow_id in fresh:
            continue
        if event.number > 1 or restored:
            query = "SELECT execution FROM journalled WHERE workflow_id = ?"
            row = connection.execute(query, (workflow_id,)).fetchone()
            if row is not None:
                found[workflow_id] = row[0]
                continue
        fresh[workflow_id] = position
    rows = [(number, key, seal(number, key)) for key, number in fresh.items()]
    _insert(connection, "INSERT INTO journalled VALUES", rows)
    return found | fresh


def insert_events(
    connection: sqlite3.Connection,
    numbered: NumberedEvents,
    executions: Mapping[str, int],
    how: str = "",
) -> int:
    """Write events; returns how many bytes they have.

    Args:
        connection: In a transaction.
        numbered: Events with their positions.
        executions: Numbers of their executions, by id.
        how: ``OR IGNORE`` passes over those that are there.
    """
    rows = []
    size = 0
    for position, event in numbered:
        body = _encoder.encode(event)
        execution = executions[event.workflow_id]
        rows.append((position, execution, event.number, zlib.crc32(body), body))
        size += len(body)
    _insert(connection, f"INSERT {how} INTO events VALUES", rows)
    return size


def delete_events(connection: sqlite3.Connection, workflow_id: str) -> None:
    """Delete all events of an execution."""
    connection.execute(f"DELETE FROM events WHERE execution = {EXECUTION_OF}", (workflow_id,))


def forget_execution(connection: sqlite3.Connection, workflow_id: str) -> None:
    """Give up the number of an execution of which the journal has no event any more."""
    connection.execute("DELETE FROM journalled WHERE workflow_id = ?", (workflow_id,))


def has_lost_executions(connection: sqlite3.Connection) -> bool:
    """Whether there are events of executions that are neither open nor ended, as after damage."""
    query = (
        "SELECT EXISTS (SELECT 1 FROM journalled WHERE seal IS NOT NULL "
        "AND workflow_id NOT IN (SELECT workflow_id FROM open_executions) "
        "AND workflow_id NOT IN (SELECT workflow_id FROM ended_executions))"
    )
    return bool(connection.execute(query).fetchone()[0])


def _insert(connection: sqlite3.Connection, statement: str, rows: list[tuple[Any, ...]]) -> None:
    # One statement for many rows: SQLite gives Python's lock up and takes it back at every
    # statement, and waits for whoever computes meanwhile.
    for start, count in _slices(len(rows)):
        values = tuple(chain.from_iterable(rows[start : start + count]))
        connection.execute(_with_places(statement, len(rows[0]), count), values)


@cache
def _with_places(statement: str, columns: int, rows: int) -> str:
    row = f"({', '.join('?' * columns)})"
    return f"{statement} {', '.join([row] * rows)}"


def _slices(total: int) -> Iterator[tuple[int, int]]:
    """Start and length of pieces whose lengths are few, so that statements are prepared once."""
    start = 0
    while start < total:
        left = total - start
        if left <= _FEW_ROWS:
            count = left
        else:
            count = min(_LARGEST_SLICE, 1 << (left.bit_length() - 1))
        yield start, count
        start += count
