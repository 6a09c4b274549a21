"""Where did this value come from, and where did it go? (studio design §3.2)

Rules of this file
  1. Only what was recorded is followed: the origins that the resolver stored with each task.
  2. What the engine itself made (INLINE, SET_VARIABLE, JOIN, sub-workflows, loops) is followed
     through; what a worker returned is followed to its one most plausible input, with the
     others named; what came from outside ends the route.
  3. A route never visits a place twice, and has at most ``MAX_HOPS`` hops.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from .events import EventKind, HistoryEvent
from .leaf_path import MISSING, LeafPath, format_leaf, parse_leaf, read_leaf, starts_with
from .origin_choice import choose_input
from .state import TaskState, WorkflowState
from .value_source import (
    Side,
    entries_for,
    expression_of,
    expressions_in,
    source_of,
    without_wrapper,
    writers_of,
)
from .value_uses import uses_of

__all__ = ["MAX_HOPS", "Hop", "destinations", "origin"]

MAX_HOPS: Final = 200
_MASK: Final = "••••••"
_SECRET: Final = "${workflow.secrets."
_ASKS_OUTSIDE: Final = frozenset({"HTTP", "KAFKA_PUBLISH", "PULL_WORKFLOW_MESSAGES"})
_GIVEN: Final = frozenset({"WAIT", "HUMAN"})


class Hop(msgspec.Struct, frozen=True, kw_only=True):
    """One place a value sat in (``Hop`` in protocol.ts)."""

    path: str
    """Run path of the task or execution."""
    what: str
    """Where it sat, in words: ``charge_card input.amount``, ``price returned total``."""
    value: Any
    """The value there; None when it is masked or was not there."""
    task_id: str = ""
    workflow_id: str = ""
    expression: str = ""
    """How it got here from the next hop."""
    note: str = ""
    fallback: bool = False
    """The expression's path led nowhere, so null was used."""

    def to_json(self) -> dict[str, Any]:
        """The hop as the view wants it; empty parts are left out, the value never."""
        hop = msgspec.to_builtins(self)
        return {key: value for key, value in hop.items() if value or key in ("path", "value")}


class _Spot(NamedTuple):
    """A place to look at next. Without a task: the execution's own input."""

    state: WorkflowState
    task: TaskState | None
    side: Side
    leaf: LeafPath


class _Step(NamedTuple):
    hop: Hop
    following: _Spot | None


def origin(
    states: Mapping[str, WorkflowState],
    workflow_id: str,
    task_id: str,
    leaf_path: str,
    side: Side = "input",
    events: Mapping[str, Sequence[HistoryEvent]] | None = None,
) -> list[Hop]:
    """Return the way a value took, newest place first.

    Args:
        states: The executions of the tree by id; a missing parent or child ends the route.
        workflow_id: The execution of the task.
        task_id: The attempt whose input (or output) holds the value.
        leaf_path: Where in it: ``line.amount``, ``items[2]``; empty for the whole.
        side: ``output`` to begin at what the task returned.
        events: Histories by execution id. Only used to say who gave a start input.

    Returns:
        At least one hop. The last one is a start input, a constant of the definition, a secret,
        something from outside, or the place where the record ends.

    Raises:
        KeyError: The execution or the task is unknown.
    """
    state = states[workflow_id]
    spot: _Spot | None = _Spot(state, state.tasks[task_id], side, parse_leaf(leaf_path))
    tracer = _Tracer(states, events or {})
    hops: list[Hop] = []
    seen: set[tuple[str, str, str, LeafPath]] = set()
    while spot is not None and len(hops) < MAX_HOPS:
        key = (
            spot.state.workflow_id,
            spot.task.task_id if spot.task is not None else "",
            spot.side,
            spot.leaf,
        )
        if key in seen:
            break
        seen.add(key)
        hop, spot = tracer.step(spot)
        hops.append(hop)
    return hops


def start_words(actor: str) -> str:
    """Who gave a start input, as far as the history tells: nobody is said to have typed it.

    Args:
        actor: Of the event that started the execution.
    """
    kind, _, who = actor.partition(":")
    if kind == "form":
        return "given in the start form"
    if kind == "sample":
        return f"from the sample {who}"
    if kind == "user":
        return f"given by {who} at the start" if who else "given at the start"
    return f"given by {actor}"


