"""How the engine's objects draw themselves in a notebook.

``NotebookDisplay`` is what ``engine.models.display`` asks: definitions and executions become
pictures, answers (``why()``, ``origin()``, a replay plan) tables, each with a plain text beside
it. An installed studio is found by its entry point; ``%load_ext studio`` or
``studio.install()`` does the same in a source tree. Nothing heavy is loaded before the first
object is shown.

Once ``panel.extension()`` has run in the notebook, executions are shown live instead of as a
picture of the moment. ``view`` gives the live view as a Panel object anywhere.
"""

from __future__ import annotations

import sys
from html import escape
from typing import TYPE_CHECKING, Any

from engine.execution import Execution, ExecutionTask
from engine.explanation import Answer
from engine.models import Workflow, WorkflowDef
from engine.models.display import Bundle, Shown, set_display

from .definition_hints import hints_of
from .words import last_task, short_id

if TYPE_CHECKING:
    from panel.viewable import Viewer


def install() -> None:
    """Draw the engine's objects with the studio from now on. Harmless when repeated."""
    set_display(NotebookDisplay())


class NotebookDisplay:
    """Draws engine objects (``Display`` of ``engine.models.display``)."""

    def bundle(self, thing: Any) -> Shown | None:
        """Representations of an object by media type; None for what it does not know."""
        if isinstance(thing, WorkflowDef):
            return definition_bundle(thing)
        if isinstance(thing, Workflow):
            return workflow_bundle(thing)
        if isinstance(thing, Execution):
            return execution_bundle(thing)
        if isinstance(thing, Answer):
            from .notebook_tables import answer_html

            return {"text/plain": repr(thing), "text/html": answer_html(thing)}
        if isinstance(thing, ExecutionTask):
            from .notebook_tables import task_html

            return {"text/plain": repr(thing), "text/html": task_html(thing)}
        if hasattr(thing, "counts"):
            from .notebook_tables import counts_html

            counts = thing.counts()
            return {"text/plain": counts_words(counts), "text/html": counts_html(counts)}
        return None

    def panel(self, thing: Any) -> Any:
        """A Panel object that shows an object."""
        return view(thing)


def definition_bundle(definition: WorkflowDef) -> Bundle:
    """Picture and text of a workflow definition, by media type; below it what looks mistyped."""
    from .graph.picture import definition_picture

    picture, hints = definition_picture(definition.to_wire()), hints_of(definition)
    lines = [f"{hint['path']}: {hint['message']}" for hint in hints]
    bundle: Bundle = {
        "image/svg+xml": picture,
        "text/plain": "\n  ".join([definition_words(definition), *lines]),
    }
    if lines:  # a notebook shows this one where it can
        items = "".join(f"<li>{escape(line)}</li>" for line in lines)
        bundle["text/html"] = f"{picture}<p>Perhaps mistyped:</p><ul>{items}</ul>"
    return bundle


def workflow_bundle(workflow: Workflow) -> Bundle:
    """Picture of what an execution runs, and how it stands as text."""
    bundle = {"text/plain": workflow_words(workflow)}
    definition = workflow.to_wire().get("workflowDefinition")
    if definition:
        from .graph.picture import definition_picture

        bundle["image/svg+xml"] = definition_picture(definition)
    return bundle


def execution_bundle(execution: Execution) -> Shown:
    """An execution live where Panel is at work, else a picture of how it stands; with text."""
    service = getattr(execution.client, "service", None)
    if service is None:
        return {"text/plain": repr(execution)}
    if _panel_is_at_work():
        live = view(execution)._repr_mimebundle_()
        if live:
            data, metadata = live if isinstance(live, tuple) else (live, {})
            return {**data, "text/plain": repr(execution)}, metadata
    from .execution_feed import ExecutionFeed
    from .graph.picture import execution_picture

    feed = ExecutionFeed(service, execution.workflow_id, "cell")
    try:
        picture = execution_picture(feed.open())
    finally:
        feed.close()
    return {"image/svg+xml": picture, "text/plain": repr(execution)}


def definition_words(definition: WorkflowDef) -> str:
    """One line: ``order_flow version 7, 9 tasks``."""
    wire = definition.to_wire()
    count = len(wire.get("tasks") or ())
    return f"{wire.get('name')} version {wire.get('version', 1)}, {count} task{'s' * (count != 1)}"


def workflow_words(workflow: Workflow) -> str:
    """One line: ``order_flow 7f3a91c2 FAILED in charge_card: amount is negative``."""
    wire = workflow.to_wire()
    words = f"{wire.get('workflowName')} {short_id(wire['workflowId'])} {wire['status']}"
    failed = [task for task in wire.get("tasks") or () if task.get("status", "") in _BAD]
    if failed:
        words += f" in {last_task(failed[0].get('referenceTaskName'))}"
    reason = wire.get("reasonForIncompletion")
    return f"{words}: {reason}" if reason else words


def counts_words(counts: dict[str, int]) -> str:
    """One line: ``Client with 1 FAILED, 3 COMPLETED``."""
    words = [f"{number} {status}" for status, number in sorted(counts.items())]
    return f"Client with {', '.join(words) or 'no executions'}"


def view(thing: Any, client: Any = None) -> Viewer:
    """Return a Panel object that shows a definition, an answer, or an execution live.

    Args:
        thing: A workflow definition, an execution (or the id of one), or an answer.
        client: Whose execution it is, or its engine; needed unless ``thing`` is a handle
            (``engine.execution(…)``).

    Raises:
        TypeError: Nothing of this kind can be shown.
    """
    from .cells import AnswerCell, DefinitionCell, ExecutionCell

    if isinstance(thing, WorkflowDef):
        return DefinitionCell(thing.to_wire())
    if isinstance(thing, Answer | ExecutionTask):
        from .notebook_tables import answer_html, task_html

        return AnswerCell(answer_html(thing) if isinstance(thing, Answer) else task_html(thing))
    if isinstance(thing, Execution):
        return ExecutionCell(_service_of(thing.client), thing.workflow_id)
    if not isinstance(thing, Workflow | str):
        raise TypeError(f"Nothing shows a {type(thing).__name__}.")
    if client is None:
        raise TypeError("An execution is shown through its client: view(workflow, client).")
    workflow_id = thing if isinstance(thing, str) else thing.workflow_id
    return ExecutionCell(_service_of(client), workflow_id)


def _service_of(client: Any) -> Any:
    service = getattr(client, "service", None)
    if service is None:
        raise TypeError("Executions of this client can't be shown live.")
    return service


def _panel_is_at_work() -> bool:
    """Whether ``panel.extension()`` has run; without it live views would stay blank."""
    panel = sys.modules.get("panel")
    return panel is not None and bool(getattr(panel.extension, "_loaded", False))


_BAD = {"FAILED", "FAILED_WITH_TERMINAL_ERROR", "TIMED_OUT"}
