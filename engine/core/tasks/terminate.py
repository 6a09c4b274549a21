"""TERMINATE: end the execution with a status of the author's choice."""

from __future__ import annotations

from ..state import TaskState
from ..turn import Turn
from .base import TaskType, complete, fail


class TerminateTask(TaskType):
    """Ends the execution; what it does to the rest is in ``core.ending``."""

    name = "TERMINATE"
    summary = "End the execution as completed, failed or terminated."
    output = "`workflowOutput`, which becomes the execution's output."
    input_schema = {
        "type": "object",
        "required": ["terminationStatus"],
        "properties": {
            "terminationStatus": {"enum": ["COMPLETED", "FAILED", "TERMINATED"]},
            "terminationReason": {"type": "string"},
            "workflowOutput": {"description": "Output of the execution."},
        },
    }

    def revisit(self, turn: Turn, task: TaskState) -> None:
        """Complete with the execution's output; an unknown status fails the record."""
        if task.input_data.get("terminationStatus") not in ("COMPLETED", "FAILED", "TERMINATED"):
            fail(turn, task, "given termination status is not valid")
            return
        output = task.input_data.get("workflowOutput")
        if output is None:
            complete(turn, task, {})
        else:
            complete(turn, task, dict(output) if isinstance(output, dict) else {"output": output})