class _Tracer:
    """Takes one step back from a spot."""

    def __init__(
        self,
        states: Mapping[str, WorkflowState],
        events: Mapping[str, Sequence[HistoryEvent]],
    ) -> None:
        self._states = states
        self._events = events

    def step(self, spot: _Spot) -> _Step:
        """The hop of a spot and where to go on."""
        if spot.task is None:
            return self._start_input(spot)
        if spot.side == "input":
            return self._task_input(spot, spot.task)
        return self._task_output(spot, spot.task)

    # -- inputs ----------------------------------------------------------------------------

    def _task_input(self, spot: _Spot, task: TaskState) -> _Step:
        value = _read(task.input_data, spot.leaf)
        what = f"{task.base_reference} input{_dotted(without_wrapper(spot.leaf))}"
        return self._filled(spot, task, what, value, "")

    def _filled(self, spot: _Spot, task: TaskState, what: str, value: Any, note: str) -> _Step:
        """A hop whose value an expression of this task's input put there, or nobody did."""
        if _is_edited(spot.state, task, spot.leaf):
            return _Step(_hop(spot, what, value, "edited when branching"), None)
        entries = entries_for(task, spot.leaf)
        if not entries and isinstance(value, str) and _SECRET in value:
            return _Step(_hop(spot, what, _MASK, "secret", value), None)
        if not entries:
            return _Step(_hop(spot, what, value, _constant_note(spot.state, task, spot.leaf)), None)
        entry, rest = entries[0]
        return self._through(spot, task, entry, rest, what, value, note, len(entries))

    def _through(
        self,
        spot: _Spot,
        task: TaskState,
        entry: dict[str, Any],
        rest: LeafPath,
        what: str,
        value: Any,
        note: str,
        count: int = 1,
    ) -> _Step:
        """A hop whose value moved here by one recorded expression."""
        source = source_of(spot.state, task, entry)
        notes = [note] if note else []
        fallback = bool(entry.get("fallback"))
        if fallback:
            notes.append("path not found, null used")
        if count > 1:
            notes.append(f"made of {count} expressions, the first is followed")
        following: _Spot | None = None
        if source.kind == "secret":
            value = _MASK
            notes.append(f"secret {format_leaf(source.leaf)}")
        elif source.kind == "environment":
            notes.append(f"environment value {format_leaf(source.leaf)}")
        elif source.kind == "workflow_input":
            following = _Spot(spot.state, None, "input", source.leaf + rest)
        elif source.kind == "variable":
            following, said = self._variable(spot.state, task, source.task, source.leaf + rest)
            notes.append(said)
        elif source.kind == "task":
            following = _Spot(spot.state, source.task, source.side, source.leaf + rest)
        elif source.kind == "field":
            of = source.task.base_reference if source.task is not None else "the execution"
            notes.append(f"{source.field} of {of}, kept by the engine")
        hop = _hop(spot, what, value, "; ".join(notes), expression_of(entry), fallback)
        return _Step(hop, following)

    def _variable(
        self, state: WorkflowState, reader: TaskState, writer: TaskState | None, leaf: LeafPath
    ) -> tuple[_Spot | None, str]:
        name = str(leaf[0]) if leaf else ""
        writers = writers_of(state, name, reader, writer)
        if not writers:
            return None, f"variable {name}, as the definition sets it"
        losers = [task.reference_task_name for task in writers[:-1]]
        note = f"variable {name}, last written by {writers[-1].base_reference}"
        if losers:
            note += f" (before that by {', '.join(losers)})"
        return _Spot(state, writers[-1], "input", leaf), note

    def _start_input(self, spot: _Spot) -> _Step:
        state, leaf = spot.state, spot.leaf
        value = _read(state.input, leaf)
        parent = self._states.get(state.parent_workflow_id or "")
        task = parent.tasks.get(state.parent_workflow_task_id or "") if parent else None
        if parent is not None and task is not None:
            # One hop for both sides of the boundary: the parent's task shows the same value.
            inside = leaf
            if read_leaf(task.input_data, ("workflowInput", *leaf)) is not MISSING:
                inside = ("workflowInput", *leaf)
            return self.step(_Spot(parent, task, "input", inside))
        what = f"start input, {format_leaf(leaf)}" if leaf else "start input"
        return _Step(_hop(spot, what, value, self._start_note(state)), None)

    def _start_note(self, state: WorkflowState) -> str:
        if state.branch is not None:
            return f"input of a branch of {state.branch.get('workflow_id', '')}"
        for event in self._events.get(state.workflow_id, ()):
            if event.kind is EventKind.WORKFLOW_STARTED:
                return start_words(event.actor)
        return f"given by {state.created_by} at the start" if state.created_by else ""

    # -- outputs ---------------------------------------------------------------------------

    def _task_output(self, spot: _Spot, task: TaskState) -> _Step:
        value = _read(task.output_data, spot.leaf)
        what = f"{task.base_reference} returned {format_leaf(spot.leaf) or 'its output'}"
        if task.reused_from:
            of = task.reused_from.get("workflow_id", "")
            what += f" (reused from {of})" if of else " (reused)"
        through = self._engine_made(spot, task, what, value)
        if through is not None:
            return through
        if task.task_type in _GIVEN:
            by = f"given by {task.worker_id}" if task.worker_id else "given from outside"
            return _Step(_hop(spot, what, value, by), None)
        if task.task_type in _ASKS_OUTSIDE:
            return _Step(_hop(spot, what, value, _outside_note(task)), None)
        chosen = choose_input(task, spot.leaf, value)
        if chosen.entry is None:
            return _Step(_hop(spot, what, value, chosen.note), None)
        return self._through(spot, task, chosen.entry, (), what, value, chosen.note)

    def _engine_made(self, spot: _Spot, task: TaskState, what: str, value: Any) -> _Step | None:
        """The step back through an output that the engine put together itself."""
        leaf = spot.leaf
        if task.task_type == "SUB_WORKFLOW":
            return self._child_output(spot, task, what, value)
        if task.task_type in ("JOIN", "EXCLUSIVE_JOIN") and leaf:
            joined = spot.state.task(str(leaf[0]))
            if joined is not None and joined.seq < task.seq + len(spot.state.tasks):
                hop = _hop(spot, what, value, f"collected from {joined.reference_task_name}")
                return _Step(hop, _Spot(spot.state, joined, "output", leaf[1:]))
        if task.task_type == "DO_WHILE" and len(leaf) > 1 and str(leaf[0]).isdecimal():
            body = spot.state.task(f"{leaf[1]}__{leaf[0]}")
            if body is not None:
                hop = _hop(spot, what, value, f"collected in iteration {leaf[0]}")
                return _Step(hop, _Spot(spot.state, body, "output", leaf[2:]))
        if task.task_type in ("SWITCH", "DECISION") and task.origins:
            return self._through(spot, task, task.origins[0], (), what, value, "chosen by its case")
        return None

    def _child_output(self, spot: _Spot, task: TaskState, what: str, value: Any) -> _Step:
        child = self._states.get(task.sub_workflow_id or "")
        if child is None or not spot.leaf:
            return _Step(_hop(spot, what, value), None)
        note = f"output of {child.definition.name}"
        templates = child.definition.output_parameters
        if not templates:
            last = max(child.tasks.values(), key=lambda record: record.seq, default=None)
            following = _Spot(child, last, "output", spot.leaf) if last is not None else None
            return _Step(_hop(spot, what, value, note), following)
        for path, text in expressions_in(templates):
            if not starts_with(spot.leaf, path):
                continue
            source = source_of(child, None, {"expression": text})
            rest = source.leaf + spot.leaf[len(path) :]
            hop = _hop(spot, what, value, note, text)
            if source.kind == "task":
                return _Step(hop, _Spot(child, source.task, source.side, rest))
            if source.kind == "workflow_input":
                return _Step(hop, _Spot(child, None, "input", rest))
            if source.kind == "variable" and (
                writers := writers_of(child, str(rest[0]) if rest else "", None)
            ):
                return _Step(hop, _Spot(child, writers[-1], "input", rest))
            return _Step(hop, None)
        return _Step(_hop(spot, what, value, f"{note}, a constant of the definition"), None)


