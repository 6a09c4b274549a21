"""The folded state of one execution.

Rules of this file
  1. Only ``apply`` changes a ``WorkflowState``. Everybody else reads.
  2. ``TaskState`` is frozen; a change replaces the record in ``WorkflowState.tasks``.
  3. ``snapshot`` gives a copy that never changes again: what leaves the decider thread is one.
  4. Times are epoch milliseconds, 0 = not set, as on Conductor's wire.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from ..models.enums import TaskStatus, WorkflowStatus
from .loop_output import LoopOutput

if TYPE_CHECKING:
    from .definition import CompiledDefinition


class TaskError(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a task's function raised, kept apart from the reason text."""

    type: str
    message: str
    frames: list[dict[str, Any]] = []
    """Frames of user code, innermost last: ``{file, line, function, source: [[n, text], …]}``."""


class TaskState(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    gc=False,
    rename={"stored_output": "output_data"},
):
    """One attempt of one task (semantics reference §1.5)."""

    task_id: str
    task_type: str
    task_def_name: str
    reference_task_name: str
    node: str
    """Reference name of the workflow task in the definition: no ``__N`` suffix."""
    status: TaskStatus
    seq: int
    input_data: dict[str, Any] = {}
    stored_output: dict[str, Any] | LoopOutput = {}
    """What ``output_data`` is made from; the iterations of an open loop share theirs."""
    retry_count: int = 0
    retried_task_id: str | None = None
    retried: bool = False
    executed: bool = False
    iteration: int = 0
    loop_over_task: bool = False
    poll_count: int = 0
    scheduled_time: int = 0
    start_time: int = 0
    end_time: int = 0
    update_time: int = 0
    first_scheduled_time: int = 0
    start_delay_in_seconds: int = 0
    callback_after_seconds: int = 0
    not_before_ms: int = 0
    """Earliest moment a worker may be given the task (retry delay, start delay, callback)."""
    wait_until_ms: int = 0
    """Deadline of a WAIT; 0 = none."""
    response_timeout_seconds: int = 0
    worker_id: str | None = None
    domain: str | None = None
    reason_for_incompletion: str | None = None
    workflow_priority: int = 0
    sub_workflow_id: str | None = None
    subworkflow_changed: bool = False
    rate_limit_per_frequency: int = 0
    rate_limit_frequency_in_seconds: int = 0
    optional: bool = False
    permissive: bool = False
    async_complete: bool = False
    begun: bool = False
    """The engine's own worker has done its part: the rest is ``execute`` of a user's system task,
    or somebody else's (asyncComplete)."""
    revisit: bool = False
    """The decider itself moves the task on: every decision looks at it while it is open."""
    external_input_payload_storage_path: str = ""
    """Where ``input_data`` is kept outside the history; empty: it is not."""
    external_output_payload_storage_path: str = ""
    awaiting_check: str = ""
    """``input`` or ``output``: which payload is still to be checked against its schema."""
    error: TaskError | None = None
    child_cause: dict[str, str] | None = None
    """What the sub-workflow of a failed task failed of: ``{path, type, message}``."""
    origins: list[dict[str, Any]] = []
    """Where each leaf of ``input_data`` that an expression filled came from."""
    path: str = ""
    workflow_task: dict[str, Any] | None = None
    """The workflow task itself, for one that the definition does not hold (dynamic forks)."""
    reused_from: dict[str, Any] | None = None
    scheduled_event: int = 0
    last_event: int = 0
    """Number of the event that changed the record last: its version."""

    @property
    def output_data(self) -> dict[str, Any]:
        """What the task has put out. Of an open loop a new dict, which costs by its size."""
        stored = self.stored_output
        return stored.as_dict() if isinstance(stored, LoopOutput) else stored

    @property
    def loop_counters(self) -> dict[str, Any]:
        """``iteration``, ``loopIndex`` and ``loopItem`` of an open loop's output alone."""
        stored = self.stored_output
        if not isinstance(stored, LoopOutput):
            stored = LoopOutput(stored)
        return stored.counters()

    @property
    def base_reference(self) -> str:
        """Reference name as expressions know it: the text before the first ``__``."""
        return self.reference_task_name.split("__", 1)[0]


