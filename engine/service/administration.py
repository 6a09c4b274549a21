"""What administrators ask for: pending tasks of a type, a look at an execution, variables."""

from __future__ import annotations

from concurrent.futures import Future

from ..core.events import EventKind
from ..core.limits import SIZE_LIMITS
from ..core.turn import Turn
from ..core.wire import task_wire, workflow_wire
from ..errors import ConflictError, InvalidRequestError, NotFoundError
from ..models.codec import dumps
from ..runtime.decider import Settled
from ..runtime.desk import Desk
from .base import Wire
from .inspection import InspectionService


class AdministrationService(InspectionService):
    """Questions and changes beyond the life of one execution."""

    def pending_tasks(self, task_type: str, start: int = 0, count: int = 100) -> Future[list[Wire]]:
        """Tasks of a type that have not ended, oldest first."""

        def read(desk: Desk) -> list[Wire]:
            now_ms = desk.clock.now().wall_ms
            first, last = max(start, 0), max(start, 0) + max(count, 0)
            pending = desk.executions.pending(task_type)
            found = [
                (task.scheduled_time, workflow_id, state, task)
                # Those of the page only: others need not come into memory.
                for workflow_id in dict.fromkeys(key for _, key in pending[:last])
                for state in (desk.executions[workflow_id],)
                for task in state.open_tasks()
                if task.task_type == task_type
            ]
            found.sort(key=lambda entry: entry[:2])
            return [task_wire(state, task, now_ms) for _, _, state, task in found[first:last]]

        return self._submit(read)

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

            def shown(later: Desk) -> Wire:
                return workflow_wire(later.state(workflow_id), True, later.clock.now().wall_ms)

            return Settled(workflow_id, shown)

        return self._with_execution(workflow_id, run)


def write_variables(turn: Turn, variables: Wire) -> None:
    """Merge workflow variables on somebody's behalf, with SET_VARIABLE's limit.

    Raises:
        ConflictError: The execution has ended.
        InvalidRequestError: The variables would be too large.
    """
    state = turn.state
    if state.status.is_terminal:
        raise ConflictError(f"Workflow is in terminal state. Status = {state.status}")
    size = len(dumps({**state.variables, **variables}))
    limit = SIZE_LIMITS.variables_kilobytes
    if size > limit * 1024:
        raise InvalidRequestError(f"The variables would have {size} bytes; {limit} KB are allowed.")
    if variables:
        turn.emit(EventKind.VARIABLES_SET, {"variables": dict(variables)})
