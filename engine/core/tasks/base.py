"""The protocol every task type follows, and what most of them share.

Adding a type: one file here with one class, one line in ``registry.py``, one decision-table
test, one golden history. A type that does I/O is an ordinary queued task to the core; the I/O
lives in ``engine/workers``.

Life of a record: ``schedule`` drafts it (with its children, depth first, so that the order of
``seq`` is Conductor's), ``on_scheduled`` may ask for effects, ``revisit`` moves it on in every
decision while it is open, ``cancel`` adds what must happen when it is cancelled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from ...errors import Problem
from ...models.enums import TaskStatus
from ..checks import hold_output, output_schema
from ..definition import Node
from ..effects import EndChild
from ..events import EventKind
from ..expressions import apply_input_template
from ..limits import output_refusal
from ..state import TaskState
from ..turn import Draft, NeedsEvaluation, Placement, Turn

if TYPE_CHECKING:
    from ...models.definitions import WorkflowTask

JsonSchema = Mapping[str, Any]


class TaskType:
    """What the decider asks of a task type. The base behaves like a worker's task."""

    name: str = ""
    summary: str = ""
    """One sentence for the palette and the reference."""
    input_schema: JsonSchema = {"type": "object"}
    """JSON schema of the input: the form in the studio and the table in the reference."""
    keys: Mapping[str, str] = {}
    """Keys of the workflow task itself that count beside the common ones, each in one sentence."""
    output: str = ""
    """What the output holds, in one sentence; empty: what a worker answers, or nothing."""
    is_system: ClassVar[bool] = True
    """Not polled by workers outside: no domain, and IN_PROGRESS updates stay IN_PROGRESS."""
    is_offered_again: ClassVar[bool] = False
    """An IN_PROGRESS update puts the task back into its queue, as it does with a worker's."""
    auto_retry: ClassVar[bool] = True
    """Whether a failed attempt may be followed by another (semantics reference §5.1)."""
    uses_input_template: ClassVar[bool] = False
    knows_task_id: ClassVar[bool] = True
    """Whether ``${CPEWF_TASK_ID}`` is the record's id in its input, or stays as it is."""
    initial_status: ClassVar[TaskStatus] = TaskStatus.IN_PROGRESS
    revisits: ClassVar[bool] = True
    stays_open: ClassVar[bool] = False
    """Open until something outside the decider moves it, unlike what is decided at once."""
    acts_aside: ClassVar[bool] = False
    """Ends outside the decisions (a worker's answer, a queue of its own), not within one."""
    reopens_in_place: ClassVar[bool] = False
    """An operator's retry reopens the same record (JOIN, DO_WHILE) instead of a new attempt."""
    counts_reopening: ClassVar[bool] = False
    """Whether a failed record that is reopened in place counts it as another attempt."""

    @property
    def kind(self) -> str:
        """``decided`` at once, ``open`` until something moves it, ``queued`` for a worker of this
        process, or ``worker``: for workers outside."""
        if not self.is_system:
            return "worker"
        return "open" if self.stays_open else "decided"

    def described(self) -> dict[str, Any]:
        """What a palette shows of the type, in wire form."""
        return {
            "name": self.name,
            "kind": self.kind,
            "summary": self.summary,
            "isRetried": self.auto_retry,
            "keys": dict(self.keys),
            "inputSchema": dict(self.input_schema),
            "output": self.output,
        }

    def problems(self, task: WorkflowTask) -> Iterable[Problem]:
        """What is wrong with a workflow task of this type, beyond Conductor's own rules.

        Paths are relative to the task. The engine's own types have nothing to add: what Conductor
        checks when a definition is registered is in ``engine.models.task_rules``.
        """
        return ()

    @property
    def rerun_status(self) -> TaskStatus:
        """Status of the record when an operator reruns it (semantics reference §6.4)."""
        return self.initial_status

    def rerun_changes(self, turn: Turn, given: dict[str, Any]) -> dict[str, Any]:
        """What else changes in a record that an operator reruns with an input."""
        return {}

    def record_type(self, node: Node) -> str:
        """``taskType`` of the record."""
        return node.type

    def definition_name(self, node: Node) -> str:
        """``taskDefName`` of the record."""
        return node.name

    def schedule(self, turn: Turn, node: Node, place: Placement) -> list[Draft]:
        """Draft the record and those that must be created with it.

        Raises:
            NeedsEvaluation: A script has to run first; nothing was emitted.
            Terminate: The execution can't go on.
        """
        return [self.draft(turn, node, place)]

    def draft(self, turn: Turn, node: Node, place: Placement) -> Draft:
        """Draft the record itself with its resolved input."""
        draft = turn.draft(node, place)
        data = draft.data
        data["task_type"] = self.record_type(node)
        data["task_def_name"] = self.definition_name(node)
        data["status"] = str(self.initial_status)
        if self.revisits and not self.initial_status.is_terminal:
            data["revisit"] = True
        self.bind_input(turn, draft)
        return draft

    def bind_input(self, turn: Turn, draft: Draft) -> None:
        """Resolve the input parameters into the draft, with where each leaf came from."""
        node = draft.node
        template = node.input_parameters
        defaults = node.settings.input_template if node.settings else {}
        if defaults and self.uses_input_template:
            template = {**defaults, **template}
        resolution = turn.resolve(template, draft.task_id if self.knows_task_id else None)
        value = resolution.value
        if defaults and self.uses_input_template:
            value = apply_input_template(value, defaults)
        edits = self.edits(turn, draft)
        if edits:  # replayed with edited input: what a person typed wins over expressions
            value = {**(value or {}), **edits}
            draft.data["edited"] = sorted(edits)
        if value:
            draft.data["input"] = value
        if resolution.origins:
            draft.data["origins"] = resolution.origins

    def input_again(self, given: dict[str, Any]) -> dict[str, Any]:
        """What of a freshly drafted input is laid over that of the attempt before."""
        return given

    def edits(self, turn: Turn, draft: Draft) -> dict[str, Any]:
        """Keys of the input that a person replaced when this execution was branched here."""
        edits: dict[str, Any] = (turn.state.branch or {}).get("edits", {}).get(draft.reference)
        return edits or {}

    def begin(self, turn: Turn, task: TaskState) -> None:
        """A record has been opened: go on at once unless its input has to be checked first."""
        if not task.awaiting_check:
            self.on_scheduled(turn, task)

    def on_scheduled(self, turn: Turn, task: TaskState) -> None:
        """Called once the record exists and its input is known to be right."""

    def revisit(self, turn: Turn, task: TaskState) -> None:
        """Move an open record on, if the state allows it."""

    def look_ahead(self, turn: Turn, task: TaskState) -> None:
        """Called on an open loop before any loop acts.

        Raises:
            NeedsEvaluation: It would act now if the script of its condition had run.
        """

    def revisit_paused(self, turn: Turn, task: TaskState) -> None:
        """Move an open record on that a paused execution does not hold up."""

    def failed_inside(self, turn: Turn, task: TaskState, record: TaskState) -> None:
        """Called on the open record around one that failed in the moment it was recorded."""

    def cancel(self, turn: Turn, task: TaskState, reason: str) -> dict[str, Any]:
        """What must happen before an open record is cancelled; returns what it takes with it.

        Called on all of them before the first is cancelled.
        """
        return {}


