"""SET_VARIABLE: write workflow variables."""

from __future__ import annotations

from ...models.codec import dumps
from ...models.enums import TaskStatus
from ..events import EventKind
from ..limits import SIZE_LIMITS
from ..state import TaskState
from ..turn import Turn
from .base import TaskType, complete, fail


class SetVariableTask(TaskType):
    """Puts every key of its input into ``workflow.variables``."""

    name = "SET_VARIABLE"
    summary = "Write workflow variables."
    input_schema = {
        "type": "object",
        "additionalProperties": {"description": "A variable and its value."},
    }
    knows_task_id = False

    def revisit(self, turn: Turn, task: TaskState) -> None:
        """Write and complete; too large a set of variables writes nothing."""
        variables = task.input_data
        size = len(dumps({**turn.state.variables, **variables}))
        limit = SIZE_LIMITS.variables_kilobytes
        if size > limit * 1024:
            reason = (
                f"The variables payload size: {size} of workflow: {turn.state.workflow_id} "
                f"is greater than the permissible limit: {limit} kilobytes"
            )
            fail(turn, task, reason, TaskStatus.FAILED_WITH_TERMINAL_ERROR)
            return
        if variables:
            turn.emit(EventKind.VARIABLES_SET, {"variables": dict(variables)}, task)
        complete(turn, turn.state.tasks[task.task_id])
