"""FORK_JOIN_DYNAMIC and DYNAMIC: tasks that are only known at run time (semantics §5.10, §5.11).

What they make is not part of the definition, so each record carries its own workflow task.
"""

from __future__ import annotations

from typing import Any

from ...errors import InvalidDefinitionError
from ...models.definitions import WorkflowTask
from ..definition import Node, make_node
from ..events import IN_ROUNDS
from ..expressions import java_text
from ..mapping import map_node
from ..turn import Draft, Placement, Terminate, Turn
from .base import TaskType
from .fork import ForkTask

Wire = dict[str, Any]


class DynamicForkTask(ForkTask):
    """A fork whose branches come from its input."""

    name = "FORK_JOIN_DYNAMIC"
    summary = "Run a branch for each entry of a list that is known at run time."
    keys = {
        "dynamicForkTasksParam": "Input key with the list of workflow tasks, one a branch.",
        "dynamicForkTasksInputParamName": "Input key with a map of inputs by task reference.",
        "dynamicForkJoinTasksParam": "Input key of the oldest form, `{dynamicTasks: [...]}`.",
    }
    input_schema = {
        "type": "object",
        "properties": {
            "forkTaskInputs": {
                "type": "array",
                "description": "One branch for each entry, which becomes its input.",
            },
            "forkTaskName": {"type": "string", "description": "Task that each branch runs."},
            "forkTaskType": {"type": "string", "description": "Its type; SIMPLE by default."},
            "forkTaskWorkflow": {
                "type": "string",
                "description": "Workflow that each branch runs, instead of a task.",
            },
            "forkTaskWorkflowVersion": {
                "type": "string",
                "description": "Its version; the latest by default.",
            },
        },
    }

    def schedule(self, turn: Turn, node: Node, place: Placement) -> list[Draft]:
        """Draft the fork, one branch for each task found in the input, and the JOIN."""
        join = node.successor
        if join is None or join.type != "JOIN":
            raise Terminate(
                "Dynamic join definition is not followed by a join task.  "
                "Check the workflow definition."
            )
        fork = self.draft(turn, node, place)
        given = fork.data.get("input") or {}
        tasks = _tasks_of(turn, node, given)
        drafts = [fork]
        last_references = []
        seen: set[str] = set()
        for wire in tasks:
            branch = self._branch(turn, node, wire, place)
            branch = [draft for draft in branch if draft.reference not in seen]
            seen.update(draft.reference for draft in branch)
            if not branch:  # a reference that is given twice runs once
                last_references.append(str(wire["taskReferenceName"]))
                continue
            drafts += branch
            last_references.append(branch[-1].node.reference)
        forked = [str(wire["taskReferenceName"]) for wire in tasks]
        fork.data["input"] = {**given, "forkedTasks": forked, "forkedTaskDefs": tasks}
        fork.data["executed"] = True
        joined = map_node(turn, join, place)
        for draft in joined[:1]:
            draft.data["input"] = {**join.input_parameters, "joinOn": last_references}
        return drafts + joined

    def _branch(self, turn: Turn, node: Node, wire: Wire, place: Placement) -> list[Draft]:
        reference = str(wire["taskReferenceName"])
        branch = map_node(turn, make_node(wire, node.parent), place)
        if not branch:
            state = turn.state
            name = f"{state.definition.name}.{state.definition.version}/{state.workflow_id}"
            raise Terminate(
                f"No dynamic tasks could be created for the Workflow: {name}, "
                f"Dynamic Fork Task: {wire.get('name')}/{reference} attempted to create a "
                f"duplicate task reference name: {reference}"
            )
        return branch


class DynamicTask(TaskType):
    """A task whose type is chosen by an input value."""

    name = "DYNAMIC"
    summary = "Run the task that an input value names."
    keys = {"dynamicTaskNameParam": "Input key that holds the name, or a system task's type."}

    def schedule(self, turn: Turn, node: Node, place: Placement) -> list[Draft]:
        """Draft the task that the input names, in the place of this node."""
        given = turn.resolve(node.input_parameters).value or {}
        key = node.wire.get("dynamicTaskNameParam") or ""
        value = given.get(key)
        if value is None:
            raise Terminate(
                "Cannot map a dynamic task based on the parameter and input. "
                f"Parameter= {key}, input= {java_text(given)}"
            )
        name = java_text(value)
        known = name in set(turn.types)
        wire = {**node.wire, "name": name, "type": name if known else "SIMPLE"}
        if name == "SUB_WORKFLOW":
            wire["subWorkflowParam"] = {
                "name": given.get("subWorkflowName"),
                "version": given.get("subWorkflowVersion"),
                "taskToDomain": given.get("subWorkflowTaskToDomain"),
            }
            wire["inputParameters"] = given.get("workflowInput") or {}
        chosen = make_node(wire, node.parent)
        chosen.successor = node.successor
        drafts: list[Draft] = turn.types[chosen.type].schedule(turn, chosen, place)
        if name == "SUB_WORKFLOW":
            drafts[0].data["input"] = {**given, **drafts[0].data["input"]}
        return drafts