def destinations(
    states: Mapping[str, WorkflowState],
    workflow_id: str,
    task_id: str,
    leaf_path: str,
    side: Side = "output",
) -> list[Hop]:
    """Return every later place that used a value, in order of use.

    Followed through what only hands values on: joins, loops, variables, sub-workflow inputs
    and outputs. What a worker computed from the value is its destination, not a way through.

    Args:
        states: The executions of the tree by id.
        workflow_id: The execution the value sits in.
        task_id: The attempt that holds it; empty for the execution's own input.
        leaf_path: Where in the input or output.
        side: ``input`` for a leaf of the task's input.

    Raises:
        KeyError: The execution or the task is unknown.
    """
    state = states[workflow_id]
    task = state.tasks[task_id] if task_id else None
    leaf = parse_leaf(leaf_path)
    result = []
    for use in uses_of(states, state, task, side if task is not None else "input", leaf):
        where = _Spot(use.state, use.task, use.side, use.leaf)
        data = use.state.output if use.task is None else use.task.input_data
        owner = use.task.base_reference if use.task is not None else use.state.definition.name
        word = "input" if use.task is not None else "output"
        wrapped = ("workflowInput", *use.leaf)
        inside = wrapped if read_leaf(data, wrapped) is not MISSING else use.leaf
        what = f"{owner} {word}{_dotted(without_wrapper(inside))}"
        result.append(_hop(where, what, _read(data, inside), use.note, use.expression))
    return result


