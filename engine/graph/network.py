"""Definitions as networkx graphs, and the questions one asks of them.

Rules of this file
  1. Nodes are task reference names, besides ``START`` and ``END``.
  2. Every edge is a way the flow can go. The edge from the end of a loop's body back to the
     loop has ``kind="back"``; without those edges the graph has no cycle.
  3. What is generated at run time (dynamic forks, sub-workflow bodies) is one node.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .wire_input import definition_in, wire_of

if TYPE_CHECKING:
    import networkx

START: Final = "<start>"
END: Final = "<end>"

_SWITCHES: Final = ("SWITCH", "DECISION")
_OPEN_ENDED: Final = frozenset({"JOIN", "EXCLUSIVE_JOIN"})
"""Records that exist before what they wait for has ended."""
_DEFAULT: Final = "default"

_Tail = tuple[str, str]
"""A task that the flow leaves, and the label of the edge to what follows."""


class CriticalStep(NamedTuple):
    """One task that the duration of an execution hung on."""

    reference: str
    """With its ``__N`` suffix inside a loop."""
    task_id: str
    waited_ms: int
    """From the moment the step before it ended to its start."""
    ran_ms: int


def definition_graph(definition: Any) -> networkx.DiGraph[str]:
    """Return the flow of a definition as a directed graph.

    Node attributes: ``name``, ``type``, ``optional``, ``inside`` (reference of the innermost
    container, ``""`` at the top). Edge attributes: ``kind`` (``next``, ``branch``, ``body``,
    ``back``) and ``label`` (the case of a switch).

    Args:
        definition: A WorkflowDef or Workflow, as a wire dict or a model.
    """
    import networkx

    wire = definition_in(wire_of(definition))
    graph: networkx.DiGraph[str] = networkx.DiGraph(name=str(wire.get("name") or ""))
    for end in (START, END):
        graph.add_node(end, name="", type="", optional=False, inside="")
    tails = _add_tasks(graph, wire.get("tasks") or (), [(START, "")], "")
    _connect(graph, tails, END)
    return graph


def reachable_from(graph: networkx.DiGraph[str], reference: str) -> set[str]:
    """Return the tasks that can run after a task has (loops taken into account).

    Raises:
        KeyError: The graph has no such task.
    """
    import networkx

    if reference not in graph:
        raise KeyError(reference)
    return set(networkx.descendants(graph, reference)) - {START, END}


def unreachable_tasks(definition: Any) -> list[str]:
    """Return the tasks no execution can come to, in order of the definition.

    Those are what follows a TERMINATE, or a SWITCH all of whose branches end in one.
    """
    import networkx

    graph = definition_graph(definition)
    reached = networkx.descendants(graph, START) | {START, END}
    return [reference for reference in graph if reference not in reached]


def longest_chain(definition: Any, weights: Mapping[str, float] | None = None) -> list[str]:
    """Return the tasks of the longest way through a definition, each loop taken once.

    Args:
        definition: A WorkflowDef or Workflow, as a wire dict or a model.
        weights: What each task costs, such as its mean duration; 1 where it is not given.
    """
    import networkx

    graph = forward_graph(definition_graph(definition))
    costs = weights or {}
    weighted: networkx.DiGraph[str] = networkx.DiGraph()
    weighted.add_nodes_from(graph)
    for source, target in graph.edges:
        weighted.add_edge(source, target, weight=costs.get(target, 1.0))
    path = networkx.dag_longest_path(weighted)
    return [reference for reference in path if reference not in (START, END)]


def forward_graph(graph: networkx.DiGraph[str]) -> networkx.DiGraph[str]:
    """Return the graph without going back: a loop's body leads on to what follows the loop."""
    forward = graph.copy()
    for source, loop, kind in list(graph.edges(data="kind")):
        if kind != "back":
            continue
        forward.remove_edge(source, loop)
        for following in graph.successors(loop):
            if graph.edges[loop, following]["kind"] != "body":
                forward.add_edge(source, following, kind="next", label="")
    return forward


def critical_path(execution: Any) -> list[CriticalStep]:
    """Return the tasks an execution's duration hung on, in order of time.

    Walks back from the task that ended last: before each step comes the task that ended last
    among those the step had to wait for. Loops are represented by the tasks of their body, an
    attempt by all attempts before it.

    Args:
        execution: A Workflow, as a wire dict or a model. May still be running.
    """
    wire = wire_of(execution)
    records = [task for task in wire.get("tasks") or () if task.get("endTime")]
    bodies = {_base(task) for task in records if task.get("iteration")}
    records = [
        task for task in records if task.get("taskType") != "DO_WHILE" or _base(task) in bodies
    ] or records
    before = _Precedence(definition_graph(wire))
    records.sort(key=lambda task: (task["endTime"], task.get("seq") or 0))
    steps: list[CriticalStep] = []
    current = records[-1] if records else None
    while current is not None:
        previous = before.latest(current, records)
        begun = current.get("startTime") or current.get("scheduledTime") or current["endTime"]
        since = previous["endTime"] if previous else wire.get("createTime") or begun
        steps.append(
            CriticalStep(
                str(current.get("referenceTaskName")),
                str(current.get("taskId")),
                max(0, begun - since),
                max(0, current["endTime"] - max(begun, since)),
            )
        )
        current = previous
    steps.reverse()
    return steps


