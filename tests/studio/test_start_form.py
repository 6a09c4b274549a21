"""What the Run… form offers and starts, over a real engine."""

from __future__ import annotations

import json

import pytest

from engine import Engine
from engine.errors import InvalidRequestError, NotFoundError
from studio import start_form
from studio.sensitive import without_sensitive

FLOW = {
    "name": "greet",
    "description": "Says hello.",
    "version": 1,
    "inputParameters": ["who"],
    "inputTemplate": {"greeting": "hello"},
    "tasks": [
        {
            "name": "set",
            "taskReferenceName": "set",
            "type": "SET_VARIABLE",
            "inputParameters": {"said": "${workflow.input.greeting} ${workflow.input.who}"},
        }
    ],
}


@pytest.fixture
def service():
    with Engine(threads=0, http_tasks=False) as engine:
        yield engine.service


def register(service, **changes):
    service.create_workflow_def({**FLOW, **changes}, overwrite=True).result(10)


def test_every_version_comes_with_its_own_template_newest_first(service):
    register(service)
    register(service, version=2, inputParameters=["name"], inputTemplate={})
    [offered] = start_form.startable(service, None)["workflows"]
    assert offered["versions"] == [2, 1]
    assert offered["inputs"]["1"] == {"who": None, "greeting": "hello"}
    assert offered["inputs"]["2"] == {"name": None}
    assert offered["description"] == "Says hello."


def test_workflow_that_was_started_last_is_suggested(service):
    register(service)
    register(service, name="other")
    assert start_form.startable(service, None)["suggested"] == ""
    start_form.start(service, {"name": "other", "input": ""})
    assert start_form.startable(service, None)["suggested"] == "other"


def test_schema_names_keys_and_defaults():
    schema = {"data": {"properties": {"size": {"default": 3}, "colour": {"type": "string"}}}}
    assert start_form.input_template({"inputSchema": schema}) == {"size": 3, "colour": None}


def test_filled_form_starts_that_version_with_that_input(service):
    register(service)
    register(service, version=2)
    started = start_form.start(
        service,
        {"name": "greet", "version": 1, "input": '{"who": "ana"}', "correlation_id": "c-1"},
    )
    workflow = service.workflow(started).result(10)
    assert workflow["workflowVersion"] == 1
    assert workflow["correlationId"] == "c-1"
    assert workflow["input"] == {"greeting": "hello", "who": "ana"}


def test_integers_beyond_the_browsers_precision_arrive_as_typed(service):
    register(service)
    started = start_form.start(service, {"name": "greet", "input": '{"who": 12345678901234567890}'})
    assert service.workflow(started).result(10)["input"]["who"] == 12345678901234567890


@pytest.mark.parametrize(
    ("text", "says"),
    [("[1]", "not a list"), ("null", "not null"), ("3", "int '3'"), ("{", "not valid JSON")],
)
def test_input_that_is_no_object_is_refused_and_nothing_starts(service, text, says):
    register(service)
    with pytest.raises(InvalidRequestError, match=says):
        start_form.start(service, {"name": "greet", "input": text})
    assert service.query("SELECT count(*) AS n FROM executions")[0]["n"] == 0


def test_newest_input_leaves_out_what_is_sensitive(service):
    register(service)
    with pytest.raises(NotFoundError, match="has not been started"):
        start_form.newest_input(service, "greet")
    given = {"who": "ana", "card": {"api_key": "k-1", "lines": [{"password": "p"}]}}
    start_form.start(service, {"name": "greet", "input": json.dumps(given)})
    found = start_form.newest_input(service, "greet")
    assert found["left_out"] == 2
    assert found["input"]["card"] == {"api_key": None, "lines": [{"password": None}]}
    assert found["input"]["who"] == "ana"


def test_expressions_that_point_at_secrets_are_kept():
    kept, left_out = without_sensitive({"token": "${workflow.secrets.GATEWAY}"})
    assert (kept, left_out) == ({"token": "${workflow.secrets.GATEWAY}"}, 0)
