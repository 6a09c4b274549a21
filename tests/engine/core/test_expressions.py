"""How ``${…}`` becomes a value, and where the value is said to come from."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from engine.core.expressions import (
    apply_input_template,
    expressions_in,
    java_text,
    resolve,
    substitute_secrets,
)


class OneExecution:
    """A scope with two finished tasks, ``price`` (events up to 9) and ``pick`` (up to 12)."""

    def __init__(self, document: dict[str, Any], task_id: str | None = "task-1") -> None:
        self.document: Mapping[str, Any] = document
        self.environment: Mapping[str, str] = {"COLOUR": "blue", "JSON": '{"a": {"b": [1, 2]}}'}
        self.task_id = task_id

    def source_of(self, root: str) -> tuple[str | None, int]:
        known = {"price": ("task-price", 9), "pick": ("task-pick", 12), "workflow": ("", 1)}
        return {**known, "workflow.variables.v": ("task-set", 5)}.get(root, (None, 0))


INPUT = {
    "x": 1,
    "text": "hi",
    "none": None,
    "key": "k2",
    "i": 1,
    "map": {"k1": "one", "k2": {"two": 2}},
    "evil": "${workflow.input.x}",
    "escaped": "$${y}",
    "kind": "secrets",
}
DOCUMENT = {
    "workflow": {"input": INPUT, "variables": {"v": [1, {"w": 2}]}, "status": "RUNNING"},
    "price": {"output": {"total": 12.5, "list": [10, 20, 30], "all": [{"n": 1}, {"n": 2}]}},
    "pick": {"output": {"which": "list", "empty": ""}},
}


def resolved(template: Any, task_id: str | None = "task-1") -> Any:
    return resolve(template, OneExecution(DOCUMENT, task_id)).value


def origins_of(template: Any) -> list[dict[str, Any]]:
    return resolve(template, OneExecution(DOCUMENT)).origins


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        # whole values keep their type
        ("${price.output.total}", 12.5),
        ("${price.output.list}", [10, 20, 30]),
        ("${workflow.input.map}", INPUT["map"]),
        ("${workflow.input.none}", None),
        ("${workflow.input.nothing}", None),
        ("${nobody.output.x}", None),
        ("${price.output.all[*].n}", [1, 2]),
        ("${price.output.all[?(@.n > 5)]}", []),
        ("${pick.output.empty}", ""),
        # inside longer text they are Java text
        ("<${price.output.total}>", "<12.5>"),
        ("${workflow.input.text}-${workflow.input.x}", "hi-1"),
        ("${workflow.input.text}${workflow.input.x}", "hi1"),
        ("<${workflow.input.map}>", "<{k1=one, k2={two=2}}>"),
        ("<${workflow.input.none}>", "<null>"),
        ("<${workflow.input.nothing}>", "<null>"),
        ("<${price.output.list}>", "<[10, 20, 30]>"),
        ("<${price.output.all[*].n}>", "<[1,2]>"),
        ("<${price.output.all[?(@.n > 5)]}>", "<[]>"),
        ("<${price.output.list.max()} ${price.output.list.length()}>", "<30.0 3>"),
        # nesting
        ("${workflow.input.map.${workflow.input.key}}", {"two": 2}),
        ("${price.output.list[${workflow.input.i}]}", 20),
        ("${price.output.${pick.output.which}}", [10, 20, 30]),
        ("<${workflow.input.map.${workflow.input.none}}>", "<null>"),
        ("${price.output.all[?(@.n == ${workflow.input.i})].n}", [1]),
        ("${workflow.input.${workflow.input.${workflow.input.key}}}", None),
        # blanks
        ("${}", ""),
        ("${  }", ""),
        ("<${}>", "<>"),
        ("${price.output.total }", 12.5),
        ("${ price.output.total}", None),
        # escapes and literals
        ("$${workflow.input.x}", "${workflow.input.x}"),
        ("cost $${workflow.input.x} and ${workflow.input.x}", "cost ${workflow.input.x} and 1"),
        ("${workflow.input.x}$${y}", "1${y}"),
        ("$$", "$$"),
        ("$5 {x}", "$5 {x}"),
        ("$${a ${workflow.input.x}}", "${a 1}"),
        ("${price.output.total", "${price.output.total"),
        ("price.output.total}", "price.output.total}"),
        ("${a ${price.output.total}", "${a ${price.output.total}"),
        ("${workflow.input.x} ${open", "1 ${open"),
        # what comes in is data
        ("${workflow.input.evil}", "${workflow.input.x}"),
        ("<${workflow.input.evil}>", "<${workflow.input.x}>"),
        # where the value is not in the document
        ("${workflow.env.COLOUR}", "blue"),
        ("${workflow.env.JSON.a.b[1]}", 2),
        ("${workflow.env.COLOUR.a}", None),
        ("${workflow.env.NONE}", None),
        ("<${workflow.env.NONE}>", "<null>"),
        ("${CPEWF_TASK_ID}", "task-1"),
        ("id=${CPEWF_TASK_ID}", "id=task-1"),
        ("${workflow.secrets.TOKEN}", "${workflow.secrets.TOKEN}"),
        ("Bearer ${workflow.secrets.TOKEN}!", "Bearer ${workflow.secrets.TOKEN}!"),
        ("${NETFLIX_STACK}", None),
        ("${HOME}", None),
        # containers
        ({"${price.output.total}": "${workflow.input.x}"}, {"${price.output.total}": 1}),
        (["${workflow.input.x}", ["${workflow.input.x}"], 5], [1, [1], 5]),
        ({"a": {"b": [{"c": "${workflow.input.x}"}]}}, {"a": {"b": [{"c": 1}]}}),
        (5, 5),
        (None, None),
        (True, True),
    ],
)
def test_template_resolves(template: Any, expected: Any) -> None:
    before = copy.deepcopy((template, DOCUMENT))
    assert resolved(template) == expected
    assert type(resolved(template)) is type(expected)
    assert (template, DOCUMENT) == before


def test_task_id_stays_literal_where_there_is_no_task() -> None:
    assert resolved("${CPEWF_TASK_ID}", None) == "${CPEWF_TASK_ID}"
    assert resolved("id=${CPEWF_TASK_ID}", None) == "id=${CPEWF_TASK_ID}"


def test_environment_of_the_server_is_never_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDUCTOR_ENV_HIDDEN", "leak")
    monkeypatch.setenv("HIDDEN", "leak")
    assert resolved(["${HIDDEN}", "${workflow.env.HIDDEN}"]) == [None, None]


@pytest.mark.parametrize(
    "template",
    [
        "${workflow.secrets.${workflow.input.key}}",
        "${workflow.${workflow.input.kind}.TOKEN}",
    ],
)
def test_data_never_chooses_a_secret(template: str) -> None:
    assert resolved(template) == template
    assert "s3cret" not in str(substitute_secrets(template, {"k2": "s3cret", "TOKEN": "s3cret"}))


def test_containers_of_a_template_are_copied_and_values_of_the_document_shared() -> None:
    template = {"fixed": {"list": [1]}, "taken": "${workflow.input.map}"}
    value = resolved(template)
    assert value["fixed"] is not template["fixed"]
    assert value["fixed"]["list"] is not template["fixed"]["list"]  # type: ignore[index]
    assert value["taken"] is INPUT["map"]


def test_every_filled_leaf_says_where_it_came_from() -> None:
    template = {
        "items": [{"sku": "${price.output.total}"}],
        "line total": "${pick.output.empty}",
        "fixed": 1,
        "text": "${workflow.input.x} of ${workflow.variables.v[1].w}",
    }
    assert origins_of(template) == [
        {
            "path": "items[0].sku",
            "expression": "${price.output.total}",
            "source": "price",
            "source_task_id": "task-price",
            "source_event": 9,
            "source_path": "output.total",
        },
        {
            "path": "line total",
            "expression": "${pick.output.empty}",
            "source": "pick",
            "source_task_id": "task-pick",
            "source_event": 12,
            "source_path": "output.empty",
        },
        {
            "path": "text",
            "expression": "${workflow.input.x}",
            "source": "workflow",
            "source_task_id": "",
            "source_event": 1,
            "source_path": "input.x",
        },
        {
            "path": "text",
            "expression": "${workflow.variables.v[1].w}",
            "source": "workflow",
            "source_task_id": "task-set",
            "source_event": 5,
            "source_path": "variables.v[1].w",
        },
    ]


def test_only_a_path_that_leads_nowhere_is_a_fallback() -> None:
    missing, null, nobody = origins_of(
        ["${price.output.nothing}", "${workflow.input.none}", "${nobody.output.x}"]
    )
    assert missing["fallback"] is True
    assert "fallback" not in null
    assert nobody["fallback"] is True
    assert nobody["source_task_id"] is None


def test_nested_expressions_leave_one_origin_each() -> None:
    inner, outer = origins_of({"v": "${price.output.list[${workflow.input.i}]}"})
    assert (inner["path"], inner["expression"]) == ("v", "${workflow.input.i}")
    assert outer["expression"] == "${price.output.list[${workflow.input.i}]}"
    assert outer["source_path"] == "output.list[1]"


def test_environment_secrets_and_task_id_have_origins_without_a_task() -> None:
    sources = [
        (origin["source"], origin["source_path"], origin["source_task_id"])
        for origin in origins_of(
            ["${workflow.env.COLOUR}", "${workflow.secrets.TOKEN}", "${CPEWF_TASK_ID}", "$${x}"]
        )
    ]
    assert sources == [
        ("workflow", "env.COLOUR", None),
        ("workflow", "secrets.TOKEN", None),
        ("CPEWF_TASK_ID", "", None),
    ]


def test_input_template_fills_null_and_missing_keys_with_its_raw_text() -> None:
    template = {"a": "tmpl", "b": "raw ${workflow.input.x}", "d": "kept out"}
    assert apply_input_template({"a": None, "b": None, "c": None, "d": 0}, template) == {
        "a": "tmpl",
        "b": "raw ${workflow.input.x}",
        "c": None,
        "d": 0,
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("${workflow.secrets.TOKEN}", "s3cret"),
        ("x ${workflow.secrets.TOKEN} y", "x s3cret y"),
        ("${workflow.secrets.NONE}", None),
        ("x ${workflow.secrets.NONE} y", "x  y"),
        ("${workflow.secrets.JSON.user.name}", "ann"),
        ("${workflow.secrets.JSON.user}", {"name": "ann"}),
        ("<${workflow.secrets.JSON.user}>", "<{name=ann}>"),
        ("${workflow.secrets.JSON.nothing}", None),
        ("${workflow.secrets.TOKEN.path}", None),
        ({"a": ["${workflow.secrets.TOKEN}"], "b": 1}, {"a": ["s3cret"], "b": 1}),
        ("${workflow.input.x}", "${workflow.input.x}"),
        ("${workflow.secrets.TWICE}", "${workflow.secrets.TOKEN}"),
    ],
)
def test_secret_is_filled_in(value: Any, expected: Any) -> None:
    secrets = {
        "TOKEN": "s3cret",
        "JSON": '{"user": {"name": "ann"}}',
        "TWICE": "${workflow.secrets.TOKEN}",
    }
    before = copy.deepcopy(value)
    assert substitute_secrets(value, secrets) == expected
    assert value == before


def test_value_without_secrets_is_handed_on_as_it_is() -> None:
    value = {"a": [1, {"b": "text"}], "c": "${workflow.input.x}"}
    assert substitute_secrets(value, {"TOKEN": "s3cret"}) is value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (-12345678901234567890, "-12345678901234567890"),
        (10.0, "10.0"),
        (0.1, "0.1"),
        (-0.5, "-0.5"),
        (0.0, "0.0"),
        (1e21, "1.0E21"),
        (1e-7, "1.0E-7"),
        (1e7, "1.0E7"),
        (9999999.5, "9999999.5"),
        (99999999.9, "9.99999999E7"),
        (12345678.25, "1.234567825E7"),
        (-1.25e-4, "-1.25E-4"),
        (0.001, "0.001"),
        (1.7976931348623157e308, "1.7976931348623157E308"),
        ("text", "text"),
        ([1, "x", [True, None]], "[1, x, [true, null]]"),
        ({"a": 1, "b": ["x", "y"]}, "{a=1, b=[x, y]}"),
        ({}, "{}"),
        ([], "[]"),
    ],
)
def test_java_text_of(value: Any, text: str) -> None:
    assert java_text(value) == text


def test_expressions_are_listed_outer_before_inner() -> None:
    template = {
        "a": "${x.y} and ${p[${q}]}",
        "b": ["$${no}", {"c": "${ z}"}, "${open", 5],
    }
    assert expressions_in(template) == ["x.y", "p[${q}]", "q", " z"]


def _without_nothing(value: Any) -> Any:
    """Traces say nothing of null, ``{}`` and ``[]``."""
    if isinstance(value, dict):
        parts = {key: _without_nothing(item) for key, item in value.items()}
        return {key: item for key, item in parts.items() if item not in (None, {}, [])}
    if isinstance(value, list):
        return [_without_nothing(item) for item in value]
    return value


@pytest.mark.parametrize(
    "name",
    [
        "blanks-in-expression",
        "embedded-text",
        "escape",
        "filter-with-inner",
        "keys-and-nonstrings",
        "malformed-stays-literal",
        "nested",
        "null-values",
        "number-texts",
        "resolved-once",
        "task-input-reference",
        "types-preserved",
        "whole-lists",
    ],
)
def test_inputs_equal_those_of_the_real_server(name: str, shared_dir: Path) -> None:
    recorded = json.loads(
        (shared_dir / "conformance" / "golden" / f"expr-{name}.json").read_text("utf-8")
    )
    scenario = recorded["scenario"]
    document: dict[str, Any] = {"workflow": {"input": scenario["start"].get("input", {})}}
    polls = [step["poll"] for step in recorded["trace"] if "poll" in step]
    outputs = [step["result"]["output"] for step in scenario["script"] if step["do"] == "poll"]
    tasks = scenario["workflowDefs"][0]["tasks"]
    for task, poll, output in zip(tasks, polls, outputs, strict=True):
        value = resolve(task.get("inputParameters", {}), OneExecution(document)).value
        assert _without_nothing(value) == _without_nothing(poll.get("inputData", {}))
        document[task["taskReferenceName"]] = {"input": value, "output": output}
