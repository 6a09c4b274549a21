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
from .definition import SWITCH_TYPES, CompiledDefinition, Node
from .ending import (
    complete_workflow,
    end_workflow,
    ends_execution,
    permissive_failure,
    successful_terminate,
)
from .events import LOGIC, EventKind, HistoryEvent, Moment
from .limits import SIZE_LIMITS
from .mapping import (
    all_skipped,
    map_first,
    map_node,
    missing_dynamic_branches,
    missing_dynamic_join,
    placement_of,
)
from .retries import check_goes_on, go_on, is_retried, schedule_retry
from .state import TaskState, WorkflowState
from .tasks.base import TaskType
from .timeouts import check_task_timeouts, check_workflow_timeout
from .turn import Draft, NeedsEvaluation, Placement, Terminate, Turn

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
    try:
        if turn.is_over:
            return False
        check_workflow_timeout(turn)
        _check_attendance(turn)
        if turn.state.rate_limited or _awaits_input(turn):
            return False
        for task_id in due:
            task = turn.state.tasks.get(task_id)
            if task is not None and not task.status.is_terminal:
                check_task_timeouts(turn, task, turn.node_of(task))
                _act_when_due(turn, task)
        if turn.state.status is WorkflowStatus.PAUSED:
            _revisit_paused(turn)
        while not turn.is_over and turn.state.status is not WorkflowStatus.PAUSED:
            before = turn.state.last_event
            _process_ended(turn)
            _revisit_open(turn)
            if turn.state.last_event == before and not _finish(turn):
                break
            if len(turn.events) > MAX_EVENTS:
                return True
    except Terminate as end:
        end_workflow(turn, end.status, end.reason, end.task_id, by_failure=True)
    return False


def _awaits_input(turn: Turn) -> bool:
    """Whether nothing may begin yet because the input has not been checked."""
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


def _act_when_due(turn: Turn, task: TaskState) -> None:
    """Begin a sub-workflow whose retry delay is over; end a WAIT even while all is paused."""
    task = turn.state.tasks[task.task_id]
    if task.status is TaskStatus.SCHEDULED and 0 < task.not_before_ms <= turn.now.wall_ms:
        task_type_of(turn, task).begin(turn, task)
    elif task.wait_until_ms and turn.state.status is WorkflowStatus.PAUSED:
        _revisit(turn, task)


def _revisit_paused(turn: Turn) -> None:
    """What goes on while an execution is paused: joins whose branches have all ended well."""
    if turn.state.logic >= LOGIC:
        for task_id in list(turn.state.revisited):
            task = turn.state.tasks[task_id]
            task_type_of(turn, task).revisit_paused(turn, task)


def _revisit(turn: Turn, task: TaskState) -> None:
    if task.awaiting_check:
        checks.revisit(turn, task, task_type_of(turn, task))
    else:
        task_type_of(turn, task).revisit(turn, task)


def task_type_of(turn: Turn, task: TaskState) -> TaskType:
    """The task type of a record."""
    node = turn.node_of(task)
    name = node.type if node is not None else task.task_type
    task_type: TaskType = turn.types[name]
    return task_type


def _process_ended(turn: Turn) -> None:
    """Retry, or schedule what follows, for every ended task not yet looked at.

    One round of Conductor: scripts that began together have all run, a failure that ends the
    execution comes before anything new, and all that follows is mapped before the first of it
    is recorded. So the order of records hangs on the definition, not on who was quicker.
    """
    if turn.state.logic < LOGIC:
        _process_one_by_one(turn)
        return
    ended = _ended_in_order(turn)
    for task in ended:
        if not task.status.is_successful:
            check_goes_on(turn, task, turn.node_of(task), task_type_of(turn, task))
    if successful_terminate(turn.state) is not None and not _script_at_work(turn):
        return
    followed: list[tuple[TaskState, list[Draft]]] = []
    for task in ended:
        drafts: list[Draft] | None = []
        if not is_retried(task, turn.node_of(task), task_type_of(turn, task)):
            task = go_on(turn, task)
            drafts = _drafts_after(turn, task)
        if drafts is not None:
            followed.append((task, drafts))
    if len(followed) == len(ended):
        _record_round(turn, followed)


