"""What administrators ask for: pending tasks of a type, a look at an execution, variables."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any, NamedTuple

from ..core.state import WorkflowState
from ..core.updates import write_variables
from ..core.wire import task_wire, workflow_wire
from ..errors import NotFoundError
from ..runtime.couriers import CourierFigures
from ..runtime.decider import Settled
from ..runtime.desk import Desk
from ..runtime.measures import Histogram, Measures
from .base import Wire
from .inspection import InspectionService


class Figures(NamedTuple):
    """What the engine knows of itself at a moment; counters since this process began."""

    measures: Measures
    committing: Histogram
    """Seconds for one commit."""
    queue_depths: dict[str, int]
    queue_ages_seconds: dict[str, float]
    """How long the oldest task that may be handed out has waited; queues without one are absent."""
    waiting_polls: int
    open_executions: int
    notices: dict[str, CourierFigures]
    """What became of status notices, by receiver; empty where nobody is told."""
    kept_answer_bytes: int
    """What texts of executions that have not changed take."""
    store: dict[str, Any]
    """``Store.health``."""


class AdministrationService(InspectionService):
    """Questions and changes beyond the life of one execution."""

    def figures(self) -> Figures:
        """Counters and sizes for ``/metrics``. Asks neither the decider nor the history."""
        desk = self._runtime.desk  # also while it is being made again: figures are never refused
        now_ms = self._runtime.clock.now().wall_ms
        waits = {name: now_ms - since for name, since in desk.queues.oldest().items()}
        notices = desk.notices
        return Figures(
            desk.measures,
            self._runtime.writer.committing,
            desk.queues.sizes(),
            {name: wait / 1000 for name, wait in waits.items() if wait >= 0},
            desk.queues.waiting_polls(),
            len(desk.executions),
            {} if notices is None else notices.figures(),
            self._runtime.encoded.size,
            self._runtime.store.health(),
        )

    def pending_tasks(self, task_type: str, start: int = 0, count: int = 100) -> Future[list[Wire]]:
        """Tasks of a type that have not ended, oldest first."""

        first, last = max(start, 0), max(start, 0) + max(count, 0)

        def read() -> list[Wire]:
            look = self._submit(lambda desk: desk.executions.pending(task_type), reads=True)
            pending = look.result()
            now_ms = self._runtime.clock.now().wall_ms
            found = [
                (task.scheduled_time, state.workflow_id, state, task)
                # Those of the page only, and none comes into memory for it.
                for workflow_id in dict.fromkeys(key for _, key in pending[:last])
                for state in self._looked_at(workflow_id)
                for task in state.open_tasks()
                if task.task_type == task_type
            ]
            found.sort(key=lambda entry: entry[:2])
            page = found[first:last]
            return [task_wire(state, task, now_ms, False) for _, _, state, task in page]

        return self._compose(read)

    def sweep(self, workflow_id: str) -> Future[bool]:
        """Look at an execution now; False when there is none of that id."""
        answer: Future[bool] = Future()

        def done(finished: Future[None]) -> None:
            error = finished.exception()
            if error is None or isinstance(error, NotFoundError):
                answer.set_result(error is None)
            else:
                answer.set_exception(error)

        self.decide(workflow_id).add_done_callback(done)
        return answer

    def set_variables(self, workflow_id: str, variables: Wire) -> Future[Wire]:
        """Merge workflow variables; resolves to the execution.

        Raises:
            NotFoundError: (from the future) no such execution.
            ConflictError: (from the future) it has ended.
            InvalidRequestError: (from the future) the variables would be too large.
        """

        def run(desk: Desk) -> Settled:
            desk.act(workflow_id, lambda turn: write_variables(turn, variables), self._actor)

            return Settled(workflow_id, lambda later: later.state(workflow_id).snapshot())

        def shown(state: WorkflowState) -> Wire:
            return workflow_wire(state, True, self._runtime.clock.now().wall_ms, False)

        return self._made_of(self._with_execution(workflow_id, run), shown)
