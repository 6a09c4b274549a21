"""JOIN and EXCLUSIVE_JOIN: wait for branches and gather their outputs (semantics §5.8, §5.9)."""

from __future__ import annotations

from typing import Any

from ...models.enums import TaskStatus
from ..definition import Node
from ..events import IN_ROUNDS, PAUSED_AS_CONDUCTOR
from ..gathering import gathered, joined_records, joined_references, joined_suffix
from ..retries import is_retried
from ..state import TaskState
from ..turn import Draft, Turn
from .base import TaskType, complete, fail, task_type_of


class JoinTask(TaskType):
    """Completes when every reference it waits for has ended."""

    name = "JOIN"
    summary = "Wait for the branches of a fork and gather their outputs."
    stays_open = True
    keys = {
        "joinOn": "References it waits for.",
        "joinMode": "SYNC or ASYNC: how soon Conductor looks again. Here always at once.",
    }
    output = "Output of each reference it waited for, by reference."
    auto_retry = False
    acts_aside = True
    reopens_in_place = True

    @property
    def rerun_status(self) -> TaskStatus:
        """As measured: rerun leaves it SCHEDULED, and it goes on from there."""
        return TaskStatus.SCHEDULED

    def definition_name(self, node: Node) -> str:
        """Conductor shows the type here, not the node's name."""
        return self.name

    def bind_input(self, turn: Turn, draft: Draft) -> None:
        """The record's input is what it waits for; input parameters are ignored."""
        draft.data["input"] = {"joinOn": list(draft.node.join_on)}

    def revisit(self, turn: Turn, task: TaskState) -> None:
        """Gather, fail on the first fatal branch, or go on waiting."""
        if not _still_waits(turn, task):
            self._gather(turn, task)

    def _gather(self, turn: Turn, task: TaskState) -> None:
        references = joined_references(turn.state, task)
        records = joined_records(turn.state, references)
        output = dict(task.output_data)
        still_open = [_is_open(turn, record) for record in records]
        all_ended = not any(still_open)
        for reference, record, is_open in zip(references, records, still_open, strict=True):
            if record is None:
                continue
            if record.output_data:
                output[reference] = record.output_data
            if not is_open and _is_fatal(record, all_ended):
                if turn.state.logic >= IN_ROUNDS:  # with what it had seen before this decision
                    output = {**gathered(turn.state, task, turn.first_event), **output}
                _fail_join(turn, task, records, output)
                return
        if not all_ended:
            return
        parent = max((r.last_event for r in records if r is not None), default=0)
        with_errors = [
            r for r in records if r is not None and r.status is TaskStatus.COMPLETED_WITH_ERRORS
        ]
        if with_errors:
            names = " ".join(f"{r.task_def_name}/{r.task_id}" for r in with_errors)
            reason = f"{names} completed with errors"
            complete(
                turn, task, output, TaskStatus.COMPLETED_WITH_ERRORS, reason=reason, parent=parent
            )
        else:
            complete(turn, task, output, parent=parent)

    def revisit_paused(self, turn: Turn, task: TaskState) -> None:
        """Gathering is no decision: Conductor does it apart, also while an execution is paused.

        A failed branch decides nothing while its next attempt is still to be scheduled.
        """
        if turn.state.logic >= PAUSED_AS_CONDUCTOR:
            # What failed lies anywhere among the branches, and those before it may still be open.
            if _has_failed_since(turn, task) or not _still_waits(turn, task):
                self._gather(turn, task)
            return
        for record in joined_records(turn.state, joined_references(turn.state, task)):
            if record is None:
                return
            node = turn.node_of(record)
            if node is not None and is_retried(record, node, turn.types[node.type]):
                return
        self.revisit(turn, task)

    def cancel(self, turn: Turn, task: TaskState, reason: str) -> dict[str, Any]:
        """Keep what the branches had put out before the decision that ends the execution."""
        output = gathered(turn.state, task, turn.first_event)
        return {"output": output} if output else {}


