"""Scripts run in this process at once, for tests that must not wait for another one.

Only for scripts that a test wrote itself: nothing here limits time or memory. What comes out is
what ``engine.evaluators`` would say.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from ..evaluators import wants_truth
from ..evaluators.errors import ExpressionError
from ..evaluators.javascript_realm import PRELUDE
from ..evaluators.jq_programs import with_whole_numbers
from ..evaluators.process import SchemaLane
from ..evaluators.wording import script_error

Evaluator = Callable[[str, str, Any], Any]
"""(evaluator, source, input) to the value; an exception is the script's error."""


def evaluate(evaluator: str, source: str, value: Any) -> Any:
    """Return the value of a script over ``value``.

    Raises:
        ExpressionError: What the script threw.
    """
    if evaluator == "jq":
        return with_whole_numbers(_jq_program(source).input_value(value).all())
    if evaluator == "json-schema":
        return _problems(source, value)
    result = _javascript(source, json.dumps(value))
    return wants_truth(result) if evaluator == "condition" else result


@lru_cache(maxsize=256)
def _jq_program(source: str) -> Any:
    import jq

    return jq.compile(source)


def _problems(schema: str, value: Any) -> Any:
    letter, text = SchemaLane().run(schema, json.dumps(value))
    if letter != b"J":
        raise ExpressionError(text, text=text)
    return json.loads(text)


def outcome_of(evaluator: Evaluator, kind: str, source: str, value: Any) -> dict[str, Any]:
    """What the decider is told: ``{"result": …}`` or ``{"error": {"message", "kind"}}``."""
    try:
        return {"result": evaluator(kind, source, value)}
    except Exception as error:
        return {"error": {"message": str(error), "kind": "error"}}


@lru_cache(maxsize=4096)
def _cached(source: str, given: str) -> str:
    import quickjs

    context = quickjs.Context()
    answer = context.eval(PRELUDE)(source, given)
    assert isinstance(answer, str)
    return answer


def _javascript(source: str, given: str) -> Any:
    answer = json.loads(_cached(source, given))
    if "value" in answer:
        return answer["value"]
    error = answer["error"]
    raise ExpressionError(*script_error(error["message"], error["stack"], error["made"], source))
