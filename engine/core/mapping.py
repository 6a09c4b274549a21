"""From a workflow task to the records it starts with, and on to those that follow it (Conductor's
task mappers).

A node whose reference already has a record of the present loop generation is not mapped again:
that is how several fork branches that meet at one JOIN create it once.
"""

from __future__ import annotations

from ..models.enums import TaskStatus
from .definition import SWITCH_TYPES, Node, make_node
from .state import TaskState
from .turn import Draft, Placement, Turn


def map_node(turn: Turn, node: Node, place: Placement) -> list[Draft]:
    """Draft ``node`` at ``place`` with its children; empty when it exists already."""
    reference = f"{node.reference}__{place.iteration}" if place.iteration else node.reference
    return [] if turn.existing(reference, node) is not None else draft_node(turn, node, place)


def draft_node(turn: Turn, node: Node, place: Placement) -> list[Draft]:
    """Draft ``node`` at ``place`` with its children; it is known that it does not exist yet."""
    return list(turn.types[node.type].schedule(turn, node, place))


def map_first(turn: Turn, nodes: list[Node], place: Placement) -> list[Draft]:
    """Draft the first node of a list that is not skipped."""
    for node in nodes:
        if not _is_skipped(turn, node, place):
            return map_node(turn, node, place)
    return []


def all_skipped(turn: Turn, nodes: list[Node], place: Placement) -> bool:
    """Whether an operator has skipped every node of a list."""
    return all(_is_skipped(turn, node, place) for node in nodes)


def _is_skipped(turn: Turn, node: Node, place: Placement) -> bool:
    reference = f"{node.reference}__{place.iteration}" if place.iteration else node.reference
    task = turn.existing(reference, node)
    return task is not None and task.status is TaskStatus.SKIPPED


def placement_of(turn: Turn, task: TaskState, node: Node) -> Placement:
    """Where the successors of a record stand: the same iteration of the same loop."""
    path = task.path.rsplit("/", 1)[0]
    if node.loop() is None:
        return Placement(0, path)
    suffix = task.reference_task_name.rsplit("__", 1)
    iteration = int(suffix[1]) if len(suffix) == 2 and suffix[1].isdigit() else task.iteration
    return Placement(iteration, path)


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
            return draft_node(turn, following, place)
        if existing.status is not TaskStatus.SKIPPED:
            return []
        following = following.successor
    return []


def _missing_branches(turn: Turn, node: Node, place: Placement) -> list[Draft]:
    drafts = []
    for branch in node.branches:
        drafts += map_first(turn, branch, place)
    # In a branch the fork was taken over without its JOIN, which comes with it as it did there.
    with_join = not any(node.branches) or turn.state.branch is not None
    if node.successor is not None and with_join:
        drafts += map_node(turn, node.successor, place)
    return drafts


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


def _encloses(loop: Node, node: Node) -> bool:
    parent = node.parent
    while parent is not None:
        if parent is loop:
            return True
        parent = parent.parent
    return False


def lacks_successor(turn: Turn, task: TaskState, node: Node) -> bool:
    """Whether what follows an ended task has no record: a branch or a rerun left it out.

    Records of an earlier round of an outer loop lack nothing, whatever became of that round.
    """
    if turn.existing(task.reference_task_name, node) is not task:
        return False
    place = placement_of(turn, task, node)

    def missing(following: Node | None) -> bool:
        while following is not None and _is_skipped(turn, following, place):
            following = following.successor
        if following is None or (following.type == "DO_WHILE" and node in following.inside()):
            return False
        suffix = f"__{place.iteration}" if place.iteration else ""
        return turn.existing(f"{following.reference}{suffix}", following) is None

    if node.type == "FORK_JOIN_DYNAMIC":
        # Its join comes back with the end of a branch, which knows what is to be joined.
        empty = not task.input_data.get("forkedTasks")
        return missing(node.successor) if empty else bool(missing_dynamic_branches(turn, task))
    if node.successor is None and task.workflow_task is not None:
        return missing_dynamic_join(turn, task) is not None
    if node.branches:
        firsts = [branch[0] for branch in node.branches if branch]
        with_join = not firsts or turn.state.branch is not None
        return any(missing(first) for first in firsts) or (with_join and missing(node.successor))
    if node.type in SWITCH_TYPES and "hasChildren" in task.input_data:
        case = str(task.input_data.get("case"))
        branch = node.cases.get(case) or node.default_case
        if branch and not all_skipped(turn, branch, place):
            return missing(branch[0])
    return missing(node.successor)


def missing_dynamic_branches(turn: Turn, task: TaskState) -> list[Node]:
    """First tasks of a dynamic fork's branches that have no record: a rerun has taken them away."""
    fork = turn.node_of(task)
    if fork is None:
        return []
    iteration = placement_of(turn, task, fork).iteration
    suffix = f"__{iteration}" if iteration else ""
    forked = task.input_data.get("forkedTaskDefs") or ()
    firsts = [make_node(wire, fork.parent) for wire in forked]
    return [first for first in firsts if turn.existing(first.reference + suffix, first) is None]


def missing_dynamic_join(turn: Turn, task: TaskState) -> tuple[Node, list[str], Placement] | None:
    """The JOIN that a task of a dynamic fork leads to, what it joins and where, if it is missing.

    The task's own node was made at run time and knows no loop around it; the fork's does.
    """
    for fork in turn.state.definition.dynamic_forks:
        place = placement_of(turn, task, fork)
        suffix = f"__{place.iteration}" if place.iteration else ""
        join = fork.successor
        if join is None or turn.existing(f"{join.reference}{suffix}", join) is not None:
            continue
        record = turn.existing(f"{fork.reference}{suffix}", fork)
        forked = [] if record is None else record.input_data.get("forkedTasks") or []
        if task.node in forked:
            return join, list(forked), place
    return None


def body_placement(task: TaskState, iteration: int) -> Placement:
    """Where the body of a loop record stands in one iteration."""
    return Placement(iteration, f"{task.path}[{iteration}]", task.retry_count)