def _process_one_by_one(turn: Turn) -> None:
    """What histories of logic 1 were recorded by: each ended task by itself, as they ended."""
    state = turn.state
    for task_id in list(state.unprocessed):
        task = state.tasks[task_id]
        node, task_type = turn.node_of(task), task_type_of(turn, task)
        if ends_execution(task):
            continue
        if not task.status.is_successful:
            check_goes_on(turn, task, node, task_type)
            if is_retried(task, node, task_type):
                schedule_retry(turn, task, node, task_type)
                continue
            task = go_on(turn, task)
        drafts = _drafts_after(turn, task)
        if drafts is not None:
            for draft, record in record_drafts(turn, drafts, task.last_event, [task_id]):
                turn.types[draft.node.type].begin(turn, record)


def _script_at_work(turn: Turn) -> TaskState | None:
    """The task whose script has been at work the longest: what ends meanwhile waits for it."""
    if turn.state.logic >= LOGIC:
        for task_id in turn.state.revisited:
            task = turn.state.tasks[task_id]
            if task_type_of(turn, task).runs_script and task.not_before_ms <= turn.now.wall_ms:
                return task
    return None


def _ended_in_order(turn: Turn) -> list[TaskState]:
    """The ended tasks that it is time to look at, in the order they were scheduled in."""
    state = turn.state
    if not state.unprocessed:
        return []
    ended = [state.tasks[task_id] for task_id in state.unprocessed]
    script = _script_at_work(turn)
    ended = [
        task
        for task in ended
        if not ends_execution(task) and (script is None or task.last_event < script.scheduled_event)
    ]
    if len(ended) > 1:
        ended.sort(key=lambda task: task.seq)
    return ended


def _drafts_after(turn: Turn, task: TaskState) -> list[Draft] | None:
    """What follows an ended task; None while a script has to choose, which is asked for."""
    node = turn.node_of(task)
    if node is None:
        return []
    turn.begin_mapping(within_decision=not task_type_of(turn, task).acts_aside)
    try:
        return successors(turn, task, node)
    except NeedsEvaluation as need:
        turn.needs_evaluation(need.request)
        return None
    finally:
        turn.begin_mapping(within_decision=False)


def _record_round(turn: Turn, followed: list[tuple[TaskState, list[Draft]]]) -> None:
    """Record next attempts and successors in the order of the tasks they follow, then begin them.

    Two tasks may lead to the same one (the JOIN of a dynamic fork): it is recorded once.
    """
    scheduled: list[tuple[Draft, TaskState]] = []
    taken: set[str] = set()
    for task, drafts in followed:
        node = turn.node_of(task)
        if is_retried(task, node, task_type_of(turn, task)):
            schedule_retry(turn, task, node, task_type_of(turn, task))
            continue
        fresh = [draft for draft in drafts if draft.reference not in taken]
        taken.update(draft.reference for draft in fresh)
        scheduled += record_drafts(turn, fresh, task.last_event, [task.task_id])
    for draft, record in scheduled:
        turn.types[draft.node.type].begin(turn, record)
    for _, record in scheduled:
        if record.status.is_terminal and not record.status.is_successful:
            _tell_loops(turn, record)


def _tell_loops(turn: Turn, record: TaskState) -> None:
    """A SWITCH that could not choose failed as it was recorded: the loops around it see that."""
    node = turn.node_of(record)
    loops: list[Node] = []
    while node is not None and (node := node.loop()) is not None:
        loops.append(node)
    for loop in reversed(loops):
        around = turn.state.tasks.get(turn.state.latest_by_base.get(loop.reference, ""))
        if around is not None and not around.status.is_terminal:
            task_type_of(turn, around).failed_inside(turn, around, turn.state.tasks[record.task_id])


