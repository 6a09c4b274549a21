"""How an evaluation can end without a value.

::

    EvaluationError          500  EVALUATION_ERROR
    ├─ ExpressionError       the script's own fault: never evaluate it again
    ├─ ExpressionTimeout     it took too long
    └─ EvaluatorCrashed      its process died, twice; the script may be innocent

The text of each is the ``reasonForIncompletion`` that Conductor would show.
"""

from __future__ import annotations

from ..errors import EngineError


class EvaluationError(EngineError):
    """A script gave no value."""

    code = "EVALUATION_ERROR"


class ExpressionError(EvaluationError):
    """A script threw, could not be parsed, or went over a limit of memory or size."""

    code = "EXPRESSION_ERROR"

    def __init__(self, message: str, line: int | None = None, *, text: str | None = None) -> None:
        """An error of a script.

        Args:
            message: What was thrown, e.g. ``ReferenceError: x is not defined``.
            line: Line of the script, from 1; None if a built-in function threw.
            text: The whole reason, where it is not Conductor's sentence for JavaScript.
        """
        where = "" if line is None else f" at line {line}"
        super().__init__(text or f"Error evaluating the script `{message}`{where}")
        self.message = message
        self.line = line


class ExpressionTimeout(EvaluationError):
    """A script was stopped because it ran too long."""

    code = "EXPRESSION_TIMEOUT"

    def __init__(self, seconds: float) -> None:
        """A time-out after so many seconds."""
        super().__init__(f"Script not evaluated within {seconds:g} seconds, interrupted.")
        self.seconds = seconds


class EvaluatorCrashed(EvaluationError):
    """The evaluator process died under a script, and so did the one that tried again."""

    code = "EVALUATOR_CRASHED"
    retryable = True