class _Precedence:
    """Which record a record had to wait for."""

    def __init__(self, graph: networkx.DiGraph[str]) -> None:
        self._graph = forward_graph(graph)
        self._ancestors: dict[str, set[str]] = {}

    def latest(
        self, record: Mapping[str, Any], records: Sequence[Mapping[str, Any]]
    ) -> Mapping[str, Any] | None:
        """The last to end of the records before this one; ``records`` in order of their end."""
        waits = record.get("taskType") in _OPEN_ENDED
        limit = record["endTime"] if waits else record.get("scheduledTime") or record["endTime"]
        ended_by_then = bisect_right(records, limit, key=_ended_at)
        for position in range(ended_by_then - 1, -1, -1):
            candidate = records[position]
            if candidate is not record and self._comes_before(candidate, record):
                return candidate
        return None

    def _comes_before(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
        if (one.get("seq") or 0) >= (other.get("seq") or 0):
            return other.get("taskType") in _OPEN_ENDED and self._joins(one, other)
        first, second = _base(one), _base(other)
        if first == second:
            return True
        if first not in self._graph or second not in self._graph:
            return True  # generated at run time: the definition knows nothing of it
        if (one.get("iteration") or 0) < (other.get("iteration") or 0) and one.get("iteration"):
            return True
        return first in self._before(second)

    def _joins(self, one: Mapping[str, Any], join: Mapping[str, Any]) -> bool:
        first, second = _base(one), _base(join)
        joined = (join.get("inputData") or {}).get("joinOn") or ()
        if first not in self._graph:
            return first in joined
        return second in self._graph and first in self._before(second)

    def _before(self, reference: str) -> set[str]:
        import networkx

        found = self._ancestors.get(reference)
        if found is None:
            found = self._ancestors[reference] = networkx.ancestors(self._graph, reference)
        return found


def _ended_at(task: Mapping[str, Any]) -> int:
    return int(task["endTime"])


def _base(task: Mapping[str, Any]) -> str:
    return str(task.get("referenceTaskName") or "").split("__", 1)[0]


def _add_tasks(
    graph: networkx.DiGraph[str],
    tasks: Iterable[Mapping[str, Any]],
    tails: list[_Tail],
    inside: str,
) -> list[_Tail]:
    """Add a list of tasks after ``tails``; what the flow leaves the list by."""
    for task in tasks:
        reference = str(task.get("taskReferenceName") or task.get("name") or "")
        kind = str(task.get("type") or "SIMPLE")
        graph.add_node(
            reference,
            name=str(task.get("name") or reference),
            type=kind,
            optional=bool(task.get("optional")),
            inside=inside,
        )
        _connect(graph, tails, reference)
        tails = _add_inside(graph, task, reference, kind)
    return tails


def _add_inside(
    graph: networkx.DiGraph[str], task: Mapping[str, Any], reference: str, kind: str
) -> list[_Tail]:
    if kind == "TERMINATE":
        _connect(graph, [(reference, "")], END)
        return []
    if kind == "FORK_JOIN":
        tails: list[_Tail] = []
        for branch in task.get("forkTasks") or ():
            tails += _add_tasks(graph, branch or (), [(reference, "")], reference)
        return tails or [(reference, "")]
    if kind in _SWITCHES:
        tails = []
        for case, branch in (task.get("decisionCases") or {}).items():
            tails += _add_tasks(graph, branch or (), [(reference, str(case))], reference)
        default = task.get("defaultCase") or ()
        return tails + _add_tasks(graph, default, [(reference, _DEFAULT)], reference)
    if kind == "DO_WHILE":
        ends = _add_tasks(graph, task.get("loopOver") or (), [(reference, "")], reference)
        for first in list(graph.successors(reference)):
            graph.edges[reference, first]["kind"] = "body"
        for end, label in ends:
            if end != reference:
                graph.add_edge(end, reference, kind="back", label=label)
    return [(reference, "")]


def _connect(graph: networkx.DiGraph[str], tails: list[_Tail], target: str) -> None:
    for source, label in tails:
        kind = "branch" if label or graph.nodes[source]["type"] == "FORK_JOIN" else "next"
        if graph.has_edge(source, target):
            # Two empty cases of a switch meet at the same task.
            labels = [graph.edges[source, target]["label"], label]
            graph.edges[source, target]["label"] = ", ".join(text for text in labels if text)
        else:
            graph.add_edge(source, target, kind=kind, label=label)