def _hop(
    spot: _Spot,
    what: str,
    value: Any,
    note: str = "",
    expression: str = "",
    fallback: bool = False,
) -> Hop:
    state, task = spot.state, spot.task
    own = state.path or (state.definition.name if state.definition is not None else "")
    return Hop(
        path=task.path if task is not None else own,
        task_id=task.task_id if task is not None else "",
        workflow_id=state.workflow_id,
        what=what,
        value=value,
        note=note,
        expression=expression,
        fallback=fallback,
    )


def _is_edited(state: WorkflowState, task: TaskState, leaf: LeafPath) -> bool:
    """Whether a leaf holds what a person put there when branching."""
    edits = ((state.branch or {}).get("edits") or {}).get(task.reference_task_name)
    typed = read_leaf(edits, without_wrapper(leaf)) if leaf else MISSING
    return typed is not MISSING and bool(typed == read_leaf(task.input_data, leaf))


def _constant_note(state: WorkflowState, task: TaskState, leaf: LeafPath) -> str:
    """Why no expression is behind a leaf of an input."""
    node = state.definition.nodes.get(task.node) if state.definition is not None else None
    wire = task.workflow_task or (node.wire if node is not None else None) or {}
    parameters = wire.get("inputParameters") or {}
    if read_leaf(parameters, leaf) is not MISSING:
        return f"constant in the definition, {task.base_reference}.inputParameters{_dotted(leaf)}"
    if read_leaf(parameters, leaf[1:]) is not MISSING and leaf[:1] == ("workflowInput",):
        return "constant in the definition"
    template = node.settings.input_template if node is not None and node.settings else {}
    if leaf and read_leaf(template, leaf) is not MISSING:
        return "default of the task definition (inputTemplate)"
    if read_leaf(task.input_data, leaf) is MISSING:
        return "not among the inputs"
    return "set by the engine"


def _outside_note(task: TaskState) -> str:
    request = task.input_data.get("http_request") or task.input_data
    uri = request.get("uri") if isinstance(request, dict) else None
    return f"answer of {uri}" if isinstance(uri, str) else "from outside"


def _read(data: Any, leaf: LeafPath) -> Any:
    value = read_leaf(data, leaf)
    return None if value is MISSING else value


def _dotted(leaf: LeafPath) -> str:
    text = format_leaf(leaf)
    return text if not text or text.startswith("[") else f".{text}"
