"""Scripts between the decider and the evaluator processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from ..core.expressions import substitute_secrets
from ..core.turn import EvaluationRequest
from ..evaluators import EvaluatorPool, ExpressionError, ExpressionTimeout, wants_truth
from .vault import hidden

Report = Callable[[str, EvaluationRequest, dict[str, Any]], None]
"""Called with (workflow id, request, outcome) when a script has ended; any thread."""


class Evaluations:
    """Runs scripts that turns ask for and reports what came of them."""

    def __init__(self, pool: EvaluatorPool, report: Report, secrets: Mapping[str, str]) -> None:
        """Scripts run in ``pool``; ``report`` is how the decider hears of the outcome.

        ``secrets`` are filled into what a script is given, and into nothing that is recorded.
        """
        self._pool = pool
        self._secrets = secrets
        self._report = report

    def begin(self, workflow_id: str, request: EvaluationRequest) -> None:
        """Start a script. Returns at once."""
        is_condition = request.evaluator == "condition"
        evaluator = (
            "javascript" if is_condition or request.evaluator == "graaljs" else request.evaluator
        )
        try:
            given = substitute_secrets(request.input, self._secrets)
            if evaluator == "jq":
                given = _in_order(given)
            future = self._pool.submit(evaluator, request.source, given)
        except Exception as error:  # a refused script is an outcome like any other
            self._report(workflow_id, request, _failure(error))
            return

        def done(finished: Future[Any]) -> None:
            error = finished.exception()
            if error is not None:
                outcome = _failure(error)
            else:
                value = finished.result()
                outcome = {"result": wants_truth(value) if is_condition else value}
            if given is not request.input:  # it was given secrets
                outcome = hidden(outcome, self._secrets)
            self._report(workflow_id, request, outcome)

        future.add_done_callback(done)


def _in_order(value: Any) -> Any:
    """Objects with sorted keys, so that what a jq program lists does not hang on their history."""
    if isinstance(value, dict):
        return {key: _in_order(value[key]) for key in sorted(value)}
    return [_in_order(item) for item in value] if isinstance(value, list) else value


def _failure(error: BaseException) -> dict[str, Any]:
    kind = "error"
    if isinstance(error, ExpressionTimeout):
        kind = "timeout"
    elif not isinstance(error, ExpressionError):
        kind = "crash"
    return {"error": {"message": str(error), "kind": kind}}
