"""The service of an engine behind HTTP: the same methods as ``engine.service``, asked of a server.

What clients, pages and notebooks ask of an engine in this process they ask of this one too.
Futures are answered by a pool of threads, so nothing here blocks who only starts a command;
methods that return values block for one request. What a cluster has no route for raises
``UnsupportedError``; ``capabilities`` tells beforehand.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, TypeVar

import msgspec

from ..core.branching import BranchPlan
from ..core.events import HistoryEvent
from ..core.failure import FailureReport, explain_failure
from ..core.state import WorkflowState
from ..errors import NotFoundError, UnsupportedError
from ..models.capability import EVERY_CAPABILITY, MISSING, Capability
from .connection import Connection
from .remote_commands import RemoteCommands
from .remote_history import RemoteHistories
from .remote_news import RemoteNews, RemoteSubscription

Wire = dict[str, Any]
T = TypeVar("T")

_THREADS: Final = 48
"""Most requests at a time; a worker's poll holds one while it waits."""
_STATUSES: Final = ("RUNNING", "PAUSED", "COMPLETED", "FAILED", "TIMED_OUT", "TERMINATED")


class RemoteService(RemoteCommands):
    """What a server at the other end of a connection can do. Any thread; ``close`` it at last."""

    def __init__(self, connection: Connection, capabilities: frozenset[str] | None = None) -> None:
        """Prepare; nothing is asked before the first call.

        Args:
            connection: The server; closed together with this.
            capabilities: What to use of it; None: what it says it has. An empty set treats
                another studio like a plain Conductor.
        """
        self._connection = connection
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="remote")
        self._news = RemoteNews(connection)
        self._histories = RemoteHistories(connection, self._is_exact, self._news.found)
        self._guard = threading.Lock()
        self._capabilities = capabilities
        self.server_version = ""
        """What the server calls its version, once ``capabilities`` have been asked for."""

    @property
    def url(self) -> str:
        """Root of the server's API."""
        return self._connection.url

    @property
    def capabilities(self) -> frozenset[str]:
        """Names of ``Capability`` that the server has; asked once.

        Raises:
            UnavailableError: The server can't be reached.
        """
        with self._guard:
            if self._capabilities is None:
                try:
                    answer = self._connection.get("capabilities")
                except (NotFoundError, UnsupportedError):
                    # Conductor's own server: it has no such route.
                    self.server_version = str(self._connection.get("version") or "")
                    self._capabilities = frozenset()
                else:
                    self.server_version = str(answer.get("version") or "")
                    self._capabilities = EVERY_CAPABILITY & frozenset(answer["capabilities"])
            return self._capabilities

    def close(self) -> None:
        """Give up the connection. Safe to call twice."""
        self._news.close()
        self._connection.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    # -- the history ---------------------------------------------------------------------

    def events(self, workflow_id: str, after: int = 0) -> Future[list[HistoryEvent]]:
        """Events of an execution above ``after``: recorded, or made from its tasks' times."""
        return self._do(self._histories.events, workflow_id, after)

    def state(self, workflow_id: str) -> Future[WorkflowState]:
        """A snapshot of an execution."""
        return self._do(self._histories.state, workflow_id)

    def tree(self, workflow_id: str) -> Future[dict[str, WorkflowState]]:
        """Snapshots of an execution and of its sub-workflows, the root first."""
        return self._do(self._histories.tree, workflow_id)

    def tree_events(self, workflow_ids: Sequence[str]) -> Future[dict[str, list[HistoryEvent]]]:
        """Events of several executions by id, as far as ``tree`` has read them."""

        def read() -> dict[str, list[HistoryEvent]]:
            return {key: self._histories.known_events(key) for key in workflow_ids}

        return self._do(read)

    def failure(self, workflow_id: str) -> Future[FailureReport]:
        """Why an execution failed; worked out here from its history."""

        def explain() -> FailureReport:
            states = self._histories.tree(workflow_id)
            events = {key: self._histories.known_events(key) for key in states}
            return explain_failure(workflow_id, states, events)

        return self._do(explain)

    def origin(self, workflow_id: str, task_id: str, leaf: str) -> Future[list[Wire]]:
        """Where a value of a task's input came from, newest hop first."""
        self._need(Capability.ORIGIN)
        path = ("executions", workflow_id, "tasks", task_id, "origin")
        return self._do(lambda: self._connection.get(*path, leaf=leaf))

    def plan_branch(self, workflow_id: str, task_id: str) -> Future[BranchPlan]:
        """What replaying from a task would take over and run."""
        self._need(Capability.BRANCH)
        path = ("executions", workflow_id, "tasks", task_id, "plan")
        return self._do(lambda: msgspec.convert(self._connection.get(*path), BranchPlan))

    def branch(
        self,
        workflow_id: str,
        task_id: str,
        input_edits: Wire | None = None,
        workflow_input: Wire | None = None,
        actor: str | None = None,
    ) -> Future[str]:
        """Replay from a task as a new execution; resolves to its id."""
        self._need(Capability.BRANCH)
        body = {"inputEdits": input_edits, "workflowInput": workflow_input}
        return self._call(
            "POST", "executions", workflow_id, "tasks", task_id, "branch", body=_given(body)
        )

    def family(self, workflow_id: str) -> list[Wire]:
        """The original of an execution and all branches of it; none on a cluster."""
        if Capability.BRANCH not in self.capabilities:
            return []
        return list(self._connection.get("executions", workflow_id, "family"))

    def subscribe(
        self,
        callback: Callable[[list[HistoryEvent]], None],
        workflow_id: str | Sequence[str] | None = None,
    ) -> RemoteSubscription:
        """Hear of new events on one notifier thread; close it when done.

        Of a cluster, all executions together tell only that something happened: an empty list.
        """
        ids = [workflow_id] if isinstance(workflow_id, str) else workflow_id
        return self._news.add(callback, ids, None if self._is_exact() else self._histories)

    def import_execution(self, workflow: Wire, source: str = "") -> Future[str]:
        """Have the server take over an execution; see ``ImportingService``."""
        self._need(Capability.IMPORT)
        body = {"workflow": workflow, "source": source}

        def send() -> str:
            path = ("executions", "import")
            return str(self._connection.call("POST", *path, body=body, repeatable=True)["outcome"])

        return self._do(send)

    # -- questions in SQL ----------------------------------------------------------------

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Wire]:
        """Rows of one read-only SELECT over the server's history."""
        self._need(Capability.QUERY)
        body = {"sql": sql, "parameters": list(parameters)}
        found = self._connection.call("POST", "executions", "query", body=body, repeatable=True)
        return list(found["rows"])

    def query_frame(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """The same as a pandas DataFrame."""
        self._need(Capability.QUERY)
        import pandas as pd

        body = {"sql": sql, "parameters": list(parameters)}
        found = self._connection.call("POST", "executions", "query", body=body, repeatable=True)
        return pd.DataFrame(found["rows"], columns=found["columns"])

    def counts(self) -> dict[str, int]:
        """Executions by status: one small search each where there is no SQL."""
        if Capability.QUERY in self.capabilities:
            rows = self.query("SELECT status, count(*) AS n FROM executions GROUP BY status")
            return {row["status"]: row["n"] for row in rows}
        found = {
            status: self.search_workflows(0, 1, query=f"status = '{status}'")["totalHits"]
            for status in _STATUSES
        }
        return {status: number for status, number in found.items() if number}

    # -- inside --------------------------------------------------------------------------

    def _is_exact(self) -> bool:
        return Capability.EVENTS in self.capabilities

    def _need(self, capability: Capability) -> None:
        if capability not in self.capabilities:
            raise UnsupportedError(f"{self.url}: {MISSING[capability]}")

    def _do(self, function: Callable[..., T], *arguments: Any) -> Future[T]:
        return self._pool.submit(function, *arguments)


def _given(values: Wire) -> Wire:
    return {key: value for key, value in values.items() if value is not None}
