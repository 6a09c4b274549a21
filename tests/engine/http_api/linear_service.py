"""A service that runs linear workflows of worker tasks in memory, for tests of the door alone.

It has the signatures of ``engine.service.Service``; every rule it knows is one the door shows.
"""

from __future__ import annotations

import threading
import time
import uuid
from concurrent.futures import Future
from typing import Any

import msgspec

from engine.core.definition import compile_definition
from engine.core.state import TaskState, WorkflowState
from engine.core.wire import search_result, task_wire, workflow_status_wire, workflow_wire
from engine.errors import (
    ConflictError,
    EngineError,
    IllegalStateError,
    InvalidRequestError,
    NotFoundError,
    Problem,
)
from engine.models.enums import TaskStatus, WorkflowStatus

Wire = dict[str, Any]


def answered(function: Any) -> Any:
    """Make a method answer a future, as every command of the service does."""

    def command(self: LinearService, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            with self.lock:
                future.set_result(function(self, *args, **kwargs))
        except EngineError as error:
            future.set_exception(error)
        return future

    return command


class LinearService:
    """In-memory executions of tasks one after the other."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.healthy = True
        self.definitions: dict[tuple[str, int], Wire] = {}
        self.task_definitions: dict[str, Wire] = {}
        self.states: dict[str, WorkflowState] = {}
        self.owners: dict[str, str] = {}
        self.queues: dict[str, list[str]] = {}
        self.polled: dict[str, Wire] = {}
        self.lines: dict[str, list[Wire]] = {}
        self.waiting: list[tuple[str, Future[list[Wire]]]] = []

    # -- metadata
    @answered
    def create_workflow_def(self, body: Wire, overwrite: bool = False) -> None:
        self.validate_workflow_def(body)
        key = (body["name"], body.get("version", 1))
        if key in self.definitions and not overwrite:
            raise ConflictError(f"Workflow with {key[0]}.{key[1]} already exists!")
        self.definitions[key] = {**body, "version": key[1]}

    @answered
    def update_workflow_defs(self, bodies: list[Wire]) -> Wire:
        for body in bodies:
            self.definitions[body["name"], body.get("version", 1)] = body
        return {"bulkErrorResults": {}, "bulkSuccessfulResults": [b["name"] for b in bodies]}

    def validate_workflow_def(self, body: Wire) -> None:
        if not body.get("tasks"):
            problem = Problem(
                "tasks", "WorkflowTask list cannot be empty", "Add at least one task."
            )
            raise InvalidRequestError("The definition has no tasks.", [problem])

    def workflow_def(self, name: str, version: int | None = None) -> Wire:
        versions = [v for n, v in self.definitions if n == name]
        if not versions or (version is not None and version not in versions):
            text = "null" if version is None else version
            raise NotFoundError(f"No such workflow found by name: {name}, version: {text}")
        return self.definitions[name, max(versions) if version is None else version]

    def workflow_defs(self) -> list[Wire]:
        return list(self.definitions.values())

    @answered
    def delete_workflow_def(self, name: str, version: int) -> None:
        if self.definitions.pop((name, version), None) is None:
            raise NotFoundError(f"No such workflow definition: {name} version: {version}")

    @answered
    def create_task_defs(self, bodies: list[Wire]) -> None:
        for body in bodies:
            self.task_definitions[body["name"]] = body

    @answered
    def update_task_def(self, body: Wire) -> None:
        if body["name"] not in self.task_definitions:
            raise NotFoundError(f"No such task by name {body['name']}")
        self.task_definitions[body["name"]] = body

    def task_def(self, name: str) -> Wire:
        if name not in self.task_definitions:
            raise NotFoundError(f"No such taskType found by name: {name}")
        return self.task_definitions[name]

    def task_defs(self) -> list[Wire]:
        return list(self.task_definitions.values())

    @answered
    def delete_task_def(self, name: str) -> None:
        if self.task_definitions.pop(name, None) is None:
            raise NotFoundError("No such task definition")

    # -- executions
    @answered
    def start_workflow(self, request: Wire, actor: str = "user") -> str:
        name, version = request.get("name"), request.get("version")
        if request.get("input", {}) is None:
            raise InvalidRequestError("NULL input passed when starting workflow")
        try:
            wire = request.get("workflowDef") or self.workflow_def(name or "", version)
        except NotFoundError:
            shown = "null" if version is None else version
            raise NotFoundError(f"No such workflow defined. name={name}, version={shown}") from None
        state = WorkflowState(str(uuid.uuid4()))
        state.definition = compile_definition(wire)
        state.input = request.get("input", {})
        state.correlation_id = request.get("correlationId")
        state.priority = request.get("priority", 0)
        state.create_time = _now()
        self.states[state.workflow_id] = state
        self._schedule(state, 0)
        return state.workflow_id

    def _schedule(self, state: WorkflowState, position: int) -> None:
        if position >= len(state.definition.tasks):
            state.status, state.end_time = WorkflowStatus.COMPLETED, _now()
            return
        node = state.definition.tasks[position]
        task = TaskState(
            task_id=str(uuid.uuid4()),
            task_type=node.name,
            task_def_name=node.name,
            reference_task_name=node.reference,
            node=node.reference,
            status=TaskStatus.SCHEDULED,
            seq=position + 1,
            input_data=state.input,
            scheduled_time=_now(),
        )
        state.tasks[task.task_id] = task
        state.open_task_ids[task.task_id] = None
        self.owners[task.task_id] = state.workflow_id
        for entry in [entry for entry in self.waiting if entry[0] == node.name]:
            self.waiting.remove(entry)
            if entry[1].set_running_or_notify_cancel():
                entry[1].set_result([self._hand_out(task.task_id)])
                return
        self.queues.setdefault(node.name, []).append(task.task_id)

    def _hand_out(self, task_id: str, worker_id: str | None = None) -> Wire:
        state = self._state(self.owners[task_id])
        task = msgspec.structs.replace(
            state.tasks[task_id],
            status=TaskStatus.IN_PROGRESS,
            worker_id=worker_id,
            start_time=_now(),
            poll_count=1,
        )
        state.tasks[task_id] = task
        return task_wire(state, task)

    def _state(self, workflow_id: str) -> WorkflowState:
        if workflow_id not in self.states:
            raise NotFoundError(f"No such workflow found by id: {workflow_id}")
        return self.states[workflow_id]

    @answered
    def workflow(self, workflow_id: str, include_tasks: bool = True) -> Wire:
        return workflow_wire(self._state(workflow_id), include_tasks)

    @answered
    def workflow_status(
        self, workflow_id: str, include_output: bool = False, include_variables: bool = False
    ) -> Wire:
        return workflow_status_wire(self._state(workflow_id), include_output, include_variables)

    @answered
    def workflow_tasks(
        self, workflow_id: str, start: int = 0, count: int = 15, statuses: tuple[str, ...] = ()
    ) -> Wire:
        state = self._state(workflow_id)
        found = [t for t in state.tasks.values() if not statuses or t.status in statuses]
        page = found[start : start + count]
        return search_result(len(found), [task_wire(state, task) for task in page])

    @answered
    def task(self, task_id: str) -> Wire:
        if task_id not in self.owners:
            raise NotFoundError(f"Task not found for taskId: {task_id}")
        state = self.states[self.owners[task_id]]
        return task_wire(state, state.tasks[task_id])

    def running(self, name: str) -> list[str]:
        return [
            key
            for key, state in self.states.items()
            if state.definition.name == name and not state.status.is_terminal
        ]

    @answered
    def correlated(
        self, name: str, ids: list[str], include_closed: bool, include_tasks: bool
    ) -> dict[str, list[Wire]]:
        return {
            key: [
                workflow_wire(state, include_tasks)
                for state in self.states.values()
                if state.definition.name == name and state.correlation_id == key
            ]
            for key in ids
        }

    @answered
    def decide(self, workflow_id: str) -> None:
        self._state(workflow_id)

    @answered
    def pause(self, workflow_id: str) -> None:
        state = self._state(workflow_id)
        if state.status.is_terminal:
            raise ConflictError(f"Workflow is in terminal state. Status = {state.status}")
        state.status = WorkflowStatus.PAUSED

    @answered
    def resume(self, workflow_id: str) -> None:
        state = self._state(workflow_id)
        if state.status is not WorkflowStatus.PAUSED:
            raise IllegalStateError(f"The workflow {workflow_id} is not PAUSED.")
        state.status = WorkflowStatus.RUNNING

    @answered
    def reset_callbacks(self, workflow_id: str) -> None:
        status = self._state(workflow_id).status
        if status.is_terminal:
            raise ConflictError(f"Workflow is in terminal state. Status = {status}")

    @answered
    def terminate(self, workflow_id: str, reason: str | None = None) -> None:
        state = self._state(workflow_id)
        if state.status is WorkflowStatus.COMPLETED:
            raise ConflictError("Cannot terminate a COMPLETED workflow.")
        state.status, state.reason_for_incompletion = WorkflowStatus.TERMINATED, reason

    def _ended(self, workflow_id: str, kind: type[EngineError], text: str) -> WorkflowState:
        state = self._state(workflow_id)
        if not state.status.is_terminal:
            raise kind(text + state.status)
        return state

    @answered
    def restart(self, workflow_id: str, use_latest_definitions: bool = False) -> None:
        self._ended(workflow_id, ConflictError, "Not ended: ").status = WorkflowStatus.RUNNING

    @answered
    def retry(self, workflow_id: str, resume_subworkflow_tasks: bool = False) -> None:
        text = "Workflow is still running.  status="
        self._ended(workflow_id, NotFoundError, text).status = WorkflowStatus.RUNNING

    @answered
    def rerun(self, workflow_id: str, request: Wire) -> str:
        self._ended(workflow_id, ConflictError, "Not ended: ").status = WorkflowStatus.RUNNING
        return workflow_id

    @answered
    def remove(self, workflow_id: str, archive: bool = True) -> None:
        state = self._state(workflow_id)
        if archive and not state.status.is_terminal:
            raise InvalidRequestError(f"Cannot archive workflow: {workflow_id}")
        del self.states[workflow_id]

    def search_workflows(
        self, start: int = 0, size: int = 100, sort: str = "", text: str = "*", query: str = ""
    ) -> Wire:
        lines = [
            {"workflowId": key, "workflowType": state.definition.name, "query": query}
            for key, state in self.states.items()
        ]
        return search_result(len(lines), lines[start : start + size])

    def search_tasks(
        self, start: int = 0, size: int = 100, sort: str = "", text: str = "*", query: str = ""
    ) -> Wire:
        lines = [{"taskId": key, "workflowId": owner} for key, owner in self.owners.items()]
        return search_result(len(lines), lines[start : start + size])

    # -- workers
    def poll(
        self,
        task_type: str,
        worker_id: str | None = None,
        domain: str | None = None,
        count: int = 1,
        timeout_ms: int = 100,
    ) -> Future[list[Wire]]:
        future: Future[list[Wire]] = Future()
        with self.lock:
            self.polled[task_type] = {"queueName": task_type, "workerId": worker_id}
            queue = self.queues.get(task_type, [])
            ids, self.queues[task_type] = queue[:count], queue[count:]
            if ids:
                future.set_result([self._hand_out(key, worker_id) for key in ids])
                return future
            entry = (task_type, future)
            self.waiting.append(entry)

        def give_up() -> None:
            with self.lock:
                if entry in self.waiting:
                    self.waiting.remove(entry)
                    if future.set_running_or_notify_cancel():
                        future.set_result([])

        timer = threading.Timer(timeout_ms / 1000, give_up)
        timer.daemon = True
        timer.start()
        return future

    def _update(self, result: Wire) -> tuple[str, str]:
        named = {"taskId": "Task ID", "workflowInstanceId": "Workflow Id"}
        missing = [key for key in named if not result.get(key)]
        if missing:
            problems = [Problem(key, f"{named[key]} cannot be null or empty") for key in missing]
            raise InvalidRequestError("The result names no task.", problems)
        state = self._state(result["workflowInstanceId"])
        task = state.tasks.get(result["taskId"])
        if task is None:
            raise NotFoundError(f"No such task found by id: {result['taskId']}")
        if not task.status.is_terminal and not result.get("extendLease"):
            state.tasks[task.task_id] = msgspec.structs.replace(
                task,
                status=TaskStatus(result["status"]),
                output_data=result.get("outputData", {}),
            )
            if TaskStatus(result["status"]).is_terminal:
                self._schedule(state, task.seq)
        return task.task_id, task.task_type

    @answered
    def update_task(self, result: Wire) -> str:
        return self._update(result)[0]

    @answered
    def update_task_and_poll(self, result: Wire) -> Wire | None:
        _, task_type = self._update(result)
        queue = self.queues.get(task_type, [])
        if result["status"] == "IN_PROGRESS" or not queue:
            return None
        return self._hand_out(queue.pop(0))

    def _open(self, workflow_id: str, reference: str) -> TaskState | None:
        state = self.states.get(workflow_id)
        tasks = state.tasks.values() if state else ()
        for task in tasks:
            if task.reference_task_name == reference and not task.status.is_terminal:
                return task
        return None

    @answered
    def update_task_by_reference(
        self, workflow_id: str, reference: str, status: str, output: Wire, worker: str | None
    ) -> str | None:
        task = self._open(workflow_id, reference)
        if task is None:
            return None
        return self._update(
            {
                "workflowInstanceId": workflow_id,
                "taskId": task.task_id,
                "status": status,
                "outputData": output,
            }
        )[0]

    @answered
    def update_task_by_reference_sync(
        self, workflow_id: str, reference: str, status: str, output: Wire, worker: str | None
    ) -> Wire:
        future = self.update_task_by_reference(workflow_id, reference, status, output, worker)
        if future.result() is None:
            raise NotFoundError(
                f"Found no running task {reference} of workflow {workflow_id} to update"
            )
        return workflow_wire(self._state(workflow_id))

    @answered
    def signal(self, workflow_id: str, status: str, output: Wire) -> None:
        self._state(workflow_id)

    @answered
    def add_log(self, task_id: str, text: str) -> None:
        self.lines.setdefault(task_id, []).append({"log": text, "taskId": task_id})

    def logs(self, task_id: str) -> list[Wire]:
        return self.lines.get(task_id, [])

    def queue_sizes(self, task_types: list[str]) -> dict[str, int]:
        return {name: len(self.queues.get(name, ())) for name in task_types}

    def queue_all(self) -> dict[str, int]:
        return self.queue_sizes(list(self.queues))

    def queue_all_verbose(self) -> Wire:
        return {key: {"a": {"size": len(v), "uacked": 0}} for key, v in self.queues.items()}

    def poll_data(self, task_type: str | None = None) -> list[Wire]:
        return [v for key, v in self.polled.items() if task_type in (None, key)]

    def health(self) -> Wire:
        return {"healthResults": [], "suppressedHealthResults": [], "healthy": self.healthy}


def _now() -> int:
    return int(time.time() * 1000)