class WorkerTaskType(TaskType):
    """A task that a worker polls for."""

    is_system = False
    initial_status = TaskStatus.SCHEDULED
    revisits = False
    acts_aside = True
    uses_input_template = True

    def draft(self, turn: Turn, node: Node, place: Placement) -> Draft:
        """A queued record with the limits of its task definition."""
        draft = super().draft(turn, node, place)
        data = draft.data
        settings = node.settings
        if settings is not None:
            if settings.response_timeout_seconds:
                data["response_timeout_seconds"] = settings.response_timeout_seconds
            if settings.rate_limit_per_frequency:
                data["rate_limit_per_frequency"] = settings.rate_limit_per_frequency
                data["rate_limit_frequency_in_seconds"] = settings.rate_limit_frequency_in_seconds
        if turn.state.task_to_domain:
            domain = choose_domain(turn, data["task_type"])
            if domain:
                data["domain"] = domain
        delay_start(turn, draft)
        return draft


ACTIVE_POLL_MS = 10_000


def choose_domain(turn: Turn, task_type: str) -> str | None:
    """The domain a worker's task is queued in (semantics reference §8.4).

    The first one of the list that somebody has polled within ten seconds, else the last entry;
    ``NO_DOMAIN`` stands for none.
    """
    mapping = turn.state.task_to_domain
    listed = mapping.get(task_type, mapping.get("*"))
    if not listed:
        return None
    names = [name.strip() for name in listed.split(",")]
    for name in names:
        if name == "NO_DOMAIN":
            continue
        polled = turn.last_polls.get((task_type, name))
        if polled is not None and turn.now.wall_ms - polled[1] <= ACTIVE_POLL_MS:
            return name
    return None if names[-1] == "NO_DOMAIN" else names[-1]


