"""JSON_JQ_TRANSFORM: reshape the task's input with a jq program (semantics reference §5.5)."""

from __future__ import annotations

from ..state import TaskState
from ..turn import Turn
from .base import TaskType, complete, fail, outcome_of


class JsonJqTransformTask(TaskType):
    """Runs ``queryExpression`` over the whole input."""

    name = "JSON_JQ_TRANSFORM"
    summary = "Reshape data with a jq program."
    input_schema = {
        "type": "object",
        "required": ["queryExpression"],
        "properties": {"queryExpression": {"type": "string"}},
    }
    uses_input_template = True

    def revisit(self, turn: Turn, task: TaskState) -> None:
        """Complete with the first result and the list of all, or fail with jq's message."""
        source = task.input_data.get("queryExpression")
        if not isinstance(source, str) or not source:
            fail(turn, task, "Missing 'queryExpression' in input parameters")
            return
        outcome = outcome_of(turn, task, "jq", source, task.input_data)
        if outcome is None:
            return
        if "error" in outcome:
            message = outcome["error"]["message"]
            fail(turn, task, message, output={"error": message}, evaluation=task.task_id)
            return
        results = outcome.get("result") or []
        first = results[0] if results else None
        complete(turn, task, {"result": first, "resultList": results}, evaluation=task.task_id)
