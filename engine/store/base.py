"""What the engine asks of a store. ``memory`` and ``local`` (journal + history) implement it.

One thing for the user (``--db NAME.duckdb``), two files inside: the *journal* (SQLite) where a
commit becomes durable, and the *history* (DuckDB) that everything is asked of. A feeder carries
committed records over in bulk, exactly once. The protocol hides all that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from ..core.events import HistoryEvent
from ..core.rows import ExecutionRow, TaskRow
from .bounds import QuestionBounds

__all__ = [
    "AuditRow",
    "Commit",
    "DueTime",
    "ExecutionRow",
    "IdleRow",
    "LogRow",
    "MetadataRow",
    "Project",
    "Store",
    "TaskRow",
    "ids_in_order",
]


class LogRow(msgspec.Struct, frozen=True, kw_only=True):
    """One log line of a task."""

    workflow_id: str
    task_id: str
    created_time: int
    log: str


class MetadataRow(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a registered object. ``body`` None deletes it.

    ``collection``: ``workflow_defs`` and ``schemas`` (key ``name``, version), ``task_defs`` (key
    ``name``, version 0), ``event_handlers``, ``schedules``, ``tags`` (key ``kind/name``),
    ``status_notices`` (key ``receiver/notice``, until it is delivered) and so on. What no query may
    reach (``environment``, ``users`` …) is of the same shape but protected: see ``protected``.
    """

    collection: str
    key: str
    version: int
    body: dict[str, Any] | None
    wall_ms: int


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """One change that somebody made: who, what, from where, on which object."""

    number: int = 0
    """Given by the store, growing from 1."""
    wall_ms: int
    actor: str
    """As in events: ``user`` (the local person) or ``user:NAME``."""
    kind: str
    """How they had shown who they are: ``local``, ``user``, ``api key``, ``share link``."""
    address: str
    """IP address; empty: in this process."""
    operation: str
    """Name of the service's method."""
    object: str
    """What it was done to: ``workflow_defs/order_flow/3``, the id of an execution."""
    before: Any = None
    """The definition before; None: there was none, or the object is no definition."""
    after: Any = None
    """The definition afterwards; None: it is gone, or the object is no definition."""


class IdleRow(msgspec.Struct, frozen=True, kw_only=True):
    """What spares a start the folding of one open execution that waits. Derived, never truth."""

    workflow_id: str
    last_event: int
    """Number of the newest event it takes into account: with a newer one it counts for nothing."""
    body: bytes
    due_ms: int = 0
    """When the execution has to be looked at next (epoch ms), 0 for never."""


class DueTime(NamedTuple):
    """When a paged out execution has to be looked at; in order of time, then of ids."""

    moment_ms: int
    workflow_id: str


class Commit(msgspec.Struct, kw_only=True):
    """Everything one group commit makes durable, all or none, in this order."""

    events: list[HistoryEvent] = []
    definitions: dict[str, bytes] = {}
    """Definition snapshots by hash (JSON text), those new to this process."""
    logs: list[LogRow] = []
    metadata: list[MetadataRow] = []
    tasks: list[TaskRow] = []
    """Projections of ``events``: derived, so not journalled, only fed to the history."""
    executions: list[ExecutionRow] = []
    closed: list[str] = []
    """Executions that these events ended: once fed, the journal may forget them."""
    reopened: list[str] = []
    """Executions that these events reopened: the journal takes their whole history back."""
    removed: list[str] = []
    """Executions deleted for good."""
    idle: list[IdleRow] = []
    """Summaries of open executions; they take no position, and no history knows them."""
    protected: list[MetadataRow] = []
    """Users, keys, links, secrets, environment: in the journal alone, never fed or queried."""
    audit: list[AuditRow] = []
    """What people changed: as ``protected``, and never changed again. Neither takes a position."""


Project = Callable[[Sequence[HistoryEvent]], "tuple[list[TaskRow], list[ExecutionRow]]"]
"""Rebuild the rows of one execution from *all* its events (newest version of each only)."""


