"""Pictures of definitions and executions through Graphviz.

``to_graphviz`` makes the description, ``render`` the picture. The picture needs a program:
``dot`` of Graphviz, or ``graphviz-pure`` (``pip install graphviz-pure``), whichever is there.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from ..errors import UnsupportedError
from .look import BARS, FAMILY, SHAPES, THEMES, Colours, Theme, escaped, short, summary
from .network import END, START, definition_graph
from .wire_input import definition_in, is_execution, wire_of

if TYPE_CHECKING:
    import graphviz
    import networkx

Format = Literal["svg", "png"]

MAX_DEPTH: Final = 5
"""Levels of sub-workflows that are drawn inside each other."""
_PROGRAMS: Final = ("dot", "graphviz-pure")
_FONT: Final = "Helvetica,Arial,sans-serif"


def to_graphviz(
    thing: Any,
    *,
    theme: Theme = "light",
    direction: Literal["TB", "LR"] = "TB",
    children: Mapping[str, Any] | None = None,
) -> graphviz.Digraph:
    """Return a definition or an execution as a Graphviz description.

    An execution is coloured by status, with the word beside it; what was not reached is dashed.
    Loops and known sub-workflows are clusters. Names are always text, never markup.

    Args:
        thing: A WorkflowDef or Workflow, as a wire dict or a model.
        theme: Colours for light or dark ground.
        direction: Top to bottom or left to right.
        children: What is inside sub-workflow tasks, by sub-workflow id (executions) or by
            workflow name (definitions). Inline definitions need no entry.
    """
    import graphviz

    colours = THEMES[theme]
    wire = wire_of(thing)
    drawing = graphviz.Digraph(escaped(str(definition_in(wire).get("name") or "workflow")))
    drawing.attr(
        rankdir=direction, bgcolor=colours.canvas, fontname=_FONT, fontsize="11",
        fontcolor=colours.text, color=colours.line, nodesep="0.3", ranksep="0.4",
    )  # fmt: skip
    drawing.attr(
        "node", shape="box", style="rounded,filled", fillcolor=colours.face, color=colours.line,
        fontcolor=colours.text, fontname=_FONT, fontsize="11", margin="0.15,0.06",
    )  # fmt: skip
    drawing.attr("edge", color=colours.line, fontcolor=colours.text, fontname=_FONT, fontsize="9")
    _Painter(colours, dict(children or {})).paint(drawing, wire, "n", 0)
    return drawing


def render(
    drawing: graphviz.Digraph, format: Format = "svg", timeout_seconds: float = 20.0
) -> bytes:
    """Return the picture of a description, as SVG text or PNG bytes.

    Blocks; call it in an executor from an event loop.

    Args:
        drawing: What ``to_graphviz`` made.
        format: ``svg`` or ``png``.
        timeout_seconds: Longest time the layout may take; the program is killed then.

    Raises:
        UnsupportedError: No Graphviz program is installed, it failed, or it took too long.
    """
    program = find_program()
    if program is None:
        raise UnsupportedError(
            "Drawing needs Graphviz: install it so that 'dot' is found, "
            "or 'pip install graphviz-pure'."
        )
    try:
        done = subprocess.run(
            [program, f"-T{format}"],
            input=drawing.source.encode(),
            capture_output=True,
            timeout=timeout_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UnsupportedError(
            f"Graphviz did not finish the layout within {timeout_seconds:g} s; "
            "draw a part of the workflow instead."
        ) from None
    if done.returncode != 0 or not done.stdout:
        said = done.stderr.decode("utf-8", "replace").strip()[:500]
        raise UnsupportedError(f"{Path(program).name} could not draw the graph: {said}")
    picture: bytes = done.stdout
    return picture


def find_program() -> str | None:
    """The Graphviz program that ``render`` uses: on the PATH, or beside this interpreter."""
    beside = str(Path(sys.executable).parent)
    for name in _PROGRAMS:
        found = shutil.which(name) or shutil.which(name, path=beside)
        if found:
            return found
    return None


class _Painter:
    """Draws one workflow, and those inside it."""

    def __init__(self, colours: Colours, children: dict[str, Any]) -> None:
        self._colours = colours
        self._children = children

    def paint(
        self, drawing: graphviz.Digraph, wire: Mapping[str, Any], prefix: str, depth: int
    ) -> None:
        """Add the nodes and edges of a definition or execution; ``prefix`` keeps ids apart."""
        graph = definition_graph(wire)
        records = _by_base(wire.get("tasks") or ()) if is_execution(wire) else None
        ids = {reference: f"{prefix}_{number}" for number, reference in enumerate(graph)}
        nodes = _sub_definitions(definition_in(wire).get("tasks") or ())
        self._level(drawing, graph, ids, records, nodes, "", depth)
        for source, target, edge in graph.edges(data=True):
            self._edge(drawing, ids, source, target, edge, records)

    def _level(
        self,
        drawing: graphviz.Digraph,
        graph: networkx.DiGraph[str],
        ids: Mapping[str, str],
        records: Mapping[str, Sequence[Mapping[str, Any]]] | None,
        nodes: Mapping[str, Mapping[str, Any]],
        loop: str,
        depth: int,
    ) -> None:
        """Add the nodes whose innermost loop is ``loop``, with a cluster per loop inside."""
        for reference, data in graph.nodes(data=True):
            if _loop_around(graph, reference) != loop:
                continue
            if data["type"] == "DO_WHILE":
                with drawing.subgraph(name=f"cluster_{ids[reference]}") as cluster:
                    self._frame(cluster, f"{short(reference)} · loop")
                    self._node(cluster, ids[reference], reference, data, records)
                    self._level(cluster, graph, ids, records, nodes, reference, depth)
                continue
            self._node(drawing, ids[reference], reference, data, records)
            if data["type"] == "SUB_WORKFLOW" and depth < MAX_DEPTH:
                self._inside(drawing, ids[reference], reference, records, nodes, depth)

    def _inside(
        self,
        drawing: graphviz.Digraph,
        node_id: str,
        reference: str,
        records: Mapping[str, Sequence[Mapping[str, Any]]] | None,
        nodes: Mapping[str, Mapping[str, Any]],
        depth: int,
    ) -> None:
        child = self._child(reference, records, nodes)
        if child is None:
            return
        with drawing.subgraph(name=f"cluster_{node_id}_inside") as cluster:
            name = str(definition_in(child).get("name") or reference)
            self._frame(cluster, f"{short(name)} · sub-workflow")
            self.paint(cluster, child, f"{node_id}s", depth + 1)
        drawing.edge(node_id, f"{node_id}s_0", style="dotted", arrowhead="none")

    def _child(
        self,
        reference: str,
        records: Mapping[str, Sequence[Mapping[str, Any]]] | None,
        nodes: Mapping[str, Mapping[str, Any]],
    ) -> dict[str, Any] | None:
        for record in reversed((records or {}).get(reference, ())):
            found = self._children.get(str(record.get("subWorkflowId")))
            if found is not None:
                return wire_of(found)
        parameters = (nodes.get(reference) or {}).get("subWorkflowParam") or {}
        inline = parameters.get("workflowDefinition")
        if isinstance(inline, Mapping):
            return dict(inline)
        found = self._children.get(str(parameters.get("name")))
        return None if found is None else wire_of(found)

    def _frame(self, cluster: graphviz.Digraph, label: str) -> None:
        cluster.attr(
            label=escaped(label), style="rounded", color=self._colours.line,
            fontcolor=self._colours.text, labeljust="l", margin="10",
        )  # fmt: skip

    def _node(
        self,
        drawing: graphviz.Digraph,
        node_id: str,
        reference: str,
        data: Mapping[str, Any],
        records: Mapping[str, Sequence[Mapping[str, Any]]] | None,
    ) -> None:
        if reference in (START, END):
            drawing.node(
                node_id, "", shape="circle" if reference == START else "doublecircle",
                width="0.16", fixedsize="true", fillcolor=self._colours.line,
            )  # fmt: skip
            return
        lines = [short(reference), short(f"{data['name']} · {data['type']}")]
        attributes: dict[str, str] = {"tooltip": escaped(reference)}
        kind = data["type"]
        if kind in SHAPES:
            attributes |= {"shape": SHAPES[kind], "style": "filled"}
        elif kind in BARS:
            attributes |= {"style": "filled", "height": "0.3"}
        if records is not None:
            status, word = summary(records.get(reference, ()))
            lines.append(word)
            attributes |= self._status(status, attributes.get("style", "rounded,filled"))
        drawing.node(node_id, "\\n".join(escaped(line) for line in lines), **attributes)

    def _status(self, status: str, style: str) -> dict[str, str]:
        if not status:
            return {"style": f"{style},dashed", "fillcolor": self._colours.canvas}
        family = FAMILY.get(status, "waiting")
        colour = getattr(self._colours, family)
        if family == "failure":
            # Failure is the one filled family; the others carry their colour in the border.
            fill = {"fillcolor": colour, "fontcolor": self._colours.on_fill, "penwidth": "3"}
            return {"color": colour, **fill}
        dashed = f"{style},dashed" if family == "warning" else style
        width = {"running": "2", "warning": "2"}.get(family, "1.2")
        peripheries = "2" if status == "CANCELED" else "1"
        return {
            "color": colour,
            "style": dashed,
            "penwidth": width,
            "peripheries": peripheries,
        }

    def _edge(
        self,
        drawing: graphviz.Digraph,
        ids: Mapping[str, str],
        source: str,
        target: str,
        edge: Mapping[str, Any],
        records: Mapping[str, Sequence[Mapping[str, Any]]] | None,
    ) -> None:
        attributes = {"label": escaped(short(edge["label"]))} if edge["label"] else {}
        if edge["kind"] == "back":
            attributes |= {"constraint": "false", "style": "dashed", "xlabel": "again"}
        elif records is not None and not _taken(source, target, edge["kind"], records):
            attributes |= {"style": "dashed"}
        elif records is not None:
            attributes |= {"penwidth": "2"}
        drawing.edge(ids[source], ids[target], **attributes)


def _by_base(tasks: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Records by base reference, retried attempts left out."""
    result: dict[str, list[Mapping[str, Any]]] = {}
    for task in tasks:
        if not task.get("retried"):
            base = str(task.get("referenceTaskName") or "").split("__", 1)[0]
            result.setdefault(base, []).append(task)
    return result


