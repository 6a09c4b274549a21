"""Engine objects in a notebook."""

from __future__ import annotations

import subprocess
import sys

import pytest

from engine.models import Workflow, WorkflowDef
from studio.notebook import definition_bundle, workflow_bundle, workflow_words

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
