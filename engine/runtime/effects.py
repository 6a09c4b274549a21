"""What one execution's turn asks of others, done on the decider thread within the same commit."""

from __future__ import annotations

import logging
from typing import Any

from ..core import operations, reopening, starting
from ..core.definition import CompiledDefinition
from ..core.effects import (
    CancelSystemTask,
    Effect,
    EndChild,
    PublishEvent,
    RetryChild,
    ReviveParent,
    StartChild,
    StartFailureWorkflow,
    StartWorkflow,
    TellParent,
)
from ..core.ending import end_workflow
from ..core.events import EventKind
from ..core.limits import SIZE_LIMITS
from ..core.state import TaskState, WorkflowState
from ..core.tasks.sub_workflow import child_workflow_id, start_workflow_done
from ..core.turn import Terminate, Turn
from ..core.wire import task_wire, workflow_wire
from ..errors import EngineError, InvalidRequestError, NotFoundError
from ..models.enums import TaskStatus, WorkflowStatus
from ..store.faults import fault_point
from .desk import Desk
from .faults import CHILD_BEGUN, CHILD_NAMED, LAUNCHED, PARENT_TOLD

logger = logging.getLogger(__name__)


def carry_out(desk: Desk, turn: Turn, effect: Effect) -> None:
    """Do what ``effect`` says on behalf of the execution of ``turn``."""
    if isinstance(effect, StartChild):
        _start_child(desk, turn, effect)
    elif isinstance(effect, EndChild):
        end_child(desk, effect.workflow_id, effect.reason)
    elif isinstance(effect, RetryChild):
        _retry_child(desk, turn, effect.workflow_id)
    elif isinstance(effect, TellParent):
        tell_parent(desk, turn.state)
    elif isinstance(effect, StartFailureWorkflow):
        _start_failure_workflow(desk, turn, effect)
    elif isinstance(effect, StartWorkflow):
        _start_workflow(desk, turn, effect)
    elif isinstance(effect, ReviveParent):
        _revive_parent(desk, turn.state, effect.operation)
    elif isinstance(effect, CancelSystemTask):
        _cancel_system_task(desk, turn.state, effect.task_id)
    elif isinstance(effect, PublishEvent):
        desk.event_queue.deliver(desk, effect.message_id)


def _cancel_system_task(desk: Desk, state: WorkflowState, task_id: str) -> None:
    task, tell = state.tasks.get(task_id), desk.system_task_cancelled
    if task is not None and tell is not None:
        wire = {**task_wire(state, task), "begun": task.begun}
        desk.outbox.after.append(lambda: tell(wire))


def _retry_child(desk: Desk, turn: Turn, child_id: str) -> None:
    """Let an ended child go on; one that has nothing to retry tells its parent how it ended."""
    parent = turn.state
    try:
        child = desk.state(child_id)
    except NotFoundError:  # somebody has removed it
        _start_own_child(desk, turn, child_id)
        return
    if child.parent_workflow_id != parent.workflow_id:
        _start_own_child(desk, turn, child_id)
    elif child.status.is_terminal:
        desk.act(child_id, operations.retry_child, f"workflow:{parent.workflow_id}")
        if child.status.is_terminal:
            tell_parent(desk, child)


def _start_own_child(desk: Desk, turn: Turn, child_id: str) -> None:
    """Start afresh: the child was removed, or is that of the original, which stays as it is."""
    for task in list(turn.state.open_tasks()):
        if task.sub_workflow_id == child_id:
            data = {"status": str(TaskStatus.SCHEDULED), "sub_workflow_id": None}
            turn.emit(EventKind.TASK_RESET, data, task)
            turn.effects.append(StartChild(task.task_id))
    desk.file(turn)


def _start_child(desk: Desk, turn: Turn, effect: StartChild) -> None:
    task = turn.state.tasks.get(effect.task_id)
    if task is None or task.status.is_terminal or task.sub_workflow_id:
        return
    given = task.input_data
    try:
        _check_depth(task)
        definition = _child_definition(desk, given)
    except Exception as error:  # an inline definition that came as data may be anything
        _not_started(desk, turn, task, error)
        return
    child_id = child_workflow_id(turn.state.workflow_id, task)
    if task.last_event != task.scheduled_event or desk.knows(child_id):
        child_id = turn.new_id()  # rerun in its own record: the name is that of an older child
    data = starting.start_data(
        definition,
        given.get("workflowInput") or {k: v for k, v in given.items() if v is not None},
        correlation_id=turn.state.correlation_id,
        priority=given["priority"] if isinstance(given.get("priority"), int) else 0,
        task_to_domain=given.get("subWorkflowTaskToDomain") or turn.state.task_to_domain,
        parent_workflow_id=turn.state.workflow_id,
        parent_workflow_task_id=task.task_id,
    )
    starting.child_started(turn, task, child_id, data["input"])
    if given.get("subWorkflowDefinition"):
        data["input"] = {**data["input"], "_systemMetadata": {"dynamic": True}}
    data["cause"] = {"workflow_id": turn.state.workflow_id, "number": turn.state.last_event}
    desk.file(turn)
    fault_point(CHILD_NAMED)
    actor = f"workflow:{turn.state.workflow_id}"
    try:
        desk.begin(child_id, lambda child: starting.start(child, data, task.path), actor)
        fault_point(CHILD_BEGUN)
    except EngineError as error:  # it can't even begin, or its rate limit rejects it
        _not_started(desk, turn, turn.state.tasks[task.task_id], error)


