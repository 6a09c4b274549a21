"""Calls that wait for an execution: synchronous execute and signal, and the workflow test."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Sequence
from concurrent.futures import Future

from ..core.state import TaskState, WorkflowState
from ..core.updates import write_variables
from ..core.wire import task_run_wire, workflow_run_wire
from ..errors import InvalidRequestError, NotFoundError
from ..models.requests import TaskResultStatus
from ..runtime.decider import Settled
from ..runtime.desk import Desk
from .base import Wire
from .importing import ImportingService
from .trial import WorkflowTrial
from .work import BLOCKING_TYPES, open_task

RETURN_STRATEGIES = ("TARGET_WORKFLOW", "BLOCKING_WORKFLOW", "BLOCKING_TASK", "BLOCKING_TASK_INPUT")


class Service(ImportingService):
    """The one service layer behind every door.

    Commands return futures that resolve after what they did is durable. Methods that ask the
    history (``search_*``, ``query*``, ``family``, ``counts``, ``logs``) block for milliseconds and
    belong on a worker thread, never on an event loop. Every other method returns at once.
    """

    def execute_workflow(
        self,
        request: Wire,
        wait_until: Sequence[str] = (),
        wait_seconds: float = 10.0,
        strategy: str = "TARGET_WORKFLOW",
        request_id: str | None = None,
    ) -> Future[Wire]:
        """Start an execution and wait until it has ended or is blocked.

        Args:
            request: A StartWorkflowRequest.
            wait_until: References whose end counts as blocked.
            wait_seconds: How long at the most; 0 means ten seconds, as in Conductor.
            strategy: Which object the answer is: one of ``RETURN_STRATEGIES``.
            request_id: Repeated in the answer; drawn if missing.

        Returns:
            Resolves to a SignalResponse; ``signalTimeout`` is true when time ran out.
        """
        check_strategy(strategy)
        answer: Future[Wire] = Future()

        def started(finished: Future[str]) -> None:
            error = finished.exception()
            if error is not None:
                answer.set_exception(error)
                return
            workflow_id = finished.result()
            _Watch(
                self, workflow_id, wait_until, wait_seconds or 10.0, strategy, request_id, answer
            )

        self.start_workflow(request).add_done_callback(started)
        return answer

    def signal_sync(
        self,
        workflow_id: str,
        status: str,
        output: Wire,
        strategy: str = "TARGET_WORKFLOW",
        wait_seconds: float = 5.0,
    ) -> Future[Wire]:
        """Complete the first open WAIT, then wait until the execution is blocked again or ended.

        Raises:
            NotFoundError: (from the future) no such execution, or nothing waits in it.
        """
        check_strategy(strategy)
        answer: Future[Wire] = Future()

        def signalled(finished: Future[str | None]) -> None:
            error = finished.exception()
            if error is None and finished.result() is None:
                error = NotFoundError(f"Found no blocked task in workflow {workflow_id} to signal")
            if error is not None:
                answer.set_exception(error)
                return
            _Watch(self, workflow_id, (), wait_seconds, strategy, None, answer)

        self.signal(workflow_id, status, output).add_done_callback(signalled)
        return answer

    def update_state(
        self,
        workflow_id: str,
        variables: Wire,
        reference: str | None = None,
        result: Wire | None = None,
        wait_until: Sequence[str] = (),
        wait_seconds: float = 10.0,
        request_id: str | None = None,
    ) -> Future[Wire]:
        """Set variables and complete an open task at once, then wait as ``execute_workflow`` does.

        Args:
            workflow_id: The execution.
            variables: Merged into the workflow's variables, before the task's result counts.
            reference: The open task to update; None for none.
            result: Its ``status`` (COMPLETED by default) and ``outputData``.
            wait_until: References whose end counts as blocked.
            wait_seconds: How long to wait at the most; 0 means ten seconds.
            request_id: Repeated in the answer; drawn if missing.

        Raises:
            NotFoundError: (from the future) no such execution, or the task is not open.
            ConflictError: (from the future) the execution has ended.
        """
        answer: Future[Wire] = Future()
        given = result or {}
        told = {
            "status": given.get("status") or "COMPLETED",
            "outputData": given.get("outputData") or {},
        }
        if told["status"] not in list(TaskResultStatus):
            raise InvalidRequestError(f"'{told['status']}' is no status of a task result.")
        if not isinstance(told["outputData"], dict):
            raise InvalidRequestError("outputData must be a JSON object.")

        def update(desk: Desk) -> Settled:
            task = open_task(desk.state(workflow_id), reference) if reference else None
            if reference and task is None:
                raise NotFoundError(
                    f"Found no running task {reference} of workflow {workflow_id} to update"
                )
            desk.act(workflow_id, lambda turn: write_variables(turn, variables), self._actor)
            if task is not None:
                ids = {"workflowInstanceId": workflow_id, "taskId": task.task_id}
                self._apply(desk, {**told, **ids}, merge=True)
            return Settled(workflow_id, None)

        def updated(finished: Future[None]) -> None:
            error = finished.exception()
            if error is not None:
                answer.set_exception(error)
                return
            seconds = wait_seconds or 10.0
            strategy = RETURN_STRATEGIES[0]
            _Watch(self, workflow_id, wait_until, seconds, strategy, request_id, answer)

        self._with_execution(workflow_id, update).add_done_callback(updated)
        return answer

    def look_for_block(
        self,
        workflow_id: str,
        wait_until: Sequence[str],
        strategy: str,
        request_id: str,
        late: bool,
    ) -> Future[Wire | None]:
        """The answer a synchronous call would give now; None while it has to wait."""
        references = frozenset(wait_until)

        def look(desk: Desk) -> Wire | None:
            target = desk.state(workflow_id)
            found = None if target.status.is_terminal else _blocking(desk, target, references)
            if not (found or target.status.is_terminal or late):
                return None
            timed_out = late and not found and not target.status.is_terminal
            return _answer(target, found, strategy, request_id, timed_out)

        return self._with_execution(workflow_id, look, reads=True)

    def test_workflow(self, request: Wire) -> Future[Wire]:
        """Run a workflow with mocked task results and give the execution back (§2.4)."""
        answer: Future[Wire] = Future()
        trial = WorkflowTrial(self, request)
        self._read(trial.run, answer.set_result, answer)
        return answer


def check_strategy(strategy: str) -> None:
    """Refuse an unknown return strategy."""
    if strategy not in RETURN_STRATEGIES:
        raise InvalidRequestError(
            f"'{strategy}' is no return strategy; there are {', '.join(RETURN_STRATEGIES)}."
        )


class _Watch:
    """Waits for one execution tree: looks again after every commit that concerns it."""

    def __init__(
        self,
        service: Service,
        workflow_id: str,
        wait_until: Sequence[str],
        wait_seconds: float,
        strategy: str,
        request_id: str | None,
        answer: Future[Wire],
    ) -> None:
        self._service = service
        self._call = (workflow_id, wait_until, strategy, request_id or str(uuid.uuid4()))
        self._answer = answer
        self._subscription = service.subscribe(lambda events: self._look(False))
        self._timer = threading.Timer(wait_seconds, self._look, [True])
        self._timer.daemon = True
        self._timer.start()
        self._look(False)

    def _look(self, late: bool) -> None:
        if self._answer.done():
            self._end()
            return
        workflow_id, wait_until, strategy, request_id = self._call
        looked = self._service.look_for_block(workflow_id, wait_until, strategy, request_id, late)
        looked.add_done_callback(self._looked)

    def _looked(self, finished: Future[Wire | None]) -> None:
        error = finished.exception()
        value = None if error is not None else finished.result()
        if (error is None and value is None) or self._answer.done():
            return
        self._end()
        if not self._answer.set_running_or_notify_cancel():
            return
        if error is not None:
            self._answer.set_exception(error)
        else:
            self._answer.set_result(value or {})

    def _end(self) -> None:
        self._timer.cancel()
        self._subscription.close()


def _blocking(
    desk: Desk, state: WorkflowState, references: frozenset[str]
) -> tuple[WorkflowState, TaskState] | None:
    """The first task of a tree that a caller would want to hear of."""
    tasks = sorted(state.tasks.values(), key=lambda task: task.seq)
    for task in tasks:
        if (
            task.task_type in BLOCKING_TYPES
            and not task.status.is_terminal
            and not task.wait_until_ms
        ):
            return state, task
        if task.reference_task_name in references and task.status.is_terminal:
            return state, task
    for task in tasks:
        child = None if task.status.is_terminal else desk.executions.get(task.sub_workflow_id or "")
        found = None if child is None else _blocking(desk, child, references)
        if found is not None:
            return found
    return None


def _answer(
    target: WorkflowState,
    found: tuple[WorkflowState, TaskState] | None,
    strategy: str,
    request_id: str,
    timed_out: bool,
) -> Wire:
    if found is not None and strategy.startswith("BLOCKING_TASK"):
        return task_run_wire(found[0], found[1], target, strategy, request_id)
    shown = found[0] if found is not None and strategy == "BLOCKING_WORKFLOW" else target
    return workflow_run_wire(shown, target, strategy, request_id, timed_out)
