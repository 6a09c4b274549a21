"""Definitions found in public repositories: accepted or refused as the real server did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from wire_defaults import completed

from engine.errors import InvalidDefinitionError
from engine.evaluators.syntax import check_javascript
from engine.models import WorkflowDef, validate_workflow_def, validation_errors


@pytest.fixture(scope="module")
def verdicts(shared_dir: Path) -> dict[str, tuple[int, Any]]:
    """What the real server's validation said, by file."""
    file = shared_dir / "conformance" / "corpus-validation.json"
    return {name: (status, body) for name, (status, body) in json.loads(file.read_text()).items()}


@pytest.fixture(scope="module")
def corpus(shared_dir: Path, verdicts: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: json.loads((shared_dir / "corpus" / name).read_text()) for name in verdicts}


def test_whole_corpus_is_there(corpus: dict[str, dict[str, Any]]) -> None:
    assert len(corpus) >= 870


def test_each_definition_meets_the_verdict_of_the_real_server(
    corpus: dict[str, dict[str, Any]], verdicts: dict[str, tuple[int, Any]]
) -> None:
    different = {}
    for name, wire in corpus.items():
        status, body = verdicts[name]
        got: list[str] = []
        try:
            definition = WorkflowDef.from_wire(wire)
            validate_workflow_def(definition, lambda task: None, check_javascript=check_javascript)
        except InvalidDefinitionError as refusal:
            errors = validation_errors(refusal, "validateWorkflowDef.arg0")
            got = sorted(f"{error['path']}: {error['message']}" for error in errors)
        if got != (sorted(body) if status == 400 else []):
            different[name] = (status, body, got)
    assert not different


def test_each_refusal_names_a_place_in_the_file_and_a_reason(
    corpus: dict[str, dict[str, Any]],
) -> None:
    refusals = []
    for wire in corpus.values():
        try:
            validate_workflow_def(WorkflowDef.from_wire(wire), lambda task: None)
        except InvalidDefinitionError as refusal:
            refusals.append(refusal)
    assert len(refusals) == 8
    for refusal in refusals:
        assert refusal.problems
        assert all(problem.path and problem.message for problem in refusal.problems)


def test_each_definition_comes_back_as_it_was_with_the_defaults_written_out(
    corpus: dict[str, dict[str, Any]],
) -> None:
    for name, wire in corpus.items():
        definition = WorkflowDef.from_wire(wire)
        assert definition.to_wire() == completed(wire), name
        assert WorkflowDef.from_wire(definition.to_wire()).to_wire() == definition.to_wire(), name


def test_walk_reaches_every_task_once(corpus: dict[str, dict[str, Any]]) -> None:
    for name, wire in corpus.items():
        paths = [path for path, _ in WorkflowDef.from_wire(wire).walk()]
        assert len(paths) == len(set(paths)), name
