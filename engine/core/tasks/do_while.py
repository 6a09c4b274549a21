"""DO_WHILE: repeats its body while a condition holds, or once per item (semantics §5.12)."""

from __future__ import annotations

import re
from typing import Any

from ...models.enums import TaskStatus
from ..definition import Node
from ..events import IN_ROUNDS, EventKind
from ..gathering import body_records
from ..mapping import body_placement, map_first
from ..state import TaskState
from ..turn import NeedsEvaluation, Turn
from .base import TaskType, complete, fail


class DoWhileTask(TaskType):
    """A loop. Every task of its body carries the iteration as ``__N`` in its reference."""

    name = "DO_WHILE"
    summary = "Repeat the tasks inside while a condition holds, or once per item."
    stays_open = True
    keys = {
        "loopCondition": "JavaScript; `true` starts another iteration. `$` is the input, "
        "`$.<reference>` the output of a task inside or of the loop itself.",
        "loopOver": "The tasks inside.",
        "items": "A list, or an expression that gives one: one iteration for each item.",
    }
    output = "`iteration`; by number of the iteration the outputs of its tasks; with items also "
    output += "`loopIndex` (from 0) and `loopItem`."
    input_schema = {
        "type": "object",
        "properties": {
            "keepLastN": {
                "type": "integer",
                "description": "How many iterations are kept; older outputs and records go.",
            },
            "_items": {"description": "The items, where the node's `items` is not used."},
        },
    }
    auto_retry = False
    uses_input_template = True
    reopens_in_place = True
    counts_reopening = True

    @property
    def rerun_status(self) -> TaskStatus:
        """As measured: rerun leaves it SCHEDULED, and it goes on from there."""
        return TaskStatus.SCHEDULED

    def revisit(self, turn: Turn, task: TaskState) -> None:
        """Start the first iteration, or the next one when the present one is done."""
        node = turn.node_of(task)
        if node is None:
            return
        if not task.loop_over_task:
            self._begin(turn, node, task)
            return
        records = body_records(turn.state, node, task)
        if not records or records[0].node != node.loop_over[0].reference:
            # The iteration has begun but a script has to choose its first task, or a branch or a
            # rerun begins with it.
            self._schedule_body(turn, node, task)
            return
        failed = next((r for r in records if _failed_for_good(r)), None)
        if failed is not None:
            self._fail(turn, task, records, failed)
        elif self._iteration_is_done(turn, node, task, records):
            self._after_iteration(turn, node, task, records)

    def _fail(
        self, turn: Turn, task: TaskState, records: list[TaskState], failed: TaskState
    ) -> None:
        """A permissive task of the body failed: the loop does not wait for the others."""
        done = records[: records.index(failed) + 1]
        outputs = {str(task.iteration): {r.node: r.output_data for r in done}}
        reason = f"{failed.reason_for_incompletion} "
        output = {**task.output_data, **outputs}
        fail(turn, task, reason, output=output, parent=failed.last_event)

    def look_ahead(self, turn: Turn, task: TaskState) -> None:
        """Ask for the condition if the present iteration is done."""
        node = turn.node_of(task)
        if node is None or not task.loop_over_task:
            return
        records = body_records(turn.state, node, task)
        if records and self._iteration_is_done(turn, node, task, records):
            outputs = {str(task.iteration): {r.node: r.output_data for r in records}}
            self._condition_outcome(turn, node, task, outputs)

    def failed_inside(self, turn: Turn, task: TaskState, record: TaskState) -> None:
        """The loop fails with a task that failed as it was recorded, before the execution ends.

        A loop around the loop around it takes part only when both are in the same iteration: a
        reference has but one number, and Conductor finds a loop's records by that.
        """
        node = turn.node_of(task)
        records = [] if node is None else body_records(turn.state, node, task)
        if record in records:
            self._fail(turn, task, records, record)

    def _begin(self, turn: Turn, node: Node, task: TaskState) -> None:
        items = _items(turn, node)
        if items is not None and not items:
            complete(turn, task, {"iteration": 0})
            return
        extra = _item_output(items, 1)
        self._start_iteration(turn, node, task, 1, extra, [])

    def _start_iteration(
        self,
        turn: Turn,
        node: Node,
        task: TaskState,
        iteration: int,
        collected: dict[str, Any],
        forget: list[str],
    ) -> None:
        """Record the iteration and schedule the first task of the body."""
        data: dict[str, Any] = {
            "iteration": iteration,
            "collected": {**collected, "iteration": iteration},
        }
        if forget:
            data["forget"] = forget
        turn.emit(EventKind.LOOP_ITERATED, data, task)
        self._schedule_body(turn, node, turn.state.tasks[task.task_id])

    def _schedule_body(self, turn: Turn, node: Node, loop: TaskState) -> None:
        """Schedule the first task of the present iteration."""
        drafts = map_first(turn, node.loop_over, body_placement(loop, loop.iteration))
        scheduled = [(d, turn.emit_scheduled(d, loop.last_event, None)) for d in drafts]
        for draft, record in scheduled:
            turn.types[draft.node.type].begin(turn, record)

    def _iteration_is_done(
        self, turn: Turn, node: Node, task: TaskState, records: list[TaskState]
    ) -> bool:
        if any(not r.status.is_terminal or not (r.executed or r.retried) for r in records):
            return False
        present = {r.node for r in records}
        return all(direct.reference in present for direct in node.loop_over)

    def _after_iteration(
        self, turn: Turn, node: Node, task: TaskState, records: list[TaskState]
    ) -> None:
        outputs = {str(task.iteration): {r.node: r.output_data for r in records}}
        try:
            goes_on = self._goes_on(turn, node, task, outputs)
        except NeedsEvaluation as need:
            turn.needs_evaluation(need.request)
            return
        if goes_on is None:
            return
        task = turn.state.tasks[task.task_id]
        keep = _keep_last(node)
        forget = []
        if keep:  # else a look through all that a long loop has gathered, in every iteration
            last = task.iteration - keep
            forget = [k for k in task.output_data if k.isdigit() and int(k) <= last]
        items = _items(turn, node)
        if goes_on:
            iteration = task.iteration + 1
            extra = _item_output(items, iteration)
            self._start_iteration(turn, node, task, iteration, {**outputs, **extra}, forget)
            if keep:
                self._remove_records(turn, node, task, iteration - keep)
            return
        output = {k: v for k, v in task.output_data.items() if k not in forget}
        complete(turn, task, {**output, **outputs}, parent=max(r.last_event for r in records))

    def _goes_on(
        self, turn: Turn, node: Node, task: TaskState, outputs: dict[str, Any]
    ) -> bool | None:
        """Whether another iteration follows; None when the record was failed instead."""
        condition = node.wire.get("loopCondition")
        items = _items(turn, node)
        if items is not None and task.iteration >= len(items):
            return False
        outcome = self._condition_outcome(turn, node, task, outputs)
        if outcome is None:
            return items is not None
        key = f"{task.task_id}:{task.iteration}"
        if "error" in outcome:
            message = outcome["error"]["message"]
            fail(
                turn,
                task,
                f"Unable to evaluate condition {condition}, exception {message}",
                TaskStatus.FAILED_WITH_TERMINAL_ERROR,
                {**task.output_data, **outputs},
                evaluation=key,
            )
            return None
        value = bool(outcome.get("result"))
        turn.emit(
            EventKind.LOOP_CONDITION_EVALUATED,
            {
                "at_iteration": task.iteration,
                "expression": condition,
                "value": value,
                "evaluation": key,
            },
            task,
        )
        return value

    def _condition_outcome(
        self, turn: Turn, node: Node, task: TaskState, outputs: dict[str, Any]
    ) -> dict[str, Any] | None:
        """What the condition gave; None where there is none, or the items have run out.

        Raises:
            NeedsEvaluation: It has not run yet.
        """
        condition = node.wire.get("loopCondition")
        items = _items(turn, node)
        if not condition or (items is not None and task.iteration >= len(items)):
            return None
        context = self._context(turn, node, task, outputs, condition)
        key = f"{task.task_id}:{task.iteration}"
        return turn.evaluation(key, "condition", condition, context, task.path)

    def _context(
        self, turn: Turn, node: Node, task: TaskState, outputs: dict[str, Any], condition: str
    ) -> dict[str, Any]:
        """What the condition reads as ``$``: inputs, the loop's output, the bodies' outputs."""
        context = dict(turn.resolve(node.input_parameters, task.task_id).value or {})
        loop_output: dict[str, Any] = {"iteration": task.iteration}
        if _reads_iterations(condition, node.reference):
            loop_output = {**task.output_data, **outputs, "iteration": task.iteration}
        counters = task.loop_counters
        for key in ("loopIndex", "loopItem"):
            if key in counters:
                loop_output[key] = context[key] = counters[key]
        context[node.reference] = loop_output
        for reference in node.body_references:
            record = turn.state.task(f"{reference}__{task.iteration}")
            if record is not None:
                context[reference] = record.output_data
        return context

    def cancel(self, turn: Turn, task: TaskState, reason: str) -> dict[str, Any]:
        """A loop shows what its present iteration had got to when the engine itself ended it.

        A script that fails or a TERMINATE acts in the very decision that the loop takes part in.
        A worker's answer, an operator or a time-out ends the execution before the loop looks
        again.
        """
        node = turn.node_of(task)
        state = turn.state
        unprocessed = [state.tasks[task_id] for task_id in state.unprocessed]
        ended_by_engine = any(_ended_in_decision(turn, t) for t in unprocessed)
        if node is None or not ended_by_engine:
            return {}
        collected = {
            r.node: r.output_data
            for r in body_records(turn.state, node, task)
            if r.executed or _shows_when_canceled(turn, r)
        }
        if not collected:
            return {}
        return {"output": {**task.output_data, str(task.iteration): collected}}

    def _remove_records(self, turn: Turn, node: Node, task: TaskState, last: int) -> None:
        """Delete the records of iterations up to ``last`` (``keepLastN``).

        They go one iteration earlier than their outputs: when an iteration begins, the records of
        the one before are gone, as measured on the real server.
        """
        inside = set(node.body_references)
        doomed = [
            t.task_id
            for t in turn.state.tasks.values()
            if t.node in inside and 0 < t.iteration <= last and t.seq > task.seq
        ]
        if doomed:
            turn.emit(EventKind.TASKS_REMOVED, {"task_ids": doomed})


