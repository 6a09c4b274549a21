"""The decider: from a state, the events that move the execution on.

Rules of this file (semantics reference §3)
  1. Deciding reads nothing but its arguments. The same state, moment and registry give the same
     events; folding them and deciding again gives none.
  2. A turn goes round until nothing changes: ended tasks first (retry, or what follows), then
     the open ones the engine moves on itself (scripts, loops, joins), then completion. Joins see
     an attempt only after its retry has been decided.
  3. A script that has not run yet stops only the branch that waits for it; the turn says what to
     run in ``Turn.needs``.
  4. A turn does at most ``MAX_EVENTS`` events; what is left is decided in the next one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ..models.enums import TaskStatus, WorkflowStatus
from . import checks
from .apply import DefinitionOf
from .checks import check_workflow_input
from .definition import CompiledDefinition
from .ending import complete_workflow, end_workflow, permissive_failure, successful_terminate
from .events import IN_ROUNDS, PAUSED_AS_CONDUCTOR, HistoryEvent, Moment
from .limits import SIZE_LIMITS
from .mapping import map_first
from .retries import check_goes_on
from .rounds import process_ended, schedule_drafts, script_at_work
from .state import TaskState, WorkflowState
from .tasks.base import TaskType, task_type_of
from .timeouts import check_task_timeouts, check_workflow_timeout
from .turn import NeedsEvaluation, Placement, Terminate, Turn

MAX_EVENTS: Final = 1000
"""Events one turn may add before others get theirs: an endless loop never starves anyone."""


def decide(
    state: WorkflowState,
    now: Moment,
    task_types: Mapping[str, TaskType],
    definition_of: DefinitionOf | None = None,
    environment: Mapping[str, str] | None = None,
) -> list[HistoryEvent]:
    """Return the events that move one execution forward.

    Pure: none of the arguments is changed. Folding the result and deciding again gives ``[]``.

    Args:
        state: The folded execution. A terminal one yields no events, a paused one only time-outs.
        now: The moment of decision, compared with the deadlines held in ``state``.
        task_types: What each task type does when scheduled and when revisited.
        definition_of: Finds snapshots by hash; only needed where a definition changes.
        environment: What ``${workflow.env.NAME}`` reads.

    Returns:
        Events in order. Empty when only a worker, a timer, a script or a person can go on.
    """
    copy = state.snapshot()
    turn = Turn(copy, now, task_types, definition_of or _no_definitions, environment or {})
    advance(turn, list(copy.open_task_ids))
    return turn.events


def _no_definitions(definition_hash: str) -> CompiledDefinition:
    raise KeyError(definition_hash)


def advance(turn: Turn, due: Iterable[str] = ()) -> bool:
    """Move an execution on until nothing changes, on the turn's own state.

    Args:
        turn: The turn; its state is changed, its events, needs and effects collected.
        due: Open tasks whose deadline may have passed (a timer rang).

    Returns:
        Whether the turn stopped at ``MAX_EVENTS`` and has to be gone on with.
    """
    state = turn.state
    try:
        if turn.is_over:
            return False
        check_workflow_timeout(turn)
        _check_attendance(turn)
        if state.rate_limited or _awaits_input(turn):
            return False
        _check_held_timeouts(turn)
        for task_id in due:
            task = state.tasks.get(task_id)
            if task is not None and not task.status.is_terminal:
                check_task_timeouts(turn, task, turn.node_of(task))
                _act_when_due(turn, task)
        if state.status is WorkflowStatus.PAUSED:
            _revisit_paused(turn)
        while not state.status.is_terminal and state.status is not WorkflowStatus.PAUSED:
            before = state.last_event
            if state.unprocessed:
                process_ended(turn)
            if state.revisited or state.stirred_scripts:
                _revisit_open(turn)
            if state.last_event == before and not _finish(turn):
                break
            if len(turn.events) > MAX_EVENTS:
                return True
    except Terminate as end:
        end_workflow(turn, end.status, end.reason, end.task_id, by_failure=True)
    return False


def _awaits_input(turn: Turn) -> bool:
    """Whether nothing may begin yet because the input has not been checked."""
    if not turn.state.unchecked_input:
        return False
    try:
        check_workflow_input(turn)
    except NeedsEvaluation as need:
        turn.needs_evaluation(need.request)
        return True
    return False


def _check_attendance(turn: Turn) -> None:
    """Stop an execution that goes round without end, on its own and without a rest.

    Raises:
        Terminate: It does.
    """
    state, limit = turn.state, SIZE_LIMITS.unattended_events
    if state.unattended_events <= limit:
        return
    loop = next((t for t in state.open_tasks() if t.task_type == "DO_WHILE"), None)
    where = "" if loop is None else (
        f" The loop {loop.reference_task_name} is in iteration {loop.iteration}."
    )  # fmt: skip
    raise Terminate(
        f"Stopped after {limit} events without a worker, a person or a wait in between: this "
        f"looks like a loop without end.{where} If it is none, let it WAIT a second at times."
    )


def _check_held_timeouts(turn: Turn) -> None:
    """Time out, when an execution goes on after a pause, what came due meanwhile.

    What ended in the pause is looked at with it, in the order of the records: of two that would
    end the execution the first does.

    Raises:
        Terminate: The execution ends with one of them.
    """
    state = turn.state
    if state.logic < PAUSED_AS_CONDUCTOR or state.resumed_event < turn.first_event:
        return
    looked_at = [state.tasks[task_id] for task_id in (*state.unprocessed, *state.open_task_ids)]
    for task in sorted(looked_at, key=lambda task: task.seq):
        node = turn.node_of(task)
        if not task.status.is_terminal:
            check_task_timeouts(turn, task, node)
        task = state.tasks[task.task_id]
        if not task.status.is_successful:
            check_goes_on(turn, task, node, task_type_of(turn, task))


def _act_when_due(turn: Turn, task: TaskState) -> None:
    """Begin a sub-workflow whose retry delay is over; end a WAIT even while all is paused."""
    task = turn.state.tasks[task.task_id]
    if task.status is TaskStatus.SCHEDULED and 0 < task.not_before_ms <= turn.now.wall_ms:
        task_type_of(turn, task).begin(turn, task)
    elif task.wait_until_ms and turn.state.status is WorkflowStatus.PAUSED:
        _revisit(turn, task)


def _revisit_paused(turn: Turn) -> None:
    """What goes on while an execution is paused: joins end by themselves.

    A join may end a branch of another one, recorded before it.
    """
    before = -1
    while turn.state.logic >= IN_ROUNDS and turn.state.last_event != before:
        before = turn.state.last_event
        for task_id in list(turn.state.revisited):
            task = turn.state.tasks[task_id]
            task_type_of(turn, task).revisit_paused(turn, task)


def _revisit(turn: Turn, task: TaskState) -> None:
    if task.awaiting_check:
        checks.revisit(turn, task, task_type_of(turn, task))
    else:
        task_type_of(turn, task).revisit(turn, task)


def _revisit_open(turn: Turn) -> None:
    """Let the engine's own open tasks move on; loops and joins see the newest attempts."""
    state = turn.state
    waiting = script_at_work(turn) is not None or _conditions_are_asked_for(turn)
    for task_id in _to_revisit(state):
        if turn.is_over:
            return
        task = state.tasks.get(task_id)
        if task is None or task.status.is_terminal:
            continue
        if (waiting or state.unprocessed) and not task_type_of(turn, task).auto_retry:
            continue  # a join or loop waits until what just ended has been processed
        try:
            _revisit(turn, task)
        except NeedsEvaluation as need:
            turn.needs_evaluation(need.request)


