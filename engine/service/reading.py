"""Executions as they are: one, one of its tasks, its events, those of a correlation id."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, Final

from ..core.events import HistoryEvent
from ..core.state import TaskState, WorkflowState
from ..core.wire import (
    search_result,
    shows_passing_time,
    task_wire,
    workflow_status_wire,
    workflow_wire,
)
from ..errors import NotFoundError
from ..models.codec import dumps
from ..runtime.desk import Desk
from ..runtime.paging import lost_events
from ..runtime.runtime import Runtime
from .base import Wire, chain
from .metadata import MetadataService
from .search import SearchPages

_QUICKLY_FOLDED: Final = 200
"""Events of an execution that are read and folded within a millisecond or two."""


class ReadingService(MetadataService):
    """Looks at executions without changing anything."""

    def __init__(self, runtime: Runtime) -> None:
        """A service over a running engine."""
        super().__init__(runtime)
        self._pages = SearchPages(runtime.store)

    def state(self, workflow_id: str) -> Future[WorkflowState]:
        """A snapshot of an execution that never changes again.

        Raises:
            NotFoundError: (from the future) no such execution.
        """
        if self._is_light_page(workflow_id):
            return self._aside(lambda: self._committed(workflow_id))
        return self._with_execution(
            workflow_id, lambda desk: desk.state(workflow_id).snapshot(), reads=True
        )

    def workflow(
        self, workflow_id: str, include_tasks: bool = True, whole: bool = True
    ) -> Future[Wire]:
        """An execution on the wire, with its tasks in order of scheduling.

        ``whole`` False gives the paths of large payloads that are kept outside the history in
        their place, as Conductor does over HTTP.
        """

        def shown(state: WorkflowState) -> Wire:
            return workflow_wire(state, include_tasks, self._runtime.clock.now().wall_ms, whole)

        return self._made_of(self.state(workflow_id), shown)

    def workflow_text(self, workflow_id: str, include_tasks: bool = True) -> Future[bytes]:
        """The JSON text of ``workflow(…, whole=False)``, as a door sends it.

        It is kept until something of the execution is committed: see ``workflow_at_hand``.

        Raises:
            NotFoundError: (from the future) no such execution.
        """
        encoded = self._runtime.encoded
        slot = encoded.slot(workflow_id)  # before it is read: what changes from now on counts

        def encode(state: WorkflowState) -> bytes:
            now_ms = self._runtime.clock.now().wall_ms
            text = dumps(workflow_wire(state, include_tasks, now_ms, whole=False))
            if not (include_tasks and shows_passing_time(state, now_ms)):
                encoded.keep(slot, include_tasks, text)
            return text

        if self._is_quickly_folded(workflow_id):
            return self._aside(lambda: encode(self._committed(workflow_id)))
        return self._made_of(self.state(workflow_id), encode)

    def workflow_at_hand(self, workflow_id: str, include_tasks: bool = True) -> bytes | None:
        """What ``workflow_text`` would resolve to, if it has been made since the last change.

        Never blocks. None: ask ``workflow_text``.
        """
        return self._runtime.encoded.get(workflow_id, include_tasks)

    def _is_light_page(self, workflow_id: str) -> bool:
        """Whether an execution is paged out and quickly read: no need to bring it into memory."""
        page = self._desk.executions.page(workflow_id)
        return page is not None and page.is_light

    def _is_quickly_folded(self, workflow_id: str) -> bool:
        """Whether an open execution is sooner folded from the journal than asked of the decider.

        One that is paged out would have to come into memory for it, too.
        """
        return self._desk.executions.folds_quickly(workflow_id, _QUICKLY_FOLDED)

    def _looked_at(self, workflow_id: str) -> list[WorkflowState]:
        """An execution as it stands; empty if it has been removed. Blocks."""
        try:
            if self._is_quickly_folded(workflow_id):
                return [self._committed(workflow_id)]
            return [self.state(workflow_id).result()]
        except NotFoundError:
            return []

    def _committed(self, workflow_id: str) -> WorkflowState:
        """An execution as it is in the store. Blocks.

        Raises:
            NotFoundError: No such execution.
            StoreCorruptError: The store has lost events of it.
        """
        least = self._desk.executions.paged_length(workflow_id) or 0
        state = self._folded(workflow_id)
        if state is None:
            raise NotFoundError(f"No such workflow found by id: {workflow_id}")
        if state.last_event < least:
            raise lost_events(workflow_id, least, state.last_event)
        return state

    def workflow_status(
        self, workflow_id: str, include_output: bool = False, include_variables: bool = False
    ) -> Future[Wire]:
        """Status of an execution, with output and variables on demand."""

        def shown(state: WorkflowState) -> Wire:
            return workflow_status_wire(state, include_output, include_variables)

        if self._is_light_page(workflow_id):
            return self._aside(lambda: shown(self._committed(workflow_id)))
        return self._with_execution(
            workflow_id, lambda desk: shown(desk.state(workflow_id)), reads=True
        )

    def workflow_tasks(
        self, workflow_id: str, start: int = 0, count: int = 15, statuses: Sequence[str] = ()
    ) -> Future[Wire]:
        """One page of an execution's tasks, filtered by status (any case) before paging."""
        wanted = {status.upper() for status in statuses}

        def shown(state: WorkflowState) -> Wire:
            found = [t for t in state.tasks.values() if not wanted or str(t.status) in wanted]
            found.sort(key=lambda task: task.seq)
            page = found[start : start + count]
            return search_result(len(found), [task_wire(state, task, whole=False) for task in page])

        return self._made_of(self.state(workflow_id), shown)

    def task(self, task_id: str, whole: bool = True) -> Future[Wire]:
        """One task by its id; see ``workflow`` for ``whole``.

        Raises:
            NotFoundError: (from the future) no such task.
        """

        def read(desk: Desk) -> Wire:
            state, task = self._find(desk, task_id)
            return task_wire(state, task, desk.clock.now().wall_ms, whole)

        return self._with_task(task_id, read, f"Task not found for taskId: {task_id}")

    def _with_task(self, task_id: str, command: Any, missing: str) -> Future[Any]:
        """Run a command that reads a task whose execution has to be found first."""
        workflow_id = self._desk.task_home.get(task_id)
        if workflow_id is not None:
            return self._submit(command, reads=True)
        answer: Future[Any] = Future()

        def found(rows: list[dict[str, Any]]) -> None:
            if not rows:
                raise NotFoundError(missing)
            workflow_id = rows[0]["workflow_id"]

            def command_there(desk: Desk) -> Any:
                desk.state(workflow_id)  # paged out, it is known by its open tasks only
                return command(desk)

            chain(self._with_execution(workflow_id, command_there, reads=True), answer)

        def look_up() -> list[dict[str, Any]]:
            sql = "SELECT workflow_id FROM tasks WHERE task_id = ? LIMIT 1"
            return self._runtime.store.query(sql, [task_id])

        self._read(look_up, found, answer)
        return answer

    def _find(self, desk: Desk, task_id: str) -> tuple[WorkflowState, TaskState]:
        workflow_id = desk.task_home.get(task_id)
        if workflow_id is not None:
            state = desk.state(workflow_id)
            if task_id in state.tasks:
                return state, state.tasks[task_id]
        for state in desk.ended.values():
            if task_id in state.tasks:
                return state, state.tasks[task_id]
        raise NotFoundError(f"Task not found for taskId: {task_id}")

    def running(self, name: str) -> list[str]:
        """Ids of the open executions of a definition, newest first."""
        mine = [one for one in self._desk.executions.running() if one.name == name]
        return [one.workflow_id for one in sorted(mine, key=lambda one: -one.create_time)]

    def events(self, workflow_id: str, after: int = 0) -> Future[list[HistoryEvent]]:
        """Committed events of an execution with numbers above ``after``.

        Raises:
            NotFoundError: (from the future) no such execution.
        """
        answer: Future[list[HistoryEvent]] = Future()

        def use(events: list[HistoryEvent]) -> None:
            if not events and not after:
                raise NotFoundError(f"No such workflow found by id: {workflow_id}")
            answer.set_result(events)

        self._read(lambda: self._runtime.store.events(workflow_id, after), use, answer)
        return answer

    def correlated(
        self,
        name: str,
        correlation_ids: Sequence[str],
        include_closed: bool = False,
        include_tasks: bool = False,
    ) -> Future[dict[str, list[Wire]]]:
        """Executions of a definition by correlation id; every id asked for is a key."""
        return self.correlated_batch([name], correlation_ids, include_closed, include_tasks)

    def correlated_batch(
        self,
        names: Sequence[str],
        correlation_ids: Sequence[str],
        include_closed: bool = False,
        include_tasks: bool = False,
    ) -> Future[dict[str, list[Wire]]]:
        """Executions of several definitions by correlation id; every id asked for is a key.

        One question to the history finds them; then all are read at once.
        """
        types, wanted = list(dict.fromkeys(names)), list(dict.fromkeys(correlation_ids))

        def look_up() -> dict[str, list[Wire]]:
            found: dict[str, list[Wire]] = {key: [] for key in wanted}
            rows = self._pages.correlated(types, wanted, not include_closed)
            asked = [(key, self.workflow(workflow_id, include_tasks)) for workflow_id, key in rows]
            for key, execution in asked:
                try:
                    found[key].append(execution.result(timeout=60))
                except NotFoundError:  # removed meanwhile
                    continue
            return found

        return self._compose(look_up)