def _still_waits(turn: Turn, task: TaskState) -> bool:
    """Quick answer for wide forks: the branch that was open last time still is.

    Only a required failure could decide the join before that branch ends: it would have ended
    the execution, unless that is paused. Everything before the branch ended well or is permissive,
    which decides nothing until all have ended. The list is not copied: every branch that ends asks.
    """
    scratch = turn.state.scratch
    listed = task.input_data.get("joinOn") or ()
    if not isinstance(listed, list):
        listed = list(listed)
    suffix = joined_suffix(turn.state, task)
    for position in range(scratch.get(task.task_id, 0), len(listed)):
        record = turn.state.task(f"{listed[position]}{suffix}")
        if _is_open(turn, record):
            scratch[task.task_id] = position
            return True
        if record is not None and not record.status.is_successful and not record.permissive:
            break
    scratch.pop(task.task_id, None)
    return False


def _has_failed_since(turn: Turn, task: TaskState) -> bool:
    """Whether anything has failed since the join of a paused execution was asked last.

    Nothing is looked at twice: what ends while all is paused stays unprocessed, in this order.
    """
    state = turn.state
    note = f"{task.task_id}/failed"
    seen = state.scratch.get(note, 0)
    state.scratch[note] = state.last_event
    for task_id in reversed(state.unprocessed):
        if state.unprocessed[task_id] <= seen:
            return False
        if not state.tasks[task_id].status.is_successful:
            return True
    return False


def _is_open(turn: Turn, record: TaskState | None) -> bool:
    """Whether a branch has not come to its end: no record, one at work, or to be tried again."""
    if record is None or not record.status.is_terminal:
        return True
    if record.status.is_successful or record.task_id not in turn.state.unprocessed:
        return False
    return is_retried(record, turn.node_of(record), task_type_of(turn, record))


def _is_fatal(record: TaskState, all_ended: bool) -> bool:
    if record.status.is_successful or record.optional:
        return False
    return not record.permissive or all_ended


def _fail_join(
    turn: Turn, task: TaskState, records: list[TaskState | None], output: dict[str, Any]
) -> None:
    failed = [r for r in records if r is not None and not r.status.is_successful]
    if turn.state.logic < PAUSED_AS_CONDUCTOR:
        failed = [r for r in failed if not r.optional]
    reason = " ".join(r.reason_for_incompletion or "" for r in failed)
    canceled = all(r.status is TaskStatus.CANCELED for r in failed)
    status = TaskStatus.CANCELED if canceled else TaskStatus.FAILED
    fail(turn, task, reason, status, output, parent=max(r.last_event for r in failed))


class ExclusiveJoinTask(TaskType):
    """Takes the output of the one branch that ran."""

    name = "EXCLUSIVE_JOIN"
    summary = "Take the output of the first branch that exists."
    keys = {
        "joinOn": "References, of which the first that exists counts.",
        "defaultExclusiveJoinTask": "References to look at when none of those exists.",
    }
    output = "The output of that task."
    auto_retry = False
    reopens_in_place = True

    def definition_name(self, node: Node) -> str:
        """Conductor shows the type here, not the node's name."""
        return self.name

    def bind_input(self, turn: Turn, draft: Draft) -> None:
        """The record's input names the candidates and the fallback."""
        draft.data["input"] = {
            "joinOn": list(draft.node.join_on),
            "defaultExclusiveJoinTask": list(draft.node.wire.get("defaultExclusiveJoinTask") or ()),
        }

    def revisit(self, turn: Turn, task: TaskState) -> None:
        """Decide by the first candidate with a record, else by the defaults."""
        for key in ("joinOn", "defaultExclusiveJoinTask"):
            references = joined_references(turn.state, task, key)
            records = joined_records(turn.state, references)
            found = next((r for r in records if r is not None and r.status != "SKIPPED"), None)
            if found is None:
                continue
            if found.status.is_terminal and found.status.is_successful:
                complete(turn, task, dict(found.output_data), parent=found.last_event)
                return
            if found.status.is_terminal:
                # What the switch did not choose has no record, and never will have one.
                all_ended = all(r is None or r.status.is_terminal for r in records)
                if not found.permissive or all_ended:
                    reason = found.reason_for_incompletion or ""
                    fail(turn, task, reason, parent=found.last_event)
                    return
