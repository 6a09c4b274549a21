"""Workers: polls, results, logs, queues."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Final

import msgspec

from ..core.limits import SIZE_LIMITS, least_size, output_refusal, output_too_large
from ..core.state import TaskError, TaskState, WorkflowState
from ..errors import InvalidRequestError, NotFoundError
from ..models.requests import TaskResult
from ..runtime.answers import Answer
from ..runtime.decider import PARKED, Settled
from ..runtime.desk import Desk
from ..runtime.insistence import insistently
from ..runtime.polling import has_secrets
from ..runtime.queues import queue_name
from ..runtime.vault import hidden
from ..runtime.writer import answer as resolve
from ..store.base import LogRow
from .access import CallerKind
from .base import Wire, chain
from .executions import ExecutionService

MAX_POLL_TIMEOUT_MS: Final = 5000
MAX_LOGS_PER_UPDATE: Final = 10
BLOCKING_TYPES: Final = frozenset({"WAIT", "YIELD"})
"""What a signal answers, and where a synchronous caller gets its answer."""
_FRAMES: Final = 50
_UPLOADED: Final = "externalOutputPayloadStoragePath"
_SURELY_SMALL_BYTES: Final = SIZE_LIMITS.task_output_bytes // 16
"""By ``least_size``; escaped, no text is sixteen times as long."""
_MAX_SECONDS: Final = 2**31 - 1
_STATUSES: Final = frozenset(
    {"IN_PROGRESS", "FAILED", "FAILED_WITH_TERMINAL_ERROR", "COMPLETED", "CANCELED"}
)


class PollFuture(Answer[list[Wire]]):
    """The answer of a poll; tasks that come after it was cancelled are given back."""

    def __init__(self, give_back: Callable[[list[Wire]], None]) -> None:
        """An open answer."""
        super().__init__()
        self.give_back = give_back


class WorkerService(ExecutionService):
    """What workers need."""

    def poll(
        self,
        task_type: str,
        worker_id: str | None = None,
        domain: str | None = None,
        count: int = 1,
        timeout_ms: int = 100,
    ) -> Future[list[Wire]]:
        """Up to ``count`` tasks; waits for the first one for ``timeout_ms``.

        Each task is IN_PROGRESS, durably, before the future resolves. Cancelling the future
        gives the wait up.

        Raises:
            InvalidRequestError: The wait is longer than five seconds.
        """
        if timeout_ms > MAX_POLL_TIMEOUT_MS:
            raise InvalidRequestError("Long Poll Timeout value cannot be more than 5 seconds")
        polling = self._runtime.polling
        answer = PollFuture(lambda tasks: self._give_back(tasks))

        def take(desk: Desk) -> Any:
            tasks = polling.poll(desk, task_type, worker_id, domain, count, timeout_ms, answer)
            if tasks is not None:
                desk.outbox.answers.append((answer, tasks))
            return PARKED

        def refused(finished: Future[Any]) -> None:
            if not finished.cancelled() and (error := finished.exception()) is not None:
                resolve(answer, error)

        # It resolves by itself only if it could not be run: closed, or nothing can be written.
        self._submit(take).add_done_callback(refused)
        return answer

    def _give_back(self, tasks: list[Wire]) -> None:
        """The caller of a poll has gone: what it was given waits for the next one."""
        polling = self._runtime.polling
        insistently(lambda: self._submit(lambda desk: polling.give_back(desk, tasks)))

    def update_task(
        self, result: Wire, error: Wire | None = None, fields: Wire | None = None
    ) -> Future[str]:
        """Apply a worker's result; resolves to the task id, also when it came too late.

        Args:
            result: A TaskResult; its key ``error`` (ours: ``{type, message, frames}``) tells
                what a function in another process raised.
            error: What the function raised, for workers in this process.
            fields: Further fields of the record that change, for the engine's own workers.

        Raises:
            InvalidRequestError: Ids or status are missing or wrong.
            NotFoundError: (from the future) no such execution or task.
        """
        checked = _checked(result)
        if error is None and "error" in result:
            error = _told_error(result["error"])
        return self._with_output(checked, lambda whole: self._update(whole, error, fields))

    def _update(self, checked: Wire, error: Wire | None, fields: Wire | None) -> Future[str]:
        checked = _measured(checked)

        def update(desk: Desk) -> Settled:
            task = self._apply(desk, checked, error, fields=fields)
            return Settled(checked["workflowInstanceId"], task.task_id)

        return self._with_execution(checked["workflowInstanceId"], update)

    def _with_output(self, result: Wire, use: Callable[[Wire], Future[Any]]) -> Future[Any]:
        """Use a checked result, with the output that the worker may have uploaded before."""
        return self._with_upload(result, _UPLOADED, "outputData", use)

    def _apply(
        self,
        desk: Desk,
        result: Wire,
        error: Wire | None = None,
        merge: bool = False,
        fields: Wire | None = None,
    ) -> TaskState:
        worker_id = result.get("workerId")
        is_worker = worker_id and self._caller.kind is not CallerKind.USER
        actor = f"worker:{worker_id}" if is_worker else self._actor
        task = self._runtime.polling.update(desk, result, error, merge, actor, fields)
        if result.get("logs"):  # only once the task is known to exist
            self._file_logs(desk, self._without_secrets(desk, result))
        return task

    def _without_secrets(self, desk: Desk, result: Wire) -> Wire:
        """A result whose logs don't repeat the secrets that its task was handed."""
        state = desk.state(result["workflowInstanceId"])
        task = state.tasks.get(result["taskId"])
        handed = task is not None and has_secrets(task)
        return hidden(result, self._runtime.vault) if handed else result

    def _file_logs(self, desk: Desk, result: Wire) -> None:
        for line in (result.get("logs") or [])[:MAX_LOGS_PER_UPDATE]:
            text = line.get("log") if isinstance(line, dict) else str(line)
            created = line.get("createdTime") if isinstance(line, dict) else 0
            desk.outbox.commit.logs.append(
                LogRow(
                    workflow_id=result["workflowInstanceId"],
                    task_id=result["taskId"],
                    created_time=int(created or desk.clock.now().wall_ms),
                    log=str(text),
                )
            )

    def update_task_and_poll(self, result: Wire) -> Future[Wire | None]:
        """Apply a result and hand the same worker its next task of that type, if there is one."""
        return self._with_output(_checked(result), self._update_and_poll)

    def _update_and_poll(self, checked: Wire) -> Future[Wire | None]:
        checked = _measured(checked)
        workflow_id = checked["workflowInstanceId"]

        def update(desk: Desk) -> Any:
            given = desk.state(workflow_id).tasks.get(checked["taskId"])
            if given is not None:
                name = queue_name(given.task_type, given.domain)
                self._runtime.polling.expect(desk, name, 1)
            task = self._apply(desk, checked)
            if checked.get("extendLease") or checked["status"] == "IN_PROGRESS":
                return None
            polling = self._runtime.polling
            nothing: Answer[list[Wire]] = Answer()
            tasks = polling.poll(
                desk, task.task_type, checked.get("workerId"), task.domain, 1, 0, nothing
            )
            return tasks[0] if tasks else None

        return self._with_execution(workflow_id, update)

    def update_task_by_reference(
        self,
        workflow_id: str,
        reference: str,
        status: str,
        output: Wire,
        worker_id: str | None = None,
    ) -> Future[str | None]:
        """Complete the first open task of a reference; None when there is none."""
        if status not in _STATUSES:
            raise InvalidRequestError(f"'{status}' is no status of a task result.")

        def update(desk: Desk) -> Any:
            try:
                state = desk.state(workflow_id)
            except NotFoundError:
                return None
            task = open_task(state, reference)
            if task is None or state.status.is_terminal:
                return None
            result = {
                "workflowInstanceId": workflow_id,
                "taskId": task.task_id,
                "status": status,
                "outputData": output,
                "workerId": worker_id,
            }
            self._apply(desk, result, merge=True)
            return Settled(workflow_id, task.task_id)

        answer: Future[str | None] = Future()

        def done(finished: Future[Any]) -> None:
            error = finished.exception()
            if isinstance(error, NotFoundError):
                answer.set_result(None)
            elif error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(finished.result())

        self._with_execution(workflow_id, update).add_done_callback(done)
        return answer

    def update_task_by_reference_sync(
        self,
        workflow_id: str,
        reference: str,
        status: str,
        output: Wire,
        worker_id: str | None = None,
    ) -> Future[Wire]:
        """The same; resolves to the execution afterwards.

        Raises:
            NotFoundError: (from the future) no open task of that reference.
        """
        answer: Future[Wire] = Future()
        updated = self.update_task_by_reference(workflow_id, reference, status, output, worker_id)

        def done(finished: Future[str | None]) -> None:
            error = finished.exception()
            if error is None and finished.result() is None:
                error = NotFoundError(
                    f"Found no running task {reference} of workflow {workflow_id} to update"
                )
            if error is not None:
                answer.set_exception(error)
                return
            chain(self.workflow(workflow_id), answer)

        updated.add_done_callback(done)
        return answer

    def signal(self, workflow_id: str, status: str, output: Wire) -> Future[str | None]:
        """Complete the first open WAIT or YIELD of an execution or of its running children."""
        if status not in _STATUSES:
            raise InvalidRequestError(f"'{status}' is no status of a task result.")

        def run(desk: Desk) -> Any:
            found = _blocked(desk, desk.state(workflow_id))
            if found is None:
                return None
            state, task = found
            result = {
                "workflowInstanceId": state.workflow_id,
                "taskId": task.task_id,
                "status": status,
                "outputData": output,
            }
            self._apply(desk, result, merge=True)
            return Settled(state.workflow_id, task.task_id)

        return self._with_execution(workflow_id, run)

    # -- logs ----------------------------------------------------------------------------

    def add_log(self, task_id: str, text: str) -> Future[None]:
        """Add a log line to a task; the task need not exist (as in Conductor)."""

        def add(desk: Desk) -> None:
            nonlocal text
            home = desk.executions.get(desk.task_home.get(task_id, ""))
            task = None if home is None else home.tasks.get(task_id)
            if task is not None and has_secrets(task):
                text = hidden(text, self._runtime.vault)
            desk.outbox.commit.logs.append(
                LogRow(
                    workflow_id=desk.task_home.get(task_id, ""),
                    task_id=task_id,
                    created_time=desk.clock.now().wall_ms,
                    log=text,
                )
            )

        return self._submit(add)

    def logs(self, task_id: str) -> list[Wire]:
        """Log lines of a task, oldest first. Reads the store: not for the event loop."""
        rows = self._runtime.store.logs(task_id)
        return [
            {"log": row.log, "taskId": row.task_id, "createdTime": row.created_time} for row in rows
        ]

    # -- queues --------------------------------------------------------------------------

    def queue_sizes(self, task_types: Sequence[str]) -> dict[str, int]:
        """Waiting tasks by queue name, 0 for unknown ones."""
        queues = self._desk.queues
        return {name: queues.size(name) for name in task_types}

    def queue_all(self) -> dict[str, int]:
        """Waiting tasks of every queue."""
        return self._desk.queues.sizes()

    def queue_all_verbose(self) -> dict[str, dict[str, dict[str, int]]]:
        """The same in Conductor's shape with shards; there is one shard."""
        return {name: {"a": {"size": size, "uacked": 0}} for name, size in self.queue_all().items()}

    def requeue(self, task_type: str) -> Future[int]:
        """Queue the scheduled tasks of a type that are missing from their queue."""

        def run(desk: Desk) -> int:
            count = 0
            for state in desk.executions.resident():  # what is paged out stands in its queue
                for task in state.open_tasks():
                    waits = task.task_type == task_type and task.status == "SCHEDULED"
                    if waits and not desk.queues.contains(task.task_id):
                        desk.enqueue(state, task, desk.clock.now().wall_ms)
                        count += 1
            return count

        return self._submit(run)

    def poll_data(self, task_type: str | None = None) -> list[Wire]:
        """Who polled last for what, and when."""
        rows = []
        for (name, domain), (worker_id, last_ms) in self._desk.last_polls().items():
            if task_type is not None and name != task_type:
                continue
            row: Wire = {"queueName": name, "lastPollTime": last_ms}
            if domain:
                row["domain"] = domain
            if worker_id:
                row["workerId"] = worker_id
            rows.append(row)
        return rows


