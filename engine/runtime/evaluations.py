"""Scripts between the decider and the evaluator processes."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, Final

from ..core.expressions import substitute_secrets
from ..core.turn import EvaluationRequest
from ..evaluators import EvaluatorPool, ExpressionError, ExpressionTimeout, wants_truth
from ..store.faults import fault_point
from .faults import SCRIPT_BEGUN, SCRIPT_ENDED
from .vault import hidden

SCRIPTS_AT_ONCE: Final = 2
"""Scripts of one execution in the pool at once."""
_QUICK_SECONDS: Final = 0.25

Report = Callable[[str, EvaluationRequest, dict[str, Any]], None]
"""Called with (workflow id, request, outcome) when a script has ended; any thread."""


class _Share:
    """What one execution has in the pool, and what waits before it."""

    __slots__ = ("at_work", "most", "waiting")

    def __init__(self) -> None:
        self.at_work = 0
        self.most = 1
        self.waiting: deque[EvaluationRequest] = deque()


class Evaluations:
    """Runs scripts that turns ask for and reports what came of them."""

    def __init__(self, pool: EvaluatorPool, report: Report, secrets: Mapping[str, str]) -> None:
        """Scripts run in ``pool``; ``report`` is how the decider hears of the outcome.

        ``secrets`` are filled into what a script is given, and into nothing that is recorded.
        """
        self._pool = pool
        self._lock = threading.Lock()
        self._shares: dict[str, _Share] = {}
        self._secrets = secrets
        self._report = report

    def begin(self, workflow_id: str, request: EvaluationRequest) -> None:
        """Start a script, or have it wait for others of its execution. Returns at once.

        An execution has one script in the pool, or ``SCRIPTS_AT_ONCE`` once one has ended quickly:
        one with a thousand endless scripts leaves room for those of others.
        """
        with self._lock:
            share = self._shares.setdefault(workflow_id, _Share())
            if share.at_work >= share.most:
                share.waiting.append(request)
                return
            share.at_work += 1
        self._run(workflow_id, request)

    def _ended(self, workflow_id: str, seconds: float) -> None:
        """A script of an execution has ended: others of it may begin."""
        following = []
        with self._lock:
            share = self._shares[workflow_id]
            share.at_work -= 1
            share.most = SCRIPTS_AT_ONCE if seconds < _QUICK_SECONDS else 1
            while share.waiting and share.at_work < share.most:
                share.at_work += 1
                following.append(share.waiting.popleft())
            if not share.at_work:
                del self._shares[workflow_id]
        for request in following:
            self._run(workflow_id, request)

    def _run(self, workflow_id: str, request: EvaluationRequest) -> None:
        begun = time.monotonic()
        is_condition = request.evaluator == "condition"
        evaluator = (
            "javascript" if is_condition or request.evaluator == "graaljs" else request.evaluator
        )
        try:
            given = substitute_secrets(request.input, self._secrets)
            if evaluator == "jq":
                given = _in_order(given)
            future = self._pool.submit(evaluator, request.source, given)
            fault_point(SCRIPT_BEGUN)
        except Exception as error:  # a refused script is an outcome like any other
            self._report(workflow_id, request, _failure(error))
            self._ended(workflow_id, time.monotonic() - begun)
            return

        def done(finished: Future[Any]) -> None:
            fault_point(SCRIPT_ENDED)
            error = finished.exception()
            if error is not None:
                outcome = _failure(error)
            else:
                value = finished.result()
                outcome = {"result": wants_truth(value) if is_condition else value}
            if given is not request.input:  # it was given secrets
                outcome = hidden(outcome, self._secrets)
            self._report(workflow_id, request, outcome)
            self._ended(workflow_id, time.monotonic() - begun)

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
