"""Questions about what happened: search, SQL, causes, origins, branches, news."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import msgspec

from ..core.branching import BranchPlan, plan_branch
from ..core.events import HistoryEvent
from ..core.failure import FailureReport, explain_failure
from ..core.origins import origin
from ..core.state import WorkflowState
from ..core.wire import search_result, task_summary, workflow_summary
from ..errors import NotFoundError
from ..runtime.branches import begin_branch, with_parents
from ..runtime.decider import Settled
from ..runtime.desk import Desk
from ..runtime.subscriptions import Subscription
from ..store.bounds import QuestionBounds
from .base import Wire
from .messages import MessageService

_TREE_LIMIT = 200
_TREE_SECONDS = 60.0


class InspectionService(MessageService):
    """Questions. Those to the history block for milliseconds."""

    # -- search --------------------------------------------------------------------------

    def search_workflows(
        self,
        start: int = 0,
        size: int = 100,
        sort: str = "",
        free_text: str = "*",
        query: str = "",
        classifiers: Sequence[str] = (),
        top_level_only: bool = False,
    ) -> Wire:
        """A page of execution summaries in Conductor's grammar (``service.search``). Blocks.

        Args:
            start: How many hits to pass over.
            size: How many hits to give at most.
            sort: ``field:ASC`` or ``field:DESC``, several with ``|``.
            free_text: Text to look for in any case; empty or ``*`` for none.
            query: Clauses of the grammar.
            classifiers: Only executions whose definition is of one of these kinds; empty for all.
            top_level_only: Leave out sub-workflows.

        Raises:
            InvalidRequestError: The query can't be understood; the message points at the place.
        """
        hits, rows = self._pages.workflows(
            start, size, sort, free_text, query, classifiers, top_level_only
        )
        return search_result(hits, (workflow_summary(row) for row in rows))

    def search_tasks(
        self, start: int = 0, size: int = 100, sort: str = "", free_text: str = "*", query: str = ""
    ) -> Wire:
        """A page of task summaries in Conductor's grammar. Blocks."""
        hits, rows = self._pages.tasks(start, size, sort, free_text, query)
        return search_result(hits, (task_summary(row) for row in rows))

    def search_workflows_by_tasks(
        self, start: int = 0, size: int = 100, sort: str = "", free_text: str = "*", query: str = ""
    ) -> Wire:
        """Summaries of the executions that own a page of tasks; the hits are those of the tasks
        less the page's duplicates, as in Conductor. Blocks."""
        hits, rows = self._pages.tasks(start, size, sort, free_text, query)
        owners = list(dict.fromkeys(row["workflow_id"] for row in rows))
        found = self._pages.workflows_by_ids(owners)
        lines = (workflow_summary(row) for row in found)
        return search_result(hits - (len(rows) - len(owners)), lines)

    def created_between(
        self, name: str, after: int, before: int, version: int | None = None
    ) -> list[str]:
        """Ids of executions in any state created between two moments (epoch ms). Blocks."""
        return self._pages.created_between(name, after, before, version)

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Rows of a SELECT over the history, everything committed included. Blocks."""
        return self._runtime.store.query(sql, parameters)

    def query_table(
        self, sql: str, parameters: Sequence[Any], bounds: QuestionBounds
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Columns and rows of a SELECT that a stranger has written, within bounds. Blocks."""
        return self._runtime.store.query_table(sql, parameters, bounds)

    def query_frame(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """The same as a pandas DataFrame. Blocks."""
        return self._runtime.store.query_frame(sql, parameters)

    def counts(self) -> dict[str, int]:
        """Executions by status. Blocks."""
        sql = "SELECT status, count(*) AS n FROM executions GROUP BY status"
        return {row["status"]: row["n"] for row in self._runtime.store.query(sql)}

    def family(self, workflow_id: str) -> list[dict[str, Any]]:
        """The original of an execution and all its branches, oldest first. Blocks."""
        sql = (
            "WITH RECURSIVE up AS (SELECT workflow_id, branch_of FROM executions "
            "WHERE workflow_id = ? UNION SELECT e.workflow_id, e.branch_of FROM executions e "
            "JOIN up ON e.workflow_id = up.branch_of), "
            "root AS (SELECT workflow_id FROM up WHERE branch_of IS NULL), "
            "down AS (SELECT workflow_id FROM root UNION "
            "SELECT e.workflow_id FROM executions e JOIN down ON e.branch_of = down.workflow_id) "
            "SELECT e.workflow_id, e.status, e.branch_of, e.branch_reference, e.branch_edits, "
            "e.create_time, e.with_errors "
            "FROM executions e JOIN down USING (workflow_id) ORDER BY e.create_time"
        )
        return self._runtime.store.query(sql, [workflow_id])

    # -- one execution tree --------------------------------------------------------------

    def tree(self, workflow_id: str) -> Future[dict[str, WorkflowState]]:
        """Snapshots of an execution and of its sub-workflows, the root first.

        Each is of its own moment: of those that are open one may be younger than another.

        Raises:
            NotFoundError: (from the future) no such execution.
        """
        return self._compose(lambda: self._tree(workflow_id))

    def _tree(self, workflow_id: str) -> dict[str, WorkflowState]:
        """The same. Blocks: those that ended long ago are read one by one, which is not for the
        decider, and a wide fork of sub-workflows has thousands."""
        found: dict[str, WorkflowState] = {}
        level = [workflow_id]
        while level and len(found) < _TREE_LIMIT:
            wanted = [one for one in dict.fromkeys(level) if one not in found]
            asked = {one: self.state(one) for one in wanted[: _TREE_LIMIT - len(found)]}
            level = []
            for one, answer in asked.items():
                try:
                    state = answer.result(timeout=_TREE_SECONDS)
                except NotFoundError:
                    if one == workflow_id:
                        raise
                    continue  # a sub-workflow that was removed
                found[one] = state
                level += [t.sub_workflow_id for t in state.tasks.values() if t.sub_workflow_id]
                compensation = state.output.get("conductor.failure_workflow")
                if isinstance(compensation, str) and self._desk.knows(compensation):
                    level.append(compensation)
        return found

    def history(
        self, workflow_id: str, after: int = 0
    ) -> Future[tuple[list[HistoryEvent], dict[str, Wire]]]:
        """Committed events above ``after``, and the definition snapshots they name by hash.

        Raises:
            NotFoundError: (from the future) no such execution.
        """
        answer: Future[tuple[list[HistoryEvent], dict[str, Wire]]] = Future()

        store = self._runtime.store

        def use(events: list[HistoryEvent]) -> None:
            if not events and not (after and store.events(workflow_id, after - 1)):
                raise NotFoundError(f"No such workflow found by id: {workflow_id}")
            hashes = {event.data["definition_hash"]: None for event in events if _names(event)}
            definitions = {key: self._registry.definition_of(key).wire for key in hashes}
            answer.set_result((events, definitions))

        self._read(lambda: store.events(workflow_id, after), use, answer)
        return answer

    def tree_events(self, workflow_ids: Sequence[str]) -> Future[dict[str, list[HistoryEvent]]]:
        """Committed events of several executions by id."""
        answer: Future[dict[str, list[HistoryEvent]]] = Future()
        store = self._runtime.store
        self._read(
            lambda: {key: store.events(key) for key in workflow_ids}, answer.set_result, answer
        )
        return answer

    def failure(self, workflow_id: str) -> Future[FailureReport]:
        """Why an execution failed, from the outermost execution to the deepest cause."""

        def explain() -> FailureReport:
            states = self._tree(workflow_id)
            events = {key: self._runtime.store.events(key) for key in states}
            return explain_failure(workflow_id, states, events)

        return self._compose(explain)

    def origin(self, workflow_id: str, task_id: str, leaf: str) -> Future[list[Wire]]:
        """Where a value of a task's input came from, newest hop first."""

        def trace() -> list[Wire]:
            root = self._root(workflow_id)
            states = self._tree(root)
            if workflow_id not in states or task_id not in states[workflow_id].tasks:
                raise NotFoundError(f"Execution {workflow_id} has no task {task_id}.")
            events = {key: self._runtime.store.events(key) for key in states}
            hops = origin(states, workflow_id, task_id, leaf, events=events)
            return [msgspec.to_builtins(hop) for hop in hops]

        return self._compose(trace)

    def _root(self, workflow_id: str) -> str:
        state = self.state(workflow_id).result(timeout=60)
        while state.parent_workflow_id:
            state = self.state(state.parent_workflow_id).result(timeout=60)
        return state.workflow_id

    # -- branches ------------------------------------------------------------------------

    def plan_branch(self, workflow_id: str, task_id: str) -> Future[BranchPlan]:
        """What replaying from a task would take over and run; nothing happens.

        Raises:
            InvalidRequestError: (from the future) there is no such task, or it can't be begun at.
        """

        def plan(desk: Desk) -> BranchPlan:
            return plan_branch(with_parents(desk, workflow_id), workflow_id, task_id)

        return self._with_others(plan, reads=True)

    def branch(
        self,
        workflow_id: str,
        task_id: str,
        input_edits: Wire | None = None,
        workflow_input: Wire | None = None,
        actor: str | None = None,
    ) -> Future[str]:
        """Replay from a task as a new execution; the original is not changed.

        Args:
            workflow_id: The execution that holds the task (a sub-workflow as well).
            task_id: The task to begin at.
            input_edits: Keys of the task's input to replace.
            workflow_input: Another input for the outermost execution; None keeps it.
            actor: Who asked for it; None: the caller.

        Returns:
            Resolves to the id of the new outermost execution.
        """

        def run(desk: Desk) -> Settled:
            states = with_parents(desk, workflow_id)
            plan = plan_branch(states, workflow_id, task_id)
            by = self._by(actor)
            new_id = begin_branch(desk, plan, states, input_edits or {}, workflow_input, by)
            return Settled(new_id, new_id)

        return self._with_others(run)

    # -- news and health -----------------------------------------------------------------

    def subscribe(
        self,
        callback: Callable[[list[HistoryEvent]], None],
        workflow_id: str | Sequence[str] | None = None,
    ) -> Subscription:
        """Hear of committed events, in order, on one notifier thread; close it when done."""
        chosen = [workflow_id] if isinstance(workflow_id, str) else workflow_id
        return self._runtime.subscriptions.add(callback, chosen)

    def committed_events(self, workflow_id: str, after: int = 0) -> list[HistoryEvent]:
        """Committed events of one execution with numbers above ``after``. Blocks."""
        return self._runtime.store.events(workflow_id, after)

    def committed_since(self, position: int, limit: int) -> list[tuple[int, HistoryEvent]]:
        """Committed events of all executions above a journal position. Blocks.

        At most ``limit``, in order, each with its position, from which the next call goes on.
        """
        return self._runtime.store.events_after(position, limit)

    def last_position(self) -> int:
        """Journal position of the newest committed record."""
        return self._runtime.store.last_position()

    def secret_names(self) -> list[str]:
        """Names that ``${workflow.secrets.NAME}`` knows; never their values."""
        return sorted(self._runtime.polling.secrets)

    def environment(self) -> dict[str, str]:
        """What ``${workflow.env.NAME}`` reads. A copy."""
        return dict(self._desk.environment)

    def health(self) -> Wire:
        """Whether the engine takes commands and answers searches, in Conductor's shape.

        ``details`` of each result: ``message`` as callers are told it, ``reason`` in short,
        ``affects`` (``recording``, ``searching``) and ``isForGood``: it does not go on by itself.
        """
        writer = self._runtime.writer
        failure, lagging = writer.failure, self._runtime.store.health()["error"]
        wrong: list[Wire] = []
        if failure is not None:
            wrong.append(
                {
                    "message": str(failure),
                    "reason": writer.reason,
                    "affects": "recording",
                    "isForGood": writer.is_ended,
                }
            )
        if lagging is not None:
            told = str(lagging)
            wrong.append(
                {"message": told, "reason": told, "affects": "searching", "isForGood": False}
            )
        return {
            "healthResults": [{"details": details} for details in wrong],
            "suppressedHealthResults": [],
            "healthy": not wrong,
        }


def _names(event: HistoryEvent) -> bool:
    return bool(event.data.get("definition_hash"))
