"""History events: the recorded facts an execution consists of.

Rules of this file
  1. An execution *is* its events, numbered from 1 without a gap. Everything else is derived.
  2. An event says what happened, with every value that the fold needs: an id, a resolved input,
     a moment. The fold never looks anything up but the definition an event names by its hash.
  3. ``parent`` is the number of the event in the same execution that caused this one (0: none).
     A cause in another execution is in ``data["cause"] = {"workflow_id", "number"}``.
  4. Kinds and keys of ``data`` are only ever added to: histories are read by later versions.

Any kind may have ``external``: where payloads above a size are kept, by key (``core.payloads``).

What ``data`` holds, by kind (keys absent when empty):

WorkflowStarted      name, version, definition_hash, input, variables, correlation_id, priority,
                     parent_workflow_id, parent_workflow_task_id, task_to_domain, event,
                     created_by, idempotency_key, cause,
                     check_input (its schema has still to be applied), rate_limit_key,
                     logic (which rules it is decided by: ``LOGIC``; absent: 1),
                     branch {workflow_id, event_number, task_id, reference, path, edits, root_id},
                     imported {source, at}: made from what another server showed; the last event
                     of such an import has seen: the hash of what was shown
TaskScheduled        one new attempt: every field of ``TaskState`` it starts with
                     (task_type, task_def_name, node, status, input, seq, start_delay_seconds,
                     callback_after_seconds, not_before_ms, retried_task_id, domain, …),
                     origins [{path, expression, source, source_task_id, source_event,
                     source_path, fallback}], settles [task ids whose successors are now known],
                     by_operator, shares_input (the attempt before shows this input, too)
TaskReused           the same, with source {workflow_id, task_id, event_number}: taken over
                     finished from the execution this one branched from
TaskStarted          worker_id, poll_count            (polled by a worker, or begun by the engine)
TaskUpdated          output, reason, worker_id, callback_after_seconds, not_before_ms, status,
                     awaiting_check (a schema has still to be applied; "": it has been),
                     begun, async_complete
LeaseExtended        worker_id
TaskCompleted        status, output, worker_id, reason,
                     taken [ids of the workflow messages that went into the output]
TaskFailed           status, reason, output, worker_id, error {type, message, frames}
TaskTimedOut         status, reason, timeout (which of the four)
TaskCanceled         reason
TaskReset            in-place revival by an operator action: the fields that change
TasksEvaluated       task_ids: terminal tasks whose successors (none new) are now known
TasksRemoved         task_ids: records an operator action or keepLastN deleted
BranchChosen         case, expression, evaluator_type, has_children
LoopIterated         iteration, output (of the loop so far), loop_item, loop_index
LoopConditionEvaluated iteration, expression, value
ExpressionEvaluated  key, result | error {message, kind}
VariablesSet         variables (only those written)
SubWorkflowStarted   sub_workflow_id, task fields that change
OutputSet            output (of the execution)
WorkflowAdmitted     with_parent (below an execution that holds the slot): nothing begins before
MessageReceived      message {id, workflowId, payload, receivedAt}, forgets (those before, too old)
WorkflowPaused, WorkflowResumed, WorkflowRetried, WorkflowRevived   reason
WorkflowRestarted, WorkflowRerun   definition_hash, input, correlation_id, check_input
WorkflowEnded        status, output, reason, failed_task_id
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import msgspec


class EventKind(StrEnum):
    """What happened. Past participles, stable for ever."""

    WORKFLOW_STARTED = "WorkflowStarted"
    WORKFLOW_ADMITTED = "WorkflowAdmitted"
    WORKFLOW_PAUSED = "WorkflowPaused"
    WORKFLOW_RESUMED = "WorkflowResumed"
    WORKFLOW_RETRIED = "WorkflowRetried"
    WORKFLOW_RESTARTED = "WorkflowRestarted"
    WORKFLOW_RERUN = "WorkflowRerun"
    WORKFLOW_REVIVED = "WorkflowRevived"
    WORKFLOW_ENDED = "WorkflowEnded"
    TASK_SCHEDULED = "TaskScheduled"
    TASK_REUSED = "TaskReused"
    TASK_STARTED = "TaskStarted"
    TASK_UPDATED = "TaskUpdated"
    LEASE_EXTENDED = "LeaseExtended"
    TASK_COMPLETED = "TaskCompleted"
    TASK_FAILED = "TaskFailed"
    TASK_TIMED_OUT = "TaskTimedOut"
    TASK_CANCELED = "TaskCanceled"
    TASK_RESET = "TaskReset"
    TASKS_EVALUATED = "TasksEvaluated"
    TASKS_REMOVED = "TasksRemoved"
    BRANCH_CHOSEN = "BranchChosen"
    LOOP_ITERATED = "LoopIterated"
    LOOP_CONDITION_EVALUATED = "LoopConditionEvaluated"
    EXPRESSION_EVALUATED = "ExpressionEvaluated"
    VARIABLES_SET = "VariablesSet"
    SUB_WORKFLOW_STARTED = "SubWorkflowStarted"
    OUTPUT_SET = "OutputSet"
    MESSAGE_RECEIVED = "MessageReceived"


LOGIC: Final = 3
"""Version of the rules that new executions are decided by; older histories keep theirs.

1: each ended task by itself, in the order of their ends. 2: in rounds (``rounds``). 3: while an
execution is paused its tasks don't time out, and a branch that failed for good ends its JOIN.
"""
IN_ROUNDS: Final = 2
"""The first version that decides in rounds."""
PAUSED_AS_CONDUCTOR: Final = 3
"""The first version that knows what goes on in a paused execution, and what waits."""


class Moment(msgspec.Struct, frozen=True, gc=False):
    """One reading of both clocks, taken by the runtime and handed to the core."""

    wall_ms: int
    """Epoch milliseconds, UTC."""
    monotonic_ns: int = 0
    """Never goes back within a process; orders events inside one millisecond."""


class HistoryEvent(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """One recorded fact of one execution. See the module text for ``data``."""

    workflow_id: str
    number: int
    kind: EventKind
    wall_ms: int
    monotonic_ns: int = 0
    parent: int = 0
    actor: str = "engine"
    """``engine``, ``worker:<id>``, ``user:<name>`` or ``workflow:<id>`` (a parent or child); of a
    start also ``form`` (the studio's, on this machine) or ``sample:<name>``."""
    task_id: str = ""
    reference: str = ""
    """Reference name of the task, with its ``__N`` suffix inside a loop."""
    attempt: int = 0
    iteration: int = 0
    path: str = ""
    """Run path: ``order_flow/fulfil/line_items[37]/charge_card`` (no attempt)."""
    data: dict[str, Any] = {}


PAYLOAD_KEYS = ("output", "input", "result", "variables")
"""Keys of ``data`` whose value is stored once by hash in the history; first present one counts."""