def delay_start(turn: Turn, draft: Draft) -> None:
    """Hold a queued record back for the node's ``startDelay``."""
    if draft.node.start_delay > 0:
        draft.data["start_delay_in_seconds"] = draft.node.start_delay
        draft.data["callback_after_seconds"] = draft.node.start_delay
        draft.data["not_before_ms"] = turn.now.wall_ms + draft.node.start_delay * 1000


def complete(
    turn: Turn,
    task: TaskState,
    output: dict[str, Any] | None = None,
    status: TaskStatus = TaskStatus.COMPLETED,
    parent: int = 0,
    **data: Any,
) -> None:
    """End a record successfully; ``output`` None keeps what it has, too large a one fails it."""
    if output is not None:
        too_large = output_refusal(turn.state.workflow_id, task.task_id, output)
        if too_large is not None:
            refused = TaskStatus.FAILED_WITH_TERMINAL_ERROR
            fail(turn, task, too_large, refused, {}, parent, **data)
            return
        data["output"] = output
    if status is TaskStatus.COMPLETED and output_schema(turn, task) is not None:
        hold_output(turn, task, data)
        return
    turn.emit(EventKind.TASK_COMPLETED, {"status": str(status), **data}, task, parent)


def fail(
    turn: Turn,
    task: TaskState,
    reason: str,
    status: TaskStatus = TaskStatus.FAILED,
    output: dict[str, Any] | None = None,
    parent: int = 0,
    **data: Any,
) -> None:
    """End a record unsuccessfully with a reason a person can read."""
    if output is not None:
        data["output"] = output
    data = {"status": str(status), "reason": reason, **data}
    turn.emit(EventKind.TASK_FAILED, data, task, parent)


def outcome_of(
    turn: Turn, task: TaskState, evaluator: str, source: str, value: Any
) -> dict[str, Any] | None:
    """The outcome of a script for an open record, or None after asking for it."""
    try:
        return turn.evaluation(task.task_id, evaluator, source, value, task.path)
    except NeedsEvaluation as need:
        turn.needs_evaluation(need.request)
        return None


def task_type_of(turn: Turn, task: TaskState) -> TaskType:
    """The task type of a record."""
    node = turn.node_of(task)
    name = node.type if node is not None else task.task_type
    task_type: TaskType = turn.types[name]
    return task_type


def end_child(turn: Turn, task: TaskState, reason: str) -> None:
    """Ask for the running sub-workflow of a record to be terminated."""
    if task.sub_workflow_id:
        turn.effects.append(EndChild(task.sub_workflow_id, reason))
