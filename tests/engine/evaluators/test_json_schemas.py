"""JSON Schemas applied in an evaluator process: what they say, and what they can't do."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from engine.core.turn import EvaluationRequest
from engine.evaluators import EvaluatorPool, ExpressionError, ExpressionTimeout
from engine.evaluators.syntax import check_json_schema
from engine.runtime.evaluations import Evaluations


def problems(pool: EvaluatorPool, schema: dict[str, Any], value: Any) -> Any:
    return pool.submit("json-schema", json.dumps(schema), value).result(30)


def test_problems_name_where_and_what(pool: EvaluatorPool) -> None:
    schema = {"properties": {"a": {"items": {"type": "number"}}}, "required": ["b"]}
    assert problems(pool, schema, {"a": [1, 2], "b": 0}) == []
    assert problems(pool, schema, {"a": [1, "x"]}) == [
        [[], "required", {"property": "b"}],
        [["a", 1], "type", {"types": ["number"]}],
    ]


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9/x.json", "file:///etc/passwd", "other.json"]
)
def test_reference_to_another_document_is_refused(pool: EvaluatorPool, address: str) -> None:
    with pytest.raises(ExpressionError, match="is not present in a registry"):
        problems(pool, {"$ref": address}, {})
    fault = check_json_schema({"$ref": address})
    assert fault is not None
    assert "is not present in a registry" in fault


@pytest.mark.parametrize(
    ("schema", "fault"),
    [
        ({"type": "nonsense"}, "nonsense"),
        ({"pattern": "("}, "regex"),
        ({"pattern": "(?=x)"}, "regex"),
        ({"$schema": "http://nowhere/x"}, "meta-schema"),
        ({"$ref": "#/$defs/none"}, "does not exist"),
    ],
)
def test_what_is_no_schema_is_said_before_it_is_used(schema: dict[str, Any], fault: str) -> None:
    said = check_json_schema(schema)
    assert said is not None
    assert fault in said


@pytest.mark.parametrize("draft", ["draft-04", "draft-06", "draft-07"])
def test_older_drafts_are_understood(pool: EvaluatorPool, draft: str) -> None:
    schema = {"$schema": f"http://json-schema.org/{draft}/schema#", "type": "object"}
    assert problems(pool, schema, {}) == []
    assert len(problems(pool, schema, [])) == 1


def test_pattern_that_backtracks_elsewhere_is_quick(pool: EvaluatorPool) -> None:
    found = problems(pool, {"pattern": "^(a+)+$"}, "a" * 5000 + "b")
    assert found == [[[], "pattern", {"pattern": "^(a+)+$"}]]


def test_schema_that_never_ends_is_cut_and_the_next_one_works() -> None:
    doubling: dict[str, Any] = {"$defs": {"a0": {"type": "integer"}}, "$ref": "#/$defs/a40"}
    for n in range(1, 41):
        twice = [{"$ref": f"#/$defs/a{n - 1}"}] * 2
        doubling["$defs"][f"a{n}"] = {"anyOf": twice}
    pool = EvaluatorPool(size=1, wall_seconds=0.5)
    try:
        with pytest.raises(ExpressionTimeout):
            problems(pool, doubling, "x")
        assert problems(pool, {"type": "string"}, "x") == []
    finally:
        pool.close()


def test_payload_as_large_as_a_task_may_put_out_is_checked(pool: EvaluatorPool) -> None:
    value = {"rows": ["x" * 100] * 90_000}
    assert problems(pool, {"properties": {"rows": {"maxItems": 10}}}, value) == [
        [["rows"], "maxItems", {"limit": 10}]
    ]


def test_secrets_are_filled_in_for_the_check_and_nowhere_else(pool: EvaluatorPool) -> None:
    told: list[dict[str, Any]] = []
    done = threading.Event()

    def report(workflow_id: str, request: EvaluationRequest, outcome: dict[str, Any]) -> None:
        told.append(outcome)
        done.set()

    schema = json.dumps({"properties": {"key": {"const": "sk-1"}, "n": {"type": "string"}}})
    given = {"key": "${workflow.secrets.KEY}", "n": 1}
    evaluations = Evaluations(pool, report, {"KEY": "sk-1"})
    evaluations.begin("w", EvaluationRequest("k", "json-schema", schema, given))
    assert done.wait(30)
    assert told == [{"result": [[["n"], "type", {"types": ["string"]}]]}]
