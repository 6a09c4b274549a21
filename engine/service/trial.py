"""Trying a workflow out with mocked task results (``POST /workflow/test``).

Operators run for real; every other task gets the next mock of its reference. Tasks are queued in
a domain of their own, so that no worker takes them.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

from ..core.state import WorkflowState
from ..core.tasks.queued import trial_domain
from ..core.wire import workflow_wire
from .base import Wire

if TYPE_CHECKING:
    from .synchronous import Service

MAX_ROUNDS: Final = 20_000
_OPERATORS: Final = frozenset(
    {
        "JOIN",
        "DO_WHILE",
        "SET_VARIABLE",
        "FORK",
        "INLINE",
        "TERMINATE",
        "DECISION",
        "SWITCH",
        "DYNAMIC",
        "SUB_WORKFLOW",
        "EXCLUSIVE_JOIN",
    }
)


class WorkflowTrial:
    """One trial: start, answer every open task with its mock, give the execution back."""

    def __init__(self, service: Service, request: Wire) -> None:
        """Prepare a trial; nothing runs before ``run``."""
        self._service = service
        self._request = request

    def run(self) -> Wire:
        """The execution when it has ended, or when a task has no mock left. Blocks."""
        start = {
            key: value
            for key, value in self._request.items()
            if key not in ("taskRefToMockOutput", "subWorkflowTestRequest")
        }
        start["taskToDomain"] = {"*": trial_domain(uuid.uuid4().hex)}
        workflow_id = self._service.start_workflow(start, actor="user:test").result(timeout=60)
        self._drive(workflow_id, self._request)
        return workflow_wire(self._state(workflow_id))

    def _state(self, workflow_id: str) -> WorkflowState:
        return self._service.state(workflow_id).result(timeout=60)

    def _drive(self, workflow_id: str, request: Wire) -> None:
        mocks: dict[str, list[Wire]] = {
            reference: list(outputs or ())
            for reference, outputs in (request.get("taskRefToMockOutput") or {}).items()
        }
        children = request.get("subWorkflowTestRequest") or {}
        for _ in range(MAX_ROUNDS):
            state = self._state(workflow_id)
            if state.status.is_terminal or not self._round(state, mocks, children):
                return

    def _round(
        self, state: WorkflowState, mocks: dict[str, list[Wire]], children: dict[str, Any]
    ) -> bool:
        """Answer what can be answered; False when nothing was."""
        for task in sorted(state.open_tasks(), key=lambda t: t.seq):
            if task.task_type == "SUB_WORKFLOW" and task.sub_workflow_id:
                inner = children.get(task.base_reference)
                before = self._state(task.sub_workflow_id).last_event
                if inner:
                    self._drive(task.sub_workflow_id, inner)
                if self._state(task.sub_workflow_id).last_event != before:
                    return True
            if task.task_type in _OPERATORS:
                continue
            waiting = mocks.get(task.reference_task_name) or mocks.get(task.base_reference)
            if not waiting:
                continue
            mock = waiting.pop(0)
            result = {
                "workflowInstanceId": state.workflow_id,
                "taskId": task.task_id,
                "status": mock.get("status") or "COMPLETED",
                "outputData": mock.get("output") or {},
            }
            self._service.update_task(result).result(timeout=60)
            return True
        return False
