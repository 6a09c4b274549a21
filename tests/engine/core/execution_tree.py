"""Builds execution trees from events, folded by the real fold."""

from __future__ import annotations

from typing import Any

from engine.core.apply import fold
from engine.core.definition import compile_definition
from engine.core.events import EventKind, HistoryEvent
from engine.core.state import WorkflowState

START_MS = 1_700_000_000_000


class Execution:
    """One execution: its events so far. Every second of the story is a second of its clock."""

    def __init__(
        self,
        workflow_id: str,
        tasks: list[dict[str, Any]],
        *,
        name: str = "",
        path: str = "",
        actor: str = "user:ana",
        parent: tuple[str, str] | None = None,
        **definition: Any,
    ) -> None:
        self.workflow_id = workflow_id
        self.name = name or workflow_id
        self.path = path or self.name
        self.compiled = compile_definition(
            {"name": self.name, "version": 1, "tasks": tasks, **definition}, "hash"
        )
        self.events: list[HistoryEvent] = []
        self.seconds = 0.0
        self.seq = 0
        self.tasks: dict[str, tuple[str, int, int, str]] = {}
        self.last: dict[str, int] = {}
        self._start = {"actor": actor, "parent": parent}

    def started(self, input: dict[str, Any] | None = None, **data: Any) -> Execution:
        parent = self._start["parent"]
        if parent:
            data |= {"parent_workflow_id": parent[0], "parent_workflow_task_id": parent[1]}
        self.emit(
            EventKind.WORKFLOW_STARTED,
            actor=str(self._start["actor"]),
            definition_hash="hash",
            input=input or {},
            variables=dict(self.compiled.wire.get("variables") or {}),
            **data,
        )
        return self

    def after(self, seconds: float) -> Execution:
        self.seconds += seconds
        return self

    def emit(
        self,
        kind: EventKind,
        task_id: str = "",
        *,
        parent: int = 0,
        actor: str = "engine",
        **data: Any,
    ) -> int:
        reference, attempt, iteration, path = self.tasks.get(task_id, ("", 0, 0, self.path))
        number = len(self.events) + 1
        self.events.append(
            HistoryEvent(
                workflow_id=self.workflow_id,
                number=number,
                kind=kind,
                wall_ms=START_MS + int(self.seconds * 1000),
                parent=parent or self.last.get(task_id, 0),
                actor=actor,
                task_id=task_id,
                reference=reference,
                attempt=attempt,
                iteration=iteration,
                path=path,
                data=data,
            )
        )
        self.last[task_id] = number
        return number

    def scheduled(
        self,
        node: str,
        *,
        attempt: int = 0,
        iteration: int = 0,
        inside: str = "",
        parent: int = 0,
        status: str = "SCHEDULED",
        input: dict[str, Any] | None = None,
        origins: list[dict[str, Any]] | None = None,
        **data: Any,
    ) -> str:
        """Schedule an attempt; ids read ``ref`` or ``ref__3`` with ``#1`` for retries."""
        found = self.compiled.nodes.get(node)
        reference = f"{node}__{iteration}" if iteration else node
        task_id = reference + (f"#{attempt}" if attempt else "") + "@" + self.workflow_id
        self.seq += 1
        path = f"{self.path}/{inside + '/' if inside else ''}{node}"
        self.tasks[task_id] = (reference, attempt, iteration, path)
        kind = found.type if found is not None else "SIMPLE"
        if attempt:
            before = f"#{attempt - 1}" if attempt > 1 else ""
            data["retried_task_id"] = f"{reference}{before}@{self.workflow_id}"
        if found is not None and found.optional:
            data["optional"] = True
        if iteration:
            data["loop_over_task"] = True
        self.emit(
            EventKind.TASK_SCHEDULED,
            task_id,
            parent=parent or self.last.get(data.get("retried_task_id", ""), 0),
            task_type=node if kind == "SIMPLE" else kind,
            task_def_name=node,
            node=node,
            status=status,
            seq=self.seq,
            input=input or {},
            origins=origins or [],
            **data,
        )
        return task_id

    def run(self, node: str, output: dict[str, Any] | None = None, **data: Any) -> str:
        """Schedule, start and complete."""
        task_id = self.scheduled(node, **data)
        self.begun(task_id)
        self.completed(task_id, output)
        return task_id

    def begun(self, task_id: str, worker_id: str = "w-3") -> None:
        self.emit(EventKind.TASK_STARTED, task_id, worker_id=worker_id, actor=f"worker:{worker_id}")

    def completed(self, task_id: str, output: dict[str, Any] | None = None, **data: Any) -> None:
        self.emit(
            EventKind.TASK_COMPLETED, task_id, status="COMPLETED", output=output or {}, **data
        )

    def failed(
        self,
        task_id: str,
        message: str = "amount is negative",
        type: str = "ValueError",
        status: str = "FAILED",
        **data: Any,
    ) -> int:
        error = {"type": type, "message": message, "frames": [{"file": "a.py", "line": 3}]}
        return self.emit(
            EventKind.TASK_FAILED,
            task_id,
            status=status,
            reason=f"{type}: {message}" if type else message,
            error=error if type else None,
            actor="worker:w-3",
            **data,
        )

    def canceled(self, *task_ids: str) -> None:
        for task_id in task_ids:
            self.emit(EventKind.TASK_CANCELED, task_id, status="CANCELED")

    def ended(
        self, status: str, reason: str = "", failed: str = "", actor: str = "engine", **data: Any
    ) -> None:
        self.emit(
            EventKind.WORKFLOW_ENDED,
            actor=actor,
            status=status,
            reason=reason or None,
            failed_task_id=failed,
            **data,
        )

    @property
    def state(self) -> WorkflowState:
        return fold(self.events, lambda _: self.compiled)


def tree(*executions: Execution) -> tuple[dict[str, WorkflowState], dict[str, list[HistoryEvent]]]:
    """States and histories by id, as ``explain_failure`` wants them."""
    return (
        {execution.workflow_id: execution.state for execution in executions},
        {execution.workflow_id: execution.events for execution in executions},
    )


def node(reference: str, kind: str = "SIMPLE", **keys: Any) -> dict[str, Any]:
    """One workflow task."""
    return {"name": reference, "taskReferenceName": reference, "type": kind, **keys}


def moved(path: str, expression: str, task_id: str = "", fallback: bool = False) -> dict[str, Any]:
    """An origin entry as the resolver records it."""
    root, _, below = expression.removeprefix("${").removesuffix("}").partition(".")
    entry: dict[str, Any] = {
        "path": path,
        "expression": expression,
        "source": root,
        "source_task_id": task_id,
        "source_event": 1,
        "source_path": below,
    }
    return entry | ({"fallback": True} if fallback else {})