def _to_revisit(state: WorkflowState) -> list[str]:
    """Open tasks to look at, in the order they became open in.

    A script is looked at once: to ask for it, and when its outcome has come. Many at work at the
    same time would cost as much with each that ends.
    """
    if not state.stirred_scripts:
        return list(state.revisited)
    scripts = {key: state.scripts[key] for key in state.stirred_scripts if key in state.scripts}
    state.stirred_scripts.clear()
    both = {**state.revisited, **scripts}
    return sorted(both, key=both.__getitem__) if scripts else list(both)


def _conditions_are_asked_for(turn: Turn) -> bool:
    """Whether loops that are to act in one round still wait for the condition of one of them."""
    state = turn.state
    if state.logic < IN_ROUNDS or state.unprocessed:
        return False
    loops = [
        task
        for task_id in state.revisited
        if (task := state.tasks[task_id]).task_type == "DO_WHILE" and not task.awaiting_check
    ]
    asked = False
    for task in loops if len(loops) > 1 else ():
        try:
            task_type_of(turn, task).look_ahead(turn, task)
        except NeedsEvaluation as need:
            turn.needs_evaluation(need.request)
            asked = True
    return asked


def _finish(turn: Turn) -> bool:
    """Start the first task, or end the execution when all is done; True if anything happened."""
    state = turn.state
    if script_at_work(turn) is not None:
        return False
    terminate = successful_terminate(state)
    if terminate is not None:
        return _complete(turn, terminate)
    if state.open_task_ids or state.unprocessed or turn.needs:
        return False
    if _start_first(turn):
        return True
    if turn.needs or not _all_top_level_done(turn):
        return False
    failure = permissive_failure(turn)
    if failure is not None:
        raise failure
    return _complete(turn, None)


def _complete(turn: Turn, terminate: TaskState | None) -> bool:
    """End the execution; False while its output has still to be checked."""
    try:
        complete_workflow(turn, terminate)
    except NeedsEvaluation as need:
        turn.needs_evaluation(need.request)
        return False
    return True


def _start_first(turn: Turn) -> bool:
    """Schedule the first task of the definition if it has no record yet."""
    tasks = turn.state.definition.tasks
    if not tasks:
        raise Terminate("No tasks found to be executed", WorkflowStatus.COMPLETED)
    try:
        drafts = map_first(turn, tasks, Placement())
    except NeedsEvaluation as need:
        turn.needs_evaluation(need.request)
        return False
    if not drafts:
        return False
    schedule_drafts(turn, drafts, turn.state.last_event)
    return True


def _all_top_level_done(turn: Turn) -> bool:
    for node in turn.state.definition.tasks:
        task = turn.state.task(node.reference)
        if task is None or not task.status.is_terminal:
            return False
    return True
