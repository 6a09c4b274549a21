"""The journal (SQLite): where a commit becomes durable, and what a start needs.

Rules of this file
  1. One connection writes, under one mutex; a commit returns after its fsync.
  2. The journal keeps the events of open executions, and whatever the history lacks. Pruning is
     done in small transactions that wait for no disk, by the feeder's thread.
  3. Everything has a position; positions only grow, and survive pruning.
  4. What is damaged is never answered from: every row that is carries a checksum.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
import zlib
from collections import ChainMap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from ..errors import StoreClosedError
from .base import Commit, MetadataRow
from .batch import record_count
from .faults import fault_point
from .journal_events import (
    NumberedEvents,
    delete_events,
    forget_execution,
    has_lost_executions,
    insert_events,
    number_executions,
)
from .journal_file import check_seal, connect, damaged, prepare, seal, translated, verify
from .journal_pruning import Pruner
from .journal_reads import JournalReads
from .migrations import Step
from .migrations.journal_steps import JOURNAL_STEPS

logger = logging.getLogger(__name__)

_CHECKPOINT_BYTES: Final = 4 << 20
_KEPT_WAL_BYTES: Final = 32 << 20
"""The write-ahead file is not cut shorter than this: a commit that writes over old bytes of it
needs a third less time than one that makes the file longer, which the file system has to record."""
_FORCED_CHECKPOINT_PAGES: Final = 16_384
"""The feeder's thread checkpoints; only beyond 64 MB does a commit have to."""
CHECKED_BYTES: Final = 16 << 20
"""A journal up to this size is looked through at every start: it takes a few hundredths of a
second, and a row that an index has lost is found by nothing else."""
_COMMIT_BYTES: Final = 24 << 10
"""What a small commit adds to the write-ahead file: the pages it touches, whatever is in them."""

_SHRINK_BYTES: Final = 16 << 20
_COURTESY_SECONDS: Final = 0.0005

_CHECKPOINT: Final = "PRAGMA wal_checkpoint(PASSIVE)"
"""Answers one row: whether it was kept from its work, pages gathered, pages moved of those."""

_OPENED: Final = "INSERT {how} INTO open_executions (workflow_id, position, seal) VALUES (?, ?, ?)"

_encoder: Final = msgspec.json.Encoder(enc_hook=str)


