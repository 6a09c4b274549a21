"""Scripts between the decider and the evaluator processes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from ..core.turn import EvaluationRequest
from ..evaluators import EvaluatorPool, ExpressionError, ExpressionTimeout, wants_truth

Report = Callable[[str, str, dict[str, Any]], None]
"""Called with (workflow id, key, outcome) when a script has ended; any thread."""


class Evaluations:
    """Runs scripts that turns ask for and reports what came of them."""

    def __init__(self, pool: EvaluatorPool, report: Report) -> None:
        """Scripts run in ``pool``; ``report`` is how the decider hears of the outcome."""
        self._pool = pool
        self._report = report

    def begin(self, workflow_id: str, request: EvaluationRequest) -> None:
        """Start a script. Returns at once."""
        is_condition = request.evaluator == "condition"
        evaluator = (
            "javascript" if is_condition or request.evaluator == "graaljs" else request.evaluator
        )
        try:
            future = self._pool.submit(evaluator, request.source, request.input)
        except Exception as error:  # a refused script is an outcome like any other
            self._report(workflow_id, request.key, _failure(error))
            return

        def done(finished: Future[Any]) -> None:
            error = finished.exception()
            if error is not None:
                outcome = _failure(error)
            else:
                value = finished.result()
                outcome = {"result": wants_truth(value) if is_condition else value}
            self._report(workflow_id, request.key, outcome)

        future.add_done_callback(done)


def _failure(error: BaseException) -> dict[str, Any]:
    kind = "error"
    if isinstance(error, ExpressionTimeout):
        kind = "timeout"
    elif not isinstance(error, ExpressionError):
        kind = "crash"
    return {"error": {"message": str(error), "kind": kind}}
