"""The store on disk: a journal for what must not be lost, a history for every question.

``NAME.duckdb`` is what the user names; ``NAME.duckdb.journal`` and, while it is open,
``NAME.duckdb.lock`` lie beside it. One process owns all three.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..core.events import HistoryEvent
from ..errors import StoreCorruptError, StoreError
from .base import AuditRow, Commit, DueTime, LogRow, MetadataRow, Project
from .batch import record_count
from .bounds import QuestionBounds
from .faults import fault_point
from .feeder import Feeder
from .history import History
from .history_file import connect, connect_or_set_aside
from .journal import Journal
from .journal_events import NumberedEvents
from .journal_file import damaged
from .lock import StoreLock
from .payload_storage import sync_folder

logger = logging.getLogger(__name__)


class LocalStore:
    """A ``Store`` in two files. ``commit``: one thread; everything else: any."""

    def __init__(
        self, path: str | Path, project: Project | None = None, recover: bool = False
    ) -> None:
        """Open or create the store. Takes as long with a million executions as with none.

        Args:
            path: The DuckDB file, usually ``NAME.duckdb``; its folder must exist.
            project: Rows of an execution from its events. Without it, records that the last
                process could not feed any more get events but no rows until ``rebuild``.
            recover: Take the open executions from the history where the journal is lost.

        Raises:
            StoreLockedError: Another process owns it.
            StoreCorruptError: The journal is damaged, missing or not the history's.
            StoreError: The files are another program's or a later version's.
        """
        self.path = Path(path)
        if not self.path.absolute().parent.is_dir():
            raise StoreError(f"The folder of {self.path} does not exist; create it first.")
        self._journal_path = self.path.with_name(self.path.name + ".journal")
        self._closing = threading.Lock()
        self._closed = False
        self._lock = StoreLock(self.path.with_name(self.path.name + ".lock"))
        try:
            self._journal, self._history = self._open_files(recover)
        except BaseException:
            self._lock.release()
            raise
        self._feeder = Feeder(self._journal, self._history, self.events, project)

    # -- opening -------------------------------------------------------------------------

    def _open_files(self, recover: bool) -> tuple[Journal, History]:
        if not self._journal_path.exists() and self.path.exists():
            history = History(connect(str(self.path)), str(self.path))
            try:
                return self._begin_journal(history, recover), history
            except BaseException:
                history.close()
                raise
        is_new = not self._journal_path.exists()
        journal = Journal(self._journal_path, suspicious=self._lock.previous_owner_died)
        fault_point("store.journal_opened")
        try:
            if not self.path.exists() and not is_new:
                logger.warning(
                    "%s is missing: open executions go on; ended ones are gone.", self.path.name
                )
            connection = connect_or_set_aside(self.path, ours=True)
            history = History(connection, str(self.path))
        except BaseException:
            journal.close()
            raise
        fault_point("store.history_opened")
        try:
            self._check_pair(journal, history)
        except BaseException:
            history.close()
            journal.close()
            raise
        return journal, history

    def _begin_journal(self, history: History, recover: bool) -> Journal:
        """A new journal for a history that lost its own."""
        open_ids = history.open_executions()
        if open_ids and not recover:
            raise StoreCorruptError(
                f"{self.path.name} knows {len(open_ids)} open executions, but its journal "
                f"{self._journal_path.name} is missing. Put it back; or open with recover=True "
                "to go on with what the history has."
            )
        # Under another name until it is whole: half of one would be taken for another store's.
        unfinished = self._journal_path.with_name(f"{self._journal_path.name}.new")
        _remove_journal(unfinished)
        journal = Journal(unfinished)
        fault_point("store.before_adoption")
        try:
            store_id = history.info("store_id") or journal.store_id
            history.set_info("store_id", store_id)
            journal.adopt(
                store_id,
                history.watermark,
                filter(None, (history.numbered_events(workflow_id) for workflow_id in open_ids)),
                history.metadata(),
            )
            journal.close()
            fault_point("store.adopted")
            _remove_journal(self._journal_path)  # what is left of the lost one is not its
            unfinished.replace(self._journal_path)
            sync_folder(self.path.absolute().parent)
            journal = Journal(self._journal_path)
        except BaseException:
            journal.close()
            _remove_journal(unfinished)
            raise
        if open_ids:
            logger.warning("Took %d open executions from the history.", len(open_ids))
        return journal

    def _check_pair(self, journal: Journal, history: History) -> None:
        """See that the two files belong together and to the same time."""
        store_id = history.info("store_id")
        if store_id is None:
            history.set_info("store_id", journal.store_id)
        elif store_id != journal.store_id:
            raise StoreCorruptError(
                f"{self.path.name} and {self._journal_path.name} are of different stores. Put "
                "back the journal that belongs to the history, or choose another --db name."
            )
        if history.watermark > journal.last_position:
            raise StoreCorruptError(
                f"{self._journal_path.name} is older than {self.path.name}. Put both back from "
                f"one backup; or move {self._journal_path.name} away and open with recover=True."
            )
        if history.watermark < journal.fed_position and store_id is not None:
            logger.warning(
                "%s is older than its journal: executions that ended since are missing.",
                self.path.name,
            )

    # -- Store ---------------------------------------------------------------------------

    def commit(self, commit: Commit) -> None:
        """Make one group durable. See ``Store.commit``."""
        apart = commit.protected or commit.audit or commit.idle
        if not (record_count(commit) or commit.closed or commit.reopened or apart):
            return
        if commit.reopened:
            with self._feeder.not_pruning():
                self._commit(commit, self._pruned_events(commit))
        else:
            self._commit(commit, ())

    def try_writing(self) -> None:
        """Return if the journal can be written. See ``Store.try_writing``."""
        self._journal.try_writing()

    def _commit(self, commit: Commit, restored: NumberedEvents) -> None:
        self._feeder.offer(commit, self._journal.commit(commit, restored))

    def _pruned_events(self, commit: Commit) -> NumberedEvents:
        """Events of reopened executions that only the history has."""
        restored: list[tuple[int, HistoryEvent]] = []
        for workflow_id in commit.reopened:
            new = [e.number for e in commit.events if e.workflow_id == workflow_id]
            first = self._journal.reads.first_number(workflow_id) or min(new, default=None)
            if first == 1:
                continue
            older = self._history.numbered_events(workflow_id, before=first)
            if [e.number for _, e in older] != list(range(1, first or len(older) + 1)):
                raise StoreCorruptError(
                    f"Execution {workflow_id} can't be reopened: the history lacks its events."
                )
            restored += older
        return restored

    def open_executions(self) -> list[str]:
        """Ids of open executions, oldest first."""
        return self._journal.reads.open_executions()

    def idle_executions(self) -> Iterator[tuple[str, bytes | None]]:
        """The same, each with its summary where that is up to date. See ``Store``."""
        return self._journal.reads.idle_executions()

    def due_times(self, after: DueTime, until_ms: int, limit: int) -> list[DueTime]:
        """Due times of open executions behind one of them, in order. See ``Store``."""
        return self._journal.reads.due_times(after, until_ms, limit)

    def events(self, workflow_id: str, after: int = 0) -> list[HistoryEvent]:
        """Committed events of one execution. See ``Store.events``."""
        # The journal first: what is pruned after this look is in the history by then.
        recent = self._journal.reads.events(workflow_id, after)
        if recent and recent[0].number == after + 1:
            return _without_gap(recent, after)
        if not recent and self._journal.is_open(workflow_id):
            recent = self._journal.reads.events(workflow_id, after)  # it may just have begun
            if not recent and not after and self._journal.is_open(workflow_id):
                raise damaged(self._journal_path, f"no event of {workflow_id} is to be found")
            return _without_gap(recent, after)
        if self._journal.reads.is_removed(workflow_id):
            return recent
        before = recent[0].number if recent else None
        older = self._history.numbered_events(workflow_id, after, before)
        return _without_gap([*(event for _, event in older), *recent], after)

    def events_after(self, position: int, limit: int) -> list[tuple[int, HistoryEvent]]:
        """Committed events of all executions above a position. See ``Store.events_after``."""
        found: list[tuple[int, HistoryEvent]] = []
        while True:
            fed = self._history.watermark
            if position < fed:
                found += self._history.events_after(position, fed, limit - len(found))
                if len(found) >= limit:
                    return found
                position = fed
            recent = self._journal.reads.events_after(position, limit - len(found))
            if self._history.watermark == fed:
                return found + recent
            # Something was fed meanwhile: the journal may have pruned part of what was asked for.

    def last_position(self) -> int:
        """Journal position of the newest committed record."""
        return self._journal.last_position

    def definition(self, definition_hash: str) -> bytes:
        """JSON text of a definition snapshot. See ``Store.definition``."""
        body = self._journal.reads.definition(definition_hash)
        if body is None:
            body = self._history.definition(definition_hash)
        if body is None:
            raise StoreCorruptError(f"The store lacks the definition snapshot {definition_hash}.")
        return body

    def metadata(self, collection: str) -> list[MetadataRow]:
        """Registered objects of a collection, ordered by key and version."""
        return self._journal.reads.metadata(collection)

    def protected(self, collection: str) -> list[MetadataRow]:
        """Objects that only the journal has, ordered by key."""
        return self._journal.reads.protected(collection)

    def audit(
        self,
        before: int = 0,
        limit: int = 100,
        actor: str = "",
        operation: str = "",
        object: str = "",
        between: tuple[int, int] = (0, 0),
    ) -> list[AuditRow]:
        """A page of the audit, newest first. See ``Store.audit``."""
        return self._journal.reads.audit(before, limit, actor, operation, object, between)

    def logs(self, task_id: str) -> list[LogRow]:
        """Log lines of a task, ordered by ``created_time``."""
        found = dict(self._journal.reads.logs(task_id))
        for position, log in self._history.logs(task_id):
            if not self._journal.reads.is_removed(log.workflow_id):
                found[position] = log
        in_order = sorted(found.items(), key=lambda item: (item[1].created_time, item[0]))
        return [log for _, log in in_order]

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Rows of one read-only SELECT over the history, up to date."""
        self._feeder.catch_up()
        return self._history.query(sql, parameters)

    def query_table(
        self, sql: str, parameters: Sequence[Any], bounds: QuestionBounds
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Columns and rows of one read-only SELECT, within bounds. See ``Store.query_table``."""
        self._feeder.catch_up()
        return self._history.query_table(sql, parameters, bounds)

    def query_frame(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """The same as a pandas DataFrame."""
        self._feeder.catch_up()
        return self._history.query_frame(sql, parameters)

    def catch_up(self) -> None:
        """Return once the history holds everything committed before the call."""
        self._feeder.catch_up()

    def rebuild(self, project: Project) -> int:
        """Recompute all rows from events; returns how many executions were rebuilt."""
        self._feeder.catch_up()
        with self._feeder.not_feeding():
            return self._history.rebuild(project)

    def publish_address(self, url: str | None) -> None:
        """Tell processes that find the store locked where this one can be reached."""
        self._lock.publish_address(url)

    def health(self) -> dict[str, Any]:
        """State of the store: ``ok``, ``error``, ``lag`` (records not fed), sizes in bytes."""
        error = self._feeder.error
        return {
            "ok": error is None,
            "error": None if error is None else str(error),
            "path": str(self.path),
            "open_executions": self._journal.open_count,
            "committed": self._journal.last_position,
            "fed": self._history.watermark,
            "lag": self._feeder.lag,
            "journal_bytes": _size(self._journal_path, "-wal"),
            "history_bytes": _size(self.path, ".wal"),
        }

    def close(self) -> None:
        """Feed what is left, close the files, give up the lock. Safe to call twice."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            fault_point("store.before_close")
            try:
                self._feeder.close()
                fault_point("store.fed_at_close")
                self._history.close()
                fault_point("store.history_closed")
                self._journal.close()
                fault_point("store.journal_closed")
            finally:
                self._lock.release()


def _without_gap(events: list[HistoryEvent], after: int) -> list[HistoryEvent]:
    for expected, event in enumerate(events, after + 1):
        if event.number != expected:
            raise StoreCorruptError(
                f"Event {expected} of execution {event.workflow_id} is missing from the store. "
                "Put journal and history back from one backup."
            )
    return events


def _remove_journal(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _size(path: Path, companion: str) -> int:
    files = (path, path.with_name(path.name + companion))
    return sum(file.stat().st_size for file in files if file.exists())
