"""Engine objects in a notebook."""

from __future__ import annotations

import json
import subprocess
import sys

import panel as pn
import pytest

from engine import Engine
from engine.explanation import Origin
from engine.functions import FunctionRegistry
from engine.models import Workflow, WorkflowDef
from engine.models.display import set_display
from studio.notebook import (
    NotebookDisplay,
    definition_bundle,
    install,
    workflow_bundle,
    workflow_words,
)

DEFINITION = {
    "name": "order_flow",
    "version": 7,
    "schemaVersion": 2,
    "tasks": [{"name": "price", "taskReferenceName": "price<b>", "type": "SIMPLE"}],
}


def test_definition_shows_as_picture_and_text_and_escapes_what_it_names():
    bundle = definition_bundle(WorkflowDef.from_wire(DEFINITION))
    assert bundle["text/plain"] == "order_flow version 7, 1 task"
    assert bundle["image/svg+xml"].startswith("<svg")
    assert "price<b>" not in bundle["image/svg+xml"]


def test_definition_shows_below_it_what_looks_mistyped():
    slip = {
        **DEFINITION["tasks"][0],
        "inputParameter": {},
        "inputParameters": {"x": "${pr1ce<b>.x}"},
    }
    bundle = definition_bundle(WorkflowDef.from_wire({**DEFINITION, "tasks": [slip]}))
    assert "tasks[0].inputParameter: This key is kept" in bundle["text/plain"]
    assert "Did you mean &#x27;inputParameters&#x27;?" in bundle["text/html"]
    assert "pr1ce<b>" not in bundle["text/html"]
    assert bundle["text/html"].startswith(bundle["image/svg+xml"])


def test_execution_shows_its_state_in_one_line():
    workflow = Workflow.from_wire(
        {
            "workflowId": "7f3a91c2-0000",
            "workflowName": "order_flow",
            "status": "FAILED",
            "reasonForIncompletion": "amount is negative",
            "tasks": [{"referenceTaskName": "charge_card", "status": "FAILED"}],
        }
    )
    words = "order_flow 7f3a91c2 FAILED in charge_card: amount is negative"
    assert workflow_words(workflow) == words
    assert workflow_bundle(workflow) == {"text/plain": words}


def test_ipython_learns_the_types_without_loading_them():
    code = (
        "import sys\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "shell.extension_manager.load_extension('studio')\n"
        "print([m for m in ('panel', 'duckdb', 'quickjs') if m in sys.modules])\n"
        "from engine.models import WorkflowDef\n"
        "one = WorkflowDef.from_wire({'name': 'f', 'tasks': []})\n"
        "print(sorted(shell.display_formatter.format(one)[0]))"
    )
    pytest.importorskip("IPython")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "['image/svg+xml', 'text/plain']"]


def test_answers_show_as_tables_that_escape_what_people_typed():
    hop = {"what": "start form, <b>", "value": "<script>x</script>", "note": "typed by <i>"}
    bundle = NotebookDisplay().bundle(Origin("<u>", [hop]))
    assert bundle["text/plain"].startswith("Where <u> came from")
    assert "&lt;script&gt;" in bundle["text/html"]
    assert not [tag for tag in ("<b>s", "<script", "<i>", "<u>") if tag in bundle["text/html"]]


def test_execution_shows_as_picture_where_panel_is_not_at_work_and_as_view_in_panel():
    with Engine(functions=FunctionRegistry()) as engine:
        engine.client.register_workflow_def(DEFINITION)
        run = engine.execution(engine.start("order_flow"))
        install()
        try:
            bundle = run._repr_mimebundle_()
            client = engine.client._repr_mimebundle_()
            layout = pn.Column(run, WorkflowDef.from_wire(DEFINITION))
        finally:
            set_display(None)
        assert bundle["image/svg+xml"].startswith("<svg")
        assert bundle["text/plain"] == f"order_flow {run.workflow_id[:8]} RUNNING"
        assert client["text/plain"] == "Client with 1 RUNNING"
        assert json.loads(layout[0].opening["text"])["name"] == "order_flow"
        assert layout[1].object.startswith("<svg")
        assert run._repr_mimebundle_() == {"text/plain": repr(run)}


def test_nothing_to_draw_with_says_what_to_do():
    set_display(None)
    with pytest.raises(RuntimeError, match="studio.install"):
        WorkflowDef.from_wire(DEFINITION).__panel__()