class Journal:
    """Durable home of what is open. ``commit``: one thread; everything else: any."""

    def __init__(
        self, path: Path, steps: Sequence[Step] = JOURNAL_STEPS, suspicious: bool = False
    ) -> None:
        """Open or create the journal and bring it to the newest schema.

        Args:
            path: The file.
            steps: Its migrations.
            suspicious: Look through the whole file first, as is done with every small one.

        Raises:
            StoreCorruptError: The file is not a readable journal.
            StoreError: A later version wrote it, or the folder can't be written.
        """
        self.path = path
        self.reads = JournalReads(path)
        self._mutex = threading.Lock()
        self._closed = False
        self._committing = False
        self._unchecked_bytes = 0
        """About how much the write-ahead file has gathered since the last checkpoint."""
        with translated(path):
            self._writer = connect(path, "FULL")
            try:
                is_small = path.stat().st_size <= CHECKED_BYTES
                if suspicious or is_small:
                    verify(path, self._writer, indexes_too=is_small)
                self._writer.execute(f"PRAGMA wal_autocheckpoint={_FORCED_CHECKPOINT_PAGES}")
                self._writer.execute(f"PRAGMA journal_size_limit={_KEPT_WAL_BYTES}")
                info = prepare(path, self._writer, steps)
                if is_small and has_lost_executions(self._writer):
                    raise damaged(path, "executions are missing")
                self._check_removals()
                self._open = self._read_open()
                """Numbers of open executions; 0 where the journal has no event."""
                # Pruning need not be durable: a lost one is done again. So it skips the fsync.
                self._janitor = connect(path, "NORMAL")
            except BaseException:
                self._writer.close()
                raise
        self._janitor.execute("PRAGMA wal_autocheckpoint=0")
        self._pruner = Pruner(self._janitor)
        self.schema_version = int(info["schema_version"])
        self.store_id = str(info["store_id"])
        self.last_position = int(info["last_position"])
        self.fed_position = int(info["fed_position"])
        """How far the history was when records were last pruned."""

    @property
    def open_count(self) -> int:
        """How many executions are open."""
        return len(self._open)

    def is_open(self, workflow_id: str) -> bool:
        """Whether an execution is open as of the last commit."""
        return workflow_id in self._open

    def _read_open(self) -> dict[str, int]:
        query = (
            "SELECT o.workflow_id, position, o.seal, execution, j.seal FROM open_executions AS o "
            "LEFT JOIN journalled AS j ON j.workflow_id = o.workflow_id"
        )
        found = {}
        for workflow_id, position, kept, execution, kept_number in self._writer.execute(query):
            check_seal(self.path, "an open execution", kept, workflow_id, position)
            check_seal(self.path, "an execution's number", kept_number, execution, workflow_id)
            found[workflow_id] = execution or 0
        return found

    def _check_removals(self) -> None:
        """One that is not found by its id would let an execution come back."""
        query = "SELECT position, workflow_id, seal FROM removals"
        for position, workflow_id, kept in self._writer.execute(query):
            check_seal(self.path, "a removal", kept, position, workflow_id)

    # -- writing -------------------------------------------------------------------------

    def commit(self, commit: Commit, restored: NumberedEvents = ()) -> int:
        """Make one group durable, all or none; returns the position of its first record.

        Args:
            commit: The records.
            restored: Pruned events of reopened executions, with their old positions.

        Raises:
            HistoryConflictError: An event has a number that is taken.
            UnavailableError: The disk is full; nothing was written, a later try may succeed.
        """
        self._committing = True
        try:
            first = self._commit(commit, restored)
        finally:
            self._committing = False
        fault_point("journal.after_commit")
        return first

    def try_writing(self) -> None:
        """Commit a transaction that changes nothing but a number that nobody reads.

        It also overwrites what a commit that failed may have left in the write-ahead file. (An
        update to the same value would not do: SQLite leaves such a page alone.)

        Raises:
            EngineError: The journal can't be written.
        """
        with self._mutex, translated(self.path):
            self._check_open()
            with _Transaction(self._writer):
                tried = self._writer.execute("PRAGMA user_version").fetchone()[0]
                self._writer.execute(f"PRAGMA user_version = {(tried + 1) % 1_000_000}")

    def give_way(self) -> None:
        """Let a commit that is under way go first; computing threads call this often."""
        if self._committing:
            time.sleep(_COURTESY_SECONDS)

    def _commit(self, commit: Commit, restored: NumberedEvents) -> int:
        with self._mutex, translated(self.path):
            self._check_open()
            first = self.last_position + 1
            last = first + record_count(commit) - 1
            opened, shut = self._turned(commit, first)
            numbered = list(enumerate(commit.events, first))
            with _Transaction(self._writer):
                others = number_executions(self._writer, numbered, restored, self._open)
                executions = ChainMap(others, self._open)
                self._unchecked_bytes += insert_events(self._writer, numbered, executions)
                self._unchecked_bytes += insert_events(
                    self._writer, restored, executions, "OR IGNORE"
                )
                fault_point("journal.events_written")
                self._insert_rest(commit, first + len(commit.events))
                fault_point("journal.rest_written")
                self._insert_apart(commit)
                self._note_open(commit, opened, shut, last)
                if commit.idle:
                    self._note_idle(commit)
                self._writer.execute(
                    "UPDATE info SET value = ? WHERE key = 'last_position'", (last,)
                )
                fault_point("journal.before_commit")
            if commit.reopened or commit.removed:
                self._pruner.start_afresh()
            self.last_position = last
            self._unchecked_bytes += _COMMIT_BYTES
            for workflow_id in opened:
                self._open.setdefault(workflow_id, 0)
            for workflow_id in others.keys() & self._open.keys():
                self._open[workflow_id] = others[workflow_id]
            for workflow_id in shut:
                del self._open[workflow_id]
        return first

    def adopt(
        self,
        store_id: str,
        position: int,
        open_histories: Iterable[NumberedEvents] = (),
        metadata: Iterable[tuple[int, MetadataRow]] = (),
    ) -> None:
        """Fill a new journal from the history beside it.

        Args:
            store_id: Id of the history.
            position: Its watermark; counting goes on from there.
            open_histories: All events of each open execution.
            metadata: Registered objects.
        """
        with self._mutex, translated(self.path), _Transaction(self._writer):
            for numbered in open_histories:
                executions = number_executions(self._writer, numbered, (), {})
                insert_events(self._writer, numbered, executions)
                began, event = numbered[0]
                opened = (event.workflow_id, began, seal(event.workflow_id, began))
                self._writer.execute(_OPENED.format(how=""), opened)
                self._open |= executions
            for place, row in metadata:
                self._insert_metadata(row, place)
            facts = [
                (store_id, "store_id"),
                (position, "last_position"),
                (position, "fed_position"),
            ]
            self._writer.executemany("UPDATE info SET value = ? WHERE key = ?", facts)
            self.store_id, self.last_position, self.fed_position = store_id, position, position

    def _insert_rest(self, commit: Commit, position: int) -> None:
        run = self._writer.execute
        insert_definition = "INSERT OR IGNORE INTO definitions VALUES (?, ?, ?, ?)"
        for definition_hash, text in commit.definitions.items():
            definition = (definition_hash, position, text)
            run(insert_definition, (*definition, seal(*definition)))
            position += 1
        for log in commit.logs:
            values = (position, log.workflow_id, log.task_id, log.created_time, log.log)
            run("INSERT INTO logs VALUES (?, ?, ?, ?, ?, ?)", (*values, seal(*values)))
            position += 1
        for row in commit.metadata:
            self._insert_metadata(row, position)
            position += 1
        for workflow_id in commit.removed:
            delete_events(self._writer, workflow_id)
            forget_execution(self._writer, workflow_id)
            run("DELETE FROM logs WHERE workflow_id = ?", (workflow_id,))
            run("DELETE FROM ended_executions WHERE workflow_id = ?", (workflow_id,))
            removal = (position, workflow_id)
            run("INSERT INTO removals VALUES (?, ?, ?)", (*removal, seal(*removal)))
            position += 1

    def _insert_apart(self, commit: Commit) -> None:
        """What the history never gets: it takes no positions."""
        run = self._writer.execute
        for row in commit.protected:
            if row.body is None:
                place = (row.collection, row.key)
                run("DELETE FROM protected WHERE collection = ? AND key = ?", place)
            else:
                kept = (row.collection, row.key, row.wall_ms, _encoder.encode(row.body))
                run(
                    "INSERT OR REPLACE INTO protected (collection, key, wall_ms, body, seal)"
                    " VALUES (?, ?, ?, ?, ?)",
                    (*kept, seal(*kept)),
                )
        for entry in commit.audit:
            change = [
                None if value is None else _encoder.encode(value)
                for value in (entry.before, entry.after)
            ]
            values = (
                entry.wall_ms,
                entry.actor,
                entry.kind,
                entry.address,
                entry.operation,
                entry.object,
                *change,
            )
            run(
                "INSERT INTO audit (wall_ms, actor, kind, address, operation, object, before, "
                "after, seal) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*values, seal(*values)),
            )

    def _insert_metadata(self, row: MetadataRow, position: int) -> None:
        body = None if row.body is None else _encoder.encode(row.body)
        values = (row.collection, row.key, row.version, position, row.wall_ms, body)
        self._writer.execute(
            "INSERT OR REPLACE INTO metadata (collection, key, version, position, wall_ms, body,"
            " seal) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*values, seal(*values)),
        )

    def _turned(self, commit: Commit, first: int) -> tuple[dict[str, int], set[str]]:
        """Executions that the commit opens (each with its place in age) and those it shuts."""
        gone = {*commit.closed, *commit.removed}
        opened = {
            event.workflow_id: position
            for position, event in enumerate(commit.events, first)
            if event.number == 1 and event.workflow_id not in gone
        }
        for workflow_id in commit.reopened:
            if workflow_id not in gone:
                opened.setdefault(workflow_id, first)
        return opened, gone & self._open.keys()

    def _note_open(self, commit: Commit, opened: dict[str, int], shut: set[str], last: int) -> None:
        """Record which executions opened and which ended; ended ones may be pruned later."""
        many = self._writer.executemany
        if opened:
            many(
                _OPENED.format(how="OR IGNORE"),
                [(key, position, seal(key, position)) for key, position in opened.items()],
            )
        if commit.reopened:
            many("DELETE FROM ended_executions WHERE workflow_id = ?", _single(opened))
        if shut:
            many("DELETE FROM open_executions WHERE workflow_id = ?", _single(shut))
        # An event may also reach an execution that ended before.
        ended = {
            workflow_id
            for workflow_id in {event.workflow_id for event in commit.events}
            if workflow_id not in opened and (workflow_id in shut or workflow_id not in self._open)
        }
        ended = (ended | shut) - set(commit.removed)
        if ended:
            rows = [(workflow_id, last) for workflow_id in ended]
            many("INSERT OR REPLACE INTO ended_executions VALUES (?, ?)", rows)

    def _note_idle(self, commit: Commit) -> None:
        """Keep summaries with the executions they are of; they go when those end."""
        self._writer.executemany(
            "UPDATE open_executions SET idle_event = ?, idle_crc = ?, idle_body = ?, due_ms = ?, "
            "due_seal = ? WHERE workflow_id = ?",
            [
                (
                    row.last_event,
                    zlib.crc32(row.body),
                    row.body,
                    row.due_ms or None,
                    seal(row.workflow_id, row.due_ms or None),
                    row.workflow_id,
                )
                for row in commit.idle
            ],
        )
        fault_point("journal.idle_noted")

    # -- pruning -------------------------------------------------------------------------

    def prune(self, fed: int) -> bool:
        """Forget some of what the history has up to position ``fed``; False when nothing is left.

        One small transaction. Called by the feeder's thread.
        """
        with self._mutex, translated(self.path):
            self._check_open()
            has_work = self._pruner.has_work(fed)
            if not has_work and fed == self.fed_position:
                return False
            try:
                with _Transaction(self._janitor):
                    if has_work:
                        self._pruner.delete_some(fed)
                    self._janitor.execute(
                        "UPDATE info SET value = ? WHERE key = 'fed_position'", (fed,)
                    )
                    fault_point("journal.before_prune")
            except BaseException:
                self._pruner.start_afresh()
                raise
            self.fed_position = fed
            self._unchecked_bytes += _COMMIT_BYTES
        fault_point("journal.after_prune")
        return has_work

    def checkpoint(self) -> None:
        """Move what the write-ahead file has gathered into the journal; commits go on meanwhile."""
        if self._unchecked_bytes < _CHECKPOINT_BYTES:
            return
        fault_point("journal.before_checkpoint")
        with translated(self.path):
            self._unchecked_bytes = 0
            _, gathered, moved = self._janitor.execute(_CHECKPOINT).fetchone()
            if moved < gathered:
                # Commits came meanwhile. Only when all is moved does the file begin anew; the few
                # pages that are left are moved while the next commit waits.
                with self._mutex:
                    self._check_open()
                    self._janitor.execute(_CHECKPOINT).fetchone()
        fault_point("journal.after_checkpoint")

    # -- ending --------------------------------------------------------------------------

    def close(self) -> None:
        """Close the connections; the write-ahead file is folded in. Safe to call twice."""
        with self._mutex:
            if self._closed:
                return
            self._closed = True
            self.reads.close()
            self._janitor.close()
            self._shrink()
            self._writer.close()

    def _shrink(self) -> None:
        """Give back the room of a busy time, if little is left to be written anew."""
        sizes = [
            self._writer.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_size", "page_count", "freelist_count")
        ]
        free, used = sizes[0] * sizes[2], sizes[0] * (sizes[1] - sizes[2])
        if free > _SHRINK_BYTES > used:
            try:
                self._writer.execute("VACUUM")
            except sqlite3.Error:
                logger.info("%s keeps its free room.", self.path.name, exc_info=True)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreClosedError("The store is closed; nothing was written.")


class _Transaction:
    """``with``: all of it, or nothing."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")


def _single(items: Iterable[str]) -> list[tuple[str]]:
    return [(item,) for item in items]
