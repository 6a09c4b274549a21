"""JSON_JQ_TRANSFORM: reshape the task's input with a jq program (semantics reference §5.5)."""

from __future__ import annotations

import re
from typing import Final

from ..state import TaskState
from ..turn import Turn
from .base import TaskType, complete, fail, outcome_of

_SHOWN_VALUE: Final = re.compile(r"^(Cannot iterate over \w+) \(.*\)$", re.S)
_SHOWN_KEY: Final = re.compile(r"^(Cannot index \w+ with string) \((\".*\")\)$", re.S)


class JsonJqTransformTask(TaskType):
    """Runs ``queryExpression`` over the whole input."""

    name = "JSON_JQ_TRANSFORM"
    summary = "Reshape data with a jq program."
    output = "`result`: the first result of the program; `resultList`: all of them."
    input_schema = {
        "type": "object",
        "required": ["queryExpression"],
        "properties": {
            "queryExpression": {"type": "string", "description": "Over the whole input."}
        },
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
            message = _worded(outcome["error"]["message"])
            fail(turn, task, message, output={"error": message}, evaluation=task.task_id)
            return
        results = outcome.get("result") or []
        first = results[0] if results else None
        complete(turn, task, {"result": first, "resultList": results}, evaluation=task.task_id)


def _worded(message: str) -> str:
    """jq's message as Conductor's jq words it: without the value it stumbled over."""
    message = _SHOWN_VALUE.sub(r"\1", message)
    return _SHOWN_KEY.sub(r"\1 \2", message)