def _taken(
    source: str, target: str, kind: str, records: Mapping[str, Sequence[Mapping[str, Any]]]
) -> bool:
    if target != END and target not in records:
        return False
    # A loop leads into its body while it is still open.
    if source == START or kind == "body":
        return True
    return any(_has_ended(record) for record in records.get(source, ()))


def _has_ended(record: Mapping[str, Any]) -> bool:
    return str(record.get("status")) not in ("SCHEDULED", "IN_PROGRESS", "CANCELED")


def _loop_around(graph: networkx.DiGraph[str], reference: str) -> str:
    container = str(graph.nodes[reference]["inside"])
    while container and graph.nodes[container]["type"] != "DO_WHILE":
        container = str(graph.nodes[container]["inside"])
    return container


def _sub_definitions(tasks: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """SUB_WORKFLOW tasks of a definition by reference, at any depth."""
    found: dict[str, Mapping[str, Any]] = {}
    for task in tasks:
        if task.get("type") == "SUB_WORKFLOW":
            found[str(task.get("taskReferenceName"))] = task
        lists = [*(task.get("forkTasks") or ()), *(task.get("decisionCases") or {}).values()]
        lists += [task.get("defaultCase") or (), task.get("loopOver") or ()]
        for inner in lists:
            found |= _sub_definitions(inner or ())
    return found