def record_drafts(
    turn: Turn, drafts: list[Draft], parent: int, settles: list[str] | None
) -> list[tuple[Draft, TaskState]]:
    """Record drafts in order; ``settles`` are the tasks whose successors these are."""
    if not drafts and settles:
        turn.emit(EventKind.TASKS_EVALUATED, {"task_ids": settles}, parent=parent)
    scheduled = []
    for draft in drafts:
        scheduled.append((draft, turn.emit_scheduled(draft, parent, settles)))
        settles = None
    return scheduled


def schedule_drafts(turn: Turn, drafts: list[Draft], parent: int) -> None:
    """Record drafts in order and begin them."""
    for draft, task in record_drafts(turn, drafts, parent, None):
        turn.types[draft.node.type].begin(turn, task)


def successors(turn: Turn, task: TaskState, node: Node) -> list[Draft]:
    """Drafts of what follows an ended task (semantics reference §3.5).

    The children of a fork or a switch were drafted together with it. They are looked for again
    here, because a branch or a rerun may have taken some of them away.
    """
    newest = turn.existing(task.reference_task_name, node)
    if newest is None or newest.task_id != task.task_id:
        return []  # of an earlier round of an outer loop, reopened by an operator: all is done
    place = placement_of(turn, task, node)
    if node.type in SWITCH_TYPES and "hasChildren" in task.input_data:
        case = str(task.input_data.get("case"))
        branch = node.cases.get(case) or node.default_case
        # The key alone proves nothing (the input may have one of that name), and a branch whose
        # tasks an operator skipped, all of them, is done.
        if branch and not all_skipped(turn, branch, place):
            return map_first(turn, branch, place)
    if node.branches:
        return _missing_branches(turn, node, place)
    if node.type == "FORK_JOIN_DYNAMIC":
        missing = missing_dynamic_branches(turn, task)
        if missing:
            return [draft for first in missing for draft in map_node(turn, first, place)]
    following = node.successor
    if following is None and task.workflow_task is not None:
        return _dynamic_join(turn, task)
    while following is not None:
        if following.type == "DO_WHILE" and _encloses(following, node):
            return []
        reference = following.reference
        if place.iteration:
            reference = f"{reference}__{place.iteration}"
        existing = turn.existing(reference, following)
        if existing is None:
            return map_node(turn, following, place)
        if existing.status is not TaskStatus.SKIPPED:
            return []
        following = following.successor
    return []


def _encloses(loop: Node, node: Node) -> bool:
    parent = node.parent
    while parent is not None:
        if parent is loop:
            return True
        parent = parent.parent
    return False


def _dynamic_join(turn: Turn, task: TaskState) -> list[Draft]:
    """The JOIN of a dynamic fork, if a rerun has taken it away; normally it exists."""
    found = missing_dynamic_join(turn, task)
    if found is None:
        return []
    join, forked, place = found
    drafts = map_node(turn, join, place)
    for draft in drafts[:1]:
        draft.data["input"] = {**join.input_parameters, "joinOn": forked}
    return drafts


def _missing_branches(turn: Turn, node: Node, place: Placement) -> list[Draft]:
    drafts = []
    for branch in node.branches:
        drafts += map_first(turn, branch, place)
    # In a branch the fork was taken over without its JOIN, which comes with it as it did there.
    with_join = not any(node.branches) or turn.state.branch is not None
    if node.successor is not None and with_join:
        drafts += map_node(turn, node.successor, place)
    return drafts


def _revisit_open(turn: Turn) -> None:
    """Let the engine's own open tasks move on; loops and joins see the newest attempts."""
    state = turn.state
    waiting = _script_at_work(turn) is not None or _conditions_are_asked_for(turn)
    for task_id in list(state.revisited):
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


def _conditions_are_asked_for(turn: Turn) -> bool:
    """Whether loops that are to act in one round still wait for the condition of one of them."""
    state = turn.state
    if state.logic < LOGIC or state.unprocessed:
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
    terminate = successful_terminate(state)
    if terminate is not None and _script_at_work(turn) is None:
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
