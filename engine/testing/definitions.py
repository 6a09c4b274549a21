"""Short ways to write definitions: ``workflow("pay", simple("a"), *fork("f", ["b"], ["c"]))``.

Every function returns definitions in wire form. Where tasks are expected, a text stands for a
SIMPLE task of that name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Wire = dict[str, Any]
Step = Wire | str


def workflow(name: str, *tasks: Step, **keys: Any) -> Wire:
    """A workflow definition, version 1; ``keys`` are further ones in wire form."""
    definition = {"name": name, "version": 1, "schemaVersion": 2, "ownerEmail": "test@example.org"}
    return {**definition, "tasks": steps(tasks), **keys}


def linear(*references: str, name: str = "linear") -> Wire:
    """A workflow of SIMPLE tasks, one after the other."""
    return workflow(name, *references)


def steps(tasks: Iterable[Step]) -> list[Wire]:
    """A list of workflow tasks, texts made SIMPLE tasks."""
    return [simple(task) if isinstance(task, str) else task for task in tasks]


def node(reference: str, kind: str, **keys: Any) -> Wire:
    """A workflow task of any type, named like its reference."""
    return {"name": reference, "taskReferenceName": reference, "type": kind, **keys}


def simple(reference: str, input: Mapping[str, Any] | None = None, **keys: Any) -> Wire:
    """A worker's task."""
    return node(reference, "SIMPLE", inputParameters=dict(input or {}), **keys)


def switch(
    reference: str,
    cases: Mapping[str, Iterable[Step]],
    default: Iterable[Step] = (),
    value: Any = "${workflow.input.case}",
    script: str | None = None,
    **keys: Any,
) -> Wire:
    """A SWITCH by the input key ``value``, or by a script over the input."""
    return node(
        reference,
        "SWITCH",
        inputParameters={"value": value},
        evaluatorType="value-param" if script is None else "javascript",
        expression="value" if script is None else script,
        decisionCases={case: steps(tasks) for case, tasks in cases.items()},
        defaultCase=steps(default),
        **keys,
    )


def fork(
    reference: str, *branches: Iterable[Step], join_on: Iterable[str] | None = None, **keys: Any
) -> list[Wire]:
    """A FORK_JOIN and the JOIN ``<reference>_join`` of the last task of each branch."""
    lists = [steps(branch) for branch in branches]
    ends = [tasks[-1]["taskReferenceName"] for tasks in lists if tasks]
    waits = ends if join_on is None else list(join_on)
    return [
        node(reference, "FORK_JOIN", forkTasks=lists),
        node(f"{reference}_join", "JOIN", joinOn=waits, **keys),
    ]


def loop(
    reference: str,
    *body: Step,
    times: int | None = None,
    condition: str | None = None,
    items: Any = None,
    input: Mapping[str, Any] | None = None,
    **keys: Any,
) -> Wire:
    """A DO_WHILE: ``times`` iterations, while ``condition`` holds, or once per item."""
    if times is not None:
        condition = f"$.{reference}['iteration'] < {times}"
    if condition is not None:
        keys["loopCondition"] = condition
    if items is not None:
        keys["items"] = items
    return node(
        reference, "DO_WHILE", loopOver=steps(body), inputParameters=dict(input or {}), **keys
    )


def sub(
    reference: str, definition: str | Wire, input: Mapping[str, Any] | None = None, **keys: Any
) -> Wire:
    """A SUB_WORKFLOW of a registered definition (by name) or of an inline one."""
    inline = not isinstance(definition, str)
    param: dict[str, Any] = (
        {"name": definition["name"], "workflowDefinition": definition}
        if not isinstance(definition, str)
        else {"name": definition}
    )
    if inline:
        param["version"] = 1
    return node(
        reference, "SUB_WORKFLOW", subWorkflowParam=param, inputParameters=dict(input or {}), **keys
    )


def inline(reference: str, script: str, **input: Any) -> Wire:
    """An INLINE task with a JavaScript expression over ``input``."""
    given = {"evaluatorType": "javascript", "expression": script, **input}
    return node(reference, "INLINE", inputParameters=given)


def set_variable(reference: str, **variables: Any) -> Wire:
    """A SET_VARIABLE task."""
    return node(reference, "SET_VARIABLE", inputParameters=variables)


def terminate(reference: str, status: str = "COMPLETED", **input: Any) -> Wire:
    """A TERMINATE task; ``input`` may have terminationReason and workflowOutput."""
    return node(reference, "TERMINATE", inputParameters={"terminationStatus": status, **input})


def wait(reference: str, **input: Any) -> Wire:
    """A WAIT with ``duration`` or ``until``, or for a signal."""
    return node(reference, "WAIT", inputParameters=input)


def http(reference: str, uri: str, method: str = "GET", **keys: Any) -> Wire:
    """An HTTP task."""
    given = {"http_request": {"uri": uri, "method": method}}
    return node(reference, "HTTP", inputParameters=given, **keys)


def task_def(name: str, **keys: Any) -> Wire:
    """A task definition without retries and time-outs; ``keys`` are in wire form."""
    defaults = {"retryCount": 0, "retryDelaySeconds": 0, "responseTimeoutSeconds": 3600}
    return {"name": name, "ownerEmail": "test@example.org", **defaults, **keys}


def limited(reference: str, input: Mapping[str, Any] | None = None, **keys: Any) -> Wire:
    """A worker's task with its task definition embedded; ``keys`` are those of ``task_def``."""
    return simple(reference, input, taskDefinition=task_def(reference, **keys))