class WorkflowState:
    """One execution, folded from its events. Read-only outside the fold (``core.apply``).

    ``tasks`` holds every attempt by id in order of ``seq``; ``latest`` the newest attempt of
    each reference; ``unprocessed`` the ended tasks that the next decision has to look at
    (neither retried, nor evaluated, nor skipped); ``revisited`` the open ones that every
    decision looks at; ``scripts`` the open ones that only their own script moves on. These three
    hold the number of the event with which a task came in, in that order. They are kept in step,
    so that a decision costs by what changed, not by what has been.
    """

    __slots__ = (
        "branch",
        "correlation_id",
        "create_time",
        "created_by",
        "definition",
        "definition_hash",
        "end_time",
        "evaluations",
        "event",
        "executed_references",
        "external_input_payload_storage_path",
        "external_output_payload_storage_path",
        "failed_reference_task_names",
        "failed_task_id",
        "failed_task_names",
        "idempotency_key",
        "input",
        "last_event",
        "last_retried_time",
        "last_seq",
        "latest",
        "latest_by_base",
        "latest_loops",
        "logic",
        "messages",
        "open_task_ids",
        "output",
        "parent_workflow_id",
        "parent_workflow_task_id",
        "path",
        "priority",
        "rate_limit_key",
        "rate_limited",
        "reason_for_incompletion",
        "removed_variables",
        "resumed_event",
        "revisited",
        "scratch",
        "scripts",
        "status",
        "stirred_scripts",
        "task_to_domain",
        "tasks",
        "unchecked_input",
        "unattended_events",
        "unprocessed",
        "update_time",
        "variable_writers",
        "variables",
        "workflow_id",
    )

    def __init__(self, workflow_id: str) -> None:
        """An execution before its first event."""
        self.workflow_id = workflow_id
        self.definition: CompiledDefinition = None  # type: ignore[assignment]  # set by WorkflowStarted
        self.definition_hash = ""
        self.status = WorkflowStatus.RUNNING
        self.path = ""
        self.input: dict[str, Any] = {}
        self.output: dict[str, Any] = {}
        self.variables: dict[str, Any] = {}
        self.variable_writers: dict[str, tuple[str, int]] = {}
        self.removed_variables: dict[str, tuple[int, Any]] = {}
        """(seq, value) of variables whose writers' records ``keepLastN`` has deleted."""
        self.correlation_id: str | None = None
        self.priority = 0
        self.parent_workflow_id: str | None = None
        self.parent_workflow_task_id: str | None = None
        self.task_to_domain: dict[str, str] = {}
        self.event: str | None = None
        self.created_by: str | None = None
        self.idempotency_key: str | None = None
        self.external_input_payload_storage_path = ""
        self.external_output_payload_storage_path = ""
        self.rate_limit_key: str | None = None
        self.rate_limited = False
        """Nothing begins before a slot of the workflow's rate limit is free."""
        self.branch: dict[str, Any] | None = None
        self.logic = 1
        """Version of the rules it is decided by (``events.LOGIC``)."""
        self.unchecked_input = False
        """The input has still to be checked against the definition's schema."""
        self.create_time = 0
        self.update_time = 0
        self.end_time = 0
        self.last_retried_time = 0
        self.resumed_event = 0
        """Number of the event that ended the last pause; 0: there was none."""
        self.reason_for_incompletion: str | None = None
        self.failed_reference_task_names: tuple[str, ...] = ()
        self.failed_task_names: tuple[str, ...] = ()
        self.failed_task_id: str | None = None
        self.tasks: dict[str, TaskState] = {}
        self.latest: dict[str, str] = {}
        self.latest_by_base: dict[str, str] = {}
        self.latest_loops: dict[str, str] = {}
        """The newest record of each DO_WHILE, by the reference of its workflow task."""
        self.unprocessed: dict[str, int] = {}
        self.open_task_ids: dict[str, None] = {}
        self.revisited: dict[str, int] = {}
        self.scripts: dict[str, int] = {}
        self.stirred_scripts: dict[str, None] = {}
        """Of ``scripts`` those that changed, or whose outcome has come, since a decision looked at
        them, which takes them out. As little the truth as ``scratch``: too many do no harm."""
        self.scratch: dict[str, Any] = {}
        """Notes a decision leaves to the next one to save work. Never truth, never recorded."""
        self.executed_references: set[str] = set()
        self.evaluations: dict[str, dict[str, Any]] = {}
        self.messages: dict[str, tuple[int, dict[str, Any]]] = {}
        """Waiting workflow messages by id, oldest first: when each came, and itself."""
        self.last_seq = 0
        self.last_event = 0
        self.unattended_events = 0
        """Events since a worker, a person or a second's rest came in between."""

    def task(self, reference: str) -> TaskState | None:
        """The newest attempt of a full reference name (``charge_card__37``), or None."""
        task_id = self.latest.get(reference)
        return None if task_id is None else self.tasks[task_id]

    def open_tasks(self) -> Iterator[TaskState]:
        """Tasks that have not ended, in order of scheduling."""
        for task_id in list(self.open_task_ids):
            yield self.tasks[task_id]

    def snapshot(self) -> WorkflowState:
        """A copy that later events do not reach: containers copied, frozen records shared."""
        copy = WorkflowState(self.workflow_id)
        for name in WorkflowState.__slots__:
            value = getattr(self, name)
            if value.__class__ in (dict, set):
                value = value.copy()
            setattr(copy, name, value)
        return copy