def _checked(result: Wire) -> Wire:
    """A TaskResult whose ids and status are there; the slow path words the refusal."""
    plain = (
        result.__class__ is dict
        and isinstance(result.get("workflowInstanceId"), str)
        and isinstance(result.get("taskId"), str)
        and isinstance(result.get("status"), str)
        and result["status"] in _STATUSES
        and result["workflowInstanceId"]
        and result["taskId"]
        and isinstance(result.get("outputData", {}), dict)
        and result.get("callbackAfterSeconds", 0).__class__ is int
        and 0 <= result.get("callbackAfterSeconds", 0) <= _MAX_SECONDS
        and _is_short_text(result.get("reasonForIncompletion"))
        and _is_short_text(result.get("workerId"))
        and not result.get("logs")
    )
    if plain:
        return result
    model = TaskResult.from_wire(result)
    model.validate_request()
    wire = model.to_wire()
    wire["reasonForIncompletion"] = model.reason
    wire.setdefault("status", "IN_PROGRESS")
    return wire


def _told_error(value: Any) -> Wire | None:
    """What a function elsewhere raised, if it has the shape of that; nobody vouches for it."""
    try:
        error = msgspec.convert(value, TaskError)
    except msgspec.ValidationError:
        return None
    told: Wire = msgspec.to_builtins(msgspec.structs.replace(error, frames=error.frames[-_FRAMES:]))
    return told