def _ended_in_decision(turn: Turn, task: TaskState) -> bool:
    node = turn.node_of(task)
    return task.revisit and node is not None and not turn.types[node.type].acts_aside


def _shows_when_canceled(turn: Turn, record: TaskState) -> bool:
    """Whether a loop that is cancelled shows what a task of this very round has put out."""
    if not record.status.is_terminal:
        return False
    if record.revisit and not record.status.is_successful:
        return True
    if turn.state.logic < IN_ROUNDS or record.task_type == "TERMINATE":
        return False
    return not turn.types[record.task_type].acts_aside


def _failed_for_good(record: TaskState) -> bool:
    """Whether an attempt failed, is not retried, and the flow went on without it."""
    status = record.status
    return status.is_terminal and not status.is_successful and record.executed


def reopened_in(turn: Turn, node: Node, loop: TaskState, path: str) -> dict[str, Any]:
    """Changes that put a loop's record back into the iteration that ``path`` lies in."""
    found = re.search(re.escape(loop.path) + r"\[(\d+)\]", path)
    iteration = int(found[1]) if found else loop.iteration
    output = {
        key: value
        for key, value in loop.output_data.items()
        if key.isdigit() and int(key) < iteration
    }
    item = _item_output(_items(turn, node), iteration)
    return {
        "status": str(TaskStatus.IN_PROGRESS),
        "reason": None,
        "output": {**output, **item, "iteration": iteration},
        "iteration": iteration,
        "end_time": 0,
    }


def _items(turn: Turn, node: Node) -> list[Any] | None:
    """The list a loop runs over, resolved afresh; None in condition mode."""
    template = node.wire.get("items")
    if template is None:
        template = node.input_parameters.get("_items")
        if template is None:
            return None
    value = turn.resolve(template).value
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _keep_last(node: Node) -> int:
    """Iterations to keep, 0 for all; only a literal number counts."""
    keep = node.input_parameters.get("keepLastN")
    return keep if isinstance(keep, int) and not isinstance(keep, bool) else 0


def _item_output(items: list[Any] | None, iteration: int) -> dict[str, Any]:
    if items is None or iteration > len(items):
        return {}
    return {"loopIndex": iteration - 1, "loopItem": items[iteration - 1]}


def _reads_iterations(condition: str, reference: str) -> bool:
    """Whether a condition may read more of the loop's output than its counter.

    Only then is the whole output handed over: otherwise a long loop would send all it has
    gathered in every iteration.
    """
    rest = condition
    for form in (
        f"$.{reference}['iteration']",
        f'$.{reference}["iteration"]',
        f"$.{reference}.iteration",
    ):
        rest = rest.replace(form, "")
    return reference in rest or "Object" in rest or "JSON" in rest
