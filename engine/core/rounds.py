"""One round of the decider: what the tasks that ended lead to (Conductor's `decide`).

Rules of this file
  1. Scripts that began together have all run before what they lead to is recorded, and a failure
     that ends the execution comes before anything new.
  2. All that follows is mapped before the first of it is recorded, in the order of the records it
     follows. So the order of records hangs on the definition, not on who was quicker.
  3. A history of logic 1 is replayed by the rules that it was recorded by.
"""

from __future__ import annotations

from .definition import Node
from .ending import ends_execution, successful_terminate
from .events import IN_ROUNDS, EventKind
from .mapping import successors
from .retries import check_goes_on, go_on, is_retried, schedule_retry
from .state import TaskState
from .tasks.base import task_type_of
from .turn import Draft, NeedsEvaluation, Turn


def process_ended(turn: Turn) -> None:
    """Retry, or schedule what follows, for every ended task not yet looked at.

    Raises:
        Terminate: The execution ends with the failure of one of them.
    """
    if turn.state.logic < IN_ROUNDS:
        _process_one_by_one(turn)
        return
    ended = _ended_in_order(turn)
    if not ended:
        return
    for task in ended:
        if not task.status.is_successful:
            check_goes_on(turn, task, turn.node_of(task), task_type_of(turn, task))
    if successful_terminate(turn.state) is not None and not script_at_work(turn):
        return
    followed: list[tuple[TaskState, list[Draft] | None]] = []
    for task in ended:
        if not task.status.is_successful and _is_retried(turn, task):
            followed.append((task, None))
            continue
        task = go_on(turn, task)
        drafts = _drafts_after(turn, task)
        if drafts is not None:
            followed.append((task, drafts))
    if len(followed) == len(ended):
        _record_round(turn, followed)


def _is_retried(turn: Turn, task: TaskState) -> bool:
    return is_retried(task, turn.node_of(task), task_type_of(turn, task))


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


def script_at_work(turn: Turn) -> TaskState | None:
    """The task whose script has been at work the longest: what ends meanwhile waits for it."""
    if turn.state.logic >= IN_ROUNDS:
        for task_id in turn.state.scripts:
            task = turn.state.tasks[task_id]
            if task.not_before_ms <= turn.now.wall_ms:
                return task
    return None


def _ended_in_order(turn: Turn) -> list[TaskState]:
    """The ended tasks that it is time to look at, in the order they were scheduled in."""
    state = turn.state
    if not state.unprocessed:
        return []
    script = script_at_work(turn)
    ended = []
    for task_id, number in state.unprocessed.items():
        if script is not None and number >= script.scheduled_event:
            break  # nor is it time for those that ended after it
        task = state.tasks[task_id]
        if script is not None and task.last_event >= script.scheduled_event:
            continue
        if not ends_execution(task):
            ended.append(task)
    if len(ended) > 1:
        ended.sort(key=lambda task: task.seq)
    return ended


def _drafts_after(turn: Turn, task: TaskState) -> list[Draft] | None:
    """What follows an ended task; None while a script has to choose, which is asked for."""
    node = turn.node_of(task)
    if node is None:
        return []
    turn.begin_mapping(within_decision=not turn.types[node.type].acts_aside)
    try:
        return successors(turn, task, node)
    except NeedsEvaluation as need:
        turn.needs_evaluation(need.request)
        return None
    finally:
        turn.begin_mapping(within_decision=False)


def _record_round(turn: Turn, followed: list[tuple[TaskState, list[Draft] | None]]) -> None:
    """Record next attempts (of tasks without drafts) and successors, then begin them.

    In the order of the tasks they follow. Two may lead to the same one (the JOIN of a dynamic
    fork): it is recorded once.
    """
    scheduled: list[tuple[Draft, TaskState]] = []
    taken: set[str] = set()
    for task, drafts in followed:
        if drafts is None:
            schedule_retry(turn, task, turn.node_of(task), task_type_of(turn, task))
            continue
        if len(followed) > 1:
            drafts = [draft for draft in drafts if draft.reference not in taken]
            taken.update(draft.reference for draft in drafts)
        scheduled += record_drafts(turn, drafts, task.last_event, [task.task_id])
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
        around = turn.state.tasks.get(turn.state.latest_loops.get(loop.reference, ""))
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
