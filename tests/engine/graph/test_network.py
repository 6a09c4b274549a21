"""Questions about definitions and executions as networks."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from engine.errors import InvalidRequestError
from engine.graph.network import (
    END,
    START,
    CriticalStep,
    critical_path,
    definition_graph,
    forward_graph,
    longest_chain,
    reachable_from,
    unreachable_tasks,
)


def node(reference: str, kind: str = "SIMPLE", **keys: Any) -> dict[str, Any]:
    return {"name": f"{reference}_name", "taskReferenceName": reference, "type": kind, **keys}


ORDER = {
    "name": "order",
    "tasks": [
        node("a"),
        node("fork", "FORK_JOIN", forkTasks=[[node("b"), node("c")], [node("d")]]),
        node("join", "JOIN", joinOn=["c", "d"]),
        node("loop", "DO_WHILE", loopOver=[node("e"), node("f")]),
        node(
            "switch",
            "SWITCH",
            decisionCases={"yes": [node("g")], "no": [], "end": [node("stop", "TERMINATE")]},
        ),
        node("z"),
    ],
}


def test_edges_are_the_ways_the_flow_can_go() -> None:
    graph = definition_graph(ORDER)
    assert set(graph.edges) == {
        (START, "a"), ("a", "fork"), ("fork", "b"), ("b", "c"), ("fork", "d"),
        ("c", "join"), ("d", "join"), ("join", "loop"), ("loop", "e"), ("e", "f"),
        ("f", "loop"), ("loop", "switch"), ("switch", "g"), ("switch", "z"), ("g", "z"),
        ("switch", "stop"), ("stop", END), ("z", END),
    }  # fmt: skip
    assert graph.edges["f", "loop"]["kind"] == "back"
    assert graph.edges["loop", "e"]["kind"] == "body"
    assert graph.edges["switch", "g"]["label"] == "yes"
    assert graph.edges["switch", "z"]["label"] == "no, default"
    assert graph.nodes["e"]["inside"] == "loop"
    assert graph.nodes["a"] == {"name": "a_name", "type": "SIMPLE", "optional": False, "inside": ""}


def test_without_going_back_there_is_no_cycle() -> None:
    import networkx

    forward = forward_graph(definition_graph(ORDER))
    assert networkx.is_directed_acyclic_graph(forward)
    assert forward.has_edge("f", "switch")


def test_reachability() -> None:
    graph = definition_graph(ORDER)
    assert reachable_from(graph, "d") == {
        "join", "loop", "e", "f", "switch", "g", "stop", "z",
    }  # fmt: skip
    assert reachable_from(graph, "stop") == set()
    with pytest.raises(KeyError):
        reachable_from(graph, "nobody")


def test_what_follows_a_certain_terminate_is_unreachable() -> None:
    assert unreachable_tasks(ORDER) == []
    both = node(
        "s",
        "SWITCH",
        decisionCases={"a": [node("t1", "TERMINATE")]},
        defaultCase=[node("t2", "TERMINATE")],
    )
    assert unreachable_tasks({"name": "w", "tasks": [both, node("x"), node("y")]}) == ["x", "y"]


def test_the_longest_chain_follows_the_costs() -> None:
    assert longest_chain(ORDER)[:4] == ["a", "fork", "b", "c"]
    assert "d" in longest_chain(ORDER, {"d": 100.0})


def record(reference: str, seq: int, scheduled: int, start: int, end: int, **keys: Any) -> Any:
    return {
        "referenceTaskName": reference, "taskId": f"id_{reference}", "taskType": "SIMPLE",
        "seq": seq, "scheduledTime": scheduled, "startTime": start, "endTime": end, **keys,
    }  # fmt: skip


def test_the_critical_path_is_what_the_duration_hung_on() -> None:
    execution = {
        "workflowId": "w",
        "createTime": 1000,
        "workflowDefinition": ORDER,
        "tasks": [
            record("a", 1, 1000, 1010, 1100),
            record("fork", 2, 1100, 1100, 1100),
            record("b", 3, 1100, 1110, 1200),
            record("d", 4, 1100, 1300, 1900),
            record("join", 5, 1100, 1100, 1900, taskType="JOIN", inputData={"joinOn": ["c", "d"]}),
            record("c", 6, 1200, 1210, 1300),
            record("loop", 7, 1900, 1900, 2200, taskType="DO_WHILE"),
            record("e__1", 8, 1900, 1900, 2000, iteration=1),
            record("f__1", 9, 2000, 2000, 2100, iteration=1),
            record("e__2", 10, 2100, 2150, 2180, iteration=2),
            record("switch", 12, 2200, 2200, 2200),
            record("z", 13, 2200, 2200, 2500),
        ],
    }
    path = critical_path(execution)
    assert [step.reference for step in path] == [
        "a", "fork", "d", "join", "e__1", "f__1", "e__2", "switch", "z",
    ]  # fmt: skip
    assert path[0] == CriticalStep("a", "id_a", 10, 90)
    assert path[2] == CriticalStep("d", "id_d", 200, 600)
    assert path[3].ran_ms == 0


def test_an_execution_without_finished_tasks_has_no_critical_path() -> None:
    assert critical_path({"workflowId": "w", "tasks": [], "workflowDefinition": ORDER}) == []


def test_models_are_accepted_and_other_things_are_not() -> None:
    class Model:
        def to_wire(self) -> dict[str, Any]:
            return ORDER

    assert "a" in definition_graph(Model())
    with pytest.raises(InvalidRequestError, match="not int"):
        definition_graph(3)


def test_importing_the_engine_does_not_load_graph_libraries() -> None:
    code = "import engine, engine.graph, sys; print({'networkx', 'graphviz'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
