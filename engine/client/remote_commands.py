"""Conductor's own routes as methods of the service: definitions, executions, workers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from ..core.tasks.registry import TASK_TYPES
from ..errors import UnsupportedError
from .connection import Connection

Wire = dict[str, Any]


class RemoteCommands:
    """Commands return futures, questions values, as in ``engine.service``."""

    _connection: Connection

    def _do(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        raise NotImplementedError

    def _call(self, method: str, *segments: str, **request: Any) -> Future[Any]:
        return self._do(lambda: self._connection.call(method, *segments, **request))

    # -- definitions ---------------------------------------------------------------------

    def create_workflow_def(self, body: Wire, overwrite: bool = False) -> Future[None]:
        """Register one version of a workflow definition."""
        query = {"overwrite": overwrite}
        return self._call("POST", "metadata", "workflow", query=query, body=body)

    def update_workflow_defs(self, bodies: Sequence[Wire]) -> Future[Wire]:
        """Register or replace several definitions."""
        return self._call("PUT", "metadata", "workflow", body=list(bodies), repeatable=True)

    def validate_workflow_def(self, body: Wire) -> None:
        """Accept a definition silently, or raise ``InvalidDefinitionError``."""
        self._connection.call(
            "POST", "metadata", "workflow", "validate", body=body, repeatable=True
        )

    def workflow_def(self, name: str, version: int | None = None) -> Wire:
        """One version of a definition; the highest without one."""
        return dict(self._connection.get("metadata", "workflow", name, version=version))

    def workflow_defs(self) -> list[Wire]:
        """Every version of every definition."""
        return list(self._connection.get("metadata", "workflow") or ())

    def delete_workflow_def(self, name: str, version: int) -> Future[None]:
        """Delete one version."""
        return self._call("DELETE", "metadata", "workflow", name, str(version))

    def create_task_defs(self, bodies: Sequence[Wire]) -> Future[None]:
        """Insert or replace task definitions."""
        return self._call("POST", "metadata", "taskdefs", body=list(bodies), repeatable=True)

    def task_def(self, name: str) -> Wire:
        """One task definition."""
        return dict(self._connection.get("metadata", "taskdefs", name))

    def task_defs(self) -> list[Wire]:
        """Every task definition."""
        return list(self._connection.get("metadata", "taskdefs") or ())

    def delete_task_def(self, name: str) -> Future[None]:
        """Delete one task definition."""
        return self._call("DELETE", "metadata", "taskdefs", name)

    # -- executions ----------------------------------------------------------------------

    def start_workflow(self, request: Wire, actor: str | None = None) -> Future[str]:
        """Start an execution; resolves to its id. The server knows who asks by the log-in."""
        return self._call("POST", "workflow", body=request)

    def workflow(self, workflow_id: str, include_tasks: bool = True) -> Future[Wire]:
        """An execution on the wire."""
        return self._do(
            lambda: self._connection.get("workflow", workflow_id, includeTasks=include_tasks)
        )

    def workflow_status(
        self, workflow_id: str, include_output: bool = False, include_variables: bool = False
    ) -> Future[Wire]:
        """Status of an execution."""
        query = {"includeOutput": include_output, "includeVariables": include_variables}
        return self._do(lambda: self._connection.get("workflow", workflow_id, "status", **query))

    def workflow_tasks(
        self, workflow_id: str, start: int = 0, count: int = 15, statuses: Sequence[str] = ()
    ) -> Future[Wire]:
        """One page of an execution's tasks."""
        query = {"start": start, "count": count, "status": list(statuses) or None}
        return self._do(lambda: self._connection.get("workflow", workflow_id, "tasks", **query))

    def task(self, task_id: str) -> Future[Wire]:
        """One task by its id."""
        return self._do(lambda: self._connection.get("tasks", task_id))

    def running(self, name: str) -> list[str]:
        """Ids of the open executions of a definition."""
        return list(self._connection.get("workflow", "running", name) or ())

    def search_workflows(
        self, start: int = 0, size: int = 100, sort: str = "", free_text: str = "*", query: str = ""
    ) -> Wire:
        """A page of execution summaries in Conductor's grammar."""
        return self._search("workflow", start, size, sort, free_text, query)

    def search_tasks(
        self, start: int = 0, size: int = 100, sort: str = "", free_text: str = "*", query: str = ""
    ) -> Wire:
        """A page of task summaries in Conductor's grammar."""
        return self._search("tasks", start, size, sort, free_text, query)

    def _search(
        self, what: str, start: int, size: int, sort: str, free_text: str, query: str
    ) -> Wire:
        asked = {"start": start, "size": size, "freeText": free_text}
        asked |= {key: text for key, text in (("sort", sort), ("query", query)) if text}
        return dict(self._connection.get(what, "search", **asked))

    def pause(self, workflow_id: str) -> Future[None]:
        """Stop scheduling in an execution."""
        return self._call("PUT", "workflow", workflow_id, "pause")

    def resume(self, workflow_id: str) -> Future[None]:
        """Go on after a pause."""
        return self._call("PUT", "workflow", workflow_id, "resume")

    def terminate(self, workflow_id: str, reason: str | None = None) -> Future[None]:
        """End an execution as TERMINATED."""
        return self._call("DELETE", "workflow", workflow_id, query={"reason": reason})

    def restart(self, workflow_id: str, use_latest_definitions: bool = False) -> Future[None]:
        """Start an ended execution over."""
        query = {"useLatestDefinitions": use_latest_definitions}
        return self._call("POST", "workflow", workflow_id, "restart", query=query)

    def retry(self, workflow_id: str, resume_subworkflow_tasks: bool = False) -> Future[None]:
        """Attempt the failed tasks of an ended execution again."""
        query = {"resumeSubworkflowTasks": resume_subworkflow_tasks}
        return self._call("POST", "workflow", workflow_id, "retry", query=query)

    def rerun(self, workflow_id: str, request: Wire) -> Future[str]:
        """Run an ended execution again from one of its tasks, or from the start."""
        return self._call("POST", "workflow", workflow_id, "rerun", body=request)

    def remove(self, workflow_id: str, archive: bool = True) -> Future[None]:
        """Delete an execution."""
        query = {"archiveWorkflow": archive}
        return self._call("DELETE", "workflow", workflow_id, "remove", query=query)

    def decide(self, workflow_id: str) -> Future[None]:
        """Look at an execution now."""
        return self._call("PUT", "workflow", "decide", workflow_id, repeatable=True)

    def reset_callbacks(self, workflow_id: str) -> Future[None]:
        """Make tasks that wait for a callback available at once."""
        return self._call("POST", "workflow", workflow_id, "resetcallbacks")

    def skip_task(
        self,
        workflow_id: str,
        reference: str,
        task_input: Wire | None = None,
        task_output: Wire | None = None,
    ) -> Future[None]:
        """Let the flow pass over a task that has not been created yet."""
        # Conductor reads both from the query; values in there can only be texts.
        query = {f"taskInput[{key}]": value for key, value in (task_input or {}).items()}
        query |= {f"taskOutput[{key}]": value for key, value in (task_output or {}).items()}
        return self._call("PUT", "workflow", workflow_id, "skiptask", reference, query=query)

    # -- workers -------------------------------------------------------------------------

    def poll(
        self,
        task_type: str,
        worker_id: str | None = None,
        domain: str | None = None,
        count: int = 1,
        timeout_ms: int = 100,
    ) -> Future[list[Wire]]:
        """Up to ``count`` tasks; waits for the first one for ``timeout_ms``."""
        query = {"workerid": worker_id, "domain": domain, "count": count, "timeout": timeout_ms}

        def poll() -> list[Wire]:
            # Never repeated: tasks handed out in a lost answer wait for their response time-out.
            found = self._connection.call(
                "GET",
                "tasks",
                "poll",
                "batch",
                task_type,
                query=query,
                wait_seconds=timeout_ms / 1000,
            )
            return list(found or ())

        return self._do(poll)

    def update_task(self, result: Wire, error: Wire | None = None) -> Future[str]:
        """Apply a worker's result. Repeating it changes nothing: the first one counts.

        Args:
            result: A TaskResult.
            error: What the function raised; servers that don't know the key pass over it.
        """
        body = result if error is None else {**result, "error": error}
        return self._call("POST", "tasks", body=body, repeatable=True)

    def update_task_by_reference(
        self,
        workflow_id: str,
        reference: str,
        status: str,
        output: Wire,
        worker_id: str | None = None,
    ) -> Future[str | None]:
        """Complete the first open task of a reference; None when there is none."""
        query = {"workerid": worker_id}
        path = ("tasks", workflow_id, reference, status)
        return self._call("POST", *path, query=query, body=output)

    def signal(self, workflow_id: str, status: str, output: Wire) -> Future[None]:
        """Complete the first open WAIT of an execution or of its running children."""
        return self._call("POST", "tasks", workflow_id, status, "signal", body=output)

    def push_message(self, workflow_id: str, payload: Wire) -> Future[str]:
        """Put a message into the queue of an execution."""
        return self._call("POST", "workflow", workflow_id, "messages", body=payload)

    def task_types(self) -> list[Wire]:
        """What a palette shows of each task type; of a plain cluster, those we know."""
        try:
            return list(self._connection.get("metadata", "tasktypes"))
        except UnsupportedError:
            return [TASK_TYPES[name].described() for name in sorted(TASK_TYPES)]

    def add_log(self, task_id: str, text: str) -> Future[None]:
        """Add a log line to a task."""
        return self._call("POST", "tasks", task_id, "log", body=text.encode())

    def logs(self, task_id: str) -> list[Wire]:
        """Log lines of a task, oldest first."""
        return list(self._connection.get("tasks", task_id, "log") or ())

    def queue_sizes(self, task_types: Sequence[str]) -> dict[str, int]:
        """Waiting tasks by queue name, 0 for unknown ones."""
        if not task_types:
            return {}
        query = {"taskType": list(task_types)}
        return dict(self._connection.get("tasks", "queue", "sizes", **query))

    def queue_all(self) -> dict[str, int]:
        """Waiting tasks of every queue."""
        return dict(self._connection.get("tasks", "queue", "all") or {})

    def pending_tasks(self, task_type: str, start: int = 0, count: int = 100) -> Future[list[Wire]]:
        """Tasks of a type that have not ended, oldest first."""
        query = {"start": start, "count": count}
        return self._call("GET", "admin", "task", task_type, query=query, repeatable=True)

    def poll_data(self, task_type: str | None = None) -> list[Wire]:
        """Who polled last for what, and when."""
        if task_type is None:
            return list(self._connection.get("tasks", "queue", "polldata", "all") or ())
        return list(self._connection.get("tasks", "queue", "polldata", taskType=task_type) or ())

    # -- the server ----------------------------------------------------------------------

    def health(self) -> Wire:
        """Whether the server takes commands, in Conductor's shape. Asked once, at once.

        Raises:
            UnavailableError: It can't be reached.
            UnsupportedError: It does not tell.
        """
        return self._connection.report("health", mark="healthy")