def _measured(result: Wire) -> Wire:
    """A result whose output is not too large: here, since measuring must not hold the decider."""
    output = result.get("outputData")
    limit = SIZE_LIMITS.task_output_bytes
    workflow_id, task_id = result["workflowInstanceId"], result["taskId"]
    size = least_size(output, 2 * limit)
    if size > 2 * limit:
        reason = output_too_large(workflow_id, task_id, size)
    elif size > _SURELY_SMALL_BYTES and (refusal := output_refusal(workflow_id, task_id, output)):
        reason = refusal
    else:
        return result
    refused = {"status": "FAILED_WITH_TERMINAL_ERROR", "outputData": {}}
    return {**result, **refused, "reasonForIncompletion": reason}


def _is_short_text(value: Any) -> bool:
    return value is None or (isinstance(value, str) and len(value) <= 500)


def open_task(state: WorkflowState, reference: str) -> TaskState | None:
    """The first open task of a reference name, with or without its iteration."""
    tasks = sorted(state.open_tasks(), key=lambda task: task.seq)
    for task in tasks:
        if task.reference_task_name == reference:
            return task
    for task in tasks:
        if task.iteration and task.base_reference == reference:
            return task
    return None


def _blocked(desk: Desk, state: WorkflowState) -> tuple[WorkflowState, TaskState] | None:
    tasks = sorted(state.open_tasks(), key=lambda task: task.seq)
    for task in tasks:
        if task.task_type in BLOCKING_TYPES:
            return state, task
    for task in tasks:
        child = desk.executions.get(task.sub_workflow_id or "")
        if child is not None:
            found = _blocked(desk, child)
            if found is not None:
                return found
    return None
