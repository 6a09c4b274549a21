"""INLINE and LAMBDA: small scripts whose value becomes the output (semantics reference §5.4)."""

from __future__ import annotations

from typing import Any

from ...models.enums import TaskStatus
from ..state import TaskState
from ..turn import Turn
from .base import TaskType, complete, fail, outcome_of

_TERMINAL = TaskStatus.FAILED_WITH_TERMINAL_ERROR
_EMPTY = "A non-empty String value must be provided."


class InlineTask(TaskType):
    """Evaluates ``expression`` with the task's input as ``$``."""

    name = "INLINE"
    summary = "Compute a value with a short script."
    output = "`result`: the value of the expression."
    input_schema = {
        "type": "object",
        "required": ["expression"],
        "properties": {
            "evaluatorType": {
                "type": "string",
                "enum": ["javascript", "graaljs", "python", "value-param"],
                "description": "JavaScript by default; python needs the extra `python`; "
                "value-param takes the expression for the name of an input key.",
            },
            "expression": {"type": "string", "description": "The script; `$` is the input."},
        },
    }
    uses_input_template = True

    def revisit(self, turn: Turn, task: TaskState) -> None:
        """Complete with the script's value as ``result``, or fail with its error."""
        evaluator = task.input_data.get("evaluatorType", "javascript")
        source = task.input_data.get("expression")
        if not isinstance(evaluator, str) or not evaluator.strip():
            self._refuse(
                turn, task, f"Empty 'evaluatorType' in INLINE task's input parameters. {_EMPTY}"
            )
        elif not isinstance(source, str) or not source.strip():
            self._refuse(
                turn, task, f"Empty 'expression' in Inline task's input parameters. {_EMPTY}"
            )
        elif evaluator == "value-param":
            complete(turn, task, {"result": task.input_data.get(source)})
        elif evaluator not in ("javascript", "graaljs", "python"):
            self._refuse(turn, task, f"Unknown evaluator '{evaluator}' in INLINE task.")
        else:
            self._evaluate(turn, task, evaluator, source)

    def _evaluate(self, turn: Turn, task: TaskState, evaluator: str, source: str) -> None:
        outcome = outcome_of(turn, task, evaluator, source, task.input_data)
        if outcome is None:
            return
        if "error" not in outcome:
            complete(turn, task, {"result": outcome.get("result")}, evaluation=task.task_id)
            return
        error = outcome["error"]
        status = TaskStatus.FAILED if error.get("kind") == "timeout" else _TERMINAL
        message = error["message"]
        fail(turn, task, message, status, {"error": message}, evaluation=task.task_id)

    def _refuse(self, turn: Turn, task: TaskState, message: str) -> None:
        fail(turn, task, message, _TERMINAL, {"error": message})


class LambdaTask(TaskType):
    """Conductor's older INLINE: ``scriptExpression`` as the body of a function."""

    name = "LAMBDA"
    summary = "Compute a value with a short script (older form of INLINE)."
    output = "`result`: what the function returns."
    input_schema = {
        "type": "object",
        "required": ["scriptExpression"],
        "properties": {
            "scriptExpression": {
                "type": "string",
                "description": "Body of a JavaScript function; `$` is the input.",
            }
        },
    }
    uses_input_template = True

    def revisit(self, turn: Turn, task: TaskState) -> None:
        """Complete with the function's value as ``result``, or fail with its error."""
        source: Any = task.input_data.get("scriptExpression")
        if not isinstance(source, str) or not source.strip():
            message = f"Empty 'scriptExpression' in Lambda task's input parameters. {_EMPTY}"
            fail(turn, task, message, output={"error": message})
            return
        body = f"(function(){{{source}\n}})()"
        outcome = outcome_of(turn, task, "javascript", body, task.input_data)
        if outcome is None:
            return
        if "error" in outcome:
            message = outcome["error"]["message"]
            fail(turn, task, message, output={"error": message}, evaluation=task.task_id)
        else:
            complete(turn, task, {"result": outcome.get("result")}, evaluation=task.task_id)
