"""The answers of the real server to definitions, message by message."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.errors import InvalidRequestError
from engine.evaluators.syntax import check_javascript
from engine.models import (
    StartWorkflowRequest,
    TaskDef,
    TaskResult,
    WorkflowDef,
    validate_bulk_ids,
    validate_task_defs,
    validate_workflow_def,
    validate_workflow_defs,
    validation_errors,
)


def _check(method: str, path: str, body: Any) -> None:
    """Read and validate a request as a door would."""
    known: dict[str, TaskDef] = {}
    match (method, path):
        case ("POST", "/metadata/workflow" | "/metadata/workflow/validate"):
            definition = WorkflowDef.from_wire(body)
            validate_workflow_def(definition, known.get, check_javascript=check_javascript)
        case ("PUT", "/metadata/workflow"):
            definitions = WorkflowDef.list_from_wire(body)
            validate_workflow_defs(definitions, known.get, check_javascript=check_javascript)
        case ("POST", "/metadata/taskdefs"):
            validate_task_defs(TaskDef.list_from_wire(body))
        case ("POST", "/workflow"):
            StartWorkflowRequest.from_wire(body).validate_request(known.get, check_javascript)
        case ("POST", "/tasks"):
            TaskResult.from_wire(body).validate_request()
        case _:
            validate_bulk_ids(body)


def _is_judged(step: dict[str, Any]) -> bool:
    """Whether ``_check`` knows the request."""
    path = step["path"]
    return path.startswith("/workflow/bulk/") or (step["method"], path) in {
        ("POST", "/metadata/workflow"),
        ("POST", "/metadata/workflow/validate"),
        ("PUT", "/metadata/workflow"),
        ("POST", "/metadata/taskdefs"),
        ("POST", "/workflow"),
        ("POST", "/tasks"),
    }


def _requests(trace: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Pairs of an HTTP step and the recorded answer."""
    steps = [step for step in trace["scenario"].get("script", ()) if step["do"] == "http"]
    answers = [entry["http"] for entry in trace["trace"] if "http" in entry]
    if len(steps) == len(answers):
        yield from zip(steps, answers, strict=True)


def _errors_of(answer: dict[str, Any]) -> list[dict[str, Any]]:
    body = answer.get("body")
    return body.get("validationErrors", []) if isinstance(body, dict) else []


@pytest.fixture(scope="module")
def recorded(shared_dir: Path) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """(file, step, answer) of every recorded request that the models judge."""
    return [
        (file.stem, step, answer)
        for file in sorted((shared_dir / "conformance" / "golden").glob("*.json"))
        for step, answer in _requests(json.loads(file.read_text()))
        if "raw" not in step and isinstance(step.get("body"), dict | list)
    ]


def _refusal(step: dict[str, Any]) -> InvalidRequestError | None:
    try:
        _check(step["method"], step["path"], step["body"])
    except InvalidRequestError as refusal:
        return refusal
    return None


def test_each_recorded_refusal_is_repeated_word_by_word(
    recorded: list[tuple[str, dict[str, Any], dict[str, Any]]],
) -> None:
    compared = 0
    for name, step, answer in recorded:
        wanted = _errors_of(answer)
        if not wanted or not _is_judged(step):
            continue
        refusal = _refusal(step)
        assert refusal is not None, f"{name}: accepted, the server refused: {wanted}"
        got = validation_errors(refusal, wanted[0]["path"].split(".arg0")[0] + ".arg0")
        if wanted[0].keys() == {"path"}:
            # The scenario ignores messages: they are the script engine's own.
            got = [{"path": error["path"]} for error in got]
        assert got == wanted, name
        assert refusal.args[0] == answer["body"].get("message", refusal.args[0]), name
        compared += 1
    assert compared >= 50


def test_what_the_server_accepted_is_accepted(
    recorded: list[tuple[str, dict[str, Any], dict[str, Any]]],
) -> None:
    accepted = 0
    for name, step, answer in recorded:
        if answer.get("httpStatus") == 200 and _is_judged(step):
            refusal = _refusal(step)
            assert refusal is None, f"{name}: {refusal and refusal.problems}"
            accepted += 1
    assert accepted >= 50


def test_registered_definitions_of_all_scenarios_are_accepted(shared_dir: Path) -> None:
    judged = 0
    for file in sorted((shared_dir / "conformance" / "golden").glob("*.json")):
        recording = json.loads(file.read_text())
        refused = [entry for entry in recording["trace"] if "registerWorkflowDef" in entry]
        refused += [entry for entry in recording["trace"] if "registerTaskDefs" in entry]
        if refused:
            continue
        scenario = recording["scenario"]
        task_defs = [TaskDef.from_wire(wire) for wire in scenario.get("taskDefs", ())]
        by_name = {definition.name: definition for definition in task_defs}
        if task_defs:
            validate_task_defs(task_defs)
        for wire in scenario.get("workflowDefs", ()):
            definition = WorkflowDef.from_wire(wire)
            validate_workflow_def(definition, by_name.get, check_javascript=check_javascript)
            judged += 1
    assert judged >= 500