class Store(Protocol):
    """Durable home of events and definitions, and the place to ask about the past.

    ``commit`` is called by one writer thread only; everything else from any thread.
    """

    def commit(self, commit: Commit) -> None:
        """Make one group of records durable; returns once they are on disk (fsync)."""
        ...

    def try_writing(self) -> None:
        """Return if the store can be written at this moment; nothing in it changes.

        Raises:
            EngineError: What a commit would meet: the disk is full, it can only be read.
        """
        ...

    def open_executions(self) -> list[str]:
        """Ids of the executions that have not ended, oldest first. Read from the journal only."""
        ...

    def idle_executions(self) -> Iterator[tuple[str, bytes | None]]:
        """The same, each with its summary if that takes the newest event into account.

        Read piece by piece, so that memory does not grow with their number.

        Raises:
            StoreCorruptError: (while iterating) a summary does not match its checksum.
        """
        ...

    def due_times(self, after: DueTime, until_ms: int, limit: int) -> list[DueTime]:
        """Due times of open executions (``IdleRow.due_ms``) behind ``after``, in order.

        Args:
            after: The last one known; (0, "") for the earliest.
            until_ms: None later than this.
            limit: How many at most.

        Returns:
            One for each execution with a row. The row may be older than the execution's newest
            event: a due time is a hint.
        """
        ...

    def events(self, workflow_id: str, after: int = 0) -> list[HistoryEvent]:
        """Committed events of one execution with numbers above ``after``, in order.

        From the journal while it has them, else from the history. Unknown id: ``[]``.
        """
        ...

    def events_after(self, position: int, limit: int) -> list[tuple[int, HistoryEvent]]:
        """Committed events of all executions with journal positions above ``position``, in order.

        At most ``limit`` at a time, fewer only at the end; ``[]`` when there is none yet. Positions
        only grow and have gaps: other records take some, removed executions leave some.
        """
        ...

    def last_position(self) -> int:
        """Journal position of the newest committed record; 0 in an empty store."""
        ...

    def definition(self, definition_hash: str) -> bytes:
        """JSON text of a definition snapshot.

        Raises:
            StoreCorruptError: No such snapshot, though an event names it.
        """
        ...

    def metadata(self, collection: str) -> list[MetadataRow]:
        """Registered objects of a collection, ordered by key and version."""
        ...

    def protected(self, collection: str) -> list[MetadataRow]:
        """Objects of a protected collection, ordered by key.

        ``users``, ``api_keys``, ``share_links``, ``ended_sessions``, ``secrets``, ``environment``
        and ``server_keys``. No query reaches them.
        """
        ...

    def audit(
        self,
        before: int = 0,
        limit: int = 100,
        actor: str = "",
        operation: str = "",
        object: str = "",
        between: tuple[int, int] = (0, 0),
    ) -> list[AuditRow]:
        """A page of the audit, newest first.

        Args:
            before: Only rows with smaller numbers; 0: from the newest.
            limit: How many at most.
            actor: Only of this one; empty: of everybody.
            operation: Only this operation.
            object: Only objects whose name begins so.
            between: Only rows from one moment to another, epoch milliseconds; 0: no bound.
        """
        ...

    def logs(self, task_id: str) -> list[LogRow]:
        """Log lines of a task ordered by ``created_time``."""
        ...

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Rows of one read-only SELECT over the history, after everything committed was fed.

        Columns of type JSON come as text.

        Raises:
            InvalidRequestError: The SQL can't be run; the message is DuckDB's.
        """
        ...

    def query_table(
        self, sql: str, parameters: Sequence[Any], bounds: QuestionBounds
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Names of the columns and rows of one read-only SELECT that somebody else has written.

        Raises:
            InvalidRequestError: The SQL can't be run, takes too long, brings too much, or was
                given up.
        """
        ...

    def query_frame(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """The same as a pandas DataFrame."""
        ...

    def catch_up(self) -> None:
        """Return once the history holds everything committed before the call."""
        ...

    def rebuild(self, project: Project) -> int:
        """Recompute the projections from events; returns how many executions were rebuilt."""
        ...

    def publish_address(self, url: str | None) -> None:
        """Tell processes that find the store locked where its owner can be reached."""
        ...

    def health(self) -> dict[str, Any]:
        """``ok``, ``error``, ``lag`` (committed records not fed yet), counts and bytes."""
        ...

    def close(self) -> None:
        """Feed what is left, close the files, give up the lock. Safe to call twice."""
        ...


def ids_in_order(events: Iterable[HistoryEvent]) -> list[str]:
    """Execution ids in order of first appearance."""
    return list(dict.fromkeys(event.workflow_id for event in events))