def _not_started(desk: Desk, turn: Turn, task: TaskState, error: Exception) -> None:
    known = isinstance(error, (EngineError, Terminate))
    reason = str(error) if known else f"The definition can't be read: {error!r}"
    starting.child_failed_to_start(turn, task, reason)
    desk.go_on(turn)


def _check_depth(task: TaskState) -> None:
    depth = task.path.count("/")
    if depth > SIZE_LIMITS.nesting:
        raise InvalidRequestError(
            f"Sub-workflows are nested too deeply: {depth} tasks inside one another, the limit is "
            f"{SIZE_LIMITS.nesting}. Does a workflow start itself?"
        )


def _child_definition(desk: Desk, given: dict[str, Any]) -> CompiledDefinition:
    inline = given.get("subWorkflowDefinition")
    if inline:
        return desk.registry.snapshot_of(inline)
    # Version 0 means the latest at launch.
    return desk.registry.snapshot(
        given.get("subWorkflowName") or "", given.get("subWorkflowVersion") or None
    )


def end_child(desk: Desk, workflow_id: str, reason: str) -> None:
    """Terminate a running child on its parent's behalf."""
    child = desk.executions.get(workflow_id)
    if child is None:
        return

    def terminate(turn: Turn) -> None:
        end_workflow(turn, WorkflowStatus.TERMINATED, reason)

    desk.act(workflow_id, terminate, actor=f"workflow:{child.parent_workflow_id}")


def tell_parent(desk: Desk, child: WorkflowState) -> None:
    """Bring the parent's SUB_WORKFLOW task in line with an ended child."""
    parent_id, task_id = child.parent_workflow_id, child.parent_workflow_task_id
    if not parent_id or not task_id or not child.status.is_terminal:
        return
    try:
        parent = desk.state(parent_id)
    except EngineError:
        return
    task = parent.tasks.get(task_id)
    if task is None:
        return
    turn = desk.turn(parent)
    if starting.child_ended(turn, task, child):
        desk.go_on(turn)
        fault_point(PARENT_TOLD)


def _start_failure_workflow(desk: Desk, turn: Turn, effect: StartFailureWorkflow) -> None:
    state = turn.state
    try:
        definition = desk.registry.snapshot(effect.name, effect.version)
        workflow_id = turn.new_id()
        data = starting.start_data(
            definition,
            {**effect.input, "failedWorkflow": workflow_wire(state, whole=False)},
            correlation_id=state.correlation_id,
            task_to_domain=state.task_to_domain,
        )
        data["cause"] = {"workflow_id": state.workflow_id, "number": state.last_event}
        actor = f"workflow:{state.workflow_id}"
        desk.begin(workflow_id, lambda new: starting.start(new, data), actor)
        told = workflow_id
    except Exception as error:
        told = f"Error workflow {effect.name} failed to start.  reason: {error}"
    output = {**state.output, "conductor.failure_workflow": told}
    turn.emit(EventKind.OUTPUT_SET, {"output": output}, parent=state.last_event)
    desk.file(turn)


def _start_workflow(desk: Desk, turn: Turn, effect: StartWorkflow) -> None:
    task = turn.state.tasks.get(effect.task_id)
    if task is None or task.status.is_terminal:
        return
    request = effect.request
    try:
        inline = request.get("workflowDef")
        definition = (
            desk.registry.snapshot_of(inline)
            if inline
            else desk.registry.snapshot(request["name"], request.get("version"))
        )
    except Exception as error:
        _not_started(desk, turn, task, error)
        return
    workflow_id = turn.new_id()
    data = starting.start_data(
        definition,
        request.get("input") or {},
        correlation_id=request.get("correlationId") or turn.state.correlation_id,
        task_to_domain=request.get("taskToDomain") or turn.state.task_to_domain,
        priority=request.get("priority") or 0,
    )
    data["cause"] = {"workflow_id": turn.state.workflow_id, "number": turn.state.last_event}
    actor = f"workflow:{turn.state.workflow_id}"
    try:
        desk.begin(workflow_id, lambda new: starting.start(new, data), actor)
    except EngineError as error:
        _not_started(desk, turn, task, error)
        return
    fault_point(LAUNCHED)
    start_workflow_done(turn, turn.state.tasks[task.task_id], workflow_id)
    desk.go_on(turn)


def _revive_parent(desk: Desk, child: WorkflowState, operation: str) -> None:
    """Reopen the parents of a reopened execution, one after the other."""
    while child.parent_workflow_id and child.parent_workflow_task_id:
        try:
            parent = desk.state(child.parent_workflow_id)
        except EngineError:
            return
        task = parent.tasks.get(child.parent_workflow_task_id)
        if task is None or child.status.is_terminal:
            return
        if task.sub_workflow_id != child.workflow_id:  # the task has another child by now
            return
        turn = desk.turn(parent, f"workflow:{child.workflow_id}")
        if not reopening.revive(turn, task, operation):
            return
        desk.go_on(turn)
        child = parent


def resume_children(desk: Desk, state: WorkflowState, task: TaskState) -> None:
    """After a restart of the process: start a child that was due, or take over one that ended."""
    if task.sub_workflow_id is None:
        turn = desk.turn(state)
        turn.effects.append(StartChild(task.task_id))
        desk.file(turn)
    elif task.sub_workflow_id not in desk.executions:
        try:
            tell_parent(desk, desk.state(task.sub_workflow_id))
        except EngineError:
            logger.warning(
                "Sub-workflow %s of %s is gone.", task.sub_workflow_id, state.workflow_id
            )
