"""What the journal forgets once the history has it, and in which order.

Rules of this file
  1. In small transactions: a commit may have to wait for one.
  2. Several executions at a time, by position: those that ran together lie on the same pages,
     and each transaction writes all the pages it touches.
  3. What is left of an execution is always its end: its oldest events go first.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from .faults import fault_point
from .journal_events import EXECUTION_OF, forget_execution

PRUNE_RECORDS: Final = 200
"""Records of one transaction: well under a millisecond, which a commit may wait for."""
_EXECUTIONS_AT_ONCE: Final = 50
_EVENTS_AT_ONCE: Final = 2_000


class Pruner:
    """Deletes what is due over one connection. Under the journal's mutex."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Nothing is planned yet."""
        self._connection = connection
        self._positions: list[int] = []
        """Events to be deleted next, the newest first."""
        self._spent: list[str] = []
        """Executions of which nothing is left when those are gone."""

    def start_afresh(self) -> None:
        """Forget what was planned: executions have changed that were ended."""
        self._positions, self._spent = [], []

    def has_work(self, fed: int) -> bool:
        """Whether anything may be deleted of what the history has up to position ``fed``."""
        query = (
            "SELECT EXISTS (SELECT 1 FROM ended_executions WHERE position <= ?1) "
            "OR EXISTS (SELECT 1 FROM logs WHERE position <= ?1) "
            "OR EXISTS (SELECT 1 FROM removals WHERE position <= ?1) "
            "OR EXISTS (SELECT 1 FROM metadata WHERE position <= ?1 AND body IS NULL)"
        )
        return bool(self._connection.execute(query, (fed,)).fetchone()[0])

    def delete_some(self, fed: int) -> None:
        """Delete some of what the history has up to position ``fed``. In a transaction."""
        if not self._positions and not self._spent:
            self._plan(fed)
        part = self._positions[-PRUNE_RECORDS:]
        del self._positions[-PRUNE_RECORDS:]
        places = ", ".join("?" * len(part))
        self._connection.execute(f"DELETE FROM events WHERE position IN ({places})", part)
        if not self._positions:
            for workflow_id in self._spent:
                self._forget(workflow_id, fed)
            self._spent = []
        self._delete_records(fed)

    def _plan(self, fed: int) -> None:
        run = self._connection.execute
        due = run(
            "SELECT workflow_id FROM ended_executions WHERE position <= ? LIMIT ?",
            (fed, _EXECUTIONS_AT_ONCE),
        ).fetchall()
        room = _EVENTS_AT_ONCE
        for (workflow_id,) in due:
            rows = run(
                f"SELECT position FROM events WHERE execution = {EXECUTION_OF} "
                "ORDER BY number LIMIT ?",
                (workflow_id, room),
            ).fetchall()
            self._positions += [row[0] for row in rows]
            room -= len(rows)
            if room <= 0:
                break
            self._spent.append(workflow_id)
        self._positions.sort(reverse=True)

    def _forget(self, workflow_id: str, fed: int) -> None:
        """Strike an execution out, unless events have come since: those are for the next plan."""
        struck = self._connection.execute(
            "DELETE FROM ended_executions WHERE workflow_id = ? AND position <= ? "
            f"AND NOT EXISTS (SELECT 1 FROM events WHERE execution = {EXECUTION_OF})",
            (workflow_id, fed, workflow_id),
        ).rowcount
        if struck:
            forget_execution(self._connection, workflow_id)
        fault_point("journal.execution_pruned")

    def _delete_records(self, fed: int) -> None:
        for table, condition in (
            ("logs", ""),
            ("removals", ""),
            ("metadata", "AND body IS NULL"),
        ):
            self._connection.execute(
                f"DELETE FROM {table} WHERE rowid IN ("
                f"SELECT rowid FROM {table} WHERE position <= ? {condition} LIMIT ?)",
                (fed, PRUNE_RECORDS),
            )
