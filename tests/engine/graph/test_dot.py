"""Pictures through Graphviz."""

from __future__ import annotations

import stat
import time
from pathlib import Path
from typing import Any

import pytest

from engine.errors import UnsupportedError
from engine.graph import dot
from engine.graph.dot import find_program, render, to_graphviz

needs_graphviz = pytest.mark.skipif(find_program() is None, reason="no Graphviz program here")


def node(reference: str, kind: str = "SIMPLE", **keys: Any) -> dict[str, Any]:
    return {"name": f"{reference}_name", "taskReferenceName": reference, "type": kind, **keys}


INNER = {"name": "inner", "tasks": [node("x")]}
FLOW = {
    "name": "order",
    "tasks": [
        node("a"),
        node("loop", "DO_WHILE", loopOver=[node("b")]),
        node("sub", "SUB_WORKFLOW", subWorkflowParam={"name": "inner", "version": 1}),
        node("pick", "SWITCH", decisionCases={"yes": [node("c")]}),
        node("z"),
    ],
}
RUN = {
    "workflowId": "w",
    "workflowDefinition": FLOW,
    "tasks": [
        {"referenceTaskName": "a", "status": "FAILED", "retried": True},
        {"referenceTaskName": "a", "status": "COMPLETED", "retryCount": 1},
        {"referenceTaskName": "loop", "status": "IN_PROGRESS"},
        {"referenceTaskName": "b__1", "status": "COMPLETED"},
        {"referenceTaskName": "b__2", "status": "FAILED"},
        {"referenceTaskName": "sub", "status": "IN_PROGRESS", "subWorkflowId": "c1"},
    ],
}


def test_a_definition_has_a_node_per_task_and_a_cluster_per_loop() -> None:
    source = to_graphviz(FLOW).source
    for reference in ("a", "b", "c", "sub", "z"):
        assert f"{reference}_name · " in source
    assert "loop · loop" in source
    assert "not reached" not in source
    assert "label=yes" in source


def test_sub_workflows_are_drawn_where_their_definition_is_known() -> None:
    assert "inner · sub-workflow" not in to_graphviz(FLOW).source
    assert "inner · sub-workflow" in to_graphviz(FLOW, children={"inner": INNER}).source
    child = {"workflowId": "c1", "workflowDefinition": INNER, "tasks": []}
    assert "inner · sub-workflow" in to_graphviz(RUN, children={"c1": child}).source
    inline = {
        **FLOW,
        "tasks": [node("s", "SUB_WORKFLOW", subWorkflowParam={"workflowDefinition": INNER})],
    }
    assert "inner · sub-workflow" in to_graphviz(inline).source


def test_a_definition_inside_itself_ends_somewhere() -> None:
    itself = {"name": "me", "tasks": [node("s", "SUB_WORKFLOW", subWorkflowParam={"name": "me"})]}
    assert to_graphviz(itself, children={"me": itself}).source.count("· sub-workflow") == 5


def test_an_execution_shows_status_in_words_and_colour() -> None:
    source = to_graphviz(RUN).source
    assert "completed, attempt 2" in source
    assert "1 of 2 failed" in source
    assert source.count("not reached") == 3
    assert "#911927" in source
    assert "#FC4B6B" in to_graphviz(RUN, theme="dark").source


@pytest.mark.parametrize(
    "name", ["<b>bold</b>", 'q"uote', "back\\slash\\n", "a:b", "ünï — ☃", "\x00\n"]
)
@needs_graphviz
def test_names_are_text_never_markup(name: str) -> None:
    wire = {"name": name, "tasks": [{"name": name, "taskReferenceName": name, "type": "SIMPLE"}]}
    svg = render(to_graphviz(wire)).decode()
    assert "<b>" not in svg
    if name == "<b>bold</b>":
        assert "&lt;b&gt;bold&lt;/b&gt;" in svg
    if name.startswith("back"):
        assert "back\\slash\\n" in svg


@needs_graphviz
def test_pictures_are_svg_or_png() -> None:
    drawing = to_graphviz(
        RUN, direction="LR", children={"c1": {"workflowId": "c1", "workflowDefinition": INNER}}
    )
    assert b"<svg" in render(drawing)
    assert render(drawing, "png").startswith(b"\x89PNG")


def test_without_a_program_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dot, "_PROGRAMS", ("no-such-program",))
    with pytest.raises(UnsupportedError, match="graphviz-pure"):
        render(to_graphviz(FLOW))


@pytest.mark.parametrize(
    ("script", "words"),
    [("exec sleep 30", "did not finish"), ("echo no >&2; exit 3", "could not draw the graph: no")],
)
def test_a_program_that_hangs_or_fails_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, words: str
) -> None:
    program = tmp_path / "slow-dot"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(dot, "_PROGRAMS", ("slow-dot",))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    begun = time.monotonic()
    with pytest.raises(UnsupportedError, match=words):
        render(to_graphviz(FLOW), timeout_seconds=0.3)
    assert time.monotonic() - begun < 5