def _tasks_of(turn: Turn, node: Node, given: Wire) -> list[Wire]:
    """Workflow tasks of the branches, their input merged in."""
    elements = given.get("forkTaskInputs")
    if isinstance(elements, list):
        return _from_inputs(turn, node, given, elements)
    param = node.wire.get("dynamicForkTasksParam")
    if param:
        return _from_tasks(
            turn, given, param, node.wire.get("dynamicForkTasksInputParamName") or ""
        )
    return _from_join_tasks(turn, given, node.wire.get("dynamicForkJoinTasksParam") or "")


def _from_inputs(turn: Turn, node: Node, given: Wire, elements: list[Any]) -> list[Wire]:
    """One task, or one sub-workflow, for each element of ``forkTaskInputs``."""
    workflow = given.get("forkTaskWorkflow")
    task_type = "SUB_WORKFLOW" if workflow else given.get("forkTaskType") or "SIMPLE"
    label = given.get("forkTaskName")
    if workflow and turn.state.logic < IN_ROUNDS:
        label = workflow
    if not label:
        of_system = not workflow and turn.types[task_type].is_system
        label = task_type if of_system else node.reference
    name = workflow or label
    twice = any(
        t.task_type == "FORK" and "forkedTasks" in t.input_data for t in turn.state.tasks.values()
    )
    prefix = f"_{node.reference}_{label}" if twice else f"_{label}"
    tasks = []
    for index, element in enumerate(elements):
        entry = dict(element) if isinstance(element, dict) else {"input": element}
        domain = entry.pop("taskToDomain", None) if workflow else None
        wire: Wire = {}
        for key in ("optional", "permissive", "retryCount", "startDelay", "asyncComplete"):
            if key in entry:
                wire[key] = entry[key]
        wire |= {
            "name": name,
            "taskReferenceName": f"{prefix}_{index}",
            "type": task_type,
            "inputParameters": {**entry, "__index": index},
        }
        if node.optional:
            wire["optional"] = True
        if workflow:
            version = given.get("forkTaskWorkflowVersion")
            wire["subWorkflowParam"] = {
                "name": workflow,
                "version": int(str(version)) if str(version or "").isdigit() else None,
                "taskToDomain": domain,
            }
        tasks.append(_with_definition(turn, wire))
    return tasks


def _from_tasks(turn: Turn, given: Wire, param: str, inputs_param: str) -> list[Wire]:
    """Whole workflow tasks, and a map of inputs by reference."""
    listed = given.get(param)
    if not isinstance(listed, list) or any(
        not isinstance(task, dict) or not task.get("taskReferenceName") for task in listed
    ):
        raise Terminate(
            f"Input '{param}' is invalid. Cannot deserialize a list of Workflow Tasks "
            f"from '{java_text(listed)}'"
        )
    inputs = given.get(inputs_param)
    if not isinstance(inputs, dict):
        raise Terminate(
            "Input to the dynamically forked tasks is not a map -> expecting a map of K,V  "
            f"but found {java_text(inputs)}"
        )
    tasks = []
    for task in listed:
        wire = dict(task)
        own = inputs.get(wire["taskReferenceName"])
        wire["inputParameters"] = {
            **(wire.get("inputParameters") or {}),
            **(own if isinstance(own, dict) else {}),
        }
        tasks.append(_with_definition(turn, wire))
    return tasks


def _from_join_tasks(turn: Turn, given: Wire, param: str) -> list[Wire]:
    """The oldest form: ``{dynamicTasks: [{taskName, referenceName, input, type}]}``."""
    listed = given.get(param)
    entries = listed.get("dynamicTasks") if isinstance(listed, dict) else None
    if not isinstance(entries, list):
        raise Terminate(
            f"Dynamic tasks could not be created. The value of {param} from task's input "
            f"{java_text(given)} has no dynamic tasks to be scheduled"
        )
    tasks = []
    for entry in entries:
        wire: Wire = {
            "name": entry.get("taskName"),
            "taskReferenceName": entry.get("referenceName"),
            "type": entry.get("type") or "SIMPLE",
            "inputParameters": entry.get("input") or {},
        }
        if entry.get("workflowName"):
            wire["subWorkflowParam"] = {"name": entry["workflowName"], "version": None}
        tasks.append(_with_definition(turn, wire))
    return tasks


def _with_definition(turn: Turn, wire: Wire) -> Wire:
    """The task definition registered now; without one there are no retries and no time-outs."""
    definition = turn.task_defs.get(str(wire.get("name")))
    wire.setdefault("type", "SIMPLE")
    if definition is not None and not wire.get("taskDefinition"):
        wire["taskDefinition"] = definition
    elif not wire.get("taskDefinition"):
        wire.pop("retryCount", None)
    if wire["type"] == "HTTP":  # Conductor's mapper leaves it in the workflow task itself
        given = dict(wire.get("inputParameters") or {})
        wire["inputParameters"] = {**given, "asyncComplete": bool(wire.get("asyncComplete"))}
    try:
        return WorkflowTask.from_wire(wire).to_wire()
    except InvalidDefinitionError as error:
        raise Terminate(f"A dynamic task can't be read: {error}") from None
