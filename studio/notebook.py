"""How the engine's objects draw themselves in a notebook.

``%load_ext studio`` (or ``studio.notebook.install()``) teaches IPython to show workflow
definitions and executions as pictures with one line of text beside them. The engine itself
knows nothing of this: IPython looks the types up by name, so nothing is loaded before the first
such object is shown. ``view`` gives the live view of the same objects as a Panel object.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .words import last_task, short_id

if TYPE_CHECKING:
    from panel.viewable import Viewer

    from engine.models import Workflow, WorkflowDef

Bundle = dict[str, str]


def install(shell: Any = None) -> bool:
    """Teach IPython the engine's objects; returns whether there was an IPython to teach.

    Args:
        shell: The IPython shell; default: the one that runs.
    """
    if shell is None:
        if importlib.util.find_spec("IPython") is None:
            return False
        from IPython import get_ipython

        shell = get_ipython()
    if shell is None:
        return False
    formatter = shell.display_formatter.mimebundle_formatter
    for module, name, bundle in _SHOWN:
        formatter.for_type_by_name(module, name, _ignoring_choices(bundle))
    return True


def definition_bundle(definition: WorkflowDef) -> Bundle:
    """Picture and text of a workflow definition, by media type."""
    from .graph.picture import definition_picture

    return {
        "image/svg+xml": definition_picture(definition.to_wire()),
        "text/plain": definition_words(definition),
    }


def workflow_bundle(workflow: Workflow) -> Bundle:
    """Picture of what an execution runs, and how it stands as text."""
    bundle = {"text/plain": workflow_words(workflow)}
    definition = workflow.to_wire().get("workflowDefinition")
    if definition:
        from .graph.picture import definition_picture

        bundle["image/svg+xml"] = definition_picture(definition)
    return bundle


def definition_words(definition: WorkflowDef) -> str:
    """One line: ``order_flow version 7, 9 tasks``."""
    wire = definition.to_wire()
    count = len(wire.get("tasks") or ())
    return (
        f"{wire.get('name')} version {wire.get('version', 1)}, {count} task{'s' * (count != 1)}"
    )


def workflow_words(workflow: Workflow) -> str:
    """One line: ``order_flow 7f3a91c2 FAILED in charge_card: amount is negative``."""
    wire = workflow.to_wire()
    words = f"{wire.get('workflowName')} {short_id(wire['workflowId'])} {wire['status']}"
    failed = [task for task in wire.get("tasks") or () if task.get("status", "") in _BAD]
    if failed:
        words += f" in {last_task(failed[0].get('referenceTaskName'))}"
    reason = wire.get("reasonForIncompletion")
    return f"{words}: {reason}" if reason else words


def view(thing: Any, client: Any = None) -> Viewer:
    """Return a Panel object that shows a definition, or an execution live.

    Args:
        thing: A workflow definition, an execution, or the id of one.
        client: Whose execution it is; needed for executions.

    Raises:
        TypeError: Nothing of this kind can be shown.
    """
    from .cells import DefinitionCell, ExecutionCell

    if hasattr(thing, "to_wire") and "workflowId" not in (wire := thing.to_wire()):
        return DefinitionCell(wire)
    workflow_id = thing if isinstance(thing, str) else thing.to_wire()["workflowId"]
    if client is None:
        raise TypeError("An execution is shown through its client: view(workflow, client).")
    return ExecutionCell(client.service, workflow_id)


def _ignoring_choices(bundle: Callable[[Any], Bundle]) -> Callable[..., Bundle]:
    # IPython hands over what to include and exclude, and filters the answer itself.
    return lambda thing, include=None, exclude=None: bundle(thing)


_BAD = {"FAILED", "FAILED_WITH_TERMINAL_ERROR", "TIMED_OUT"}
_SHOWN: tuple[tuple[str, str, Callable[[Any], Bundle]], ...] = (
    ("engine.models.definitions", "WorkflowDef", definition_bundle),
    ("engine.models.execution", "Workflow", workflow_bundle),
)
