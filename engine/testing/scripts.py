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
    return _valued(evaluator, source, _cached(source, json.dumps(value)))


def evaluate_pure(evaluator: str, source: str, value: Any) -> Any:
    """The same, fifty times as fast, for JavaScript that sets no globals: a realm serves it again.

    Raises:
        ExpressionError: What the script threw.
    """
    if evaluator in ("jq", "json-schema"):
        return evaluate(evaluator, source, value)
    return _valued(evaluator, source, _realm(source)(source, json.dumps(value)))


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
    answer = _new_realm()(source, given)
    assert isinstance(answer, str)
    return answer


@lru_cache(maxsize=64)
def _realm(source: str) -> Callable[[str, str], Any]:
    return _new_realm()


def _new_realm() -> Callable[[str, str], Any]:
    import quickjs

    realm: Callable[[str, str], Any] = quickjs.Context().eval(PRELUDE)
    return realm


def _valued(evaluator: str, source: str, text: str) -> Any:
    answer = json.loads(text)
    if "value" in answer:
        return wants_truth(answer["value"]) if evaluator == "condition" else answer["value"]
    error = answer["error"]
    raise ExpressionError(*script_error(error["message"], error["stack"], error["made"], source))
